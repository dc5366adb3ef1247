//! Consumer groups on a host in memory.
#![cfg(feature = "guarded-writes")]

mod common;

use std::collections::BTreeMap;
use std::rc::Rc;

use common::hooked::{Meanwhile, hooked};
use common::turn::turn;
use common::{Never, World, records, small_blocks, to_stream};
use futures::future::{FutureExt, select_all};
use streamkit_core::{
    Deliveries, EntryId, Env, ErrorCode, Group, GroupMode, GroupOptions, GroupRead, GroupStart, HostLimits,
    LeaseProof, Listing, MemoryKv, OpenOptions, PartitionChoice, PendingRead, Retention, Store, StreamRead,
    Trim, WriteOptions,
};

async fn append(store: &Store, texts: &[&str]) -> EntryId {
    append_keyed(store, texts, None).await
}

async fn append_keyed(store: &Store, texts: &[&str], key: Option<&str>) -> EntryId {
    let append = to_stream("s", texts, key);
    store.append_to_stream(append, WriteOptions::default()).await.expect("appends").first_id
}

fn limit(limit: u64) -> GroupRead {
    GroupRead { limit, ..GroupRead::default() }
}

fn texts(got: &Deliveries) -> Vec<String> {
    assert_eq!(got.page.entries().count(), got.marks.len());
    assert!(got.page.stream || got.marks.is_empty());
    got.page.entries().map(|entry| String::from_utf8_lossy(entry.content.payload()).into_owned()).collect()
}

fn ids(got: &Deliveries) -> Vec<EntryId> {
    got.page.entries().map(|entry| entry.id).collect()
}

fn counts(got: &Deliveries) -> Vec<u64> {
    got.marks.iter().map(|mark| mark.delivery_count).collect()
}

async fn read(group: &Group, consumer: &str, most: u64) -> Vec<String> {
    texts(&group.read(consumer, limit(most)).await.expect("reads"))
}

fn everything(stream: &str) -> StreamRead {
    StreamRead {
        stream: stream.into(),
        partitions: PartitionChoice::All,
        after: EntryId::ZERO,
        last: None,
        from: None,
        max_entries: 1000,
        max_bytes: 1 << 20,
    }
}

async fn stream_texts(store: &Store, stream: &str) -> Vec<String> {
    let read = everything(stream);
    let page = store.read_stream(read).await.expect("reads");
    page.entries().map(|entry| String::from_utf8_lossy(entry.content.payload()).into_owned()).collect()
}

#[test]
fn records_are_shared_and_acknowledged() {
    let world = World::new();
    let store = world.open(&small_blocks());
    let group = store.group("s", "g");
    world.run(async {
        append(&store, &["1", "2", "3", "4", "5"]).await;
        let first = group.read("a", limit(2)).await.expect("reads");
        assert_eq!(texts(&first), ["1", "2"]);
        assert_eq!(counts(&first), [1, 1]);
        assert_eq!(read(&group, "b", 2).await, ["3", "4"]);
        let info = group.info().await.expect("looks");
        assert_eq!((info.pending, info.lag), (4, 1));
        assert_eq!(info.consumers.len(), 2);
        // Not b's.
        assert_eq!(group.ack("a", &[]).await.expect("nothing to do"), 0);
        assert_eq!(group.ack("b", &ids(&first)).await.expect("acks"), 0);
        assert_eq!(group.ack("a", &ids(&first)).await.expect("acks"), 2);
        assert_eq!(group.ack("a", &ids(&first)).await.expect("acks"), 0);
        assert_eq!(read(&group, "a", 10).await, ["5"]);
        assert!(read(&group, "a", 10).await.is_empty());
        let info = group.info().await.expect("looks");
        assert_eq!((info.pending, info.lag), (3, 0));
        world.clock.0.set(world.clock.0.get() + 30_000);
        let again = group.read("a", limit(10)).await.expect("reads");
        assert_eq!(
            (texts(&again), counts(&again)),
            (vec!["3".into(), "4".into(), "5".into()], vec![2, 2, 2])
        );
        let pending = group.pending(&PendingRead::default()).await.expect("lists");
        assert_eq!(pending.len(), 3);
        assert!(pending.iter().all(|one| one.consumer == "a" && one.delivery_count == 2));
    });
}

