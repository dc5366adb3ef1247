//! Committing: take what waits, load heads, plan, hand the batch to the host, settle every request.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::pin::Pin;
use core::task::{Context, Waker};

use futures_task::LocalFutureObj;

use super::Inner;
use super::load::{Applied, Loaded, SeenHeads};
use super::queue::{Doubt, Job, Outcome, Patch, Picking, Round, Ticket, Witness};
use crate::error::{Detail, Error, ErrorCode, Result};
use crate::kv::{Atomicity, Batch, Check, Commit, Put};
use crate::layout::space;
use crate::plan::{AttachedRows, GUARDED_WRITES, PlannedSpace, Planner, Verdict, Written, attached_conflict};
use crate::sorted::{SortedMap, SortedSet};

/// Races that a request may lose before its caller gets `CONFLICT`.
const MOST_LOST: u32 = 32;
/// Lost replies that a request may meet before its caller is told that nobody knows.
const MOST_UNCLEAR: u32 = 4;
/// From so many lost tries on there is a pause before the next one.
const FIRST_PAUSE: u32 = 2;
/// Longest pause between two tries, in milliseconds.
const LONGEST_PAUSE: u64 = 128;
/// Commits under way at once where one commit covers one space.
const ROUNDS: usize = 16;
/// Where one commit covers everything, a second one serves a space that keeps losing races.
const ROUNDS_TOGETHER: usize = 2;

