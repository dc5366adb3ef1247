//! Transactions over several spaces on a host that commits one space at a time.
#![cfg(feature = "every-host")]

mod common;

use common::hooked::{Hook, HostCall, hooked};
use common::reads::{segment_read, space_read};
use common::turn::turn;
use common::{StopAfter, World, records};
use futures::channel::oneshot;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use streamkit_core::{
    Atomicity, EntryId, ErrorCode, HostLimits, MemoryKv, OpenOptions, Result, Store, WriteOptions,
};

fn by_space() -> MemoryKv {
    by_batches(100, 4 << 20, 32 << 10)
}

fn by_batches(max_batch_ops: usize, max_batch_bytes: usize, block_bytes: usize) -> MemoryKv {
    MemoryKv::with_limits(HostLimits {
        atomic: Atomicity::Space,
        max_batch_ops,
        max_batch_bytes,
        block_bytes,
        ..HostLimits::default()
    })
}

/// An instance whose host goes away adds an entry to "a" and one to "b".
fn transact_while_alive(world: &World, kv: &MemoryKv, limited: &Rc<StopAfter>) {
    if let Ok(dying) = world.open_with(hooked(kv, limited), OpenOptions::default()) {
        let writes = vec![records("a", "x", &["1"]), records("b", "y", &["2"])];
        let _ = world.run(dying.transact(writes, WriteOptions::default()));
    }
}

async fn count(store: &Store, space: &str) -> u64 {
    let read = space_read(space, EntryId::ZERO, 1000);
    store.read_space(read).await.expect("reads").len()
}

#[test]
fn all_spaces_get_their_share_and_no_record_stays() {
    let world = World::new();
    let kv = by_space();
    let store = world.open(&kv);
    world.run(async {
        for _ in 0..5 {
            let writes =
                vec![records("a", "x", &["1", "2"]), records("b", "y", &["3"]), records("c", "z", &["4"])];
            store.transact(writes, WriteOptions::default()).await.expect("commits");
            store.append(records("b", "y", &["5"]), WriteOptions::default()).await.expect("appends");
        }
        assert_eq!(count(&store, "a").await, 10);
        assert_eq!(count(&store, "b").await, 10);
        assert_eq!(count(&store, "c").await, 5);
        assert_eq!(store.health().await.expect("looks").pending_transactions, 0);
    });
}

#[test]
fn a_record_takes_as_many_commits_as_it_needs() {
    for (ops, bytes, block) in [(16, 64 << 10, 2048), (99, 32 << 10, 2048), (99, 32 << 10, 1 << 20)] {
        let world = World::new();
        let kv = by_batches(ops, bytes, block);
        let store = world.open(&kv);
        let payload = "x".repeat(5 << 10);
        world.run(async {
            let spaces = ["a", "b", "c", "d", "e", "f", "g", "h"];
            let writes = spaces.map(|space| records(space, "x", &[&payload])).to_vec();
            store.transact(writes, WriteOptions::default()).await.expect("commits");
            for space in spaces {
                assert_eq!(count(&store, space).await, 1, "{space} of {ops}, {bytes}, {block}");
            }
            assert_eq!(store.health().await.expect("looks").pending_transactions, 0);
        });
    }
}

#[test]
fn a_refused_share_leaves_nothing_anywhere() {
    let world = World::new();
    let kv = by_space();
    let store = world.open(&kv);
    world.run(async {
        store.append(records("b", "y", &["0"]), WriteOptions::default()).await.expect("appends");
        let mut second = records("b", "y", &["3"]);
        second.expected = Some(7);
        let refused = store.transact(vec![records("a", "x", &["1"]), second], WriteOptions::default()).await;
        assert!(refused.is_err());
        assert_eq!(count(&store, "a").await, 0);
        assert_eq!(count(&store, "b").await, 1);
    });
}

#[test]
fn stopped_at_any_call_it_is_all_or_nothing() {
    stopped_at_any_call(by_space, "1");
}