#[test]
fn a_clock_that_fails_makes_nothing_due_expired_or_too_old() {
    let world = World::new();
    let store = world.open(&small_blocks());
    let group = store.group("s", "g");
    world.run(async {
        let retention = Retention { max_age: Some(1000), ..Retention::default() };
        store.create_stream("s", 1, retention).await.expect("creates");
        append(&store, &["1", "2"]).await;
        let held = store.acquire_lease("k", "me", 1000).await.expect("acquires");
        assert_eq!(read(&group, "a", 10).await, ["1", "2"]);
        let time = world.clock.0.replace(1 << 60);
        let proof = LeaseProof { key: "k".into(), holder: "me".into(), token: held.token };
        let guarded = WriteOptions { lease: Some(proof), ..WriteOptions::default() };
        let refused = [
            store.append(records("other", "g", &["x"]), guarded).await.map(drop),
            store.trim_stream("s", Trim::MaxAge(1000), false).await.map(drop),
            store.acquire_lease("k", "other", 1000).await.map(drop),
            store.renew_lease(&held, 1000).await,
            group.read("b", limit(10)).await.map(drop),
        ];
        for one in refused {
            assert_eq!(one.expect_err("refused").code(), ErrorCode::LimitExceeded);
        }
        // What the sweep meets at one stream does not keep it from the others.
        let _ = store.sweep_streams(None).await;
        world.clock.0.set(time);
        assert_eq!(stream_texts(&store, "s").await, ["1", "2"]);
        assert!(read(&group, "b", 10).await.is_empty());
        let error = store.acquire_lease("k", "other", 1000).await.expect_err("held");
        assert_eq!(error.code(), ErrorCode::LeaseNotAcquired);
        store.renew_lease(&held, 1000).await.expect("renews");
        world.clock.0.set(1 << 60);
        store.release_lease(&held).await.expect("releases");
    });
}

#[test]
fn nack_touch_and_leave() {
    let world = World::new();
    let store = world.open(&small_blocks());
    let group = store.group("s", "g");
    world.run(async {
        append(&store, &["1", "2", "3"]).await;
        let got = group.read("a", limit(10)).await.expect("reads");
        let all = ids(&got);
        assert_eq!(group.nack("a", &all[..1], 500).await.expect("nacks"), 1);
        assert!(read(&group, "b", 10).await.is_empty());
        world.clock.0.set(world.clock.0.get() + 500);
        let again = group.read("b", limit(10)).await.expect("reads");
        assert_eq!((texts(&again), counts(&again)), (vec!["1".into()], vec![2]));
        assert_eq!(group.touch("a", &all, 100_000).await.expect("touches"), 2);
        world.clock.0.set(world.clock.0.get() + 29_000);
        group.touch("a", &all, 100_000).await.expect("is heard");
        group.ack("b", &[EntryId::new(1, 1)]).await.expect("is heard");
        world.clock.0.set(world.clock.0.get() + 1_500);
        assert_eq!(read(&group, "b", 10).await, ["1"], "touched records are not due");
        group.leave("a").await.expect("leaves");
        let left = group.read("b", limit(10)).await.expect("reads");
        assert_eq!(texts(&left), ["2", "3"]);
        group.leave("a").await.expect("again");
        let info = group.info().await.expect("looks");
        assert_eq!(info.consumers.len(), 1);
        assert_eq!(info.pending, 3);
    });
}

#[test]
fn a_silent_consumer_has_left() {
    let world = World::new();
    let store = world.open(&small_blocks());
    let group = store.group("s", "g");
    world.run(async {
        let options = GroupOptions { ack_timeout: 0, ..GroupOptions::default() };
        group.create(&options).await.expect("creates");
        assert_eq!(group.create(&options).await.expect_err("exists").code(), ErrorCode::AlreadyExists);
        append(&store, &["1", "2"]).await;
        assert_eq!(read(&group, "a", 10).await, ["1", "2"]);
        world.clock.0.set(world.clock.0.get() + 29_999);
        assert!(read(&group, "b", 10).await.is_empty());
        world.clock.0.set(world.clock.0.get() + 1);
        assert_eq!(read(&group, "b", 10).await, ["1", "2"]);
    });
}

