//! Others change a stream between a trim's look at it and its commit.
#![cfg(feature = "guarded-writes")]

mod common;

use std::cell::RefCell;
use std::rc::Rc;

use common::hooked::{Hook, HostCall, Meanwhile, hooked};
use common::{World, small_blocks, to_stream};
use streamkit_core::{
    ErrorCode, MemoryKv, OpenOptions, Result, Retention, Store, StreamInfo, Trim, WriteOptions,
};

const ANY: Retention = Retention { max_age: None, max_count: None, max_bytes: None };

async fn open(world: &World, kv: &MemoryKv) -> Store {
    Store::open(world.env(Rc::new(kv.clone())), OpenOptions::default()).await.expect("opens")
}

async fn append(world: &World, store: &Store, count: usize) {
    for _ in 0..count {
        world.clock.0.set(world.clock.0.get() + 10);
        let append = to_stream("s", &["x"], None);
        store.append_to_stream(append, WriteOptions::default()).await.expect("appends");
    }
}

/// A stream of ten records, of which others make something while a trim of it is about to commit; what it is then.
fn beside_others(
    retention: Retention,
    others: impl AsyncFn(&World, &Store),
    trim: impl AsyncFn(&World, &Store),
) -> StreamInfo {
    let world = World::new();
    let kv = small_blocks();
    world.run(async {
        let store = open(&world, &kv).await;
        store.create_stream("s", 1, retention).await.expect("creates");
        append(&world, &store, 10).await;
        let elsewhere = small_blocks();
        elsewhere.restore(kv.snapshot());
        others(&world, &open(&world, &elsewhere).await).await;
        let meanwhile = Meanwhile::of(&kv);
        let trimming =
            Store::open(world.env(hooked(&kv, &meanwhile)), OpenOptions::default()).await.expect("opens");
        meanwhile.take_in(&elsewhere);
        trim(&world, &trimming).await;
        assert!(meanwhile.has_come());
        let store = open(&world, &kv).await;
        let mut verifier = store.verifier();
        while verifier.step().await.expect("steps") {}
        let problems = verifier.report().problems;
        assert!(problems.is_empty(), "{problems:#?}");
        store.stream("s").await.expect("is there")
    })
}

#[test]
fn what_others_trimmed_stays_trimmed() {
    let others = async |_: &World, store: &Store| {
        store.trim_stream("s", Trim::MaxCount(3), false).await.expect("trims");
    };
    let trim = async |_: &World, store: &Store| {
        let trimmed = store.trim_stream("s", Trim::MaxCount(8), false).await.expect("trims");
        assert_eq!(trimmed.trimmed, 0);
    };
    assert_eq!(beside_others(ANY, others, trim).count, 3);
}

/// Before the first scan of commit rows, others trim and collect nearly all that there is.
struct CollectedBefore(RefCell<Option<Store>>);

impl Hook for CollectedBefore {
    async fn before(&self, call: HostCall<'_>) -> Result {
        let looks = matches!(call, HostCall::Scan(range) if range.start.starts_with(b"DAT\0SPACES"));
        let others = looks.then(|| self.0.take()).flatten();
        if let Some(others) = others {
            others.trim_stream("s", Trim::MaxCount(1), false).await?;
            others.collect("s").await?;
        }
        Ok(())
    }
}

#[test]
fn rows_that_others_trimmed_meanwhile_are_not_taken_for_lost() {
    let world = World::new();
    let kv = small_blocks();
    world.run(async {
        let others = open(&world, &kv).await;
        others.create_stream("s", 1, ANY).await.expect("creates");
        append(&world, &others, 10).await;
        let hook = Rc::new(CollectedBefore(RefCell::new(Some(others.clone()))));
        // Timers fire at once here, and are not to end calls of the host.
        let patient = OpenOptions { host_timeout: 0, ..OpenOptions::default() };
        let store = Store::open(world.env(hooked(&kv, &hook)), patient).await.expect("opens");
        let error = store.trim_stream("s", Trim::MaxCount(5), false).await.expect_err("others were faster");
        assert!(hook.0.borrow().is_none());
        assert_eq!(error.code(), ErrorCode::Conflict, "{error}");
        assert_eq!(store.trim_stream("s", Trim::MaxCount(5), false).await.expect("trims").trimmed, 0);
        assert_eq!(store.stream("s").await.expect("is there").count, 1);
    });
}

#[test]
fn what_others_appended_counts() {
    let others = async |world: &World, store: &Store| append(world, store, 2).await;
    let trim = async |_: &World, store: &Store| {
        store.trim_stream("s", Trim::MaxCount(8), false).await.expect("trims");
    };
    let count = beside_others(ANY, others, trim).count;
    assert!((8..=10).contains(&count), "{count}");
}

#[test]
fn a_stream_that_was_made_anew_is_not_trimmed_as_the_old_one() {
    let others = async |world: &World, store: &Store| {
        store.delete_stream("s", true).await.expect("deletes");
        store.create_stream("s", 1, ANY).await.expect("creates");
        append(world, store, 5).await;
    };
    let trim = async |_: &World, store: &Store| {
        let trimmed = store.trim_stream("s", Trim::MaxCount(5), false).await.expect("trims");
        assert_eq!(trimmed.trimmed, 0);
    };
    assert_eq!(beside_others(ANY, others, trim).count, 5);
}

#[test]
fn a_retention_that_keeps_more_by_now_is_the_one_that_counts() {
    let others = async |_: &World, store: &Store| {
        store.alter_stream("s", ANY).await.expect("alters");
    };
    let sweep = async |world: &World, store: &Store| {
        world.clock.0.set(world.clock.0.get() + 5000);
        assert_eq!(store.sweep_streams(None).await.expect("sweeps"), None);
    };
    let of_second = Retention { max_age: Some(1000), ..ANY };
    assert_eq!(beside_others(of_second, others, sweep).count, 10);
    // As it is without others.
    assert_eq!(beside_others(of_second, async |_, _| {}, sweep).count, 0);
}
