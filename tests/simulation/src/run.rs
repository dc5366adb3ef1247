//! One seed's run: draw a world, let everybody act, then read everything back and ask the oracle.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::ops::AddAssign;
use std::rc::Rc;

use futures_util::future::{FutureExt, LocalBoxFuture};
use streamkit_core::{EntryId, ErrorCode, Retention, Store, Trim};

use crate::actors::{self, SegmentCursor, SpaceCursor};
use crate::campaign::{Campaign, Report};
use crate::classes;
use crate::executor::{Executor, WORLD};
use crate::host::Faults;
use crate::oracle::{Found, Stored};
use crate::random::Random;
use crate::trace::Trace;
use crate::world::World;

/// Virtual milliseconds that a run may take.
const LIMIT: u64 = 3_600_000;

/// Many seeds.
pub const CAMPAIGN: Campaign<Totals> =
    Campaign { run, seeds: 10_000, tail: 120, variable: "STREAMKIT_SIM_SEED", test: "seeds" };

/// What runs of one kind of host did together.
#[derive(Debug, Default)]
pub struct Totals {
    runs: usize,
    acked: usize,
    refused: usize,
    unknown: usize,
    commits: u64,
}

impl AddAssign for Totals {
    fn add_assign(&mut self, more: Self) {
        self.runs += more.runs;
        self.acked += more.acked;
        self.refused += more.refused;
        self.unknown += more.unknown;
        self.commits += more.commits;
    }
}

impl Display for Totals {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        let Self { runs, acked, refused, unknown, commits } = self;
        write!(
            to,
            "{runs} runs, {acked} calls acknowledged, {refused} refused, {unknown} unknown, {commits} commits"
        )
    }
}

/// Runs one seed.
pub fn run(seed: u64, traced: bool) -> Report<Totals> {
    let random = Random::new(seed);
    let executor = Executor::new(random.fork("schedule"));
    let trace = Trace::new(&executor, traced);
    let class = classes::draw(&random);
    trace.say(|| format!("seed {seed}: {class:?}"));
    let world = World::new(&executor, &random, &trace, class);
    let result = executor.run(LIMIT, life(Rc::clone(&world)));
    let failure = world.end(result).err();
    let (acked, refused, unknown) = world.oracle.outcomes();
    Report {
        failure,
        lines: trace.lines(),
        kind: Some(world.class.name),
        totals: Totals { runs: 1, acked, refused, unknown, commits: world.disk.commits() },
    }
}

struct Readers {
    spaces: Vec<Rc<RefCell<SpaceCursor>>>,
    segments: Vec<Rc<RefCell<SegmentCursor>>>,
}

async fn life(world: Rc<World>) -> Result<(), String> {
    let random = world.random.fork("cast");
    for index in 0..world.instances.len() {
        let opening = Rc::clone(&world).keep_open(index);
        world.executor.spawn(WORLD, &format!("instance {index}"), opening);
        // Without checks, two that open an empty disk at once would each give it a name.
        while !world.class.limits.checks && world.call(0, "is it open", |_| async {}).await.is_none() {
            world.executor.sleep(5).await;
        }
        if !world.class.limits.consistent {
            world.executor.sleep(world.class.staleness + 1).await;
        }
    }
    let mut readers = Readers { spaces: Vec::new(), segments: Vec::new() };
    let reading = start_readers(&world, &random, &mut readers);
    let chaos_over = Rc::new(Cell::new(false));
    let over = Rc::clone(&chaos_over);
    let storm = actors::chaos(Rc::clone(&world));
    world.executor.spawn(WORLD, "chaos", async move {
        storm.await;
        over.set(true);
    });
    let mut writing: Vec<LocalBoxFuture<'static, ()>> = Vec::new();
    for number in 0..random.between(1, 4) as usize {
        let calls = random.between(2, 12) as usize;
        writing.push(actors::writer(Rc::clone(&world), number, calls).boxed_local());
    }
    for number in 0..random.below(3) as usize {
        if random.chance(500) {
            writing.push(actors::leaser(Rc::clone(&world), number, 3).boxed_local());
        }
    }
    if random.chance(600) {
        writing.push(actors::compactor(Rc::clone(&world), random.between(1, 4) as usize).boxed_local());
    }
    writing.push(actors::looker(Rc::clone(&world), random.below(12) as usize).boxed_local());
    let removing = world.random.fork("removing");
    if removing.chance(500) {
        let calls = removing.between(1, 10) as usize;
        writing.push(actors::trimmer(Rc::clone(&world), calls).boxed_local());
    }
    World::all(writing).await;
    calm_down(&world, &chaos_over).await;
    world.trace.say(|| "everything is written".into());
    world.check(followers_have_all(&world, &readers).await);
    world.written.set(true);
    let knocking = Rc::clone(&world);
    world.executor.spawn(WORLD, "knocking", async move {
        // A follower may have looked before, and begin to wait after.
        while !knocking.ended.get() {
            for index in 0..knocking.instances.len() {
                knocking.hint(index);
            }
            knocking.executor.sleep(50).await;
        }
    });
    reading.await;
    if let Some(problem) = world.problem() {
        return Err(problem);
    }
    end(&world, &random, &readers).await
}