#[test]
fn what_is_said_of_a_group_leaves_out_what_is_trimmed_and_who_fell_silent() {
    let world = World::new();
    let store = world.open(&small_blocks());
    let group = store.group("s", "g");
    world.run(async {
        let options = GroupOptions { ack_timeout: 0, ..GroupOptions::default() };
        group.create(&options).await.expect("creates");
        let first = append(&store, &["1", "2", "3", "4"]).await;
        assert_eq!(read(&group, "a", 2).await, ["1", "2"]);
        let delivered = group.info().await.expect("looks").last_delivered;
        assert_eq!(delivered, EntryId { n: first.n + 1, ..first });
        assert_eq!(read(&group, "b", 2).await, ["3", "4"]);
        store.trim_stream("s", Trim::MaxCount(1), false).await.expect("trims");
        for (waited, expected) in [(0, vec![("a", true, 0), ("b", true, 1)]), (30_000, vec![("b", false, 1)])]
        {
            world.clock.0.set(world.clock.0.get() + waited);
            let info = group.info().await.expect("looks");
            assert_eq!((info.pending, info.trimmed_pending, info.lag), (1, 3, 0), "{waited}");
            let consumers: Vec<_> =
                info.consumers.iter().map(|one| (&*one.name, one.active, one.pending)).collect();
            assert_eq!(consumers, expected, "{waited}");
        }
    });
}

#[test]
fn options_of_a_group_are_in_range() {
    let world = World::new();
    let store = world.open(&small_blocks());
    let usual = GroupOptions::default;
    let ms = 1 << 48;
    let integer = 1 << 53;
    let beyond = [
        GroupOptions { ack_timeout: ms, ..usual() },
        GroupOptions { max_deliver: integer, ..usual() },
        GroupOptions { consumer_timeout: 0, ..usual() },
        GroupOptions { consumer_timeout: ms, ..usual() },
        GroupOptions { max_standbys: Some(integer - 1), ..usual() },
        GroupOptions { slots: 0, ..usual() },
        GroupOptions { slots: u64::MAX, ..usual() },
        GroupOptions { start: GroupStart::At(EntryId { ms, n: 0 }), ..usual() },
        GroupOptions { dead_letter_stream: Some("s".into()), ..usual() },
        GroupOptions { dead_letter_stream: Some(String::new()), ..usual() },
    ];
    world.run(async {
        for options in beyond {
            let refused = store.group("s", "g").create(&options).await.expect_err("refused");
            assert_eq!(refused.code(), ErrorCode::InvalidArgument, "{options:?}");
        }
        let largest = GroupOptions {
            ack_timeout: ms - 1,
            max_deliver: integer - 1,
            consumer_timeout: ms - 1,
            max_standbys: Some(integer - 2),
            ..usual()
        };
        store.group("s", "g").create(&largest).await.expect("creates");
    });
}

/// A group of which others make something while it is about to be deleted, and what became of that.
fn deleted_beside(others: impl AsyncFn(&Group)) -> (Result<(), ErrorCode>, bool) {
    let world = World::new();
    let kv = small_blocks();
    let meanwhile = Meanwhile::of(&kv);
    let store = world.open_with(hooked(&kv, &meanwhile), OpenOptions::default()).expect("opens");
    let group = store.group("s", "g");
    world.run(async {
        append(&store, &["1", "2"]).await;
        group.create(&GroupOptions::default()).await.expect("creates");
        let elsewhere = small_blocks();
        elsewhere.restore(kv.snapshot());
        let env = world.env(Rc::new(elsewhere.clone()));
        let other = Store::open(env, OpenOptions::default()).await.expect("opens");
        others(&other.group("s", "g")).await;
        meanwhile.take_in(&elsewhere);
        let deleted = group.delete().await.map_err(|error| error.code());
        assert!(meanwhile.has_come());
        (deleted, group.info().await.is_ok())
    })
}

#[test]
fn a_group_is_deleted_as_others_left_it() {
    let read_by_others = deleted_beside(async |group| assert_eq!(read(group, "b", 1).await, ["1"]));
    assert_eq!(read_by_others, (Ok(()), false));
    let gone = deleted_beside(async |group| group.delete().await.expect("deletes"));
    assert_eq!(gone, (Err(ErrorCode::NotFound), false));
}

