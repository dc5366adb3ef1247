//! Reading a segment in sequence order.

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use super::super::{Call, Inner, Part, Row, Store};
use super::page::{Filling, Page, Tier, USUAL_BYTES, USUAL_ENTRIES, place};
use crate::error::{Error, Result};
use crate::id::EntryId;
use crate::kv::Atomicity;
use crate::layout::block::Block;
use crate::layout::segment::SegmentHead;
use crate::layout::space::SpaceHead;
use crate::layout::stream::StreamMeta;
use crate::layout::{Run, Voids, block, commit, segment};
use crate::name::check_name;

/// Most rows that one page looks at.
const MOST_ROWS: usize = 1024;
/// Commit rows that are looked through at once where a gap has to be explained, and their bytes.
const COMMIT_ROWS: usize = 256;
const COMMIT_BYTES: usize = 256 << 10;

/// What to read of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentRead {
    /// The space.
    pub space: String,
    /// The segment.
    pub segment: String,
    /// The first sequence wanted; 0 and 1 are the beginning.
    pub from: u64,
    /// The last sequence wanted.
    pub max_sequence: Option<u64>,
    /// The earliest milliseconds wanted.
    pub min_timestamp: Option<u64>,
    /// The latest milliseconds wanted.
    pub max_timestamp: Option<u64>,
    /// Most entries of the page; at least 1.
    pub max_entries: u64,
    /// Most bytes of entries, give or take one block.
    pub max_bytes: usize,
}

impl SegmentRead {
    /// All of a segment from its beginning, in pages of about 1 MiB.
    pub fn new(space: impl Into<String>, segment: impl Into<String>) -> Self {
        Self {
            space: space.into(),
            segment: segment.into(),
            from: 1,
            max_sequence: None,
            min_timestamp: None,
            max_timestamp: None,
            max_entries: USUAL_ENTRIES,
            max_bytes: USUAL_BYTES,
        }
    }
}

impl Store {
    /// One page of a segment, in sequence order. [`Page::next_sequence`] is where the next one begins.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for names and bounds; `CORRUPT` when a block is damaged, with its key;
    /// `UNAVAILABLE` when the host fails.
    pub async fn read_segment(&self, read: SegmentRead) -> Result<Page> {
        self.inner.check_open()?;
        check_name("space", &read.space)?;
        check_name("segment", &read.segment)?;
        if read.max_sequence.is_some_and(|most| most < read.from) {
            return Err(Error::invalid("minSequence: must not be above maxSequence"));
        }
        check_times(read.min_timestamp, read.max_timestamp)?;
        self.inner.read_segment(read).await
    }
}

pub(super) fn check_times(min: Option<u64>, max: Option<u64>) -> Result {
    if let (Some(min), Some(max)) = (min, max)
        && min > max
    {
        return Err(Error::invalid("minTimestamp: must not be above maxTimestamp"));
    }
    Ok(())
}