/// Its record takes several commits.
#[test]
fn so_is_one_that_is_larger_than_a_commit() {
    stopped_at_any_call(|| by_batches(99, 32 << 10, 2048), &"1".repeat(15 << 10));
}

/// Stops the instance after every possible number of host calls; another one must find all or nothing.
fn stopped_at_any_call(host: impl Fn() -> MemoryKv, payload: &str) {
    let mut calls = 1;
    let mut outcomes = [0, 0];
    loop {
        let world = World::new();
        let kv = host();
        let first = world.open(&kv);
        world.run(async {
            first.append(records("a", "x", &["0"]), WriteOptions::default()).await.expect("appends");
        });
        let limited = StopAfter::new(calls);
        let dying = world.open_with(hooked(&kv, &limited), OpenOptions::default());
        let finished = dying.is_ok_and(|store| {
            let writes = vec![records("a", "x", &[payload]), records("b", "y", &[payload])];
            world.run(store.transact(writes, WriteOptions::default())).is_ok()
        });
        let other = world.open(&kv);
        world.run(async {
            let (a, b) = (count(&other, "a").await, count(&other, "b").await);
            assert!(!finished || a == 2, "acknowledged after {calls} calls, but not there");
            // Whatever was left, both spaces take further appends.
            other.append(records("a", "x", &["3"]), WriteOptions::default()).await.expect("appends");
            other.append(records("b", "y", &["4"]), WriteOptions::default()).await.expect("appends");
            let (a2, b2) = (count(&other, "a").await, count(&other, "b").await);
            assert_eq!(a2 - 2, b2 - 1, "half a transaction after {calls} calls: {a} {b}");
            outcomes[usize::from(b2 == 2)] += 1;
        });
        world.settle();
        world.run(async {
            assert_eq!(other.health().await.expect("looks").pending_transactions, 0, "after {calls} calls");
        });
        if limited.is_alive() {
            break;
        }
        calls += 1;
    }
    assert!(outcomes[0] > 3 && outcomes[1] > 2, "{outcomes:?} of {calls}");
}

/// A store that was open all the while finishes, when asked, what another instance left.
#[test]
fn an_open_store_looks_for_leftovers_when_asked() {
    let (mut calls, mut left) = (1, 0);
    loop {
        let world = World::new();
        let kv = by_space();
        let open = world.open(&kv);
        let limited = StopAfter::new(calls);
        transact_while_alive(&world, &kv, &limited);
        left += world.run(open.health()).expect("looks").pending_transactions;
        world.run(open.recover()).expect("recovers");
        world.settle();
        assert_eq!(world.run(open.health()).expect("looks").pending_transactions, 0, "after {calls} calls");
        assert_eq!(world.run(count(&open, "a")), world.run(count(&open, "b")), "after {calls} calls");
        if limited.is_alive() {
            break;
        }
        calls += 1;
    }
    assert!(left > 3, "{left} of {calls} left something");
}

#[test]
fn a_store_that_was_open_all_the_while_reads_what_another_instance_had_committed() {
    finds_what_was_committed(async |store, space, segment| {
        let page = store.read_segment(segment_read(space, segment, 1, 10)).await.expect("reads");
        page.entries().last().map_or(0, |entry| entry.sequence)
    });
}

#[test]
fn so_it_does_where_it_reads_the_latest_entry() {
    finds_what_was_committed(async |store, space, segment| {
        let page = store.peek(space, segment).await.expect("reads");
        page.entries().last().map_or(0, |entry| entry.sequence)
    });
}

/// Rows come before heads that are asked for at the same time.
struct SlowGets;

impl Hook for SlowGets {
    async fn before(&self, call: HostCall<'_>) -> Result {
        if matches!(call, HostCall::Get(_)) {
            for _ in 0..10 {
                turn().await;
            }
        }
        Ok(())
    }
}