#[test]
fn more_time_is_a_deadline_also_where_there_is_none_by_time() {
    let world = World::new();
    let store = world.open(&small_blocks());
    let group = store.group("s", "g");
    world.run(async {
        let options = GroupOptions { ack_timeout: 0, consumer_timeout: 1 << 40, ..GroupOptions::default() };
        group.create(&options).await.expect("creates");
        append(&store, &["1", "2"]).await;
        let all = ids(&group.read("a", limit(10)).await.expect("reads"));
        assert_eq!(group.touch("a", &all[..1], 500).await.expect("touches"), 1);
        let pending = group.pending(&PendingRead::default()).await.expect("lists");
        let deadlines: Vec<Option<u64>> = pending.iter().map(|one| one.deadline).collect();
        assert_eq!(deadlines, [Some(world.clock.0.get() + 500), None]);
        world.clock.0.set(world.clock.0.get() + 499);
        assert!(read(&group, "b", 10).await.is_empty());
        world.clock.0.set(world.clock.0.get() + 1);
        let again = group.read("b", limit(10)).await.expect("reads");
        assert_eq!((texts(&again), again.marks[0].deadline), (vec!["1".into()], None));
    });
}

#[test]
fn dead_letters_and_replay() {
    let world = World::new();
    let store = world.open(&small_blocks());
    let group = store.group("s", "g");
    world.run(async {
        let options = GroupOptions { max_deliver: 2, ..GroupOptions::default() };
        group.create(&options).await.expect("creates");
        let first = append(&store, &["1", "2", "3"]).await;
        let got = group.read("a", limit(10)).await.expect("reads");
        let all = ids(&got);
        assert_eq!(all[0], first);
        assert_eq!(group.nack("a", &all, 0).await.expect("nacks"), 3);
        let again = group.read("a", limit(10)).await.expect("reads");
        assert_eq!(counts(&again), [2, 2, 2]);
        assert_eq!(group.nack("a", &all[..1], 0).await.expect("nacks"), 1);
        assert_eq!(stream_texts(&store, "s.g.dlq").await, ["1"]);
        world.clock.0.set(world.clock.0.get() + 30_000);
        assert!(read(&group, "b", 10).await.is_empty());
        assert_eq!(stream_texts(&store, "s.g.dlq").await, ["1", "2", "3"]);
        let page = store.read_stream(everything("s.g.dlq")).await.expect("reads");
        let metadata: BTreeMap<String, String> = page
            .entries()
            .next()
            .expect("one")
            .content
            .metadata()
            .map(|(key, value)| (key.into(), value.into()))
            .collect();
        assert_eq!(metadata["origin-stream"], "s");
        assert_eq!(metadata["origin-group"], "g");
        assert_eq!(metadata["origin-id"], first.to_string());
        assert_eq!(metadata["origin-attempts"], "2");
        let info = group.info().await.expect("looks");
        assert_eq!((info.pending, info.lag), (0, 0));
        assert_eq!(group.replay(Some(2)).await.expect("replays"), 2);
        assert_eq!(stream_texts(&store, "s.g.dlq").await, ["3"]);
        assert_eq!(group.replay(None).await.expect("replays"), 1);
        assert_eq!(group.replay(None).await.expect("replays"), 0);
        let got = group.read("b", limit(10)).await.expect("reads");
        assert_eq!((texts(&got), counts(&got)), (vec!["1".into(), "2".into(), "3".into()], vec![1, 1, 1]));
        assert_eq!(got.page.entries().next().expect("one").content.metadata().count(), 0);
        assert_eq!(store.stream("s.g.dlq").await.expect("looks").count, 0);
    });
}

#[test]
fn exclusive_groups_have_one_holder() {
    let world = World::new();
    let store = world.open(&small_blocks());
    let group = store.group("s", "g");
    world.run(async {
        let options =
            GroupOptions { mode: GroupMode::Exclusive, max_standbys: Some(1), ..GroupOptions::default() };
        group.create(&options).await.expect("creates");
        append(&store, &["1", "2", "3"]).await;
        assert_eq!(read(&group, "a", 1).await, ["1"]);
        assert!(read(&group, "b", 1).await.is_empty());
        let locked = group.join("c").await.expect_err("too many");
        assert_eq!(locked.code(), ErrorCode::GroupLocked);
        assert_eq!(group.read("c", limit(1)).await.expect_err("too many").code(), ErrorCode::GroupLocked);
        group.leave("a").await.expect("leaves");
        group.join("c").await.expect("may wait now");
        assert_eq!(read(&group, "b", 2).await, ["1", "2"]);
        assert!(read(&group, "c", 1).await.is_empty());
        let info = group.info().await.expect("looks");
        let active: Vec<&str> =
            info.consumers.iter().filter(|one| one.active).map(|one| &*one.name).collect();
        assert_eq!(active, ["b"]);
        world.clock.0.set(world.clock.0.get() + 20_000);
        assert!(read(&group, "c", 1).await.is_empty());
        world.clock.0.set(world.clock.0.get() + 10_000);
        assert_eq!(read(&group, "c", 3).await, ["1", "2", "3"]);
    });
}

