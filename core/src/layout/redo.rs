//! Redo records: a transaction over several spaces on a host that commits one space at a time.
//!
//! ```text
//! key    TXN 00 id (16 bytes) 00 n (u64)       n = 0 is the header, 1 .. are parts
//! header 0   u8    version
//!        1   u8    state: 1 preparing, 2 committed (persisted, keep stable)
//!        2   u64   nonce
//!        10  u32   parts
//!        14  u32   places, then per place in key order of spaces:
//!                  u8 length, the space; u8 length, the group (empty: the space itself)
//!            u32   CRC-32C of what precedes
//! part   a slice of the body; the parts in order make it up:
//!        u32 places, then per place in the same order:
//!            u8 length, the space; u8 length, the group
//!            u32 length, the head that the place had (empty: none)
//!            u32 deletes, then per delete: u32 length, key
//!            u32 puts, then per put: u32 length, key, u32 length, value
//!        u32 CRC-32C of what precedes
//! ```
//!
//! A place is what one head stands for: a space, or a consumer group. Groups come after all spaces.

use alloc::string::String;
use alloc::vec::Vec;

use uuid::Uuid;

use super::VERSION;
use super::envelope::{seal, unseal};
use super::group::{self, GroupHead};
use super::key::{self, KeyRange};
use super::space::{self, SpaceHead};
use crate::codec::{Reader, length8, length32};
use crate::error::{Error, Result};
use crate::kv::Put;

/// How long a transaction may stay *preparing* without change before others give it up, on their own
/// timers, in milliseconds.
pub(crate) const ABANDONED_AFTER: u64 = 4_000;

pub(crate) fn key(id: Uuid, n: u64) -> Vec<u8> {
    key::begin(&["TXN"]).uuid(id).u64(n).finish()
}

/// The rows of all redo records.
pub(crate) fn range() -> KeyRange {
    key::under(key::begin(&["TXN"]))
}

/// The rows of one redo record.
pub(crate) fn range_of(id: Uuid) -> KeyRange {
    key::under(key::begin(&["TXN"]).uuid(id))
}

/// The record's id and the row's number in the key of a row.
pub(crate) fn parse(row_key: &[u8]) -> Option<(Uuid, u64)> {
    key::read(row_key, &["TXN"], |rest| Ok((rest.uuid()?, rest.u64()?)))
}

/// How far a transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RedoState {
    /// It may still be given up by anyone.
    Preparing,
    /// It has happened, and anyone may finish it.
    Committed,
}

/// What one head stands for, and one commit covers: a space, or a consumer group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RedoPlace {
    pub(crate) space: String,
    pub(crate) group: Option<String>,
}

impl RedoPlace {
    pub(crate) fn of_space(space: &str) -> Self {
        Self { space: space.into(), group: None }
    }

    /// The key of its head.
    pub(crate) fn key(&self) -> Vec<u8> {
        match &self.group {
            Some(group) => group::key(&self.space, group),
            None => space::key(&self.space),
        }
    }

    /// The transaction that its head waits for; nil: none.
    pub(crate) fn pending(&self, head: Option<&[u8]>) -> Result<Uuid> {
        match (head, &self.group) {
            (None, _) => Ok(Uuid::nil()),
            (Some(row), Some(_)) => Ok(GroupHead::decode(row)?.transaction),
            (Some(row), None) => Ok(SpaceHead::decode(row)?.pending),
        }
    }

    /// The same head, but waiting for this transaction; nil: for none.
    pub(crate) fn with_pending(&self, head: Option<&[u8]>, id: Uuid, nonce: u64) -> Result<Vec<u8>> {
        if self.group.is_some() {
            return GroupHead::with_transaction(head.unwrap_or_default(), id, nonce);
        }
        let mut head = head.map_or(Ok(SpaceHead::EMPTY), SpaceHead::decode)?;
        head.revision = head.revision.wrapping_add(1);
        head.nonce = nonce;
        head.pending = id;
        Ok(head.encode())
    }

    fn encode(&self, out: &mut Vec<u8>) {
        for name in [&*self.space, self.group.as_deref().unwrap_or_default()] {
            out.push(length8(name.len()));
            out.extend_from_slice(name.as_bytes());
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self> {
        let length = usize::from(reader.u8("space length")?);
        let space = String::from(reader.text(length, "space")?);
        let length = usize::from(reader.u8("group length")?);
        let group = String::from(reader.text(length, "group")?);
        Ok(Self { space, group: (!group.is_empty()).then_some(group) })
    }
}

/// The row whose state decides about a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RedoHeader {
    pub(crate) state: RedoState,
    pub(crate) nonce: u64,
    pub(crate) parts: u32,
    pub(crate) places: Vec<RedoPlace>,
}

impl RedoHeader {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut row = Vec::new();
        row.push(VERSION);
        row.push(match self.state {
            RedoState::Preparing => 1,
            RedoState::Committed => 2,
        });
        row.extend_from_slice(&self.nonce.to_le_bytes());
        row.extend_from_slice(&self.parts.to_le_bytes());
        row.extend_from_slice(&length32(self.places.len()).to_le_bytes());
        for place in &self.places {
            place.encode(&mut row);
        }
        seal(row)
    }

    pub(crate) fn decode(row: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(unseal(row, "redo header")?);
        reader.version(VERSION, "redo header")?;
        let state = match reader.u8("state")? {
            1 => RedoState::Preparing,
            2 => RedoState::Committed,
            _ => return Err(Error::corrupt("redo header: unknown state")),
        };
        let nonce = reader.u64("nonce")?;
        let parts = reader.u32("parts")?;
        let count = reader.u32("places")?;
        let mut places = Vec::new();
        for _ in 0..count {
            places.push(RedoPlace::decode(&mut reader)?);
        }
        reader.end("redo header")?;
        Ok(Self { state, nonce, parts, places })
    }
}

