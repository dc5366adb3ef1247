//! A space while a commit to it is being planned, and the rows that come of it.

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use uuid::Uuid;

use super::{Sizes, pack_blocks, pack_items};
use crate::error::Result;
use crate::id::EntryId;
use crate::kv::{Check, Put};
use crate::layout::commit::{CommitRow, Item};
use crate::layout::segment::SegmentHead;
use crate::layout::space::SpaceHead;
use crate::layout::trx::TrxRow;
use crate::layout::{Packing, Run, block, commit, segment, space, trx};
use crate::sorted::SortedMap;

/// The first entry of a segment that is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FirstEntry {
    pub(crate) sequence: u64,
    pub(crate) id: EntryId,
}

/// A segment's head, and its first entry as it was last known: the trim bound may have passed it since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentState {
    pub(crate) head: SegmentHead,
    /// `None`: the segment holds nothing, or nobody has looked for it.
    pub(crate) first: Option<FirstEntry>,
}

impl SegmentState {
    /// The first entry above a trim bound, if it is known.
    pub(crate) fn first_above(&self, trimmed: EntryId) -> Option<FirstEntry> {
        self.first.filter(|first| first.id > trimmed)
    }

    /// Whether the first entry above a trim bound is known, or that there is none.
    pub(crate) fn is_first_known(&self, trimmed: EntryId) -> bool {
        self.head.last_id <= trimmed || self.first_above(trimmed).is_some()
    }
}

#[derive(Debug)]
pub(super) struct SegmentDraft {
    pub(super) state: SegmentState,
    pub(super) runs: Vec<Run>,
    pub(super) bytes: usize,
}

#[derive(Debug)]
pub(super) struct SpaceDraft {
    pub(super) base: Option<Vec<u8>>,
    pub(super) head: SpaceHead,
    /// The id before the first of this commit.
    pub(super) previous: EntryId,
    pub(super) segments: SortedMap<Rc<str>, SegmentDraft>,
    pub(super) items: Vec<Item>,
    pub(super) item_bytes: usize,
    pub(super) trx_rows: Vec<(Rc<str>, Uuid, TrxRow)>,
}

/// The rows of one space that a plan writes, by kind: the order matters on hosts without atomic
/// commits.
#[derive(Debug)]
pub(crate) struct PlannedSpace {
    pub(crate) space: Rc<str>,
    pub(crate) check: Check,
    pub(crate) blocks: Vec<Put>,
    pub(crate) segments: Vec<Put>,
    pub(crate) trx_rows: Vec<Put>,
    pub(crate) commits: Vec<Put>,
    pub(crate) head_row: Put,
    /// What the cache holds once the commit has applied.
    pub(crate) head: SpaceHead,
    pub(crate) states: Vec<(Rc<str>, SegmentState)>,
    /// Blocks and commit rows that are worth merging with their neighbours.
    pub(crate) small_rows: usize,
    /// The id before the first of this commit.
    pub(crate) before: EntryId,
    /// The first sequence of each segment in this commit.
    pub(crate) firsts: Vec<(Rc<str>, u64)>,
}

impl PlannedSpace {
    /// Every put, the space head last: what it shows is there before it. The commit rows come first: by them what
    /// was left half done is found.
    pub(crate) fn puts(&self) -> impl Iterator<Item = &Put> {
        self.commits
            .iter()
            .chain(&self.blocks)
            .chain(&self.segments)
            .chain(&self.trx_rows)
            .chain([&self.head_row])
    }
}

impl PlannedSpace {
    /// Moves every put out but the space head's, which is copied and comes last: a commit that fails is
    /// planned anew, and what has applied is known by its head.
    pub(crate) fn take_puts(&mut self) -> Vec<Put> {
        let mut puts = core::mem::take(&mut self.blocks);
        puts.append(&mut self.segments);
        puts.append(&mut self.trx_rows);
        puts.append(&mut self.commits);
        puts.push(self.head_row.clone());
        puts
    }
}

