//! The latest entry of a segment.
#![cfg(feature = "guarded-writes")]

mod common;

use common::{World, records, small_blocks};
use streamkit_core::{Page, Retention, Store, Trim, WriteOptions};

async fn append(store: &Store, space: &str, segment: &str, texts: &[&str]) {
    let records = records(space, segment, texts);
    store.append(records, WriteOptions::default()).await.expect("appends");
}

async fn peek(store: &Store, space: &str, segment: &str) -> Page {
    store.peek(space, segment).await.expect("peeks")
}

fn is_nothing(page: &Page) -> bool {
    page.is_empty() && page.done && page.tail
}

#[test]
fn the_latest_entry_is_the_last_of_its_segment() {
    let world = World::new();
    let store = world.open(&small_blocks());
    world.run(async {
        store.create_stream("stream", 1, Retention::default()).await.expect("creates");
        for space in ["plain", "stream"] {
            assert!(is_nothing(&peek(&store, space, "0").await));
            append(&store, space, "0", &["a"]).await;
            append(&store, space, "0", &["b", "c", "d"]).await;
            append(&store, space, "1", &["e"]).await;
            let page = peek(&store, space, "0").await;
            let found: Vec<_> = page.entries().map(|one| (one.sequence, one.content.payload())).collect();
            assert_eq!(found, [(4, &b"d"[..])]);
            assert_eq!((page.next_sequence(), page.done, page.tail), (5, true, false));
            assert_eq!(page.stream, space == "stream");
            assert!(is_nothing(&peek(&store, space, "2").await));
        }
    });
}

#[test]
fn what_is_trimmed_or_deleted_is_not_the_latest_entry() {
    let world = World::new();
    let store = world.open(&small_blocks());
    world.run(async {
        store.create_stream("s", 1, Retention::default()).await.expect("creates");
        append(&store, "s", "0", &["a", "b"]).await;
        append(&store, "s", "1", &["c"]).await;
        store.trim_stream("s", Trim::MaxCount(1), false).await.expect("trims");
        assert!(is_nothing(&peek(&store, "s", "0").await));
        assert_eq!(peek(&store, "s", "1").await.len(), 1);
        store.delete_stream("s", true).await.expect("deletes");
        assert!(is_nothing(&peek(&store, "s", "1").await));
    });
}
