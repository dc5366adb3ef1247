//! A caller that appends.

use std::collections::BTreeMap;
use std::rc::Rc;

use futures_util::future::join_all;
use streamkit_core::{
    Appended, Detail, Durability, Error, ErrorCode, LeaseProof, NewRecords, RecordFrame,
    Result as StoreResult, Store, WriteOptions, encode_entry_body, encode_record_frame,
};
use uuid::Uuid;

use crate::host::is_fault;
use crate::oracle::{Operation, Outcome, Part, check_mismatch, has_metadata, payload_of};
use crate::random::Random;
use crate::told::told;
use crate::world::World;

/// Tries that a caller makes of one call.
const TRIES: u64 = 6;

/// Appends so many times, one call after another or several at once.
pub async fn writer(world: Rc<World>, number: usize, calls: usize) {
    let random = world.random.fork(&format!("writer {number}"));
    let mut made = 0;
    while made < calls {
        let at_once = if random.chance(250) { random.between(2, 5) } else { 1 };
        let index = world.any_writer(&random);
        let writes = (0..at_once).map(|_| {
            let operation = draw(&world, &random);
            write(Rc::clone(&world), random.fork(&format!("call {}", operation.id)), index, operation)
        });
        let writes: Vec<_> = writes.collect();
        made += writes.len();
        join_all(writes).await;
        let pause = if random.chance(300) { random.below(150) } else { random.below(4) };
        world.executor.sleep(pause).await;
    }
}

/// Makes one call, and again after an unknown answer where a TRX makes that safe.
async fn write(world: Rc<World>, random: Random, mut index: usize, mut operation: Operation) {
    let mut answered = false;
    let mut unclear = false;
    // Some callers want to be sure only when they ask once more.
    let sure_later = operation.trx.is_some() && operation.id % 4 == 1;
    for attempt in 0..TRIES {
        operation.strict |= sure_later && attempt > 0;
        let outcome = attempt_write(&world, index, &operation, unclear).await;
        unclear |= matches!(outcome, None | Some(Outcome::Unknown));
        match outcome {
            Some(Outcome::Acked(..)) if operation.trx.is_some() && !answered && random.chance(300) => {
                // The caller forgot, or never heard; others append meanwhile.
                answered = true;
                world.executor.sleep(random.below(200)).await;
            }
            None | Some(Outcome::Unknown) if operation.trx.is_some() && attempt + 1 < TRIES => {
                world.executor.sleep(random.between(1, 120)).await;
            }
            _ => return,
        }
        index = world.any_writer(&random);
    }
}

/// Whether a refusal says that the segment is not where the caller expects it yet.
fn is_ahead(error: &Error) -> bool {
    let number = |name: &str| match error.detail(name) {
        Some(Detail::Number(number)) => Some(*number),
        _ => None,
    };
    matches!(error.code(), ErrorCode::SequenceMismatch | ErrorCode::TrxNumberBehind)
        && number("expected") > number("actual")
}

/// One try; `None`: the instance was not there, or died. `unclear`: what became of an earlier one is unknown.
pub async fn attempt_write(
    world: &Rc<World>,
    index: usize,
    operation: &Operation,
    unclear: bool,
) -> Option<Outcome> {
    world.until_open(index).await;
    let must_fail =
        operation.lease.as_ref().is_some_and(|(key, _, token)| world.oracle.lease_is_lost(key, *token));
    let (start, era) = (world.executor.now(), world.oracle.era());
    let id = operation.id;
    world.trace.say(|| format!("op {id} on instance {index}: {operation:?}"));
    let own = operation.clone();
    let result = world.call(index, &format!("op {id}"), |store| send(store, own)).await;
    world.trace.say(|| match &result {
        None => format!("op {id}: the instance died"),
        Some(Ok(replies)) => format!(
            "op {id}: {}",
            replies.iter().map(|one| format!("{}..{} ", one.first_id, one.last_id)).collect::<String>()
        ),
        Some(Err(error)) => format!("op {id}: {error}"),
    });
    let result = result?;
    if era != world.oracle.era() {
        // The answer came, but what it said may be gone: the caller died with its power.
        return None;
    }
    match result {
        Ok(replies) => {
            world.check(world.oracle.acked(operation, replies.clone(), must_fail));
            Some(Outcome::Acked(replies, era))
        }
        Err(error) if error.may_have_applied() => Some(Outcome::Unknown),
        // A failure of a try that comes after one whose fate is unknown says nothing about that one.
        Err(error) if is_fault(&error) => Some(Outcome::Unknown),
        // Nor does this: that one may have been planned behind others, and come late together with them.
        Err(error) if unclear && is_ahead(&error) => Some(Outcome::Unknown),
        Err(error) => {
            let now = world.executor.now();
            world.check(world.oracle.refused(operation, &error));
            world.check(refusal_is_explained(world, operation, &error, start, now));
            Some(Outcome::Refused(error.code()))
        }
    }
}