impl SpaceDraft {
    pub(super) fn new(base: Option<Vec<u8>>, head: SpaceHead) -> Self {
        Self {
            base,
            previous: head.last_id,
            head,
            segments: SortedMap::new(),
            items: Vec::new(),
            item_bytes: 0,
            trx_rows: Vec::new(),
        }
    }

    /// Turns the draft into rows.
    pub(super) fn finish(
        mut self,
        name: Rc<str>,
        sizes: &Sizes,
        nonce: u64,
        carry: bool,
        packing: &mut Packing<'_>,
    ) -> Result<PlannedSpace> {
        let mut blocks = Vec::new();
        let mut segments = Vec::new();
        let mut states = Vec::new();
        let mut firsts = Vec::new();
        for (segment_name, draft) in self.segments.iter() {
            let first = draft.runs.first().map_or(0, |run| run.first_sequence);
            firsts.push((Rc::clone(segment_name), first));
            for runs in pack_blocks(&draft.runs, sizes.row_bytes)? {
                let last = runs.last().map_or(0, Run::last_sequence);
                blocks.push(Put {
                    key: block::key(&name, segment_name, last),
                    value: block::encode(&runs, packing)?,
                });
            }
            if !carry {
                segments
                    .push(Put { key: segment::key(&name, segment_name), value: draft.state.head.encode() });
            }
            states.push((Rc::clone(segment_name), draft.state));
        }
        if carry {
            segments = self.carry(&name);
        }
        let trx_rows = self
            .trx_rows
            .iter()
            .map(|(segment_name, id, row)| Put {
                key: trx::key(&name, segment_name, *id),
                value: row.encode(),
            })
            .collect();
        let commits = self.commit_rows(&name, sizes, packing)?;
        let is_small = |put: &&Put| put.value.len() < sizes.row_bytes / 2;
        let small_rows = blocks.iter().chain(&commits).filter(is_small).count();
        self.head.revision = self.head.revision.wrapping_add(1);
        self.head.nonce = nonce;
        let head_key = space::key(&name);
        Ok(PlannedSpace {
            check: Check { key: head_key.clone(), value: self.base },
            blocks,
            segments,
            trx_rows,
            commits,
            head_row: Put { key: head_key, value: self.head.encode() },
            head: self.head,
            states,
            before: self.previous,
            firsts,
            small_rows,
            space: name,
        })
    }

    /// The new head carries the segment heads that this commit makes; those that the last head
    /// carried, and this one does not, become rows now.
    fn carry(&mut self, name: &str) -> Vec<Put> {
        let before = core::mem::take(&mut self.head.carried);
        self.head.carried = self
            .segments
            .iter()
            .map(|(segment_name, draft)| (String::from(&**segment_name), draft.state.head))
            .collect();
        before
            .into_iter()
            .filter(|(carried, _)| !self.segments.contains_key(carried.as_str()))
            .map(|(carried, head)| Put { key: segment::key(name, &carried), value: head.encode() })
            .collect()
    }

    fn commit_rows(&mut self, name: &str, sizes: &Sizes, packing: &mut Packing<'_>) -> Result<Vec<Put>> {
        let mut items = core::mem::take(&mut self.items);
        for item in &mut items {
            let segment = self.segments.get(&item.segment);
            if segment.is_some_and(|segment| segment.bytes > sizes.inline_segment_bytes) {
                item.inline = None;
            }
        }
        let added: u64 = items.iter().map(|item| item.count).sum();
        let added_bytes: u64 = items.iter().map(|item| item.logical).sum();
        let mut records = self.head.records - added;
        let mut bytes = self.head.bytes - added_bytes;
        let mut previous = self.previous;
        let mut puts = Vec::new();
        for items in pack_items(items, sizes) {
            records += items.iter().map(|item| item.count).sum::<u64>();
            bytes += items.iter().map(|item| item.logical).sum::<u64>();
            let row = CommitRow { previous, records, bytes, items };
            previous = row.last_id().unwrap_or(previous);
            puts.push(Put { key: commit::key(name, previous), value: row.encode(packing)? });
        }
        Ok(puts)
    }
}
