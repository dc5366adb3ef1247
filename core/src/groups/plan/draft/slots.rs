//! In groups by key: the sessions under which records of each slot are pending.

use alloc::vec::Vec;

use super::{Draft, HeldSlots};
use crate::layout::group_slots::{SLOTS_OF_ROW, Slots, Taker};

impl Draft {
    /// The sessions under which records of a slot are pending, in the order in which they took it over.
    pub(crate) fn takers(&self, slot: u64) -> &[Taker] {
        self.slots
            .get(&(slot / SLOTS_OF_ROW))
            .and_then(|held| held.now.iter().find(|(known, _)| *known == slot))
            .map(|(_, takers)| takers.as_slice())
            .unwrap_or_default()
    }

    /// All slots under which records are pending.
    pub(crate) fn slots_taken(&self) -> impl Iterator<Item = (u64, &[Taker])> {
        self.slots.values().flat_map(|held| held.now.iter().map(|(slot, takers)| (*slot, takers.as_slice())))
    }

    pub(super) fn take(&mut self, session: u64, slot: u64) {
        let held = self
            .slots
            .entry(slot / SLOTS_OF_ROW)
            .or_insert_with(|| HeldSlots { before: None, now: Slots::new() });
        let at = held.now.partition_point(|(known, _)| *known < slot);
        if held.now.get(at).is_none_or(|(known, _)| *known != slot) {
            held.now.insert(at, (slot, Vec::new()));
        }
        let Some((_, takers)) = held.now.get_mut(at) else {
            return;
        };
        match takers.iter_mut().find(|taker| taker.session == session) {
            Some(taker) => taker.pending += 1,
            None => takers.push(Taker { session, pending: 1 }),
        }
    }

    pub(super) fn untake(&mut self, session: u64, slot: u64) {
        if let Some(held) = self.slots.get_mut(&(slot / SLOTS_OF_ROW))
            && let Some((_, takers)) = held.now.iter_mut().find(|(known, _)| *known == slot)
        {
            if let Some(taker) = takers.iter_mut().find(|taker| taker.session == session) {
                taker.pending = taker.pending.saturating_sub(1);
            }
            takers.retain(|taker| taker.pending > 0);
            if takers.is_empty() {
                held.now.retain(|(known, _)| *known != slot);
            }
        }
    }
}
