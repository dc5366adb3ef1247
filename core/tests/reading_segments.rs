//! What a page of a segment asks the host for: about as many bytes as it shows, of rows that are compressed too.
#![cfg(all(feature = "compression", feature = "guarded-writes"))]

mod common;

use std::rc::Rc;

use common::hooked::hooked;
use common::reads::{segment_read, space_read};
use common::scans::Scans;
use common::{World, records};
use streamkit_core::{
    Compression, EntryId, ErrorCode, HostLimits, MemoryKv, OpenOptions, Page, Retention, SegmentRead, Store,
    Trim, WriteOptions,
};

/// Of entries, without compression.
const PAGE_BYTES: usize = 1 << 16;
const BLOCK_BYTES: usize = 1 << 14;
const BATCHES: u64 = 64;
const PER_BATCH: u64 = 32;

/// Some 500 bytes that become an eighth or less.
fn text(number: u64) -> String {
    format!("entry {number} of many, ").repeat(24)
}

/// A store of blocks, and what its host gives.
fn store(world: &World, compression: Compression) -> (Store, Rc<Scans>) {
    let limits = HostLimits { block_bytes: BLOCK_BYTES, ..HostLimits::default() };
    let kv = MemoryKv::with_limits(limits);
    let scans = Rc::new(Scans::of(&kv));
    let options = OpenOptions { compression, auto_compact: false, ..OpenOptions::default() };
    let store = world.open_with(hooked(&kv, &scans), options).expect("opens");
    world.run(async {
        for batch in 0..BATCHES {
            let texts: Vec<String> = (0..PER_BATCH).map(|at| text(batch * PER_BATCH + at + 1)).collect();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            store.append(records("s", "g", &texts), WriteOptions::default()).await.expect("appends");
        }
    });
    (store, scans)
}

fn read(from: u64) -> SegmentRead {
    SegmentRead { max_bytes: PAGE_BYTES, ..segment_read("s", "g", from, 10_000) }
}

fn bytes_of(page: &Page) -> usize {
    page.entries().map(|entry| entry.content.payload().len()).sum()
}

#[test]
fn a_compressed_page_expands_no_more_than_it_shows() {
    let world = World::new();
    let (store, _) = store(&world, Compression::Always);
    let mut page = None;
    let memory = allocation_counter::measure(|| {
        page = Some(world.run(store.read_segment(read(1))).expect("reads"));
    });
    let bytes = bytes_of(&page.expect("a page"));
    assert!(bytes >= PAGE_BYTES - BLOCK_BYTES, "{bytes} bytes");
    // The rows as they are stored, each block once more while it is expanded, and a decoder.
    let bound = 4 * PAGE_BYTES as u64;
    assert!(memory.bytes_max < bound, "{} bytes for a page of {bytes}", memory.bytes_max);
}

#[test]
fn a_whole_compressed_read_asks_for_little_more_than_is_stored() {
    let world = World::new();
    let (store, scans) = store(&world, Compression::Always);
    let everything =
        world.run(store.read_segment(SegmentRead { max_bytes: usize::MAX, ..read(1) })).expect("reads");
    assert_eq!(everything.len(), BATCHES * PER_BATCH);
    let stored = scans.bytes.replace(0);
    let (mut from, mut pages) = (1, 0);
    loop {
        let page = world.run(store.read_segment(read(from))).expect("reads");
        for entry in page.entries() {
            assert_eq!(entry.content.payload(), text(entry.sequence).as_bytes());
            assert_eq!(entry.sequence, from);
            from += 1;
        }
        if page.tail {
            break;
        }
        pages += 1;
        let bytes = bytes_of(&page);
        assert!(bytes >= PAGE_BYTES - BLOCK_BYTES, "{bytes} bytes in page {pages}");
    }
    assert_eq!(from, BATCHES * PER_BATCH + 1);
    let given = scans.bytes.get();
    assert!(given < 2 * stored, "{given} bytes of rows for {stored} that are stored");
}

