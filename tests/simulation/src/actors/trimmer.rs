//! Removes the oldest records, makes streams and deletes them, beside everybody else.

use std::rc::Rc;

use streamkit_core::{Durability, EntryId, Error, ErrorCode, Retention, Store, Trim};

use crate::host::is_fault;
use crate::random::Random;
use crate::world::World;

/// So many calls, with pauses between them.
pub async fn trimmer(world: Rc<World>, calls: usize) {
    let random = world.random.fork("trimmer");
    for _ in 0..calls {
        world.executor.sleep(random.between(1, 150)).await;
        let index = world.any_writer(&random);
        world.until_open(index).await;
        let space = random.pick(&world.spaces);
        let result = match random.below(14) {
            0..=3 => create(&world, &random, index, space).await,
            4 => alter(&world, &random, index, space).await,
            5 => sweep(&world, index).await,
            6 => delete(&world, index, space, true).await,
            7 => delete(&world, index, space, false).await,
            8 => collect(&world, index, space).await,
            _ => trim(&world, &random, index, space).await,
        };
        world.check(result);
        if world.problem().is_some() {
            return;
        }
    }
}

/// What may be answered at any time: faults, and races.
fn expected(what: &str, error: &Error, also: &[ErrorCode]) -> Result<(), String> {
    if is_fault(error) || error.code() == ErrorCode::Conflict || also.contains(&error.code()) {
        return Ok(());
    }
    Err(format!("{what}: {error}"))
}

fn any_retention(random: &Random) -> Retention {
    Retention {
        max_age: random.chance(300).then(|| random.between(1, 3000)),
        max_count: random.chance(500).then(|| random.between(1, 40)),
        max_bytes: random.chance(300).then(|| random.between(1, 3000)),
    }
}

async fn create(world: &World, random: &Random, index: usize, space: &'static str) -> Result<(), String> {
    let era = world.oracle.era();
    let (partitions, retention) = (random.between(1, 4) as u32, any_retention(random));
    let create = move |store: Store| async move { store.create_stream(space, partitions, retention).await };
    let result = world.call(index, "create", create).await;
    world.trace.say(|| format!("create {space}: {result:?}"));
    match result {
        Some(Ok(_)) if era == world.oracle.era() => world.oracle.stream_created(space),
        Some(Err(error)) => return expected("create", &error, &[ErrorCode::AlreadyExists]),
        _ => {}
    }
    Ok(())
}

async fn alter(world: &World, random: &Random, index: usize, space: &'static str) -> Result<(), String> {
    let retention = any_retention(random);
    let known = is_known(world, space);
    let alter = move |store: Store| async move { store.alter_stream(space, retention).await };
    let result = world.call(index, "alter", alter).await;
    world.trace.say(|| format!("alter {space}: {result:?}"));
    match result {
        Some(Ok(info)) if info.retention != retention && world.class.limits.consistent && alone(world) => {
            Err(format!("alter {space} to {retention:?} gave {info:?}"))
        }
        Some(Err(error)) => not_found_unless(world, space, known, "alter", &error),
        _ => Ok(()),
    }
}

/// Whether nobody else may change a stream meanwhile; late commits of tries that were given up may.
fn alone(world: &World) -> bool {
    !world.class.late
}

/// Whether a space is a stream for certain, at the time of a call on a host that shows what is there.
fn is_known(world: &World, space: &str) -> Option<u64> {
    (world.class.limits.consistent && world.oracle.is_stream(space)).then(|| world.oracle.era())
}

fn not_found_unless(
    world: &World,
    space: &str,
    known: Option<u64>,
    what: &str,
    error: &Error,
) -> Result<(), String> {
    if error.code() == ErrorCode::NotFound && known == Some(world.oracle.era()) {
        return Err(format!("{what}: {space} is a stream, but {error}"));
    }
    expected(what, error, &[ErrorCode::NotFound])
}

