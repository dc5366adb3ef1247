//! A group while a commit to it is being planned: what was loaded of it, what becomes of it, and the rows
//! that differ.

mod loaded;
mod records;
mod rows;
mod sessions;
mod slots;
mod trimmed;

use alloc::collections::BTreeMap;
use alloc::rc::Rc;

pub(crate) use rows::GroupPlan;

use super::affairs::Affairs;
use super::kept::Kept;
use crate::id::EntryId;
use crate::kv::Bytes;
use crate::layout::group::{GroupHead, GroupMode, Place};
use crate::layout::group_member::MemberRow;
use crate::layout::group_page::Records;
use crate::layout::group_slots::Slots;
use crate::layout::space::SpaceHead;

/// The session under which records stand that were set aside.
pub(crate) const ASIDE: u64 = 0;

/// A session, as it was loaded and as it will be; `None`: there is none.
#[derive(Debug, Clone)]
pub(crate) struct HeldMember {
    pub(crate) consumer: Rc<str>,
    before: Option<MemberRow>,
    pub(crate) now: Option<MemberRow>,
}

/// A page, by the first id that it had when it was loaded: it answers for all ids from there up to the
/// next page of its session.
#[derive(Debug, Clone)]
struct HeldPage {
    before: Option<Rc<Records>>,
    now: Rc<Records>,
}

#[derive(Debug, Clone)]
struct HeldSlots {
    before: Option<Slots>,
    now: Slots,
}

/// What was loaded of a group, and what becomes of it.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) space: Rc<str>,
    pub(crate) group: Rc<str>,
    /// The head as it was loaded, as stored; `None`: there was none.
    base: Option<Bytes>,
    /// The head as it will be.
    pub(crate) head: GroupHead,
    /// The head as it was loaded.
    before: GroupHead,
    /// The host's time.
    pub(crate) now: u64,
    /// The head of the stream's space: of the moment of the group's head, or later.
    pub(crate) stream: Rc<SpaceHead>,
    /// That head as stored; `None` where it is not known byte for byte.
    pub(crate) stream_row: Option<Bytes>,
    /// Both heads are remembered ones that were not read: the commit checks both.
    pub(crate) unread: bool,
    /// Records up to here are trimmed.
    pub(crate) trimmed: EntryId,
    /// The group's own affairs in this commit.
    pub(crate) affairs: Affairs,
    /// Most records of a page.
    page_records: usize,
    pub(super) members: BTreeMap<u64, HeldMember>,
    pages: BTreeMap<(u64, EntryId), HeldPage>,
    slots: BTreeMap<u64, HeldSlots>,
    /// What is known as of the head that was loaded.
    pub(crate) kept: Kept,
}

impl Draft {
    pub(crate) fn new(
        space: &Rc<str>,
        group: &Rc<str>,
        base: Option<Bytes>,
        head: GroupHead,
        page_records: usize,
    ) -> Self {
        Self {
            space: Rc::clone(space),
            group: Rc::clone(group),
            base,
            before: head.clone(),
            head,
            now: 0,
            stream: Rc::new(SpaceHead::EMPTY),
            stream_row: None,
            unread: false,
            trimmed: EntryId::ZERO,
            affairs: Affairs::ALL,
            page_records: page_records.max(1),
            members: BTreeMap::new(),
            pages: BTreeMap::new(),
            slots: BTreeMap::new(),
            kept: Kept::default(),
        }
    }

    pub(crate) fn place(&self) -> Place<'_> {
        Place { space: &self.space, group: &self.group, life: self.head.life }
    }

    /// The head that it was planned from, as stored.
    pub(crate) fn base(&self) -> Option<&Bytes> {
        self.base.as_ref()
    }

    /// Whether a session began or ended, or the group is held by another one.
    pub(crate) fn has_moved(&self) -> bool {
        (self.head.generation, self.head.holder) != (self.before.generation, self.before.holder)
    }

    /// Whether that is news to consumers that wait: records are due, or belong to others now.
    pub(crate) fn is_news(&self) -> bool {
        let left_behind = self.members.values().any(|held| {
            held.before.is_some_and(|row| row.ended.is_none())
                && held.now.is_some_and(|row| row.ended.is_some())
        });
        match self.head.mode {
            GroupMode::Shared => left_behind,
            GroupMode::Exclusive => left_behind || self.head.holder != self.before.holder,
            GroupMode::KeyShared => self.has_moved(),
        }
    }
}
