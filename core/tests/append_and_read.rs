//! What is appended is read back, in order, however it is paged.

mod common;

use std::collections::BTreeMap;

use common::{World, reads, records, small_blocks};
use streamkit_core::{
    Detail, EntryId, ErrorCode, HostLimits, Listing, MemoryKv, NewRecords, RecordFrame, SegmentRead,
    SpaceRead, Store, WriteOptions, encode_entry_body, encode_record_frame, to_hex,
};
use uuid::Uuid;

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
fn a_block_of_other_entries_is_not_taken_for_that_of_a_space() {
    let world = World::new();
    let large = "y".repeat(3000);
    let [there, elsewhere] = [0, 1].map(|later| {
        let kv = small_blocks();
        world.clock.0.set(world.clock.0.get() + later);
        let write = records("orders", "one", &[&large, &large]);
        world.run(world.open(&kv).append(write, WriteOptions::default())).expect("appends");
        kv
    });
    let is_block = |(key, _): &(Vec<u8>, Vec<u8>)| key.starts_with(b"DAT\0SEGMENTS");
    for (key, row) in elsewhere.snapshot().into_iter().filter(is_block) {
        there.overwrite(&key, Some(row));
    }
    let error = world.run(world.open(&there).read_space(space_read(EntryId::ZERO, 100)));
    assert_eq!(error.expect_err("they have other ids").code(), ErrorCode::Corrupt);
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
fn what_is_said_of_a_write_is_in_range_and_fits_together() {
    let world = World::new();
    let store = world.open(&MemoryKv::new());
    let most = (1 << 53) - 1;
    let one = || records("orders", "one", &["x"]);
    let numbered = |number, id: Option<u128>| WriteOptions {
        trx_number: Some(number),
        trx_id: id.map(Uuid::from_u128),
        ..WriteOptions::default()
    };
    let code = |records, options| world.run(store.append(records, options)).err().map(|error| error.code());
    let invalid = Some(ErrorCode::InvalidArgument);
    for (number, id) in [(0, Some(1)), (most + 1, Some(1)), (1, None), (1, Some(0))] {
        assert_eq!(code(one(), numbered(number, id)), invalid, "{number} {id:?}");
    }
    assert_eq!(code(one(), numbered(most, Some(1))), Some(ErrorCode::TrxNumberBehind));
    assert_eq!(code(one().expecting(most + 1), WriteOptions::default()), invalid);
    assert_eq!(code(one().expecting(most), WriteOptions::default()), Some(ErrorCode::SequenceMismatch));
    let nothing = NewRecords::new("orders", "one", RecordFrame::of::<&str>([]).expect("encodes"));
    assert_eq!(code(nothing, WriteOptions::default()), invalid);
    let none = world.run(store.transact(Vec::new(), WriteOptions::default()));
    assert_eq!(none.expect_err("refused").code(), ErrorCode::InvalidArgument);
    assert_eq!(code(one(), numbered(1, Some(1))), None);
}

#[test]
fn names_whose_keys_a_host_does_not_take_are_refused_before_anything_is_stored() {
    let world = World::new();
    let kv = MemoryKv::with_limits(HostLimits { max_key_bytes: 64, ..HostLimits::default() });
    let store = world.open(&kv);
    let before = kv.len();
    // Besides the names a key has 24 bytes at most.
    for (space, segment, fits) in
        [(20, 21, false), (1, 40, false), (40, 1, false), (20, 20, true), (34, 6, true)]
    {
        let write = records(&"s".repeat(space), &"g".repeat(segment), &["x"]);
        let made = world.run(store.append(write, WriteOptions::default())).map_err(|error| error.code());
        let refused = made.as_ref().err().copied();
        assert_eq!(refused, (!fits).then_some(ErrorCode::LimitExceeded), "{space} and {segment}");
        assert!(fits || kv.len() == before, "{space} and {segment}");
    }
}

#[test]
fn a_record_is_as_large_as_the_store_says_and_no_larger() {
    for (value, batch) in [(4096, 1 << 20), (1 << 20, 1 << 15)] {
        let world = World::new();
        let limits = HostLimits {
            max_value_bytes: value,
            max_batch_bytes: batch,
            block_bytes: 4096,
            ..HostLimits::default()
        };
        let store = world.open(&MemoryKv::with_limits(limits));
        let empty = encode_entry_body(&[], &BTreeMap::new()).expect("encodes").len();
        let limit = store.limits().max_record_bytes;
        // The limit is without the two lengths of an entry, which its body has.
        let most = limit + 8 - empty;
        for (bytes, fits) in [(most, true), (most + 1, false)] {
            let write = records("orders", "one", &[&"x".repeat(bytes)]);
            let made = world.run(store.append(write, WriteOptions::default()));
            assert_eq!(made.is_ok(), fits, "{bytes} of {most}");
            if let Err(error) = made {
                assert_eq!(error.code(), ErrorCode::LimitExceeded);
                let told = [("limit", limit), ("actual", limit + 1)];
                for (name, number) in told {
                    assert_eq!(error.detail(name), Some(&Detail::Number(number as u64)), "{name}");
                }
            }
        }
    }
}

#[test]
fn a_closed_store_takes_no_writes() {
    let world = World::new();
    let store = world.open(&MemoryKv::new());
    let write = || records("orders", "one", &["x"]);
    world.run(async {
        store.close().await;
        let appended = store.append(write(), WriteOptions::default()).await;
        assert_eq!(appended.expect_err("closed").code(), ErrorCode::Closed);
        let transacted = store.transact(vec![write()], WriteOptions::default()).await;
        assert_eq!(transacted.expect_err("closed").code(), ErrorCode::Closed);
    });
}

#[test]
fn a_segment_that_is_named_twice_is_expected_where_the_first_write_leaves_it() {
    let world = World::new();
    let store = world.open(&MemoryKv::new());
    let two = || records("orders", "one", &["x", "y"]);
    let last = |writes| {
        let made = world.run(store.transact(writes, WriteOptions::default())).map_err(|error| error.code());
        made.map(|made| made.iter().map(|one| one.status.last_sequence).collect::<Vec<_>>())
    };
    let refused = Err(ErrorCode::InvalidArgument);
    for wrong in [0, 1, 3] {
        assert_eq!(last(vec![two().expecting(0), two().expecting(wrong)]), refused, "{wrong}");
    }
    assert_eq!(last(vec![two(), two().expecting(2)]), refused, "nobody knows where the first one leaves it");
    assert_eq!(last(vec![two().expecting(0), two().expecting(2)]), Ok(vec![4, 4]));
    assert_eq!(last(vec![two().expecting(4), two()]), Ok(vec![8, 8]));
}

#[test]
fn a_segment_that_is_named_twice_gets_the_sequences_that_are_expected_of_its_records() {
    let world = World::new();
    let store = world.open(&MemoryKv::new());
    let two = |sequences: Option<[u64; 2]>| {
        let bodies = [b"x", b"y"].map(|text| encode_entry_body(text, &BTreeMap::new()).expect("encodes"));
        let sequences = sequences.as_ref().map(<[u64; 2]>::as_slice);
        let frame = encode_record_frame(&bodies, sequences).expect("encodes");
        NewRecords::new("orders", "one", RecordFrame::parse(frame).expect("parses"))
    };
    let last = |writes: &[Option<[u64; 2]>]| {
        let writes = writes.iter().copied().map(two).collect();
        let made = world.run(store.transact(writes, WriteOptions::default())).map_err(|error| error.code());
        made.map(|made| made.last().map_or(0, |one| one.status.last_sequence))
    };
    let refused = Err(ErrorCode::SequenceMismatch);
    assert_eq!(last(&[None, Some([3, 5])]), refused);
    assert_eq!(last(&[Some([1, 3]), None]), refused);
    assert_eq!(last(&[Some([1, 2]), Some([1, 2])]), refused);
    assert_eq!(last(&[Some([1, 2]), None, Some([3, 4])]), refused);
    assert_eq!(last(&[None, Some([3, 4])]), Ok(4));
    assert_eq!(last(&[Some([5, 6]), None, Some([9, 10])]), Ok(10));
    assert_eq!(last(&[None, None, Some([15, 16])]), Ok(16));
}

#[test]
fn nothing_is_stored_over_a_damaged_head() {
    for (checks, prefix) in [(true, "INV\0SPACES"), (true, "INV\0SEGMENTS"), (false, "INV\0SPACES")] {
        if !checks && !cfg!(feature = "every-host") {
            continue;
        }
        let world = World::new();
        let kv = MemoryKv::with_limits(HostLimits { checks, ..HostLimits::default() });
        let append = |store: &Store| {
            let made = world.run(store.append(records("orders", "one", &["x"]), WriteOptions::default()));
            made.map(|made| made.status.last_sequence).map_err(|error| error.code())
        };
        assert_eq!(append(&world.open(&kv)), Ok(1));
        let heads = kv.snapshot();
        let (key, row) = heads.iter().find(|(key, _)| key.starts_with(prefix.as_bytes())).expect("a head");
        let mut damaged = row.clone();
        damaged[3] ^= 1;
        kv.overwrite(key, Some(damaged));
        let before = kv.snapshot();
        let store = world.open(&kv);
        assert_eq!(append(&store), Err(ErrorCode::Corrupt), "{prefix}, checks {checks}");
        assert_eq!(kv.snapshot(), before, "{prefix}, checks {checks}");
        kv.overwrite(key, Some(row.clone()));
        assert_eq!(append(&store), Ok(2), "{prefix}, checks {checks}");
    }
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
