//! Commits that were applied, but whose replies were lost, beside other writers.
#![cfg(feature = "guarded-writes")]

mod common;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use common::hooked::{Hook, HostCall, hooked};
use common::reads::{segment_read, space_read};
use common::{World, records, small_blocks};
use futures::future::LocalBoxFuture;
use streamkit_core::{
    Batch, Commit, CompactReport, Detail, EntryId, Error, ErrorCode, FaultPlan, FaultyKv, GroupOptions,
    HostLimits, Kv, MemoryKv, OpenOptions, Page, Result, Retention, Store, Trim, WriteOptions,
};

/// A host that applies its next commit and, after what others do then, answers that it failed.
struct Loses {
    kv: MemoryKv,
    meanwhile: RefCell<Option<LocalBoxFuture<'static, ()>>>,
}

impl Hook for Loses {
    async fn before(&self, call: HostCall<'_>) -> Result {
        if let HostCall::Commit(batch) = call {
            let meanwhile = self.meanwhile.borrow_mut().take();
            if let Some(meanwhile) = meanwhile {
                assert_eq!(self.kv.commit(batch.clone()).await?, Commit::Applied);
                meanwhile.await;
                return Err(Error::unknown("the reply was lost"));
            }
        }
        Ok(())
    }
}

/// A host whose commits are answered with an error, though they are applied, or not.
struct Answers {
    kv: MemoryKv,
    error: RefCell<Option<Error>>,
    applies: bool,
}

impl Hook for Answers {
    async fn before(&self, call: HostCall<'_>) -> Result {
        let HostCall::Commit(batch) = call else { return Ok(()) };
        let Some(error) = self.error.borrow_mut().take() else { return Ok(()) };
        if self.applies {
            assert_eq!(self.kv.commit(batch.clone()).await?, Commit::Applied);
        }
        Err(error)
    }
}

#[test]
fn a_commit_that_is_answered_with_any_other_error_may_have_been_applied() {
    let codes = [
        ErrorCode::Corrupt,
        ErrorCode::Unsupported,
        ErrorCode::Conflict,
        ErrorCode::InvalidArgument,
        ErrorCode::NotFound,
        ErrorCode::Unavailable,
    ];
    for (code, checks, applies) in codes.iter().flat_map(|code| {
        [(true, true), (true, false), (false, true), (false, false)].map(|(a, b)| (*code, a, b))
    }) {
        let what = format!("{code}, checks {checks}, applied {applies}");
        let world = World::new();
        let kv = MemoryKv::with_limits(HostLimits { checks, ..small_blocks().limits().clone() });
        let answers = Rc::new(Answers { kv: kv.clone(), error: RefCell::default(), applies });
        let store = patient(&world, &kv, &answers);
        world.run(async {
            assert_eq!(append(&store, "1").await, Ok(1), "{what}");
            answers.error.replace(Some(Error::new(code, "by the host")));
            assert_eq!(append(&store, "2").await, Ok(2), "{what}");
            assert_eq!(append(&store, "3").await, Ok(3), "{what}");
            let page = store.read_segment(segment_read("space", "segment", 1, 10)).await.expect("reads");
            let found: Vec<_> = page.entries().map(|entry| entry.content.payload()).collect();
            assert_eq!(found, [b"1", b"2", b"3"], "{what}");
        });
    }
}

#[test]
fn a_commit_of_which_it_is_said_that_it_was_not_applied_is_not_looked_for() {
    let refused = |error: Error| error.with("applied", Detail::Flag(false));
    for error in [
        Error::new(ErrorCode::LimitExceeded, "too large"),
        Error::new(ErrorCode::QuotaExceeded, "full"),
        Error::new(ErrorCode::Closed, "closed"),
        refused(Error::new(ErrorCode::Corrupt, "damaged")),
        refused(Error::new(ErrorCode::Unavailable, "failed")),
    ] {
        let world = World::new();
        let kv = small_blocks();
        let answers = Rc::new(Answers { kv: kv.clone(), error: RefCell::default(), applies: false });
        let store = patient(&world, &kv, &answers);
        world.run(async {
            assert_eq!(append(&store, "1").await, Ok(1), "{error}");
            answers.error.replace(Some(error.clone()));
            let given = append(&store, "2").await.expect_err("refused");
            assert_eq!((given.code(), given.may_have_applied()), (error.code(), false), "{error}");
            assert_eq!(append(&store, "2").await, Ok(2), "{error}");
        });
    }
}

