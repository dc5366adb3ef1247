//! One seed's run of a group: draw a world, let everybody act, then give one consumer all that is left and compare.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};
use std::ops::AddAssign;
use std::rc::Rc;

use futures_util::future::{FutureExt, LocalBoxFuture};
use streamkit_core::{
    Atomicity, Durability, EntryId, ErrorCode, GroupMode, GroupOptions, GroupRead, PartitionChoice, Store,
    StreamRead,
};

use super::books::{Books, listed};
use super::consumer::consumer;
use super::crowd::crowd;
use super::producer::producer;
use super::replayer::replayer;
use crate::campaign::{Campaign, Report};
use crate::classes::{self, Class};
use crate::clock::EPOCH;
use crate::executor::{Executor, WORLD};
use crate::host::Faults;
use crate::random::Random;
use crate::trace::Trace;
use crate::world::World;

/// Virtual milliseconds that a run may take: clocks jump by hours, and what they made due is waited for.
const LIMIT: u64 = 1_000 * 3_600_000;

/// Many seeds.
pub const CAMPAIGN: Campaign<Totals> =
    Campaign { run, seeds: 3000, tail: 160, variable: "STREAMKIT_SIM_GROUP_SEED", test: "group_seeds" };

/// What runs did together.
#[derive(Debug, Default)]
pub struct Totals {
    /// Deliveries seen.
    delivered: usize,
    /// Records acknowledged for certain.
    acked: usize,
    /// Dead letters at the end, and put back.
    dead: usize,
    /// Reads whose replies were lost.
    unclear: usize,
}

impl AddAssign for Totals {
    fn add_assign(&mut self, more: Self) {
        self.delivered += more.delivered;
        self.acked += more.acked;
        self.dead += more.dead;
        self.unclear += more.unclear;
    }
}

impl Display for Totals {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        let Self { delivered, acked, dead, unclear } = self;
        write!(to, "{delivered} delivered, {acked} acknowledged, {dead} dead, {unclear} replies lost")
    }
}

/// What the actors of a run share.
pub(super) struct Scene {
    pub(super) world: Rc<World>,
    pub(super) books: Books,
    pub(super) stream: &'static str,
    pub(super) may_lock: bool,
    options: GroupOptions,
    steady: bool,
}

impl Scene {
    /// What clocks showed at the beginning.
    pub(super) fn epoch(&self) -> u64 {
        EPOCH
    }
}

/// Runs one seed.
pub fn run(seed: u64, traced: bool) -> Report<Totals> {
    let random = Random::new(seed).fork("groups");
    let executor = Executor::new(random.fork("schedule"));
    let trace = Trace::new(&executor, traced);
    let class = draw_class(&random);
    trace.say(|| format!("seed {seed}: {class:?}"));
    let world = World::new(&executor, &random, &trace, class);
    let scene = Rc::new(draw_scene(world, &random));
    trace.say(|| format!("steady: {}, {:?}", scene.steady, scene.options));
    let result = executor.run(LIMIT, life(Rc::clone(&scene)));
    let ended = scene.world.end(result);
    let books = &scene.books;
    let totals = Totals {
        delivered: books.delivered.get(),
        acked: books.acked.get(),
        dead: *ended.as_ref().unwrap_or(&0),
        unclear: books.unclear.get(),
    };
    Report { failure: ended.err(), lines: trace.lines(), kind: None, totals }
}

/// A host that groups can be on.
fn draw_class(random: &Random) -> Class {
    let mut class = (0..)
        .map(|n| classes::draw(&random.fork(&format!("class {n}"))))
        .find(|class| class.limits.atomic != Atomicity::None && class.limits.max_batch_ops >= 32)
        .expect("most are");
    let few = random.fork("narrow");
    if few.chance(300) {
        class.limits.max_batch_ops = few.between(32, 40) as usize;
    }
    // What was acknowledged to a relaxed caller may go with the power.
    class.power_loss &= class.options.durability == Durability::Strict;
    class
}

