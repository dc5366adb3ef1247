//! What the callers were told, and whether it was true.
//!
//! Every record carries a token of its own, `operation/write/index`, so that what is read back says which call stored
//! it. The oracle knows of each call whether it was acknowledged, refused, or left unknown.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use streamkit_core::{Appended, Detail, EntryId, EntryRef, Error, ErrorCode};
use uuid::Uuid;

/// An entry as it was read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where it is.
    pub segment: String,
    /// Its sequence.
    pub sequence: u64,
    /// Its id.
    pub id: EntryId,
    /// The TRX that stored it.
    pub trx: Uuid,
    /// What number that TRX has in the segment.
    pub number: u64,
    /// The first bytes of the payload.
    pub token: String,
    /// How long the payload is.
    pub length: usize,
}

impl Found {
    /// Takes in an entry of a page.
    ///
    /// # Errors
    /// When it is not one that was ever handed in.
    pub fn of(entry: &EntryRef<'_>) -> Result<Self, String> {
        let payload = entry.content.payload();
        let end = payload.iter().position(|byte| *byte == b'|').ok_or("an entry that nobody wrote")?;
        let token = String::from_utf8_lossy(&payload[..end]).into_owned();
        if payload != payload_of(&token, payload.len()) {
            return Err(format!("the payload of {token} is damaged"));
        }
        Ok(Self {
            segment: entry.segment.into(),
            sequence: entry.sequence,
            id: entry.id,
            trx: entry.trx.id,
            number: entry.trx.number,
            length: payload.len(),
            token,
        })
    }
}

impl Found {
    /// The bytes of its payload and metadata.
    pub fn logical_bytes(&self) -> u64 {
        let position = self.token.rsplit('/').next().and_then(|text| text.parse().ok());
        let metadata = if has_metadata(position.unwrap_or(0)) { "token".len() + self.token.len() } else { 0 };
        (self.length + metadata) as u64
    }
}

/// Whether the record at a position of its call carries its token in its metadata too.
pub fn has_metadata(position: usize) -> bool {
    position % 3 == 1
}

/// The payload that carries a token, padded to a length.
pub fn payload_of(token: &str, length: usize) -> Vec<u8> {
    let mut payload = format!("{token}|").into_bytes();
    let seed = token.bytes().fold(7_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
    let mut filler = u32::from(seed) + 1;
    while payload.len() < length {
        // Some of it compresses, some does not.
        filler = filler.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        payload.push(if seed % 2 == 0 { seed } else { (filler >> 16) as u8 });
    }
    payload
}

/// A call that removes the oldest records of a space, and how far it can reach.
#[derive(Debug, Clone)]
struct Removal {
    space: String,
    /// Only ids below this one; without one, everything that was there.
    before: Option<EntryId>,
    /// It ended when there were so many calls that write.
    until: Option<usize>,
}

/// Records for one segment.
#[derive(Debug, Clone)]
pub struct Part {
    /// The space.
    pub space: String,
    /// The segment.
    pub segment: String,
    /// The segment's last sequence as the caller believes it.
    pub expected: Option<u64>,
    /// Say so by sequences in the records instead.
    pub by_record: bool,
    /// Lengths of the payloads.
    pub lengths: Vec<usize>,
}

/// A call that writes, with all its tries.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Its number.
    pub id: usize,
    /// What it writes.
    pub parts: Vec<Part>,
    /// The caller's TRX.
    pub trx: Option<Uuid>,
    /// The number it must get.
    pub number: Option<u64>,
    /// Whether it must survive the loss of power. A try may ask for more than the one before it.
    pub strict: bool,
    /// The lease it depends on: key, holder, token.
    pub lease: Option<(String, String, u64)>,
}

impl Operation {
    /// The token of one record.
    pub fn token(&self, part: usize, index: usize) -> String {
        format!("{}/{part}/{index}", self.id)
    }

    fn records(&self) -> usize {
        self.parts.iter().map(|part| part.lengths.len()).sum()
    }
}

/// What is known about a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nobody knows.
    Unknown,
    /// It was acknowledged with these statuses, in that era.
    Acked(Vec<Appended>, u64),
    /// It was refused, and stored nothing.
    Refused(ErrorCode),
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Floor {
    sequences: BTreeMap<(String, String), u64>,
    ids: BTreeMap<String, EntryId>,
}

impl Floor {
    fn take(&mut self, one: &Appended) {
        let name = (one.status.space.clone(), one.status.segment.clone());
        let sequence = self.sequences.entry(name).or_default();
        *sequence = one.status.last_sequence.max(*sequence);
        let id = self.ids.entry(one.status.space.clone()).or_default();
        *id = one.last_id.max(*id);
    }
}

