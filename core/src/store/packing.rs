//! Whether rows are written compressed.

use super::{Compression, Inner};
use crate::layout::Packing;

/// What rows are written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// They are new, or merged in the background.
    Storing,
    /// The caller asked for compaction: compressing is worth its time.
    Compaction,
}

impl Inner {
    /// Whether rows are to be compressed.
    pub(super) fn compresses(&self, purpose: Purpose) -> bool {
        if !cfg!(feature = "compression") {
            return false;
        }
        match self.options.compression {
            Compression::None => false,
            Compression::Always => true,
            Compression::Auto => purpose == Purpose::Compaction || self.host.limits().compress,
        }
    }

    /// Runs `encode` with the packing that the options and the host ask for.
    pub(super) fn with_packing<T>(&self, purpose: Purpose, encode: impl FnOnce(&mut Packing<'_>) -> T) -> T {
        if self.compresses(purpose) {
            encode(&mut Packing::Zstd(&mut self.compressor.borrow_mut()))
        } else {
            encode(&mut Packing::Raw)
        }
    }
}
