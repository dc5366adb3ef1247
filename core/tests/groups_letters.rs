//! Dead letters so near the largest record that not all of their origin fits, and groups that share a
//! dead-letter stream.
#![cfg(feature = "guarded-writes")]

mod common;

use std::collections::BTreeMap;
use std::rc::Rc;

#[cfg(feature = "every-host")]
use common::StopAfter;
use common::hooked::{Meanwhile, hooked};
use common::{World, small_blocks, to_stream};
#[cfg(feature = "every-host")]
use streamkit_core::Atomicity;
use streamkit_core::{
    EntryId, Group, GroupOptions, GroupRead, HostLimits, MemoryKv, OpenOptions, PartitionChoice, RecordFrame,
    Store, StreamAppend, StreamRead, WriteOptions, encode_entry_body, encode_record_frame,
};

const ORIGIN: [&str; 5] = ["origin-stream", "origin-group", "origin-segment", "origin-id", "origin-attempts"];

fn small() -> MemoryKv {
    MemoryKv::with_limits(HostLimits { block_bytes: 2048, max_value_bytes: 4096, ..HostLimits::default() })
}

/// Appends a record of so many bytes fewer than the largest.
async fn append_near(store: &Store, below: usize) -> usize {
    let own = BTreeMap::from([(String::from("own"), String::from("1"))]);
    let largest = store.limits().max_record_bytes;
    let empty = encode_entry_body(&[], &own).expect("encodes").len();
    // The length of the payload takes bytes too.
    let mut length = largest - below - empty;
    let body = loop {
        let body = encode_entry_body(&vec![7; length], &own).expect("encodes");
        if body.len() + below <= largest {
            break body;
        }
        length -= 1;
    };
    let records = RecordFrame::parse(encode_record_frame(&[&body], None).expect("encodes")).expect("parses");
    let append = StreamAppend { stream: "s".into(), records, partition: None, partition_key: None };
    store.append_to_stream(append, WriteOptions::default()).await.expect("appends");
    length
}

async fn bury(group: &Group) {
    let got = group.read("a", GroupRead::default()).await.expect("reads");
    let ids: Vec<EntryId> = got.page.entries().map(|entry| entry.id).collect();
    assert_eq!(group.nack("a", &ids, 0).await.expect("nacks"), ids.len() as u64);
}

/// Length and metadata of every record of a stream.
async fn all(store: &Store, stream: &str) -> Vec<(usize, BTreeMap<String, String>)> {
    let read = StreamRead {
        stream: stream.into(),
        partitions: PartitionChoice::All,
        after: EntryId::ZERO,
        last: None,
        from: None,
        max_entries: 1000,
        max_bytes: 1 << 20,
    };
    let page = store.read_stream(read).await.expect("reads");
    let metadata = |entry: &streamkit_core::EntryView<'_>| {
        entry.metadata().map(|(key, value)| (key.into(), value.into())).collect()
    };
    page.entries().map(|entry| (entry.content.payload().len(), metadata(&entry.content))).collect()
}

fn options(dead_letters: Option<&str>) -> GroupOptions {
    GroupOptions {
        max_deliver: 1,
        dead_letter_stream: dead_letters.map(String::from),
        ..GroupOptions::default()
    }
}

#[test]
fn as_much_of_the_origin_as_fits() {
    let world = World::new();
    let store = world.open(&small());
    let group = store.group("s", "g");
    world.run(async {
        group.create(&options(None)).await.expect("creates");
        let mut known = Vec::new();
        for below in [0, 30, 70, 100, 130, 200, 400] {
            let length = append_near(&store, below).await;
            bury(&group).await;
            let (found, metadata) = all(&store, "s.g.dlq").await.pop().expect("a letter");
            assert_eq!((found, &*metadata["own"]), (length, "1"));
            let parts = ORIGIN.iter().filter(|key| metadata.contains_key(**key)).count();
            // Whose it is comes first, and never one without the other.
            assert!(ORIGIN[..parts].iter().all(|key| metadata.contains_key(*key)) && parts != 1);
            known.push(parts);
        }
        assert_eq!((known.first(), known.last()), (Some(&0), Some(&5)));
        assert!(known.iter().any(|parts| (2..5).contains(parts)), "{known:?}");
        assert!(known.is_sorted(), "{known:?}");
        // In the usual stream of the group all of them are its own.
        assert_eq!(group.replay(None).await.expect("replays") as usize, known.len());
        let back = all(&store, "s").await;
        assert!(back.iter().all(|(_, metadata)| metadata.len() == 1), "{back:?}");
    });
}