fn draw_scene(world: Rc<World>, random: &Random) -> Scene {
    let random = random.fork("scene");
    let mode = random.pick(&[GroupMode::Shared, GroupMode::Exclusive, GroupMode::KeyShared]);
    let max_deliver = random.pick(&[0, 0, 2, 4]);
    let consumer_timeout = random.pick(&[200, 1000, 5000]);
    let max_standbys = random.chance(300).then(|| random.below(3));
    let steady = random.chance(400);
    let options = GroupOptions {
        mode,
        ack_timeout: random.pick(&[0, 100, 400, 2000]),
        max_deliver,
        consumer_timeout,
        max_standbys,
        slots: random.pick(&[1, 2, 16, 256]),
        ..GroupOptions::default()
    };
    Scene {
        stream: world.spaces[0],
        books: Books::new(mode, max_deliver, consumer_timeout, steady),
        may_lock: mode == GroupMode::Exclusive && max_standbys.is_some(),
        world,
        options,
        steady,
    }
}

async fn life(scene: Rc<Scene>) -> Result<usize, String> {
    let world = &scene.world;
    let random = world.random.fork("cast");
    for index in 0..world.instances.len() {
        let opening = Rc::clone(world).keep_open(index);
        world.executor.spawn(WORLD, &format!("instance {index}"), opening);
    }
    create(&scene).await?;
    if scene.steady {
        // Replies are lost and late, but nobody dies and no clock is wrong.
        let faults = crate::actors::draw_faults(world, &random.fork("faults"));
        world.disk.set_faults(Faults { crash: 0, slow: 0, ..faults });
    } else {
        let storm = crate::actors::chaos(Rc::clone(world));
        world.executor.spawn(WORLD, "chaos", storm);
    }
    let mut acting: Vec<LocalBoxFuture<'static, ()>> = Vec::new();
    for number in 0..random.between(1, 2) as usize {
        let calls = random.between(2, 14) as usize;
        acting.push(producer(Rc::clone(&scene), number, calls).boxed_local());
    }
    for number in 0..random.between(1, 4) as usize {
        let rounds = random.between(3, 22) as usize;
        acting.push(consumer(Rc::clone(&scene), number, rounds).boxed_local());
    }
    let many = world.random.fork("many consumers");
    if many.chance(300) {
        acting.push(crowd(Rc::clone(&scene), many.between(10, 40) as usize).boxed_local());
    }
    acting.push(replayer(Rc::clone(&scene), random.below(8) as usize).boxed_local());
    World::all(acting).await;
    world.disk.set_faults(Faults { latency: 1, ..Faults::default() });
    world.written.set(true);
    world.executor.sleep(4000).await;
    world.disk.set_faults(Faults { latency: 1, ..Faults::default() });
    if let Some(problem) = world.problem() {
        return Err(problem);
    }
    world.ended.set(true);
    for index in 0..world.instances.len() {
        world.crash(index);
    }
    world.executor.sleep(200).await;
    let (_, store, _alive) =
        world.open_right().await.map_err(|error| format!("the last opening failed: {error}"))?;
    // Transactions whose owner died while it prepared them are given up by then.
    world.executor.sleep(20_000).await;
    drain(&scene, &store).await?;
    compare(&scene, &store).await
}

async fn create(scene: &Rc<Scene>) -> Result<(), String> {
    for _ in 0..100 {
        scene.world.until_open(0).await;
        let (stream, options) = (scene.stream, scene.options.clone());
        let made = scene
            .world
            .call(0, "create", move |store| async move { store.group(stream, "g").create(&options).await })
            .await;
        match made {
            Some(Ok(_)) => return Ok(()),
            Some(Err(error)) if error.code() == ErrorCode::AlreadyExists => return Ok(()),
            _ => {}
        }
    }
    Err("the group could not be created".into())
}