#[test]
fn keys_go_to_one_consumer_in_order() {
    let world = World::new();
    let store = world.open(&small_blocks());
    let group = store.group("s", "g");
    world.run(async {
        let options = GroupOptions { mode: GroupMode::KeyShared, slots: 16, ..GroupOptions::default() };
        group.create(&options).await.expect("creates");
        group.join("a").await.expect("joins");
        group.join("b").await.expect("joins");
        for round in 0..3 {
            for key in ["k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8"] {
                append_keyed(&store, &[&format!("{key}.{round}")], Some(key)).await;
            }
        }
        let a = group.read("a", limit(100)).await.expect("reads");
        let b = group.read("b", limit(100)).await.expect("reads");
        assert_eq!(texts(&a).len() + texts(&b).len(), 24);
        assert!(!texts(&a).is_empty() && !texts(&b).is_empty());
        for key in ["k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8"] {
            let of = |got: &Deliveries| -> Vec<String> {
                texts(got).into_iter().filter(|text| text.starts_with(key)).collect()
            };
            assert!(of(&a).is_empty() != of(&b).is_empty(), "{key}");
            let all = [of(&a), of(&b)].concat();
            assert_eq!(all, [format!("{key}.0"), format!("{key}.1"), format!("{key}.2")]);
        }
        // What a leaves goes to b, in order.
        group.leave("a").await.expect("leaves");
        assert_eq!(texts(&group.read("b", limit(100)).await.expect("reads")), texts(&a));
        let info = group.info().await.expect("looks");
        assert_eq!((info.pending, info.lag), (24, 0));
        let pending = group.pending(&PendingRead::default()).await.expect("lists");
        assert!(pending.iter().all(|one| one.consumer == "b"));
        let all: Vec<EntryId> = pending.iter().map(|one| one.id).collect();
        assert_eq!(group.ack("b", &all).await.expect("acks"), 24);
    });
}

#[test]
fn deleting_a_stream_that_never_was_deletes_the_groups_made_before_it() {
    let world = World::new();
    let kv = small_blocks();
    let store = world.open(&kv);
    world.run(async {
        let before = kv.snapshot();
        store.delete_stream("s", false).await.expect("there is nothing to delete");
        assert_eq!(kv.snapshot(), before);
        let group = store.group("s", "early");
        group
            .create(&GroupOptions { mode: GroupMode::Exclusive, ..GroupOptions::default() })
            .await
            .expect("creates");
        store.delete_stream("s", false).await.expect("deletes");
        assert_eq!(group.info().await.expect_err("gone").code(), ErrorCode::NotFound);
        let after = kv.snapshot();
        store.delete_stream("s", false).await.expect("there is nothing to delete");
        assert_eq!(kv.snapshot(), after);
        assert!(
            store.spaces(Listing { limit: 9, ..Listing::default() }).await.expect("lists").names.is_empty()
        );
        append(&store, &["1"]).await;
        assert_eq!(read(&group, "a", 10).await, ["1"]);
        assert_eq!(group.info().await.expect("looks").mode, GroupMode::Shared);

        // A space that is no stream keeps what it has.
        store.append(records("t", "g", &["1"]), WriteOptions::default()).await.expect("appends");
        let group = store.group("t", "g");
        group.create(&GroupOptions::default()).await.expect("creates");
        store.delete_stream("t", true).await.expect("it is no stream");
        assert_eq!(group.info().await.expect("looks").lag, 1);
    });
}

