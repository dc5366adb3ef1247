//! Where reads of a stream end and go on, whatever is trimmed.
#![cfg(feature = "guarded-writes")]

mod common;

use std::cell::RefCell;
use std::rc::Rc;

use common::hooked::{Hook, HostCall, hooked};
use common::reads::segment_read;
use common::{World, to_stream};
use streamkit_core::{
    EntryId, MemoryKv, OpenOptions, Page, PartitionChoice, Result, SegmentRead, Store, StreamRead, Trim,
    WriteOptions,
};

async fn append(store: &Store, count: usize) -> Vec<EntryId> {
    let mut ids = Vec::new();
    for _ in 0..count {
        let append = to_stream("s", &["payload"], None);
        ids.push(store.append_to_stream(append, WriteOptions::default()).await.expect("appends").first_id);
    }
    ids
}

async fn page(store: &Store, partitions: PartitionChoice, last: Option<EntryId>) -> Page {
    let read = StreamRead {
        stream: "s".into(),
        partitions,
        after: EntryId::ZERO,
        last,
        from: None,
        max_entries: 10,
        max_bytes: 1 << 20,
    };
    store.read_stream(read).await.expect("reads")
}

#[test]
fn a_read_ends_where_all_that_it_wants_is_trimmed_or_deleted() {
    let (world, kv) = (World::new(), MemoryKv::default());
    let store = world.open(&kv);
    world.run(async {
        let ids = append(&store, 3).await;
        let later = EntryId::new(ids[2].ms, ids[2].n + 1);
        let check = async |what: &str| {
            for partitions in [PartitionChoice::All, PartitionChoice::Number(0)] {
                let ended = page(&store, partitions.clone(), Some(ids[2])).await;
                assert!(ended.entries().count() == 0 && ended.done && !ended.tail, "{what}: {partitions:?}");
                let open = page(&store, partitions.clone(), Some(later)).await;
                assert!(open.tail && !open.done, "{what}: {partitions:?}");
            }
            for (last, done) in [(2, true), (3, true), (4, false)] {
                let read = SegmentRead { max_sequence: Some(last), ..segment_read("s", "0", 1, 10) };
                let page = store.read_segment(read).await.expect("reads");
                assert!(page.is_empty() && page.done == done && page.tail != done, "{what}: up to {last}");
            }
        };
        store.trim_stream("s", Trim::Before(later), false).await.expect("trims");
        check("trimmed").await;
        store.delete_stream("s", true).await.expect("deletes");
        check("deleted").await;
    });
}

/// What is done before the next scan.
#[derive(Default)]
struct Before(RefCell<Option<Store>>, RefCell<Vec<EntryId>>);

impl Hook for Before {
    async fn before(&self, call: HostCall<'_>) -> Result {
        let store = if matches!(call, HostCall::Scan(_)) { self.0.borrow_mut().take() } else { None };
        let Some(store) = store else { return Ok(()) };
        let ids = self.1.borrow().clone();
        store.trim_stream("s", Trim::Before(ids[5]), false).await.expect("trims");
        // What is trimmed is collected, and more is trimmed then.
        for _ in 0..100 {
            futures::future::poll_fn(|context| {
                context.waker().wake_by_ref();
                std::task::Poll::Ready(())
            })
            .await;
            futures::pending!();
        }
        store.trim_stream("s", Trim::Before(ids[50]), false).await.expect("trims");
        Ok(())
    }
}

#[test]
fn a_page_of_what_was_trimmed_meanwhile_moves_on() {
    let (world, kv) = (World::new(), MemoryKv::default());
    let other = world.open(&kv);
    let hook = Rc::new(Before::default());
    let options = OpenOptions { auto_compact: false, host_timeout: 0, ..OpenOptions::default() };
    let store = world.open_with(hooked(&kv, &hook), options).expect("opens");
    world.run(async {
        let ids = append(&other, 60).await;
        hook.0.replace(Some(other.clone()));
        hook.1.replace(ids.clone());
        let moved = page(&store, PartitionChoice::All, None).await;
        assert_eq!((moved.entries().count(), moved.tail, moved.done), (0, false, false));
        assert_eq!(moved.passed(), ids[49]);
    });
}