fn refusal_is_explained(
    world: &World,
    operation: &Operation,
    error: &Error,
    start: u64,
    now: u64,
) -> Result<(), String> {
    let unexplained = || Err(format!("operation {} was refused with {error}: {operation:?}", operation.id));
    match error.code() {
        ErrorCode::SequenceMismatch if operation.parts.iter().any(|part| part.expected.is_some()) => {
            // Heads that are carried have no row of their own to follow.
            if !world.class.limits.consistent {
                return Ok(());
            }
            check_mismatch(operation, error, |part| {
                world.disk.last_between(&part.space, &part.segment, start, now)
            })
        }
        ErrorCode::TrxIdMismatch | ErrorCode::TrxNumberAhead | ErrorCode::TrxNumberBehind
            if operation.number.is_some() =>
        {
            Ok(())
        }
        // Where one of its segments was removed, the rest is found again.
        ErrorCode::InvalidArgument if operation.trx.is_some() && world.oracle.may_be_gone(operation) => {
            Ok(())
        }
        ErrorCode::LeaseLost if operation.lease.is_some() => Ok(()),
        // By design: limits of the host, and races.
        ErrorCode::LimitExceeded | ErrorCode::Conflict => Ok(()),
        ErrorCode::Unsupported if operation.parts.len() > 1 || operation.lease.is_some() => Ok(()),
        _ => unexplained(),
    }
}

async fn send(store: Store, operation: Operation) -> StoreResult<Vec<Appended>> {
    let options = WriteOptions {
        trx_id: operation.trx,
        trx_number: operation.number,
        lease: operation.lease.clone().map(|(key, holder, token)| LeaseProof { key, holder, token }),
        durability: Some(if operation.strict { Durability::Strict } else { Durability::Relaxed }),
        tag: 0,
    };
    let writes = (0..operation.parts.len())
        .map(|index| new_records(&operation, index))
        .collect::<StoreResult<Vec<_>>>()?;
    let [one] = writes.as_slice() else {
        return store.transact(writes, options).await;
    };
    match operation.id % 3 {
        0 => store.transact(writes, options).await,
        1 => Ok(vec![store.append(one.clone(), options).await?]),
        _ => {
            let written = told(|then| store.append_then(one.clone(), options, then)).await?;
            Ok(vec![Appended::of(&one.space, &one.segment, &written)])
        }
    }
}

/// The records of one part of a call.
pub fn new_records(operation: &Operation, index: usize) -> StoreResult<NewRecords> {
    let part = &operation.parts[index];
    let mut bodies = Vec::new();
    for (position, length) in part.lengths.iter().enumerate() {
        let token = operation.token(index, position);
        let mut metadata = BTreeMap::new();
        if has_metadata(position) {
            metadata.insert("token".to_owned(), token.clone());
        }
        bodies.push(encode_entry_body(&payload_of(&token, *length), &metadata)?);
    }
    let sequences: Option<Vec<u64>> = part
        .expected
        .filter(|_| part.by_record)
        .map(|expected| (expected + 1..).take(part.lengths.len()).collect());
    Ok(NewRecords {
        space: part.space.clone(),
        segment: part.segment.clone(),
        records: RecordFrame::parse(encode_record_frame(&bodies, sequences.as_deref())?)?,
        expected: part.expected.filter(|_| !part.by_record),
    })
}

/// Draws a call.
pub fn draw(world: &World, random: &Random) -> Operation {
    let parts = if random.chance(200) { random.between(2, 4) } else { 1 };
    let mut names: Vec<(&str, &str)> = Vec::new();
    let across = world.class.limits.atomic != streamkit_core::Atomicity::None || random.chance(30);
    let home = random.pick(&world.spaces);
    for _ in 0..parts {
        let space = if across { random.pick(&world.spaces) } else { home };
        let name = (space, random.pick(&world.segments));
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let expecting = random.chance(350);
    let parts: Vec<Part> = names
        .into_iter()
        .map(|(space, segment)| {
            let known = world.oracle.last_sequence(space, segment);
            let expected = expecting.then(|| match random.below(10) {
                0 => known + random.below(4),
                1 => known.saturating_sub(1),
                _ => known,
            });
            Part {
                space: space.into(),
                segment: segment.into(),
                expected,
                by_record: random.chance(300),
                lengths: lengths(random),
            }
        })
        .collect();
    let trx = random.chance(400).then(|| uuid(random));
    let number = (trx.is_some() && parts.len() == 1 && random.chance(100)).then(|| random.between(1, 6));
    let strict = random.chance(500);
    world.oracle.begin(|id| Operation { id, parts, trx, number, strict, lease: None })
}

/// Lengths of a batch: mostly small, sometimes beyond a block.
pub fn lengths(random: &Random) -> Vec<usize> {
    let (count, most) = match random.below(20) {
        0 => (random.between(1, 3), 6000),
        1 => (random.between(10, 40), 60),
        2 => (random.between(2, 8), 900),
        3..=6 => (random.between(2, 5), 40),
        _ => (1, 30),
    };
    (0..count).map(|_| random.below(most) as usize).collect()
}

/// A UUID of the caller's own.
pub fn uuid(random: &Random) -> Uuid {
    Uuid::from_u64_pair(random.next() | 1, random.next())
}