#[derive(Debug, Default)]
struct State {
    operations: Vec<(Operation, Outcome)>,
    /// Powers lost so far.
    era: u64,
    /// What must be visible: acknowledged and not lost with the power since.
    floor: Floor,
    strict_floor: Floor,
    tokens: BTreeMap<String, BTreeMap<u64, String>>,
    released: BTreeSet<(String, u64)>,
    highest_ms: u64,
    removals: Vec<Removal>,
    /// Ids below these are gone for certain.
    cuts: BTreeMap<String, EntryId>,
    strict_cuts: BTreeMap<String, EntryId>,
    /// Spaces that are streams for certain, unless they were deleted.
    streams: BTreeSet<String>,
    /// Spaces that somebody began to delete.
    deletions: BTreeSet<String>,
}

/// What the callers were told.
#[derive(Debug, Default)]
pub struct Oracle {
    state: RefCell<State>,
}

/// Everything that is stored, as read back at the end.
#[derive(Debug, Default)]
pub struct Stored {
    /// By space, in id order.
    pub spaces: BTreeMap<String, Vec<Found>>,
}

impl Oracle {
    /// Powers lost so far.
    pub fn era(&self) -> u64 {
        self.state.borrow().era
    }

    /// A new call; `make` is given its number.
    pub fn begin(&self, make: impl FnOnce(usize) -> Operation) -> Operation {
        let mut state = self.state.borrow_mut();
        let operation = make(state.operations.len());
        state.operations.push((operation.clone(), Outcome::Unknown));
        operation
    }

    /// How many calls there were.
    pub fn operations(&self) -> usize {
        self.state.borrow().operations.len()
    }

    /// How many calls were acknowledged, refused, and left unknown.
    pub fn outcomes(&self) -> (usize, usize, usize) {
        let state = self.state.borrow();
        let mut counts = (0, 0, 0);
        for (_, outcome) in &state.operations {
            match outcome {
                Outcome::Acked(..) => counts.0 += 1,
                Outcome::Refused(_) => counts.1 += 1,
                Outcome::Unknown => counts.2 += 1,
            }
        }
        counts
    }

    /// The call was acknowledged; `since` is the era in which this try began.
    ///
    /// # Errors
    /// When the answer contradicts what is known.
    pub fn acked(
        &self,
        operation: &Operation,
        replies: Vec<Appended>,
        must_fail: bool,
    ) -> Result<(), String> {
        if must_fail {
            return Err(format!(
                "operation {} was acknowledged under a lease that was lost before",
                operation.id
            ));
        }
        if replies.len() != operation.parts.len() {
            return Err(format!("operation {}: {} replies", operation.id, replies.len()));
        }
        for (part, reply) in operation.parts.iter().zip(&replies) {
            let count = part.lengths.len() as u64;
            let first = reply.status.last_sequence.checked_sub(count).ok_or("a last sequence too low")? + 1;
            let wrong = reply.status.space != part.space
                || reply.status.segment != part.segment
                || part.expected.is_some_and(|expected| expected + 1 != first)
                || reply.first_id.ms != reply.last_id.ms
                || reply.last_id.n - reply.first_id.n + 1 != count
                || reply.status.last_timestamp != reply.last_id.ms
                || (reply.status.first_sequence != 1 && !self.is_trimmed(&part.space));
            if wrong {
                return Err(format!("operation {} {part:?} was answered with {reply:?}", operation.id));
            }
        }
        let stored_anew = self.may_be_gone(operation);
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        let (begun, outcome) = &mut state.operations[operation.id];
        match outcome {
            Outcome::Acked(before, _) if *before != replies && stored_anew => {
                *outcome = Outcome::Acked(replies.clone(), state.era);
            }
            Outcome::Acked(before, era) if *era == state.era || begun.strict => {
                // Of a status, only how far it is trimmed may have changed.
                let same = before.len() == replies.len()
                    && before.iter().zip(&replies).all(|(before, reply)| {
                        (before.first_id, before.last_id) == (reply.first_id, reply.last_id)
                    });
                let trimmed = operation
                    .parts
                    .iter()
                    .any(|part| state.removals.iter().any(|removal| removal.space == part.space));
                if *before != replies && !(same && trimmed) {
                    return Err(format!(
                        "operation {} was answered with {before:?}, and when tried again with {replies:?}",
                        operation.id
                    ));
                }
            }
            Outcome::Refused(code) => {
                return Err(format!("operation {} was refused with {code}, then acknowledged", operation.id));
            }
            _ => *outcome = Outcome::Acked(replies.clone(), state.era),
        }
        begun.strict |= operation.strict;
        for reply in &replies {
            state.highest_ms = state.highest_ms.max(reply.last_id.ms);
            state.floor.take(reply);
            if operation.strict {
                state.strict_floor.take(reply);
            }
        }
        Ok(())
    }