/// Whoever reads one of the segments first finds what was committed, and so does who reads the other; whether they were
/// read before, with an entry, or not. `look` gives the last sequence that is found.
fn finds_what_was_committed(look: impl AsyncFn(&Store, &str, &str) -> u64) {
    for before in [0, 1] {
        let (mut calls, mut found) = (1, [0, 0]);
        loop {
            let world = World::new();
            let kv = by_space();
            // Timers fire at once here: they are not to end calls of the host, nor to have it look by itself.
            let quiet =
                OpenOptions { host_timeout: 0, auto_compact: false, poll_interval: 0, ..Default::default() };
            let open = world.open_with(hooked(&kv, &Rc::new(SlowGets)), quiet).expect("opens");
            for (space, segment) in [("a", "x"), ("b", "y")].into_iter().filter(|_| before > 0) {
                let append = open.append(records(space, segment, &["0"]), WriteOptions::default());
                world.run(append).expect("appends");
                assert_eq!(world.run(look(&open, space, segment)), before);
            }
            let limited = StopAfter::new(calls);
            transact_while_alive(&world, &kv, &limited);
            let (first, second) = (world.run(look(&open, "b", "y")), world.run(look(&open, "a", "x")));
            assert_eq!(first, second, "{before} before, after {calls} calls");
            found[usize::from(first > before)] += 1;
            if limited.is_alive() {
                break;
            }
            calls += 1;
        }
        assert!(found[0] > 2 && found[1] > 2, "{found:?} of {calls}");
    }
}

#[test]
fn a_store_that_was_open_all_the_while_writes_where_another_instance_stopped() {
    let (mut calls, mut found) = (1, [0, 0]);
    loop {
        let world = World::new();
        let kv = by_space();
        let open = world.open(&kv);
        let limited = StopAfter::new(calls);
        transact_while_alive(&world, &kv, &limited);
        world.run(async {
            for (space, segment) in [("a", "x"), ("b", "y")] {
                let made = open.append(records(space, segment, &["3"]), WriteOptions::default()).await;
                assert!(made.is_ok(), "after {calls} calls: {made:?}");
            }
            let (a, b) = (count(&open, "a").await, count(&open, "b").await);
            assert_eq!(a, b, "after {calls} calls");
            found[usize::from(a == 2)] += 1;
        });
        if limited.is_alive() {
            break;
        }
        calls += 1;
    }
    assert!(found[0] > 3 && found[1] > 2, "{found:?} of {calls}");
}

/// Spaces whose first entries are those of a transaction that another instance left half done are no empty ones.
#[test]
fn a_compaction_counts_what_another_instance_had_committed() {
    let mut committed = [0, 0];
    for calls in 1.. {
        let world = World::new();
        let kv = by_space();
        let open = world.open(&kv);
        let limited = StopAfter::new(calls);
        transact_while_alive(&world, &kv, &limited);
        world.run(async {
            let mut job = open.compactor(None).expect("starts");
            assert!(job.step().await.expect("lists"));
            let total = job.total().expect("it was listed");
            while job.step().await.expect("steps") {}
            let there = count(&open, "a").await + count(&open, "b").await;
            assert_eq!((job.done(), total), (there, there), "after {calls} calls");
            committed[usize::from(there == 2)] += 1;
        });
        if limited.is_alive() {
            break;
        }
    }
    assert!(committed[0] > 3 && committed[1] > 2, "{committed:?}");
}

/// Removes the header of a record just before the last of so many reads of it.
struct HeaderGoes {
    kv: MemoryKv,
    reads: Cell<u32>,
}

impl Hook for HeaderGoes {
    async fn before(&self, call: HostCall<'_>) -> Result {
        if let HostCall::Get([key]) = call
            && key.starts_with(b"TXN")
        {
            self.reads.set(self.reads.get().saturating_sub(1));
            if self.reads.get() == 0 {
                self.kv.overwrite(key, None);
            }
        }
        Ok(())
    }
}

