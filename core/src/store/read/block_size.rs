//! How many bytes of blocks a page asks for.

use crate::layout::block::Block;

/// How large the block was that was met last. Only a hint: with too few bytes a page is short, with too many the host
/// gives rows that the page has no room for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BlockSize {
    bytes: usize,
    entries: usize,
}

impl Default for BlockSize {
    /// Before any was met: entries of a kibibyte.
    fn default() -> Self {
        Self { bytes: 1 << 10, entries: 1 }
    }
}

impl BlockSize {
    pub(super) fn of(block: &Block) -> Self {
        let entries = usize::try_from(block.last_sequence - block.first_sequence).unwrap_or(usize::MAX);
        Self { bytes: block.body_len(), entries: entries.saturating_add(1) }
    }

    /// Bytes of blocks that are likely to hold so many entries, which may begin within a block.
    pub(super) fn holding(self, entries: u64) -> usize {
        let entries = usize::try_from(entries).unwrap_or(usize::MAX);
        let likely = entries.saturating_mul(self.bytes) / self.entries;
        likely.saturating_add(likely.min(self.bytes)).max(1)
    }
}