impl Inner {
    pub(crate) async fn read_segment(&self, read: SegmentRead) -> Result<Page> {
        let mut from = read.from.max(1);
        // As many bytes as the entries are likely to need.
        let entries = read.max_sequence.map_or(u64::MAX, |most| most.saturating_sub(from) + 1);
        let entries = entries.min(read.max_entries);
        let likely = || self.block_size.get().holding(entries).min(read.max_bytes);
        // Not where a committed transaction may be there without its rows, or what no head will ever show: the head
        // tells.
        let at_once = self.host.is_exact()
            && self.host.atomic() == Atomicity::Store
            && read.min_timestamp.is_none()
            && self.settled.borrow().has(&read.space);
        let (head, mut first) = if at_once {
            let range = block::range(&read.space, &read.segment, from);
            let (head, rows) = self.head_and_rows(&read.space, range, (MOST_ROWS, likely())).await?;
            (head, Some(rows))
        } else {
            (self.fresh_head(&read.space).await?, None)
        };
        let mut filling = Filling::new(read.max_entries, read.max_bytes, (from, 0));
        filling.page.stream = StreamMeta::is_stream_at(&head);
        // Whatever is appended from now on is later than all that is committed.
        let is_whole = self.host.is_consistent() && !head.importing;
        let beyond = is_whole && read.max_timestamp.is_some_and(|most| head.last_id.ms > most);
        if !head.is_visible() {
            // Of a deleted stream nothing comes again below what it had.
            let passed = match read.max_sequence {
                Some(most) if is_whole => {
                    self.fresh_segment(&read.space, &read.segment).await?.1.last_sequence >= most
                }
                _ => false,
            };
            return Ok(filling.end(beyond || passed));
        }
        self.settled.borrow_mut().add(&read.space);
        let end = if self.host.atomic() == Atomicity::None {
            // Blocks above the head are leftovers of a writer that stopped: they go before their
            // sequences are given out again, so the head is read before the blocks.
            self.fresh_segment(&read.space, &read.segment).await?.1.last_sequence
        } else {
            u64::MAX
        };
        if from > end {
            return Ok(filling.end(beyond));
        }
        // More bytes where what is wanted may lie further on, behind what is too old or trimmed: then the first blocks
        // may reach it, and need no search.
        let mut may_search = match read.min_timestamp {
            Some(_) => !self.finds_times(),
            None => from == 1 && head.trimmed > EntryId::ZERO,
        };
        if may_search {
            first = None;
        }
        let mut earliest = read.min_timestamp;
        let mut may_be_trimmed = self.host.is_consistent();
        let (blocks, more) = loop {
            let may_be_older = first.is_some();
            let bytes = if may_search { read.max_bytes } else { likely() };
            let (blocks, more) =
                self.blocks_upto(&read, (from, end), first.take().transpose()?, bytes, &head.voids).await?;
            if !more {
                let is_bounded = read.max_sequence.is_some() && head.trimmed > EntryId::ZERO;
                if may_be_older && (beyond || blocks.is_empty() && is_bounded) {
                    // That a bound is reached is concluded from the head: rows must not lack what it counts.
                    continue;
                }
                break (blocks, more);
            }
            if let Some(min) = earliest.take()
                && blocks.iter().all(|one| ends_before(one, min))
            {
                from = self.search_time(&read, &blocks, min, &head).await?.max(from);
            } else if may_be_trimmed && blocks.iter().all(|one| is_trimmed(one, head.trimmed)) {
                from = self.search_untrimmed(&read, &head).await?.max(from);
                filling.page.next = (from, 0);
                may_be_trimmed = false;
            } else {
                break (blocks, more);
            }
            may_search = false;
        };
        if read.max_sequence.is_some_and(|most| from > most) {
            return Ok(filling.end(true));
        }
        if let Some(most) = read.max_sequence
            && blocks.is_empty()
            && head.trimmed > EntryId::ZERO
            && self.host.is_consistent()
        {
            // All that was there may be trimmed.
            let (now, state) = self.fresh_segment(&read.space, &read.segment).await?;
            return Ok(filling.end(beyond || (now.last_id == head.last_id && state.last_sequence >= most)));
        }
        let segment: Rc<str> = Rc::from(&*read.segment);
        let bounds = Bounds { read: &read, head: &head, end };
        let mut expected = from;
        let mut passed = None;
        for found in blocks {
            if found.first_sequence > expected
                && !self.is_gap_fine(&read, &head, &found, expected, passed).await?
            {
                if !self.host.is_consistent() {
                    // Not visible yet: what follows is shown once it can be shown in order.
                    filling.page.tail = true;
                    return Ok(filling.page);
                }
                let key = block::key(&read.space, &read.segment, found.last_sequence);
                return Err(Error::corrupt(alloc::format!(
                    "block: sequence {expected} of {} is missing before it",
                    place(&read.space, &read.segment)
                ))
                .at_key(&key));
            }
            for run in &found.runs {
                passed = Some(run.last_id());
                if show_run(&mut filling, &mut expected, run, &segment, &bounds)? {
                    return Ok(filling.page);
                }
            }
        }
        Ok(if more { filling.page } else { filling.end(beyond) })
    }