/// Who gave a transaction up may not hear that its header went, and leave the parts to who waits to do the same.
#[test]
fn parts_whose_header_goes_meanwhile_are_removed() {
    let (mut calls, mut gone) = (1, 0);
    loop {
        let world = World::new();
        let kv = by_space();
        // When it is found, before the patience, and after.
        let goes = Rc::new(HeaderGoes { kv: kv.clone(), reads: Cell::new(3) });
        let open = world.open_with(hooked(&kv, &goes), OpenOptions::default()).expect("opens");
        let limited = StopAfter::new(calls);
        transact_while_alive(&world, &kv, &limited);
        world.run(open.recover()).expect("recovers");
        world.settle();
        assert_eq!(world.run(open.health()).expect("looks").pending_transactions, 0, "after {calls} calls");
        gone += u32::from(goes.reads.get() == 0);
        if limited.is_alive() {
            break;
        }
        calls += 1;
    }
    assert!(gone > 0, "none of {calls} runs came so far");
}

/// Its owner stopped before the parts were removed, or while they were written by one that was given up.
#[test]
fn parts_without_a_header_are_removed_when_a_store_is_opened() {
    let (mut calls, mut left) = (1, 0);
    loop {
        let world = World::new();
        let kv = by_space();
        let limited = StopAfter::new(calls);
        transact_while_alive(&world, &kv, &limited);
        let record = |key: &&Vec<u8>| key.starts_with(b"TXN\0");
        let rows = kv.snapshot();
        let is_part = |key: &&Vec<u8>| record(key) && key.last() != Some(&0);
        if let Some(part) = rows.keys().find(is_part) {
            for header in rows.keys().filter(|key| record(key) && *key != part) {
                kv.overwrite(header, None);
            }
            let store = world.open(&kv);
            assert_eq!(world.run(store.health()).expect("looks").pending_transactions, 0, "{calls} calls");
            left += 1;
        }
        if limited.is_alive() {
            break;
        }
        calls += 1;
    }
    assert!(left > 3, "{left} of {calls} left something");
}

/// Gives up, as others do, the first transaction that is about to be committed.
struct GivesUp {
    kv: MemoryKv,
    given_up: Cell<bool>,
}

impl Hook for GivesUp {
    async fn before(&self, call: HostCall<'_>) -> Result {
        if let HostCall::Commit(batch) = call
            && let ([check], [put]) = (&batch.checks[..], &batch.puts[..])
            && put.key.starts_with(b"TXN\0")
            && check.value.is_some()
            && !self.given_up.replace(true)
        {
            self.kv.overwrite(&put.key, None);
        }
        Ok(())
    }
}

#[test]
fn one_that_others_gave_up_before_it_was_committed_is_tried_again() {
    let world = World::new();
    let kv = by_space();
    let gives_up = Rc::new(GivesUp { kv: kv.clone(), given_up: Cell::new(false) });
    let store = world.open_with(hooked(&kv, &gives_up), OpenOptions::default()).expect("opens");
    world.run(async {
        let writes = vec![records("a", "x", &["1"]), records("b", "y", &["2"])];
        store.transact(writes, WriteOptions::default()).await.expect("commits");
        assert!(gives_up.given_up.get());
        assert_eq!((count(&store, "a").await, count(&store, "b").await), (1, 1));
        assert_eq!(store.health().await.expect("looks").pending_transactions, 0);
    });
}

#[test]
fn a_closed_store_does_not_look() {
    let world = World::new();
    let store = world.open(&by_space());
    world.run(store.close());
    let error = world.run(store.recover()).expect_err("closed");
    assert_eq!(error.code(), ErrorCode::Closed);
}

/// Holds the commits of one instance back from the second one of a transaction on, until another has looked for what is
/// under way so often.
struct UntilLooked {
    commits: Cell<u32>,
    gate: RefCell<Option<oneshot::Receiver<()>>>,
}

impl Hook for UntilLooked {
    async fn before(&self, call: HostCall<'_>) -> Result {
        if matches!(call, HostCall::Commit(_)) {
            self.commits.set(self.commits.get() + 1);
            let gate = if self.commits.get() == 3 { self.gate.take() } else { None };
            if let Some(gate) = gate {
                let _ = gate.await;
            }
        }
        Ok(())
    }
}

