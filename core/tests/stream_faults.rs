//! Streams on hosts that fail, and over rows that are damaged.
#![cfg(all(feature = "every-host", feature = "guarded-writes"))]

mod common;
#[path = "common/transfer.rs"]
mod transfer;

use std::cell::Cell;
use std::rc::Rc;

use common::hooked::{Hook, HostCall, hooked};
use common::reads::{segment_read, space_read};
use common::{World, to_stream};
use streamkit_core::{
    Atomicity, EntryId, Error, ErrorCode, FaultPlan, FaultyKv, HostLimits, MemoryKv, OpenOptions, Result,
    Retention, SpaceRead, Store, StreamAppend, StreamAppended, Trim, WriteOptions,
};
use transfer::{edit_sealed, head_key, put_u64};
use uuid::Uuid;

/// Tries that a caller makes of one call.
const TRIES: u32 = 300;

fn limits(kind: Atomicity) -> HostLimits {
    let limits = HostLimits { block_bytes: 512, atomic: kind, shared: true, ..HostLimits::default() };
    if kind == Atomicity::None { HostLimits { checks: false, shared: false, ..limits } } else { limits }
}

fn records(stream: &str, payloads: &[&str]) -> StreamAppend {
    to_stream(stream, payloads, None)
}

/// Ids and payloads of all records.
async fn all(store: &Store, stream: &str) -> Vec<(EntryId, String)> {
    let mut found = Vec::new();
    let mut after = EntryId::ZERO;
    loop {
        let read = SpaceRead { max_bytes: 1 << 16, ..space_read(stream, after, 100) };
        let page = store.read_space(read).await.expect("reads");
        found.extend(
            page.entries()
                .map(|entry| (entry.id, String::from_utf8_lossy(entry.content.payload()).into_owned())),
        );
        after = page.passed();
        if page.tail {
            return found;
        }
    }
}

async fn is_healthy(store: &Store, what: &str) {
    let mut verifier = store.verifier();
    while verifier.step().await.expect("verifies") {}
    let problems = &verifier.report().problems;
    assert!(problems.is_empty(), "{what}: {problems:?}");
}

/// What came of a call that was made until it was answered.
struct Answer<T> {
    result: Result<T>,
    /// No try before the last may have been applied.
    certain: bool,
}

/// Makes a call until it is answered with anything but a failure of the host.
async fn until_answered<T>(what: &str, call: impl AsyncFn() -> Result<T>) -> Answer<T> {
    let mut certain = true;
    for _ in 0..TRIES {
        match call().await {
            Err(error) if error.code() == ErrorCode::Unavailable => certain &= !error.may_have_applied(),
            result => return Answer { result, certain },
        }
    }
    panic!("{what}: never answered");
}

impl<T> Answer<T> {
    fn expect(self, what: &str) -> T {
        self.result.unwrap_or_else(|error| panic!("{what}: {error}"))
    }

    /// The answer, where no earlier try can have changed it.
    fn when_certain(self, what: &str) -> Option<T> {
        let certain = self.certain;
        Some(self.expect(what)).filter(|_| certain)
    }

    /// Done, or done by an earlier try, which is then refused with this.
    fn done_or(self, code: ErrorCode, what: &str) {
        match self.result {
            Ok(_) => {}
            Err(error) => assert!(!self.certain && error.code() == code, "{what}: {error}"),
        }
    }
}

async fn append(store: &Store, number: u128, payloads: &[&str]) -> StreamAppended {
    let options = WriteOptions { trx_id: Some(Uuid::from_u128(number + 1)), ..WriteOptions::default() };
    until_answered("append", async || store.append_to_stream(records("s", payloads), options.clone()).await)
        .await
        .expect("append")
}

