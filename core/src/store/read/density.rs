//! How many commit rows a page of a space asks for.

use crate::codec::Crc32c;
use crate::id::EntryId;

/// Rows that are asked for beyond those that are likely to be needed.
const SPARE: u64 = 8;

/// Commit rows that the last page of a space met, and their entries. Only a hint: with too few rows a page is short.
/// So it is one for the page that goes on there, not for who reads elsewhere: rows are of other sizes there.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Density {
    /// The checksum of the space's name.
    space: u32,
    rows: u64,
    entries: u64,
    /// The ids before the last row and at its end.
    row: (EntryId, EntryId),
}

impl Density {
    pub(super) fn of(space: &str) -> Self {
        Self { space: Crc32c::of(space.as_bytes()), ..Self::default() }
    }

    /// Takes in a row of so many entries, between two ids.
    pub(super) fn add(&mut self, entries: u64, row: (EntryId, EntryId)) {
        self.rows += 1;
        self.entries += entries;
        self.row = row;
    }

    /// How many rows are likely to hold so many entries after an id of the space of another; all, where nothing is
    /// known.
    pub(super) fn rows_of(&self, entries: u64, after: EntryId, other: &Self) -> u64 {
        let goes_on = self.space == other.space && self.row.0 <= after && after <= self.row.1;
        if !goes_on || self.entries == 0 {
            return u64::MAX;
        }
        (entries.saturating_mul(self.rows) / self.entries).saturating_add(SPARE)
    }
}
