//! Commits whose replies were lost: nothing of them is planned again before it is known what became of them.

use alloc::rc::Rc;
use alloc::vec::Vec;

use super::{Inner, Planned};
use crate::error::{Error, Result};
use crate::kv::{Atomicity, Bytes};
use crate::layout::segment::SegmentHead;
use crate::layout::space::SpaceHead;
use crate::layout::{segment, space};
use crate::plan::PlannedSpace;
use crate::sorted::SortedMap;
use crate::store::load::{MOST_PENDING, decode_head};
use crate::store::queue::{Doubt, Job, Outcome, Ticket, Witness};

/// Lost replies that a request may meet before its caller is told that nobody knows.
pub(super) const MOST_UNCLEAR: u32 = 4;

/// What became of a commit whose reply was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Applied {
    Yes,
    /// Not so far: the head it was planned from stands.
    NotYet,
    /// Another commit came before it.
    Never,
    /// What would tell is gone.
    Unknowable,
}

/// Heads that were read to find out about lost replies.
type SeenHeads = SortedMap<Rc<str>, (Option<Bytes>, SpaceHead)>;

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
                Ok(None) => open.extend(self.unless_given_up(ticket)),
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

    /// Answers a request that was taken back after a try whose reply was lost: nobody knows, and another try would be
    /// one more that the caller does not want.
    fn unless_given_up(&self, ticket: Ticket) -> Option<Ticket> {
        match ticket.doubts.last().map(|doubt| doubt.error.clone()) {
            Some(error) if self.check_running(ticket.tag).is_err() => {
                ticket.settle(Err(error));
                None
            }
            _ => Some(ticket),
        }
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

    /// Whether a commit whose reply was lost has applied. `heads`: what was seen of spaces that nobody
    /// else plans from meanwhile.
    async fn has_applied(self: &Rc<Self>, doubt: &Doubt, heads: &mut SeenHeads) -> Result<Applied> {
        if !heads.contains_key(&doubt.space) {
            let seen = self.settled_head(&doubt.space).await?;
            heads.insert(Rc::clone(&doubt.space), seen);
        }
        let Some((row, head)) = heads.get(&doubt.space) else {
            return Ok(Applied::Unknowable);
        };
        if head.nonce == doubt.nonce && head.revision > 0 {
            return Ok(Applied::Yes);
        }
        if *row == doubt.base {
            // It may still be under way. Planned from this very head, the next commit and the lost one
            // exclude each other; from a head that is read again they would not.
            if self.host.has_checks() {
                self.cache.borrow_mut().put_space(&doubt.space, row.clone())?;
            }
            return Ok(Applied::NotYet);
        }
        // The head that it checks is gone for good.
        let head = head.clone();
        let mut found = Applied::Unknowable;
        for witness in &doubt.witnesses {
            found = self.is_there(witness, &head).await?;
            if found != Applied::Yes {
                break;
            }
        }
        Ok(found)
    }

    /// Whether the entry is there, as the last one of its TRX in its segment. `head`: that of the space of the request's first write.
    async fn is_there(&self, witness: &Witness, head: &SpaceHead) -> Result<Applied> {
        let Witness { space, segment, sequence, id, trx } = witness;
        match self.next_block(space, segment, *sequence, &head.voids).await? {
            Some(found) if found.first_sequence <= *sequence => {
                let run = found.runs.iter().find(|run| run.last_sequence() >= *sequence);
                let mine = run.is_some_and(|run| {
                    let n = sequence.checked_sub(run.first_sequence).map(|n| run.first_id.n + n);
                    run.trx.id == *trx && run.first_id.ms == id.ms && n == Some(id.n)
                });
                // Where commits are not atomic, a block without its head is a leftover.
                let committed =
                    self.host.atomic() != Atomicity::None || *id <= head.last_id && !head.voids.contains(*id);
                if !mine || !committed {
                    return Ok(Applied::Never);
                }
                // A later try of the same request may have written all of this, and then some: where others wrote to one
                // of its segments in between, that part has moved up while the others are where they were.
                let next = self.next_block(space, segment, *sequence + 1, &head.voids).await?;
                let after =
                    next.and_then(|next| next.runs.into_iter().find(|run| run.last_sequence() > *sequence));
                Ok(if after.is_some_and(|run| run.trx.id == *trx) { Applied::Never } else { Applied::Yes })
            }
            _ => {
                let row = self.host.get_one(segment::key(space, segment)).await?;
                let last = match row {
                    Some(row) => SegmentHead::decode(&row)?.last_sequence,
                    None => 0,
                };
                let carried = head.carried(segment).map_or(0, |head| head.last_sequence);
                // Present once, but trimmed since: whose it was is gone with it.
                Ok(if last.max(carried) < *sequence { Applied::Never } else { Applied::Unknowable })
            }
        }
    }

    /// A space's head once no transaction waits in it.
    async fn settled_head(self: &Rc<Self>, name: &str) -> Result<(Option<Bytes>, SpaceHead)> {
        let key = space::key(name);
        let mut row = self.host.get_one(key.clone()).await?;
        let mut head = decode_head(row.as_deref(), &key)?;
        for attempt in 0..MOST_PENDING {
            if head.pending.is_nil() {
                break;
            }
            self.resolve_pending(name, head.pending).await?;
            self.pause(attempt).await;
            row = self.host.get_one(key.clone()).await?;
            head = decode_head(row.as_deref(), &key)?;
        }
        Ok((row, head))
    }
}