/// A store that loses its first reply, and what another one does before it hears of that.
fn losing<F: Future<Output = ()> + 'static>(world: &World, meanwhile: impl FnOnce(Store) -> F) -> Store {
    let kv = small_blocks();
    let meanwhile = meanwhile(world.open(&kv));
    let loses = Loses { kv: kv.clone(), meanwhile: RefCell::new(Some(Box::pin(meanwhile))) };
    patient(world, &kv, &Rc::new(loses))
}

/// Timers fire at once here, and are not to end calls of the host.
fn patient(world: &World, kv: &MemoryKv, hook: &Rc<impl Hook + 'static>) -> Store {
    let options = OpenOptions { host_timeout: 0, auto_compact: false, ..OpenOptions::default() };
    world.open_with(hooked(kv, hook), options).expect("opens")
}

async fn append(store: &Store, payload: &str) -> Result<u64> {
    let made = store.append(records("space", "segment", &[payload]), WriteOptions::default()).await?;
    Ok(made.status.last_sequence)
}

async fn compact(store: &Store) -> Result<CompactReport> {
    let mut job = store.compactor(None)?;
    while job.step().await? {}
    Ok(job.report())
}

async fn last_sequence(store: &Store) -> u64 {
    let status = store.segment_status("space", "segment").await.expect("answers");
    status.expect("there is one").last_sequence
}

#[test]
fn each_append_of_a_shared_commit_is_found_again() {
    let world = World::new();
    let store = losing(&world, |other| async move {
        assert_eq!(append(&other, "other").await.expect("appends"), 4);
    });
    world.run(async {
        let made = futures::join!(append(&store, "1"), append(&store, "2"), append(&store, "3"));
        assert_eq!((made.0.expect("found"), made.1.expect("found"), made.2.expect("found")), (1, 2, 3));
        assert_eq!(last_sequence(&store).await, 4, "nothing is stored twice");
    });
}

/// A host that applies its first commit and answers that it failed, and then does not answer so many reads.
struct FallsSilent {
    kv: MemoryKv,
    reads: Cell<Option<u32>>,
}

impl Hook for FallsSilent {
    async fn before(&self, call: HostCall<'_>) -> Result {
        match (call, self.reads.get()) {
            (HostCall::Commit(batch), None) => {
                assert_eq!(self.kv.commit(batch.clone()).await?, Commit::Applied);
                self.reads.set(Some(2));
                Err(Error::unknown("the reply was lost"))
            }
            (HostCall::Get(_), Some(left @ 1..)) => {
                self.reads.set(Some(left - 1));
                Err(Error::unavailable("it does not answer"))
            }
            _ => Ok(()),
        }
    }
}

#[test]
fn each_append_of_a_shared_commit_waits_until_its_host_answers() {
    let world = World::new();
    let kv = small_blocks();
    let silent = Rc::new(FallsSilent { kv: kv.clone(), reads: Cell::new(Some(0)) });
    let store = patient(&world, &kv, &silent);
    silent.reads.set(None);
    world.run(async {
        let made = futures::join!(append(&store, "1"), append(&store, "2"), append(&store, "3"));
        assert_eq!(made, (Ok(1), Ok(2), Ok(3)));
        assert_eq!(silent.reads.get(), Some(0));
        assert_eq!(last_sequence(&store).await, 3, "nothing is stored twice");
    });
}

/// A host that answers that its first commit failed, and applies it right before so many reads later.
struct ComesLate {
    kv: MemoryKv,
    late: RefCell<Option<Batch>>,
    commits: Cell<u32>,
    reads: Cell<u32>,
}