/// Everything that changes a stream, on a host that fails; afterwards exactly that is there.
async fn life(store: &Store, what: &str) -> (Vec<EntryId>, Retention) {
    let keep = Retention { max_count: Some(1000), ..Retention::default() };
    until_answered("create", async || store.create_stream("s", 2, keep).await)
        .await
        .done_or(ErrorCode::AlreadyExists, what);
    let mut ids = Vec::new();
    for number in 0..12 {
        let appended = append(store, number, &["a", "some more", "xyz"]).await;
        ids.extend((0..3).map(|n| EntryId { n: appended.first_id.n + n, ..appended.first_id }));
    }
    let trims = [Trim::MaxCount(30), Trim::Before(ids[10]), Trim::MaxBytes(13 * 4 + 3), Trim::MaxCount(50)];
    // Of 36 records, in thirteen bytes for each three.
    let kept = [30, 26, 13, 13];
    let mut left = 36;
    for (trim, expected) in trims.into_iter().zip(kept) {
        let dry = until_answered("dry run", async || store.trim_stream("s", trim, true).await).await;
        let answer = until_answered("trim", async || store.trim_stream("s", trim, false).await).await;
        let first_id = ids[ids.len() - expected];
        let outcome = ((left - expected) as u64, first_id);
        if let Some(dry) = dry.when_certain(what) {
            assert_eq!((dry.trimmed, dry.first_id), outcome, "{what}: {trim:?} as a dry run");
        }
        let first = answer.result.as_ref().map(|trimmed| trimmed.first_id);
        assert_eq!(first.ok(), Some(first_id), "{what}: {trim:?}");
        if let Some(trimmed) = answer.when_certain(what) {
            assert_eq!((trimmed.trimmed, trimmed.first_id), outcome, "{what}: {trim:?}");
        }
        left = expected;
    }
    let changed = Retention { max_count: Some(11), ..Retention::default() };
    let info = until_answered("alter", async || store.alter_stream("s", changed).await).await.expect(what);
    assert_eq!(info.retention, changed, "{what}");
    (ids, changed)
}

fn run_life(kind: Atomicity, seed: u64, plan: FaultPlan) {
    let what = format!("{kind:?}, seed {seed}");
    let world = World::new();
    let kv = MemoryKv::with_limits(limits(kind));
    let faulty = Rc::new(FaultyKv::new(Rc::new(kv.clone()), FaultPlan::default()));
    let store = world.open_with(faulty.clone(), OpenOptions::default()).expect("opens");
    faulty.set_plan(plan.clone());
    let (ids, retention) = world.run(life(&store, &what));
    let end = async |store: &Store| {
        faulty.set_plan(FaultPlan::default());
        faulty.settle().await;
        let info = store.stream("s").await.expect("is there");
        assert_eq!((info.partitions, info.retention), (2, retention), "{what}");
        let found: Vec<EntryId> = all(store, "s").await.into_iter().map(|(id, _)| id).collect();
        assert_eq!(found, ids[ids.len() - 13..], "{what}");
        store.collect("s").await.expect("collects");
        is_healthy(store, &what).await;
    };
    world.run(end(&store));
    faulty.set_plan(plan);
    world.run(async {
        let refused = until_answered("delete", async || store.delete_stream("s", false).await).await;
        assert_eq!(refused.result.expect_err("holds records").code(), ErrorCode::NotEmpty, "{what}");
        until_answered("delete", async || store.delete_stream("s", true).await).await.expect(&what);
        until_answered("delete", async || store.delete_stream("s", true).await).await.expect(&what);
        until_answered("create", async || store.create_stream("s", 1, Retention::default()).await)
            .await
            .done_or(ErrorCode::AlreadyExists, &what);
        let appended = append(&store, 100, &["again"]).await;
        assert!(appended.first_id > *ids.last().expect("some"), "{what}: ids go on");
    });
    faulty.set_plan(FaultPlan::default());
    world.run(faulty.settle());
    drop(store);
    let store = world.open(&kv);
    world.run(async {
        let found: Vec<String> = all(&store, "s").await.into_iter().map(|(_, payload)| payload).collect();
        assert_eq!(found, ["again"], "{what}");
        store.collect("s").await.expect("collects");
        is_healthy(&store, &what).await;
    });
}

