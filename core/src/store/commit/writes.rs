//! One commit of any number of writes: planned, handed to the host, and its outcome told to every request.

use alloc::rc::Rc;
use alloc::vec::Vec;

use super::{Inner, NO_CHECK, Planned, fail_all};
use crate::error::{Error, ErrorCode, Result};
use crate::kv::{Atomicity, Batch, Check, Commit, Durability};
use crate::plan::{AttachedRows, GUARDED_WRITES, PlannedSpace, Planner, Verdict, attached_conflict};
use crate::store::load::Loaded;
use crate::store::packing::Purpose;
use crate::store::queue::{Job, Outcome, Ticket};

impl Inner {
    /// Plans writes into one commit, hands that to the host, and settles every request.
    pub(super) async fn commit_writes(self: &Rc<Self>, tickets: Vec<Ticket>, loaded: &Loaded) {
        let by_space = self.host.atomic() == Atomicity::Space;
        let apart = by_space && tickets.iter().any(|ticket| !ticket.job.is_of_one_space());
        let now = self.env.clock.now();
        let mut planner = Planner::new(&self.sizes, self.node, now, apart);
        let planned = self.plan_writes(tickets, loaded, &mut planner);
        if planner.is_empty() {
            self.confirm(planned).await;
            return;
        }
        let durability = planner.durability();
        let nonce = self.nonce();
        let carry = self.host.atomic() == Atomicity::None;
        let finished = self.with_packing(Purpose::Storing, |packing| planner.finish(nonce, carry, packing));
        let (mut spaces, lease_checks, attached) = match finished {
            Ok(finished) => finished,
            Err(error) => return fail_all(planned, &error),
        };
        let several = spaces.len() > 1 || !attached.is_empty();
        let by_redo = several && by_space;
        // Checks are in this order: spaces, leases, attached rows. A redo record has none of leases.
        let first_attached = spaces.len() + if by_redo { 0 } else { lease_checks.len() };
        let mut unfinished = false;
        let result = if by_redo {
            self.commit_by_redo(&mut spaces, attached, durability, &mut unfinished).await
        } else if carry {
            self.commit_row_by_row(&spaces, durability).await
        } else {
            self.commit_at_once(&mut spaces, lease_checks, attached, durability).await
        };
        match result {
            Ok(Commit::Applied) => {
                self.queue.borrow_mut().widen();
                let unchecked = self.settle_applied(planned, spaces, durability, unfinished);
                if !unchecked.is_empty() {
                    self.confirm(unchecked).await;
                }
            }
            Ok(Commit::Refused { check, current }) => {
                if by_redo {
                    // Marks were set and taken back: none of the heads is the one planned from.
                    self.forget_heads(&spaces);
                }
                if GUARDED_WRITES
                    && check != NO_CHECK
                    && let Some(attached) = check.checked_sub(first_attached)
                {
                    self.refuse_attached(planned, attached);
                    return;
                }
                let lost = spaces.get(check).map(|planned| Rc::clone(&planned.space));
                self.lost_race(planned, lost, current).await;
            }
            Err(error) if error.may_have_applied() => {
                self.forget_heads(&spaces);
                self.doubt(planned, &spaces, nonce, &error).await;
            }
            Err(error) => {
                if by_redo || carry {
                    // Part of it may stand there, and must be found when the heads are loaded.
                    self.forget_heads(&spaces);
                }
                self.refused_by_host(planned, &error);
            }
        }
    }

    /// Takes writes into a plan, in their order. Those that do not fit it wait for the next round, as does
    /// everything behind them; those whose space cannot be read are answered here.
    fn plan_writes(&self, tickets: Vec<Ticket>, loaded: &Loaded, planner: &mut Planner<'_>) -> Vec<Planned> {
        let mut planned: Vec<Planned> = Vec::new();
        let mut full = false;
        for ticket in tickets {
            let Job::Write(request) = &ticket.job else {
                continue;
            };
            if full {
                self.queue.borrow_mut().put_back(ticket);
                continue;
            }
            let bad = ticket.job.spaces().find_map(|name| loaded.bad.get(name));
            if let Some(error) = bad {
                ticket.settle(Err(error.clone()));
                continue;
            }
            let verdict = planner.add(request, &self.known(loaded));
            let (outcome, part) = match verdict {
                Verdict::Planned(reply) => (Ok(reply), true),
                Verdict::Answered(reply) => (Ok(reply), false),
                Verdict::Refused(error) => (Err(error), false),
                Verdict::Full => {
                    // What follows waits too: nobody overtakes in a space.
                    full = true;
                    self.queue.borrow_mut().put_back(ticket);
                    continue;
                }
            };
            planned.push(Planned { ticket, outcome, part });
        }
        planned
    }

