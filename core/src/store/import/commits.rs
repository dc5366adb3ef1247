//! Commit rows of an import: the same items as in the space exported, in rows as full as they may be.

use alloc::rc::Rc;
use alloc::vec::Vec;

use crate::codec::Trx;
use crate::error::Result;
use crate::id::EntryId;
use crate::kv::Put;
use crate::layout::commit::{self, CommitRow, Item};
use crate::layout::{RUN_HEADER_BYTES, Run};
use crate::store::Inner;
use crate::store::packing::Purpose;

/// What an item may count, so that it can be written.
const MOST_ENTRIES: u64 = u32::MAX as u64;

/// A run as it was committed; an export may hold it in pieces.
#[derive(Debug)]
struct OpenItem {
    segment: Rc<str>,
    first_sequence: u64,
    count: u64,
    first_id: EntryId,
    trx: Trx,
    logical: u64,
    /// The entries, as long as they are few enough to stand in the commit row.
    entries: Option<Vec<u8>>,
}

impl OpenItem {
    fn is_followed_by(&self, segment: &Rc<str>, run: &Run) -> bool {
        self.segment == *segment
            && self.trx == run.trx
            && self.first_sequence + self.count == run.first_sequence
            && self.first_id.ms == run.first_id.ms
            && self.first_id.n + self.count == run.first_id.n
            && self.count + run.count <= MOST_ENTRIES
    }

    fn close(self) -> Item {
        let inline = self.entries.map(|entries| Run {
            first_sequence: self.first_sequence,
            count: self.count,
            first_id: self.first_id,
            trx: self.trx,
            body: entries.into(),
        });
        Item {
            segment: self.segment,
            first_sequence: self.first_sequence,
            count: self.count,
            first_id: self.first_id,
            logical: self.logical,
            inline,
        }
    }
}

/// The end of the timeline of a space while it is imported.
#[derive(Debug)]
pub(super) struct Timeline {
    open: Option<OpenItem>,
    items: Vec<Item>,
    item_bytes: usize,
    /// The id before the first item.
    previous: EntryId,
    /// Records and logical bytes ever, up to the last item.
    records: u64,
    bytes: u64,
}

impl Timeline {
    /// A timeline that goes on after `previous`, up to where there were so many records and bytes.
    pub(super) fn after(previous: EntryId, records: u64, bytes: u64) -> Self {
        Self { open: None, items: Vec::new(), item_bytes: 0, previous, records, bytes }
    }

    /// Takes the next run.
    pub(super) fn take(
        &mut self,
        inner: &Inner,
        space: &str,
        segment: &Rc<str>,
        run: &Run,
        logical: u64,
        rows: &mut Vec<Put>,
    ) -> Result {
        let follows = self.open.as_ref().is_some_and(|open| open.is_followed_by(segment, run));
        if !follows {
            self.end_item(inner, space, rows)?;
        }
        let open = self.open.get_or_insert_with(|| OpenItem {
            segment: Rc::clone(segment),
            first_sequence: run.first_sequence,
            count: 0,
            first_id: run.first_id,
            trx: run.trx,
            logical: 0,
            entries: Some(Vec::new()),
        });
        open.count += run.count;
        open.logical += logical;
        let most = inner.sizes.inline_bytes;
        if let Some(entries) = &mut open.entries {
            if entries.len() + run.body.bytes().len() + RUN_HEADER_BYTES <= most {
                entries.extend_from_slice(run.body.bytes());
            } else {
                open.entries = None;
            }
        }
        Ok(())
    }

    fn end_item(&mut self, inner: &Inner, space: &str, rows: &mut Vec<Put>) -> Result {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        let item = open.close();
        if self.item_bytes + item.encoded_len() > inner.sizes.merged_bytes {
            self.end_row(inner, space, rows)?;
        }
        self.records += item.count;
        self.bytes += item.logical;
        self.item_bytes += item.encoded_len();
        self.items.push(item);
        Ok(())
    }

    fn end_row(&mut self, inner: &Inner, space: &str, rows: &mut Vec<Put>) -> Result {
        let row = CommitRow {
            previous: self.previous,
            records: self.records,
            bytes: self.bytes,
            items: core::mem::take(&mut self.items),
        };
        let Some(last) = row.last_id() else {
            return Ok(());
        };
        let value = inner.with_packing(Purpose::Storing, |packing| row.encode(packing))?;
        rows.push(Put { key: commit::key(space, last), value });
        self.item_bytes = 0;
        self.previous = last;
        Ok(())
    }

    /// Writes what is left.
    pub(super) fn flush(&mut self, inner: &Inner, space: &str, rows: &mut Vec<Put>) -> Result {
        self.end_item(inner, space, rows)?;
        self.end_row(inner, space, rows)
    }
}