/// Applies every stream's retention.
async fn sweep(world: &World, index: usize) -> Result<(), String> {
    let removals: Vec<usize> =
        world.spaces.iter().map(|space| world.oracle.removal_begins(space, None)).collect();
    let sweep = |store: Store| async move {
        let mut after = None;
        loop {
            after = store.sweep_streams(after.as_deref()).await?;
            if after.is_none() {
                return Ok::<_, Error>(());
            }
        }
    };
    let result = world.call(index, "sweep", sweep).await;
    for number in removals {
        world.oracle.removal_ends(number);
    }
    world.trace.say(|| format!("sweep: {result:?}"));
    match result {
        Some(Err(error)) => expected("sweep", &error, &[]),
        _ => Ok(()),
    }
}

async fn delete(world: &World, index: usize, space: &'static str, force: bool) -> Result<(), String> {
    let (era, known, floor) = (world.oracle.era(), is_known(world, space), world.oracle.last_id(space));
    world.oracle.deletion_begins(space);
    let number = world.oracle.removal_begins(space, None);
    let delete = move |store: Store| async move { store.delete_stream(space, force).await };
    let result = world.call(index, "delete", delete).await;
    world.oracle.removal_ends(number);
    world.trace.say(|| format!("delete {space}, force {force}: {result:?}"));
    match result {
        Some(Ok(())) if era == world.oracle.era() && known.is_some() => {
            world.oracle.removed(space, after(floor), is_strict(world));
            Ok(())
        }
        Some(Err(error)) => {
            let refusals: &[ErrorCode] = if force { &[] } else { &[ErrorCode::NotEmpty] };
            expected("delete", &error, refusals)
        }
        _ => Ok(()),
    }
}

fn is_strict(world: &World) -> bool {
    world.class.options.durability == Durability::Strict
}

fn after(id: EntryId) -> EntryId {
    EntryId::new(id.ms, id.n + 1)
}

async fn collect(world: &World, index: usize, space: &'static str) -> Result<(), String> {
    let result = world.call(index, "collect", move |store| async move { store.collect(space).await }).await;
    world.trace.say(|| format!("collect {space}: {result:?}"));
    match result {
        Some(Err(error)) => expected("collect", &error, &[]),
        _ => Ok(()),
    }
}

fn any_trim(world: &World, random: &Random, space: &str) -> Trim {
    match random.below(4) {
        0 => Trim::MaxCount(random.between(1, 20)),
        1 => Trim::MaxBytes(random.between(1, 2000)),
        2 => Trim::MaxAge(random.between(1, 3000)),
        _ => {
            let last = world.oracle.last_id(space);
            let ms = last.ms.saturating_sub(random.below(500)).max(1);
            Trim::Before(EntryId::new(ms, random.below(6)))
        }
    }
}

async fn trim(world: &World, random: &Random, index: usize, space: &'static str) -> Result<(), String> {
    let trim = any_trim(world, random, space);
    let dry_run = random.chance(200);
    let before = if let Trim::Before(id) = trim { Some(id) } else { None };
    let (era, known, floor) = (world.oracle.era(), is_known(world, space), world.oracle.last_id(space));
    let number = (!dry_run).then(|| world.oracle.removal_begins(space, before));
    let call = move |store: Store| async move { store.trim_stream(space, trim, dry_run).await };
    let result = world.call(index, "trim", call).await;
    if let Some(number) = number {
        world.oracle.removal_ends(number);
    }
    world.trace.say(|| format!("trim {space} {trim:?}, dry run {dry_run}: {result:?}"));
    match result {
        Some(Ok(trimmed)) if era == world.oracle.era() => {
            if before.is_some_and(|id| trimmed.first_id != EntryId::ZERO && trimmed.first_id < id) {
                return Err(format!("trim {space} {trim:?} gave {trimmed:?}"));
            }
            if trimmed.first_id == EntryId::ZERO && matches!(trim, Trim::MaxCount(_)) && trimmed.trimmed > 0 {
                return Err(format!("trim {space} {trim:?} left nothing: {trimmed:?}"));
            }
            if !dry_run && world.class.limits.consistent {
                // What was gone already may have gone by a retention, which is relaxed.
                let strict = trimmed.trimmed > 0 && is_strict(world);
                let first = if trimmed.first_id == EntryId::ZERO { after(floor) } else { trimmed.first_id };
                world.oracle.removed(space, first, strict);
            }
            Ok(())
        }
        Some(Err(error)) => not_found_unless(world, space, known, "trim", &error),
        _ => Ok(()),
    }
}
