//! A space of an export that is not asked for.

use crate::codec::Crc32c;
use crate::error::Result;
use crate::store::export::frame::SpaceCounts;

/// A space that is read for its checksums alone.
#[derive(Debug)]
pub(super) struct PassedOver {
    sum: Crc32c,
}

impl PassedOver {
    /// `sum`: that of the frame with which it begins.
    pub(super) fn begin(sum: Crc32c) -> Self {
        Self { sum }
    }

    /// The checksum of its frames so far.
    pub(super) fn sum(&mut self) -> &mut Crc32c {
        &mut self.sum
    }

    /// What there was of it, by the body of its last frame.
    pub(super) fn end(self, body: &[u8]) -> Result<SpaceCounts> {
        SpaceCounts::decode(body, &self.sum)
    }
}
