//! How many bytes of compressed rows are asked for.

use crate::codec::Crc32c;
use crate::kv::{Bytes, Value};
use crate::layout::expanded_bytes;

/// The least part of what is wanted that is asked for.
const LEAST: u64 = 64;

/// How large the rows that were met last are as they are stored, and without compression. Only a hint: asked for too
/// few bytes the host gives fewer rows than are wanted, asked for too many it gives some that are read again. So it
/// is one for whoever reads on in that range, not for other segments, whose rows may be compressed otherwise.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Shrinkage {
    /// The checksum of the range's end.
    range: u32,
    stored: u64,
    expanded: u64,
}

impl Shrinkage {
    /// Of the first of some rows, as many as come to so many bytes without compression, and how many these are. All,
    /// where none is compressed: the host knows then how many to give.
    pub(super) fn of(rows: &[(Bytes, Value)], max_bytes: usize, end: &[u8]) -> (usize, Self) {
        let mut seen = Self { range: Crc32c::of(end), ..Self::default() };
        let mut kept = 0;
        for (_, row) in rows {
            if seen.stored < seen.expanded && seen.expanded >= max_bytes as u64 {
                break;
            }
            seen.stored += row.len() as u64;
            seen.expanded += expanded_bytes(row).unwrap_or(row.len()) as u64;
            kept += 1;
        }
        (kept, seen)
    }

    /// What to ask for where so many bytes are wanted of a range up to an end: some more than is likely to be needed.
    pub(super) fn stored_of(self, wanted: usize, end: &[u8]) -> usize {
        if self.stored >= self.expanded || self.range != Crc32c::of(end) {
            return wanted;
        }
        let all = wanted as u64;
        let likely = all.saturating_mul(self.stored) / self.expanded.max(1);
        usize::try_from((likely + likely / 16).clamp(all.div_ceil(LEAST), all)).unwrap_or(wanted)
    }
}
