//! The head of a space and the rows of a page are asked for at once where that changes no answer.
#![cfg(feature = "guarded-writes")]

mod common;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use common::hooked::{Hook, HostCall, hooked};
use common::reads::segment_read;
use common::turn::turn;
use common::{Never, World, records, small_blocks};
use futures::FutureExt;
use futures::lock::Mutex;
use streamkit_core::{
    Env, Error, ErrorCode, MemoryKv, OpenOptions, Page, Result, Retention, Store, WriteOptions,
};

/// Polls of a call that has long ended by then.
const MANY: usize = 100;

/// Opens a store whose calls have no deadline.
fn open(world: &World, kv: &MemoryKv, hook: &Rc<impl Hook + 'static>) -> Store {
    let env = Env { timer: Rc::new(Never), ..world.env(hooked(kv, hook)) };
    world.run(Store::open(env, OpenOptions::default())).expect("opens")
}

/// A host with a stream of one record in "g".
fn filled(world: &World) -> (MemoryKv, Store) {
    let kv = small_blocks();
    let writer = world.open(&kv);
    world.run(async {
        writer.create_stream("s", 1, Retention::default()).await.expect("creates");
        writer.append(records("s", "g", &["x"]), WriteOptions::default()).await.expect("appends");
    });
    (kv, writer)
}

/// Reads the segment, and does not wait for ever.
fn read(store: &Store) -> Option<Result<Page>> {
    let mut page = Box::pin(store.read_segment(segment_read("s", "g", 1, 10)));
    (0..MANY).find_map(|_| (&mut page).now_or_never())
}

fn count(store: &Store) -> u64 {
    read(store).expect("ends").expect("reads").len()
}

/// Which calls have been answered, in order; gets take their time.
#[derive(Default)]
struct Slow(RefCell<Vec<&'static str>>);

impl Hook for Slow {
    async fn before(&self, call: HostCall<'_>) -> Result {
        match call {
            HostCall::Get(_) => {
                for _ in 0..10 {
                    turn().await;
                }
                self.0.borrow_mut().push("get");
            }
            HostCall::Scan(_) => self.0.borrow_mut().push("scan"),
            HostCall::Commit(_) => {}
        }
        Ok(())
    }
}

#[test]
fn the_head_comes_first_of_a_space_that_was_not_seen_with_entries() {
    let world = World::new();
    let (kv, _) = filled(&world);
    let slow = Rc::new(Slow::default());
    let store = open(&world, &kv, &slow);
    for expected in [["get", "scan"], ["scan", "get"], ["scan", "get"]] {
        slow.0.borrow_mut().clear();
        assert_eq!(count(&store), 1);
        assert_eq!(*slow.0.borrow(), expected);
    }
}

/// One call after the other.
#[derive(Default)]
struct Queue(Mutex<()>);

impl Hook for Queue {
    async fn before(&self, _: HostCall<'_>) -> Result {
        let _turn = self.0.lock().await;
        turn().await;
        Ok(())
    }
}

#[test]
fn a_host_that_serves_one_call_at_a_time_is_given_the_time_for_each() {
    let world = World::new();
    let (kv, _) = filled(&world);
    let store = open(&world, &kv, &Rc::new(Queue::default()));
    for _ in 0..3 {
        assert_eq!(count(&store), 1);
    }
}

/// Whose rows cannot be read any more.
#[derive(Default)]
struct Damaged(Cell<bool>);

impl Hook for Damaged {
    async fn before(&self, call: HostCall<'_>) -> Result {
        match call {
            HostCall::Scan(_) if self.0.get() => Err(Error::new(ErrorCode::Corrupt, "a row is damaged")),
            _ => Ok(()),
        }
    }
}

#[test]
fn rows_that_nobody_needs_may_be_damaged() {
    let world = World::new();
    let (kv, writer) = filled(&world);
    let damaged = Rc::new(Damaged::default());
    let store = open(&world, &kv, &damaged);
    assert_eq!(count(&store), 1);
    damaged.0.set(true);
    let refused = read(&store).expect("ends").expect_err("the rows are needed");
    assert_eq!(refused.code(), ErrorCode::Corrupt);
    world.run(writer.delete_stream("s", true)).expect("deletes");
    assert_eq!(count(&store), 0);
}

/// A host on which another writer appends right before a scan, where it is told to.
struct BeforeScan {
    writer: Store,
    appends: Cell<bool>,
}

impl Hook for BeforeScan {
    async fn before(&self, call: HostCall<'_>) -> Result {
        if matches!(call, HostCall::Scan(_)) && self.appends.take() {
            self.writer.append(records("s", "g", &["y"]), WriteOptions::default()).await?;
        }
        Ok(())
    }
}

#[test]
fn what_is_later_than_the_head_is_not_passed() {
    let world = World::new();
    let (kv, writer) = filled(&world);
    let before_scan = Rc::new(BeforeScan { writer, appends: Cell::new(true) });
    // The first page has the head before the rows, the next ones ask for both at once.
    let store = open(&world, &kv, &before_scan);
    for shown in 1..4 {
        before_scan.appends.set(true);
        let page = world.run(store.read_segment(segment_read("s", "g", 1, 10))).expect("reads");
        assert!(!before_scan.appends.get(), "another one has appended");
        let there = page.len();
        assert!((shown..=shown + 1).contains(&there), "{there} of {shown} and one more");
        assert_eq!((page.next_sequence(), page.tail), (there + 1, true));
    }
    assert_eq!(count(&store), 4);
}