/// Ends the faults and what is still under way.
async fn calm_down(world: &Rc<World>, chaos_over: &Cell<bool>) {
    world.disk.set_faults(Faults { latency: 1, ..Faults::default() });
    world.executor.sleep(4000).await;
    world.disk.set_faults(Faults { latency: 1, ..Faults::default() });
    let _ = chaos_over;
}

fn start_readers(world: &Rc<World>, random: &Random, readers: &mut Readers) -> LocalBoxFuture<'static, ()> {
    let mut reading: Vec<LocalBoxFuture<'static, ()>> = Vec::new();
    for number in 0..random.below(4) as usize {
        let cursor = Rc::new(RefCell::new(SpaceCursor::new(random.pick(&world.spaces))));
        readers.spaces.push(Rc::clone(&cursor));
        let follow = random.chance(500);
        reading.push(actors::space_reader(Rc::clone(world), number, cursor, follow).boxed_local());
    }
    for number in 0..random.below(3) as usize {
        let cursor = SegmentCursor::new(random.pick(&world.spaces), random.pick(&world.segments));
        let cursor = Rc::new(RefCell::new(cursor));
        readers.segments.push(Rc::clone(&cursor));
        reading.push(actors::segment_reader(Rc::clone(world), number, cursor).boxed_local());
    }
    let executor = world.executor.clone();
    // They run from now on, and are waited for at the end.
    let mut ends = Vec::new();
    for reader in reading {
        let (sender, end) = futures_channel::oneshot::channel::<()>();
        executor.spawn(WORLD, "reader", async move {
            reader.await;
            let _ = sender.send(());
        });
        ends.push(end);
    }
    async move {
        for end in ends {
            let _ = end.await;
        }
    }
    .boxed_local()
}

/// Nothing wakes the followers but what the store itself does: they must come to the end all the same.
async fn followers_have_all(world: &Rc<World>, readers: &Readers) -> Result<(), String> {
    world.executor.sleep(world.class.options.poll_interval + world.class.staleness + 3000).await;
    for cursor in &readers.spaces {
        let cursor = cursor.borrow();
        let floor = world.oracle.last_id(&cursor.space);
        // Where everything was removed there is nothing to come to the end of.
        if cursor.after < floor && !world.oracle.is_trimmed(&cursor.space) {
            return Err(format!(
                "a reader of {} stays at {}, but {floor} was acknowledged long ago",
                cursor.space, cursor.after
            ));
        }
    }
    Ok(())
}

/// Ends all instances, opens the data once more, and compares.
async fn end(world: &Rc<World>, random: &Random, readers: &Readers) -> Result<(), String> {
    world.ended.set(true);
    for index in 0..world.instances.len() {
        world.crash(index);
    }
    world.executor.sleep(world.class.staleness + 200).await;
    world.disk.set_faults(Faults::default());
    let (_, store, _alive) =
        world.open(0).await.map_err(|error| format!("the last opening failed: {error}"))?;
    let mut stored = read_back(world, random, &store).await?;
    world.oracle.check(&stored)?;
    for cursor in &readers.spaces {
        let mut cursor = cursor.take();
        check_space_reader(world, random, &store, &mut cursor, &stored).await?;
    }
    for cursor in &readers.segments {
        let cursor = cursor.borrow();
        let all = stored.spaces.get(&cursor.space).into_iter().flatten();
        let mine: Vec<&Found> = all.filter(|found| found.segment == cursor.segment).collect();
        let seen = cursor.seen.iter().filter(|found| !is_removed(world, &stored, &cursor.space, found));
        let seen: Vec<&Found> = seen.collect();
        if mine.iter().zip(&seen).any(|(a, b)| a != b) || seen.len() > mine.len() {
            return Err(format!(
                "a reader of {}/{} saw {:?}, there is {mine:?}",
                cursor.space, cursor.segment, cursor.seen
            ));
        }
    }
    // Transactions whose owner died while it prepared them are given up by then.
    world.executor.sleep(20_000).await;
    verify(&store, &stored).await?;
    if world.spaces.iter().any(|space| world.oracle.is_trimmed(space)) {
        trim_exactly(world, random, &store, &mut stored).await?;
        verify(&store, &stored).await?;
    }
    Ok(())
}

