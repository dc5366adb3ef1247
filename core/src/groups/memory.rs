//! What an instance remembers of the groups that it works on: what its last commit to each left behind, and
//! how the records of their streams lie.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::any::Any;
use core::cell::RefCell;

use super::Group;
use super::plan::{Draft, Left};
use crate::error::Result;
use crate::id::EntryId;
use crate::kv::{Atomicity, Bytes};
use crate::layout::commit::Item;
use crate::layout::group;
use crate::layout::stream::StreamMeta;
use crate::store::{Cache, CachedSpace};

/// Most groups that an instance remembers.
const MOST_GROUPS: usize = 64;
/// So often must what is remembered have held, however often it did not before.
const MOST_NEEDED: u32 = 64;

/// The groups that were used last, the latest at the end.
#[derive(Debug, Default)]
pub(super) struct Memory {
    groups: Vec<Remembered>,
}

#[derive(Debug)]
struct Remembered {
    /// That of the group's head.
    key: Bytes,
    /// The head that the last commit made, as stored, and what it left behind.
    last: Option<(Bytes, Left)>,
    trust: Trust,
    read: LastRead,
    /// A session that held the group, with the life that it is of, and its consumer: that never changes.
    holder: Option<((u64, u64), Rc<str>)>,
}

/// How far what is remembered may be planned from without looking whether it is still so. Where others
/// write too, it mostly is not: then looking first is cheaper than a commit that is refused.
#[derive(Debug, Clone, Copy)]
struct Trust {
    /// How often it was still so, each time that somebody looked, since it last was not.
    held: u32,
    /// How often that takes.
    needed: u32,
}

impl Trust {
    const NEW: Self = Self { held: 0, needed: 1 };

    fn is_enough(self) -> bool {
        self.held >= self.needed
    }

    fn seen(&mut self, held: bool) {
        self.held = if held { self.held.saturating_add(1) } else { 0 };
    }

    /// Planned from without a look, it was right.
    fn proved(&mut self) {
        self.needed = self.needed.saturating_sub(1).max(1);
    }

    /// Planned from without a look, it was wrong.
    fn failed(&mut self) {
        *self = Self { held: 0, needed: (self.needed * 2).min(MOST_NEEDED) };
    }
}

/// How far the last read of the stream went, and how its records lay.
#[derive(Debug, Clone)]
pub(super) struct LastRead {
    /// Records in one row, as far as it has seen; 0: unknown.
    density: u64,
    /// Up to where it went.
    pub(super) reached: EntryId,
    /// The commit that it stopped in, if its entries stand in blocks.
    pub(super) commit: Option<Box<Item>>,
}

impl LastRead {
    /// Rows that so many records probably stand in.
    pub(super) fn rows_of(&self, records: u64) -> u64 {
        match self.density {
            0 => records,
            // The first and the last row may be seen in part.
            density => records.div_ceil(density).saturating_add(1),
        }
    }
}

impl Memory {
    fn find(&mut self, key: &[u8]) -> Option<&mut Remembered> {
        self.groups.iter_mut().rfind(|one| one.key == key)
    }

    /// The same, as the one that was used last.
    fn touch(&mut self, key: Bytes) -> Option<&mut Remembered> {
        let at = self.groups.iter().rposition(|one| one.key == key);
        match at {
            Some(at) => {
                let one = self.groups.remove(at);
                self.groups.push(one);
            }
            None => {
                if self.groups.len() >= MOST_GROUPS {
                    self.groups.remove(0);
                }
                self.groups.push(Remembered {
                    key,
                    last: None,
                    trust: Trust::NEW,
                    read: LastRead { density: 0, reached: EntryId::ZERO, commit: None },
                    holder: None,
                });
            }
        }
        self.groups.last_mut()
    }
}

impl Group {
    /// The store has room for it, and does not know what it is.
    fn memory(&self) -> Option<Rc<RefCell<Memory>>> {
        let mut room = self.inner().group_memory.borrow_mut();
        let memory = room.get_or_insert_with(|| Rc::new(RefCell::new(Memory::default())) as Rc<dyn Any>);
        Rc::clone(memory).downcast().ok()
    }

    fn remembered<T>(&self, find: impl FnOnce(&mut Remembered) -> Option<T>) -> Option<T> {
        let memory = self.memory()?;
        let mut memory = memory.borrow_mut();
        find(memory.find(&group::key(&self.stream, &self.name))?)
    }

    fn note(&self, note: impl FnOnce(&mut Remembered)) {
        self.remembered(|one| {
            note(one);
            Some(())
        });
    }