    /// The call was refused.
    ///
    /// # Errors
    /// When it was acknowledged before.
    pub fn refused(&self, operation: &Operation, error: &Error) -> Result<(), String> {
        if self.may_be_gone(operation) {
            return Ok(());
        }
        let mut state = self.state.borrow_mut();
        let era = state.era;
        let (begun, outcome) = &mut state.operations[operation.id];
        match outcome {
            // A relaxed one may have been lost with the power.
            Outcome::Acked(_, before) if *before == era || begun.strict => {
                Err(format!("operation {} was acknowledged, then refused: {error}", operation.id))
            }
            _ => {
                *outcome = Outcome::Refused(error.code());
                Ok(())
            }
        }
    }

    /// The last sequence that was acknowledged.
    pub fn last_sequence(&self, space: &str, segment: &str) -> u64 {
        let name = (space.to_owned(), segment.to_owned());
        self.state.borrow().floor.sequences.get(&name).copied().unwrap_or(0)
    }

    /// The last id that was acknowledged.
    pub fn last_id(&self, space: &str) -> EntryId {
        self.state.borrow().floor.ids.get(space).copied().unwrap_or(EntryId::ZERO)
    }

    /// Segments of a space that something was acknowledged in.
    pub fn segments(&self, space: &str) -> BTreeSet<String> {
        let state = self.state.borrow();
        state.floor.sequences.keys().filter(|(name, _)| name == space).map(|(_, name)| name.clone()).collect()
    }

    /// Spaces that something was acknowledged in.
    pub fn spaces(&self) -> BTreeSet<String> {
        self.state.borrow().floor.ids.keys().cloned().collect()
    }

    /// The highest timestamp that anybody was told of.
    pub fn highest_ms(&self) -> u64 {
        self.state.borrow().highest_ms
    }

    /// An id was seen.
    pub fn saw(&self, id: EntryId) {
        let mut state = self.state.borrow_mut();
        state.highest_ms = state.highest_ms.max(id.ms);
    }

    /// What was not strict may be gone.
    pub fn power_lost(&self) {
        let mut state = self.state.borrow_mut();
        state.era += 1;
        state.floor = state.strict_floor.clone();
        state.released.clear();
        state.cuts = state.strict_cuts.clone();
        state.streams.clear();
    }

    /// A call that removes records begins. Gives its number.
    pub fn removal_begins(&self, space: &str, before: Option<EntryId>) -> usize {
        let mut state = self.state.borrow_mut();
        state.removals.push(Removal { space: space.into(), before, until: None });
        state.removals.len() - 1
    }

    /// It ended, whatever it answered: it does not reach what is written from now on.
    pub fn removal_ends(&self, number: usize) {
        let mut state = self.state.borrow_mut();
        state.removals[number].until = Some(state.operations.len());
    }

    /// Everything below an id is gone.
    pub fn removed(&self, space: &str, first: EntryId, strict: bool) {
        let mut state = self.state.borrow_mut();
        let raise = |cuts: &mut BTreeMap<String, EntryId>| {
            let cut = cuts.entry(space.into()).or_default();
            *cut = first.max(*cut);
        };
        raise(&mut state.cuts);
        if strict {
            raise(&mut state.strict_cuts);
        }
    }

    /// The id below which nothing may be shown any more.
    pub fn cut(&self, space: &str) -> EntryId {
        self.state.borrow().cuts.get(space).copied().unwrap_or(EntryId::ZERO)
    }

    /// Whether anybody ever began to remove records of a space.
    pub fn is_trimmed(&self, space: &str) -> bool {
        self.state.borrow().removals.iter().any(|removal| removal.space == space)
    }

    /// A space was created as a stream.
    pub fn stream_created(&self, space: &str) {
        self.state.borrow_mut().streams.insert(space.into());
    }

    /// Somebody begins to delete a stream.
    pub fn deletion_begins(&self, space: &str) {
        self.state.borrow_mut().deletions.insert(space.into());
    }

    /// Whether anybody ever began to delete a stream.
    pub fn may_be_deleted(&self, space: &str) -> bool {
        self.state.borrow().deletions.contains(space)
    }