    /// The sequence to read on from where all blocks at hand end before a time: that of the first entry of then, or
    /// of an earlier one in the same block.
    async fn search_time(
        &self,
        read: &SegmentRead,
        seen: &[Block],
        min: u64,
        head: &SpaceHead,
    ) -> Result<u64> {
        #[cfg(feature = "every-host")]
        {
            let place = (&*read.space, &*read.segment);
            let named = self.sequence_after(place, EntryId::new(min, 0).before(), head).await?;
            if let Some(named) = named {
                return Ok(named);
            }
        }
        self.seek(read, seen, min, &head.voids).await
    }

    /// The first sequence above the trim bound; nothing of what lies before it is read.
    async fn search_untrimmed(&self, read: &SegmentRead, head: &SpaceHead) -> Result<u64> {
        let (_, state) = self.fresh_segment(&read.space, &read.segment).await?;
        let last = state.last_sequence;
        let (_, found) =
            self.block_after(&read.space, &read.segment, last, head.trimmed, &head.voids).await?;
        Ok(found.map_or(last + 1, |found| found.first_sequence))
    }

    /// So many bytes of blocks for a page, from the one that holds `from` on. `end`: the last sequence, where the
    /// caller knows it, else `u64::MAX`. It bounds the range for hosts to which passing over what stands behind is
    /// dear. `first`: as of [`Inner::scan_blocks`].
    fn blocks_upto<'c>(
        &'c self,
        read: &'c SegmentRead,
        (from, end): (u64, u64),
        first: Option<Part<Row>>,
        bytes: usize,
        voids: &'c Voids,
    ) -> Call<'c, (Vec<Block>, bool)> {
        let range = if end == u64::MAX {
            block::range(&read.space, &read.segment, from)
        } else {
            block::range_upto(&read.space, &read.segment, from, end)
        };
        self.scan_blocks(range, first, (&read.space, &read.segment), (MOST_ROWS, bytes), voids)
    }

    /// Whether the entries that are missing before a block are trimmed ones. The bound is read again: it may
    /// have moved between the head's reading and the blocks'. `passed`: the id of the entry before them, where
    /// that was seen.
    async fn is_gap_fine(
        &self,
        read: &SegmentRead,
        head: &SpaceHead,
        found: &Block,
        expected: u64,
        passed: Option<EntryId>,
    ) -> Result<bool> {
        let bound = self.fresh_head(&read.space).await?.trimmed.max(head.trimmed);
        if bound == EntryId::ZERO || passed.is_some_and(|id| id >= bound) {
            return Ok(false);
        }
        let Some(first) = found.runs.first() else {
            return Ok(false);
        };
        if first.first_id <= bound {
            return Ok(true);
        }
        if self.host.is_consistent() {
            if passed.is_some() || self.host.atomic() == Atomicity::None {
                return Ok(true);
            }
            // Where what comes before them ends at the bound or above it, nothing after that was trimmed.
            let last = expected.saturating_sub(1);
            let (_, before) =
                self.block_after(&read.space, &read.segment, last, bound.before(), &head.voids).await?;
            return Ok(before.is_none_or(|before| before.last_sequence > last));
        }
        let missing = expected..found.first_sequence;
        self.is_unnamed(read, missing, (bound, first.first_id), &head.voids).await
    }

    /// Whether no commit row between two ids names any of these sequences, on a host that may not show all
    /// rows yet: where the chain of the rows has a gap, nobody can say.
    async fn is_unnamed(
        &self,
        read: &SegmentRead,
        sequences: Range<u64>,
        (after, before): (EntryId, EntryId),
        voids: &Voids,
    ) -> Result<bool> {
        let mut at = after;
        while at < before {
            let range = commit::range(&read.space, at, EntryId::MAX);
            let (rows, _) = self.commit_rows(range, &read.space, (COMMIT_ROWS, COMMIT_BYTES), voids).await?;
            let start = at;
            for (last, (key, value)) in rows {
                let row = commit::decode(value, last).map_err(|error| error.at_key(&key))?;
                if row.previous > at {
                    return Ok(false);
                }
                let named = row.items.iter().any(|item| {
                    // Of a run that the first id cuts, only what comes after it.
                    let passed =
                        if item.first_id > after { 0 } else { (after.n + 1).saturating_sub(item.first_id.n) };
                    item.last_id() > after
                        && *item.segment == *read.segment
                        && item.first_sequence + passed < sequences.end
                        && item.first_sequence + item.count > sequences.start
                });
                if named {
                    return Ok(false);
                }
                at = last;
                if at >= before {
                    return Ok(true);
                }
            }
            if at == start {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether commit rows tell where a time is, in few calls.
    fn finds_times(&self) -> bool {
        cfg!(feature = "every-host") && self.host.is_consistent()
    }

    /// A sequence whose block is the first that reaches `min`, by halving: timestamps never go down
    /// along a segment.
    async fn seek(&self, read: &SegmentRead, seen: &[Block], min: u64, voids: &Voids) -> Result<u64> {
        let key = segment::key(&read.space, &read.segment);
        let Some(row) = self.host.get_one(key.clone()).await? else {
            return Ok(read.from.max(1));
        };
        let head = SegmentHead::decode(&row).map_err(|error| error.at_key(&key))?;
        let mut low = seen.last().map_or(read.from, |one| one.last_sequence + 1);
        let mut high = head.last_sequence.max(low);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.next_block(&read.space, &read.segment, middle, voids).await? {
                Some(found) if ends_before(&found, min) => low = found.last_sequence + 1,
                Some(found) => high = found.first_sequence.clamp(low, middle),
                None => high = middle,
            }
        }
        Ok(low)
    }
}

/// What bounds a read of a segment.
struct Bounds<'r> {
    read: &'r SegmentRead,
    head: &'r SpaceHead,
    /// The last sequence that is committed; `u64::MAX` where the head's last id says so well enough.
    end: u64,
}

