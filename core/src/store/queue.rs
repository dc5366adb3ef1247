//! Requests waiting for a commit, in strict arrival order for each space.

use alloc::boxed::Box;
use alloc::format;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::fmt;

use futures_channel::oneshot;

use super::answer::Answer;
use crate::error::{Error, ErrorCode, Result};
use crate::id::EntryId;
use crate::kv::{Bytes, Durability, Put};
use crate::layout::space::SpaceHead;
use crate::plan::{AttachedRows, WriteRequest, Written};
use crate::sorted::{SortedMap, SortedSet};

/// A change of a space that appends nothing: merging, collecting, importing.
pub(crate) struct Patch {
    pub(crate) space: Rc<str>,
    /// Changes the head, or says why not.
    pub(crate) edit: Box<dyn Fn(&mut SpaceHead) -> Result>,
    pub(crate) puts: Vec<Put>,
    pub(crate) deletes: Vec<Bytes>,
    pub(crate) durability: Durability,
}

impl fmt::Debug for Patch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patch")
            .field("space", &self.space)
            .field("puts", &self.puts.len())
            .field("deletes", &self.deletes.len())
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
pub(crate) enum Job {
    Write(WriteRequest),
    Patch(Patch),
}

impl Job {
    pub(crate) fn spaces(&self) -> impl Iterator<Item = &Rc<str>> {
        let (writes, more) = match self {
            Self::Write(request) => (request.writes.as_slice(), request.trim().map(|trim| &trim.space)),
            Self::Patch(patch) => (Default::default(), Some(&patch.space)),
        };
        writes.iter().map(|write| &write.space).chain(more)
    }

    /// What it must survive.
    pub(crate) fn durability(&self) -> Durability {
        match self {
            Self::Write(request) => request.durability,
            Self::Patch(patch) => patch.durability,
        }
    }

    /// The rows that a write changes besides those of its spaces.
    pub(crate) fn attached_rows(&self) -> Option<&AttachedRows> {
        match self {
            Self::Write(request) => request.rows(),
            Self::Patch(_) => None,
        }
    }

    /// Whether it appends to this space, and does nothing else.
    fn is_write_to(&self, space: &Rc<str>) -> bool {
        matches!(self, Self::Write(_))
            && self.attached_rows().is_none()
            && self.spaces().all(|one| one == space)
    }

    /// Whether all of it is about one space.
    pub(crate) fn is_of_one_space(&self) -> bool {
        if self.attached_rows().is_some() {
            return false;
        }
        let mut spaces = self.spaces();
        let first = spaces.next();
        spaces.all(|space| Some(space) == first)
    }
}

/// What a job gives.
#[derive(Debug)]
pub(crate) enum Outcome {
    Written(Vec<Written>),
    Patched,
}

impl Outcome {
    /// What each write made.
    pub(crate) fn written(self) -> Vec<Written> {
        match self {
            Self::Written(written) => written,
            Self::Patched => Vec::new(),
        }
    }
}

/// A commit whose reply was lost, as one of its requests sees it: how to find out whether it applied,
/// and what to answer then.
#[derive(Debug)]
pub(crate) struct Doubt {
    /// A space of the request.
    pub(crate) space: Rc<str>,
    /// The space's head that was planned from: while it stands, the commit may still apply, late.
    pub(crate) base: Option<Bytes>,
    pub(crate) nonce: u64,
    /// What the request made, write by write. A patch leaves nothing to look for.
    pub(crate) witnesses: Vec<Witness>,
    /// The answer, if it applied.
    pub(crate) reply: Outcome,
    pub(crate) error: Error,
}

/// The last entry of a write, which is there if a commit applied. Tries of one request share the TRX, but not all ids.
#[derive(Debug)]
pub(crate) struct Witness {
    pub(crate) space: Rc<str>,
    pub(crate) segment: Rc<str>,
    pub(crate) sequence: u64,
    pub(crate) id: EntryId,
    pub(crate) trx: uuid::Uuid,
}

/// Who hears what became of a request.
pub(crate) enum Reply {
    /// A future, which may be dropped.
    Waits(oneshot::Sender<Result<Outcome>>),
    /// Somebody who left word what to do then.
    Told(Answer<Outcome>),
}

impl Reply {
    fn send(self, result: Result<Outcome>) {
        match self {
            // A caller that went away does not want the answer.
            Self::Waits(sender) => drop(sender.send(result)),
            Self::Told(answer) => answer.give(result),
        }
    }

