//! Commits whose replies were lost: nothing of them is planned again before it is known what became of them.

use alloc::rc::Rc;
use alloc::vec::Vec;

use super::{Inner, Planned};
use crate::error::{Error, Result};
use crate::plan::PlannedSpace;
use crate::sorted::SortedMap;
use crate::store::load::{Applied, SeenHeads};
use crate::store::queue::{Doubt, Job, Outcome, Ticket, Witness};

/// Lost replies that a request may meet before its caller is told that nobody knows.
pub(super) const MOST_UNCLEAR: u32 = 4;

impl Inner {
    /// The reply was lost: whether the commit applied is found out before anything of it is planned
    /// again.
    pub(super) async fn doubt(
        self: &Rc<Self>,
        planned: Vec<Planned>,
        spaces: &[PlannedSpace],
        nonce: u64,
        error: &Error,
    ) {
        let mut most = 0;
        let mut again = Vec::new();
        for Planned { mut ticket, outcome, part } in planned {
            ticket.unclear += 1;
            most = most.max(ticket.unclear);
            // What was no part of the commit is looked at again.
            if let (true, Ok(reply), Job::Write(request)) = (part, outcome, &ticket.job)
                && let Some(write) = request.writes.first()
            {
                let planned = spaces.iter().find(|planned| planned.space == write.space);
                let witnesses = request.writes.iter().zip(&reply).map(|(write, written)| Witness {
                    space: Rc::clone(&write.space),
                    segment: Rc::clone(&write.segment),
                    sequence: written.last_sequence,
                    id: written.last_id,
                    trx: request.trx_id,
                });
                ticket.doubts.push(Doubt {
                    space: Rc::clone(&write.space),
                    base: planned.and_then(|planned| planned.check.value.clone()),
                    nonce,
                    witnesses: witnesses.collect(),
                    reply: Outcome::Written(reply),
                    error: error.clone(),
                });
            }
            if ticket.unclear > MOST_UNCLEAR {
                ticket.settle(Err(error.clone()));
            } else {
                again.push(ticket);
            }
        }
        self.pause(most + 1).await;
        for ticket in again {
            self.queue.borrow_mut().put_back(ticket);
        }
    }

    /// Finds out about commits whose replies were lost. Gives the requests that must be planned: all
    /// of them, or none while the host does not answer, so that nobody overtakes.
    pub(super) async fn clear_doubts(self: &Rc<Self>, tickets: Vec<Ticket>) -> Vec<Ticket> {
        let mut open = Vec::new();
        let mut heads = SortedMap::new();
        let mut failed = 0;
        for mut ticket in tickets {
            if failed > 0 {
                open.push(ticket);
                continue;
            }
            match self.clear_doubts_of(&mut ticket, &mut heads).await {
                Ok(None) => open.push(ticket),
                Ok(Some(result)) => ticket.settle(result),
                Err(error) if ticket.unclear >= MOST_UNCLEAR => ticket.settle(Err(error)),
                Err(_) => {
                    ticket.unclear += 1;
                    failed = ticket.unclear;
                    open.push(ticket);
                }
            }
        }
        if failed == 0 {
            return open;
        }
        self.pause(failed + 1).await;
        for ticket in open {
            self.queue.borrow_mut().put_back(ticket);
        }
        Vec::new()
    }

    /// What became of a request's earlier tries: its result, or `None` while none of them applied.
    async fn clear_doubts_of(
        self: &Rc<Self>,
        ticket: &mut Ticket,
        heads: &mut SeenHeads,
    ) -> Result<Option<Result<Outcome>>> {
        let mut index = 0;
        while let Some(doubt) = ticket.doubts.get(index) {
            match self.has_applied(doubt, heads).await? {
                Applied::NotYet => index += 1,
                Applied::Never => drop(ticket.doubts.remove(index)),
                Applied::Unknowable => return Ok(Some(Err(doubt.error.clone()))),
                Applied::Yes => {
                    self.changed();
                    return Ok(Some(Ok(ticket.doubts.remove(index).reply)));
                }
            }
        }
        Ok(None)
    }
}
