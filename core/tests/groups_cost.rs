//! What calls on a group cost the host: never more because more is pending, or because the stream is longer.
#![cfg(feature = "guarded-writes")]

mod common;

use std::cell::Cell;
use std::rc::Rc;

use common::{World, to_stream};
use streamkit_core::{
    Batch, Commit, EntryId, Group, GroupMode, GroupOptions, GroupRead, HostLimits, Kv, MemoryKv, OpenOptions,
    Result, ScanPage, ScanRange, Store, WriteOptions,
};

/// Calls and rows of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Cost {
    calls: usize,
    read: usize,
    written: usize,
}

struct CountingKv {
    inner: MemoryKv,
    cost: Cell<Cost>,
}

impl CountingKv {
    fn add(&self, read: usize, written: usize) {
        let cost = self.cost.get();
        self.cost.set(Cost {
            calls: cost.calls + 1,
            read: cost.read + read,
            written: cost.written + written,
        });
    }

    fn take(&self) -> Cost {
        self.cost.take()
    }
}

#[async_trait::async_trait(?Send)]
impl Kv for CountingKv {
    fn name(&self) -> &str {
        "counting"
    }

    fn limits(&self) -> &HostLimits {
        self.inner.limits()
    }

    async fn get(&self, keys: Vec<Vec<u8>>) -> Result<Vec<Option<Vec<u8>>>> {
        self.add(keys.len(), 0);
        self.inner.get(keys).await
    }

    async fn scan(&self, range: ScanRange) -> Result<ScanPage> {
        let page = self.inner.scan(range).await?;
        self.add(page.pairs.len(), 0);
        Ok(page)
    }

    async fn commit(&self, batch: Batch) -> Result<Commit> {
        self.add(0, batch.puts.len() + batch.deletes.len());
        self.inner.commit(batch).await
    }
}

async fn append(store: &Store, count: usize, key: Option<&str>) {
    let append = to_stream("s", &vec!["a record"; count], key);
    store.append_to_stream(append, WriteOptions::default()).await.expect("appends");
}

async fn read(group: &Group, consumer: &str, limit: u64) -> Vec<EntryId> {
    let got = group.read(consumer, GroupRead { limit, ..GroupRead::default() }).await.expect("reads");
    got.page.entries().map(|entry| entry.id).collect()
}

/// What reads, acknowledgements and the rest cost while `pending` records are pending for one consumer
/// and as many for another.
fn costs(mode: GroupMode, pending: usize) -> Vec<(&'static str, Cost)> {
    let world = World::new();
    let (kv, store) = counting(&world);
    let group = store.group("s", "g");
    let clock = world.clock.0.clone();
    let measured = world.run(async {
        let options = GroupOptions { mode, consumer_timeout: 1 << 40, ..GroupOptions::default() };
        group.create(&options).await.expect("creates");
        group.join("a").await.expect("joins");
        if mode != GroupMode::Exclusive {
            group.join("b").await.expect("joins");
        }
        // Two keys that belong to two consumers, in groups by key.
        let keys: &[Option<&str>] = if mode == GroupMode::KeyShared {
            &[Some("k1"), Some("k2"), Some("k3"), Some("k4")]
        } else {
            &[None]
        };
        let mut left = pending;
        while left > 0 {
            let some = left.min(500);
            for key in keys {
                append(&store, some, *key).await;
            }
            for consumer in ["a", "b"] {
                if mode == GroupMode::Exclusive && consumer == "b" {
                    continue;
                }
                while !read(&group, consumer, 1000).await.is_empty() {}
            }
            left -= some;
        }
        for key in keys {
            append(&store, 40, *key).await;
        }
        let mut all = Vec::new();
        kv.take();
        let ids = read(&group, "a", 10).await;
        all.push(("read", kv.take()));
        assert_eq!(ids.len(), 10);
        assert_eq!(group.ack("a", &ids[..5]).await.expect("acks"), 5);
        all.push(("ack", kv.take()));
        assert_eq!(group.touch("a", &ids[5..6], 60_000).await.expect("touches"), 1);
        all.push(("touch", kv.take()));
        assert_eq!(group.nack("a", &ids[6..], 0).await.expect("nacks"), 4);
        all.push(("nack", kv.take()));
        assert_eq!(read(&group, "a", 4).await, ids[6..]);
        all.push(("read of what is due", kv.take()));
        assert_eq!(group.ack("a", &[EntryId::new(1, 1)]).await.expect("acks"), 0);
        all.push(("ack of nothing", kv.take()));
        group.info().await.expect("looks");
        all.push(("info", kv.take()));
        // Everything is due, or left behind.
        clock.set(clock.get() + 30_000);
        assert_eq!(read(&group, "a", 10).await.len(), 10);
        all.push(("read with all due", kv.take()));
        group.leave("a").await.expect("leaves");
        all.push(("leave", kv.take()));
        assert_eq!(read(&group, "b", 10).await.len(), 10);
        kv.take();
        assert_eq!(read(&group, "b", 10).await.len(), 10);
        all.push(("read of what was left", kv.take()));
        all
    });
    world.settle();
    measured
}