/// What a transaction does to one place. The last put is its head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RedoShare {
    pub(crate) place: RedoPlace,
    /// The head that the plan was made from; `None`: there was none.
    pub(crate) base: Option<Vec<u8>>,
    pub(crate) deletes: Vec<Vec<u8>>,
    pub(crate) puts: Vec<Put>,
}

/// Encodes the shares of a transaction as the body that its parts make up.
pub(crate) fn encode_body(shares: &[RedoShare]) -> Vec<u8> {
    fn put(out: &mut Vec<u8>, bytes: &[u8]) {
        out.extend_from_slice(&length32(bytes.len()).to_le_bytes());
        out.extend_from_slice(bytes);
    }
    let mut body = Vec::new();
    body.extend_from_slice(&length32(shares.len()).to_le_bytes());
    for share in shares {
        share.place.encode(&mut body);
        put(&mut body, share.base.as_deref().unwrap_or_default());
        body.extend_from_slice(&length32(share.deletes.len()).to_le_bytes());
        for key in &share.deletes {
            put(&mut body, key);
        }
        body.extend_from_slice(&length32(share.puts.len()).to_le_bytes());
        for one in &share.puts {
            put(&mut body, &one.key);
            put(&mut body, &one.value);
        }
    }
    seal(body)
}

/// Decodes the joined parts of a redo record.
pub(crate) fn decode_body(body: &[u8]) -> Result<Vec<RedoShare>> {
    let mut reader = Reader::new(unseal(body, "redo record")?);
    let count = reader.u32("places")?;
    let mut shares = Vec::new();
    for _ in 0..count {
        let place = RedoPlace::decode(&mut reader)?;
        let length = reader.u32("head length")? as usize;
        let base = reader.take(length, "head")?;
        let base = (!base.is_empty()).then(|| base.to_vec());
        let number = reader.u32("deletes")?;
        let mut deletes = Vec::new();
        for _ in 0..number {
            let length = reader.u32("key length")? as usize;
            deletes.push(reader.take(length, "key")?.to_vec());
        }
        let number = reader.u32("puts")?;
        let mut puts = Vec::new();
        for _ in 0..number {
            let length = reader.u32("key length")? as usize;
            let key = reader.take(length, "key")?.to_vec();
            let length = reader.u32("value length")? as usize;
            let value = reader.take(length, "value")?.to_vec();
            puts.push(Put { key, value });
        }
        shares.push(RedoShare { place, base, deletes, puts });
    }
    reader.end("redo record")?;
    Ok(shares)
}

#[cfg(test)]
mod tests {
    use super::super::group::tests::some_head;
    use super::*;
    use crate::error::ErrorCode;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn header_and_body_come_back(
            names in prop::collection::btree_set("[a-z]{1,9}", 1..4),
            puts in prop::collection::vec((any::<Vec<u8>>(), any::<Vec<u8>>()), 0..5),
            committed in any::<bool>(),
            nonce in any::<u64>(),
        ) {
            let header = RedoHeader {
                state: if committed { RedoState::Committed } else { RedoState::Preparing },
                nonce,
                parts: puts.len() as u32,
                places: names.iter().map(|name| RedoPlace { space: name.clone(), group: committed.then(|| name.clone()) }).collect(),
            };
            prop_assert_eq!(RedoHeader::decode(&header.encode()).expect("decodes"), header);
            let puts: Vec<Put> = puts.into_iter().map(|(key, value)| Put { key, value }).collect();
            let deletes: Vec<Vec<u8>> = puts.iter().map(|put| put.value.clone()).collect();
            let shares: Vec<RedoShare> = names
                .into_iter()
                .map(|space| RedoShare {
                    base: Some(space.clone().into_bytes()),
                    place: RedoPlace { group: committed.then(|| space.clone()), space },
                    deletes: deletes.clone(),
                    puts: puts.clone(),
                })
                .collect();
            prop_assert_eq!(decode_body(&encode_body(&shares)).expect("decodes"), shares);
        }

        #[test]
        fn arbitrary_bytes_with_a_right_checksum_never_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Err(error) = decode_body(&seal(body.clone())) {
                prop_assert_eq!(error.code(), ErrorCode::Corrupt);
            }
            if let Err(error) = RedoHeader::decode(&seal(body)) {
                prop_assert_eq!(error.code(), ErrorCode::Corrupt);
            }
        }
    }

    #[test]
    fn a_head_that_waits_for_a_transaction_is_another_head() {
        let id = Uuid::from_u128(7);
        let space = RedoPlace::of_space("s");
        let row = space.with_pending(None, id, 9).expect("waits");
        let head = SpaceHead::decode(&row).expect("decodes");
        assert_eq!(head, SpaceHead { revision: 1, nonce: 9, pending: id, ..SpaceHead::EMPTY });
        assert_eq!(space.pending(Some(&row)).expect("decodes"), id);

        let group = RedoPlace { group: Some("g".into()), ..space };
        let before = some_head();
        let row = group.with_pending(Some(&before.encode()), id, 9).expect("waits");
        let head = GroupHead::decode(&row).expect("decodes");
        let revision = before.revision + 1;
        assert_eq!(head, GroupHead { revision, transaction: id, nonces: [9].to_vec(), ..before });
        assert_eq!(group.pending(Some(&row)).expect("decodes"), id);
        assert!(group.with_pending(None, id, 9).is_err());
        assert_eq!(group.pending(None).expect("there is none"), Uuid::nil());
    }
}
