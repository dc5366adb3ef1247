//! Groups by key: laws that hold whatever the calls.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use streamkit_core::{
    Atomicity, EntryId, Group, GroupMode, GroupOptions, GroupRead, OpenOptions, PendingRead, PendingRecord,
    Store, Trim, WriteOptions,
};

use crate::common::{World, to_stream};
use crate::{open_still, tight};

const CONSUMERS: [&str; 4] = ["a", "ab", "b", "c"];
const KEYS: [&str; 7] = ["k1", "k2", "k3", "k4", "k5", "k6", "k7"];

#[derive(Debug, Clone)]
enum Call {
    Append {
        key: usize,
        count: usize,
    },
    Read {
        consumer: usize,
        limit: u64,
        no_ack: bool,
    },
    /// So many twentieths of what the consumer holds.
    Ack {
        consumer: usize,
        share: usize,
    },
    Nack {
        consumer: usize,
        share: usize,
        delay: u64,
    },
    Join(usize),
    Leave(usize),
    /// So many consumers that nobody hears of again read a record each, or only join.
    Crowd {
        count: usize,
        reads: bool,
    },
    Sleep(u64),
    Trim(usize),
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let call = prop_oneof![
        5 => (0_usize..7, 1_usize..9).prop_map(|(key, count)| Call::Append { key, count }),
        6 => (0_usize..4, 1_u64..30, prop::bool::weighted(0.05))
            .prop_map(|(consumer, limit, no_ack)| Call::Read { consumer, limit, no_ack }),
        3 => (0_usize..4, 1_usize..25).prop_map(|(consumer, share)| Call::Ack { consumer, share }),
        2 => (0_usize..4, 1_usize..25, 0_u64..900)
            .prop_map(|(consumer, share, delay)| Call::Nack { consumer, share, delay }),
        1 => (0_usize..4).prop_map(Call::Join),
        1 => (0_usize..4).prop_map(Call::Leave),
        1 => (1_usize..25, any::<bool>()).prop_map(|(count, reads)| Call::Crowd { count, reads }),
        3 => prop_oneof![1_u64..50, 100_u64..1500].prop_map(Call::Sleep),
        1 => (0_usize..20).prop_map(Call::Trim),
    ];
    prop::collection::vec(call, 5..80)
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    New,
    Delivered,
    Done,
    Trimmed,
}

struct Books {
    records: BTreeMap<EntryId, (usize, Fate)>,
}

impl Books {
    /// What a read gave: nothing that is done with, and no record past an earlier one of its key that is
    /// with another consumer, or with none.
    fn delivered(&mut self, consumer: &str, ids: &[EntryId], pending: &[PendingRecord], no_ack: bool) {
        for id in ids {
            let (_, fate) = self.records[id];
            assert!(fate != Fate::Done, "{id} comes back");
            assert!(fate != Fate::Trimmed, "{id} is trimmed");
            self.records.get_mut(id).expect("known").1 = Fate::Delivered;
        }
        let at: BTreeMap<EntryId, &str> = pending.iter().map(|one| (one.id, &*one.consumer)).collect();
        for id in ids {
            let (key, _) = self.records[id];
            for (earlier, (other, fate)) in self.records.range(..*id) {
                if *other == key && *fate == Fate::New {
                    panic!("{consumer} got {id} before {earlier}, which nobody has");
                }
                if *other == key && *fate == Fate::Delivered && !(no_ack && ids.contains(earlier)) {
                    assert_eq!(at.get(earlier), Some(&consumer), "{consumer} got {id}, but not {earlier}");
                }
            }
        }
        if no_ack {
            for id in ids {
                self.records.get_mut(id).expect("known").1 = Fate::Done;
            }
        }
    }
}

async fn held(group: &Group, consumer: &str) -> Vec<EntryId> {
    let read = PendingRead { consumer: Some(consumer.into()), ..PendingRead::default() };
    group.pending(&read).await.expect("lists").into_iter().map(|one| one.id).collect()
}

async fn read(group: &Group, consumer: &str, limit: u64, no_ack: bool, books: &mut Books) -> usize {
    let got = group.read(consumer, GroupRead { limit, no_ack, ..GroupRead::default() }).await.expect("reads");
    let ids: Vec<EntryId> = got.page.entries().map(|entry| entry.id).collect();
    assert_eq!(ids.len(), got.marks.len());
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    let pending = group.pending(&PendingRead::default()).await.expect("lists");
    books.delivered(consumer, &ids, &pending, no_ack);
    ids.len()
}

