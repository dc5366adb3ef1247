//! Groups whose records are more bytes than one read takes: what a read leaves stays where it is, in its order.
#![cfg(feature = "guarded-writes")]

mod common;

use common::{World, to_stream};
use streamkit_core::{
    EntryId, Group, GroupMode, GroupOptions, GroupRead, MemoryKv, PendingRead, Store, WriteOptions,
};

/// Of four slots, "k0" is in that of the consumer "f1" where "e1" is there as well.
const KEY: &str = "k0";
const LARGE: usize = 3 << 20;

async fn append(store: &Store, payload: &str) -> EntryId {
    let append = to_stream("s", &[payload], Some(KEY));
    store.append_to_stream(append, WriteOptions::default()).await.expect("appends").first_id
}

async fn read(group: &Group, consumer: &str) -> Vec<EntryId> {
    let got = group.read(consumer, GroupRead { limit: 10, ..GroupRead::default() }).await.expect("reads");
    assert_eq!(got.page.entries().count(), got.marks.len());
    got.page.entries().map(|entry| entry.id).collect()
}

/// Reads until there is nothing, and gives what each read gave.
async fn read_all(group: &Group, consumer: &str) -> Vec<Vec<EntryId>> {
    let mut all = Vec::new();
    loop {
        match read(group, consumer).await {
            none if none.is_empty() => return all,
            some => all.push(some),
        }
    }
}

#[test]
fn what_is_due_again_and_too_much_for_one_read_stays_due() {
    for mode in [GroupMode::Shared, GroupMode::KeyShared] {
        let world = World::new();
        let store = world.open(&MemoryKv::new());
        let group = store.group("s", "g");
        world.run(async {
            let options = GroupOptions { mode, slots: 4, ack_timeout: 1000, ..GroupOptions::default() };
            group.create(&options).await.expect("creates");
            let mut ids = Vec::new();
            for _ in 0..4 {
                ids.push(append(&store, &"x".repeat(LARGE)).await);
            }
            for _ in 0..3 {
                let given = read_all(&group, "c").await;
                assert!(given.len() > 1, "one read takes them all");
                assert_eq!(given.concat(), ids);
                assert_eq!(group.pending(&PendingRead::default()).await.expect("lists").len(), 4);
                world.clock.0.set(world.clock.0.get() + 1000);
            }
            assert_eq!(group.ack("c", &ids).await.expect("acknowledges"), 4);
        });
    }
}

#[test]
fn what_was_set_aside_and_is_too_much_for_one_read_comes_before_what_is_new() {
    let world = World::new();
    let store = world.open(&MemoryKv::new());
    let group = store.group("s", "g");
    world.run(async {
        let options = GroupOptions { mode: GroupMode::KeyShared, slots: 4, ..GroupOptions::default() };
        group.create(&options).await.expect("creates");
        for consumer in ["e1", "f1"] {
            group.join(consumer).await.expect("joins");
        }
        let mut ids = Vec::new();
        for _ in 0..4 {
            ids.push(append(&store, &"x".repeat(LARGE)).await);
        }
        assert!(read_all(&group, "e1").await.is_empty());
        ids.push(append(&store, "new").await);
        let given = read_all(&group, "f1").await;
        assert!(given.len() > 1, "one read takes them all");
        assert_eq!(given.concat(), ids);
    });
}
