//! The records that are pending under sessions, or set aside, with all that counts them.

use alloc::rc::Rc;
use alloc::vec::Vec;

use super::{ASIDE, Draft, HeldPage};
use crate::id::EntryId;
use crate::layout::group::GroupMode;
use crate::layout::group_page::Pending;

impl Draft {
    /// The records loaded under a session, in id order.
    pub(crate) fn records_of(&self, session: u64) -> impl Iterator<Item = (EntryId, &Pending)> {
        self.pages
            .range((session, EntryId::ZERO)..=(session, EntryId::MAX))
            .flat_map(|(_, page)| page.now.iter().map(|(id, record)| (*id, record)))
    }

    /// All records loaded under sessions.
    pub(crate) fn records(&self) -> impl Iterator<Item = (u64, EntryId, &Pending)> {
        self.pages
            .iter()
            .filter(|((session, _), _)| *session != ASIDE)
            .flat_map(|((session, _), page)| page.now.iter().map(|(id, record)| (*session, *id, record)))
    }

    pub(crate) fn find(&self, session: u64, id: EntryId) -> Option<&Pending> {
        self.floor(session, id)?.now.get(&id)
    }

    fn floor(&self, session: u64, id: EntryId) -> Option<&HeldPage> {
        self.pages.range((session, EntryId::ZERO)..=(session, id)).next_back().map(|(_, page)| page)
    }

    /// Takes a record off its session, with all that counts it.
    pub(crate) fn remove(&mut self, session: u64, id: EntryId) -> Option<Pending> {
        let (_, page) = self.pages.range_mut((session, EntryId::ZERO)..=(session, id)).next_back()?;
        page.now.get(&id)?;
        let record = Rc::make_mut(&mut page.now).remove(&id)?;
        if session == ASIDE {
            self.head.skipped = self.head.skipped.saturating_sub(1);
            return Some(record);
        }
        if self.head.mode == GroupMode::KeyShared {
            self.untake(session, record.slot);
        }
        self.count_removed(session, 1);
        Some(record)
    }

    /// So many records were taken off a session.
    fn count_removed(&mut self, session: u64, count: u64) {
        self.head.pending = self.head.pending.saturating_sub(count);
        if let Some(held) = self.members.get_mut(&session)
            && let Some(row) = &mut held.now
        {
            row.pending = row.pending.saturating_sub(count);
            if row.pending == 0 && row.ended.is_some() {
                held.now = None;
            }
        }
    }

    /// Takes those of these records off a consumer's session that it has, with all that counts them. The
    /// ids are in their order. How many they were.
    pub(crate) fn remove_all(&mut self, session: u64, ids: &[EntryId]) -> u64 {
        let (Some(first), Some(last)) = (ids.first(), ids.last()) else {
            return 0;
        };
        let is_asked = |id: &EntryId| ids.binary_search(id).is_ok();
        let mut removed = 0;
        let mut slots = Vec::new();
        for (_, page) in self.pages.range_mut((session, EntryId::ZERO)..=(session, *last)) {
            let mut asked = page.now.range(first..=last).filter(|(id, _)| is_asked(id)).peekable();
            if asked.peek().is_none() {
                continue;
            }
            let before = removed;
            for (_, record) in asked {
                removed += 1;
                slots.push(record.slot);
            }
            // What is left is mostly little: cheaper made anew than taken off one by one.
            let all = page.now.len() as u64 == removed - before;
            let left = page.now.iter().filter(|(id, _)| !all && !is_asked(id));
            page.now = Rc::new(left.map(|(id, record)| (*id, *record)).collect());
        }
        if self.head.mode == GroupMode::KeyShared {
            for slot in slots {
                self.untake(session, slot);
            }
        }
        if removed > 0 {
            self.count_removed(session, removed);
        }
        removed
    }

    /// Puts a record under a session, or changes it there. The page that answers for the id is loaded.
    pub(crate) fn put(&mut self, session: u64, id: EntryId, record: Pending) {
        let key = self
            .pages
            .range((session, EntryId::ZERO)..=(session, id))
            .next_back()
            .map_or((session, id), |(key, _)| *key);
        let page = self.pages.entry(key).or_insert_with(|| HeldPage { before: None, now: Rc::default() });
        if Rc::make_mut(&mut page.now).insert(id, record).is_some() {
            return;
        }
        if session == ASIDE {
            self.head.skipped += 1;
            return;
        }
        self.head.pending += 1;
        if let Some(row) = self.member_mut(session) {
            row.pending += 1;
        }
        if self.head.mode == GroupMode::KeyShared {
            self.take(session, record.slot);
        }
    }
}
