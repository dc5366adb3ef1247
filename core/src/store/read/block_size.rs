//! How many bytes of blocks a page asks for.

use crate::layout::block::Block;

/// What was met last may be of another segment: few entries are not taken to be smaller.
const LEAST_ENTRY: u64 = 1 << 10;
/// Of many, only so many bytes are asked for on that account: they would be read again where entries are small.
const LEAST_PAGE: u64 = 256 << 10;

/// How large the block was that was met last. Only a hint: with too few bytes a page is short, with too many the host
/// gives rows that the page has no room for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BlockSize {
    bytes: u64,
    entries: u64,
}

impl Default for BlockSize {
    fn default() -> Self {
        Self { bytes: LEAST_ENTRY, entries: 1 }
    }
}

impl BlockSize {
    pub(super) fn of(block: &Block) -> Self {
        Self { bytes: block.body_len() as u64, entries: block.last_sequence - block.first_sequence + 1 }
    }

    /// Bytes of blocks that are likely to hold so many entries, which may begin within a block.
    pub(super) fn holding(self, entries: u64) -> usize {
        // A page of small entries in large blocks is beyond 32 bits on the way.
        let least = entries.saturating_mul(LEAST_ENTRY).min(LEAST_PAGE);
        let likely = (entries.saturating_mul(self.bytes) / self.entries).max(least);
        usize::try_from(likely.saturating_add(likely.min(self.bytes))).unwrap_or(usize::MAX).max(1)
    }
}
