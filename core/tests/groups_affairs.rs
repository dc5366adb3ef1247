//! A group's own affairs (sessions that fell silent, records that are trimmed) on hosts whose commits take few
//! rows: any number of them costs more commits, and never an error.
#![cfg(all(feature = "every-host", feature = "guarded-writes"))]

mod common;

use std::collections::BTreeSet;

use common::{World, to_stream};
use streamkit_core::{
    Atomicity, EntryId, Group, GroupMode, GroupOptions, GroupRead, HostLimits, MemoryKv, PendingRead, Store,
    Trim, WriteOptions,
};

const MODES: [GroupMode; 3] = [GroupMode::Shared, GroupMode::Exclusive, GroupMode::KeyShared];
const CROWD: usize = 90;

/// A host whose commits take as few rows as any that has groups.
fn narrow(atomic: Atomicity) -> MemoryKv {
    MemoryKv::with_limits(HostLimits { max_batch_ops: 32, atomic, ..HostLimits::default() })
}

async fn append(store: &Store, count: usize, key: &str) -> EntryId {
    let append = to_stream("s", &vec!["a record"; count], Some(key));
    store.append_to_stream(append, WriteOptions::default()).await.expect("appends").last_id
}

async fn read(group: &Group, consumer: &str, limit: u64) -> Vec<EntryId> {
    let got = group.read(consumer, GroupRead { limit, ..GroupRead::default() }).await.expect("reads");
    got.page.entries().map(|entry| entry.id).collect()
}

async fn read_all(group: &Group, consumer: &str, limit: u64) -> Vec<EntryId> {
    let mut all = Vec::new();
    loop {
        match read(group, consumer, limit).await {
            more if more.is_empty() => return all,
            more => all.extend(more),
        }
    }
}

fn options(mode: GroupMode) -> GroupOptions {
    GroupOptions { mode, ack_timeout: 1 << 30, consumer_timeout: 5000, ..GroupOptions::default() }
}

async fn pending(group: &Group) -> Vec<EntryId> {
    let listed = group.pending(&PendingRead::default()).await.expect("lists");
    listed.into_iter().map(|one| one.id).collect()
}

/// So many consumers come once, read a record or only join, and are never heard of again.
async fn crowd(world: &World, group: &Group, reads: bool) {
    for n in 0..CROWD {
        let name = format!("c{n}");
        if reads {
            read(group, &name, 1).await;
        } else {
            group.join(&name).await.expect("joins");
        }
        world.clock.0.set(world.clock.0.get() + 3);
    }
}

fn everybody_falls_silent(mode: GroupMode, atomic: Atomicity, reads: bool, trims: bool) {
    println!("{mode:?}, {atomic:?}, reads: {reads}, trims: {trims}");
    let world = World::new();
    let kv = narrow(atomic);
    let [store, again] = [world.open(&kv), world.open(&kv)];
    let group = store.group("s", "g");
    world.run(async {
        group.create(&options(mode)).await.expect("creates");
        let mut last = EntryId::ZERO;
        for n in 0..CROWD + 10 {
            last = append(&store, 1, &format!("k{n}")).await;
        }
        crowd(&world, &group, reads).await;
        let before = pending(&group).await;
        assert_eq!(!before.is_empty(), reads);
        if trims {
            store.trim_stream("s", Trim::Before(last), false).await.expect("trims");
        }
        world.clock.0.set(world.clock.0.get() + 10_000);
        // Another instance begins, and each call meets the crowd.
        let other = again.group("s", "g");
        other.join("a").await.expect("joins");
        let got = read_all(&other, "a", 7).await;
        let expected = if trims { 1 } else { CROWD + 10 };
        assert_eq!(got.len(), expected);
        assert_eq!(got.iter().collect::<BTreeSet<_>>().len(), expected, "each once");
        if mode == GroupMode::Shared && !trims {
            assert_eq!(got[..before.len()], before, "what is due comes first, by the end of its session");
        }
        assert_eq!(other.ack("a", &got).await.expect("acks"), expected as u64);
        let info = other.info().await.expect("looks");
        assert_eq!((info.pending, info.lag, info.consumers.len()), (0, 0, 1));
        assert_eq!(info.trimmed_pending, if trims { before.len() as u64 } else { 0 });
        other.leave("a").await.expect("leaves");
    });
    let rows = kv.snapshot().into_keys();
    let left = rows.filter(|key| key.windows(5).any(|part| part == b"\0TIM\0" || part == b"\0PEL\0")).count();
    assert_eq!(left, 0, "timers and pages are gone");
}

#[test]
fn any_number_of_silent_consumers() {
    for atomic in [Atomicity::Store, Atomicity::Space] {
        for mode in MODES {
            for (reads, trims) in [(false, false), (true, false), (true, true)] {
                everybody_falls_silent(mode, atomic, reads, trims);
            }
        }
    }
}