#[test]
fn a_letter_without_origin_stays_in_a_stream_that_may_be_shared() {
    let world = World::new();
    let store = world.open(&small());
    let (group, other) = (store.group("s", "g"), store.group("t", "g"));
    world.run(async {
        for one in [&group, &other] {
            one.create(&options(Some("dead"))).await.expect("creates");
        }
        append_near(&store, 100).await;
        bury(&group).await;
        assert_eq!(other.replay(None).await.expect("replays"), 0, "it says whose it is");
        assert_eq!(group.replay(None).await.expect("replays"), 1);
        bury(&group).await;
        assert_eq!(group.replay(None).await.expect("replays"), 1);
        let before = all(&store, "t").await.len();
        append_near(&store, 0).await;
        bury(&group).await;
        assert_eq!(other.replay(None).await.expect("replays"), 0, "it may be of any");
        assert_eq!(all(&store, "t").await.len(), before);
        assert!(!all(&store, "dead").await.is_empty());
    });
}

#[test]
fn what_goes_back_is_counted_off_its_letters() {
    let world = World::new();
    let store = world.open(&small_blocks());
    let group = store.group("s", "g");
    world.run(async {
        group.create(&options(None)).await.expect("creates");
        let append = to_stream("s", &["1", "22", "333"], None);
        store.append_to_stream(append, WriteOptions::default()).await.expect("appends");
        bury(&group).await;
        let letters = all(&store, "s.g.dlq").await;
        let bytes_of = |(length, metadata): &(usize, BTreeMap<String, String>)| {
            *length + metadata.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>()
        };
        for left in (0..letters.len()).rev() {
            assert_eq!(group.replay(Some(1)).await.expect("replays"), 1);
            let info = store.stream("s.g.dlq").await.expect("is there");
            let bytes: usize = letters[letters.len() - left..].iter().map(bytes_of).sum();
            assert_eq!((info.count, info.bytes), (left as u64, bytes as u64));
        }
    });
}

/// Stops an instance at any call while the last delivery of a record ends, on a host that commits one space at a time.
/// Another one looks that was open all the while, or is opened then.
#[cfg(feature = "every-host")]
fn stopped_at_any_call(open_all_the_while: bool) {
    let (mut calls, mut found) = (1, [0, 0]);
    loop {
        let world = World::new();
        let kv = MemoryKv::with_limits(HostLimits { atomic: Atomicity::Space, ..HostLimits::default() });
        let store = world.open(&kv);
        let ids: Vec<EntryId> = world.run(async {
            store.group("s", "g").create(&options(None)).await.expect("creates");
            let append = to_stream("s", &["x"], None);
            store.append_to_stream(append, WriteOptions::default()).await.expect("appends");
            let got = store.group("s", "g").read("a", GroupRead::default()).await.expect("reads");
            got.page.entries().map(|entry| entry.id).collect()
        });
        let limited = StopAfter::new(calls);
        let finished = world
            .open_with(hooked(&kv, &limited), OpenOptions::default())
            .is_ok_and(|dying| world.run(dying.group("s", "g").nack("a", &ids, 0)).is_ok());
        let other = if open_all_the_while { store } else { world.open(&kv) };
        world.run(async {
            let pending = other.group("s", "g").info().await.expect("looks").pending;
            let letters = all(&other, "s.g.dlq").await.len() as u64;
            assert_eq!(pending + letters, 1, "{pending} pending after {calls} calls");
            assert!(!finished || letters == 1, "given back, but no letter after {calls} calls");
            found[usize::from(letters == 1)] += 1;
            let again = other.group("s", "g").nack("a", &ids, 0).await.expect("gives back");
            assert_eq!(again, pending, "after {calls} calls");
            assert_eq!(all(&other, "s.g.dlq").await.len(), 1, "after {calls} calls");
        });
        if limited.is_alive() {
            break;
        }
        calls += 1;
    }
    assert!(found[0] > 3 && found[1] > 2, "{found:?} of {calls}");
}

