//! What is loaded of the group, from its rows or from what is remembered of them.

use alloc::rc::Rc;

use super::{Draft, HeldMember, HeldPage, HeldSlots};
use crate::id::EntryId;
use crate::layout::group_member::MemberRow;
use crate::layout::group_page::Records;
use crate::layout::group_slots::Slots;

impl Draft {
    /// Takes in a session that was read; one that is known already stays as it is.
    pub(crate) fn add_member(&mut self, session: u64, consumer: &str, row: MemberRow) {
        self.members.entry(session).or_insert_with(|| HeldMember {
            consumer: Rc::from(consumer),
            before: Some(row),
            now: Some(row),
        });
    }

    /// Takes in the sessions of a consumer, or of all, as they are known; whether they are.
    pub(crate) fn recall_sessions(&mut self, of: Option<&str>) -> bool {
        let Some(sessions) = self.kept.sessions(of) else {
            return false;
        };
        for (session, consumer, row) in sessions {
            self.add_member(session, &consumer, row);
        }
        true
    }

    /// Notes that all sessions of a consumer, or of all, are loaded.
    pub(crate) fn learn_sessions(&mut self, of: Option<&str>) {
        let members = self.members.iter().filter(|(_, held)| of.is_none_or(|of| *held.consumer == *of));
        let loaded = members.filter_map(|(session, held)| Some((*session, &held.consumer, held.before?)));
        self.kept.learn_sessions(of, loaded);
    }

    /// Takes in a page that was read; one that is known already stays as it is.
    pub(crate) fn add_page(&mut self, session: u64, first: EntryId, records: Rc<Records>) {
        self.pages
            .entry((session, first))
            .or_insert_with(|| HeldPage { before: Some(Rc::clone(&records)), now: records });
    }

    /// Takes in the page that answers for an id as it is known, and gives its first and its last id;
    /// `None`: it is not known which.
    pub(crate) fn recall_floor(&mut self, session: u64, id: EntryId) -> Option<Option<(EntryId, EntryId)>> {
        let page = self.kept.floor(session, id)?;
        Some(page.map(|(first, records)| {
            self.add_page(session, first, records);
            (first, self.last_of_page(session, first).unwrap_or(first))
        }))
    }

    /// Notes which page answers for an id: the one that begins at `first`, which is loaded, or none.
    pub(crate) fn learn_floor(&mut self, session: u64, id: EntryId, first: Option<EntryId>) {
        let page = first.map(|first| Some((first, self.pages.get(&(session, first))?.before.clone()?)));
        // A record is delivered before it is pending.
        let last = self.before.delivered;
        match page {
            None => self.kept.learn_floor(session, id, last, None),
            Some(Some(page)) => self.kept.learn_floor(session, id, last, Some(page)),
            Some(None) => {}
        }
    }

    pub(crate) fn has_page(&self, session: u64, first: EntryId) -> bool {
        self.pages.contains_key(&(session, first))
    }

    /// The last id that a page held when it was read.
    pub(crate) fn last_of_page(&self, session: u64, first: EntryId) -> Option<EntryId> {
        self.pages.get(&(session, first))?.before.as_ref()?.keys().next_back().copied()
    }

    /// Takes in a row of slots; `None`: there was none.
    pub(crate) fn add_slots(&mut self, n: u64, slots: Option<Slots>) {
        let now = slots.clone().unwrap_or_default();
        self.slots.entry(n).or_insert(HeldSlots { before: slots, now });
    }
}
