//! The sessions of the group's consumers.

use alloc::rc::Rc;
use alloc::vec::Vec;

use super::{Draft, HeldMember};
use crate::layout::group_member::MemberRow;
use crate::layout::group_page::{NEVER, Pending};

impl Draft {
    pub(crate) fn member(&self, session: u64) -> Option<&MemberRow> {
        self.members.get(&session)?.now.as_ref()
    }

    pub(crate) fn member_mut(&mut self, session: u64) -> Option<&mut MemberRow> {
        self.members.get_mut(&session)?.now.as_mut()
    }

    /// The sessions that are loaded.
    pub(crate) fn members(&self) -> impl Iterator<Item = (u64, &HeldMember, &MemberRow)> {
        self.members.iter().filter_map(|(session, held)| Some((*session, held, held.now.as_ref()?)))
    }

    /// The sessions of a consumer that are loaded, the oldest first.
    pub(crate) fn sessions_of(&self, consumer: &str) -> Vec<u64> {
        self.members()
            .filter(|(_, held, _)| &*held.consumer == consumer)
            .map(|(session, ..)| session)
            .collect()
    }

    /// The session of a consumer that has not ended.
    pub(crate) fn active_session(&self, consumer: &str) -> Option<u64> {
        self.members()
            .find(|(_, held, row)| &*held.consumer == consumer && row.ended.is_none())
            .map(|(session, ..)| session)
    }

    /// Whose session it is.
    pub(crate) fn consumer_of(&self, session: u64) -> &str {
        self.members.get(&session).map_or("", |held| &*held.consumer)
    }

    pub(in crate::groups::plan) fn insert_member(&mut self, session: u64, consumer: &str, row: MemberRow) {
        self.members
            .insert(session, HeldMember { consumer: Rc::from(consumer), before: None, now: Some(row) });
    }

    /// When a record of a session is due: its deadline, or the end of the session before it.
    pub(crate) fn due_at(&self, session: u64, record: &Pending) -> u64 {
        let ended = self.member(session).and_then(|row| row.ended);
        record.deadline.min(ended.unwrap_or(NEVER))
    }
}
