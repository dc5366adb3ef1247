//! What a read of a space asks the host for, and what it gives beside others.
#![cfg(all(feature = "compression", feature = "guarded-writes"))]

mod common;

use std::cell::RefCell;
use std::rc::Rc;

use common::hooked::{Hook, HostCall, hooked};
use common::reads::space_read;
use common::scans::Scans;
use common::{World, records};
use futures::future::LocalBoxFuture;
use streamkit_core::{
    Batch, Compression, Durability, EntryId, HostLimits, Kv, MemoryKv, OpenOptions, Page, Result, Retention,
    ScanRange, SpaceRead, Store, Trim, WriteOptions,
};

type Work = Box<dyn FnOnce(ScanRange) -> LocalBoxFuture<'static, ()>>;

/// Runs something before the next scan.
#[derive(Default)]
struct Meanwhile {
    work: RefCell<Option<Work>>,
}

impl Hook for Meanwhile {
    async fn before(&self, call: HostCall<'_>) -> Result {
        if let HostCall::Scan(range) = call
            && let Some(work) = self.work.take()
        {
            work(range.clone()).await;
        }
        Ok(())
    }
}

fn read(after: EntryId, max_entries: u64, max_bytes: usize) -> SpaceRead {
    SpaceRead { max_bytes, ..space_read("s", after, max_entries) }
}

fn next_of(page: &Page) -> EntryId {
    page.passed()
}

async fn append(store: &Store, segment: &str, texts: &[&str]) {
    store.append(records("s", segment, texts), WriteOptions::default()).await.expect("appends");
}

#[test]
fn a_page_of_rows_that_are_trimmed_meanwhile_moves_on() {
    let world = World::new();
    let kv = MemoryKv::new();
    let hook = Rc::new(Meanwhile::default());
    let store = world.open_with(hooked(&kv, &hook), OpenOptions::default()).expect("opens");
    let other = world.open(&kv);
    world.run(async {
        store.create_stream("s", 1, Retention::default()).await.expect("creates");
        for _ in 0..10 {
            append(&store, "0", &["a"]).await;
        }
        hook.work.replace(Some(Box::new(move |range| {
            Box::pin(async move {
                // The rows go one after the other: the first has gone, and the next ones are still there.
                let row = kv.scan(ScanRange { limit: 1, ..range }).await.expect("scans").pairs.remove(0).0;
                other.trim_stream("s", Trim::MaxCount(1), false).await.expect("trims");
                let batch = Batch {
                    checks: vec![],
                    deletes: vec![row],
                    puts: vec![],
                    durability: Durability::Strict,
                };
                kv.commit(batch).await.expect("commits");
            })
        })));
        let first = store.read_space(read(EntryId::ZERO, 4, 1 << 20)).await.expect("reads");
        assert!(first.is_empty() && !first.tail && !first.done);
        assert_ne!(next_of(&first), EntryId::ZERO, "whoever goes on there would stand still");
        let rest = store.read_space(read(next_of(&first), 4, 1 << 20)).await.expect("reads");
        assert_eq!(rest.entries().map(|entry| entry.sequence).collect::<Vec<_>>(), [10]);
    });
}

#[test]
fn readers_at_different_places_have_full_pages() {
    let world = World::new();
    let options = OpenOptions { auto_compact: false, ..OpenOptions::default() };
    let store = world.open_with(Rc::new(MemoryKv::new()), options).expect("opens");
    world.run(async {
        for _ in 0..20 {
            append(&store, "g", &["a"; 100]).await;
        }
        let mut between = EntryId::ZERO;
        while let page = store.read_space(read(between, 100, 1 << 20)).await.expect("reads")
            && !page.is_empty()
        {
            between = next_of(&page);
        }
        for _ in 0..400 {
            append(&store, "h", &["b"]).await;
        }
        let (mut one, mut two) = (EntryId::ZERO, between);
        for _ in 0..4 {
            let page = store.read_space(read(one, 100, 1 << 20)).await.expect("reads");
            assert_eq!(page.len(), 100);
            one = next_of(&page);
            let page = store.read_space(read(two, 100, 1 << 20)).await.expect("reads");
            assert_eq!(page.len(), 100, "the other's rows say nothing about these");
            two = next_of(&page);
        }
    });
}

#[test]
fn long_pages_of_many_segments_read_their_blocks_once() {
    const SEGMENTS: usize = 12;
    let world = World::new();
    let kv = MemoryKv::with_limits(HostLimits { block_bytes: 64 << 10, ..HostLimits::default() });
    let scans = Rc::new(Scans::of(&kv));
    let options = OpenOptions { auto_compact: false, ..OpenOptions::default() };
    let store = world.open_with(hooked(&kv, &scans), options).expect("opens");
    let text = "a".repeat(60_000);
    let total = world.run(async {
        // Each segment is longer than what may be remembered of it beside the others.
        for _ in 0..50 {
            for segment in 0..SEGMENTS {
                append(&store, &format!("g{segment}"), &[&text]).await;
            }
        }
        scans.reset();
        let (mut after, mut total) = (EntryId::ZERO, 0);
        loop {
            let page = store.read_space(read(after, 4096, 4 << 20)).await.expect("reads");
            total += page.entries().map(|entry| entry.content.payload().len()).sum::<usize>();
            after = next_of(&page);
            if page.tail {
                return total;
            }
        }
    });
    assert_eq!(total, 50 * SEGMENTS * 60_000);
    assert!(scans.bytes.get() < total * 3 / 2, "{} of {total} bytes", scans.bytes.get());
}

#[test]
fn a_page_of_few_entries_reads_few_rows_however_large_these_are() {
    let world = World::new();
    let kv = MemoryKv::with_limits(HostLimits { block_bytes: 16 << 10, ..HostLimits::default() });
    let scans = Rc::new(Scans::of(&kv));
    let options =
        OpenOptions { auto_compact: false, compression: Compression::None, ..OpenOptions::default() };
    let store = world.open_with(hooked(&kv, &scans), options).expect("opens");
    world.run(async {
        for _ in 0..40 {
            for segment in 0..20 {
                append(&store, &format!("g{segment}"), &[&"a".repeat(200)]).await;
            }
        }
        let mut compactor = store.compactor(None).expect("a compactor");
        while compactor.step().await.expect("compacts") {}
        let middle = store.read_space(read(EntryId::ZERO, 400, 1 << 20)).await.expect("reads");
        scans.reset();
        let page = store.read_space(read(middle.entries().last().expect("an entry").id, 7, 1 << 20)).await;
        assert_eq!(page.expect("reads").len(), 7);
        let bytes = scans.bytes.get();
        assert!(bytes <= 4 * (16 << 10), "{bytes} bytes of rows");
    });
}