/// Whether an entry that was seen once was removed since as one of the oldest.
fn is_removed(world: &World, stored: &Stored, space: &str, found: &Found) -> bool {
    world.oracle.is_trimmed(space) && found.id < stored.first_id(space)
}

/// With nobody else about, trims do exactly what they say, and a dry run says the same.
async fn trim_exactly(
    world: &Rc<World>,
    random: &Random,
    store: &Store,
    stored: &mut Stored,
) -> Result<(), String> {
    let fail = |what: &str, error: &streamkit_core::Error| format!("trimming {what}: {error}");
    for space in &world.spaces {
        match store.create_stream(space, 1, Retention::default()).await {
            Ok(_) => {}
            Err(error) if error.code() == ErrorCode::AlreadyExists => {}
            Err(error) => return Err(fail(space, &error)),
        }
        world.oracle.removal_begins(space, None);
        let entries = stored.spaces.entry((*space).into()).or_default();
        for _ in 0..random.between(1, 3) {
            world.executor.sleep(world.class.staleness + 1).await;
            let info = store.stream(space).await.map_err(|error| fail(space, &error))?;
            let bytes: u64 = entries.iter().map(Found::logical_bytes).sum();
            let first = entries.first().map_or(EntryId::ZERO, |found| found.id);
            if (info.count, info.bytes, info.first_id) != (entries.len() as u64, bytes, first) {
                return Err(format!("{space}: {info:?}, but there are {} of {bytes} bytes", entries.len()));
            }
            let (trim, left) = draw_trim(random, entries);
            let gone = entries.len() - left;
            entries.drain(..gone);
            let first_id = entries.first().map_or(EntryId::ZERO, |found| found.id);
            let expected = (gone as u64, first_id);
            for dry_run in [true, false] {
                let trimmed =
                    store.trim_stream(space, trim, dry_run).await.map_err(|error| fail(space, &error))?;
                if (trimmed.trimmed, trimmed.first_id) != expected {
                    return Err(format!("{space}: {trim:?} gave {trimmed:?} instead of {expected:?}"));
                }
            }
            if random.chance(500) {
                store.collect(space).await.map_err(|error| fail(space, &error))?;
            }
        }
    }
    world.executor.sleep(world.class.staleness + 2000).await;
    let after = read_back(world, random, store).await?;
    if after.spaces != stored.spaces {
        return Err(format!("after trimming there is {:?} instead of {:?}", after.spaces, stored.spaces));
    }
    Ok(())
}

/// Any trim, and how many of these entries it leaves.
fn draw_trim(random: &Random, entries: &[Found]) -> (Trim, usize) {
    match random.below(3) {
        0 => {
            let count = random.between(1, entries.len() as u64 + 2);
            (Trim::MaxCount(count), entries.len().min(count as usize))
        }
        1 => {
            let all: u64 = entries.iter().map(Found::logical_bytes).sum();
            let budget = random.between(1, all + 2);
            let mut sum = 0;
            let fits = entries.iter().rev().take_while(|found| {
                sum += found.logical_bytes();
                sum <= budget
            });
            (Trim::MaxBytes(budget), fits.count())
        }
        _ => {
            let at = random.index(entries.len() + 1);
            let id = entries.get(at).map_or(EntryId::new(EntryId::MAX.ms, 1), |found| found.id);
            (Trim::Before(id), entries.len() - at)
        }
    }
}

/// The store's own check of everything finds nothing to complain of.
async fn verify(store: &Store, stored: &Stored) -> Result<(), String> {
    let mut verifier = store.verifier();
    while verifier.step().await.map_err(|error| format!("verifying: {error}"))? {}
    let report = verifier.report();
    let entries: usize = stored.spaces.values().map(Vec::len).sum();
    if report.problems.is_empty() && report.entries == entries as u64 {
        return Ok(());
    }
    Err(format!("the verifier says {report:?}, there are {entries} entries"))
}