fn run(by_space: bool, most_ops: usize, instances: usize, slots: u64, calls: Vec<Call>) {
    let world = World::new();
    let kv = tight(if by_space { Atomicity::Space } else { Atomicity::Store }, most_ops);
    let options = OpenOptions { auto_compact: false, ..OpenOptions::default() };
    let stores: Vec<Store> = (0..instances).map(|_| open_still(&world, &kv, options.clone())).collect();
    let groups: Vec<Group> = stores.iter().map(|store| store.group("s", "g")).collect();
    let mut books = Books { records: BTreeMap::new() };
    let mut crowd = Vec::new();
    world.run(async {
        let options = GroupOptions {
            mode: GroupMode::KeyShared,
            slots,
            ack_timeout: 800,
            consumer_timeout: 2000,
            max_deliver: 0,
            ..GroupOptions::default()
        };
        groups[0].create(&options).await.expect("creates");
        for (turn, call) in calls.into_iter().enumerate() {
            let store = &stores[turn % stores.len()];
            let group = &groups[turn % groups.len()];
            match call {
                Call::Append { key, count } => {
                    let texts: Vec<String> = (0..count).map(|n| format!("{key} {n}")).collect();
                    let append = to_stream("s", &texts, Some(KEYS[key]));
                    let done =
                        store.append_to_stream(append, WriteOptions::default()).await.expect("appends");
                    for n in done.first_id.n..=done.last_id.n {
                        books.records.insert(EntryId::new(done.first_id.ms, n), (key, Fate::New));
                    }
                }
                Call::Read { consumer, limit, no_ack } => {
                    read(group, CONSUMERS[consumer], limit, no_ack, &mut books).await;
                }
                Call::Ack { consumer, share } => {
                    let mut mine = held(group, CONSUMERS[consumer]).await;
                    mine.truncate(mine.len() * share.min(20) / 20);
                    if !mine.is_empty() {
                        let count = group.ack(CONSUMERS[consumer], &mine).await.expect("acks");
                        assert_eq!(count, mine.len() as u64);
                    }
                    for id in mine {
                        books.records.get_mut(&id).expect("known").1 = Fate::Done;
                    }
                }
                Call::Nack { consumer, share, delay } => {
                    let mut mine = held(group, CONSUMERS[consumer]).await;
                    mine.drain(..mine.len() - mine.len() * share.min(20) / 20);
                    if !mine.is_empty() {
                        let count = group.nack(CONSUMERS[consumer], &mine, delay).await.expect("nacks");
                        assert_eq!(count, mine.len() as u64);
                    }
                }
                Call::Join(consumer) => group.join(CONSUMERS[consumer]).await.expect("joins"),
                Call::Leave(consumer) => group.leave(CONSUMERS[consumer]).await.expect("leaves"),
                Call::Crowd { count, reads } => {
                    for _ in 0..count {
                        let name = format!("crowd {}", crowd.len());
                        if reads {
                            read(group, &name, 1, false, &mut books).await;
                        } else {
                            group.join(&name).await.expect("joins");
                        }
                        crowd.push(name);
                    }
                }
                Call::Sleep(ms) => world.clock.0.set(world.clock.0.get() + ms),
                Call::Trim(place) => {
                    let ids: Vec<EntryId> = books.records.keys().copied().collect();
                    let Some(before) = ids.get(ids.len() * place / 40).copied() else { continue };
                    store.trim_stream("s", Trim::Before(before), false).await.expect("trims");
                    for (_, (_, fate)) in books.records.range_mut(..before) {
                        if *fate != Fate::Done {
                            *fate = Fate::Trimmed;
                        }
                    }
                }
            }
            let info = group.info().await.expect("looks");
            let of = |wanted: Fate| books.records.values().filter(|(_, fate)| *fate == wanted).count() as u64;
            assert_eq!(info.lag, of(Fate::New));
            assert_eq!(info.pending, of(Fate::Delivered));
        }
        // In the end one consumer gets everything that is left.
        for consumer in &CONSUMERS[1..] {
            groups[0].leave(consumer).await.expect("leaves");
        }
        for consumer in &crowd {
            groups[0].leave(consumer).await.expect("leaves");
        }
        for _ in 0..2000 {
            let count = read(&groups[0], "a", 50, false, &mut books).await;
            let mine = held(&groups[0], "a").await;
            if !mine.is_empty() {
                groups[0].ack("a", &mine).await.expect("acks");
            }
            for id in &mine {
                books.records.get_mut(id).expect("known").1 = Fate::Done;
            }
            world.clock.0.set(world.clock.0.get() + 1);
            if count == 0 && mine.is_empty() {
                break;
            }
        }
        let left: Vec<_> = books
            .records
            .iter()
            .filter(|(_, (_, fate))| matches!(fate, Fate::New | Fate::Delivered))
            .collect();
        assert!(left.is_empty(), "{left:?}");
        let info = groups[0].info().await.expect("looks");
        assert_eq!((info.pending, info.lag), (0, 0));
    });
    world.settle();
}

proptest! {
    #![proptest_config(crate::config(300))]
    #[test]
    fn keys_keep_their_order(by_space in prop::bool::weighted(0.2), most_ops in prop_oneof![Just(32_usize), Just(40), Just(60)], instances in 1_usize..3, slots in prop_oneof![Just(1_u64), Just(3), Just(8), Just(300)], calls in calls()) {
        run(by_space, most_ops, instances, slots, calls);
    }
}
