//! Dead letters so near the largest record that not all of their origin fits, and groups that share a
//! dead-letter stream.
#![cfg(feature = "guarded-writes")]

mod common;

use std::collections::BTreeMap;

use common::World;
use streamkit_core::{
    EntryId, Group, GroupOptions, GroupRead, HostLimits, MemoryKv, PartitionChoice, RecordFrame, Store,
    StreamAppend, StreamRead, WriteOptions, encode_entry_body, encode_record_frame,
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
