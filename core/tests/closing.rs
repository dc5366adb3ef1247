//! Closing a store on which something was trimmed in the last moments.
#![cfg(feature = "guarded-writes")]

mod common;

use std::cell::Cell;
use std::rc::Rc;

use common::hooked::{Hook, HostCall, hooked};
use common::{Never, World, records};
use futures::future::FutureExt;
use futures::task::LocalSpawnExt;
use streamkit_core::{Env, ErrorCode, MemoryKv, OpenOptions, Result, Retention, Store, WriteOptions};

/// Lets calls through, or keeps them for ever.
#[derive(Default)]
struct Hangs(Cell<bool>);

impl Hook for Hangs {
    async fn before(&self, _: HostCall<'_>) -> Result {
        if self.0.get() {
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

/// Answers, but not in the same poll.
struct Waits;

impl Hook for Waits {
    async fn before(&self, _: HostCall<'_>) -> Result {
        futures::pending!();
        Ok(())
    }
}

/// A store on which a stream was just deleted: its rows wait to be collected.
fn with_rows_to_collect(world: &World, env: Env) -> Store {
    let options =
        OpenOptions { host_timeout: 0, auto_compact: false, poll_interval: 0, ..OpenOptions::default() };
    let store = world.run(Store::open(env, options)).expect("opens");
    world.run(async {
        store.create_stream("deleted", 1, Retention::default()).await.expect("creates");
        for _ in 0..20 {
            store.append(records("deleted", "0", &["x"]), WriteOptions::default()).await.expect("appends");
        }
        store.delete_stream("deleted", true).await.expect("deletes");
    });
    store
}

/// Blocks and commit rows.
fn rows(kv: &MemoryKv) -> usize {
    kv.snapshot().into_keys().filter(|key| key.starts_with(b"DAT\0")).count()
}

#[test]
fn a_host_that_does_not_answer_keeps_no_store_open() {
    let world = World::new();
    let hangs = Rc::new(Hangs::default());
    let store = with_rows_to_collect(&world, world.env(hooked(&MemoryKv::default(), &hangs)));
    hangs.0.set(true);
    let closed = world.pool.borrow().spawner().spawn_local_with_handle(async move { store.close().await });
    world.settle();
    assert_eq!(closed.expect("is spawned").now_or_never(), Some(()));
}

#[test]
fn what_is_collected_last_lets_nobody_wait_or_write_longer() {
    let world = World::new();
    let kv = MemoryKv::default();
    let env = Env { timer: Rc::new(Never), ..world.env(hooked(&kv, &Rc::new(Waits))) };
    let store = with_rows_to_collect(&world, env);
    let mut wait = store.wait(Some("deleted"), store.epoch(), None, 0).boxed_local();
    assert_eq!((&mut wait).now_or_never(), None);
    let mut closing = store.close().boxed_local();
    assert_eq!((&mut closing).now_or_never(), None);
    let ended = wait.now_or_never().expect("is woken");
    assert_eq!(ended.map_err(|error| error.code()), Err(ErrorCode::Closed));
    let late = store.append(records("deleted", "0", &["late"]), WriteOptions::default()).now_or_never();
    assert_eq!(late.expect("is refused at once").map_err(|error| error.code()), Err(ErrorCode::Closed));
    // Who closes it again waits for the same.
    assert_eq!(rows(&kv), 40);
    world.run(store.close());
    assert_eq!(rows(&kv), 0);
    assert_eq!(closing.now_or_never(), Some(()));
}

#[test]
fn a_store_whose_executor_is_gone_closes() {
    let world = World::new();
    let env = world.env(Rc::new(MemoryKv::default()));
    let store = with_rows_to_collect(&world, env);
    drop(world);
    assert_eq!(store.close().now_or_never(), Some(()));
}