impl Hook for ComesLate {
    async fn before(&self, call: HostCall<'_>) -> Result {
        match call {
            HostCall::Commit(batch) => {
                self.commits.set(self.commits.get() + 1);
                if self.commits.get() == 1 {
                    self.late.replace(Some(batch.clone()));
                    return Err(Error::unknown("the reply was lost"));
                }
            }
            HostCall::Get(_) if self.late.borrow().is_some() => {
                self.reads.set(self.reads.get() - 1);
                let late = if self.reads.get() == 0 { self.late.take() } else { None };
                if let Some(late) = late {
                    self.kv.commit(late).await?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

#[test]
fn a_commit_that_comes_late_is_not_made_again() {
    for reads in 1..4 {
        let world = World::new();
        let kv = small_blocks();
        let (late, commits, reads_left) = (RefCell::default(), Cell::new(1), Cell::new(reads));
        let comes_late = Rc::new(ComesLate { kv: kv.clone(), late, commits, reads: reads_left });
        let store = patient(&world, &kv, &comes_late);
        comes_late.commits.set(0);
        world.run(async {
            assert_eq!(append(&store, "1").await, Ok(1), "{reads} reads");
            while comes_late.late.borrow().is_some() {
                last_sequence(&store).await;
            }
            assert_eq!(append(&store, "2").await, Ok(2), "{reads} reads");
            let page = store.read_segment(segment_read("space", "segment", 1, 10)).await.expect("reads");
            let found: Vec<_> = page.entries().map(|entry| entry.content.payload()).collect();
            assert_eq!(found, [b"1", b"2"], "{reads} reads");
        });
    }
}

/// A host that answers that two commits failed, of which it has applied the second.
struct LosesTwo {
    kv: MemoryKv,
    commits: Cell<u32>,
}

impl Hook for LosesTwo {
    async fn before(&self, call: HostCall<'_>) -> Result {
        let HostCall::Commit(batch) = call else { return Ok(()) };
        let left = self.commits.get();
        self.commits.set(left.saturating_sub(1));
        if left == 1 {
            assert_eq!(self.kv.commit(batch.clone()).await?, Commit::Applied);
        }
        if left > 0 { Err(Error::unknown("the reply was lost")) } else { Ok(()) }
    }
}

#[test]
fn a_transaction_is_answered_as_the_try_says_that_was_applied() {
    // A run of one block, and of several.
    for length in [1, 3000] {
        let payload = "x".repeat(length);
        let world = World::new();
        let kv = small_blocks();
        let loses = Rc::new(LosesTwo { kv: kv.clone(), commits: Cell::new(0) });
        let store = patient(&world, &kv, &loses);
        let other = world.open(&kv);
        world.run(async {
            let [one, some] = [&[&*payload; 1][..], &[&*payload; 4]];
            for space in ["a", "b"] {
                store.append(records(space, "s", one), WriteOptions::default()).await.expect("appends");
            }
            // The first try knows nothing of this, and the second moves its part of the space up.
            other.append(records("b", "s", one), WriteOptions::default()).await.expect("appends");
            // While the clock is behind, ids follow those that are there, whenever they are made.
            world.clock.0.set(world.clock.0.get() - 1_000_000);
            loses.commits.set(2);
            let writes = vec![records("a", "s", some), records("b", "s", some)];
            let made = store.transact(writes, WriteOptions::default()).await.expect("appends");
            assert_eq!(loses.commits.get(), 0);
            for (made, (space, last)) in made.iter().zip([("a", 5), ("b", 6)]) {
                assert_eq!(made.status.last_sequence, last, "{space}, {length}");
                let page = store.read_segment(segment_read(space, "s", last, 1)).await.expect("reads");
                let ids: Vec<_> = page.entries().map(|entry| entry.id).collect();
                assert_eq!(ids, [made.last_id], "{space}, {length}");
                let status = store.segment_status(space, "s").await.expect("reads").expect("there is one");
                assert_eq!(status, made.status, "{space}, {length}");
            }
        });
    }
}

#[test]
fn a_lease_whose_reply_was_lost_is_ones_own_if_it_was_applied() {
    for applies in [true, false] {
        let world = World::new();
        let kv = small_blocks();
        let other = world.open(&kv);
        let answers = Rc::new(Answers { kv: kv.clone(), error: RefCell::default(), applies });
        let store = patient(&world, &kv, &answers);
        world.run(async {
            let first = store.acquire_lease("key", "me", 1000).await.expect("is free");
            answers.error.replace(Some(Error::unknown("the reply was lost")));
            let second = store.acquire_lease("key", "me", 1000).await.expect("is its own");
            assert_eq!(second.token, first.token + 1, "once, applied {applies}");
            store.renew_lease(&second, 1000).await.expect("is held");
            let refused = other.acquire_lease("key", "other", 1000).await.expect_err("is held");
            assert_eq!(refused.code(), ErrorCode::LeaseNotAcquired);
        });
    }
}

/// A host that does not apply its next commit, and after what others do then answers that nobody knows.
struct Drops(RefCell<Option<LocalBoxFuture<'static, ()>>>);

impl Hook for Drops {
    async fn before(&self, call: HostCall<'_>) -> Result {
        let is_commit = matches!(call, HostCall::Commit(_));
        let meanwhile = is_commit.then(|| self.0.take()).flatten();
        let Some(meanwhile) = meanwhile else { return Ok(()) };
        meanwhile.await;
        Err(Error::unknown("the reply was lost"))
    }
}

#[test]
fn a_lease_that_another_took_after_a_lost_reply_is_not_ones_own() {
    let world = World::new();
    let kv = small_blocks();
    let other = world.open(&kv);
    let drops = Rc::new(Drops(RefCell::default()));
    let store = patient(&world, &kv, &drops);
    drops.0.replace(Some(Box::pin(async move {
        other.acquire_lease("key", "other", 1000).await.expect("is free");
    })));
    let refused = world.run(store.acquire_lease("key", "me", 1000)).expect_err("is held");
    assert!(drops.0.borrow().is_none());
    assert_eq!(refused.code(), ErrorCode::LeaseNotAcquired, "{refused}");
}

#[test]
fn what_was_trimmed_since_may_have_been_stored() {
    let world = World::new();
    let store = losing(&world, |other| async move {
        assert_eq!(append(&other, "other").await.expect("appends"), 2);
        other.create_stream("space", 1, Retention::default()).await.expect("creates");
        other.trim_stream("space", Trim::MaxCount(1), false).await.expect("trims");
        // This removes the rows.
        compact(&other).await.expect("steps");
    });
    world.run(async {
        let error = append(&store, "1").await.expect_err("nobody knows");
        assert_eq!(error.code(), ErrorCode::Unavailable);
        assert!(error.may_have_applied());
        assert_eq!(last_sequence(&store).await, 2, "it is not stored again");
    });
}

#[test]
fn a_group_is_gone_whose_removal_was_applied() {
    for made_anew in [false, true] {
        let world = World::new();
        let kv = small_blocks();
        let other = world.open(&kv);
        let loses = Rc::new(Loses { kv: kv.clone(), meanwhile: RefCell::default() });
        let store = patient(&world, &kv, &loses);
        world.run(async {
            let group = store.group("space", "group");
            append(&store, "1").await.expect("appends");
            group.create(&GroupOptions::default()).await.expect("creates");
            let meanwhile = async move {
                if made_anew {
                    let group = other.group("space", "group");
                    group.create(&GroupOptions::default()).await.expect("creates");
                }
            };
            loses.meanwhile.replace(Some(Box::pin(meanwhile)));
            group.delete().await.expect("is gone");
            assert!(loses.meanwhile.borrow().is_none());
            assert_eq!(group.info().await.is_ok(), made_anew, "one that was made since is another");
        });
    }
}

/// Entries that are read one by one, each in a row of its own until it is merged.
const ENTRIES: u64 = 20;

async fn fill(store: &Store) {
    for sequence in 1..=ENTRIES {
        assert_eq!(append(store, &sequence.to_string()).await.expect("appends"), sequence);
    }
}

/// So many entries are there, each once, and then those of others; and nothing is wrong with them.
async fn holds(store: &Store, others: u64, what: &str) {
    let texts = |page: Page| -> Vec<String> {
        page.entries().map(|entry| String::from_utf8_lossy(entry.content.payload()).into_owned()).collect()
    };
    let mut all: Vec<String> = (1..=ENTRIES).map(|sequence| sequence.to_string()).collect();
    all.extend((0..others).map(|_| "other".to_owned()));
    let segment = store.read_segment(segment_read("space", "segment", 1, 1000)).await.expect("reads");
    assert_eq!(texts(segment), all, "{what}");
    let space = store.read_space(space_read("space", EntryId::ZERO, 1000)).await.expect("reads");
    assert_eq!(texts(space), all, "{what}");
    let mut verifier = store.verifier();
    while verifier.step().await.expect("steps") {}
    let problems = verifier.report().problems;
    assert!(problems.is_empty(), "{what}: {problems:#?}");
}

/// A host that applies so many commits and, after an append of another, answers that they failed; others do fail. Of
/// its reads no more than so many are answered once the first reply was lost.
struct LosesEach {
    kv: MemoryKv,
    other: Store,
    lost: Rc<Cell<u64>>,
    loses: u64,
    reads: Cell<u64>,
}

impl Hook for LosesEach {
    async fn before(&self, call: HostCall<'_>) -> Result {
        if let HostCall::Commit(batch) = call {
            if self.lost.get() >= self.loses {
                return Err(Error::unavailable("it does nothing"));
            }
            assert_eq!(self.kv.commit(batch.clone()).await?, Commit::Applied);
            self.lost.set(self.lost.get() + 1);
            append(&self.other, "other").await?;
            return Err(Error::unknown("the reply was lost"));
        }
        if self.lost.get() > 0 {
            let left =
                self.reads.get().checked_sub(1).ok_or_else(|| Error::unavailable("it does not answer"))?;
            self.reads.set(left);
        }
        Ok(())
    }
}

#[test]
fn a_merge_whose_reply_was_lost_beside_an_append_is_looked_at_again() {
    let world = World::new();
    let kv = small_blocks();
    let other = world.open(&kv);
    world.run(fill(&other));
    let rows = kv.len();
    let beside = other.clone();
    let meanwhile = async move { assert_eq!(append(&beside, "other").await.expect("appends"), ENTRIES + 1) };
    let loses = Loses { kv: kv.clone(), meanwhile: RefCell::new(Some(Box::pin(meanwhile))) };
    let store = patient(&world, &kv, &Rc::new(loses));
    world.run(async {
        compact(&store).await.expect("it is found out, and the rest is merged");
        assert!(kv.len() < rows / 4, "{} of {rows} rows", kv.len());
        holds(&other, 1, "merged").await;
    });
}

#[test]
fn a_compaction_whose_replies_are_all_lost_ends_and_says_that_nobody_knows() {
    // Of the reads all are answered, or none, or the one by which it is found that another has written, or one more.
    for (reads, loses, tries) in [(u64::MAX, 9, 2), (u64::MAX, 1, 1), (0, 1, 1), (1, 1, 1), (2, 1, 1)] {
        let world = World::new();
        let kv = small_blocks();
        let other = world.open(&kv);
        world.run(fill(&other));
        let lost = Rc::new(Cell::new(0));
        let (beside, count) = (other.clone(), Rc::clone(&lost));
        let hook = LosesEach { kv: kv.clone(), other: beside, lost: count, loses, reads: Cell::new(reads) };
        let store = patient(&world, &kv, &Rc::new(hook));
        world.run(async {
            let error = compact(&store).await.expect_err("nobody knows");
            assert_eq!(error.code(), ErrorCode::Unavailable, "{error}");
            assert!(error.may_have_applied(), "{reads} reads, of {loses}: {error}");
            assert_eq!(lost.get(), tries, "{reads} reads, of {loses}");
            holds(&other, tries, "what was merged stays merged").await;
        });
    }
}

#[test]
fn on_a_host_that_loses_replies_a_compaction_loses_nothing() {
    let mut ended = [0, 0];
    for seed in 0..60 {
        let world = World::new();
        let kv = small_blocks();
        world.run(fill(&world.open(&kv)));
        let rows = kv.len();
        let faulty = Rc::new(FaultyKv::new(Rc::new(kv.clone()), FaultPlan::default()));
        let options = OpenOptions { auto_compact: false, ..OpenOptions::default() };
        let store = world.open_with(faulty.clone(), options).expect("opens");
        faulty.set_plan(FaultPlan { seed, lost_reply_rate: 0.1, late_rate: 0.3, ..FaultPlan::default() });
        let result = world.run(compact(&store));
        faulty.set_plan(FaultPlan::default());
        world.run(async {
            faulty.settle().await;
            ended[usize::from(result.is_ok())] += 1;
            match result {
                Ok(_) => assert!(kv.len() < rows / 4, "seed {seed}: {} of {rows} rows", kv.len()),
                Err(error) => assert_eq!(error.code(), ErrorCode::Unavailable, "seed {seed}: {error}"),
            }
            holds(&store, 0, &format!("seed {seed}")).await;
        });
    }
    assert!(ended[0] > 9 && ended[1] > 9, "{ended:?}");
}