    /// Whether nobody wants to hear it any more.
    pub(crate) fn is_canceled(&self) -> bool {
        matches!(self, Self::Waits(sender) if sender.is_canceled())
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Waits(_) => "Waits",
            Self::Told(_) => "Told",
        })
    }
}

/// A request in the queue.
#[derive(Debug)]
pub(crate) struct Ticket {
    /// Its place in the queue: lower ones came before it.
    pub(crate) order: u64,
    /// What `Store::cancel` knows it by; 0: nothing.
    pub(crate) tag: u64,
    pub(crate) job: Job,
    pub(crate) reply: Reply,
    /// Races lost so far.
    pub(crate) lost: u32,
    /// Replies lost so far.
    pub(crate) unclear: u32,
    /// Tries that applied, or may still apply. Every one of them is kept until it is known that it
    /// never will: a later try of the same request does not settle what became of an earlier one.
    pub(crate) doubts: Vec<Doubt>,
}

impl Ticket {
    /// Whether nothing of it can have been applied, not even late.
    pub(crate) fn is_untouched(&self) -> bool {
        self.doubts.is_empty()
    }

    /// Answers the request. Where an earlier try may still be applied late, every error says so.
    pub(crate) fn settle(self, result: Result<Outcome>) {
        let result = match result {
            Err(error) if !self.is_untouched() && !error.may_have_applied() => {
                let message = error.message();
                let unknown = Error::unknown(format!(
                    "{message}; an earlier try, whose reply was lost, may still apply"
                ));
                // A refusal may be another one next time; a host that is gone for good is so then too.
                Err(unknown.retryable(error.is_retryable() || error.code() != ErrorCode::Unavailable))
            }
            other => other,
        };
        self.reply.send(result);
    }
}

/// Most requests of one commit: what a plan can hold in memory comfortably.
const MOST_OF_ONE_ROUND: usize = 8192;

/// How a round may pick.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Picking {
    /// One commit covers several spaces.
    pub(crate) across_spaces: bool,
    /// Most commits under way at once.
    pub(crate) rounds: usize,
}

/// All requests that wait, and the spaces that a commit is about.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: SortedMap<u64, Ticket>,
    next_order: u64,
    /// Spaces that the commits under way are about.
    busy: SortedSet<Rc<str>>,
    /// Spaces that lost a race: they are planned apart, so that others need not plan again with them.
    apart: SortedSet<Rc<str>>,
    /// After a refusal by size: most requests of one commit.
    at_most: Option<usize>,
    /// Commits under way.
    rounds: usize,
    /// The next start of rounds is on its way.
    pub(crate) scheduled: bool,
    /// The time for those that are queued while the next start is scheduled, once one has asked.
    pub(crate) moment: Option<u64>,
}

/// Requests taken for one commit, and the spaces that are busy until it ends.
#[derive(Debug)]
pub(crate) struct Round {
    pub(crate) tickets: Vec<Ticket>,
    pub(crate) spaces: SortedSet<Rc<str>>,
}

impl Queue {
    pub(crate) fn push(&mut self, job: Job, tag: u64, reply: Reply) -> u64 {
        let order = self.next_order;
        self.next_order += 1;
        self.waiting
            .insert(order, Ticket { order, tag, job, reply, lost: 0, unclear: 0, doubts: Vec::new() });
        order
    }

    /// Puts a request back where it stood.
    pub(crate) fn put_back(&mut self, ticket: Ticket) {
        self.waiting.insert(ticket.order, ticket);
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.rounds == 0
    }

    /// Takes out the request at a place, if it still waits there and nothing of it can have been applied. What it is
    /// answered by may use the queue when it is dropped.
    #[must_use]
    pub(crate) fn withdraw(&mut self, order: u64) -> Option<Ticket> {
        if self.waiting.get(&order).is_some_and(Ticket::is_untouched) {
            self.waiting.remove(&order)
        } else {
            None
        }
    }

    /// The same of a request known by its tag: its place.
    pub(crate) fn tagged(&self, tag: u64) -> Option<u64> {
        self.waiting
            .values()
            .find(|ticket| ticket.tag == tag && ticket.is_untouched())
            .map(|ticket| ticket.order)
    }

    pub(crate) fn set_apart(&mut self, space: &Rc<str>, apart: bool) {
        if apart {
            self.apart.insert(Rc::clone(space));
        } else {
            self.apart.remove(space);
        }
    }

