//! Merging small rows and compressing, beside readers and writers: each step is a checked commit of
//! its own, and none is part of anybody's append.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use super::abandoned::HEAD_BYTES;
use super::queue::{Job, Patch};
use super::{Inner, Listing, Store};
use crate::error::{Error, ErrorCode, Result};
use crate::id::EntryId;
use crate::kv::{Atomicity, Bytes, Durability, Put, Value};
use crate::layout::block::Block;
use crate::layout::commit::CommitRow;
use crate::layout::space::SpaceHead;
use crate::layout::{block, commit, is_raw};
use crate::name::check_name;
use crate::plan::{MergeGroup, MergeSize, PlannedSpace, plan_merges};
use crate::sorted::SortedMap;

/// Small rows of a space that make a background merge worth its commits.
const WORTH_MERGING: usize = 512;
/// How long nothing small must have been written before they are merged, in milliseconds.
const QUIET: u64 = 100;
/// So many small rows of a space are merged even while writing goes on.
const TOO_MANY: usize = 32 * WORTH_MERGING;
/// Small blocks of one segment that make a background merge of it worth its commits.
const WORTH_MERGING_OF_SEGMENT: usize = 4;
/// Segments whose small blocks are remembered. With more of them all is forgotten, and what was small until then
/// waits for an explicit compaction.
const MOST_REMEMBERED: usize = 20_000;
/// Bytes that one step looks at.
const STEP_BYTES: usize = 2 << 20;
/// Rows that one step looks at.
const STEP_ROWS: usize = 512;
/// Times that the rows of a lane are looked at anew, because there were more small ones than one step takes.
const MOST_PASSES: u32 = 3;
/// Tries of one step against others that merge the same rows.
const TRIES: u32 = 8;

/// What a compaction did. Rows are blocks and commit rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CompactReport {
    /// Rows looked at.
    pub blocks_before: u64,
    /// Rows that there are of them now.
    pub blocks_after: u64,
    /// Their bytes before.
    pub bytes_before: u64,
    /// Their bytes now.
    pub bytes_after: u64,
    /// Rows that could not be read, and were left alone.
    pub damaged: u64,
}

/// Small rows that this instance wrote, by space.
#[derive(Debug, Default)]
pub(crate) struct SmallRows {
    spaces: SortedMap<Rc<str>, SmallOfSpace>,
    remembered: usize,
}

#[derive(Debug)]
struct SmallOfSpace {
    /// The id before the first small commit row.
    after: EntryId,
    /// Small rows since the last merge.
    count: usize,
    /// Per segment: the first sequence in a small block, and how many there are.
    segments: SortedMap<Rc<str>, (u64, usize)>,
    merging: bool,
}

/// Rows whose neighbours may be merged, from some place on: the blocks of a segment, or the commit rows of a space.
#[derive(Debug, Clone)]
enum Lane {
    Blocks { segment: Rc<str>, from: u64 },
    Commits { after: EntryId },
}

enum Content {
    Block(Block),
    Commit(CommitRow),
    Damaged,
}

struct Row {
    key: Bytes,
    stored: usize,
    raw: bool,
    content: Content,
}

/// What a step did of a lane.
struct Step {
    /// From where the lane goes on.
    next: Option<Lane>,
    /// All rows that it looked at became one with room for as much again: it ended only because a step looks at so many
    /// rows, and what it made may be joined with what the next step makes.
    small: bool,
    seen: CompactReport,
}

/// How often the rows of a lane were gone through.
#[derive(Debug, Default)]
struct Passes {
    done: u32,
    /// A step of this pass made rows that another pass may join.
    again: bool,
}

/// A compaction under way. Each step is bounded; between steps nothing is held.
#[derive(Debug)]
pub struct Compactor {
    store: Store,
    only: Option<String>,
    spaces: VecDeque<Rc<str>>,
    listed: Option<Listing>,
    current: Option<(Rc<str>, VecDeque<Lane>)>,
    passes: Passes,
    done: u64,
    total: u64,
    report: CompactReport,
}

