//! Commit rows of a space: a chain whose totals are exact and whose items are in blocks.

use alloc::format;
use alloc::rc::Rc;

use super::blocks::count_between;
use super::space::SpaceCheck;
use crate::codec::measure_entries;
use crate::error::Result;
use crate::id::EntryId;
use crate::kv::Value;
use crate::layout::commit::{self, CommitRow, Item};
use crate::layout::{Run, space};
use crate::store::Inner;

/// What a row adds to a space.
#[derive(Debug, Clone, Copy, Default)]
struct Added {
    records: u64,
    bytes: u64,
    /// The same, without what is trimmed.
    shown_records: u64,
    /// `None`: an entry could not be read.
    shown_bytes: Option<u64>,
}

impl SpaceCheck {
    pub(super) async fn commit_row(&mut self, inner: &Inner, key: &[u8], row: Result<Value>) -> Result {
        let Some(last) = commit::last_id(key, &self.name) else {
            self.problems.damage("a key of no known kind", key);
            return Ok(());
        };
        if self.head.voids.contains(last) {
            return Ok(());
        }
        if last <= self.head.collected && !self.weak {
            self.problems.damage("commit row: it is of what was trimmed and removed before", key);
            return Ok(());
        }
        if last > self.head.last_id {
            // Committed since, or never; the head tells in the end.
            self.note_beyond(last, key);
            return Ok(());
        }
        let row = match row.and_then(|row| commit::decode(row, last)) {
            Ok(row) => row,
            Err(error) => {
                self.problems.error(&error, key);
                self.chain.is_broken = true;
                self.chain.before = None;
                return Ok(());
            }
        };
        let mut added = Added { shown_bytes: Some(0), ..Added::default() };
        for item in &row.items {
            self.item(inner, key, item, &mut added).await?;
        }
        self.link(key, &row, last, &added);
        self.chain.before = Some((last, row.records, row.bytes));
        Ok(())
    }

    /// Compares a row's place and totals with the row before it.
    fn link(&mut self, key: &[u8], row: &CommitRow, last: EntryId, added: &Added) {
        let trimmed = self.head.trimmed;
        let follows = match self.chain.before {
            Some((before, ..)) => row.previous == before,
            None => false,
        };
        if !follows && row.previous > trimmed && !self.chain.is_broken {
            let message = format!("commit row: what was committed before {} is missing", row.previous);
            self.problems.damage(message, key);
            return;
        }
        if let Some((before, ..)) = self.chain.before
            && row.previous < before
        {
            self.problems.damage(format!("commit row: it begins before {before}"), key);
            return;
        }
        let mut right = true;
        if let Some((_, records, bytes)) = self.chain.before.filter(|_| follows) {
            right = row.records == records + added.records && row.bytes == bytes + added.bytes;
        }
        // The row that the trim bound is in, or just before: the totals go on from what is trimmed.
        if row.previous <= trimmed && trimmed < last {
            right &= row.records == self.head.trimmed_records + added.shown_records;
            if let Some(bytes) = added.shown_bytes {
                right &= row.bytes == self.head.trimmed_bytes + bytes;
            }
        }
        if !right {
            self.problems.damage("commit row: its totals are not those of its entries", key);
        }
    }

    /// Finds the entries of an item in blocks.
    async fn item(&mut self, inner: &Inner, key: &[u8], item: &Item, added: &mut Added) -> Result {
        added.records += item.count;
        added.bytes = added.bytes.saturating_add(item.logical);
        let trimmed = self.head.trimmed;
        let shown = count_between(item.first_id, item.count, trimmed, EntryId::MAX);
        added.shown_records += shown;
        if let Some(run) = &item.inline {
            match measure_entries(run.body.bytes(), run.count) {
                Ok(measure) if measure.logical == item.logical => {}
                Ok(_) => self.problems.damage("commit row: a run has other bytes than it says", key),
                Err(error) => self.problems.error(&error, key),
            }
        }
        let Some((segment, known)) = self.segments.get_key_value(&*item.segment) else {
            let message = format!("commit row: \"{}\" has no head", item.segment);
            self.problems.damage(message, key);
            added.shown_bytes = None;
            return Ok(());
        };
        let (segment, broken) = (Rc::clone(segment), known.broken);
        if let Some(known) = self.segments.get_mut(&*item.segment) {
            known.named += shown;
        }
        let skipped = item.count - shown;
        let mut sequence = item.first_sequence + skipped;
        let end = item.first_sequence + item.count;
        let mut logical = 0;
        while sequence < end {
            let found = self.find_block(inner, &segment, sequence).await?;
            let run = found
                .as_ref()
                .and_then(|found| found.runs.iter().find(|run| run.last_sequence() >= sequence));
            let part = match run {
                Some(run) => run.slice(sequence - run.first_sequence, end - sequence)?,
                None => None,
            };
            let Some(part) = part else {
                if !broken {
                    let message = format!("commit row: sequence {sequence} of \"{segment}\" is in no block");
                    self.problems.damage(message, key);
                }
                added.shown_bytes = None;
                return Ok(());
            };
            if let Some(message) = compare(item, &part)? {
                self.problems.damage(message, key);
            }
            logical += measure_entries(part.body.bytes(), part.count).map_or(0, |one| one.logical);
            sequence += part.count;
        }
        if skipped == 0 && logical != item.logical {
            self.problems.damage("commit row: a run has other bytes than it says", key);
        }
        added.shown_bytes = added.shown_bytes.map(|sum| sum + logical);
        Ok(())
    }

    pub(super) fn end_commits(&mut self) {
        let head = &self.head;
        let key = space::key(&self.name);
        if head.last_id > head.trimmed {
            let end = (head.last_id, head.records, head.bytes);
            if self.chain.before != Some(end) && !self.chain.is_broken {
                self.problems.damage("space head: its commit rows do not end where it says", &key);
            }
        } else if (head.records, head.bytes) != (head.trimmed_records, head.trimmed_bytes) {
            self.problems.damage("space head: its totals are not those of its entries", &key);
        }
        self.compare_counts();
    }
}

/// What differs between an item and a part of it as it is in a block.
fn compare(item: &Item, part: &Run) -> Result<Option<&'static str>> {
    let offset = part.first_sequence - item.first_sequence;
    let expected = EntryId { ms: item.first_id.ms, n: item.first_id.n + offset };
    if part.first_id != expected {
        return Ok(Some("commit row: an entry has another id in its block"));
    }
    if let Some(inline) = &item.inline {
        let same = inline
            .slice(offset, part.count)?
            .is_some_and(|inline| inline.trx == part.trx && inline.body.bytes() == part.body.bytes());
        if !same {
            return Ok(Some("commit row: an entry has other content in its block"));
        }
    }
    Ok(None)
}
