//! Slots: under which sessions records of a slot's keys are pending, in groups by key. Slots without
//! any have no place in the row.
//!
//! ```text
//! key    GRP 00 space 00 group 00 life (u64) 00 SLT 00 n (u64)      slots 128 n to 128 n + 127
//! value  0   u8      version
//!        1   varint  slots, then per slot in order:
//!            u8      slot, less 128 n
//!            varint  sessions, then per session:
//!            varint  session
//!            varint  records pending under it
//!            u32     CRC-32C of what precedes
//! ```
//!
//! The sessions of a slot are in the order in which they took it over: a consumer takes records of a
//! session that has ended in id order, so every session's records come before those of the sessions that
//! stand before it.

use alloc::vec::Vec;

use super::VERSION;
use super::envelope::{seal, unseal};
use super::group::{self, Place};
use crate::codec::{Reader, put_varint};
use crate::error::{Error, Result};

/// Slots of one row.
pub(crate) const SLOTS_OF_ROW: u64 = 128;

pub(crate) fn key(place: &Place<'_>, n: u64) -> Vec<u8> {
    group::begin(place, "SLT").u64(n).finish()
}

pub(crate) fn parse(row_key: &[u8], place: &Place<'_>) -> Option<u64> {
    let n = group::read(row_key, place, "SLT", |rest| rest.u64())?;
    n.checked_add(1)?.checked_mul(SLOTS_OF_ROW).map(|_| n)
}

/// A session under which records of a slot are pending, and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taker {
    pub(crate) session: u64,
    pub(crate) pending: u64,
}

/// The slots in their order, and per slot the sessions in the order in which they took it over.
pub(crate) type Slots = Vec<(u64, Vec<Taker>)>;

/// Encodes the row of slots from `128 n` on. All are of that row.
pub(crate) fn encode(slots: &Slots, n: u64) -> Vec<u8> {
    let mut row = Vec::with_capacity(8 + slots.len() * 4);
    row.push(VERSION);
    put_varint(&mut row, slots.len() as u64);
    for (slot, takers) in slots {
        let [low, ..] = (slot - n * SLOTS_OF_ROW).to_le_bytes();
        row.push(low);
        put_varint(&mut row, takers.len() as u64);
        for taker in takers {
            put_varint(&mut row, taker.session);
            put_varint(&mut row, taker.pending);
        }
    }
    seal(row)
}

pub(crate) fn decode(row: &[u8], n: u64) -> Result<Slots> {
    let mut reader = Reader::new(unseal(row, "group slots")?);
    reader.version(VERSION, "group slots")?;
    let count = reader.varint("slots")?;
    let mut slots = Slots::new();
    for _ in 0..count {
        let slot = u64::from(reader.u8("slot")?);
        let number = reader.varint("sessions")?;
        let mut takers = Vec::new();
        for _ in 0..number {
            takers.push(Taker { session: reader.varint("session")?, pending: reader.varint("pending")? });
        }
        let slot = n * SLOTS_OF_ROW + slot;
        let ascends = slots.last().is_none_or(|(last, _)| *last < slot);
        if !ascends || slot >= (n + 1) * SLOTS_OF_ROW || takers.iter().any(|taker| taker.pending == 0) {
            return Err(Error::corrupt("group slots: it contradicts itself"));
        }
        slots.push((slot, takers));
    }
    reader.end("group slots")?;
    Ok(slots)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_row_comes_back(n in 0_u64..40, slots in prop::collection::btree_map(0..SLOTS_OF_ROW, prop::collection::vec((any::<u64>(), 1_u64..1 << 53), 1..4), 0..20)) {
            let slots: Slots = slots.into_iter().map(|(slot, takers)| {
                let takers = takers.into_iter().map(|(session, pending)| Taker { session, pending }).collect();
                (n * SLOTS_OF_ROW + slot, takers)
            }).collect();
            prop_assert_eq!(decode(&encode(&slots, n), n).expect("decodes"), slots);
        }

        #[test]
        fn arbitrary_bytes_with_a_right_checksum_never_panic(mut body in prop::collection::vec(0_u8..6, 0..40)) {
            if let Some(first) = body.first_mut() {
                *first = VERSION;
            }
            if let Err(error) = decode(&seal(body), 1) {
                prop_assert_eq!(error.code(), ErrorCode::Corrupt);
            }
        }
    }
}