#[test]
fn a_space_read_shows_compressed_entries() {
    let world = World::new();
    let (store, _) = store(&world, Compression::Always);
    let (mut after, mut count) = (EntryId::ZERO, 0);
    loop {
        let page = world.run(store.read_space(space_read("s", after, 100))).expect("reads");
        for entry in page.entries() {
            count += 1;
            assert_eq!(entry.content.payload(), text(count).as_bytes());
        }
        after = page.passed();
        if page.tail {
            break;
        }
    }
    assert_eq!(count, BATCHES * PER_BATCH);
}

#[test]
fn a_page_of_few_entries_reads_few_blocks() {
    let world = World::new();
    let (store, scans) = store(&world, Compression::None);
    for (at, most) in [(1, 1), (700, 10), (1_300, 20), (1_999, 10)] {
        scans.reset();
        let page = world.run(store.read_segment(segment_read("s", "g", at, most))).expect("reads");
        assert_eq!(page.entries().next().map(|entry| entry.sequence), Some(at));
        let bytes = scans.bytes.get();
        assert!(bytes <= 3 * BLOCK_BYTES, "{bytes} bytes of blocks for {most} entries");
    }
    let middle =
        world.run(store.read_segment(read(1_000))).expect("reads").entries().next().expect("an entry").id;
    scans.reset();
    let page = world.run(store.read_space(space_read("s", middle, 10))).expect("reads");
    assert_eq!(page.len(), 10);
    let bytes = scans.bytes.get();
    assert!(bytes <= 4 * BLOCK_BYTES, "{bytes} bytes of rows");
}

#[test]
fn a_page_that_begins_within_a_block_is_full() {
    let world = World::new();
    let (store, scans) = store(&world, Compression::None);
    world.run(store.read_segment(read(1))).expect("reads");
    for at in 1..200 {
        scans.reset();
        let page = world.run(store.read_segment(segment_read("s", "g", at, 200))).expect("reads");
        assert_eq!((page.len(), scans.count.get()), (200, 1), "from {at}");
    }
}

#[test]
fn a_lost_block_is_damage_wherever_pages_end() {
    let world = World::new();
    let kv = MemoryKv::with_limits(HostLimits { block_bytes: BLOCK_BYTES, ..HostLimits::default() });
    let options = OpenOptions { auto_compact: false, ..OpenOptions::default() };
    let store = world.open_with(Rc::new(kv.clone()), options).expect("opens");
    let text = text(1);
    world.run(async {
        store.create_stream("s", 1, Retention::default()).await.expect("creates");
        for _ in 0..BATCHES {
            let texts = [&*text; PER_BATCH as usize];
            store.append(records("s", "0", &texts), WriteOptions::default()).await.expect("appends");
        }
        store.trim_stream("s", Trim::MaxCount(1_500), false).await.expect("trims");
    });
    let read_by = |most: u64, from: u64| {
        let mut at = from;
        loop {
            let page = world.run(store.read_segment(segment_read("s", "0", at, most)))?;
            if page.tail {
                return Ok(page.next_sequence());
            }
            at = page.next_sequence();
        }
    };
    // Before the bound, and beyond it.
    for from in [1, 549, 900] {
        for most in [1, 10, 32, 4096] {
            let end: streamkit_core::Result<u64> = read_by(most, from);
            assert_eq!(end.expect("reads"), BATCHES * PER_BATCH + 1);
        }
    }
    let blocks: Vec<_> =
        kv.snapshot().into_keys().filter(|key| key.starts_with(b"DAT\0SEGMENTS\0s\0")).collect();
    kv.overwrite(blocks.get(blocks.len() / 2).expect("a block"), None);
    for most in [1, 10, 32, 4096] {
        let error = read_by(most, 600).expect_err("a block is lost");
        assert_eq!(error.code(), ErrorCode::Corrupt, "pages of {most}");
    }
}
