//! Committing: take what waits, load heads, plan, hand the batch to the host, settle every request.

mod lost_replies;
mod patch;
mod retry;
mod writes;

use alloc::rc::Rc;
use alloc::vec::Vec;

use super::Inner;
use super::queue::{Job, Picking, Round, Ticket};
use crate::error::{Error, Result};
use crate::kv::Atomicity;
use crate::plan::Written;

/// Commits under way at once where one commit covers one space.
const ROUNDS: usize = 16;
/// Where one commit covers everything, a second one serves a space that keeps losing races.
const ROUNDS_TOGETHER: usize = 2;

/// What a refused commit names where none of its checks failed: its redo record was given up by another instance.
pub(super) const NO_CHECK: usize = usize::MAX;

/// A request that went into a plan, and its answer once the plan has applied.
struct Planned {
    ticket: Ticket,
    outcome: Result<Vec<Written>>,
    /// Whether it adds anything to the commit: what is refused, or was stored before, does not.
    part: bool,
}

/// Answers all requests of a plan with one error.
fn fail_all(planned: Vec<Planned>, error: &Error) {
    for one in planned {
        one.ticket.settle(Err(error.clone()));
    }
}

impl Inner {
    /// Starts commits for what waits. They run as tasks of their own, so that requests made in one
    /// go share a commit, and one whose caller goes away does not take the others with it.
    pub(crate) fn kick(self: &Rc<Self>) {
        {
            let mut queue = self.queue.borrow_mut();
            if queue.scheduled {
                return;
            }
            queue.scheduled = true;
        }
        let inner = Rc::clone(self);
        self.spawn(async move { inner.start_rounds() });
    }

    /// Begins as many rounds as there are requests for, within the number that may be under way at once. A round
    /// that ends calls this again.
    fn start_rounds(self: &Rc<Self>) {
        let across_spaces = self.host.atomic() == Atomicity::Store;
        let picking = Picking { across_spaces, rounds: if across_spaces { ROUNDS_TOGETHER } else { ROUNDS } };
        {
            let mut queue = self.queue.borrow_mut();
            queue.scheduled = false;
            queue.moment = None;
        }
        loop {
            let Some(round) = self.queue.borrow_mut().next_round(picking) else {
                return;
            };
            let inner = Rc::clone(self);
            self.spawn(async move {
                let Round { tickets, spaces } = round;
                inner.run_round(tickets).await;
                inner.cache.borrow_mut().make_room(inner.queue.borrow_mut().end_round(&spaces));
                inner.start_rounds();
                inner.drained();
            });
        }
    }

    /// One round: finds out about lost replies, reads what is needed, then commits.
    async fn run_round(self: &Rc<Self>, tickets: Vec<Ticket>) {
        let tickets = self.clear_doubts(tickets).await;
        if tickets.is_empty() {
            return;
        }
        let loaded = match self.load(&tickets).await {
            Ok(loaded) => loaded,
            Err(error) => {
                for ticket in tickets {
                    ticket.settle(Err(error.clone()));
                }
                return;
            }
        };
        let mut writes = Vec::new();
        for ticket in tickets {
            let Some(ticket) = self.unless_taken_back(ticket) else { continue };
            match &ticket.job {
                Job::Write(_) => writes.push(ticket),
                Job::Patch(patch) => match loaded.bad.get(&patch.space) {
                    Some(error) => ticket.settle(Err(error.clone())),
                    None => self.commit_patch(ticket).await,
                },
            }
        }
        if !writes.is_empty() {
            self.commit_writes(writes, &loaded).await;
        }
    }

    /// Lets a request go that was taken back, or whose caller went away, while what it needs was read; `None` then. One
    /// of which an earlier try may still apply goes on, for its outcome has to be found out.
    fn unless_taken_back(&self, ticket: Ticket) -> Option<Ticket> {
        match self.check_running(ticket.tag) {
            Err(error) if ticket.is_untouched() => {
                ticket.settle(Err(error));
                None
            }
            _ if ticket.is_untouched() && ticket.reply.is_canceled() => None,
            _ => Some(ticket),
        }
    }
}
