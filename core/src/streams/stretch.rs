//! Runs of a stream that follow each other, as its commit rows name them, and the places before and after them.

use alloc::collections::VecDeque;

use super::place::{Cut, Goal};
use crate::error::{Error, Result};
use crate::id::EntryId;
use crate::layout::commit::{CommitRow, Item};

/// Runs that are remembered of one stream.
const MOST_RUNS: usize = 256;

#[derive(Debug)]
pub(super) struct Stretch {
    pub(super) start: Cut,
    pub(super) items: VecDeque<Item>,
    pub(super) end: Cut,
}

impl Stretch {
    /// The runs of a commit row that ends with an id.
    pub(super) fn of(row: CommitRow, last: EntryId) -> Result<Self> {
        let records: u64 = row.items.iter().map(|item| item.count).sum();
        let bytes = row.items.iter().fold(0_u64, |sum, item| sum.saturating_add(item.logical));
        let (Some(records), Some(bytes)) = (row.records.checked_sub(records), row.bytes.checked_sub(bytes))
        else {
            return Err(Error::corrupt("commit row: its totals are below those of its entries"));
        };
        let start = Cut { bound: row.previous, records, bytes };
        let end = Cut { bound: last, records: row.records, bytes: row.bytes };
        Ok(Self { start, items: row.items.into(), end })
    }

    /// Takes in what begins at its end.
    pub(super) fn append(&mut self, next: Self) {
        self.items.extend(next.items);
        self.end = next.end;
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether it begins at a place or before it, and does not end before it.
    pub(super) fn is_at(&self, bound: EntryId) -> bool {
        self.start.bound <= bound && bound <= self.end.bound
    }

    /// Whether a goal is reached in it, by who comes from a trim bound.
    pub(super) fn covers(&self, bound: EntryId, goal: Goal) -> bool {
        self.is_at(bound)
            && match goal {
                Goal::Before(id) => self.end.bound >= id,
                _ => self.end.reaches(goal),
            }
    }

    /// The first id above a bound, if it is here.
    pub(super) fn first_above(&self, bound: EntryId) -> Option<EntryId> {
        let item = self.items.iter().find(|item| item.last_id() > bound)?;
        Some(item.first_id.max(EntryId { ms: bound.ms, n: bound.n + 1 }))
    }

    /// What is worth remembering for a trim that goes on at a bound: no records, and not too many runs.
    pub(super) fn beyond(mut self, bound: EntryId) -> Self {
        while let Some(item) = self.items.front().filter(|item| item.last_id() <= bound) {
            self.start = self.start.after(item);
            self.items.pop_front();
        }
        if self.items.len() > MOST_RUNS {
            self.items.truncate(MOST_RUNS);
            self.end = self.items.iter().fold(self.start, Cut::after);
        }
        for item in &mut self.items {
            item.inline = None;
        }
        self.items.shrink_to_fit();
        self
    }
}
