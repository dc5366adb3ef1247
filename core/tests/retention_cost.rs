//! What an append costs to a stream that keeps only so much: one commit for itself, one for the trim.
#![cfg(feature = "guarded-writes")]

mod common;

use std::rc::Rc;

use common::calls::Calls;
use common::hooked::hooked;
use common::{Never, World, records, to_stream};
use streamkit_core::{Env, MemoryKv, OpenOptions, Retention, Store, StreamAppend, Trim, WriteOptions};

/// Records that a stream keeps.
const KEPT: u64 = 300;
/// Appends that are counted.
const COUNTED: u64 = 128;

struct Counted {
    world: World,
    calls: Rc<Calls>,
    kv: MemoryKv,
    store: Store,
}

impl Counted {
    fn new() -> Self {
        let world = World::new();
        let kv = MemoryKv::default();
        let calls = Rc::new(Calls::default());
        let patient = OpenOptions { host_timeout: 0, auto_compact: false, ..OpenOptions::default() };
        let env = Env { timer: Rc::new(Never), ..world.env(hooked(&kv, &calls)) };
        let store = world.run(Store::open(env, patient)).expect("opens");
        Self { world, calls, kv, store }
    }

    async fn append(&self, number: u64, partitions: u64) {
        self.world.clock.0.set(self.world.clock.0.get() + 1);
        let partition = Some(u32::try_from(number % partitions).expect("is small"));
        let append = StreamAppend { partition, ..to_stream("s", &["payload"], None) };
        self.store.append_to_stream(append, WriteOptions::default()).await.expect("appends");
    }

    /// What so many appends cost a stream that has come to what it keeps.
    async fn steady(&self, partitions: u32, retention: Retention) -> (u64, u64, u64) {
        self.store.create_stream("s", partitions, retention).await.expect("creates");
        for number in 0..KEPT + 64 {
            self.append(number, partitions.into()).await;
        }
        self.calls.take();
        for number in 0..COUNTED {
            self.append(number, partitions.into()).await;
        }
        self.calls.take()
    }
}

fn bounds() -> [Retention; 4] {
    let none = Retention::default();
    let (max_age, max_count, max_bytes) = (Some(KEPT), Some(KEPT), Some(KEPT * 7));
    [
        Retention { max_count, ..none },
        Retention { max_bytes, ..none },
        Retention { max_age, ..none },
        Retention { max_age, max_count, max_bytes },
    ]
}

#[test]
fn an_append_under_retention_takes_two_commits_and_hardly_reads() {
    for partitions in [1, 5] {
        for retention in bounds() {
            let counted = Counted::new();
            let (gets, scans, commits) = counted.world.run(counted.steady(partitions, retention));
            assert_eq!(commits, 2 * COUNTED, "{partitions} partitions, {retention:?}");
            assert!(gets == 0 && scans <= COUNTED / 16, "{gets} gets, {scans} scans: {retention:?}");
            let info = counted.world.run(counted.store.stream("s")).expect("is there");
            let other = counted.world.open(&counted.kv);
            assert_eq!(info, counted.world.run(other.stream("s")).expect("is there"));
            assert!(info.count.abs_diff(KEPT) <= 1, "{} records", info.count);
        }
    }
}

#[test]
fn trims_that_go_on_hardly_read() {
    let counted = Counted::new();
    counted.world.run(async {
        for number in 0..KEPT + 64 {
            counted.append(number, 1).await;
        }
        let first = counted.store.trim_stream("s", Trim::MaxCount(KEPT), false).await.expect("trims");
        counted.calls.take();
        let mut before = first.first_id;
        for number in 0..COUNTED {
            counted.append(number, 1).await;
            let trimmed = counted.store.trim_stream("s", Trim::MaxCount(KEPT), false).await.expect("trims");
            assert_eq!(trimmed.trimmed, 1);
            assert!(trimmed.first_id > before);
            before = trimmed.first_id;
        }
        let (gets, scans, commits) = counted.calls.take();
        assert_eq!((gets, commits), (COUNTED, 2 * COUNTED));
        assert!(scans <= COUNTED / 16, "{scans} scans");
        assert_eq!(counted.store.stream("s").await.expect("is there").first_id, before);
    });
}

#[test]
fn who_is_told_where_a_segment_begins_is_told_the_truth() {
    let counted = Counted::new();
    let other = counted.world.open(&counted.kv);
    counted.world.run(async {
        let retention = Retention { max_count: Some(10), ..Retention::default() };
        counted.store.create_stream("s", 2, retention).await.expect("creates");
        for number in 0..50 {
            counted.append(number, 2).await;
            if number % 7 == 0 {
                // Not as a stream: nothing is trimmed after it.
                let told = counted.store.append(records("s", "0", &["plain"]), WriteOptions::default()).await;
                let seen = other.segment_status("s", "0").await.expect("looks").expect("is there");
                assert_eq!(told.expect("appends").status, seen);
            }
        }
    });
}

/// Numbers that look like chance.
fn draw(state: &mut u64, below: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % below
}

#[test]
fn what_is_remembered_is_what_is_there() {
    for seed in 0..40 {
        let world = World::new();
        let kv = MemoryKv::default();
        let stores = [world.open(&kv), world.open(&kv)];
        let mut state = seed;
        world.run(async {
            stores[0].create_stream("s", 2, bounds()[0]).await.expect("creates");
            for _ in 0..200 {
                let store = &stores[usize::from(draw(&mut state, 4) == 0)];
                world.clock.0.set(world.clock.0.get() + draw(&mut state, 3));
                let kept = 1 + draw(&mut state, 40);
                match draw(&mut state, 20) {
                    0 => {
                        let max_count = Some(kept);
                        let max_bytes = kept.is_multiple_of(3).then_some(kept * 9);
                        let retention = Retention { max_age: None, max_count, max_bytes };
                        store.alter_stream("s", retention).await.expect("alters");
                    }
                    1 => drop(store.trim_stream("s", Trim::MaxCount(kept), false).await.expect("trims")),
                    2 => drop(store.trim_stream("s", Trim::MaxBytes(kept * 5), true).await.expect("says")),
                    3 => drop(store.collect("s").await.expect("collects")),
                    4 => {
                        let mut job = store.compactor(None).expect("starts");
                        while job.step().await.expect("compacts") {}
                    }
                    5 => drop(store.sweep_streams(None).await.expect("sweeps")),
                    _ => {
                        let payloads = ["one", "three", "eleven"];
                        let some = usize::try_from(1 + draw(&mut state, 3)).expect("is small");
                        let partition = Some(u32::from(kept.is_multiple_of(3)));
                        let append = StreamAppend { partition, ..to_stream("s", &payloads[..some], None) };
                        store.append_to_stream(append, WriteOptions::default()).await.expect("appends");
                    }
                }
                let fresh = Store::open(world.env(Rc::new(kv.clone())), OpenOptions::default());
                let fresh = fresh.await.expect("opens").stream("s").await.expect("is there");
                for store in &stores {
                    assert_eq!(store.stream("s").await.expect("is there"), fresh, "seed {seed}");
                }
                let most = fresh.retention.max_count.expect("was given").max(300);
                assert!(fresh.count <= most, "seed {seed}: {} of {most}", fresh.count);
            }
            let mut verifier = stores[0].verifier();
            while verifier.step().await.expect("verifies") {}
            let problems = verifier.report().problems;
            assert!(problems.is_empty(), "seed {seed}: {problems:?}");
        });
    }
}
