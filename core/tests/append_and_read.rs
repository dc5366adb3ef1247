//! What is appended is read back, in order, however it is paged.

mod common;

use common::{World, reads, records, small_blocks};
use streamkit_core::{
    Detail, EntryId, ErrorCode, Listing, MemoryKv, NewRecords, RecordFrame, SegmentRead, SpaceRead, Store,
    WriteOptions, to_hex,
};

fn segment_read(from: u64, max_entries: u64) -> SegmentRead {
    reads::segment_read("orders", "one", from, max_entries)
}

fn space_read(after: EntryId, max_entries: u64) -> SpaceRead {
    reads::space_read("orders", after, max_entries)
}

async fn read_space(store: &Store, max_entries: u64) -> Vec<(String, u64, EntryId, String)> {
    let mut found = Vec::new();
    let mut after = EntryId::ZERO;
    loop {
        let page = store.read_space(space_read(after, max_entries)).await.expect("reads");
        for entry in page.entries() {
            let text = String::from_utf8(entry.content.payload().to_vec()).expect("text");
            found.push((entry.segment.to_owned(), entry.sequence, entry.id, text));
        }
        after = page.passed();
        if page.tail {
            return found;
        }
    }
}

#[test]
fn a_segment_is_read_in_pages_of_any_size() {
    let world = World::new();
    let store = world.open(&small_blocks());
    world.run(async {
        let texts: Vec<String> = (1..=300).map(|n| format!("entry {n} {}", "x".repeat(n % 97))).collect();
        for some in texts.chunks(37) {
            let some: Vec<&str> = some.iter().map(String::as_str).collect();
            store.append(records("orders", "one", &some), WriteOptions::default()).await.expect("appends");
        }
        for size in [1, 7, 64, 1000] {
            let mut next = 1;
            let mut found = Vec::new();
            loop {
                let page = store.read_segment(segment_read(next, size)).await.expect("reads");
                for entry in page.entries() {
                    assert_eq!(entry.sequence, found.len() as u64 + 1);
                    found.push(String::from_utf8(entry.content.payload().to_vec()).expect("text"));
                }
                next = page.next_sequence();
                if page.tail {
                    break;
                }
            }
            assert_eq!(found, texts, "pages of {size}");
        }
    });
}

#[test]
fn a_space_is_one_timeline_over_small_and_large_runs() {
    let world = World::new();
    let store = world.open(&small_blocks());
    world.run(async {
        let large = "y".repeat(3000);
        for n in 0..40_u64 {
            let segment = format!("s{}", n % 3);
            let text = format!("{n}");
            let batch = if n % 5 == 0 { vec![large.as_str(), &text] } else { vec![text.as_str()] };
            store
                .append(records("orders", &segment, &batch), WriteOptions::default())
                .await
                .expect("appends");
            if n % 4 == 0 {
                world.clock.0.set(world.clock.0.get() + 3);
            }
        }
        let all = read_space(&store, 1000).await;
        assert_eq!(all.len(), 48);
        assert!(all.windows(2).all(|pair| pair[0].2 < pair[1].2), "ids go up");
        for size in [1, 2, 5] {
            assert_eq!(read_space(&store, size).await, all, "pages of {size}");
        }
        let page = store.peek("orders", "s0").await.expect("peeks");
        let last = page.entries().next().expect("an entry");
        assert_eq!(last.content.payload(), b"39");
    });
}

#[test]
fn a_damaged_block_is_named_by_a_read_of_the_space() {
    let world = World::new();
    let kv = small_blocks();
    let store = world.open(&kv);
    let large = "y".repeat(3000);
    let write = records("orders", "one", &[&large, &large]);
    world.run(store.append(write, WriteOptions::default())).expect("appends");
    let (key, row) =
        kv.snapshot().into_iter().find(|(key, _)| key.starts_with(b"DAT\0SEGMENTS")).expect("a block");
    let mut damaged = row;
    *damaged.last_mut().expect("bytes") ^= 1;
    kv.overwrite(&key, Some(damaged));
    let other = world.open(&kv);
    let error = world.run(other.read_space(space_read(EntryId::ZERO, 100))).expect_err("damaged");
    assert_eq!(error.code(), ErrorCode::Corrupt);
    assert_eq!(error.detail("key"), Some(&Detail::Text(to_hex(&key))));
}

#[test]
fn concurrent_appends_share_commits_and_refusals_are_alone() {
    let world = World::new();
    let kv = small_blocks();
    let store = world.open(&kv);
    world.run(async {
        let appends = (0..50_u64).map(|n| {
            let store = store.clone();
            async move {
                let mut one = records("orders", "one", &["x"]);
                one.expected = Some(if n % 2 == 0 { n / 2 } else { 999 });
                store.append(one, WriteOptions::default()).await
            }
        });
        let results = futures::future::join_all(appends).await;
        for (n, result) in results.into_iter().enumerate() {
            if n % 2 == 0 {
                assert_eq!(result.expect("fits").status.last_sequence, n as u64 / 2 + 1);
            } else {
                assert_eq!(result.expect_err("refused").code(), ErrorCode::SequenceMismatch);
            }
        }
    });
}

#[test]
fn where_nothing_is_said_all_is_read_and_listed() {
    let world = World::new();
    let store = world.open(&MemoryKv::new());
    world.run(async {
        for segment in ["a", "b", "c"] {
            let records = NewRecords::new(segment, segment, RecordFrame::of(["1", "2"]).expect("encodes"));
            store.append(records.clone().expecting(0), WriteOptions::default()).await.expect("appends");
            let again = store.append(records.clone().expecting(1), WriteOptions::default()).await;
            assert_eq!(again.expect_err("is refused").code(), ErrorCode::SequenceMismatch);
            store.append(records, WriteOptions::default()).await.expect("appends");
        }
        let names = store.spaces(Listing::default()).await.expect("lists");
        assert_eq!((names.names, names.more), (vec!["a".into(), "b".into(), "c".into()], false));

        let page = store.read_segment(SegmentRead::new("a", "a")).await.expect("reads");
        assert_eq!((page.len(), page.next_sequence(), page.tail), (4, 5, true));
        let first = SpaceRead { max_entries: 3, ..SpaceRead::new("a") };
        let page = store.read_space(first).await.expect("reads");
        assert_eq!(page.entries().last().map(|entry| entry.id), Some(page.passed()));
        let bookmark = page.passed().to_string();
        let rest = SpaceRead { after: bookmark.parse().expect("is an id"), ..SpaceRead::new("a") };
        let page = store.read_space(rest).await.expect("reads");
        assert_eq!(page.entries().map(|entry| entry.sequence).collect::<Vec<_>>(), [4]);
    });
}
