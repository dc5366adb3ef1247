//! Looks at the ends of segments, at statuses and at listings.

use std::rc::Rc;

use streamkit_core::{EntryId, Error, Listing, Names, Store};

use crate::host::is_fault;
use crate::oracle::Found;
use crate::random::Random;
use crate::world::World;

/// What was looked at, and must agree with what is there at the end.
pub async fn looker(world: Rc<World>, looks: usize) {
    let random = world.random.fork("looker");
    for _ in 0..looks {
        world.executor.sleep(random.between(1, 120)).await;
        let index = world.any_instance(&random);
        let era = world.oracle.era();
        let result = match random.below(5) {
            0 => peek(&world, &random, index).await,
            1 => status(&world, &random, index).await,
            2 => segments(&world, &random, index).await,
            3 => spaces(&world, &random, index).await,
            _ => changes(&world, &random, index).await,
        };
        // What was asked before the power was lost need not hold after it.
        if era == world.oracle.era() {
            world.check(result);
        }
        if world.problem().is_some() {
            return;
        }
    }
}

fn unless_fault(what: &str, error: &Error) -> Result<(), String> {
    if is_fault(error) { Ok(()) } else { Err(format!("{what}: {error}")) }
}

async fn peek(world: &Rc<World>, random: &Random, index: usize) -> Result<(), String> {
    let (space, segment) = (random.pick(&world.spaces), random.pick(&world.segments));
    let floor = world.oracle.last_sequence(space, segment);
    let page = world.call(index, "peek", move |store| async move { store.peek(space, segment).await }).await;
    match page {
        Some(Ok(page)) => {
            let last = page.entries().next().map(|entry| Found::of(&entry)).transpose()?;
            world.trace.say(|| format!("peek {space}/{segment}: {last:?}"));
            let sequence = last.as_ref().map_or(0, |found| found.sequence);
            if world.class.limits.consistent && sequence < floor && !world.oracle.is_trimmed(space) {
                return Err(format!("peek {space}/{segment} gave {last:?}, but {floor} was acknowledged"));
            }
            if last.as_ref().is_some_and(|found| found.segment != segment) || page.len() > 1 {
                return Err(format!("peek {space}/{segment} gave {last:?}"));
            }
            Ok(())
        }
        Some(Err(error)) => unless_fault("peek", &error),
        None => Ok(()),
    }
}

async fn status(world: &Rc<World>, random: &Random, index: usize) -> Result<(), String> {
    let (space, segment) = (random.pick(&world.spaces), random.pick(&world.segments));
    let floor = world.oracle.last_sequence(space, segment);
    let status = world
        .call(index, "status", move |store| async move { store.segment_status(space, segment).await })
        .await;
    match status {
        Some(Ok(status)) => {
            world.trace.say(|| format!("status {space}/{segment}: {status:?}"));
            let last = status.as_ref().map_or(0, |status| status.last_sequence);
            let trimmed = world.oracle.is_trimmed(space);
            // A stream that was deleted has no segments until something is appended again.
            let gone = status.is_none() && world.oracle.may_be_deleted(space);
            if world.class.limits.consistent && last < floor && !gone {
                return Err(format!("status of {space}/{segment}: {status:?}, but {floor} was acknowledged"));
            }
            match status {
                Some(status)
                    if (status.first_sequence != 1 && !trimmed)
                        || status.first_sequence > status.last_sequence + 1
                        || status.last_sequence == 0 =>
                {
                    Err(format!("status of {space}/{segment}: {status:?}"))
                }
                _ => Ok(()),
            }
        }
        // On a host that shows old rows, the first block may not be there yet.
        Some(Err(error)) => unless_fault("status", &error),
        None => Ok(()),
    }
}

/// All names, in pages of any size.
pub async fn list(
    store: Store,
    space: Option<&'static str>,
    prefix: Option<String>,
    limit: usize,
) -> streamkit_core::Result<Vec<String>> {
    let mut names = Vec::new();
    let mut after = None;
    loop {
        let listing = Listing { after, prefix: prefix.clone(), limit };
        let page: Names = match space {
            Some(space) => store.segments(space, listing).await?,
            None => store.spaces(listing).await?,
        };
        names.extend(page.names);
        if !page.more {
            return Ok(names);
        }
        after = page.last;
    }
}

fn check_names(
    what: &str,
    names: &[String],
    known: &[&str],
    floor: impl IntoIterator<Item = String>,
    prefix: &str,
    consistent: bool,
) -> Result<(), String> {
    let sorted = names.windows(2).all(|pair| pair[0] < pair[1]);
    let ours = names.iter().all(|name| known.contains(&&**name) && name.starts_with(prefix));
    let missing: Vec<String> =
        floor.into_iter().filter(|name| name.starts_with(prefix) && !names.contains(name)).collect();
    if sorted && ours && (missing.is_empty() || !consistent) {
        return Ok(());
    }
    Err(format!("{what} with prefix {prefix:?}: {names:?}, missing {missing:?}"))
}

fn any_prefix(random: &Random, names: &[&'static str]) -> String {
    let name = random.pick(names);
    let length = random.index(name.chars().count() + 1);
    name.chars().take(length).collect()
}

async fn segments(world: &Rc<World>, random: &Random, index: usize) -> Result<(), String> {
    let space = random.pick(&world.spaces);
    let floor = world.oracle.segments(space);
    let prefix = any_prefix(random, &world.segments);
    let (limit, wanted) = (random.between(1, 4) as usize, Some(prefix.clone()));
    let names =
        world.call(index, "list segments", move |store| list(store, Some(space), wanted, limit)).await;
    match names {
        Some(Ok(_)) if world.oracle.may_be_deleted(space) => Ok(()),
        Some(Ok(names)) => check_names(
            &format!("segments of {space}"),
            &names,
            &world.segments,
            floor,
            &prefix,
            world.class.limits.consistent,
        ),
        Some(Err(error)) => unless_fault("segments", &error),
        None => Ok(()),
    }
}

async fn spaces(world: &Rc<World>, random: &Random, index: usize) -> Result<(), String> {
    let floor = world.oracle.spaces();
    let prefix = any_prefix(random, &world.spaces);
    let (limit, wanted) = (random.between(1, 4) as usize, Some(prefix.clone()));
    let names = world.call(index, "list spaces", move |store| list(store, None, wanted, limit)).await;
    match names {
        Some(Ok(names)) => {
            let consistent = world.class.limits.consistent;
            let floor = floor.into_iter().filter(|name| !world.oracle.may_be_deleted(name));
            check_names("spaces", &names, &world.spaces, floor, &prefix, consistent)
        }
        Some(Err(error)) => unless_fault("spaces", &error),
        None => Ok(()),
    }
}

async fn changes(world: &Rc<World>, random: &Random, index: usize) -> Result<(), String> {
    let space = random.pick(&world.spaces);
    let floor = world.oracle.last_id(space);
    let after = random.chance(500).then_some(EntryId::ZERO);
    let found = world
        .call(index, "changes", move |store| async move { store.changes(space, None, after).await })
        .await;
    match found {
        Some(Ok(changes)) => {
            let missing = world
                .oracle
                .segments(space)
                .into_iter()
                .any(|segment| changes.statuses.iter().all(|status| status.segment != segment));
            let behind = changes.next < floor && !world.oracle.may_be_deleted(space);
            if world.class.limits.consistent && behind {
                return Err(format!(
                    "changes of {space}: {changes:?}, but {floor} was acknowledged; {missing}"
                ));
            }
            Ok(())
        }
        Some(Err(error)) => unless_fault("changes", &error),
        None => Ok(()),
    }
}