#[test]
fn start_trim_and_delete() {
    let world = World::new();
    let kv = small_blocks();
    let store = world.open(&kv);
    world.run(async {
        let early = store.group("s", "early");
        early.create(&GroupOptions::default()).await.expect("before its stream");
        let first = append(&store, &["1", "2", "3"]).await;
        let tail = store.group("s", "tail");
        tail.create(&GroupOptions { start: GroupStart::End, ..GroupOptions::default() })
            .await
            .expect("creates");
        let at = store.group("s", "at");
        let second = EntryId::new(first.ms, first.n + 1);
        at.create(&GroupOptions { start: GroupStart::At(second), ..GroupOptions::default() })
            .await
            .expect("creates");
        assert_eq!(at.info().await.expect("looks").lag, 2);
        append(&store, &["4"]).await;
        assert_eq!(at.info().await.expect("looks").lag, 3);
        assert_eq!(early.info().await.expect("looks").lag, 4);
        assert_eq!(tail.info().await.expect("looks").lag, 1);
        assert_eq!(read(&early, "a", 10).await, ["1", "2", "3", "4"]);
        assert_eq!(read(&at, "a", 10).await, ["2", "3", "4"]);
        assert_eq!(read(&tail, "a", 10).await, ["4"]);
        store
            .trim_stream("s", Trim::Before(EntryId::new(first.ms, first.n + 2)), false)
            .await
            .expect("trims");
        let info = early.info().await.expect("looks");
        assert_eq!((info.pending, info.trimmed_pending), (2, 2));
        assert_eq!(early.pending(&PendingRead::default()).await.expect("lists").len(), 2);
        assert_eq!(early.ack("a", &[first]).await.expect("acks"), 0);
        let info = early.info().await.expect("looks");
        assert_eq!((info.pending, info.trimmed_pending), (2, 2));
        world.clock.0.set(world.clock.0.get() + 30_000);
        assert_eq!(read(&early, "a", 10).await, ["3", "4"]);
        early.delete().await.expect("deletes");
        assert_eq!(early.delete().await.expect_err("gone").code(), ErrorCode::NotFound);
        assert_eq!(early.info().await.expect_err("gone").code(), ErrorCode::NotFound);
        store.delete_stream("s", true).await.expect("deletes");
        assert_eq!(at.info().await.expect_err("gone").code(), ErrorCode::NotFound);
        store.create_stream("s", 1, Retention::default()).await.expect("creates");
        assert_eq!(tail.info().await.expect_err("gone").code(), ErrorCode::NotFound);
        append(&store, &["5"]).await;
        assert_eq!(read(&at, "a", 10).await, ["5"]);
        store.sweep_groups("s").await.expect("sweeps");
        assert_eq!(read(&at, "b", 10).await, Vec::<String>::new());
    });
    let of_others: Vec<Vec<u8>> = kv
        .snapshot()
        .into_keys()
        .filter(|key| key.starts_with(b"GRP\0s\0early") || key.starts_with(b"GRP\0s\0tail"))
        .collect();
    assert!(of_others.is_empty(), "{of_others:?}");
}

#[test]
fn at_most_once() {
    let world = World::new();
    let store = world.open(&MemoryKv::default());
    let group = store.group("s", "g");
    world.run(async {
        append(&store, &["1", "2", "3"]).await;
        let got = group.read("a", limit(2)).await.expect("reads");
        group.nack("a", &ids(&got), 0).await.expect("nacks");
        let no_ack = GroupRead { no_ack: true, ..GroupRead::default() };
        let got = group.read("b", no_ack).await.expect("reads");
        assert_eq!((texts(&got), counts(&got)), (vec!["1".into(), "2".into(), "3".into()], vec![2, 2, 1]));
        assert!(got.marks.iter().all(|mark| mark.deadline.is_none()));
        world.clock.0.set(world.clock.0.get() + 100_000);
        assert!(read(&group, "a", 10).await.is_empty());
        assert_eq!(group.info().await.expect("looks").pending, 0);
    });
}

#[test]
fn in_a_group_by_key_what_is_trimmed_at_another_consumer_holds_no_key() {
    // Whether the one that has it reads on, is heard of by other calls, or never again.
    for lasting in ["reads", "joins", "is silent"] {
        let world = World::new();
        let store = world.open(&small_blocks());
        let group = store.group("s", "g");
        world.run(async {
            let options = GroupOptions {
                mode: GroupMode::KeyShared,
                slots: 1,
                ack_timeout: 0,
                ..GroupOptions::default()
            };
            group.create(&options).await.expect("creates");
            group.join("a").await.expect("joins");
            append_keyed(&store, &["1"], Some("k")).await;
            assert_eq!(read(&group, "a", 10).await, ["1"]);
            let others = ["b", "c", "d", "e", "f", "g", "h"];
            for other in others {
                group.join(other).await.expect("joins");
            }
            append_keyed(&store, &["2"], Some("k")).await;
            for other in others {
                assert!(read(&group, other, 10).await.is_empty(), "{lasting}: 1 is not acknowledged");
            }
            store.trim_stream("s", Trim::MaxCount(1), false).await.expect("trims");
            let mut got = Vec::new();
            for _ in 0..2 {
                match lasting {
                    "reads" => got.extend(read(&group, "a", 10).await),
                    "joins" => group.join("a").await.expect("is heard of"),
                    _ => {}
                }
                for other in others {
                    got.extend(read(&group, other, 10).await);
                }
            }
            assert_eq!(got, ["2"], "{lasting}");
            let info = group.info().await.expect("looks");
            assert_eq!((info.pending, info.lag, info.trimmed_pending), (1, 0, 1), "{lasting}");
        });
    }
}

