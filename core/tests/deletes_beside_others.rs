//! Others change what a deletion is about between its look and its commit; and what groups have left behind.
#![cfg(feature = "guarded-writes")]

mod common;

use std::rc::Rc;

use common::hooked::{Meanwhile, hooked};
use common::reads::space_read;
use common::{World, records, small_blocks, to_stream};
use streamkit_core::{
    EntryId, ErrorCode, Group, GroupMode, GroupOptions, GroupRead, MemoryKv, OpenOptions, Result, Retention,
    Store, WriteOptions,
};

async fn open(world: &World, kv: &MemoryKv) -> Store {
    Store::open(world.env(Rc::new(kv.clone())), OpenOptions::default()).await.expect("opens")
}

async fn append(store: &Store, payloads: &[&str]) {
    store.append_to_stream(to_stream("s", payloads, None), WriteOptions::default()).await.expect("appends");
}

async fn count(store: &Store) -> u64 {
    store.read_space(space_read("s", EntryId::ZERO, 100)).await.expect("reads").len()
}

async fn has_group(store: &Store, group: &str) -> bool {
    match store.group("s", group).info().await {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.code(), ErrorCode::NotFound, "{error}");
            false
        }
    }
}

async fn create_group(store: &Store, group: &str) {
    store.group("s", group).create(&GroupOptions::default()).await.expect("creates");
}

/// Deletes what is there while others make something else of it; gives the store then, and the answer.
async fn beside_others(
    world: &World,
    force: bool,
    before: impl AsyncFn(&Store),
    others: impl AsyncFn(&Store),
) -> (Store, Result<()>) {
    let kv = small_blocks();
    before(&open(world, &kv).await).await;
    let elsewhere = small_blocks();
    elsewhere.restore(kv.snapshot());
    others(&open(world, &elsewhere).await).await;
    let meanwhile = Meanwhile::of(&kv);
    let env = world.env(hooked(&kv, &meanwhile));
    let deleting = Store::open(env, OpenOptions::default()).await.expect("opens");
    meanwhile.take_in(&elsewhere);
    let deleted = deleting.delete_stream("s", force).await;
    assert!(meanwhile.has_come());
    (open(world, &kv).await, deleted)
}

#[test]
fn a_stream_that_was_made_anew_is_not_deleted_as_the_old_one() {
    for force in [false, true] {
        let world = World::new();
        world.run(async {
            let before = async |store: &Store| {
                store.create_stream("s", 1, Retention::default()).await.expect("creates");
            };
            let others = async |store: &Store| {
                store.delete_stream("s", false).await.expect("deletes");
                append(store, &["new"]).await;
                create_group(store, "g").await;
            };
            let (store, deleted) = beside_others(&world, force, before, others).await;
            deleted.expect("the one that it was about is deleted");
            assert_eq!((store.stream("s").await.expect("is there").count, count(&store).await), (1, 1));
            assert!(has_group(&store, "g").await);
        });
    }
}

#[test]
fn what_came_to_be_where_there_were_groups_only_is_not_deleted() {
    for force in [false, true] {
        let world = World::new();
        world.run(async {
            let before = async |store: &Store| create_group(store, "g").await;
            let others = async |store: &Store| {
                store.create_stream("s", 3, Retention::default()).await.expect("creates");
            };
            let (store, deleted) = beside_others(&world, force, before, others).await;
            deleted.expect("there was nothing to delete");
            assert_eq!(store.stream("s").await.expect("an empty one").partitions, 3);
            assert!(has_group(&store, "g").await);

            let others = async |store: &Store| {
                store.append(records("s", "0", &["x"]), WriteOptions::default()).await.expect("appends");
            };
            let (store, deleted) = beside_others(&world, force, before, others).await;
            deleted.expect("it is no stream");
            assert_eq!(count(&store).await, 1);
            assert!(has_group(&store, "g").await);
        });
    }
}

