//! Pages: records that are pending under one session of a consumer, in id order. Session 0 holds what
//! was set aside for the consumer of its key.
//!
//! ```text
//! key    GRP 00 space 00 group 00 life (u64) 00 PEL 00 session (u64) 00 milliseconds (u64) 00 n (u64)
//!        the id of the first record; pages of one session do not overlap
//! value  0   u8      version
//!        1   u8      flags: 1 with slots (persisted, keep stable)
//!        2   varint  deliveries, then per delivery:
//!            varint  how often the record was delivered
//!            varint  milliseconds of the delivery
//!            varint  milliseconds of the deadline and one; 0: never
//!            varint  runs, then per run:
//!            varint  milliseconds after those of the run before (the first: after 0)
//!            varint  first n; in the same millisecond: less the n after the run before
//!            varint  records, with consecutive n
//!            varint  which delivery
//!            varint  the slot, where there are slots
//!            u32     CRC-32C of what precedes
//! ```

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::VERSION;
use super::envelope::{seal, unseal};
use super::group::{self, Place};
use super::key::{self, KeyRange};
use crate::codec::{Reader, put_varint};
use crate::error::{Error, Result};
use crate::id::{EntryId, MAX_INTEGER};

const WITH_SLOTS: u8 = 1;
/// No page holds more, whatever its numbers say.
const MOST_RECORDS: u64 = 4096;

/// A deadline that never comes.
pub(crate) const NEVER: u64 = u64::MAX;

pub(crate) fn key(place: &Place<'_>, session: u64, first: EntryId) -> Vec<u8> {
    group::begin(place, "PEL").u64(session).u64(first.ms).u64(first.n).finish()
}

/// The pages of one session.
pub(crate) fn range_of(place: &Place<'_>, session: u64) -> KeyRange {
    key::under(group::begin(place, "PEL").u64(session))
}

/// The pages of one session that begin at or below an id.
pub(crate) fn range_upto(place: &Place<'_>, session: u64, upto: EntryId) -> KeyRange {
    KeyRange { start: range_of(place, session).start, end: key::successor(key(place, session, upto)) }
}

/// The session and the first id in the key of a page.
pub(crate) fn parse(row_key: &[u8], place: &Place<'_>) -> Option<(u64, EntryId)> {
    group::read(row_key, place, "PEL", |rest| Ok((rest.u64()?, EntryId::new(rest.u64()?, rest.u64()?))))
}

/// A record that is pending, or set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pending {
    /// How often it was delivered.
    pub(crate) attempts: u64,
    pub(crate) delivered_at: u64,
    /// [`NEVER`]: it is not due by time.
    pub(crate) deadline: u64,
    /// The slot of its key; 0 where the group has none.
    pub(crate) slot: u64,
}

/// The records of one page.
pub(crate) type Records = BTreeMap<EntryId, Pending>;

/// Encodes the records of a page; at least one.
pub(crate) fn encode(records: &Records) -> Vec<u8> {
    let mut deliveries: Vec<(u64, u64, u64)> = Vec::new();
    let mut runs: Vec<(EntryId, u64, u64, u64)> = Vec::new();
    let slots = records.values().any(|record| record.slot != 0);
    for (id, record) in records {
        let delivery = (record.attempts, record.delivered_at, record.deadline);
        // Neighbours mostly share theirs.
        let known = deliveries.iter().rposition(|other| *other == delivery);
        let index = known.unwrap_or(deliveries.len()) as u64;
        if known.is_none() {
            deliveries.push(delivery);
        }
        match runs.last_mut() {
            Some((first, count, same, slot))
                if first.ms == id.ms
                    && first.n + *count == id.n
                    && *same == index
                    && *slot == record.slot =>
            {
                *count += 1;
            }
            _ => runs.push((*id, 1, index, record.slot)),
        }
    }
    let mut row = Vec::with_capacity(16 + deliveries.len() * 16 + runs.len() * 8);
    row.push(VERSION);
    row.push(if slots { WITH_SLOTS } else { 0 });
    put_varint(&mut row, deliveries.len() as u64);
    for (attempts, delivered_at, deadline) in deliveries {
        put_varint(&mut row, attempts);
        put_varint(&mut row, delivered_at);
        put_varint(&mut row, deadline.wrapping_add(1));
    }
    put_varint(&mut row, runs.len() as u64);
    let mut after = EntryId::ZERO;
    for (first, count, delivery, slot) in runs {
        put_varint(&mut row, first.ms - after.ms);
        put_varint(&mut row, if first.ms == after.ms { first.n - after.n } else { first.n });
        put_varint(&mut row, count);
        put_varint(&mut row, delivery);
        if slots {
            put_varint(&mut row, slot);
        }
        after = EntryId::new(first.ms, first.n + count);
    }
    seal(row)
}