    /// Gives a draft what is known as of its head, and forgets it here: it comes back with the commit.
    pub(super) fn recall(&self, draft: &mut Draft) {
        let Some((head, left)) = self.remembered(|one| one.last.take()) else {
            return;
        };
        let is_still = draft.base() == Some(&head);
        let held = is_still && {
            let cache = self.inner().cache.borrow();
            let row = self.later_stream(&cache, &left).map_or(&left.stream_row, |known| &known.base);
            row.is_some() && *row == draft.stream_row
        };
        self.note(|one| one.trust.seen(held));
        if is_still {
            draft.kept = left.kept;
        }
    }

    /// The group as it is remembered, without a look whether it is still so; `None` where that is not
    /// to be trusted. It is forgotten here.
    pub(super) fn recall_whole(&self) -> Result<Option<Draft>> {
        if self.inner().host.atomic() != Atomicity::Store {
            // There the check of a row may be a write to it, which would hold up appends.
            return Ok(None);
        }
        let trusted = |one: &mut Remembered| one.last.take_if(|_| one.trust.is_enough());
        let Some((row, left)) = self.remembered(trusted) else {
            return Ok(None);
        };
        let (stream_row, stream) = match self.later_stream(&self.inner().cache.borrow(), &left) {
            Some(known) => (known.base.clone(), Rc::new(known.head.clone())),
            None => (left.stream_row, left.stream),
        };
        if stream_row.is_none()
            || !stream.pending.is_nil()
            || StreamMeta::of(&self.stream, &stream)?.epoch != left.head.epoch
        {
            return Ok(None);
        }
        let mut draft = self.draft(Some(row), left.head, stream, stream_row)?;
        draft.kept = left.kept;
        draft.unread = true;
        Ok(Some(draft))
    }

    /// The head of the stream's space, where this instance knows a later one than the group's last commit was
    /// planned from.
    fn later_stream<'c>(&self, cache: &'c Cache, left: &Left) -> Option<&'c CachedSpace> {
        cache.space(&self.stream).filter(|known| known.head.revision > left.stream.revision)
    }

    /// Remembers what a commit left behind, and the head that it made. `unread`: it was planned from what
    /// was remembered.
    pub(super) fn remember(&self, key: Bytes, head: Bytes, left: Left, unread: bool) {
        if let Some(memory) = self.memory()
            && let Some(one) = memory.borrow_mut().touch(key)
        {
            one.last = Some((head, left));
            if unread {
                one.trust.proved();
            }
        }
    }

    /// Remembers again what was known of a group that a call has not changed. What that call has read
    /// may be of a later head than the one it began with: so that is looked at once more.
    pub(super) async fn give_back(&self, draft: Draft) -> Result {
        let has_read = draft.kept.has_learned();
        let Some((head, left)) = draft.unchanged() else {
            return Ok(());
        };
        let key = group::key(&self.stream, &self.name);
        if has_read && self.inner().host.get_one(key).await?.as_ref() != Some(&head) {
            return Ok(());
        }
        self.note(|one| {
            let kept = left.kept.settled();
            one.last = Some((head, Left { kept, ..left }));
        });
        Ok(())
    }

    /// The consumer of a session that held an exclusive group.
    pub(super) fn holder_name(&self, life: u64, session: u64) -> Option<Rc<str>> {
        let known = self.remembered(|one| one.holder.clone())?;
        (known.0 == (life, session)).then_some(known.1)
    }

    pub(super) fn note_holder(&self, life: u64, session: u64, consumer: &str) {
        self.note(|one| {
            if one.holder.as_ref().is_none_or(|known| known.0 != (life, session)) {
                one.holder = Some(((life, session), Rc::from(consumer)));
            }
        });
    }

    /// What was remembered was not what was stored.
    pub(super) fn distrust(&self) {
        self.note(|one| one.trust.failed());
    }

    /// What the last read of the stream met.
    pub(super) fn last_read(&self) -> Option<LastRead> {
        self.remembered(|one| Some(one.read.clone()))
    }

    pub(super) fn note_reached(&self, reached: EntryId, commit: Option<Box<Item>>) {
        self.note(|one| {
            one.read.reached = reached;
            one.read.commit = commit;
        });
    }

    /// Notes that so many records stood in so many rows.
    pub(super) fn note_density(&self, records: u64, rows: u64) {
        let density = records.checked_div(rows).unwrap_or_default().max(1);
        self.note(|one| one.read.density = density);
    }
}
