//! Sweeps of the streams of a store: retention where nothing is appended, and what earlier trims left.
#![cfg(feature = "guarded-writes")]

mod common;

use std::rc::Rc;

use common::hooked::{Hook, HostCall, hooked};
use common::{World, to_stream};
use streamkit_core::{Error, ErrorCode, MemoryKv, OpenOptions, Result, Retention, Store, Trim, WriteOptions};

/// Sweeps to the end; how many steps that takes.
async fn sweep(store: &Store) -> u32 {
    let mut after = None;
    for steps in 1.. {
        after = store.sweep_streams(after.as_deref()).await.expect("sweeps");
        if after.is_none() {
            return steps;
        }
    }
    0
}

async fn append(store: &Store, stream: &str) {
    store.append_to_stream(to_stream(stream, &["x"], None), WriteOptions::default()).await.expect("appends");
}

async fn count(store: &Store, stream: &str) -> u64 {
    store.stream(stream).await.expect("is a stream").count
}

#[test]
fn a_sweep_comes_to_every_stream_and_past_what_is_damaged() {
    let world = World::new();
    let kv = MemoryKv::new();
    let store = world.open(&kv);
    let name = |n: u32| format!("stream-{n:04}");
    let ages = [0, 1, 700, 2099];
    world.run(async {
        for n in 0..2100 {
            let max_age = ages.contains(&n).then_some(1000);
            let retention = Retention { max_age, ..Retention::default() };
            store.create_stream(&name(n), 1, retention).await.expect("creates");
            append(&store, &name(n)).await;
        }
    });
    let damaged = format!("INV\0SPACES\0{}", name(2)).into_bytes();
    kv.overwrite(&damaged, Some(b"damaged".to_vec()));
    world.clock.0.set(world.clock.0.get() + 100_000);
    world.run(async {
        assert_eq!(sweep(&store).await, 3, "steps are bounded");
        for n in (0..2100).filter(|n| *n != 2) {
            assert_eq!(count(&store, &name(n)).await, u64::from(!ages.contains(&n)), "{n}");
        }
    });
}

/// A host that removes nothing.
struct Keeps;

impl Hook for Keeps {
    async fn before(&self, call: HostCall<'_>) -> Result {
        match call {
            HostCall::Commit(batch) if !batch.deletes.is_empty() => Err(Error::unavailable("not now")),
            _ => Ok(()),
        }
    }
}

#[test]
fn a_sweep_has_removed_what_earlier_trims_left() {
    let world = World::new();
    let kv = MemoryKv::new();
    let patient = OpenOptions { host_timeout: 0, auto_compact: false, ..OpenOptions::default() };
    let first = world.open_with(hooked(&kv, &Rc::new(Keeps)), patient).expect("opens");
    world.run(async {
        for _ in 0..20 {
            append(&first, "stream").await;
        }
        first.trim_stream("stream", Trim::MaxCount(1), false).await.expect("trims");
    });
    world.settle();
    let before = kv.len();
    let other = world.open(&kv);
    world.run(async { assert_eq!(sweep(&other).await, 1) });
    world.settle();
    assert!(kv.len() + 30 < before, "{} rows of {before}", kv.len());
    world.run(other.close());
    let error = world.run(other.sweep_streams(None)).expect_err("closed");
    assert_eq!(error.code(), ErrorCode::Closed);
}
