//! What an instance remembers of streams between calls. Of what was committed nothing changes, so none of it goes
//! stale: the first record above a bound stays that, and so do the runs that follow a place.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::any::Any;
use core::cell::RefCell;

use futures_channel::oneshot;

use super::stretch::Stretch;
use crate::error::Result;
use crate::id::EntryId;
use crate::kv::Atomicity;
use crate::layout::space::SpaceHead;
use crate::sorted::SortedMap;
use crate::store::Inner;

/// Streams whose first record is remembered; past that it starts over.
const MOST_FIRSTS: usize = 10_000;
/// Runs that are remembered of all streams together; past that it starts over.
const MOST_RUNS: usize = 16_384;

#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Streams whose retention is being applied, and who waits for the end of that.
    retaining: SortedMap<Rc<str>, Vec<oneshot::Sender<()>>>,
    /// Bounds, and the first record above each.
    firsts: SortedMap<Rc<str>, (EntryId, EntryId)>,
    stretches: SortedMap<Rc<str>, Stretch>,
    runs: usize,
}

impl Memory {
    /// Begins to apply a stream's retention, where nobody does it yet; else gives the end of that.
    pub(super) fn begin_retaining(&mut self, name: &Rc<str>) -> Option<oneshot::Receiver<()>> {
        let Some(waiting) = self.retaining.get_mut(name) else {
            self.retaining.insert(Rc::clone(name), Vec::new());
            return None;
        };
        let (sender, done) = oneshot::channel();
        waiting.push(sender);
        Some(done)
    }

    pub(super) fn end_retaining(&mut self, name: &str) {
        for waiting in self.retaining.remove(name).into_iter().flatten() {
            let _ = waiting.send(());
        }
    }

    /// The first record above a bound, if it is known.
    pub(super) fn first(&self, name: &str, bound: EntryId) -> Option<EntryId> {
        self.firsts.get(name).filter(|(known, _)| *known == bound).map(|(_, first)| *first)
    }

    pub(super) fn note_first(&mut self, name: &str, bound: EntryId, first: EntryId) {
        match self.firsts.get_mut(name) {
            Some(known) => *known = (bound, first),
            None => {
                if self.firsts.len() >= MOST_FIRSTS {
                    self.firsts.clear();
                }
                self.firsts.insert(Rc::from(name), (bound, first));
            }
        }
    }

    /// The runs that are remembered of a stream; whoever takes them puts them back.
    pub(super) fn take_stretch(&mut self, name: &str) -> Option<Stretch> {
        let stretch = self.stretches.remove(name)?;
        self.runs -= stretch.len();
        Some(stretch)
    }

    pub(super) fn put_stretch(&mut self, name: &Rc<str>, stretch: Stretch) {
        self.take_stretch(name);
        if self.runs + stretch.len() > MOST_RUNS {
            self.stretches.clear();
            self.runs = 0;
        }
        self.runs += stretch.len();
        self.stretches.insert(Rc::clone(name), stretch);
    }
}

impl Inner {
    /// What is remembered of streams. The store holds it as something it knows nothing of: `None` never comes.
    pub(super) fn stream_memory(&self) -> Option<Rc<RefCell<Memory>>> {
        let mut room = self.stream_memory.borrow_mut();
        let memory = room.get_or_insert_with(|| Rc::new(RefCell::new(Memory::default())) as Rc<dyn Any>);
        Rc::clone(memory).downcast().ok()
    }

    /// Whether what is read is certain to be what was committed, and all of it.
    pub(super) fn remembers(&self) -> bool {
        self.host.is_consistent() && self.host.atomic() != Atomicity::None
    }

    /// The first id above a bound, if it is remembered.
    pub(super) fn known_first(&self, name: &str, bound: EntryId) -> Option<EntryId> {
        self.stream_memory()?.borrow().first(name, bound)
    }

    /// Remembers what was met, for a trim that goes on at a bound.
    pub(super) fn keep_stretch(&self, name: &Rc<str>, met: Option<Stretch>, bound: EntryId) {
        if let (Some(met), Some(memory), true) = (met, self.stream_memory(), self.remembers()) {
            memory.borrow_mut().put_stretch(name, met.beyond(bound));
        }
    }

    /// The first id above a bound, or [`EntryId::ZERO`] when there is none; and whether it is certain that it is
    /// still there. `met`: runs that are known.
    pub(super) async fn first_above(
        &self,
        name: &str,
        bound: EntryId,
        head: &SpaceHead,
        met: Option<&Stretch>,
    ) -> Result<(EntryId, bool)> {
        if bound >= head.last_id {
            return Ok((EntryId::ZERO, true));
        }
        if let Some(first) = self.known_first(name, bound) {
            return Ok((first, true));
        }
        let met = met.filter(|met| met.is_at(bound)).and_then(|met| met.first_above(bound));
        let (first, follows) = match met {
            Some(first) => (first, true),
            None => self.first_after(name, bound, head).await?,
        };
        if follows && self.remembers() {
            self.note_first(name, bound, first);
        }
        Ok((first, follows))
    }

    pub(super) fn note_first(&self, name: &str, bound: EntryId, first: EntryId) {
        if let Some(memory) = self.stream_memory().filter(|_| first > EntryId::ZERO) {
            memory.borrow_mut().note_first(name, bound, first);
        }
    }
}