/// Has had its last but one delivery, and its last.
async fn worn_out(store: &Store, group: &Group, text: &str) -> EntryId {
    append_keyed(store, &[text], Some("k")).await;
    let first = ids(&group.read("a", limit(1)).await.expect("reads"));
    group.nack("a", &first, 0).await.expect("nacks");
    ids(&group.read("a", limit(1)).await.expect("reads"))[0]
}

#[test]
fn a_burial_wakes_who_waits_for_what_it_frees() {
    for mode in [GroupMode::Shared, GroupMode::KeyShared] {
        let world = World::new();
        let options = OpenOptions { poll_interval: 0, ..OpenOptions::default() };
        let kv = MemoryKv::with_limits(HostLimits { shared: false, ..HostLimits::default() });
        let env = Env { timer: Rc::new(Never), ..world.env(Rc::new(kv)) };
        world.run(async {
            let store = Store::open(env, options).await.expect("opens");
            let group = store.group("s", "g");
            let options =
                GroupOptions { mode, max_deliver: 2, slots: 1, ack_timeout: 0, ..GroupOptions::default() };
            group.create(&options).await.expect("creates");
            let dead = worn_out(&store, &group, "1").await;
            append_keyed(&store, &["2"], Some("k")).await;
            let mut back = vec![dead];
            if mode == GroupMode::Shared {
                back.extend(ids(&group.read("a", limit(1)).await.expect("reads")));
            }
            let others: &[&str] =
                if mode == GroupMode::Shared { &["b"] } else { &["b", "c", "d", "e", "f", "g", "h"] };
            for other in others {
                group.join(other).await.expect("joins");
            }
            let read = GroupRead { block: Some(0), ..limit(1) };
            let reading = others.iter().map(|other| {
                let waiting = store.group("s", "g");
                async move { waiting.read(other, read).await.expect("reads") }.boxed_local()
            });
            let burying = async {
                for _ in 0..100 {
                    turn().await;
                }
                assert_eq!(group.nack("a", &back, 0).await.expect("nacks"), back.len() as u64);
            };
            let ((got, ..), ()) = futures::join!(select_all(reading), burying);
            assert_eq!(texts(&got), ["2"], "{mode:?}");
            assert_eq!(stream_texts(&store, "s.g.dlq").await, ["1"], "{mode:?}");
        });
    }
}

#[test]
fn who_stands_by_looks_again_when_the_one_before_falls_silent() {
    for mode in [GroupMode::Exclusive, GroupMode::KeyShared] {
        let world = World::new();
        let store = world.open(&small_blocks());
        let group = store.group("s", "g");
        world.run(async {
            let options = GroupOptions {
                mode,
                consumer_timeout: 3000,
                ack_timeout: 0,
                slots: 1,
                ..GroupOptions::default()
            };
            group.create(&options).await.expect("creates");
            append(&store, &["1"]).await;
            assert_eq!(read(&group, "a", 10).await, ["1"]);
            group.join("b").await.expect("joins");
            for _ in 0..2 {
                world.clock.0.set(world.clock.0.get() + 700);
                group.join("a").await.expect("is heard of");
            }
            world.clock.0.set(world.clock.0.get() + 2500);
            group.join("b").await.expect("is heard of");
            let (got, next) = group.read_once("b", limit(10), false).await.expect("reads");
            assert!(got.marks.is_empty());
            assert_eq!(next, Some(500), "{mode:?}");
            world.clock.0.set(world.clock.0.get() + 500);
            assert_eq!(read(&group, "b", 10).await, ["1"], "{mode:?}");
        });
    }
}
