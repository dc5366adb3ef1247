//! Places in a stream, and what a trim is to reach.

use crate::id::EntryId;
use crate::layout::commit::Item;
use crate::layout::space::SpaceHead;

/// What is to be reached by as few records as may be, counted from the first ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    /// All ids below this one.
    Before(EntryId),
    /// So many records.
    Records(u64),
    /// So many logical bytes.
    Bytes(u64),
}

/// A place between two records, and what there ever was up to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut {
    /// The last id before it.
    pub(super) bound: EntryId,
    pub(super) records: u64,
    pub(super) bytes: u64,
}

impl Cut {
    /// Where a space is trimmed now.
    pub(super) fn of_trimmed(head: &SpaceHead) -> Self {
        Self { bound: head.trimmed, records: head.trimmed_records, bytes: head.trimmed_bytes }
    }

    /// The end of a space.
    pub(super) fn of_end(head: &SpaceHead) -> Self {
        Self { bound: head.last_id, records: head.records, bytes: head.bytes }
    }

    pub(super) fn reaches(&self, goal: Goal) -> bool {
        match goal {
            // The next id is at least the one after the bound.
            Goal::Before(id) => {
                self.bound.n.checked_add(1).is_some_and(|n| EntryId { n, ..self.bound } >= id)
            }
            Goal::Records(records) => self.records >= records,
            Goal::Bytes(bytes) => self.bytes >= bytes,
        }
    }

    /// How far along it is, to guess where a goal lies; nothing for ids.
    pub(super) fn measure(&self, goal: Goal) -> Option<(u64, u64)> {
        match goal {
            Goal::Before(_) => None,
            Goal::Records(records) => Some((self.records, records)),
            Goal::Bytes(bytes) => Some((self.bytes, bytes)),
        }
    }

    /// The place after a whole run.
    pub(super) fn after(self, item: &Item) -> Self {
        Self { bound: item.last_id(), records: self.records + item.count, bytes: self.bytes + item.logical }
    }
}