/// Shows of a run what is wanted of it, and moves `expected`, the next sequence to be shown, past it. Whether the page
/// ends here.
fn show_run(
    filling: &mut Filling,
    expected: &mut u64,
    run: &Run,
    segment: &Rc<str>,
    Bounds { read, head, end }: &Bounds<'_>,
) -> Result<bool> {
    if run.last_sequence() < *expected {
        return Ok(false);
    }
    if run.first_id > head.last_id || run.last_sequence() > *end {
        filling.page.tail = true;
        return Ok(true);
    }
    if read.max_timestamp.is_some_and(|most| run.first_id.ms > most) {
        filling.page.done = true;
        return Ok(true);
    }
    let early = read.min_timestamp.is_some_and(|least| run.first_id.ms < least);
    let skip = expected.saturating_sub(run.first_sequence);
    let take = read
        .max_sequence
        .map_or(u64::MAX, |most| most.saturating_add(1).saturating_sub(run.first_sequence + skip));
    let shown =
        run.slice(skip, take)?.map(|run| run.between(head.trimmed, head.last_id)).transpose()?.flatten();
    if let Some(run) = shown
        && !early
    {
        let Some(run) = run.slice(0, filling.room())? else {
            return Ok(true);
        };
        *expected = run.last_sequence() + 1;
        filling.push(Rc::clone(segment), run, Tier::Warm);
    } else {
        *expected = (*expected).max(run.last_sequence() + 1);
    }
    filling.page.next = (*expected, 0);
    if read.max_sequence.is_some_and(|most| *expected > most) {
        filling.page.done = true;
        return Ok(true);
    }
    Ok(filling.room() == 0)
}

fn is_trimmed(found: &Block, bound: EntryId) -> bool {
    found.runs.last().is_some_and(|run| run.last_id() <= bound)
}

fn ends_before(found: &Block, min: u64) -> bool {
    found.runs.last().is_some_and(|run| run.first_id.ms < min)
}
