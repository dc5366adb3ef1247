//! Delivering: which records a consumer gets, and what that leaves behind.

use alloc::vec::Vec;

use super::Draft;
use super::draft::ASIDE;
use super::keys::assign;
use crate::id::EntryId;
use crate::layout::group::GroupMode;
use crate::layout::group_page::{NEVER, Pending};

/// A record that was taken off a session because it was due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) id: EntryId,
    pub(crate) from: u64,
    pub(crate) record: Pending,
}

/// A time, a record and the session that it is under. Everything here that is sorted is sorted in this form (a number
/// that is not needed is 0): sorting is compiled anew for every type, and one is enough.
pub(crate) type Place = (u64, EntryId, u64);

/// What becomes of a new record in a group by key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offer {
    /// The consumer may have it.
    Take,
    /// It is for another, or waits for an earlier one of its key at another.
    SetAside,
}

impl Draft {
    /// Whether a record has had its last delivery.
    pub(crate) fn is_exhausted(&self, record: &Pending) -> bool {
        self.head.max_deliver > 0 && record.attempts >= self.head.max_deliver
    }

    /// The records due among those loaded, up to `bound`, by (deadline, id).
    pub(crate) fn due(&self, bound: (u64, EntryId)) -> Vec<Place> {
        let mut due: Vec<Place> = self
            .records()
            .map(|(session, id, record)| (self.due_at(session, record), id, session))
            .filter(|(at, id, _)| *id > self.trimmed && *at <= self.now && (*at, *id) <= bound)
            .collect();
        due.sort_unstable();
        due
    }

    /// In a group by key, the records due for a session, by (deadline, id): its own, and those that sessions
    /// left behind whose slots are its own now. Of a slot, what was left behind is taken in id order, so it
    /// counts as due no earlier than what of the slot is due before it in the stream.
    pub(crate) fn due_by_key(&self, session: u64, owners: &[u64], bound: (u64, EntryId)) -> Vec<Place> {
        let mut due: Vec<Place> = self
            .records_of(session)
            .filter(|(id, record)| *id > self.trimmed && record.deadline <= self.now)
            .map(|(id, record)| (record.slot, id, session))
            .collect();
        for (from, ..) in self.members().filter(|(from, _, row)| *from != session && row.ended.is_some()) {
            let mine = self.records_of(from).filter(|(id, record)| {
                *id > self.trimmed
                    && owner(owners, record.slot) == session
                    && self.may_take_over(session, from, record.slot)
            });
            due.extend(mine.map(|(id, record)| (record.slot, id, from)));
        }
        due.sort_unstable();
        let mut latest = (0, 0);
        for place in &mut due {
            let (slot, id, from) = *place;
            let at = self.find(from, id).map_or(NEVER, |record| self.due_at(from, record));
            let before = if latest.0 == slot { latest.1 } else { 0 };
            latest = (slot, before.max(at));
            place.0 = if from == session { at } else { latest.1 };
        }
        // Beyond the bound not all of its own records are loaded: what is there might not be the first.
        due.retain(|(at, id, _)| (*at, *id) <= bound);
        due.sort_unstable();
        due
    }

    /// The session that each slot belongs to.
    pub(crate) fn owners(&self) -> Vec<u64> {
        let members: Vec<(u64, &str)> = self
            .members()
            .filter(|(_, _, row)| row.ended.is_none())
            .map(|(session, held, _)| (session, &*held.consumer))
            .collect();
        assign(&members, self.head.slots)
    }

    /// The ended sessions that this one takes records from, each with the slots that are taken from it, in their
    /// order: of each slot that is its own, the session that took it over last.
    pub(crate) fn left_behind(&self, session: u64, owners: &[u64]) -> Vec<(u64, Vec<u64>)> {
        let mut sources: Vec<(u64, Vec<u64>)> = Vec::new();
        for (slot, takers) in self.slots_taken().filter(|(slot, _)| owner(owners, *slot) == session) {
            let last = takers.iter().rev().find(|taker| taker.session != session);
            if let Some(taker) = last
                && self.member(taker.session).is_some_and(|row| row.ended.is_some())
            {
                match sources.iter_mut().find(|(from, _)| *from == taker.session) {
                    Some((_, slots)) => slots.push(slot),
                    None => sources.push((taker.session, Vec::from([slot]))),
                }
            }
        }
        sources
    }

    /// The other sessions that have not ended and have records of slots that are this one's by now.
    pub(crate) fn in_the_way(&self, session: u64, owners: &[u64]) -> Vec<u64> {
        let mut others: Vec<u64> = self
            .slots_taken()
            .filter(|(slot, _)| owner(owners, *slot) == session)
            .flat_map(|(_, takers)| takers.iter().map(|taker| taker.session))
            .filter(|other| *other != session && self.member(*other).is_some_and(|row| row.ended.is_none()))
            .collect();
        others.sort_unstable();
        others.dedup();
        others
    }

    /// Whether a record of an ended session may go to this one: no other session has an earlier record
    /// of its slot.
    pub(crate) fn may_take_over(&self, session: u64, from: u64, slot: u64) -> bool {
        if self.head.mode != GroupMode::KeyShared || from == session {
            return true;
        }
        let last = self.takers(slot).iter().rev().find(|taker| taker.session != session);
        last.is_some_and(|taker| taker.session == from)
    }

    /// Takes a record that is due off its session.
    pub(crate) fn take_due(&mut self, from: u64, id: EntryId) -> Option<Taken> {
        let record = self.remove(from, id)?;
        Some(Taken { id, from, record })
    }

    /// Delivers a record, for the first time or once more, and gives its deadline. With `no_ack` nothing stays pending.
    pub(crate) fn deliver(
        &mut self,
        session: u64,
        id: EntryId,
        slot: u64,
        attempts: u64,
        no_ack: bool,
    ) -> u64 {
        let deadline = if no_ack { NEVER } else { self.deadline() };
        if !no_ack {
            let record = Pending { attempts, delivered_at: self.now, deadline, slot };
            self.put(session, id, record);
        }
        self.head.delivered = self.head.delivered.max(id);
        deadline
    }

    /// What becomes of a record of this slot that nobody has: whose it is by `owners`, and whether
    /// earlier ones of the slot are elsewhere.
    pub(crate) fn offer(&self, session: u64, slot: u64, owners: &[u64]) -> Offer {
        let elsewhere = self.takers(slot).iter().any(|taker| taker.session != session);
        if owner(owners, slot) == session && !elsewhere { Offer::Take } else { Offer::SetAside }
    }

    /// Sets a new record aside for the consumer of its key.
    pub(crate) fn set_aside(&mut self, id: EntryId, slot: u64) {
        self.put(ASIDE, id, Pending { attempts: 0, delivered_at: 0, deadline: NEVER, slot });
    }

    /// The records set aside that are loaded, in id order, without those that are trimmed.
    pub(crate) fn aside(&self) -> Vec<(EntryId, u64)> {
        let last = self.records_of(ASIDE).filter(|(id, _)| *id > self.trimmed);
        last.map(|(id, record)| (id, record.slot)).collect()
    }
}

/// The session that a slot belongs to; 0: none.
pub(crate) fn owner(owners: &[u64], slot: u64) -> u64 {
    usize::try_from(slot).ok().and_then(|slot| owners.get(slot)).copied().unwrap_or_default()
}