/// One consumer takes all that is left. What clocks that were ahead made due comes in its time.
async fn drain(scene: &Rc<Scene>, store: &Store) -> Result<(), String> {
    let world = &scene.world;
    let group = store.group(scene.stream, "g");
    let fail = |what: &str, error: streamkit_core::Error| format!("draining, {what}: {error}");
    for round in 0..5000 {
        let from = world.executor.now();
        let read = GroupRead { limit: 100, ..GroupRead::default() };
        let got = match group.read("last", read).await {
            Ok(got) => got,
            Err(error) if error.code() == ErrorCode::GroupLocked => {
                world.executor.sleep(if round < 100 { 500 } else { 300_000 }).await;
                continue;
            }
            Err(error) => return Err(fail("reading", error)),
        };
        let list = listed(&got);
        world.trace.say(|| format!("last: {:?}", list.iter().map(|one| one.0).collect::<Vec<_>>()));
        scene.books.delivered("last", (from, world.executor.now()), &list, false, scene.epoch())?;
        scene.books.call("last", from, world.executor.now(), true);
        let ids: Vec<EntryId> = list.iter().map(|one| one.0).collect();
        if ids.is_empty() {
            let info = group.info().await.map_err(|error| fail("looking", error))?;
            if info.pending == 0 && info.lag == 0 {
                return Ok(());
            }
            let ms = if round < 100 { 500 } else { 300_000 };
            world.executor.sleep(ms).await;
            continue;
        }
        let count = group.ack("last", &ids).await.map_err(|error| fail("acknowledging", error))?;
        if count as usize != ids.len() {
            return Err(format!("last: {count} of {ids:?} were pending"));
        }
        scene.books.acked(&ids, world.executor.now());
    }
    let pending = group.pending(&streamkit_core::PendingRead::default()).await;
    Err(format!("it does not end: {:?}, {pending:?}", group.info().await))
}

async fn everything(
    store: &Store,
    stream: &str,
) -> Result<BTreeMap<EntryId, (String, Option<EntryId>)>, String> {
    let mut read = StreamRead {
        stream: stream.into(),
        partitions: PartitionChoice::All,
        after: EntryId::ZERO,
        last: None,
        from: None,
        max_entries: 500,
        max_bytes: 1 << 20,
    };
    let mut all = BTreeMap::new();
    loop {
        let page =
            store.read_stream(read.clone()).await.map_err(|error| format!("reading {stream}: {error}"))?;
        for entry in page.entries() {
            let origin = entry.content.metadata().find(|(key, _)| *key == "origin-id");
            let origin = origin.and_then(|(_, id)| id.parse().ok());
            let payload = String::from_utf8_lossy(entry.content.payload()).into_owned();
            all.insert(entry.id, (payload, origin));
        }
        if page.tail || page.is_empty() {
            return Ok(all);
        }
        read.after = page.passed();
    }
}

/// Every record is accounted for: delivered, or dead; every letter once; every letter put back once.
async fn compare(scene: &Rc<Scene>, store: &Store) -> Result<usize, String> {
    let stream = everything(store, scene.stream).await?;
    let letters = everything(store, &format!("{}.g.dlq", scene.stream)).await?;
    let mut dead = BTreeSet::new();
    for (payload, origin) in letters.values() {
        let Some(origin) = origin else { return Err(format!("the letter {payload} has no origin")) };
        if stream.get(origin).map(|(payload, _)| payload) != Some(payload) {
            return Err(format!("the letter {payload} is not of {origin}"));
        }
        if !dead.insert(*origin) {
            return Err(format!("{origin} is dead twice"));
        }
    }
    let payloads: BTreeMap<EntryId, String> =
        stream.iter().map(|(id, (payload, _))| (*id, payload.clone())).collect();
    let distinct: BTreeSet<&String> = payloads.values().collect();
    let back = payloads.len() - distinct.len();
    let told = scene.books.replayed.get() as usize;
    if back < told || (back > told && !scene.books.replay_unclear.get()) {
        return Err(format!("{back} records were put back, but {told} were told"));
    }
    scene.books.all_were_seen(&payloads, &dead)?;
    let mut verifier = store.verifier();
    while verifier.step().await.map_err(|error| format!("verifying: {error}"))? {}
    let report = verifier.report();
    if !report.problems.is_empty() {
        return Err(format!("the verifier says {report:?}"));
    }
    Ok(dead.len() + back)
}
