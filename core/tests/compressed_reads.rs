//! What reading compressed rows costs: pages are bounded by what entries are without compression.

mod common;

use std::cell::Cell;
use std::rc::Rc;

use common::hooked::{Hook, HostCall, hooked};
use common::reads::{segment_read, space_read};
use common::{World, records};
use streamkit_core::{
    Compression, EntryId, HostLimits, Kv, MemoryKv, OpenOptions, Page, Result, SegmentRead, Store,
    WriteOptions,
};

/// Of entries, without compression.
const PAGE_BYTES: usize = 1 << 16;
const BLOCK_BYTES: usize = 1 << 14;
const BATCHES: u64 = 64;
const PER_BATCH: u64 = 32;

/// Counts the bytes that scans give.
struct Counting {
    inner: MemoryKv,
    bytes: Cell<usize>,
}

impl Hook for Counting {
    async fn before(&self, call: HostCall<'_>) -> Result {
        if let HostCall::Scan(range) = call {
            let page = self.inner.scan(range.clone()).await?;
            self.bytes.set(self.bytes.get() + page.pairs.iter().map(|(_, value)| value.len()).sum::<usize>());
        }
        Ok(())
    }
}

/// Some 500 bytes that become an eighth or less.
fn text(number: u64) -> String {
    format!("entry {number} of many, ").repeat(24)
}

/// A store of compressed blocks, and the bytes that its host gives.
fn store(world: &World) -> (Store, Rc<Counting>) {
    let limits = HostLimits { block_bytes: BLOCK_BYTES, ..HostLimits::default() };
    let kv = MemoryKv::with_limits(limits);
    let counting = Rc::new(Counting { inner: kv.clone(), bytes: Cell::new(0) });
    let options =
        OpenOptions { compression: Compression::Always, auto_compact: false, ..OpenOptions::default() };
    let store = world.open_with(hooked(&kv, &counting), options).expect("opens");
    world.run(async {
        for batch in 0..BATCHES {
            let texts: Vec<String> = (0..PER_BATCH).map(|at| text(batch * PER_BATCH + at + 1)).collect();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            store.append(records("s", "g", &texts), WriteOptions::default()).await.expect("appends");
        }
    });
    (store, counting)
}

fn read(from: u64) -> SegmentRead {
    SegmentRead { max_bytes: PAGE_BYTES, ..segment_read("s", "g", from, 10_000) }
}

fn bytes_of(page: &Page) -> usize {
    page.entries().map(|entry| entry.content.payload().len()).sum()
}

#[test]
fn a_first_page_expands_no_more_than_it_shows() {
    let world = World::new();
    let (store, _) = store(&world);
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
fn a_whole_read_asks_for_little_more_than_is_stored() {
    let world = World::new();
    let (store, counting) = store(&world);
    let everything =
        world.run(store.read_segment(SegmentRead { max_bytes: usize::MAX, ..read(1) })).expect("reads");
    assert_eq!(everything.len(), BATCHES * PER_BATCH);
    let stored = counting.bytes.replace(0);
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
    let given = counting.bytes.get();
    assert!(given < 2 * stored, "{given} bytes of rows for {stored} that are stored");
}

#[test]
fn a_space_read_shows_the_same_entries() {
    let world = World::new();
    let (store, _) = store(&world);
    let (mut after, mut count) = (EntryId::ZERO, 0);
    loop {
        let page = world.run(store.read_space(space_read("s", after, 100))).expect("reads");
        for entry in page.entries() {
            count += 1;
            assert_eq!(entry.content.payload(), text(count).as_bytes());
        }
        after = EntryId::new(page.next.0, page.next.1);
        if page.tail {
            break;
        }
    }
    assert_eq!(count, BATCHES * PER_BATCH);
}
