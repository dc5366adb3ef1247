//! How many commit rows a page of a space asks for.

use crate::codec::Crc32c;

/// Rows that are asked for beyond those that are likely to be needed.
const SPARE: u64 = 8;

/// Commit rows that the last read of a space met, and their entries. Only a hint: with too few rows a page is short.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Density {
    /// The checksum of the space's name.
    space: u32,
    rows: u64,
    entries: u64,
}

impl Density {
    pub(super) fn of(space: &str) -> Self {
        Self { space: Crc32c::of(space.as_bytes()), rows: 0, entries: 0 }
    }

    /// Takes in a row of so many entries.
    pub(super) fn add(&mut self, entries: u64) {
        self.rows += 1;
        self.entries += entries;
    }

    /// How many rows are likely to hold so many entries of the space of another; all, where nothing is known.
    pub(super) fn rows_of(&self, entries: u64, other: &Self) -> u64 {
        if self.space != other.space || self.entries == 0 {
            return u64::MAX;
        }
        (entries.saturating_mul(self.rows) / self.entries).saturating_add(SPARE)
    }
}
