//! Groups by key: what sessions that ended left behind is found, however much of it is for others.
#![cfg(feature = "guarded-writes")]

mod common;

use std::collections::BTreeMap;

use common::hooked::hooked;
use common::{StopAfter, World, to_stream};
use streamkit_core::{
    EntryId, Group, GroupMode, GroupOptions, GroupRead, HostLimits, MemoryKv, OpenOptions, PendingRead,
    Store, WriteOptions,
};

/// One key of each of four slots. Of the consumers "e1" and "f1", the first has slots 2 and 3; of "e6" and
/// "f6", slots 1 and 3.
const KEYS: [&str; 4] = ["k0", "k1", "k11", "k2"];
/// More than one read looks through at once, with pages as small as here.
const MANY: usize = 8000;

fn small_pages() -> MemoryKv {
    MemoryKv::with_limits(HostLimits {
        max_value_bytes: 4096,
        max_batch_bytes: 16 << 10,
        shared: false,
        ..HostLimits::default()
    })
}

async fn append(store: &Store, slot: usize, count: usize) {
    let mut left = count;
    while left > 0 {
        let payloads = vec![""; left.min(100)];
        left -= payloads.len();
        let append = to_stream("s", &payloads, Some(KEYS[slot]));
        store.append_to_stream(append, WriteOptions::default()).await.expect("appends");
    }
}

/// The slots of what a consumer is given.
async fn read(group: &Group, consumer: &str, limit: u64) -> Vec<usize> {
    let got = group.read(consumer, GroupRead { limit, ..GroupRead::default() }).await.expect("reads");
    let slot = |metadata: BTreeMap<&str, &str>| KEYS.iter().position(|key| metadata["partition-key"] == *key);
    got.page.entries().map(|entry| slot(entry.content.metadata().collect()).expect("known")).collect()
}

async fn read_all(group: &Group, consumer: &str) -> usize {
    let mut count = 0;
    loop {
        match read(group, consumer, 1000).await.len() {
            0 => return count,
            more => count += more,
        }
    }
}

async fn create(group: &Group) {
    let options = GroupOptions {
        mode: GroupMode::KeyShared,
        slots: 4,
        ack_timeout: 0,
        consumer_timeout: 1 << 40,
        ..GroupOptions::default()
    };
    group.create(&options).await.expect("creates");
}

/// The group on another instance, whose host stops answering if a read asks it without end.
fn again(world: &World, kv: &MemoryKv) -> Group {
    let store = world.open_with(hooked(kv, &StopAfter::new(1000)), OpenOptions::default()).expect("opens");
    store.group("s", "g")
}

#[test]
fn behind_much_of_two_sessions_that_is_for_others() {
    let world = World::new();
    let kv = small_pages();
    let store = world.open(&kv);
    let group = store.group("s", "g");
    world.run(async {
        create(&group).await;
        for consumer in ["e6", "f6"] {
            group.join(consumer).await.expect("joins");
        }
        for (slot, count) in [(2, MANY), (3, MANY), (0, 1), (1, 1)] {
            append(&store, slot, count).await;
        }
        // Twice: what is for the other is only set aside at first.
        let mut read = [0, 0];
        for _ in 0..2 {
            for (consumer, count) in ["e6", "f6"].into_iter().zip(&mut read) {
                *count += read_all(&group, consumer).await;
            }
        }
        assert_eq!(read, [MANY + 1, MANY + 1]);
        for consumer in ["e6", "f6"] {
            group.leave(consumer).await.expect("leaves");
        }
        for consumer in ["e1", "f1"] {
            group.join(consumer).await.expect("joins");
        }
    });
    let group = again(&world, &kv);
    world.run(async {
        let mut given = read(&group, "f1", 10).await;
        given.extend(read(&group, "f1", 10).await);
        given.sort_unstable();
        assert_eq!(given, [0, 1]);
    });
}

#[test]
fn behind_a_record_that_has_to_wait_and_much_that_is_for_others() {
    let world = World::new();
    let kv = small_pages();
    let store = world.open(&kv);
    let group = store.group("s", "g");
    world.run(async {
        create(&group).await;
        for (slot, count) in [(0, 2), (2, MANY), (1, 1)] {
            append(&store, slot, count).await;
        }
        assert_eq!(read_all(&group, "w").await, MANY + 3);
        group.leave("w").await.expect("leaves");
        // The second record of slot 0 waits for the first one, with whom it is not for.
        assert_eq!(read(&group, "e1", 1).await, [0]);
        group.join("f1").await.expect("joins");
    });
    let group = again(&world, &kv);
    world.run(async {
        assert_eq!(read(&group, "f1", 10).await, [1]);
        assert!(read(&group, "f1", 10).await.is_empty());
    });
}