#[test]
fn a_host_that_fails_and_loses_replies_does_not_break_what_changes_streams() {
    for kind in [Atomicity::Store, Atomicity::Space, Atomicity::None] {
        for seed in 0..40 {
            let plan = FaultPlan { seed, fail_rate: 0.1, lost_reply_rate: 0.15, ..FaultPlan::default() };
            run_life(kind, seed, plan);
        }
    }
}

#[test]
fn commits_that_come_late_do_not_break_what_changes_streams() {
    // Without checks the host promises that a commit which was given up is not applied later.
    for kind in [Atomicity::Store, Atomicity::Space] {
        for seed in 0..40 {
            let plan = FaultPlan { seed, lost_reply_rate: 0.1, late_rate: 0.1, ..FaultPlan::default() };
            run_life(kind, seed, plan);
        }
    }
}

const COMMITS: &[u8] = b"DAT\0SPACES\0s\0";
const BLOCKS: &[u8] = b"DAT\0SEGMENTS\0s\0";

fn keys(kv: &MemoryKv, prefix: &[u8]) -> Vec<Vec<u8>> {
    kv.snapshot().into_keys().filter(|key| key.starts_with(prefix)).collect()
}

fn damage(kv: &MemoryKv, key: &[u8]) {
    let mut row = kv.snapshot().remove(key).expect("is there");
    *row.last_mut().expect("not empty") ^= 0x55;
    kv.overwrite(key, Some(row));
}

/// A stream of ten appends of four records, each append in a millisecond, a block and a commit row of its own; the
/// commit rows hold no records, as they are too large.
fn ten_appends(world: &World, kv: &MemoryKv) -> (Store, Vec<EntryId>) {
    let options = OpenOptions { auto_compact: false, ..OpenOptions::default() };
    let store = world.open_with(Rc::new(kv.clone()), options).expect("opens");
    let payload = "p".repeat(1500);
    let mut ids = Vec::new();
    for _ in 0..10 {
        let append = store.append_to_stream(records("s", &[&*payload; 4]), WriteOptions::default());
        let appended = world.run(append).expect("appends");
        ids.extend((0..4).map(|n| EntryId { n: appended.first_id.n + n, ..appended.first_id }));
        world.clock.0.set(world.clock.0.get() + 10);
    }
    (store, ids)
}

fn is_corrupt<T: std::fmt::Debug>(result: Result<T>) -> Error {
    let error = result.expect_err("a damaged row");
    assert_eq!(error.code(), ErrorCode::Corrupt, "{error}");
    assert!(error.detail("key").is_some(), "{error:?}");
    error
}

#[test]
fn a_damaged_block_is_only_missed_by_the_trim_that_cuts_it() {
    let world = World::new();
    let kv = MemoryKv::new();
    let (store, ids) = ten_appends(&world, &kv);
    let blocks = keys(&kv, BLOCKS);
    assert_eq!((blocks.len(), keys(&kv, COMMITS).len()), (10, 10));
    damage(&kv, &blocks[4]);
    let before = kv.snapshot();
    // Records 16 to 19 are in it.
    for trim in [Trim::Before(ids[18]), Trim::MaxCount(22), Trim::MaxBytes(1500 * 22)] {
        is_corrupt(world.run(store.trim_stream("s", trim, false)));
        is_corrupt(world.run(store.trim_stream("s", trim, true)));
    }
    assert_eq!(kv.snapshot(), before, "a trim that failed changes nothing");
    for (trim, left) in [
        (Trim::Before(ids[6]), 34),
        (Trim::MaxCount(24), 24),
        (Trim::Before(ids[20]), 20),
        (Trim::MaxCount(17), 17),
    ] {
        let trimmed = world.run(store.trim_stream("s", trim, false)).expect("trims");
        assert_eq!(trimmed.first_id, ids[40 - left], "{trim:?}");
        assert_eq!(world.run(store.stream("s")).expect("is there").count, left as u64);
    }
    world.run(store.collect("s")).expect("collects");
    // The cut is within the sixth.
    assert_eq!((keys(&kv, BLOCKS).len(), keys(&kv, COMMITS).len()), (5, 5));
    let found: Vec<EntryId> = world.run(all(&store, "s")).into_iter().map(|(id, _)| id).collect();
    assert_eq!(found, ids[23..]);
    world.run(is_healthy(&store, "after collecting"));
}