#[test]
fn every_call_gets_by_a_crowd_that_fell_silent() {
    for mode in MODES {
        let world = World::new();
        let store = world.open(&narrow(Atomicity::Store));
        let group = store.group("s", "g");
        world.run(async {
            let options = GroupOptions { max_standbys: Some(CROWD as u64), max_deliver: 1, ..options(mode) };
            group.create(&options).await.expect("creates");
            for n in 0..CROWD {
                append(&store, 1, &format!("k{n}")).await;
            }
            let mine = read(&group, "a", 40).await;
            assert_eq!(mine.len(), 40);
            crowd(&world, &group, true).await;
            world.clock.0.set(world.clock.0.get() + 3000);
            assert_eq!(group.touch("a", &mine[..1], 1 << 30).await.expect("touches"), 1);
            world.clock.0.set(world.clock.0.get() + 4900);
            // Nobody but "a" is left: the places of those who stood by are free.
            group.join("b").await.expect("joins");
            assert_eq!(group.ack("a", &mine[..2]).await.expect("acks"), 2);
            assert_eq!(group.nack("a", &mine[2..4], 0).await.expect("nacks"), 2, "they are dead");
            group.leave("a").await.expect("leaves");
            let info = group.info().await.expect("looks");
            assert!(info.consumers.iter().any(|one| one.name == "b" && one.active), "{info:?}");
            // What all of them had was delivered as often as may be.
            read_all(&group, "b", 100).await;
            let held = pending(&group).await.len();
            let dead = group.replay(None).await.expect("replays") as usize;
            assert_eq!(2 + dead + held, CROWD);
        });
    }
}

#[test]
fn pages_of_many_slots_that_are_trimmed() {
    let world = World::new();
    let store = world.open(&narrow(Atomicity::Store));
    let group = store.group("s", "g");
    world.run(async {
        let options = GroupOptions { slots: 4096, ..options(GroupMode::KeyShared) };
        group.create(&options).await.expect("creates");
        for n in 0..600 {
            append(&store, 1, &format!("k{n}")).await;
        }
        assert_eq!(read_all(&group, "a", 1000).await.len(), 600);
        let last = append(&store, 1, "new").await;
        store.trim_stream("s", Trim::Before(last), false).await.expect("trims");
        world.clock.0.set(world.clock.0.get() + 10_000);
        assert_eq!(read(&group, "b", 1).await, [last]);
        let info = group.info().await.expect("looks");
        assert_eq!((info.pending, info.trimmed_pending, info.lag), (1, 600, 0));
    });
}

#[test]
fn what_was_set_aside_and_is_trimmed() {
    let world = World::new();
    // Pages of few records.
    let store = world.open(&MemoryKv::with_limits(HostLimits {
        max_batch_ops: 32,
        max_batch_bytes: 16 << 10,
        max_value_bytes: 4096,
        ..HostLimits::default()
    }));
    let group = store.group("s", "g");
    world.run(async {
        group.create(&options(GroupMode::KeyShared)).await.expect("creates");
        group.join("a").await.expect("joins");
        group.join("b").await.expect("joins");
        for n in 0..1000 {
            append(&store, 1, &format!("k{n}")).await;
        }
        let first = read_all(&group, "a", 50).await.len();
        assert!(first > 300 && first < 700, "{first}");
        let last = append(&store, 1, "new").await;
        store.trim_stream("s", Trim::Before(last), false).await.expect("trims");
        let mut got = read_all(&group, "a", 1).await;
        got.extend(read_all(&group, "b", 1).await);
        assert_eq!(got, [last]);
        world.clock.0.set(world.clock.0.get() + 10_000);
        assert_eq!(read_all(&group, "c", 1000).await, [last]);
        let info = group.info().await.expect("looks");
        assert_eq!((info.pending, info.trimmed_pending, info.lag), (1, first as u64, 0));
    });
}

#[test]
fn a_consumer_of_many_sessions_acknowledges_what_is_trimmed() {
    let world = World::new();
    let store = world.open(&narrow(Atomicity::Store));
    let group = store.group("s", "g");
    world.run(async {
        group.create(&options(GroupMode::Shared)).await.expect("creates");
        append(&store, CROWD, "k").await;
        let ids = read(&group, "a", CROWD as u64).await;
        assert_eq!(ids.len(), CROWD);
        // Each session takes a record of the first one, and ends.
        for _ in 1..CROWD {
            group.leave("a").await.expect("leaves");
            assert_eq!(read(&group, "a", 1).await.len(), 1);
            world.clock.0.set(world.clock.0.get() + 1);
        }
        let last = append(&store, 1, "new").await;
        store.trim_stream("s", Trim::Before(last), false).await.expect("trims");
        // The pages of all its sessions come before this one.
        assert_eq!(group.ack("a", &ids[CROWD - 1..]).await.expect("acks"), 0);
        assert_eq!(read(&group, "a", 1).await, [last]);
        let info = group.info().await.expect("looks");
        assert_eq!((info.pending, info.trimmed_pending), (1, CROWD as u64));
    });
}

#[test]
fn what_is_due_is_still_found_when_timers_were_met_in_steps() {
    let world = World::new();
    let store = world.open(&MemoryKv::with_limits(HostLimits { max_batch_ops: 40, ..HostLimits::default() }));
    let group = store.group("s", "g");
    world.run(async {
        group.create(&options(GroupMode::Shared)).await.expect("creates");
        append(&store, 23, "k").await;
        let all = read(&group, "a", 23).await;
        for n in 0..22 {
            group.join(&format!("c{n}")).await.expect("joins");
        }
        world.clock.0.set(world.clock.0.get() + 10_000);
        append(&store, 1, "new").await;
        for id in all {
            assert_eq!(read(&group, "a", 1).await, [id], "before what is new");
        }
    });
}
