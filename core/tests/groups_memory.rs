//! What an instance remembers of a group makes no difference but in what it reads: random calls through two
//! instances that remember, some of whose replies are lost, are answered as calls are of which each has a
//! newly opened store.
#![cfg(all(feature = "every-host", feature = "guarded-writes"))]

mod common;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::rc::Rc;

use common::hooked::{Hook, HostCall, hooked};
use common::{QuickTimer, TestClock, World, small_blocks, to_stream};
use futures::future::{FutureExt, LocalBoxFuture};
use streamkit_core::{
    EntryId, Env, Error, ErrorCode, Group, GroupMode, GroupOptions, GroupRead, HostLimits, Kv, MemoryKv,
    OpenOptions, PendingRead, Result, SplitMix64, Store, Trim, WriteOptions,
};

/// A host that counts, and loses the replies of commits when it is told so.
struct Spy {
    inner: MemoryKv,
    /// Replies still to be lost.
    lose: Cell<u32>,
    /// Whether a commit whose reply is lost is applied.
    applies: Cell<bool>,
    /// Rows of groups that were read, without heads.
    read: Cell<usize>,
    calls: Cell<usize>,
    /// Commits that were refused.
    refused: Cell<usize>,
    /// What happens before the next scan of blocks.
    meanwhile: RefCell<Option<LocalBoxFuture<'static, ()>>>,
}

impl Spy {
    fn new(inner: &MemoryKv) -> Rc<Self> {
        Rc::new(Self {
            inner: inner.clone(),
            lose: Cell::new(0),
            applies: Cell::new(true),
            read: Cell::new(0),
            calls: Cell::new(0),
            refused: Cell::new(0),
            meanwhile: RefCell::default(),
        })
    }

    fn lose(&self, replies: u32, applies: bool) {
        self.lose.set(replies);
        self.applies.set(applies);
    }

    /// Scans of a group's rows, and calls, since this was asked last.
    fn take(&self) -> (usize, usize) {
        (self.read.take(), self.calls.take())
    }
}

impl Hook for Spy {
    async fn before(&self, call: HostCall<'_>) -> Result {
        self.calls.set(self.calls.get() + 1);
        match call {
            HostCall::Get(_) => {}
            HostCall::Scan(range) => {
                self.read.set(self.read.get() + usize::from(range.start.starts_with(b"GRP")));
                let is_now = range.start.starts_with(b"DAT\0SEGMENTS");
                let meanwhile = if is_now { self.meanwhile.take() } else { None };
                if let Some(meanwhile) = meanwhile {
                    meanwhile.await;
                }
            }
            HostCall::Commit(batch) => {
                let left = self.lose.get();
                if left > 0 {
                    self.lose.set(left - 1);
                    if self.applies.get() {
                        self.inner.commit(batch.clone()).await?;
                    }
                    return Err(Error::unknown("the reply was lost"));
                }
                let keys = batch.checks.iter().map(|check| check.key.clone()).collect();
                let found = self.inner.get(keys).await?;
                let holds = batch.checks.iter().map(|check| &check.value).eq(&found);
                self.refused.set(self.refused.get() + usize::from(!holds));
            }
        }
        Ok(())
    }
}

const STREAM: &str = "s";

fn options() -> OpenOptions {
    OpenOptions { auto_compact: false, host_timeout: 0, ..OpenOptions::default() }
}

/// A store whose pauses between tries take no time.
fn open(world: &World, kv: Rc<dyn Kv>) -> Store {
    let timer = Rc::new(QuickTimer(TestClock(Rc::default())));
    let env = Env { timer, ..world.env(kv) };
    world.run(Store::open(env, options())).expect("opens")
}

/// Pages of few records, so that there are many.
fn storage() -> MemoryKv {
    MemoryKv::with_limits(HostLimits { max_batch_bytes: 24 << 10, ..HostLimits::default() })
}

async fn append(store: &Store, count: usize, key: Option<&str>) -> Result<EntryId> {
    append_of(store, count, key, b"a record").await
}