#[test]
fn a_damaged_commit_row_is_named_and_goes_with_what_is_trimmed() {
    let world = World::new();
    let kv = MemoryKv::new();
    let (store, ids) = ten_appends(&world, &kv);
    let commits = keys(&kv, COMMITS);
    damage(&kv, &commits[4]);
    let before = kv.snapshot();
    for cut in [16, 18, 19] {
        is_corrupt(world.run(store.trim_stream("s", Trim::Before(ids[cut]), false)));
    }
    assert_eq!(kv.snapshot(), before, "a trim that failed changes nothing");
    for (cut, left) in [(3, 37), (20, 20), (27, 13)] {
        let trimmed = world.run(store.trim_stream("s", Trim::Before(ids[cut]), false)).expect("trims");
        assert_eq!(trimmed.first_id, ids[cut]);
        assert_eq!(world.run(store.stream("s")).expect("is there").count, left);
    }
    world.run(store.collect("s")).expect("collects");
    assert_eq!((keys(&kv, BLOCKS).len(), keys(&kv, COMMITS).len()), (4, 4));
    let found: Vec<EntryId> = world.run(all(&store, "s")).into_iter().map(|(id, _)| id).collect();
    assert_eq!(found, ids[27..]);
    world.run(is_healthy(&store, "after collecting"));
}

#[test]
fn a_commit_row_of_more_than_the_head_says_is_not_trimmed_into() {
    // The head has the first half, by its records or by its last id, and one row all ten appends.
    for by_records in [false, true] {
        let world = World::new();
        let kv = MemoryKv::new();
        let (store, ids) = ten_appends(&world, &kv);
        let mut job = store.compactor(None).expect("starts");
        while world.run(job.step()).expect("steps") {}
        assert_eq!(keys(&kv, COMMITS).len(), 1);
        edit_sealed(&kv, &head_key("s"), |row| {
            if by_records {
                put_u64(row, 74, 20);
            } else {
                put_u64(row, 26, ids[19].ms);
                put_u64(row, 34, ids[19].n);
            }
        });
        let store = world.open(&kv);
        let before = kv.snapshot();
        let beyond = if by_records { Trim::Before(ids[32]) } else { Trim::MaxCount(8) };
        let error = world.run(store.trim_stream("s", beyond, false)).expect_err("it is not of the stream");
        assert_eq!(error.code(), ErrorCode::Conflict, "{error}");
        assert_eq!(kv.snapshot(), before, "a trim that failed changes nothing");
        world.run(store.trim_stream("s", Trim::Before(ids[12]), false)).expect("trims");
        assert_eq!(world.run(all(&store, "s")).first().map(|(id, _)| *id), Some(ids[12]));
    }
}

#[test]
fn a_stream_whose_rows_are_damaged_can_be_deleted_and_made_again() {
    let world = World::new();
    let kv = MemoryKv::new();
    let (store, ids) = ten_appends(&world, &kv);
    for key in keys(&kv, COMMITS).iter().chain(&keys(&kv, BLOCKS)) {
        damage(&kv, key);
    }
    is_corrupt(world.run(store.trim_stream("s", Trim::MaxCount(3), false)));
    is_corrupt(world.run(store.stream("s")));
    world.run(store.delete_stream("s", true)).expect("deletes");
    world.run(store.collect("s")).expect("collects");
    let appended =
        world.run(store.append_to_stream(records("s", &["x"]), WriteOptions::default())).expect("appends");
    assert!(appended.first_id > *ids.last().expect("some"));
    assert_eq!(world.run(all(&store, "s")), [(appended.first_id, "x".to_owned())]);
}

