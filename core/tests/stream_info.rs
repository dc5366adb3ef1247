//! Streams that others trim while they are looked at.
#![cfg(feature = "guarded-writes")]

mod common;

use std::cell::RefCell;
use std::rc::Rc;

use common::hooked::{Hook, HostCall, hooked};
use common::{World, to_stream};
use streamkit_core::{
    EntryId, ErrorCode, GroupOptions, GroupRead, Listing, MOST_PARTITIONS, MemoryKv, OpenOptions, Result,
    Retention, Store, Trim, WriteOptions,
};

async fn append(store: &Store, payloads: &[&str]) -> Result<()> {
    store.append_to_stream(to_stream("s", payloads, None), WriteOptions::default()).await.map(drop)
}

/// Before a scan of commit rows, another instance appends, trims all that there was before, and collects it.
struct Trimming(RefCell<Option<Store>>);

impl Hook for Trimming {
    async fn before(&self, call: HostCall<'_>) -> Result {
        let is_about_commits = matches!(call, HostCall::Scan(range) if range.start.starts_with(b"DAT"));
        let other = is_about_commits.then(|| self.0.borrow_mut().take()).flatten();
        if let Some(other) = other {
            append(&other, &["later"]).await?;
            other.trim_stream("s", Trim::MaxCount(1), false).await?;
            other.collect("s").await?;
        }
        Ok(())
    }
}

#[test]
fn what_is_said_of_a_stream_is_of_one_moment() {
    let world = World::new();
    let kv = MemoryKv::default();
    let other = world.open(&kv);
    let trimming = Rc::new(Trimming(RefCell::new(None)));
    let patient = OpenOptions { host_timeout: 0, ..OpenOptions::default() };
    let store = world.open_with(hooked(&kv, &trimming), patient).expect("opens");
    world.run(async {
        for list in [false, true] {
            append(&other, &["0", "1", "2", "3"]).await.expect("appends");
            // Under a bound that nobody else has seen, the first record has to be looked for.
            other.trim_stream("s", Trim::MaxCount(3), false).await.expect("trims");
            trimming.0.replace(Some(other.clone()));
            let info = if list {
                let mut all =
                    store.streams(Listing { limit: 10, ..Listing::default() }).await.expect("lists");
                all.streams.pop().expect("is there")
            } else {
                store.stream("s").await.expect("is there")
            };
            assert!(trimming.0.borrow().is_none(), "it was trimmed meanwhile");
            assert_eq!(info, other.stream("s").await.expect("is there"));
            assert_eq!((info.count, info.first_id), (1, info.last_id));
        }
    });
}

#[test]
fn no_call_takes_a_name_that_no_stream_can_have() {
    let world = World::new();
    let store = world.open(&MemoryKv::default());
    world.run(async {
        for name in ["", &"x".repeat(129), "\0"] {
            let group = store.group(name, "g");
            let answers = [
                store.create_stream(name, 1, Retention::default()).await.map(drop),
                store.alter_stream(name, Retention::default()).await.map(drop),
                store.delete_stream(name, true).await,
                store.stream(name).await.map(drop),
                store.stream_tail(name).await.map(drop),
                store.trim_stream(name, Trim::MaxCount(1), false).await.map(drop),
                store
                    .append_to_stream(to_stream(name, &["x"], None), WriteOptions::default())
                    .await
                    .map(drop),
                store.sweep_groups(name).await,
                group.create(&GroupOptions::default()).await.map(drop),
                group.read("a", GroupRead::default()).await.map(drop),
                store.group("s", name).read("a", GroupRead::default()).await.map(drop),
                store.group("s", "g").read(name, GroupRead::default()).await.map(drop),
                store.group("s", "g").ack(name, &[EntryId::new(1, 0)]).await.map(drop),
            ];
            for (call, answer) in answers.into_iter().enumerate() {
                let code = answer.expect_err("refused").code();
                assert_eq!(code, ErrorCode::InvalidArgument, "{name:?} of call {call}");
            }
        }
    });
}

#[test]
fn a_stream_is_created_within_bounds() {
    let world = World::new();
    let store = world.open(&MemoryKv::default());
    let any = Retention::default;
    let beyond = 1 << 53;
    world.run(async {
        for (partitions, retention) in [
            (0, any()),
            (MOST_PARTITIONS + 1, any()),
            (1, Retention { max_age: Some(0), ..any() }),
            (1, Retention { max_count: Some(0), ..any() }),
            (1, Retention { max_bytes: Some(beyond), ..any() }),
        ] {
            let refused = store.create_stream("s", partitions, retention).await.expect_err("refused");
            assert_eq!(refused.code(), ErrorCode::InvalidArgument, "{partitions} {retention:?}");
        }
        let retention = Retention { max_count: Some(beyond - 1), ..any() };
        let made = store.create_stream("s", MOST_PARTITIONS, retention).await.expect("creates");
        assert_eq!((made.partitions, made.retention), (MOST_PARTITIONS, retention));
    });
}

#[test]
fn a_closed_store_tells_nothing_of_streams() {
    let world = World::new();
    let store = world.open(&MemoryKv::default());
    world.run(async {
        append(&store, &["x"]).await.expect("appends");
        store.close().await;
        let answers = [
            store.create_stream("t", 1, Retention::default()).await.map(drop),
            store.stream("s").await.map(drop),
            store.stream_tail("s").await.map(drop),
            store.streams(Listing::default()).await.map(drop),
            store.sweep_groups("s").await,
            store.trim_stream("s", Trim::MaxCount(1), false).await.map(drop),
            append(&store, &["x"]).await,
        ];
        for (call, answer) in answers.into_iter().enumerate() {
            assert_eq!(answer.expect_err("closed").code(), ErrorCode::Closed, "call {call}");
        }
    });
}