    /// Whether a space is a stream for certain.
    pub fn is_stream(&self, space: &str) -> bool {
        let state = self.state.borrow();
        state.streams.contains(space) && !state.deletions.contains(space)
    }

    /// Whether all that a call stored in some space may have been removed, so that it may be stored again.
    pub fn may_be_gone(&self, operation: &Operation) -> bool {
        let state = self.state.borrow();
        let replies = match &state.operations[operation.id].1 {
            Outcome::Acked(replies, _) => replies,
            _ => return false,
        };
        operation
            .parts
            .iter()
            .zip(replies)
            .any(|(part, reply)| state.may_be_removed(&part.space, operation.id, reply.last_id))
    }

    /// A lease was acquired.
    ///
    /// # Errors
    /// When the token was given before, or is not above those given before the call.
    pub fn lease_acquired(
        &self,
        key: &str,
        token: u64,
        holder: &str,
        highest_before: u64,
    ) -> Result<(), String> {
        let mut state = self.state.borrow_mut();
        let tokens = state.tokens.entry(key.into()).or_default();
        if token <= highest_before {
            return Err(format!("lease {key}: token {token} after {highest_before} was given"));
        }
        match tokens.insert(token, holder.into()) {
            Some(other) => Err(format!("lease {key}: token {token} was given to {other} and to {holder}")),
            None => Ok(()),
        }
    }

    /// A lease was given back.
    pub fn lease_released(&self, key: &str, token: u64) {
        self.state.borrow_mut().released.insert((key.into(), token));
    }

    /// The highest token that somebody was told of.
    pub fn highest_token(&self, key: &str) -> u64 {
        let state = self.state.borrow();
        state.tokens.get(key).and_then(|tokens| tokens.last_key_value()).map_or(0, |(token, _)| *token)
    }

    /// Whether a lease is certainly no longer held.
    pub fn lease_is_lost(&self, key: &str, token: u64) -> bool {
        self.highest_token(key) > token || self.state.borrow().released.contains(&(key.into(), token))
    }

    /// Whether everything that is stored is what the callers were told.
    ///
    /// # Errors
    /// What is not as it must be.
    pub fn check(&self, stored: &Stored) -> Result<(), String> {
        let state = self.state.borrow();
        let mut places: BTreeMap<&str, (&str, &Found)> = BTreeMap::new();
        for (space, entries) in &stored.spaces {
            for entry in entries {
                if let Some((before, other)) = places.insert(&entry.token, (space, entry)) {
                    return Err(format!(
                        "{} is stored twice: {before} {other:?} and {space} {entry:?}",
                        entry.token
                    ));
                }
            }
        }
        for (space, cut) in &state.cuts {
            let below = stored.spaces.get(space).into_iter().flatten().find(|found| found.id < *cut);
            if let Some(found) = below {
                return Err(format!("{space} was trimmed to {cut}, and still has {found:?}"));
            }
        }
        let mut known = 0;
        for (operation, outcome) in &state.operations {
            known += state.check_operation(operation, outcome, &places, stored)?;
        }
        if known != places.len() {
            return Err("there are entries that no call explains".into());
        }
        Ok(())
    }
}

impl Stored {
    /// The oldest id of a space; the greatest there is when it holds nothing.
    pub fn first_id(&self, space: &str) -> EntryId {
        self.spaces.get(space).and_then(|all| all.first()).map_or(EntryId::MAX, |found| found.id)
    }
}

impl State {
    /// Whether some call can have removed a record of a call that writes.
    fn may_be_removed(&self, space: &str, operation: usize, id: EntryId) -> bool {
        self.removals.iter().any(|removal| {
            removal.space == space
                && removal.until.is_none_or(|until| operation < until)
                && removal.before.is_none_or(|before| id < before)
        })
    }

