//! Small rows that this instance wrote: once there are many of a space they are merged in the background.

use alloc::rc::Rc;
use alloc::vec::Vec;

use super::lane::Lane;
use crate::error::Result;
use crate::id::EntryId;
use crate::kv::Atomicity;
use crate::plan::PlannedSpace;
use crate::sorted::SortedMap;
use crate::store::Inner;
use crate::store::packing::Purpose;

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

/// Small rows that this instance wrote, by space.
#[derive(Debug, Default)]
pub(in crate::store) struct SmallRows {
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

impl Inner {
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
            while let Some(next) = self.merge_step(space, lane, Purpose::Storing).await?.next {
                if self.closed.get() {
                    return Ok(());
                }
                lane = next;
            }
        }
        let reached = self.fresh_head(space).await?.last_id;
        let mut lane = Lane::Commits { after };
        while let Some(next) = self.merge_step(space, lane, Purpose::Storing).await?.next {
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