/// Everything, by every way there is to read it.
async fn read_back(world: &Rc<World>, random: &Random, store: &Store) -> Result<Stored, String> {
    let fail = |what: &str, error: &streamkit_core::Error| format!("reading back {what}: {error}");
    let mut stored = Stored::default();
    for space in &world.spaces {
        let mut timeline = SpaceCursor::new(space);
        loop {
            let page = store.read_space(timeline.read(random)).await.map_err(|error| fail(space, &error))?;
            timeline.take(&page)?;
            if page.tail {
                break;
            }
        }
        let mut by_segment: BTreeMap<&str, Vec<&Found>> = BTreeMap::new();
        for found in &timeline.seen {
            by_segment.entry(&found.segment).or_default().push(found);
        }
        for segment in &world.segments {
            let mut cursor = SegmentCursor::new(space, segment);
            cursor.trimmed = world.oracle.is_trimmed(space);
            loop {
                let read = cursor.read(random);
                let page = store.read_segment(read).await.map_err(|error| fail(segment, &error))?;
                cursor.take(&page)?;
                if page.tail {
                    break;
                }
            }
            let in_space = by_segment.remove(segment).unwrap_or_default();
            if !in_space.iter().copied().eq(&cursor.seen) {
                return Err(format!(
                    "{space}/{segment}: the segment holds {:?}, the space {in_space:?}",
                    cursor.seen
                ));
            }
            let last = cursor.seen.last();
            let peeked = store.peek(space, segment).await.map_err(|error| fail("peek", &error))?;
            let peeked = peeked.entries().next().map(|entry| Found::of(&entry)).transpose()?;
            if peeked.as_ref() != last {
                return Err(format!("{space}/{segment}: peek gives {peeked:?}, the last is {last:?}"));
            }
            let status =
                store.segment_status(space, segment).await.map_err(|error| fail("status", &error))?;
            let ends =
                status.map(|status| (status.first_sequence, status.last_sequence, status.last_timestamp));
            let first = cursor.seen.first().map_or(1, |first| first.sequence);
            let expected = last.map(|last| (first, last.sequence, last.id.ms));
            let emptied = last.is_none() && cursor.trimmed;
            if emptied && ends.is_none_or(|(first, last, _)| first == last + 1) {
                continue;
            }
            if ends != expected || (first != 1 && !cursor.trimmed) {
                return Err(format!("{space}/{segment}: the status says {ends:?}, there is {expected:?}"));
            }
        }
        if !by_segment.is_empty() {
            return Err(format!("{space}: entries of other segments: {by_segment:?}"));
        }
        stored.spaces.insert((*space).into(), timeline.seen);
    }
    Ok(stored)
}

/// A reader that goes on from where it was has seen everything once, in order.
async fn check_space_reader(
    world: &Rc<World>,
    random: &Random,
    store: &Store,
    cursor: &mut SpaceCursor,
    stored: &Stored,
) -> Result<(), String> {
    loop {
        let page = store
            .read_space(cursor.read(random))
            .await
            .map_err(|error| format!("resuming {}: {error}", cursor.space))?;
        cursor.take(&page)?;
        if page.tail {
            break;
        }
    }
    let all = stored.spaces.get(&cursor.space).map_or(&[][..], Vec::as_slice);
    // With the power, entries that were seen may have been lost.
    let seen: Vec<&Found> = cursor
        .seen
        .iter()
        .filter(|found| world.oracle.era() == 0 || all.contains(found))
        .filter(|found| !is_removed(world, stored, &cursor.space, found))
        .collect();
    // A removal that was lost with the power brings back what a reader had passed already.
    let brought_back = world.oracle.era() > 0 && world.oracle.is_trimmed(&cursor.space);
    let all: Vec<&Found> = all.iter().filter(|found| !brought_back || seen.contains(found)).collect();
    if seen != all {
        let missed: Vec<&Found> = all.iter().copied().filter(|found| !seen.contains(found)).collect();
        let extra: Vec<&&Found> = seen.iter().filter(|found| !all.contains(found)).collect();
        return Err(format!("a reader of {} missed {missed:?} and saw besides {extra:?}", cursor.space));
    }
    Ok(())
}