/// The sequences of a page from the beginning of the stream's only partition, and whether it says that this is all.
async fn sequences(store: &Store) -> Result<(Vec<u64>, bool)> {
    let read = segment_read("s", "0", 1, 1000);
    let page = store.read_segment(read).await?;
    Ok((page.entries().map(|entry| entry.sequence).collect(), page.tail))
}

#[test]
fn what_is_missing_above_the_trim_bound_is_not_taken_for_trimmed() {
    let world = World::new();
    let stale =
        HostLimits { atomic: Atomicity::None, checks: false, consistent: false, ..HostLimits::default() };
    for (limits, consistent) in [(HostLimits::default(), true), (stale, false)] {
        let kv = MemoryKv::with_limits(limits);
        let (store, _) = ten_appends(&world, &kv);
        world.run(store.trim_stream("s", Trim::MaxCount(20), false)).expect("trims");
        world.run(store.collect("s")).expect("collects");
        let blocks = keys(&kv, BLOCKS);
        assert_eq!(blocks.len(), 5);
        let whole = kv.snapshot();
        assert_eq!(world.run(sequences(&store)).expect("reads"), ((21..41).collect(), true));

        // One in the middle: what came before it is above the bound.
        kv.overwrite(&blocks[1], None);
        let found = world.run(sequences(&store));
        if consistent {
            is_corrupt(found);
        } else {
            assert_eq!(found.expect("reads"), ((21..25).collect(), true), "the rest is not visible yet");
        }
        kv.overwrite(&blocks[1], whole.get(&blocks[1]).cloned());

        // The first: only a host that shows everything leaves no other reason than the trim.
        if !consistent {
            kv.overwrite(&blocks[0], None);
            assert_eq!(world.run(sequences(&store)).expect("reads"), (Vec::new(), true));
            // Nor can anybody say, while commit rows are missing that would tell.
            let commits = keys(&kv, COMMITS);
            kv.overwrite(&commits[0], None);
            assert_eq!(world.run(sequences(&store)).expect("reads"), (Vec::new(), true));
        }
    }
}

/// Once it is armed, a host that never says what came of a commit.
#[derive(Default)]
struct Silent {
    armed: Cell<bool>,
    commits: Cell<u32>,
}

impl Hook for Silent {
    async fn before(&self, call: HostCall<'_>) -> Result {
        if !self.armed.get() || !matches!(call, HostCall::Commit(_)) {
            return Ok(());
        }
        self.commits.set(self.commits.get() + 1);
        Err(Error::unknown("the host does not answer"))
    }
}

#[test]
fn what_changes_streams_gives_up_on_a_host_that_answers_no_commit() {
    for what in ["trim", "alter", "delete"] {
        let world = World::new();
        let silent = Rc::new(Silent::default());
        let host = hooked(&MemoryKv::default(), &silent);
        let store = world.open_with(host, OpenOptions::default()).expect("opens");
        world.run(async {
            append(&store, 1, &["a", "b", "c"]).await;
            silent.armed.set(true);
            let answer = match what {
                "trim" => store.trim_stream("s", Trim::MaxCount(1), false).await.map(drop),
                "alter" => store.alter_stream("s", Retention::default()).await.map(drop),
                _ => store.delete_stream("s", true).await,
            };
            let error = answer.expect_err("nobody answers");
            assert_eq!(error.code(), ErrorCode::Unavailable, "{what}");
            assert!(error.may_have_applied(), "{what}");
            let commits = silent.commits.get();
            assert!(commits <= 12, "{what}: {commits} commits were waited for");
        });
    }
}