    /// One commit for the plans of all spaces: the host covers them together, or there is one.
    async fn commit_at_once(
        &self,
        spaces: &mut [PlannedSpace],
        lease_checks: Vec<Check>,
        attached: Vec<AttachedRows>,
        durability: Durability,
    ) -> Result<Commit> {
        let mut batch = Batch { durability, ..Batch::default() };
        for planned in spaces {
            if self.host.has_checks() {
                batch.checks.push(planned.check.clone());
            }
            batch.puts.append(&mut planned.take_puts());
        }
        if GUARDED_WRITES {
            batch.checks.extend(lease_checks);
            for rows in attached {
                if self.host.has_checks() {
                    batch.checks.push(rows.check);
                }
                batch.deletes.extend(rows.deletes);
                batch.puts.extend(rows.puts);
            }
        }
        self.host.commit(batch).await
    }

    /// Takes in a commit that has applied, and answers its requests. Gives those whose spaces it did not check:
    /// refusals, which hold only if the heads that they follow from are still the ones that are stored.
    fn settle_applied(
        self: &Rc<Self>,
        planned: Vec<Planned>,
        spaces: Vec<PlannedSpace>,
        durability: Durability,
        unfinished: bool,
    ) -> Vec<Planned> {
        let checked: Vec<Rc<str>> = spaces.iter().map(|planned| Rc::clone(&planned.space)).collect();
        self.applied(spaces, durability);
        if unfinished {
            // The cache must not be ahead of the rows: a TRX row is looked up beside it.
            for space in &checked {
                self.cache.borrow_mut().forget(space);
            }
        }
        let mut unchecked = Vec::new();
        for one in planned {
            if one.ticket.job.spaces().all(|space| checked.contains(space)) {
                one.ticket.settle(one.outcome.map(Outcome::Written));
            } else {
                unchecked.push(one);
            }
        }
        unchecked
    }

    /// Takes in what a commit made, and tells everybody.
    pub(crate) fn applied(self: &Rc<Self>, spaces: Vec<PlannedSpace>, durability: Durability) {
        let names: Vec<Rc<str>> = spaces.iter().map(|planned| Rc::clone(&planned.space)).collect();
        for planned in spaces {
            self.queue.borrow_mut().set_apart(&planned.space, false);
            self.note_small_rows(&planned);
            let PlannedSpace { space, head_row, head, states, .. } = planned;
            self.cache.borrow_mut().committed(&space, head_row.value, head, states, durability);
        }
        self.changed_in(&names);
        self.env.notify.notify();
    }

    /// Makes the next round read the heads of these spaces again.
    fn forget_heads(&self, spaces: &[PlannedSpace]) {
        for planned in spaces {
            self.cache.borrow_mut().forget(&planned.space);
        }
    }

    /// The rows attached to one of the requests are not what it planned from: it is refused, and the
    /// others are planned again.
    fn refuse_attached(&self, planned: Vec<Planned>, attached: usize) {
        let mut refused = None;
        let mut with_rows = 0;
        for Planned { ticket, part, .. } in planned {
            let mine = part && ticket.job.attached_rows().is_some();
            with_rows += usize::from(mine);
            if mine && with_rows == attached + 1 {
                refused = Some(ticket);
            } else {
                self.queue.borrow_mut().put_back(ticket);
            }
        }
        if let Some(ticket) = refused {
            ticket.settle(Err(attached_conflict()));
        }
    }

    /// A refusal that certainly did not apply: by size or quota, the commit is halved until the
    /// culprit is alone; anything else is everybody's.
    fn refused_by_host(&self, planned: Vec<Planned>, error: &Error) {
        if matches!(error.code(), ErrorCode::LimitExceeded | ErrorCode::QuotaExceeded) {
            let mut queue = self.queue.borrow_mut();
            queue.narrow(planned.len());
            if planned.len() > 1 {
                for one in planned {
                    queue.put_back(one.ticket);
                }
                return;
            }
        }
        fail_all(planned, error);
    }
}
