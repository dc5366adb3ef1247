//! In the place of Zstandard, in a build without it: nothing is compressed, and what the store reads was expanded before
//! it came here.

use alloc::vec::Vec;

use crate::error::{Error, Result};

/// What compresses nothing.
#[derive(Debug, Default)]
pub struct Compressor;

impl Compressor {
    pub(crate) fn compress(&mut self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

/// What could not be expanded is damaged.
pub(crate) fn decompress(_: &[u8], _: usize, _: usize) -> Result<Vec<u8>> {
    Err(Error::corrupt("zstd: the frame is damaged"))
}