#[test]
fn an_import_that_began_meanwhile_goes_on() {
    let world = World::new();
    world.run(async {
        let source = open(&world, &small_blocks()).await;
        source.append(records("s", "0", &["x"]), WriteOptions::default()).await.expect("appends");
        let mut exporter = source.exporter(None).expect("starts");
        let bytes = exporter.next().await.expect("exports").expect("one chunk");
        let kv = small_blocks();
        create_group(&open(&world, &kv).await, "g").await;
        let elsewhere = small_blocks();
        elsewhere.restore(kv.snapshot());
        let importing = open(&world, &elsewhere).await;
        let mut importer = importing.importer(None).expect("starts");
        importer.push(&bytes[..140]).await.expect("takes it");
        let meanwhile = Meanwhile::of(&kv);
        let env = world.env(hooked(&kv, &meanwhile));
        let deleting = Store::open(env, OpenOptions::default()).await.expect("opens");
        meanwhile.take_in(&elsewhere);
        deleting.delete_stream("s", true).await.expect("there was nothing to delete");
        assert!(meanwhile.has_come());
        elsewhere.restore(kv.snapshot());
        importer.push(&bytes[140..]).await.expect("it still has the space");
        importer.finish().await.expect("ends");
        assert_eq!(count(&importing).await, 1);
    });
}

#[test]
fn a_deletion_that_comes_late_brings_no_groups_back() {
    let world = World::new();
    world.run(async {
        let before = async |store: &Store| create_group(store, "first").await;
        let others = async |store: &Store| {
            store.delete_stream("s", false).await.expect("deletes");
            create_group(store, "second").await;
            store.delete_stream("s", false).await.expect("deletes");
            create_group(store, "third").await;
        };
        let (store, deleted) = beside_others(&world, false, before, others).await;
        deleted.expect("what it was about is deleted");
        let found = [has_group(&store, "first").await, has_group(&store, "second").await];
        assert_eq!((found, has_group(&store, "third").await), ([false, false], true));
    });
}

/// Reads all as a consumer that then leaves it behind.
async fn read_and_leave(group: &Group) {
    let options = GroupOptions { mode: GroupMode::KeyShared, ..GroupOptions::default() };
    group.create(&options).await.expect("creates");
    let got = group.read("a", GroupRead::default()).await.expect("reads");
    assert!(!got.marks.is_empty());
    group.leave("a").await.expect("leaves");
}

#[test]
fn groups_behind_the_rows_of_others_are_deleted() {
    let world = World::new();
    let kv = small_blocks();
    world.run(async {
        let store = open(&world, &kv).await;
        append(&store, &["1", "2"]).await;
        for name in ["by key", "without its head"] {
            read_and_leave(&store.group("s", name)).await;
        }
        let rows = |name: &str| {
            let prefix = ["GRP\0s\0", name, "\0"].concat();
            kv.snapshot().into_keys().filter(|key| key.starts_with(prefix.as_bytes())).count()
        };
        assert!(rows("by key") > 3, "its session, a page, slots and timers");
        store.delete_stream("s", true).await.expect("deletes");
        // Of a group that was deleted rows may be left, but not the head.
        let head = b"GRP\0s\0without its head";
        assert!(kv.snapshot().contains_key(head.as_slice()));
        kv.overwrite(head, None);

        // Nothing is left of the present epoch: there is nothing to delete.
        let before = kv.snapshot();
        store.delete_stream("s", true).await.expect("there is nothing");
        assert_eq!(kv.snapshot(), before);
        // A group of it is found behind what the others left.
        create_group(&store, "z").await;
        store.delete_stream("s", false).await.expect("deletes");
        for name in ["by key", "without its head", "z"] {
            assert!(!has_group(&store, name).await, "{name}");
        }
        store.sweep_groups("s").await.expect("sweeps");
        for name in ["by key", "without its head", "z"] {
            assert_eq!(rows(name), 0, "{name}");
        }
    });
}