/// Decodes the page that begins at `first`.
pub(crate) fn decode(row: &[u8], first: EntryId) -> Result<Records> {
    let mut reader = Reader::new(unseal(row, "group page")?);
    reader.version(VERSION, "group page")?;
    let flags = reader.u8("flags")?;
    if flags & !WITH_SLOTS != 0 {
        return Err(Error::corrupt("group page: unknown flags"));
    }
    let count = reader.varint("deliveries")?;
    if count > MOST_RECORDS {
        return Err(Error::corrupt("group page: too many deliveries"));
    }
    let mut deliveries = Vec::new();
    for _ in 0..count {
        let attempts = reader.varint("attempts")?;
        let delivered_at = reader.varint("delivery time")?;
        let deadline = reader.varint("deadline")?.wrapping_sub(1);
        if attempts > MAX_INTEGER || delivered_at > MAX_INTEGER || deadline > MAX_INTEGER && deadline != NEVER
        {
            return Err(Error::corrupt("group page: a number is out of range"));
        }
        deliveries.push((attempts, delivered_at, deadline));
    }
    let runs = reader.varint("runs")?;
    let mut records = Records::new();
    let mut after = EntryId::ZERO;
    for _ in 0..runs {
        let delta = reader.varint("run milliseconds")?;
        let n = reader.varint("run n")?;
        let count = reader.varint("run records")?;
        let delivery = reader.varint("run delivery")?;
        let slot = if flags & WITH_SLOTS == 0 { 0 } else { reader.varint("run slot")? };
        let start = EntryId {
            ms: after.ms.saturating_add(delta),
            n: if delta == 0 { after.n.saturating_add(n) } else { n },
        };
        let room = MOST_RECORDS - records.len() as u64;
        if count == 0 || count > room || !start.in_bounds() || start.n.saturating_add(count) > MAX_INTEGER + 1
        {
            return Err(Error::corrupt("group page: a run is out of range"));
        }
        let delivery = usize::try_from(delivery).ok().and_then(|delivery| deliveries.get(delivery));
        let Some((attempts, delivered_at, deadline)) = delivery.copied() else {
            return Err(Error::corrupt("group page: a run names no delivery"));
        };
        for n in start.n..start.n + count {
            let record = Pending { attempts, delivered_at, deadline, slot };
            records.insert(EntryId::new(start.ms, n), record);
        }
        after = EntryId::new(start.ms, start.n + count);
    }
    reader.end("group page")?;
    if records.keys().next() != Some(&first) {
        return Err(Error::corrupt("group page: it does not begin where its key says"));
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use proptest::prelude::*;

    fn some_records() -> impl Strategy<Value = Records> {
        let id = (0_u64..5, 0_u64..20, 0_u32..40).prop_map(|(ms, n, shift)| EntryId::new(ms << shift, n));
        let record = (1_u64..3, 0_u64..4, prop::option::of(0_u64..3), 0_u64..3).prop_map(
            |(attempts, at, deadline, slot)| Pending {
                attempts,
                delivered_at: at << 40,
                deadline: deadline.unwrap_or(NEVER),
                slot,
            },
        );
        prop::collection::btree_map(id, record, 1..60)
    }

    proptest! {
        #[test]
        fn a_page_comes_back(records in some_records()) {
            let first = *records.keys().next().expect("one");
            prop_assert_eq!(decode(&encode(&records), first).expect("decodes"), records);
        }

        #[test]
        fn arbitrary_bytes_with_a_right_checksum_never_panic(mut body in prop::collection::vec(0_u8..9, 0..60), change in any::<(u8, u8)>()) {
            if body.len() > 2 {
                body[0] = VERSION;
                body[1] &= 1;
                let at = 2 + usize::from(change.0) % (body.len() - 2);
                body[at] = change.1;
            }
            match decode(&seal(body), EntryId::new(1, 1)) {
                Err(error) => prop_assert_eq!(error.code(), ErrorCode::Corrupt),
                Ok(records) => prop_assert_eq!(records.keys().next(), Some(&EntryId::new(1, 1))),
            }
        }

        #[test]
        fn keys_order_as_sessions_and_ids(a in any::<(u64, u32, u32)>(), b in any::<(u64, u32, u32)>()) {
            let place = Place { space: "s", group: "g", life: 9 };
            let (first, second) = (EntryId::new(a.1.into(), a.2.into()), EntryId::new(b.1.into(), b.2.into()));
            prop_assert_eq!(key(&place, a.0, first).cmp(&key(&place, b.0, second)), (a.0, first).cmp(&(b.0, second)));
            prop_assert_eq!(parse(&key(&place, a.0, first), &place), Some((a.0, first)));
            let range = range_upto(&place, a.0, first);
            prop_assert_eq!(range.start <= key(&place, a.0, second) && key(&place, a.0, second) < range.end, second <= first);
        }
    }

    #[test]
    fn a_batch_of_one_append_is_a_few_bytes() {
        let record =
            Pending { attempts: 1, delivered_at: 1_700_000_000_000, deadline: 1_700_000_030_000, slot: 0 };
        let records: Records = (0..256).map(|n| (EntryId::new(1_700_000_000_000, n), record)).collect();
        assert!(encode(&records).len() < 40, "{}", encode(&records).len());
    }
}