/// Ids and slots of all that is pending, by (deadline, id).
async fn by_deadline(group: &Group) -> Vec<EntryId> {
    let listed = group.pending(&PendingRead::default()).await.expect("lists");
    let mut places: Vec<(u64, EntryId)> =
        listed.into_iter().map(|one| (one.deadline.expect("by time"), one.id)).collect();
    places.sort_unstable();
    places.into_iter().map(|(_, id)| id).collect()
}

async fn ids(group: &Group, consumer: &str, limit: u64) -> Vec<EntryId> {
    let got = group.read(consumer, GroupRead { limit, ..GroupRead::default() }).await.expect("reads");
    got.page.entries().map(|entry| entry.id).collect()
}

async fn create_with(group: &Group, ack_timeout: u64) {
    let options = GroupOptions {
        mode: GroupMode::KeyShared,
        slots: 4,
        ack_timeout,
        max_deliver: 0,
        consumer_timeout: 1 << 40,
        ..GroupOptions::default()
    };
    group.create(&options).await.expect("creates");
}

#[test]
fn what_is_due_comes_by_deadline_whoever_had_it() {
    let world = World::new();
    let store = world.open(&MemoryKv::default());
    let group = store.group("s", "g");
    let later = |ms: u64| world.clock.0.set(world.clock.0.get() + ms);
    world.run(async {
        create_with(&group, 10_000).await;
        // "e1" has slots 2 and 3.
        for consumer in ["e1", "f1"] {
            group.join(consumer).await.expect("joins");
        }
        for slot in [0, 2, 1, 3, 0, 2, 1, 3] {
            append(&store, slot, 1).await;
        }
        assert_eq!(ids(&group, "f1", 2).await.len(), 2);
        later(100);
        let mine = ids(&group, "e1", 10).await;
        assert_eq!(mine.len(), 4);
        later(100);
        assert_eq!(ids(&group, "f1", 10).await.len(), 2);
        group.leave("f1").await.expect("leaves");
        later(5000);
        // One of its own is due before what was left behind, and the rest after it.
        group.nack("e1", &mine[3..], 0).await.expect("nacks");
        later(5000);
        let due = by_deadline(&group).await;
        let mut got = ids(&group, "e1", 3).await;
        got.extend(ids(&group, "e1", 5).await);
        assert_eq!(got, due);
    });
}

#[test]
fn own_records_that_keep_coming_due_leave_room_for_what_was_left_behind() {
    let world = World::new();
    let store = world.open(&MemoryKv::default());
    let group = store.group("s", "g");
    world.run(async {
        create_with(&group, 1000).await;
        for consumer in ["e1", "f1"] {
            group.join(consumer).await.expect("joins");
        }
        for slot in 0..4 {
            append(&store, slot, 5).await;
        }
        assert_eq!(ids(&group, "e1", 10).await.len(), 10);
        let left = ids(&group, "f1", 10).await;
        assert_eq!(left.len(), 10);
        group.leave("f1").await.expect("leaves");
        let mut seen = Vec::new();
        for _ in 0..3 {
            world.clock.0.set(world.clock.0.get() + 1000);
            seen.extend(ids(&group, "e1", 10).await);
        }
        assert!(left.iter().all(|id| seen.contains(id)), "{left:?} {seen:?}");
    });
}

#[test]
fn what_was_left_behind_of_a_key_comes_in_id_order() {
    let world = World::new();
    let store = world.open(&MemoryKv::default());
    let group = store.group("s", "g");
    world.run(async {
        create_with(&group, 100_000).await;
        group.join("f1").await.expect("joins");
        append(&store, 2, 3).await;
        append(&store, 3, 1).await;
        let all = ids(&group, "f1", 10).await;
        // The second is due before the first of its key, and the last before both.
        group.touch("f1", &all[1..2], 2000).await.expect("touches");
        group.touch("f1", &all[3..], 1000).await.expect("touches");
        group.touch("f1", &all[..1], 3000).await.expect("touches");
        world.clock.0.set(world.clock.0.get() + 5000);
        group.leave("f1").await.expect("leaves");
        for expected in [all[3], all[0], all[1], all[2]] {
            assert_eq!(ids(&group, "e1", 1).await, [expected]);
        }
    });
}