    /// Takes the requests of the next commit: in arrival order, and nothing past a request of the
    /// same space that is not taken. A patch goes alone in its space; a transaction that one commit
    /// cannot cover goes alone altogether. A space that has lost a race is planned apart: either it is
    /// not taken, or, where it comes first, nothing of other spaces is. `None`: there is nothing to take, or
    /// as many commits as may be are under way.
    pub(crate) fn next_round(&mut self, picking: Picking) -> Option<Round> {
        if self.rounds >= picking.rounds {
            return None;
        }
        let mut blocked = self.busy.clone();
        let mut taken: Vec<u64> = Vec::new();
        let mut spaces: SortedSet<Rc<str>> = SortedSet::new();
        let at_most = self.at_most.unwrap_or(MOST_OF_ONE_ROUND);
        // The request taken last goes alone: nothing else is taken.
        let mut alone = false;
        // The space of the request before, where that was taken. Another write to this space alone can be taken without
        // looking any further, as most can where many appends to one space are in flight.
        let mut before: Option<&Rc<str>> = None;
        for (order, ticket) in self.waiting.iter() {
            if alone || taken.len() >= at_most {
                break;
            }
            if before.is_some_and(|space| ticket.job.is_write_to(space)) {
                taken.push(*order);
                continue;
            }
            before = None;
            // Free: none of its spaces is in a commit, or has an earlier request that was left waiting.
            let free = ticket.job.spaces().all(|space| !blocked.contains(space));
            let first = taken.is_empty();
            let contended = ticket.job.spaces().any(|space| self.apart.contains(space));
            let same = ticket.job.spaces().all(|space| spaces.contains(space));
            // Whether it may share a commit with what was taken before it.
            let fits = match &ticket.job {
                Job::Patch(_) => first,
                Job::Write(_) if first => true,
                Job::Write(_) if same => true,
                Job::Write(_) => picking.across_spaces && !contended,
            };
            if !free || !fits {
                blocked.extend(ticket.job.spaces().cloned());
                continue;
            }
            alone = match &ticket.job {
                Job::Patch(_) => true,
                Job::Write(_) => !picking.across_spaces && !ticket.job.is_of_one_space(),
            };
            if first && contended {
                // Everything else waits for another round.
                let mine: SortedSet<_> = ticket.job.spaces().cloned().collect();
                let others = self.waiting.values().flat_map(|other| other.job.spaces());
                blocked.extend(others.filter(|space| !mine.contains(*space)).cloned());
            }
            spaces.extend(ticket.job.spaces().cloned());
            taken.push(*order);
            before = ticket.job.spaces().next();
        }
        if taken.is_empty() {
            return None;
        }
        let tickets = if taken.len() == self.waiting.len() {
            self.drain()
        } else {
            taken.iter().filter_map(|order| self.waiting.remove(order)).collect()
        };
        self.busy.extend(spaces.iter().cloned());
        self.rounds += 1;
        Some(Round { tickets, spaces })
    }

    /// A commit of so many requests was refused by its size: those to come are half as large, until the culprit is
    /// alone. Where there is no room at all, the ones behind it find that out alone as well.
    pub(crate) fn narrow(&mut self, refused: usize) {
        self.at_most = Some((refused / 2).max(1));
    }

    /// A commit went through: if they were narrowed, those to come may be twice as large again.
    pub(crate) fn widen(&mut self) {
        self.at_most = self.at_most.map(|most| 2 * most).filter(|most| *most < MOST_OF_ONE_ROUND);
    }

    /// Gives the spaces that other commits are about.
    pub(crate) fn end_round(&mut self, spaces: &SortedSet<Rc<str>>) -> &SortedSet<Rc<str>> {
        for space in spaces.iter() {
            self.busy.remove(space);
        }
        self.rounds -= 1;
        &self.busy
    }