impl Store {
    /// A compaction of one space, or of all of them.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for the name; `CLOSED`.
    pub fn compactor(&self, space: Option<String>) -> Result<Compactor> {
        self.inner.check_open()?;
        if let Some(name) = &space {
            check_name("space", name)?;
        }
        Ok(Compactor {
            store: self.clone(),
            listed: Some(Listing { limit: 1024, ..Listing::default() }),
            only: space,
            spaces: VecDeque::new(),
            current: None,
            passes: Passes::default(),
            done: 0,
            total: 0,
            report: CompactReport::default(),
        })
    }
}

impl Compactor {
    /// Does a bounded piece of the work; `false` when there is none left.
    ///
    /// # Errors
    /// `UNAVAILABLE` when the host fails; what was merged stays merged.
    pub async fn step(&mut self) -> Result<bool> {
        self.store.inner.check_open()?;
        if let Some(listing) = self.listed.take() {
            self.list(listing).await?;
            return Ok(true);
        }
        let Some((space, mut lanes)) = self.current.take() else {
            return self.next_space().await;
        };
        let Some(lane) = lanes.pop_front() else {
            return Ok(true);
        };
        let inner = Rc::clone(&self.store.inner);
        let anew = lane.anew();
        let passed = lane.sequence();
        let step = match inner.merge_step(&space, lane, true).await {
            Ok(step) => step,
            Err(error) => {
                // The rest of the space is left as it is.
                self.passes = Passes::default();
                return Err(error);
            }
        };
        let first = self.passes.done == 0;
        self.report.add(step.seen, first);
        self.passes.again |= step.small;
        match step.next {
            Some(lane) => {
                if first {
                    self.done += lane.sequence().saturating_sub(passed);
                }
                lanes.push_front(lane);
            }
            None if self.passes.again && self.passes.done < MOST_PASSES => {
                self.passes = Passes { done: self.passes.done + 1, again: false };
                lanes.push_front(anew);
            }
            None => self.passes = Passes::default(),
        }
        if lanes.is_empty() {
            self.done = self.done.min(self.total);
        }
        self.current = Some((space, lanes));
        Ok(true)
    }

    /// Entries passed so far.
    pub fn done(&self) -> u64 {
        self.done.min(self.total)
    }

    /// Entries to pass, once they are known.
    pub fn total(&self) -> Option<u64> {
        self.listed.is_none().then_some(self.total)
    }

    /// What was done so far.
    pub fn report(&self) -> CompactReport {
        self.report
    }

    async fn list(&mut self, mut listing: Listing) -> Result {
        if let Some(name) = &self.only {
            self.spaces.push_back(Rc::from(&**name));
        } else {
            loop {
                let names = self.store.spaces(listing.clone()).await?;
                self.spaces.extend(names.names.iter().map(|name| Rc::from(&**name)));
                if !names.more || names.last.is_none() {
                    break;
                }
                listing.after = names.last;
            }
        }
        for name in &self.spaces {
            let head = self.store.inner.fresh_head(name).await?;
            self.total += head.records - head.trimmed_records;
        }
        Ok(())
    }

    async fn next_space(&mut self) -> Result<bool> {
        let Some(space) = self.spaces.pop_front() else {
            self.done = self.total;
            return Ok(false);
        };
        let inner = &self.store.inner;
        let head = inner.fresh_head(&space).await?;
        let mut lanes = VecDeque::new();
        if head.is_visible() && inner.host.atomic() != Atomicity::None {
            for segment in inner.all_segments(&space, &head).await? {
                lanes.push_back(Lane::Blocks { segment, from: 1 });
            }
            lanes.push_back(Lane::Commits { after: EntryId::ZERO });
        }
        self.current = Some((space, lanes));
        Ok(true)
    }
}