#[cfg(feature = "every-host")]
#[test]
fn a_record_is_pending_or_a_letter_and_never_both() {
    stopped_at_any_call(false);
}

#[cfg(feature = "every-host")]
#[test]
fn so_it_is_to_a_store_that_was_open_all_the_while() {
    stopped_at_any_call(true);
}

#[test]
fn letters_that_others_put_back_meanwhile_do_not_come_back_twice() {
    let world = World::new();
    let kv = small_blocks();
    let meanwhile = Meanwhile::of(&kv);
    let without_merges = OpenOptions { auto_compact: false, ..OpenOptions::default() };
    let store = world.open_with(hooked(&kv, &meanwhile), without_merges).expect("opens");
    let group = store.group("s", "g");
    world.run(async {
        group.create(&options(None)).await.expect("creates");
        let append = to_stream("s", &["1", "2", "3"], None);
        store.append_to_stream(append, WriteOptions::default()).await.expect("appends");
        bury(&group).await;
        let elsewhere = small_blocks();
        elsewhere.restore(kv.snapshot());
        let env = world.env(Rc::new(elsewhere.clone()));
        let other = Store::open(env, OpenOptions::default()).await.expect("opens");
        assert_eq!(other.group("s", "g").replay(Some(1)).await.expect("replays"), 1);
        meanwhile.take_in(&elsewhere);
        assert_eq!(group.replay(None).await.expect("replays"), 2);
        assert!(meanwhile.has_come());
        assert_eq!(all(&store, "s").await.len(), 3 + 3);
        assert!(all(&store, "s.g.dlq").await.is_empty());
    });
}

/// Others join one of two groups while letters of both are about to be stored in one commit.
#[test]
fn of_letters_that_share_a_commit_only_those_of_a_group_that_changed_are_looked_at_again() {
    for changed in ["s", "t"] {
        let world = World::new();
        let kv = small_blocks();
        let meanwhile = Meanwhile::of(&kv);
        let without_merges = OpenOptions { auto_compact: false, ..OpenOptions::default() };
        let store = world.open_with(hooked(&kv, &meanwhile), without_merges).expect("opens");
        world.run(async {
            let mut groups = Vec::new();
            for stream in ["s", "t"] {
                let append = to_stream(stream, &["x"], None);
                store.append_to_stream(append, WriteOptions::default()).await.expect("appends");
                let group = store.group(stream, "g");
                group.create(&options(None)).await.expect("creates");
                let got = group.read("a", GroupRead::default()).await.expect("reads");
                groups.push((group, got.page.entries().map(|entry| entry.id).collect::<Vec<_>>()));
            }
            let elsewhere = small_blocks();
            elsewhere.restore(kv.snapshot());
            let env = world.env(Rc::new(elsewhere.clone()));
            let other = Store::open(env, OpenOptions::default()).await.expect("opens");
            other.group(changed, "g").read("b", GroupRead::default()).await.expect("reads");
            meanwhile.take_in(&elsewhere);
            let nacks = groups.iter().map(|(group, ids)| group.nack("a", ids, 0));
            for nacked in futures::future::join_all(nacks).await {
                assert_eq!(nacked.expect("nacks"), 1, "{changed} changed");
            }
            assert!(meanwhile.has_come());
            for (stream, (group, _)) in ["s", "t"].iter().zip(&groups) {
                assert_eq!(all(&store, &format!("{stream}.g.dlq")).await.len(), 1, "{changed} changed");
                assert_eq!(group.info().await.expect("looks").pending, 0, "{changed} changed");
            }
        });
    }
}