    /// Takes everything that waits.
    pub(crate) fn drain(&mut self) -> Vec<Ticket> {
        core::mem::take(&mut self.waiting).into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use alloc::borrow::ToOwned;
    use alloc::vec;

    use uuid::Uuid;

    use super::*;
    use crate::kv::Check;
    use crate::plan::{Attached, Write};

    /// One commit covers the whole store, or one space.
    const TOGETHER: Picking = Picking { across_spaces: true, rounds: 9 };
    const BY_SPACE: Picking = Picking { across_spaces: false, rounds: 9 };

    /// A write to spaces of one letter.
    fn write(spaces: &str) -> Job {
        let one = |space: &str| Write {
            space: Rc::from(space),
            segment: Rc::from("segment"),
            entries: Vec::new().into(),
            count: 1,
            logical: 0,
            expected: None,
            sequences: None,
            stream: None,
        };
        Job::Write(WriteRequest {
            writes: spaces.split("").filter(|space| !space.is_empty()).map(one).collect(),
            trx_id: Uuid::nil(),
            trx_supplied: false,
            trx_number: None,
            lease: None,
            durability: Durability::Relaxed,
            attached: Attached::default(),
        })
    }

    fn with_rows(mut job: Job) -> Job {
        if let Job::Write(request) = &mut job {
            request.attached.rows = Some(Box::new(AttachedRows {
                space: "g".to_owned(),
                group: "group".to_owned(),
                check: Check { key: Vec::new(), value: None },
                deletes: Vec::new(),
                puts: Vec::new(),
            }));
        }
        job
    }

    fn patch(space: &str) -> Job {
        Job::Patch(Patch {
            space: Rc::from(space),
            edit: Box::new(|_| Ok(())),
            puts: Vec::new(),
            deletes: Vec::new(),
            durability: Durability::Relaxed,
        })
    }

    fn push(queue: &mut Queue, job: Job, tag: u64) -> oneshot::Receiver<Result<Outcome>> {
        let (sender, receiver) = oneshot::channel();
        queue.push(job, tag, Reply::Waits(sender));
        receiver
    }

    fn queue_of(jobs: Vec<Job>) -> Queue {
        let mut queue = Queue::default();
        for job in jobs {
            drop(push(&mut queue, job, 0));
        }
        queue
    }

    fn orders(round: Option<&Round>) -> Vec<u64> {
        round.map_or_else(Vec::new, |round| round.tickets.iter().map(|ticket| ticket.order).collect())
    }

    /// What each round takes, each ended before the next.
    fn rounds(mut queue: Queue, picking: Picking) -> Vec<Vec<u64>> {
        let mut taken = Vec::new();
        while let Some(round) = queue.next_round(picking) {
            taken.push(orders(Some(&round)));
            queue.end_round(&round.spaces);
        }
        assert!(queue.is_idle());
        taken
    }

    fn in_doubt(mut ticket: Ticket) -> Ticket {
        ticket.doubts.push(Doubt {
            space: Rc::from("a"),
            base: None,
            nonce: 1,
            witnesses: Vec::new(),
            reply: Outcome::Patched,
            error: Error::unavailable("lost"),
        });
        ticket
    }

    #[test]
    fn what_one_commit_covers_goes_together() {
        let jobs = || vec![write("a"), write("b"), write("a"), write("ab"), write("b")];
        assert_eq!(rounds(queue_of(jobs()), TOGETHER), [vec![0, 1, 2, 3, 4]]);
        assert_eq!(rounds(queue_of(jobs()), BY_SPACE), [vec![0, 2], vec![1], vec![3], vec![4]]);
    }

    #[test]
    fn a_patch_goes_alone_and_nobody_overtakes_it_in_its_space() {
        let jobs = vec![write("a"), patch("a"), write("b"), write("a"), patch("a")];
        assert_eq!(rounds(queue_of(jobs), TOGETHER), [vec![0, 2], vec![1], vec![3], vec![4]]);
    }

    #[test]
    fn spaces_of_a_commit_under_way_are_left_alone() {
        let mut queue = queue_of(vec![write("ab"), write("b"), write("c"), write("bc"), write("c")]);
        queue.at_most = Some(1);
        let first = queue.next_round(TOGETHER);
        assert_eq!(orders(first.as_ref()), [0]);
        let second = queue.next_round(TOGETHER);
        assert_eq!(orders(second.as_ref()), [2], "what is behind a request that waits, waits too");
        assert!(queue.next_round(TOGETHER).is_none());
        queue.end_round(&first.expect("a round").spaces);
        queue.end_round(&second.expect("a round").spaces);
        queue.at_most = None;
        assert_eq!(rounds(queue, TOGETHER), [vec![1, 3, 4]]);
    }

    #[test]
    fn commits_that_were_refused_by_size_become_small_and_then_large_again() {
        let mut queue = Queue::default();
        let mut take = |change: fn(&mut Queue)| {
            change(&mut queue);
            for _ in 0..8 {
                drop(push(&mut queue, write("a"), 0));
            }
            let round = queue.next_round(TOGETHER).expect("a round");
            queue.end_round(&round.spaces);
            queue.drain();
            round.tickets.len()
        };
        assert_eq!(take(|queue| queue.narrow(8)), 4);
        assert_eq!(take(|queue| queue.narrow(4)), 2);
        assert_eq!(take(|_| {}), 2, "until one goes through");
        assert_eq!(take(|queue| queue.narrow(2)), 1);
        assert_eq!(take(|queue| queue.narrow(1)), 1);
        assert_eq!(take(Queue::widen), 2);
        assert_eq!(take(Queue::widen), 4);
        for _ in 0..13 {
            take(Queue::widen);
        }
        assert_eq!(queue.at_most, None);
    }

    #[test]
    fn a_space_that_lost_a_race_is_planned_by_itself() {
        let contended = |jobs| {
            let mut queue = queue_of(jobs);
            queue.set_apart(&Rc::from("a"), true);
            queue
        };
        let last = vec![write("b"), write("a"), write("b")];
        assert_eq!(rounds(contended(last), TOGETHER), [vec![0, 2], vec![1]]);
        let first = || vec![write("a"), write("b"), write("a"), write("ab")];
        assert_eq!(rounds(contended(first()), TOGETHER), [vec![0, 2], vec![1], vec![3]]);
        let mut queue = contended(first());
        queue.set_apart(&Rc::from("a"), false);
        assert_eq!(rounds(queue, TOGETHER), [vec![0, 1, 2, 3]]);
    }

    #[cfg(feature = "guarded-writes")]
    #[test]
    fn rows_of_a_group_end_a_commit_that_covers_one_space() {
        let jobs = || vec![with_rows(write("a")), write("a"), write("b")];
        assert_eq!(rounds(queue_of(jobs()), BY_SPACE), [vec![0], vec![1], vec![2]]);
        assert_eq!(rounds(queue_of(jobs()), TOGETHER), [vec![0, 1, 2]]);
    }

    #[test]
    fn only_so_many_commits_are_under_way() {
        let picking = Picking { across_spaces: false, rounds: 2 };
        let mut queue = queue_of(vec![write("a"), write("b"), write("c")]);
        assert!(!queue.is_idle(), "three requests wait");
        let first = queue.next_round(picking).expect("a round");
        assert!(queue.next_round(picking).is_some());
        assert!(queue.next_round(picking).is_none());
        queue.end_round(&first.spaces);
        assert_eq!(orders(queue.next_round(picking).as_ref()), [2]);
        assert!(!queue.is_idle(), "two commits are under way");
    }

    #[test]
    fn what_waits_can_be_taken_back_unless_a_try_may_still_apply() {
        let mut queue = Queue::default();
        let mut answers: Vec<_> = (1..=3).map(|tag| push(&mut queue, write("a"), tag)).collect();
        let mut told = |n: usize| answers.get_mut(n).and_then(|answer| answer.try_recv().ok()).flatten();
        assert_eq!((queue.tagged(4), queue.tagged(2)), (None, Some(1)));
        assert!(queue.withdraw(1).is_some_and(|ticket| ticket.tag == 2));
        assert!(queue.withdraw(1).is_none(), "it is gone");
        let round = queue.next_round(TOGETHER).expect("a round");
        queue.end_round(&round.spaces);
        for ticket in round.tickets {
            let ticket = if ticket.tag == 1 { in_doubt(ticket) } else { ticket };
            queue.put_back(ticket);
        }
        assert_eq!(queue.tagged(1), None, "it may have been stored");
        assert!(queue.withdraw(0).is_none(), "it may have been stored");
        assert!(queue.withdraw(2).is_some());
        assert_eq!(rounds(queue, TOGETHER), [[0]]);
        assert!((0..3).all(|n| told(n).is_none()));
    }

    #[test]
    fn an_error_of_a_request_that_may_have_applied_says_so() {
        let mut queue = Queue::default();
        let mut answers: Vec<_> = (1..=4).map(|tag| push(&mut queue, write("a"), tag)).collect();
        let tickets = queue.drain();
        let refused = || Error::invalid("refused");
        let gone = Error::unavailable("gone").retryable(false);
        let errors = [refused(), refused(), Error::unavailable("lost again"), gone];
        for (ticket, error) in tickets.into_iter().zip(errors) {
            let ticket = if ticket.tag == 1 { ticket } else { in_doubt(ticket) };
            ticket.settle(Err(error));
        }
        let told: Vec<_> = answers
            .iter_mut()
            .filter_map(|answer| answer.try_recv().ok().flatten()?.err())
            .map(|error| (error.code(), error.may_have_applied(), error.is_retryable()))
            .collect();
        let certain = (ErrorCode::InvalidArgument, false, false);
        let lost = (ErrorCode::Unavailable, true, true);
        let lost_for_good = (ErrorCode::Unavailable, true, false);
        assert_eq!(told, [certain, lost, lost, lost_for_good]);
    }
}