impl Inner {
    /// Merges what one look at a lane finds.
    async fn merge_step(self: &Rc<Self>, space: &Rc<str>, lane: Lane, explicit: bool) -> Result<Step> {
        let mut unclear = None;
        for attempt in 0..TRIES {
            let head = match self.fresh_head(space).await {
                Ok(head) => head,
                Err(error) => return Err(unclear.unwrap_or(error)),
            };
            if !head.is_visible() {
                return Ok(Step { next: None, small: false, seen: CompactReport::default() });
            }
            let (rows, more) = self.look(space, &lane, &head).await?;
            let compress = self.compresses(explicit);
            let before = core::iter::once(None).chain(rows.iter().map(Some));
            let sizes: Vec<MergeSize> =
                rows.iter().zip(before).map(|(row, before)| row.size(before, compress)).collect();
            let (groups, next) = plan_merges(&sizes, more, &self.sizes);
            let next_lane = more.then(|| lane.after(rows.get(..next).unwrap_or_default(), space)).flatten();
            // All of them became one row, and it has room for as much again.
            let body: usize = sizes.iter().map(|row| row.body).sum();
            let small = more && rows.len() > 1 && next == rows.len() && body < self.sizes.merged_bytes / 2;
            let mut seen = CompactReport::default();
            for row in rows.get(..next).unwrap_or_default() {
                seen.blocks_before += 1;
                seen.blocks_after += 1;
                seen.bytes_before += row.stored as u64;
                seen.bytes_after += row.stored as u64;
                seen.damaged += u64::from(matches!(row.content, Content::Damaged));
            }
            match self.merge_groups(space, &rows, &groups, head.layout, explicit, &mut seen).await {
                Ok(()) => return Ok(Step { next: next_lane, small, seen }),
                // Nobody knows whether it merged: look again, but not for ever where the host does not answer.
                Err(error) if error.may_have_applied() && unclear.is_none() => unclear = Some(error),
                Err(error) if error.may_have_applied() => return Err(error),
                // Somebody else merged here meanwhile.
                Err(error) if error.code() == ErrorCode::Conflict => {}
                Err(error) => return Err(unclear.unwrap_or(error)),
            }
            self.pause(attempt).await;
        }
        let conflict = || Error::new(ErrorCode::Conflict, "compaction: others kept merging the same rows");
        Err(unclear.unwrap_or_else(conflict))
    }

    async fn look(&self, space: &str, lane: &Lane, head: &SpaceHead) -> Result<(Vec<Row>, bool)> {
        let range = match lane {
            Lane::Blocks { segment, from } => block::range(space, segment, *from),
            Lane::Commits { after } => commit::range(space, *after, head.last_id),
        };
        let half = self.sizes.batch_bytes / 2;
        // One commit may have to name all of them.
        let nameable = half.saturating_sub(HEAD_BYTES) / range.start.len().max(1);
        let limit = STEP_ROWS.min(self.sizes.batch_ops.saturating_sub(4)).min(nameable).max(2);
        let max_bytes = STEP_BYTES.max(2 * self.sizes.row_bytes).min(half);
        let (rows, rest) = self.host.rows(range, limit, max_bytes).await?;
        let decode = |(key, value): (Bytes, Value)| {
            let (stored, raw) = (value.len(), is_raw(&value));
            let content = match lane {
                Lane::Blocks { segment, .. } => block::last_sequence(&key, space, segment)
                    .and_then(|last| block::decode(value, last).ok())
                    .map(Content::Block),
                Lane::Commits { .. } => commit::last_id(&key, space)
                    .and_then(|last| commit::decode(value, last).ok())
                    .map(Content::Commit),
            };
            Row { key, stored, raw, content: content.unwrap_or(Content::Damaged) }
        };
        Ok((rows.into_iter().map(decode).collect(), rest.is_some()))
    }

    /// Hands over the groups in as few commits as they fit.
    async fn merge_groups(
        self: &Rc<Self>,
        space: &Rc<str>,
        rows: &[Row],
        groups: &[MergeGroup],
        mut layout: u64,
        explicit: bool,
        seen: &mut CompactReport,
    ) -> Result {
        let mut puts: Vec<Put> = Vec::new();
        let mut deletes: Vec<Bytes> = Vec::new();
        let mut bytes = 0;
        for group in groups {
            let members = rows.get(group.start..group.end).unwrap_or_default();
            let Some((last, replaced)) = members.split_last() else {
                continue;
            };
            let value = self.merge_rows(members, explicit)?;
            let before: usize = members.iter().map(|row| row.stored).sum();
            if replaced.is_empty() && value.len() >= before {
                continue;
            }
            let cost = value.len() + members.iter().map(|row| row.key.len()).sum::<usize>();
            let full = puts.len() + deletes.len() + members.len() + 4 > self.sizes.batch_ops
                || bytes + cost + HEAD_BYTES > self.sizes.shared_bytes;
            if full && !puts.is_empty() {
                let (puts, deletes) = (core::mem::take(&mut puts), core::mem::take(&mut deletes));
                self.replace_rows(space, puts, deletes, layout).await?;
                layout += 1;
                bytes = 0;
            }
            bytes += cost;
            seen.blocks_after -= replaced.len() as u64;
            seen.bytes_after = seen.bytes_after + value.len() as u64 - before as u64;
            puts.push(Put { key: last.key.clone(), value });
            deletes.extend(replaced.iter().map(|row| row.key.clone()));
        }
        if puts.is_empty() {
            return Ok(());
        }
        self.replace_rows(space, puts, deletes, layout).await
    }

