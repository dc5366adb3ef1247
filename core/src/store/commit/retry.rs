//! Requests that are planned again: another writer got in.

use alloc::rc::Rc;
use alloc::vec::Vec;

use super::{Inner, Planned, fail_all};
use crate::error::{Error, ErrorCode, Result};
use crate::kv::Durability;
use crate::layout::space;
use crate::sorted::SortedSet;
use crate::store::queue::Outcome;

/// Races that a request may lose before its caller gets `CONFLICT`.
const MOST_LOST: u32 = 32;
/// From so many lost tries on there is a pause before the next one.
const FIRST_PAUSE: u32 = 2;
/// Longest pause between two tries, in milliseconds.
const LONGEST_PAUSE: u64 = 128;

fn lost_too_many() -> Error {
    Error::new(ErrorCode::Conflict, "too many other writers: every try lost its race")
}

impl Inner {
    /// Another writer got in: plan again from what is there now. Requests of other spaces of the
    /// same commit lost nothing by themselves.
    pub(super) async fn lost_race(
        self: &Rc<Self>,
        planned: Vec<Planned>,
        lost: Option<Rc<str>>,
        current: Option<Vec<u8>>,
    ) {
        if let Some(space) = &lost {
            let mut cache = self.cache.borrow_mut();
            if cache.put_space(space, current).is_err() {
                cache.forget(space);
            }
            drop(cache);
            self.queue.borrow_mut().set_apart(space, true);
        }
        let mut most = 0;
        let mut again = Vec::new();
        for Planned { mut ticket, .. } in planned {
            let mine = lost.as_ref().is_none_or(|space| ticket.job.spaces().any(|one| one == space));
            if mine {
                ticket.lost += 1;
                most = most.max(ticket.lost);
            }
            if ticket.lost > MOST_LOST {
                ticket.settle(Err(lost_too_many()));
            } else {
                again.push(ticket);
            }
        }
        self.pause(most).await;
        if most >= FIRST_PAUSE
            && let Some(space) = &lost
        {
            // Whoever won goes on meanwhile: planned from the head of before the pause, the next try would be lost too.
            self.cache.borrow_mut().forget(space);
        }
        for ticket in again {
            self.queue.borrow_mut().put_back(ticket);
        }
    }

    /// A pause that grows with the races lost; the first tries go at once.
    pub(crate) async fn pause(&self, tries: u32) {
        if tries < FIRST_PAUSE {
            return;
        }
        let most = (1_u64 << tries.min(10)).min(LONGEST_PAUSE);
        let ms = 1 + self.nonce() % most;
        self.env.timer.sleep(ms).await;
    }

    /// Gives refusals and repeated answers, once it is certain that the heads which they follow from
    /// are still the ones that are stored.
    pub(super) async fn confirm(self: &Rc<Self>, planned: Vec<Planned>) {
        if let Err(error) = self.make_last(&planned).await {
            return fail_all(planned, &error);
        }
        if !self.host.limits().shared {
            for one in planned {
                one.ticket.settle(one.outcome.map(Outcome::Written));
            }
            return;
        }
        let spaces: SortedSet<Rc<str>> =
            planned.iter().flat_map(|one| one.ticket.job.spaces().cloned()).collect();
        let keys = spaces.iter().map(|name| space::key(name)).collect();
        let rows = match self.host.get(keys).await {
            Ok(rows) => rows,
            Err(error) => return fail_all(planned, &error),
        };
        let mut stale: Vec<Rc<str>> = Vec::new();
        for (name, row) in spaces.iter().zip(rows) {
            let mut cache = self.cache.borrow_mut();
            let same = cache.space(name).is_some_and(|known| known.base == row);
            if !same {
                if cache.put_space(name, row).is_err() {
                    cache.forget(name);
                }
                stale.push(Rc::clone(name));
            }
        }
        for Planned { mut ticket, outcome, .. } in planned {
            if ticket.job.spaces().any(|name| stale.contains(name)) {
                ticket.lost += 1;
                if ticket.lost > MOST_LOST {
                    ticket.settle(Err(lost_too_many()));
                } else {
                    self.queue.borrow_mut().put_back(ticket);
                }
                continue;
            }
            ticket.settle(outcome.map(Outcome::Written));
        }
    }

    /// Makes what strict requests found stored survive power loss, as if they had stored it themselves.
    async fn make_last(&self, planned: &[Planned]) -> Result {
        let may_be_lost = |one: &Planned| {
            let mut spaces = one.ticket.job.spaces();
            one.outcome.is_ok()
                && one.ticket.job.durability() == Durability::Strict
                && spaces.any(|space| self.cache.borrow().may_be_lost(space))
        };
        if !planned.iter().any(may_be_lost) {
            return Ok(());
        }
        let number = self.cache.borrow_mut().begin_flush();
        self.flush().await.map_err(Error::after_write)?;
        self.cache.borrow_mut().end_flush(number);
        Ok(())
    }
}
