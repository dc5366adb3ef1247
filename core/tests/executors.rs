//! Executors that do not run all that they took on.
#![cfg(feature = "every-host")]

mod common;

use std::cell::Cell;
use std::rc::Rc;

use common::hooked::{Stuck, hooked};
use common::{World, records};
use futures::future::{FutureExt, LocalBoxFuture};
use futures::task::{LocalFutureObj, LocalSpawn, SpawnError};
use streamkit_core::{Appended, Env, ErrorCode, Kv, MemoryKv, OpenOptions, Result, Store, WriteOptions};

/// Takes tasks, and drops them where it is told to.
struct Forgetful {
    executor: Rc<dyn LocalSpawn>,
    forgets: Cell<bool>,
}

impl LocalSpawn for Forgetful {
    fn spawn_local_obj(&self, task: LocalFutureObj<'static, ()>) -> Result<(), SpawnError> {
        if self.forgets.get() { Ok(()) } else { self.executor.spawn_local_obj(task) }
    }
}

fn open(world: &World, kv: Rc<dyn Kv>) -> (Store, Rc<Forgetful>) {
    let env = world.env(kv);
    let executor = Rc::new(Forgetful { executor: Rc::clone(&env.spawn), forgets: Cell::new(false) });
    let env = Env { spawn: Rc::<Forgetful>::clone(&executor), ..env };
    let options = OpenOptions { host_timeout: 0, poll_interval: 0, ..OpenOptions::default() };
    (world.run(Store::open(env, options)).expect("opens"), executor)
}

fn append(store: &Store) -> LocalBoxFuture<'static, Result<Appended>> {
    let store = store.clone();
    async move { store.append(records("orders", "a", &["x"]), WriteOptions::default()).await }.boxed_local()
}

fn wait(store: &Store) -> LocalBoxFuture<'static, Result> {
    let store = store.clone();
    async move { store.wait(Some("orders"), store.epoch(), None, 0).await }.boxed_local()
}

fn code<T: std::fmt::Debug>(answer: impl Future<Output = Result<T>>) -> ErrorCode {
    answer.now_or_never().expect("is answered").expect_err("is refused").code()
}

#[test]
fn a_store_whose_task_was_dropped_is_closed_and_nobody_waits_for_ever() {
    let world = World::new();
    let (store, executor) = open(&world, Rc::new(MemoryKv::new()));
    let mut wait = wait(&store);
    assert_eq!((&mut wait).now_or_never(), None);

    executor.forgets.set(true);
    assert_eq!(code(append(&store)), ErrorCode::Closed);
    executor.forgets.set(false);
    assert_eq!(code(wait), ErrorCode::Closed);
    assert_eq!(code(append(&store)), ErrorCode::Closed);
    store.close().now_or_never().expect("nothing is waited for");
}

#[test]
fn an_executor_that_ends_before_a_commit_is_handed_over_closes_the_store() {
    let world = World::new();
    let (store, _) = open(&world, Rc::new(MemoryKv::new()));
    let mut queued = append(&store);
    assert_eq!((&mut queued).now_or_never(), None);
    drop(world);
    assert_eq!(code(queued), ErrorCode::Closed);
    assert_eq!(code(append(&store)), ErrorCode::Closed);
    store.close().now_or_never().expect("nothing is waited for");
}

#[test]
fn a_commit_that_was_under_way_when_the_executor_ended_may_have_applied() {
    let world = World::new();
    let (store, _) = open(&world, hooked(&MemoryKv::new(), &Rc::new(Stuck)));
    let mut under_way = append(&store);
    assert_eq!((&mut under_way).now_or_never(), None);
    world.settle();
    let mut closing = store.close().boxed_local();
    assert_eq!((&mut closing).now_or_never(), None);
    drop(world);
    let error = under_way.now_or_never().expect("is answered").expect_err("is gone");
    assert!(error.may_have_applied(), "{error}");
    closing.now_or_never().expect("nothing is waited for any more");
    assert_eq!(code(append(&store)), ErrorCode::Closed);
}
