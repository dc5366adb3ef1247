//! Others write and merge between a compaction's look at rows and its commit.
#![cfg(feature = "guarded-writes")]

mod common;

use std::rc::Rc;

use common::hooked::{Meanwhile, hooked};
use common::reads::{segment_read, space_read};
use common::{World, records, small_blocks};
use streamkit_core::{EntryId, MemoryKv, OpenOptions, Page, Store, WriteOptions};

fn options() -> OpenOptions {
    OpenOptions { auto_compact: false, ..OpenOptions::default() }
}

async fn open(world: &World, kv: &MemoryKv) -> Store {
    Store::open(world.env(Rc::new(kv.clone())), options()).await.expect("opens")
}

async fn append(store: &Store, texts: impl Iterator<Item = u32>) {
    for text in texts {
        let records = records("s", "g", &[&text.to_string()]);
        store.append(records, WriteOptions::default()).await.expect("appends");
    }
}

async fn compact(store: &Store) {
    let mut job = store.compactor(None).expect("starts");
    while job.step().await.expect("steps") {}
}

fn texts(page: &Page) -> Vec<String> {
    page.entries().map(|entry| String::from_utf8_lossy(entry.content.payload()).into_owned()).collect()
}

/// The space holds so many entries, each once, and nothing is wrong with it.
async fn holds(store: &Store, count: u32) {
    let all: Vec<String> = (0..count).map(|text| text.to_string()).collect();
    let (mut segment, mut from) = (Vec::new(), 1);
    while segment.len() < all.len() {
        let page = store.read_segment(segment_read("s", "g", from, 1000)).await.expect("reads");
        segment.extend(texts(&page));
        from = page.next_sequence();
        assert!(!page.is_empty(), "{segment:?}");
    }
    assert_eq!(segment, all);
    let (mut space, mut after) = (Vec::new(), EntryId::ZERO);
    while space.len() < all.len() {
        let page = store.read_space(space_read("s", after, 1000)).await.expect("reads");
        space.extend(texts(&page));
        after = page.passed();
        assert!(!page.is_empty(), "{space:?}");
    }
    assert_eq!(space, all);
    let mut verifier = store.verifier();
    while verifier.step().await.expect("steps") {}
    let problems = verifier.report().problems;
    assert!(problems.is_empty(), "{problems:#?}");
}

/// Appends, has others append as many again, and merge where that is asked for, while a compaction is about to commit;
/// all of it is there then.
fn beside_others(merges: bool) {
    let world = World::new();
    let kv = small_blocks();
    world.run(async {
        append(&open(&world, &kv).await, 0..20).await;
        let others = small_blocks();
        others.restore(kv.snapshot());
        let other = open(&world, &others).await;
        append(&other, 20..40).await;
        if merges {
            compact(&other).await;
        }
        let meanwhile = Meanwhile::of(&kv);
        let env = world.env(hooked(&kv, &meanwhile));
        let merging = Store::open(env, options()).await.expect("opens");
        meanwhile.take_in(&others);
        compact(&merging).await;
        assert!(meanwhile.has_come());
        holds(&open(&world, &kv).await, 40).await;
    });
}

#[test]
fn what_others_merged_is_not_replaced_by_what_it_was_made_of() {
    beside_others(true);
}

#[test]
fn what_others_appended_stays() {
    beside_others(false);
}
