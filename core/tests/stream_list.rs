//! What a listing of streams costs, and that it says what each of them says.
#![cfg(feature = "guarded-writes")]

mod common;

use std::rc::Rc;

use common::calls::Calls;
use common::hooked::hooked;
use common::{World, records, to_stream};
use streamkit_core::{
    Listing, MemoryKv, OpenOptions, Retention, Store, StreamAppend, StreamInfo, Trim, WriteOptions,
};

fn counted(world: &World, kv: &MemoryKv) -> (Store, Rc<Calls>) {
    let calls = Rc::new(Calls::default());
    let patient = OpenOptions { host_timeout: 0, auto_compact: false, ..OpenOptions::default() };
    (world.open_with(hooked(kv, &calls), patient).expect("opens"), calls)
}

async fn append(store: &Store, name: &str, partition: u32) {
    let append = StreamAppend { partition: Some(partition), ..to_stream(name, &["payload"], None) };
    store.append_to_stream(append, WriteOptions::default()).await.expect("appends");
}

/// All streams, in steps of so many.
async fn all(store: &Store, limit: usize) -> Vec<StreamInfo> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let list = store.streams(Listing { after, prefix: None, limit }).await.expect("lists");
        assert!(list.streams.len() <= limit);
        found.extend(list.streams);
        if list.rest.is_none() {
            return found;
        }
        after = list.rest;
    }
}

#[test]
fn many_streams_are_listed_in_few_calls() {
    let (world, kv) = (World::new(), MemoryKv::default());
    let (store, _) = counted(&world, &kv);
    world.run(async {
        for number in 0..600 {
            let name = format!("stream {number}");
            if number % 2 == 0 {
                store.create_stream(&name, 3, Retention::default()).await.expect("creates");
            }
            for partition in 0..if number % 2 == 0 { 3 } else { 1 } {
                append(&store, &name, partition).await;
            }
        }
    });
    let (other, calls) = counted(&world, &kv);
    calls.take();
    world.run(async {
        assert_eq!(all(&other, 1000).await.len(), 600);
        let (gets, scans, _) = calls.take();
        assert!(gets + scans < 10, "{gets} gets, {scans} scans");
    });
}

#[test]
fn what_was_trimmed_is_searched_once() {
    let (world, kv) = (World::new(), MemoryKv::default());
    let (store, calls) = counted(&world, &kv);
    world.run(async {
        for number in 0..100 {
            let name = format!("stream {number}");
            append(&store, &name, 0).await;
            append(&store, &name, 0).await;
            store.trim_stream(&name, Trim::MaxCount(1), false).await.expect("trims");
        }
    });
    world.settle();
    let (other, seen) = counted(&world, &kv);
    world.run(async {
        assert_eq!(all(&other, 1000).await.len(), 100);
        seen.take();
        assert_eq!(all(&other, 1000).await, all(&store, 1000).await);
        let (gets, scans, _) = seen.take();
        assert!(gets == 0 && scans < 3, "{gets} gets, {scans} scans");
        // The store that trimmed them never searched.
        calls.take();
        all(&store, 1000).await;
        assert!(calls.take().1 < 3);
    });
}

#[test]
fn a_few_streams_behind_many_spaces_take_few_calls() {
    let (world, kv) = (World::new(), MemoryKv::default());
    let (store, calls) = counted(&world, &kv);
    world.run(async {
        for number in 0..1000 {
            let write = records(&format!("a space {number}"), "segment", &["payload"]);
            store.append(write, WriteOptions::default()).await.expect("appends");
        }
        for number in 0..20 {
            append(&store, &format!("stream {number}"), 0).await;
        }
        calls.take();
        let list = store.streams(Listing { limit: 10, ..Listing::default() }).await.expect("lists");
        assert_eq!((list.streams.len(), list.rest.is_some()), (10, true));
        let (gets, scans, _) = calls.take();
        assert!(gets + scans < 10, "{gets} gets, {scans} scans");
    });
}

#[test]
fn a_listing_says_what_each_stream_says() {
    let (world, kv) = (World::new(), MemoryKv::default());
    let (store, _) = counted(&world, &kv);
    world.run(async {
        for number in 0..40 {
            let name = format!("n{number}");
            match number % 5 {
                // A space with other segments, before those of the stream that it becomes.
                0 => {
                    for segment in ["other", "0"] {
                        let write = records(&name, segment, &["payload"]);
                        store.append(write, WriteOptions::default()).await.expect("appends");
                    }
                    store.create_stream(&name, 1, Retention::default()).await.expect("creates");
                }
                1 => {
                    store.create_stream(&name, 2, Retention::default()).await.expect("creates");
                }
                2 => {
                    store.create_stream(&name, 20, Retention::default()).await.expect("creates");
                    for partition in [19, 3] {
                        append(&store, &name, partition).await;
                    }
                }
                3 => {
                    for _ in 0..3 {
                        append(&store, &name, 0).await;
                    }
                    store.trim_stream(&name, Trim::MaxCount(2), false).await.expect("trims");
                }
                _ => {
                    let write = records(&name, "segment", &["payload"]);
                    store.append(write, WriteOptions::default()).await.expect("appends");
                }
            }
        }
        let names: Vec<String> = all(&store, 1000).await.into_iter().map(|info| info.name).collect();
        for limit in [1, 2, 3, 7, 32, 33, 1000] {
            let fresh = Store::open(world.env(Rc::new(kv.clone())), OpenOptions::default());
            let fresh = fresh.await.expect("opens");
            let listed = all(&fresh, limit).await;
            assert_eq!(listed.iter().map(|info| info.name.clone()).collect::<Vec<_>>(), names);
            let alone = Store::open(world.env(Rc::new(kv.clone())), OpenOptions::default());
            let alone = alone.await.expect("opens");
            for info in listed {
                assert_eq!(info, alone.stream(&info.name).await.expect("is there"));
            }
        }
    });
}

#[test]
fn a_listing_of_spaces_passes_over_what_was_deleted() {
    let world = World::new();
    let store = world.open(&MemoryKv::default());
    world.run(async {
        for n in 0..1100 {
            let name = format!("{n:04}");
            store.append(records(&name, "0", &["x"]), WriteOptions::default()).await.expect("appends");
            if n % 400 != 399 {
                store.create_stream(&name, 1, Retention::default()).await.expect("creates");
                store.delete_stream(&name, true).await.expect("deletes");
            }
        }
        for limit in [1, 2, 3, 1000] {
            let mut found = Vec::new();
            let mut after = None;
            loop {
                let page = store.spaces(Listing { limit, after, prefix: None }).await.expect("lists");
                assert!(page.names.len() <= limit);
                assert!(!page.names.is_empty() || !page.more, "limit {limit} after {found:?}");
                after = page.names.last().cloned();
                found.extend(page.names);
                if !page.more {
                    break;
                }
            }
            assert_eq!(found, ["0399", "0799"], "limit {limit}");
        }
    });
}