    fn merge_rows(&self, members: &[Row], explicit: bool) -> Result<Vec<u8>> {
        let mut runs = Vec::new();
        let mut merged: Option<CommitRow> = None;
        for row in members {
            match &row.content {
                Content::Block(block) => runs.extend_from_slice(&block.runs),
                Content::Commit(row) => match &mut merged {
                    None => merged = Some(row.clone()),
                    Some(merged) => {
                        merged.records = row.records;
                        merged.bytes = row.bytes;
                        merged.items.extend_from_slice(&row.items);
                    }
                },
                Content::Damaged => return Err(Error::corrupt("a damaged row is never merged")),
            }
        }
        self.with_packing(explicit, |packing| match merged {
            Some(row) => row.encode(packing),
            None => block::encode(&runs, packing),
        })
    }

    /// Replaces rows in one checked commit, if nobody moved rows of the space since they were read:
    /// a row that another merge made larger must not be replaced by what it was made of.
    async fn replace_rows(
        self: &Rc<Self>,
        space: &Rc<str>,
        puts: Vec<Put>,
        deletes: Vec<Bytes>,
        layout: u64,
    ) -> Result {
        let edit = move |head: &mut SpaceHead| {
            if head.layout != layout || !head.is_visible() {
                return Err(Error::new(ErrorCode::Conflict, "the rows were moved meanwhile"));
            }
            head.layout = layout + 1;
            Ok(())
        };
        let patch = Patch {
            space: Rc::clone(space),
            edit: Box::new(edit),
            puts,
            deletes,
            durability: Durability::Relaxed,
        };
        self.submit(Job::Patch(patch), 0).await.map(drop)
    }

    /// Remembers the small rows of a commit, and merges in the background once there are many.
    pub(crate) fn note_small_rows(self: &Rc<Self>, planned: &PlannedSpace) {
        if !self.options.auto_compact || self.host.atomic() == Atomicity::None {
            return;
        }
        let mut small = self.small.borrow_mut();
        if small.remembered > MOST_REMEMBERED {
            *small = SmallRows::default();
        }
        let before = planned.before;
        let known = small.spaces.get_or_insert_with(Rc::clone(&planned.space), || SmallOfSpace {
            after: before,
            count: 0,
            segments: SortedMap::new(),
            merging: false,
        });
        known.count += planned.small_rows;
        let mut added = 0;
        for (segment, first) in &planned.firsts {
            let noted = |(from, count): (u64, usize)| (from.min(*first), count + 1);
            match known.segments.get_mut(segment) {
                Some(entry) => *entry = noted(*entry),
                None => {
                    known.segments.insert(Rc::clone(segment), (*first, 1));
                    added += 1;
                }
            }
        }
        let start = known.count >= WORTH_MERGING && !known.merging;
        if start {
            known.merging = true;
        }
        small.remembered += added;
        drop(small);
        if start {
            let inner = Rc::clone(self);
            let space = Rc::clone(&planned.space);
            self.spawn(async move { inner.merge_when_quiet(space).await });
        }
    }

    /// Merging while a burst of writes goes on would slow the burst; it waits for a pause, or until
    /// there is too much to merge.
    async fn merge_when_quiet(self: Rc<Self>, space: Rc<str>) {
        let waiting = |inner: &Self| {
            let small = inner.small.borrow();
            small.spaces.get(&space).map_or(0, |known| known.count)
        };
        let mut before = waiting(&self);
        loop {
            self.env.timer.sleep(QUIET).await;
            let now = waiting(&self);
            if now == before || now >= TOO_MANY || self.closed.get() {
                break;
            }
            before = now;
        }
        let inner = Rc::clone(&self);
        self.spawn_background(async move {
            // What fails here is tried again with the next small rows.
            if !inner.closed.get() {
                let _ = inner.merge_small(&space).await;
            }
            if let Some(known) = inner.small.borrow_mut().spaces.get_mut(&space) {
                known.merging = false;
            }
        });
    }