async fn append_of(store: &Store, count: usize, key: Option<&str>, payload: &[u8]) -> Result<EntryId> {
    let append = to_stream(STREAM, &vec![payload; count], key);
    Ok(store.append_to_stream(append, WriteOptions::default()).await?.first_id)
}

async fn read(group: &Group, consumer: &str, limit: u64) -> Vec<EntryId> {
    let read = GroupRead { limit, ..GroupRead::default() };
    group.read(consumer, read).await.expect("reads").page.entries().map(|entry| entry.id).collect()
}

// ---------------------------------------------------------------- in two worlds

#[derive(Debug, Clone)]
enum Call {
    Append(usize, Option<&'static str>),
    Read(&'static str, u64, bool),
    Ack(&'static str, Vec<EntryId>),
    Nack(&'static str, Vec<EntryId>, u64),
    Touch(&'static str, Vec<EntryId>, u64),
    Join(&'static str),
    Leave(&'static str),
    Trim(EntryId),
    Create(GroupMode),
    Delete,
    DeleteStream,
}

fn said<T: Debug>(answer: std::result::Result<T, Error>) -> String {
    match answer {
        Ok(answer) => format!("{answer:?}"),
        Err(error) => format!("{:?}", error.code()),
    }
}

/// Makes a call; gives what it answered, and the ids of records that it gave.
async fn make(store: &Store, call: &Call) -> (String, Vec<EntryId>) {
    let group = store.group(STREAM, "g");
    let answer = match call {
        Call::Append(count, key) => said(append(store, *count, *key).await),
        Call::Read(consumer, limit, no_ack) => {
            let read = GroupRead { limit: *limit, block: None, no_ack: *no_ack };
            let got = group.read(consumer, read).await;
            let ids = |got: &streamkit_core::Deliveries| got.page.entries().map(|one| one.id).collect();
            let given: Vec<EntryId> = got.as_ref().map(ids).unwrap_or_default();
            return (said(got.map(|got| (ids(&got), got.marks))), given);
        }
        Call::Ack(consumer, ids) => said(group.ack(consumer, ids).await),
        Call::Nack(consumer, ids, delay) => said(group.nack(consumer, ids, *delay).await),
        Call::Touch(consumer, ids, extend) => said(group.touch(consumer, ids, *extend).await),
        Call::Join(consumer) => said(group.join(consumer).await),
        Call::Leave(consumer) => said(group.leave(consumer).await),
        Call::Trim(upto) => {
            said(store.trim_stream(STREAM, Trim::Before(*upto), false).await.map(|trimmed| trimmed.trimmed))
        }
        Call::Create(mode) => {
            let options = GroupOptions {
                mode: *mode,
                ack_timeout: 700,
                max_deliver: 4,
                consumer_timeout: 2500,
                slots: 6,
                ..GroupOptions::default()
            };
            said(group.create(&options).await.map(|info| info.lag))
        }
        Call::Delete => said(group.delete().await),
        Call::DeleteStream => said(store.delete_stream(STREAM, true).await),
    };
    (answer, Vec::new())
}

/// All that can be seen of the group.
async fn look(store: &Store) -> String {
    let group = store.group(STREAM, "g");
    let info = group.info().await.map(|info| (info.pending, info.trimmed_pending, info.lag, info.consumers));
    let pending = group.pending(&PendingRead::default()).await;
    format!("{} {}", said(info), said(pending))
}

struct Chance(SplitMix64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.0.below(bound as u64)).expect("small")
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// Neighbours mostly, as consumers acknowledge them.
    fn some(&mut self, ids: &[EntryId]) -> Vec<EntryId> {
        if ids.is_empty() {
            return vec![EntryId::new(1, 1)];
        }
        let start = self.below(ids.len());
        let count = self.below(40) + 1;
        let thinned = self.below(3) == 0;
        let mut some: Vec<EntryId> = ids[start..].iter().take(count).copied().collect();
        if thinned {
            some = some.into_iter().step_by(2).collect();
        }
        some
    }

    fn call(&mut self, given: &BTreeMap<&'static str, Vec<EntryId>>, all: &[EntryId]) -> Call {
        let consumer = self.of(&["a", "b", "c"]);
        let own = given.get(consumer).map(Vec::as_slice).unwrap_or_default();
        // Sometimes what was given to whomever.
        let ids = if self.below(8) == 0 { self.some(all) } else { self.some(own) };
        match self.below(40) {
            0..=7 => Call::Append(self.below(90) + 1, self.of(&[None, Some("k"), Some("l"), Some("m")])),
            8..=20 => Call::Read(consumer, self.below(60) as u64 + 1, self.below(12) == 0),
            21..=29 => Call::Ack(consumer, ids),
            30..=32 => Call::Nack(consumer, ids, self.of(&[0, 100, 1000])),
            33 => Call::Touch(consumer, ids, self.of(&[0, 400, 3000])),
            34 => Call::Join(consumer),
            35 => Call::Leave(consumer),
            36 if !all.is_empty() => Call::Trim(self.of(all)),
            37 if self.below(3) == 0 => Call::Delete,
            38 if self.below(6) == 0 => Call::DeleteStream,
            _ => Call::Create(self.of(&[GroupMode::Shared, GroupMode::Exclusive, GroupMode::KeyShared])),
        }
    }
}

fn same_answers(seed: u64, mode: GroupMode) {
    let (remembering, fresh) = (World::new(), World::new());
    let (kv, plain) = (storage(), storage());
    let spies = [Spy::new(&kv), Spy::new(&kv)];
    let stores = [open(&remembering, hooked(&kv, &spies[0])), open(&remembering, hooked(&kv, &spies[1]))];
    let newly = || open(&fresh, Rc::new(plain.clone()));
    let mut chance = Chance(SplitMix64::new(seed));
    let mut given: BTreeMap<&'static str, Vec<EntryId>> = BTreeMap::new();
    let mut all = Vec::new();
    let mut calls = vec![Call::Append(60, Some("k")), Call::Create(mode)];
    for step in 0..160 {
        let call = match calls.pop() {
            Some(call) => call,
            None => chance.call(&given, &all),
        };
        // An instance mostly goes on for a while.
        let at = if chance.below(6) == 0 { chance.below(2) } else { step / 12 % 2 };
        // Each lost reply is followed by another try within the call.
        let lost = if chance.below(8) == 0 { chance.of(&[1, 2]) } else { 0 };
        let settles = matches!(call, Call::Ack(..) | Call::Touch(..) | Call::Read(..));
        if settles {
            spies[at].lose(lost, chance.below(2) == 0);
        }
        let (mut answer, mut ids) = remembering.run(make(&stores[at], &call));
        spies[at].lose(0, true);
        if lost > 0 && answer == said::<()>(Err(Error::unknown("the reply was lost"))) {
            // It was planned from what the other instance had changed or removed by then, so it was refused:
            // but who lost the reply cannot know.
            (answer, ids) = remembering.run(make(&stores[at], &call));
        }
        let (expected, _) = fresh.run(make(&newly(), &call));
        assert_eq!(answer, expected, "seed {seed}, step {step}: {call:?}");
        if let Call::Read(consumer, ..) = call {
            all.extend(ids.iter().copied());
            given.entry(consumer).or_default().extend(ids);
        }
        remembering.settle();
        fresh.settle();
        let now = fresh.clock.0.get() + chance.of(&[0, 1, 40, 300, 1500]);
        remembering.clock.0.set(now);
        fresh.clock.0.set(now);
        if chance.below(4) == 0 {
            let other = &stores[chance.below(2)];
            let seen = remembering.run(look(other));
            assert_eq!(seen, fresh.run(look(&newly())), "seed {seed}, step {step}: after {call:?}");
        }
    }
}

#[test]
fn a_shared_group_answers_the_same() {
    (0..30).for_each(|seed| same_answers(seed, GroupMode::Shared));
}

#[test]
fn an_exclusive_group_answers_the_same() {
    (1000..1015).for_each(|seed| same_answers(seed, GroupMode::Exclusive));
}

#[test]
fn a_group_by_key_answers_the_same() {
    (2000..2015).for_each(|seed| same_answers(seed, GroupMode::KeyShared));
}

// ---------------------------------------------------------------- one by one

/// Two instances of one group, with their spies.
fn two(world: &World) -> ([Rc<Spy>; 2], [Group; 2], [Store; 2]) {
    two_on(world, &storage())
}

fn two_on(world: &World, kv: &MemoryKv) -> ([Rc<Spy>; 2], [Group; 2], [Store; 2]) {
    let spies = [Spy::new(kv), Spy::new(kv)];
    let stores = [open(world, hooked(kv, &spies[0])), open(world, hooked(kv, &spies[1]))];
    let groups = [stores[0].group(STREAM, "g"), stores[1].group(STREAM, "g")];
    (spies, groups, stores)
}

#[test]
fn who_goes_on_reads_no_rows_of_the_group() {
    let world = World::new();
    let ([spy, _], [group, other], [store, _]) = two(&world);
    world.run(async {
        append(&store, 200, None).await.expect("appends");
        group.create(&GroupOptions::default()).await.expect("creates");
        let mut ids = read(&group, "a", 10).await;
        spy.take();
        for _ in 0..4 {
            assert_eq!(group.ack("a", &ids).await.expect("acks"), ids.len() as u64);
            assert_eq!(spy.take(), (0, 1), "the commit");
            ids = read(&group, "a", 10).await;
            let (scans, calls) = spy.take();
            assert_eq!((ids.len(), scans), (10, 0));
            assert!(calls <= 2, "the records, the commit: {calls}");
            ids.drain(..3);
        }
        // What this instance appends is known.
        append(&store, 50, None).await.expect("appends");
        spy.take();
        assert_eq!(group.ack("a", &ids).await.expect("acks"), ids.len() as u64);
        assert_eq!(spy.take(), (0, 1), "the commit");
        // What another instance does is seen, and then known again.
        assert_eq!(read(&other, "a", 5).await.len(), 5);
        read(&group, "a", 10).await;
        let (scans, _) = spy.take();
        assert!(scans >= 3, "{scans}");
        read(&group, "a", 10).await;
        assert_eq!(spy.take().0, 0);
    });
}

#[test]
fn what_another_instance_appends_is_found_by_a_read_that_takes_there_to_be_none() {
    // In another millisecond the consumer is heard of anew, which is a commit; in the same there is none.
    for later in [0, 1] {
        let world = World::new();
        let ([spy, _], [one, _], [store, second]) = two(&world);
        let clock = world.clock.0.clone();
        world.run(async {
            append(&store, 10, None).await.expect("appends");
            for _ in 0..2 {
                let ids = read(&one, "a", 5).await;
                assert_eq!(one.ack("a", &ids).await.expect("acks"), 5);
            }
            append(&second, 10, None).await.expect("appends");
            clock.set(clock.get() + later);
            assert_eq!(read(&one, "a", 20).await.len(), 10);
            assert_eq!(spy.refused.get() as u64, later, "the heads were not read at first");
        });
    }
}

#[test]
fn who_is_mostly_overtaken_reads_the_heads_first() {
    let world = World::new();
    let ([spy, other_spy], [one, other], [store, second]) = two(&world);
    world.run(async {
        append(&store, 400, None).await.expect("appends");
        for _ in 0..100 {
            assert_eq!(read(&one, "a", 1).await.len(), 1);
            assert_eq!(read(&other, "b", 1).await.len(), 1);
        }
        let refused = spy.refused.take() + other_spy.refused.take();
        assert!(refused <= 2, "{refused} of 200");
        // Two calls in turn are alone, then the other appends: every third would be refused.
        for _ in 0..100 {
            append(&second, 1, None).await.expect("appends");
            assert_eq!(read(&one, "a", 1).await.len(), 1);
            assert_eq!(read(&one, "a", 1).await.len(), 1);
            assert_eq!(read(&one, "a", 1).await.len(), 1);
        }
        let refused = spy.refused.take();
        assert!((1..40).contains(&refused), "{refused} of 300");
    });
}

#[test]
fn a_timer_that_another_instance_made_is_met() {
    let world = World::new();
    let (_, [one, other], [store, _]) = two(&world);
    let clock = world.clock.0.clone();
    world.run(async {
        append(&store, 30, None).await.expect("appends");
        let options = GroupOptions { ack_timeout: 1000, ..GroupOptions::default() };
        one.create(&options).await.expect("creates");
        let first = read(&one, "a", 10).await;
        assert_eq!(one.ack("a", &first).await.expect("acks"), 10);
        // Due in 300 ms, and soon.
        let second = read(&other, "b", 10).await;
        assert_eq!(other.touch("b", &second[..5], 300).await.expect("touches"), 5);
        assert_eq!(other.nack("b", &second[5..], 100).await.expect("nacks"), 5);
        assert_eq!(read(&one, "a", 2).await.len(), 2);
        clock.set(clock.get() + 100);
        assert_eq!(read(&one, "a", 5).await, second[5..]);
        clock.set(clock.get() + 200);
        assert_eq!(read(&one, "a", 5).await, second[..5]);
        other.leave("b").await.expect("leaves");
        let third = read(&one, "a", 100).await;
        assert_eq!(third.len(), 8);
        assert_eq!(one.ack("a", &third).await.expect("acks"), 8);
    });
}

#[test]
fn a_consumer_that_joins_and_leaves_elsewhere_is_seen() {
    let world = World::new();
    let (_, [one, other], [store, _]) = two(&world);
    world.run(async {
        append(&store, 30, None).await.expect("appends");
        let ids = read(&one, "a", 10).await;
        // The session ends, and another begins, where the first instance does not see it.
        other.leave("a").await.expect("leaves");
        other.join("a").await.expect("joins");
        assert_eq!(read(&other, "a", 4).await, ids[..4]);
        assert_eq!(one.ack("a", &ids[..2]).await.expect("acks"), 2);
        assert_eq!(read(&one, "a", 6).await, ids[4..]);
        assert_eq!(one.ack("a", &ids).await.expect("acks"), 8);
        let info = other.info().await.expect("looks");
        assert_eq!((info.pending, info.consumers.len(), info.lag), (0, 1, 20));
    });
}

#[test]
fn a_group_and_a_stream_that_are_made_again_have_nothing_of_before() {
    let world = World::new();
    let (_, [one, other], [store, second]) = two(&world);
    world.run(async {
        append(&store, 20, None).await.expect("appends");
        one.create(&GroupOptions::default()).await.expect("creates");
        let ids = read(&one, "a", 10).await;
        other.delete().await.expect("deletes");
        assert_eq!(one.ack("a", &ids).await.expect_err("gone").code(), ErrorCode::NotFound);
        other.create(&GroupOptions::default()).await.expect("creates");
        assert_eq!(one.ack("a", &ids).await.expect("acks"), 0);
        assert_eq!(read(&one, "a", 10).await, ids);
        second.delete_stream(STREAM, true).await.expect("deletes");
        assert_eq!(one.ack("a", &ids).await.expect_err("gone").code(), ErrorCode::NotFound);
        append(&second, 5, None).await.expect("appends");
        let anew = read(&one, "a", 10).await;
        assert_eq!(anew.len(), 5);
        assert!(anew[0] > ids[9]);
        assert_eq!(one.ack("a", &ids).await.expect("acks"), 0);
        assert_eq!(one.ack("a", &anew).await.expect("acks"), 5);
    });
}

#[test]
fn a_commit_of_which_nobody_knows_is_not_believed() {
    for applies in [false, true] {
        let world = World::new();
        let ([spy, _], [group, _], [store, _]) = two(&world);
        world.run(async {
            append(&store, 40, None).await.expect("appends");
            let options =
                GroupOptions { ack_timeout: 0, consumer_timeout: 1 << 40, ..GroupOptions::default() };
            group.create(&options).await.expect("creates");
            let first = read(&group, "a", 10).await;
            spy.lose(100, applies);
            let failed = group.ack("a", &first[..5]).await.expect_err("nobody knows");
            assert_eq!(failed.code(), ErrorCode::Unavailable);
            spy.lose(0, applies);
            // Done where it was applied, and to be done where it was not.
            let left = if applies { 0 } else { 5 };
            assert_eq!(group.ack("a", &first[..5]).await.expect("acks"), left);
            assert_eq!(group.ack("a", &first).await.expect("acks"), 5);
            spy.lose(100, applies);
            let read_now = GroupRead { limit: 10, ..GroupRead::default() };
            group.read("a", read_now).await.expect_err("nobody knows");
            spy.lose(0, applies);
            let next = read(&group, "a", 10).await;
            let all = group.pending(&PendingRead::default()).await.expect("lists");
            assert_eq!(all.len(), if applies { 20 } else { 10 });
            let ids: Vec<EntryId> = all.iter().map(|one| one.id).collect();
            assert_eq!(ids[ids.len() - 10..], next);
            assert_eq!(group.ack("a", &ids).await.expect("acks"), ids.len() as u64);
        });
    }
}

#[test]
fn records_that_are_trimmed_between_calls_are_dropped() {
    let world = World::new();
    let (_, [one, _], [store, second]) = two(&world);
    world.run(async {
        append(&store, 30, None).await.expect("appends");
        let ids = read(&one, "a", 10).await;
        second.trim_stream(STREAM, Trim::Before(ids[4]), false).await.expect("trims");
        assert_eq!(one.ack("a", &ids).await.expect("acks"), 6);
        let info = one.info().await.expect("looks");
        assert_eq!((info.pending, info.trimmed_pending), (0, 4));
    });
}

#[test]
fn a_commit_that_is_trimmed_while_it_is_read_is_passed() {
    let world = World::new();
    let ([spy, _], [group, _], [store, second]) = two_on(&world, &small_blocks());
    world.run(async {
        let first = append_of(&store, 400, None, &[7; 400]).await.expect("appends");
        for _ in 0..2 {
            append_of(&store, 400, None, &[7; 400]).await.expect("appends");
        }
        let nth = move |n: u64| EntryId::new(first.ms, first.n + n);
        group.create(&GroupOptions { ack_timeout: 0, ..GroupOptions::default() }).await.expect("creates");
        let trim = |upto: u64| {
            let other = second.clone();
            let work = async move {
                other.trim_stream(STREAM, Trim::Before(nth(upto)), false).await.expect("trims");
                other.collect(STREAM).await.expect("collects");
            };
            spy.meanwhile.replace(Some(work.boxed_local()));
        };
        // The commit that is read goes while it is: once found by its row, and once known from before.
        for upto in [500, 900] {
            trim(upto);
            let mut taken = Vec::new();
            while taken.last() < Some(&nth(upto)) {
                let some = read(&group, "a", 50).await;
                assert!(!some.is_empty(), "there are more");
                taken.extend(some);
            }
            assert!(spy.meanwhile.borrow().is_none(), "blocks were read");
            assert!(taken.contains(&nth(upto)), "{upto} is the first that is left");
        }
        assert_eq!(group.info().await.expect("looks").lag, 1200 - 950);
    });
}

#[test]
fn many_groups_are_remembered_in_turn() {
    let world = World::new();
    let ([spy, _], _, [store, _]) = two(&world);
    world.run(async {
        append(&store, 4, None).await.expect("appends");
        let groups: Vec<Group> = (0..80).map(|n| store.group(STREAM, &format!("g{n}"))).collect();
        for _ in 0..3 {
            for group in &groups {
                assert_eq!(read(group, "a", 1).await.len(), 1);
            }
        }
        spy.take();
        // The latest is known, the first was forgotten meanwhile.
        let last = &groups[79];
        assert_eq!(read(last, "a", 1).await.len(), 1);
        assert_eq!(spy.take().0, 0);
        assert_eq!(read(&groups[0], "a", 1).await.len(), 1);
        assert!(spy.take().0 > 0);
    });
}