    /// Checks one call, and says how many entries are its own. Of each of its parts, every record must be stored where
    /// the call put it, whole, with the call's TRX, and right after the one before it; records may be missing only where
    /// they were trimmed. All of the call is stored or nothing; of one that was acknowledged all, unless the power went
    /// off and it was not strict; of one that was refused nothing.
    fn check_operation(
        &self,
        operation: &Operation,
        outcome: &Outcome,
        places: &BTreeMap<&str, (&str, &Found)>,
        stored: &Stored,
    ) -> Result<usize, String> {
        let id = operation.id;
        let mut count = 0;
        // Records that were removed as the oldest of their space.
        let mut removed = 0;
        let mut trx: Option<Uuid> = None;
        for (index, part) in operation.parts.iter().enumerate() {
            let mut before: Option<&Found> = None;
            let mut missing = Vec::new();
            for (position, length) in part.lengths.iter().enumerate() {
                let token = operation.token(index, position);
                let Some((space, found)) = places.get(&*token) else {
                    missing.push(position as u64);
                    continue;
                };
                count += 1;
                if *space != part.space || found.segment != part.segment {
                    return Err(format!("{token} of {part:?} is in {space}, {found:?}"));
                }
                if found.length != *length.max(&(token.len() + 1)) {
                    return Err(format!("{token}: {} bytes instead of {length}", found.length));
                }
                if *trx.get_or_insert(found.trx) != found.trx
                    || operation.trx.is_some_and(|own| own != found.trx)
                {
                    return Err(format!("operation {id}: {found:?} has another TRX"));
                }
                if operation.number.is_some_and(|number| number != found.number) {
                    return Err(format!("operation {id}: {found:?} has another TRX number"));
                }
                if let Some(before) = before
                    && (before.sequence + 1 != found.sequence
                        || before.id.n + 1 != found.id.n
                        || before.id.ms != found.id.ms)
                {
                    return Err(format!("operation {id}: {before:?} is followed by {found:?}"));
                }
                if let Some(expected) = part.expected
                    && found.sequence != expected + 1 + position as u64
                {
                    return Err(format!("operation {id} expected {expected}, but {found:?}"));
                }
                if before.is_none() && !missing.is_empty() && found.id != stored.first_id(&part.space) {
                    return Err(format!(
                        "operation {id}: records before {found:?} are gone, older ones are there"
                    ));
                }
                before = Some(found);
            }
            let first = match outcome {
                Outcome::Acked(replies, _) => Some(replies[index].first_id),
                _ => before.and_then(|last| {
                    let all = part.lengths.len() as u64;
                    last.id.n.checked_sub(all - 1).map(|n| EntryId::new(last.id.ms, n))
                }),
            };
            removed += missing
                .iter()
                .filter(|position| match first {
                    Some(first) => {
                        let own = EntryId::new(first.ms, first.n + **position);
                        own < stored.first_id(&part.space) && self.may_be_removed(&part.space, id, own)
                    }
                    None => self.may_be_removed(&part.space, id, EntryId::ZERO),
                })
                .count();
            if let (Outcome::Acked(replies, _), Some(last)) = (outcome, before) {
                let reply = &replies[index];
                // Once its records are trimmed, a call that is made again stores them anew.
                let trimmed = reply.last_id < stored.first_id(&part.space)
                    && self.may_be_removed(&part.space, id, reply.last_id);
                if !trimmed && (reply.status.last_sequence != last.sequence || reply.last_id != last.id) {
                    return Err(format!(
                        "operation {id} was answered with {reply:?}, but its last is {last:?}"
                    ));
                }
            }
        }
        if count != 0 && count + removed != operation.records() {
            return Err(format!("operation {id}: {count} of {} records are stored", operation.records()));
        }
        match outcome {
            Outcome::Acked(replies, era)
                if count + removed != operation.records() && (operation.strict || *era == self.era) =>
            {
                Err(format!("operation {id} was acknowledged with {replies:?}, and is gone; {operation:?}"))
            }
            Outcome::Refused(code) if count > 0 => {
                Err(format!("operation {id} was refused with {code}, and is stored; {operation:?}"))
            }
            _ => Ok(count),
        }
    }
}

/// Whether a refusal by sequence is one: what it says differs, and the segment was there in the meantime.
///
/// # Errors
/// When it is not.
pub fn check_mismatch(
    operation: &Operation,
    error: &Error,
    within: impl Fn(&Part) -> (u64, u64),
) -> Result<(), String> {
    let number = |name| match error.detail(name) {
        Some(Detail::Number(number)) => Ok(*number),
        other => Err(format!("operation {}: SEQUENCE_MISMATCH with {name} {other:?}", operation.id)),
    };
    let (expected, actual) = (number("expected")?, number("actual")?);
    let fits = |part: &Part| {
        let (least, most) = within(part);
        let count = part.lengths.len() as u64;
        part.expected.is_some_and(|own| (own + 1..=own + count).contains(&expected))
            && (least + 1..=most + 1).contains(&actual)
    };
    // A record's own sequence may be the one that does not fit; all of them follow from the first here.
    if expected == actual || !operation.parts.iter().any(fits) {
        let ranges: Vec<_> = operation.parts.iter().map(within).collect();
        return Err(format!(
            "operation {} was refused without reason: {error}; its segments' last sequences were {ranges:?}, {operation:?}",
            operation.id
        ));
    }
    Ok(())
}
