//! Several writers of one space, and writes that are taken back.
#![cfg(feature = "guarded-writes")]

mod common;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use common::hooked::{Hook, HostCall, hooked};
use common::turn::turn;
use common::{World, records, told};
use futures::FutureExt;
use futures::channel::oneshot;
use streamkit_core::{
    Atomicity, Error, ErrorCode, HostLimits, MemoryKv, OpenOptions, Result, Store, WriteOptions,
};

/// Timers fire at once here, and are not to end calls of the host.
fn patient() -> OpenOptions {
    OpenOptions { host_timeout: 0, ..OpenOptions::default() }
}

/// A host that many write to: whoever commits from a head that it did not read right before comes too late.
struct Busy {
    other: Store,
    /// Commits that come too late in any case.
    lost: Cell<u32>,
    head_was_read: Cell<bool>,
}

impl Hook for Busy {
    async fn before(&self, call: HostCall<'_>) -> Result {
        match call {
            HostCall::Get(keys) if keys.contains(&b"INV\0SPACES\0orders".to_vec()) => {
                self.head_was_read.set(true);
            }
            HostCall::Commit(_) => {
                let lost = self.lost.get();
                self.lost.set(lost.saturating_sub(1));
                let is_fresh = self.head_was_read.replace(false);
                if lost > 0 || !is_fresh {
                    self.other.append(records("orders", "two", &["o"]), WriteOptions::default()).await?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

#[test]
fn an_append_gets_through_beside_a_writer_that_never_rests() {
    let world = World::new();
    let kv = MemoryKv::with_limits(HostLimits { shared: true, ..HostLimits::default() });
    let other = world.open(&kv);
    let busy = Rc::new(Busy { other, lost: Cell::new(3), head_was_read: Cell::new(false) });
    let store = world.open_with(hooked(&kv, &busy), patient()).expect("opens");
    world.run(async {
        let made = store.append(records("orders", "one", &["x"]), WriteOptions::default()).await;
        assert_eq!(made.expect("moves on").status.last_sequence, 1);
    });
}

#[derive(Clone, Copy)]
enum Call {
    Get,
    Commit,
}

/// A host whose next read of heads, or next commit, waits until it is let go on.
#[derive(Default)]
struct Gate(RefCell<Option<(Call, oneshot::Receiver<()>)>>);

impl Hook for Gate {
    async fn before(&self, call: HostCall<'_>) -> Result {
        let is_shut = |(shut, _): &mut (Call, _)| {
            matches!((shut, &call), (Call::Get, HostCall::Get(_)) | (Call::Commit, HostCall::Commit(_)))
        };
        let gate = self.0.borrow_mut().take_if(is_shut);
        if let Some((_, opened)) = gate {
            opened.await.expect("is opened");
        }
        Ok(())
    }
}

/// What becomes of a write, to a stream or a plain segment, as a future or one that calls back, that is taken back while
/// the host is at that call, beside one that is not. The last sequence that is stored then.
fn taken_back_at(call: Call, to_stream: bool, calls_back: bool) -> (Result<u64>, Result<u64>, u64) {
    let world = World::new();
    let gate = Rc::new(Gate::default());
    let store = world.open_with(hooked(&MemoryKv::new(), &gate), patient()).expect("opens");
    let (open, opened) = oneshot::channel();
    gate.0.replace(Some((call, opened)));
    let append = |tag| {
        let options = WriteOptions { tag, ..WriteOptions::default() };
        let store = store.clone();
        async move {
            if to_stream {
                let append = common::to_stream("orders", &["x"], None);
                let made = if calls_back {
                    told(|then| store.append_to_stream_then(append, options, then)).await
                } else {
                    store.append_to_stream(append, options).await
                };
                return made.map(|made| made.last_id.n + 1);
            }
            let records = records("orders", "0", &["x"]);
            if calls_back {
                let made = told(|then| store.append_then(records, options, then)).await;
                return made.map(|made| made.last_sequence);
            }
            store.append(records, options).await.map(|made| made.status.last_sequence)
        }
    };
    world.run(async {
        let cancel = async {
            while gate.0.borrow().is_some() {
                turn().await;
            }
            assert!(store.cancel(7), "there is such a call");
            open.send(()).expect("waits");
        };
        let (taken_back, kept, ()) = futures::join!(append(7), append(8), cancel);
        let status = store.segment_status("orders", "0").await.expect("answers");
        (taken_back, kept, status.map_or(0, |status| status.last_sequence))
    })
}

#[test]
fn a_write_is_taken_back_until_it_is_handed_to_the_host() {
    for (to_stream, calls_back) in [(false, false), (false, true), (true, false), (true, true)] {
        let (taken_back, kept, last) = taken_back_at(Call::Get, to_stream, calls_back);
        assert_eq!(taken_back.expect_err("taken back").code(), ErrorCode::Aborted);
        assert_eq!((kept.expect("stored"), last), (1, 1));
        let (handed_over, kept, last) = taken_back_at(Call::Commit, to_stream, calls_back);
        assert_eq!((handed_over.expect("stored"), kept.expect("stored"), last), (1, 2, 2));
    }
}

/// A host that has no room for what holds a payload.
struct NoRoom {
    payload: &'static str,
    refused: Cell<u32>,
}

impl Hook for NoRoom {
    async fn before(&self, call: HostCall<'_>) -> Result {
        let HostCall::Commit(batch) = call else { return Ok(()) };
        let holds =
            |value: &[u8]| value.windows(self.payload.len()).any(|part| part == self.payload.as_bytes());
        if batch.puts.iter().any(|put| holds(&put.value)) {
            self.refused.set(self.refused.get() + 1);
            return Err(Error::new(ErrorCode::QuotaExceeded, "no room"));
        }
        Ok(())
    }
}

#[test]
fn where_there_is_no_room_at_all_each_request_finds_out_once() {
    let world = World::new();
    let full = Rc::new(NoRoom { payload: "too much", refused: Cell::new(0) });
    let store = world.open_with(hooked(&MemoryKv::new(), &full), patient()).expect("opens");
    world.run(async {
        let append = |_| store.append(records("orders", "one", &["too much"]), WriteOptions::default());
        for made in futures::future::join_all((0..256).map(append)).await {
            assert_eq!(made.expect_err("refused").code(), ErrorCode::QuotaExceeded);
        }
        assert!(full.refused.get() <= 256 + 8, "{} commits for 256 requests", full.refused.get());
    });
}

#[test]
fn of_a_commit_that_has_no_room_only_the_culprit_is_refused() {
    let world = World::new();
    let full = Rc::new(NoRoom { payload: "too much", refused: Cell::new(0) });
    let store = world.open_with(hooked(&MemoryKv::new(), &full), patient()).expect("opens");
    world.run(async {
        let payloads = ["1", "2", "3", "4", "5", "too much", "6", "7", "8"];
        let appends = payloads.map(|payload| {
            let store = store.clone();
            async move { store.append(records("orders", "one", &[payload]), WriteOptions::default()).await }
        });
        let made = futures::future::join_all(appends).await;
        let told: Vec<_> = made
            .into_iter()
            .map(|made| made.map(|made| made.status.last_sequence).map_err(|error| error.code()))
            .collect();
        let refused = Err(ErrorCode::QuotaExceeded);
        assert_eq!(told, [Ok(1), Ok(2), Ok(3), Ok(4), Ok(5), refused, Ok(6), Ok(7), Ok(8)]);
        assert!(full.refused.get() <= 6, "the commit is halved until the culprit is alone");
    });
}

#[test]
fn a_refusal_beside_what_is_stored_holds_only_while_its_head_stands() {
    let world = World::new();
    let kv = MemoryKv::with_limits(HostLimits { shared: true, ..HostLimits::default() });
    let (store, other) = (world.open(&kv), world.open(&kv));
    let append = async |store: &Store, space: &str, last: u64| {
        let made = store.append(records(space, "one", &["x"]).expecting(last), WriteOptions::default()).await;
        made.map(|made| made.status.last_sequence).map_err(|error| error.code())
    };
    world.run(async {
        assert_eq!(append(&store, "orders", 0).await, Ok(1));
        assert_eq!(append(&other, "orders", 1).await, Ok(2));
        // As far as this one knows there is one entry, and nothing that it stores is checked against that.
        let made = futures::join!(
            append(&store, "orders", 2),
            append(&store, "others", 0),
            append(&store, "orders", 9),
        );
        assert_eq!(made, (Ok(3), Ok(1), Err(ErrorCode::SequenceMismatch)));
    });
}

#[test]
fn nobody_overtakes_what_waits_for_the_next_commit() {
    let world = World::new();
    let kv = MemoryKv::with_limits(HostLimits { max_batch_bytes: 64 << 10, ..HostLimits::default() });
    let store = world.open(&kv);
    let large = "x".repeat(30 << 10);
    world.run(async {
        let payloads = ["1", &large, &large, "4", &large, "6"];
        let append = |payload| store.append(records("orders", "one", &[payload]), WriteOptions::default());
        let made = futures::future::join_all(payloads.map(append)).await;
        let last = made.into_iter().map(|made| made.expect("appends").status.last_sequence);
        assert_eq!(last.collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    });
}

#[test]
fn a_transaction_that_names_a_segment_often_is_one_write_within_the_limits() {
    let world = World::new();
    let store = world.open(&MemoryKv::new());
    let many = |count: usize| records("orders", "a", &vec!["x"; count]);
    world.run(async {
        let writes =
            (0..2000).map(|n| records("orders", if n % 2 == 0 { "a" } else { "b" }, &["x"])).collect();
        let made = store.transact(writes, WriteOptions::default()).await.expect("stored");
        assert_eq!(made.len(), 2000);
        assert_eq!(made.iter().map(|one| one.status.last_sequence).max(), Some(1000));
        for writes in
            [vec![many(40_000), many(25_537)], vec![many(1), records("b", "b", &["x"]), many(65_536)]]
        {
            let error = store.transact(writes, WriteOptions::default()).await.expect_err("too many");
            assert_eq!(error.code(), ErrorCode::LimitExceeded, "{error}");
            assert!(error.message().starts_with("records of one commit: 6553"), "{error}");
        }
        store
            .transact(vec![many(40_000), many(25_536)], WriteOptions::default())
            .await
            .expect("as many as may be");
    });
}

#[test]
fn without_checks_a_host_of_single_spaces_has_no_transactions_over_several() {
    let world = World::new();
    let limits = HostLimits { atomic: Atomicity::Space, checks: false, ..HostLimits::default() };
    let store = world.open(&MemoryKv::with_limits(limits));
    world.run(async {
        let writes = vec![records("a", "g", &["x"]), records("b", "g", &["x"])];
        let error = store.transact(writes, WriteOptions::default()).await.expect_err("refused");
        assert_eq!(error.code(), ErrorCode::Unsupported, "{error}");
        assert!(
            store.health().await.expect("answers").warnings.iter().any(|one| one.contains("not available"))
        );
        let writes = vec![records("a", "g", &["x"]), records("a", "h", &["x"])];
        store.transact(writes, WriteOptions::default()).await.expect("of one space");
    });
}

#[test]
fn a_wait_that_was_dropped_cannot_be_taken_back() {
    let world = World::new();
    let store = world.open(&MemoryKv::new());
    let mut wait = Box::pin(store.wait(Some("orders"), store.epoch(), None, 3));
    assert!((&mut wait).now_or_never().is_none());
    drop(wait);
    assert!(!store.cancel(3));
}