/// Lets go of the gate at the last of so many looks for redo records.
struct Looks {
    left: Cell<u32>,
    release: RefCell<Option<oneshot::Sender<()>>>,
}

impl Hook for Looks {
    async fn before(&self, call: HostCall<'_>) -> Result {
        if let HostCall::Scan(range) = call
            && range.start.starts_with(b"TXN")
        {
            self.left.set(self.left.get().saturating_sub(1));
            if self.left.get() == 0 {
                drop(self.release.take());
            }
        }
        Ok(())
    }
}

#[test]
fn a_transaction_that_is_under_way_all_the_while_is_no_problem() {
    let world = World::new();
    let kv = by_space();
    world.run(count(&world.open(&kv), "a"));
    let (release, gate) = oneshot::channel();
    let slow = Rc::new(UntilLooked { commits: Cell::new(0), gate: RefCell::new(Some(gate)) });
    let writer = world.open_with(hooked(&kv, &slow), OpenOptions::default()).expect("opens");
    // One when it opens, two of the verification.
    let looks = Rc::new(Looks { left: Cell::new(3), release: RefCell::new(Some(release)) });
    let other = world.open_with(hooked(&kv, &looks), OpenOptions::default()).expect("opens");
    world.run(async {
        let writes = vec![records("a", "x", &["1"]), records("b", "y", &["2"])];
        let transaction = writer.transact(writes, WriteOptions::default());
        let verification = async {
            while kv.snapshot().keys().all(|key| !key.starts_with(b"TXN")) {
                futures::pending!();
            }
            let mut verifier = other.verifier();
            while verifier.step().await.expect("verifies") {}
            verifier.report()
        };
        let (written, report) = futures::join!(transaction, verification);
        written.expect("commits");
        assert_eq!(report.problems, []);
    });
}

/// Stops an instance after every possible number of host calls, and damages a part of what it left.
#[test]
fn a_damaged_part_keeps_only_the_spaces_shut_that_wait_for_it() {
    let mut calls = 1;
    let (mut shut, mut done) = (0, 0);
    loop {
        let world = World::new();
        let kv = by_space();
        let first = world.open(&kv);
        world.run(async {
            first.append(records("other", "x", &["0"]), WriteOptions::default()).await.expect("appends");
        });
        let limited = StopAfter::new(calls);
        if let Ok(store) = world.open_with(hooked(&kv, &limited), OpenOptions::default()) {
            let writes = vec![records("a", "x", &["1"]), records("b", "y", &["2"])];
            let _ = world.run(store.transact(writes, WriteOptions::default()));
        }
        let rows = kv.snapshot();
        let part = |key: &[u8]| key.starts_with(b"TXN\0") && key.last() == Some(&1);
        for (key, row) in rows.iter().filter(|(key, _)| part(key)) {
            for damaged in [None, Some(row[..row.len() / 2].to_vec())] {
                kv.restore(rows.clone());
                kv.overwrite(key, damaged);
                let store = world.open(&kv);
                world.settle();
                world.run(async {
                    assert_eq!(count(&store, "other").await, 1);
                    let read = |space| store.read_space(space_read(space, EntryId::ZERO, 1000));
                    match (read("a").await, read("b").await) {
                        (Ok(a), Ok(b)) => {
                            assert_eq!(a.len(), b.len(), "after {calls} calls");
                            let left = store.health().await.expect("looks").pending_transactions;
                            assert_eq!(left, 0, "after {calls} calls");
                            done += 1;
                        }
                        (a, b) => {
                            for one in [a, b] {
                                let corrupt =
                                    one.map_or_else(|error| error.code() == ErrorCode::Corrupt, |_| true);
                                assert!(corrupt, "after {calls} calls");
                            }
                            shut += 1;
                        }
                    }
                });
            }
        }
        if limited.is_alive() {
            break;
        }
        calls += 1;
    }
    assert!(shut > 3 && done > 3, "{shut} {done}");
}
