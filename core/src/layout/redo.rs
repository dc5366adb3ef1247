//! Redo records: a transaction over several spaces on a host that commits one space at a time.
//!
//! ```text
//! key    TXN 00 id (16 bytes) 00 n (u64)       n = 0 is the header, 1 .. are parts
//! header 0   u8    version
//!        1   u8    state: 1 preparing, 2 committed (persisted, keep stable)
//!        2   u64   nonce
//!        10  u32   parts
//!        14  u32   spaces, then per space in key order: u8 length, name
//!            u32   CRC-32C of what precedes
//! part   a slice of the body; the parts in order make it up:
//!        u32 spaces, then per space in key order:
//!            u8 length, name
//!            u32 length, the head that the space had (empty: none)
//!            u32 puts, then per put: u32 length, key, u32 length, value
//!        u32 CRC-32C of what precedes
//! ```

use alloc::string::String;
use alloc::vec::Vec;

use uuid::Uuid;

use super::VERSION;
use super::envelope::{seal, unseal};
use super::key::{self, KeyRange};
use crate::codec::{Reader, length8, length32};
use crate::error::{Error, Result};
use crate::kv::Put;

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

/// The row whose state decides about a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RedoHeader {
    pub(crate) state: RedoState,
    pub(crate) nonce: u64,
    pub(crate) parts: u32,
    pub(crate) spaces: Vec<String>,
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
        row.extend_from_slice(&length32(self.spaces.len()).to_le_bytes());
        for space in &self.spaces {
            row.push(length8(space.len()));
            row.extend_from_slice(space.as_bytes());
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
        let count = reader.u32("spaces")?;
        let mut spaces = Vec::new();
        for _ in 0..count {
            let length = usize::from(reader.u8("space length")?);
            spaces.push(String::from(reader.text(length, "space")?));
        }
        reader.end("redo header")?;
        Ok(Self { state, nonce, parts, spaces })
    }
}

/// What a transaction does to one space. The last put is the space head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RedoShare {
    pub(crate) space: String,
    /// The head that the plan was made from; `None`: there was none.
    pub(crate) base: Option<Vec<u8>>,
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
        body.push(length8(share.space.len()));
        body.extend_from_slice(share.space.as_bytes());
        put(&mut body, share.base.as_deref().unwrap_or_default());
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
    let count = reader.u32("spaces")?;
    let mut shares = Vec::new();
    for _ in 0..count {
        let length = usize::from(reader.u8("space length")?);
        let space = String::from(reader.text(length, "space")?);
        let length = reader.u32("head length")? as usize;
        let base = reader.take(length, "head")?;
        let base = (!base.is_empty()).then(|| base.to_vec());
        let number = reader.u32("puts")?;
        let mut puts = Vec::new();
        for _ in 0..number {
            let length = reader.u32("key length")? as usize;
            let key = reader.take(length, "key")?.to_vec();
            let length = reader.u32("value length")? as usize;
            let value = reader.take(length, "value")?.to_vec();
            puts.push(Put { key, value });
        }
        shares.push(RedoShare { space, base, puts });
    }
    reader.end("redo record")?;
    Ok(shares)
}

#[cfg(test)]
mod tests {
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
                spaces: names.iter().cloned().collect(),
            };
            prop_assert_eq!(RedoHeader::decode(&header.encode()).expect("decodes"), header);
            let puts: Vec<Put> = puts.into_iter().map(|(key, value)| Put { key, value }).collect();
            let shares: Vec<RedoShare> = names
                .into_iter()
                .map(|space| RedoShare { base: Some(space.clone().into_bytes()), space, puts: puts.clone() })
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
}
