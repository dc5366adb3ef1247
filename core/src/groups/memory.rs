//! What an instance remembers of the groups that it works on: what its last commit to each left behind, and
//! how the records of their streams lie.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::any::Any;
use core::cell::RefCell;

use super::Group;
use super::plan::{Draft, Kept};
use crate::id::EntryId;
use crate::kv::Bytes;
use crate::layout::commit::Item;
use crate::layout::group;

/// Most groups that an instance remembers.
const MOST_GROUPS: usize = 64;

/// The groups that were used last, the latest at the end.
#[derive(Debug, Default)]
pub(super) struct Memory {
    groups: Vec<Remembered>,
}

#[derive(Debug)]
struct Remembered {
    /// That of the group's head.
    key: Bytes,
    /// The head that the last commit made, and what is known as of it.
    last: Option<(Bytes, Kept)>,
    read: LastRead,
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
                    read: LastRead { density: 0, reached: EntryId::ZERO, commit: None },
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

    /// Gives a draft what is known as of its head, and forgets it here: it comes back with the commit.
    pub(super) fn recall(&self, draft: &mut Draft) {
        if let Some((head, kept)) = self.remembered(|one| one.last.take())
            && draft.base() == Some(&head)
        {
            draft.kept = kept;
        }
    }

    /// Remembers what is known as of a head.
    pub(super) fn remember(&self, key: Bytes, head: Bytes, kept: Kept) {
        if let Some(memory) = self.memory()
            && let Some(one) = memory.borrow_mut().touch(key)
        {
            one.last = Some((head, kept));
        }
    }

    /// What the last read of the stream met.
    pub(super) fn last_read(&self) -> Option<LastRead> {
        self.remembered(|one| Some(one.read.clone()))
    }

    pub(super) fn note_reached(&self, reached: EntryId, commit: Option<Box<Item>>) {
        self.remembered(|one| {
            one.read.reached = reached;
            one.read.commit = commit;
            Some(())
        });
    }

    /// Notes that so many records stood in so many rows.
    pub(super) fn note_density(&self, records: u64, rows: u64) {
        let density = records.checked_div(rows).unwrap_or_default().max(1);
        self.remembered(|one| {
            one.read.density = density;
            Some(())
        });
    }
}