fn lost_too_many() -> Error {
    Error::new(ErrorCode::Conflict, "too many other writers: every try lost its race")
}

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

    /// Runs a task. Its first step is taken before this returns, so that whatever the caller does next comes after it.
    pub(crate) fn start(self: &Rc<Self>, task: impl Future<Output = ()> + 'static) {
        let mut task: Pin<Box<dyn Future<Output = ()>>> = Box::pin(task);
        // Nobody is woken through this first waker: where the task waits, the executor polls it again with its own.
        if task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            self.spawn(task);
        }
    }

    /// Runs a task later. Where the executor takes no more tasks, the store is closed.
    pub(crate) fn spawn(self: &Rc<Self>, task: impl Future<Output = ()> + 'static) {
        let task = LocalFutureObj::new(Box::new(task));
        if self.env.spawn.spawn_local_obj(task).is_err() {
            // Nothing will ever run again: whoever waits must hear of it.
            self.closed.set(true);
            for ticket in self.queue.borrow_mut().drain() {
                ticket.settle(Err(Error::new(ErrorCode::Closed, "the executor has shut down")));
            }
            self.end_waits();
        }
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
                inner.queue.borrow_mut().end_round(&spaces);
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
            Err(mut error) => {
                // Nothing was handed to the host for these.
                if error.code() == ErrorCode::Unavailable {
                    error = error.with("applied", Detail::Flag(false));
                }
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

    /// Plans writes into one commit, hands that to the host, and settles every request.
    async fn commit_writes(self: &Rc<Self>, tickets: Vec<Ticket>, loaded: &Loaded) {
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
        let finished = self.with_packing(false, |packing| planner.finish(nonce, carry, packing));
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
                let unchecked = self.settle_applied(planned, spaces, unfinished);
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

    /// Takes in a commit that has applied, and answers its requests. Gives those whose spaces it did not check:
    /// refusals, which hold only if the heads that they follow from are still the ones that are stored.
    fn settle_applied(
        self: &Rc<Self>,
        planned: Vec<Planned>,
        spaces: Vec<PlannedSpace>,
        unfinished: bool,
    ) -> Vec<Planned> {
        let checked: Vec<Rc<str>> = spaces.iter().map(|planned| Rc::clone(&planned.space)).collect();
        self.applied(spaces);
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

    /// Makes the next round read the heads of these spaces again.
    fn forget_heads(&self, spaces: &[PlannedSpace]) {
        for planned in spaces {
            self.cache.borrow_mut().forget(&planned.space);
        }
    }

    /// One commit for the plans of all spaces: the host covers them together, or there is one.
    async fn commit_at_once(
        &self,
        spaces: &mut [PlannedSpace],
        lease_checks: Vec<Check>,
        attached: Vec<AttachedRows>,
        durability: crate::kv::Durability,
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

    /// The rows attached to one of the requests are not what it planned from: it is refused, and the
    /// others are planned again.
    fn refuse_attached(&self, planned: Vec<Planned>, attached: usize) {
        let mut queue = self.queue.borrow_mut();
        let mut with_rows = 0;
        for Planned { ticket, part, .. } in planned {
            let mine = part && ticket.job.attached_rows().is_some();
            with_rows += usize::from(mine);
            if mine && with_rows == attached + 1 {
                ticket.settle(Err(attached_conflict()));
            } else {
                queue.put_back(ticket);
            }
        }
    }

    /// Takes in what a commit made, and tells everybody.
    pub(crate) fn applied(self: &Rc<Self>, spaces: Vec<PlannedSpace>) {
        let names: Vec<Rc<str>> = spaces.iter().map(|planned| Rc::clone(&planned.space)).collect();
        for planned in spaces {
            self.queue.borrow_mut().set_apart(&planned.space, false);
            self.note_small_rows(&planned);
            let PlannedSpace { space, head_row, head, states, .. } = planned;
            self.cache.borrow_mut().committed(&space, head_row.value, head, states);
        }
        self.changed_in(&names);
        self.env.notify.notify();
    }

    /// Another writer got in: plan again from what is there now. Requests of other spaces of the
    /// same commit lost nothing by themselves.
    async fn lost_race(
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

    /// The reply was lost: whether the commit applied is found out before anything of it is planned
    /// again.
    async fn doubt(
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
    async fn clear_doubts(self: &Rc<Self>, tickets: Vec<Ticket>) -> Vec<Ticket> {
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

    /// A refusal that certainly did not apply: by size or quota, the commit is halved until the
    /// culprit is alone; anything else is everybody's.
    fn refused_by_host(&self, planned: Vec<Planned>, error: &Error) {
        let by_size = matches!(error.code(), ErrorCode::LimitExceeded | ErrorCode::QuotaExceeded);
        if by_size && planned.len() > 1 {
            let mut queue = self.queue.borrow_mut();
            queue.at_most = Some(planned.len() / 2);
            for one in planned {
                queue.put_back(one.ticket);
            }
            return;
        }
        fail_all(planned, error);
    }

    /// Gives refusals and repeated answers, once it is certain that the heads which they follow from
    /// are still the ones that are stored.
    async fn confirm(self: &Rc<Self>, planned: Vec<Planned>) {
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

    /// Commits a change of a space that appends nothing.
    async fn commit_patch(self: &Rc<Self>, ticket: Ticket) {
        let Job::Patch(patch) = &ticket.job else {
            return;
        };
        let name = Rc::clone(&patch.space);
        let known = self.cache.borrow().space(&name).map(|known| (known.base.clone(), known.head.clone()));
        let (base, mut head) = known.unwrap_or((None, space::SpaceHead::EMPTY));
        let layout = head.layout;
        if let Err(error) = (patch.edit)(&mut head) {
            self.confirm(Vec::from([Planned { ticket, outcome: Err(error), part: false }])).await;
            return;
        }
        // Where only rows are moved, nobody sees anything else: who waits need not look.
        let is_seen = head.layout == layout;
        head.revision = head.revision.wrapping_add(1);
        head.nonce = self.nonce();
        let nonce = head.nonce;
        let key = space::key(&name);
        let head_row = head.encode();
        let result = self.commit_patched(patch, &key, base.clone(), head_row.clone()).await;
        match result {
            Ok(Commit::Applied) => {
                self.queue.borrow_mut().set_apart(&name, false);
                self.cache.borrow_mut().committed(&name, head_row, head, Vec::new());
                if is_seen {
                    self.changed_in(&[name]);
                    self.env.notify.notify();
                }
                ticket.settle(Ok(Outcome::Patched));
            }
            Ok(Commit::Refused { current, .. }) => {
                // Never given: a request that lost its race is planned again, or answered with what it lost.
                let outcome = Err(Error::unavailable("not planned"));
                let planned = Planned { ticket, outcome, part: true };
                self.lost_race(Vec::from([planned]), Some(name), current).await;
            }
            Err(error) if error.may_have_applied() => {
                self.cache.borrow_mut().forget(&name);
                let mut ticket = ticket;
                ticket.unclear += 1;
                ticket.doubts.push(Doubt {
                    space: name,
                    base,
                    nonce,
                    witnesses: Vec::new(),
                    reply: Outcome::Patched,
                    error: error.clone(),
                });
                if ticket.unclear > MOST_UNCLEAR {
                    ticket.settle(Err(error));
                    return;
                }
                self.pause(ticket.unclear + 1).await;
                self.queue.borrow_mut().put_back(ticket);
            }
            Err(error) => ticket.settle(Err(error)),
        }
    }

    /// The commit of a patch: its rows, and the head last.
    async fn commit_patched(
        &self,
        patch: &Patch,
        key: &[u8],
        base: Option<Vec<u8>>,
        head_row: Vec<u8>,
    ) -> Result<Commit> {
        let head_put = Put { key: key.to_vec(), value: head_row };
        let mut batch = Batch {
            checks: Vec::new(),
            deletes: patch.deletes.clone(),
            puts: patch.puts.clone(),
            durability: patch.durability,
        };
        if self.host.atomic() == Atomicity::None {
            return self.commit_patch_row_by_row(batch, head_put).await;
        }
        if self.host.has_checks() {
            batch.checks.push(Check { key: key.to_vec(), value: base });
        }
        batch.puts.push(head_put);
        self.host.commit(batch).await
    }
}
