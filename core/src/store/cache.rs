//! The heads that this instance knows. Only commits and loads fill it; a commit that fails its check
//! empties the space it was about.

use alloc::rc::Rc;
use alloc::vec::Vec;

use crate::error::Result;
use crate::kv::Durability;
use crate::layout::space::SpaceHead;
use crate::plan::SegmentState;
use crate::sorted::{SortedMap, SortedSet};

/// Past so many heads of spaces and segments the cache starts over: it holds what is hot, not what exists.
const MOST_HEADS: usize = 65_536;

/// A space's head, and the segments that were seen under it.
#[derive(Debug)]
pub(crate) struct CachedSpace {
    /// The head as stored, byte for byte: what a commit checks. `None`: there is none.
    pub(crate) base: Option<Vec<u8>>,
    /// What it says.
    pub(crate) head: SpaceHead,
    pub(crate) segments: SortedMap<Rc<str>, SegmentState>,
    /// How many flushes had begun when the head was taken in; `None`: it was committed strictly.
    since: Option<u64>,
}

/// The heads that this instance knows.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    spaces: SortedMap<Rc<str>, CachedSpace>,
    heads: usize,
    /// Flushes that were begun, each with everything that had been taken in before.
    begun: u64,
    /// The last one of them that succeeded.
    flushed: u64,
}

impl Cache {
    pub(crate) fn space(&self, space: &str) -> Option<&CachedSpace> {
        self.spaces.get(space)
    }

    pub(crate) fn segment(&self, space: &str, segment: &str) -> Option<&SegmentState> {
        self.spaces.get(space)?.segments.get(segment)
    }

    /// Takes in a head that was read. Segments stay known only under the very same head.
    pub(crate) fn put_space(&mut self, space: &Rc<str>, base: Option<Vec<u8>>) -> Result {
        if let Some(known) = self.spaces.get(space)
            && known.base == base
        {
            return Ok(());
        }
        let head = match &base {
            Some(row) => {
                SpaceHead::decode(row).map_err(|error| error.at_key(&crate::layout::space::key(space)))?
            }
            None => SpaceHead::EMPTY,
        };
        self.forget(space);
        self.heads += 1;
        let known = CachedSpace { base, head, segments: SortedMap::new(), since: Some(self.begun) };
        self.spaces.insert(Rc::clone(space), known);
        Ok(())
    }

    pub(crate) fn put_segment(&mut self, space: &str, segment: &Rc<str>, state: SegmentState) {
        if let Some(known) = self.spaces.get_mut(space)
            && known.segments.insert(Rc::clone(segment), state).is_none()
        {
            self.heads += 1;
        }
    }

    /// Takes in what a commit made.
    pub(crate) fn committed(
        &mut self,
        space: &Rc<str>,
        base: Vec<u8>,
        head: SpaceHead,
        states: Vec<(Rc<str>, SegmentState)>,
        durability: Durability,
    ) {
        let heads = &mut self.heads;
        let known = self.spaces.get_or_insert_with(Rc::clone(space), || {
            *heads += 1;
            CachedSpace { base: None, head: SpaceHead::EMPTY, segments: SortedMap::new(), since: None }
        });
        // What an import left, or wrote, is not what was seen of the segments before it began or ended.
        if known.head.importing != head.importing {
            *heads -= known.segments.len();
            known.segments.clear();
        }
        known.base = Some(base);
        known.head = head;
        known.since = (durability == Durability::Relaxed).then_some(self.begun);
        for (segment, state) in states {
            self.put_segment(space, &segment, state);
        }
    }

    /// Whether a space's head may still be lost with the power.
    pub(crate) fn may_be_lost(&self, space: &str) -> bool {
        self.space(space).is_some_and(|known| known.since.is_some_and(|since| since >= self.flushed))
    }

    /// Everything that is stored is about to be flushed. Gives the number of the flush.
    pub(crate) fn begin_flush(&mut self) -> u64 {
        self.begun += 1;
        self.begun
    }

    /// The flush of that number succeeded.
    pub(crate) fn end_flush(&mut self, number: u64) {
        self.flushed = self.flushed.max(number);
    }

    pub(crate) fn forget(&mut self, space: &str) {
        if let Some(known) = self.spaces.remove(space) {
            self.heads -= known.segments.len() + 1;
        }
    }

    /// Starts over where it has come to hold too much, but for the spaces that commits under way are planned from.
    pub(crate) fn make_room(&mut self, busy: &SortedSet<Rc<str>>) {
        if self.heads <= MOST_HEADS {
            return;
        }
        let mut all = core::mem::take(&mut self.spaces);
        self.heads = 0;
        for name in busy.iter() {
            if let Some(known) = all.remove(&**name) {
                self.heads += known.segments.len() + 1;
                self.spaces.insert(Rc::clone(name), known);
            }
        }
    }
}