/// A store on a host that counts.
fn counting(world: &World) -> (Rc<CountingKv>, Store) {
    let kv = Rc::new(CountingKv {
        inner: MemoryKv::with_limits(HostLimits { shared: false, ..HostLimits::default() }),
        cost: Cell::default(),
    });
    let options = OpenOptions { auto_compact: false, ..OpenOptions::default() };
    let store = world.open_with(Rc::clone(&kv) as Rc<dyn Kv>, options).expect("opens");
    (kv, store)
}

async fn join_all(group: &Group, mode: GroupMode, consumers: usize) {
    let options = GroupOptions { mode, consumer_timeout: 1 << 40, ..GroupOptions::default() };
    group.create(&options).await.expect("creates");
    for n in 0..consumers {
        group.join(&format!("c{n}")).await.expect("joins");
    }
}

#[test]
fn joining_reads_no_other_consumers() {
    for mode in [GroupMode::Shared, GroupMode::Exclusive, GroupMode::KeyShared] {
        let world = World::new();
        let (kv, store) = counting(&world);
        let group = store.group("s", "g");
        world.run(async {
            join_all(&group, mode, 400).await;
            let cost = kv.take();
            println!("{mode:?}, 400 joins: {cost:?}");
            assert!(cost.read <= 400 * 3 + 10, "two heads, and its own sessions: {cost:?}");
        });
    }
}

#[test]
fn a_standby_looks_at_itself_and_the_holder() {
    let world = World::new();
    let (kv, store) = counting(&world);
    let options = OpenOptions { auto_compact: false, ..OpenOptions::default() };
    let second = world.open_with(Rc::clone(&kv) as Rc<dyn Kv>, options).expect("opens");
    let (group, clock) = (store.group("s", "g"), world.clock.0.clone());
    world.run(async {
        join_all(&group, GroupMode::Exclusive, 400).await;
        append(&store, 20, None).await;
        assert_eq!(read(&group, "c0", 10).await.len(), 10);
        let all = async || {
            for n in 1..400 {
                let standby = format!("c{n}");
                let got = group.read_once(&standby, GroupRead::default(), false).await.expect("waits on");
                assert!(got.0.marks.is_empty());
            }
        };
        all().await;
        append(&store, 1, None).await;
        kv.take();
        all().await;
        let cost = kv.take();
        println!("399 standbys look again: {cost:?}");
        assert!(cost.read <= 399 * 3, "two heads, and the next timer: {cost:?}");
        // The holder has done something; the rest is known.
        assert_eq!(read(&group, "c0", 10).await.len(), 10);
        kv.take();
        all().await;
        let cost = kv.take();
        assert!(cost.read <= 399 * 3, "{cost:?}");
        // In an instance that knows nothing, each looks at its own row and that of the holder.
        let other = second.group("s", "g");
        other.join("c400").await.expect("joins");
        assert_eq!(read(&group, "c0", 10).await.len(), 1);
        kv.take();
        for n in 1..50 {
            let got = other.read_once(&format!("c{n}"), GroupRead::default(), false).await;
            assert!(got.expect("waits on").0.marks.is_empty());
            group.touch("c0", &[EntryId::new(1, n)], 1).await.expect("moves the head");
            clock.set(clock.get() + 1);
        }
        let cost = kv.take();
        println!("49 standbys elsewhere: {cost:?}");
        assert!(cost.read <= 49 * 8 + 500, "{cost:?}");
    });
}

fn compare(mode: GroupMode, less: usize, more: usize) {
    let (few, many) = (costs(mode, less), costs(mode, more));
    for ((what, cost), (_, with_more)) in few.iter().zip(&many) {
        println!("{mode:?} {what}: {cost:?}, with more {with_more:?}");
    }
    for ((what, cost), (_, with_more)) in few.into_iter().zip(many) {
        // Where there are few, one page holds what takes two with many.
        assert!(with_more.calls <= cost.calls + 3, "{mode:?} {what}: {cost:?}, with more {with_more:?}");
        assert!(with_more.read <= cost.read + 12, "{mode:?} {what}: {cost:?}, with more {with_more:?}");
        assert!(with_more.written <= cost.written + 8, "{mode:?} {what}: {cost:?}, with more {with_more:?}");
    }
}

#[test]
fn shared() {
    compare(GroupMode::Shared, 10, 100_000);
}

#[test]
fn exclusive() {
    compare(GroupMode::Exclusive, 10, 20_000);
}

#[test]
fn by_key() {
    compare(GroupMode::KeyShared, 10, 10_000);
}