    async fn merge_small(self: &Rc<Self>, space: &Rc<str>) -> Result {
        let (after, segments) = {
            let mut small = self.small.borrow_mut();
            let Some(known) = small.spaces.get_mut(space) else {
                return Ok(());
            };
            known.count = 0;
            let many = |count: usize| count >= WORTH_MERGING_OF_SEGMENT;
            let segments = core::mem::take(&mut known.segments);
            let (due, wait): (Vec<_>, Vec<_>) =
                segments.into_iter().partition(|(_, (_, count))| many(*count));
            known.segments = wait.into_iter().collect();
            let after = known.after;
            small.remembered = small.remembered.saturating_sub(due.len());
            (after, due)
        };
        for (segment, (from, _)) in segments {
            let mut lane = Lane::Blocks { segment: Rc::clone(&segment), from };
            while let Some(next) = self.merge_step(space, lane, false).await?.next {
                if self.closed.get() {
                    return Ok(());
                }
                lane = next;
            }
        }
        let reached = self.fresh_head(space).await?.last_id;
        let mut lane = Lane::Commits { after };
        while let Some(next) = self.merge_step(space, lane, false).await?.next {
            if self.closed.get() {
                return Ok(());
            }
            lane = next;
        }
        if let Some(known) = self.small.borrow_mut().spaces.get_mut(space) {
            known.after = reached;
        }
        Ok(())
    }
}

impl Row {
    fn size(&self, before: Option<&Self>, compress: bool) -> MergeSize {
        let (body, damaged) = match &self.content {
            Content::Block(block) => (block.body_len(), false),
            Content::Commit(row) => (row.body_len(), false),
            Content::Damaged => (0, true),
        };
        let apart = before.is_some_and(|before| !self.follows(before));
        MergeSize { body, rewrite: compress && self.raw, damaged, apart }
    }

    /// Whether nothing is missing between the row before and this one.
    fn follows(&self, before: &Self) -> bool {
        match (&before.content, &self.content) {
            (Content::Block(before), Content::Block(row)) => before.last_sequence + 1 == row.first_sequence,
            (Content::Commit(before), Content::Commit(row)) => before.last_id() == Some(row.previous),
            _ => false,
        }
    }
}

impl CompactReport {
    /// Adds what a step saw; in a pass after the first, of rows that were counted before, only what it changed.
    fn add(&mut self, seen: Self, first: bool) {
        if first {
            self.blocks_before += seen.blocks_before;
            self.blocks_after += seen.blocks_after;
            self.bytes_before += seen.bytes_before;
            self.bytes_after += seen.bytes_after;
            self.damaged += seen.damaged;
        } else {
            self.blocks_after = self.blocks_after.saturating_sub(seen.blocks_before - seen.blocks_after);
            self.bytes_after = (self.bytes_after + seen.bytes_after).saturating_sub(seen.bytes_before);
        }
    }
}

impl Lane {
    /// The lane from its beginning.
    fn anew(&self) -> Self {
        match self {
            Self::Blocks { segment, .. } => Self::Blocks { segment: Rc::clone(segment), from: 1 },
            Self::Commits { .. } => Self::Commits { after: EntryId::ZERO },
        }
    }

    /// The sequence that it goes on from.
    fn sequence(&self) -> u64 {
        match self {
            Self::Blocks { from, .. } => *from,
            Self::Commits { .. } => 0,
        }
    }

    /// The lane behind these rows of it.
    fn after(&self, rows: &[Row], space: &str) -> Option<Self> {
        let last = rows.last()?;
        match self {
            Self::Blocks { segment, .. } => {
                let from = block::last_sequence(&last.key, space, segment)? + 1;
                Some(Self::Blocks { segment: Rc::clone(segment), from })
            }
            Self::Commits { .. } => {
                let after = commit::last_id(&last.key, space)?;
                Some(Self::Commits { after })
            }
        }
    }
}
