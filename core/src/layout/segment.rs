//! Segment heads: where a segment stands. Rewritten by every commit to the segment, never removed.
//!
//! ```text
//! key    INV 00 SEGMENTS 00 space 00 segment
//! value  0   u8    version
//!        1   u64   last sequence
//!        9   u64   milliseconds of the last entry
//!        17  u64   n of the last entry
//!        25  u64   milliseconds of the first entry ever
//!        33  u64   n of the first entry ever
//!        41  [16]  id of the last TRX
//!        57  [16]  its node
//!        73  u64   its number
//!        81  u32   CRC-32C of what precedes
//! ```

use alloc::string::String;
use alloc::vec::Vec;

use uuid::Uuid;

use super::VERSION;
use super::envelope::{seal, unseal};
use super::key::{self, KeyRange};
use crate::codec::{Reader, Trx};
use crate::error::{Error, Result};
use crate::id::EntryId;
use crate::lexkey::KeyReader;

/// Size of a segment head.
pub(crate) const SEGMENT_HEAD_BYTES: usize = 85;

pub(crate) fn key(space: &str, segment: &str) -> Vec<u8> {
    key::begin(&["INV", "SEGMENTS", space, segment]).finish()
}

/// The heads of a space's segments, in byte order of their names.
pub(crate) fn range(space: &str) -> KeyRange {
    key::under(key::begin(&["INV", "SEGMENTS", space]))
}

/// The segment's name in the key of a head of this space.
pub(crate) fn name(row_key: &[u8], space: &str) -> Option<String> {
    key::read(row_key, &["INV", "SEGMENTS", space], KeyReader::text).map(String::from)
}

/// Where a segment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHead {
    pub(crate) last_sequence: u64,
    pub(crate) last_id: EntryId,
    /// The id of sequence 1, which may be trimmed.
    pub(crate) first_id: EntryId,
    pub(crate) trx: Trx,
}

impl SegmentHead {
    /// A segment that nothing was ever appended to.
    pub(crate) const EMPTY: Self =
        Self { last_sequence: 0, last_id: EntryId::ZERO, first_id: EntryId::ZERO, trx: Trx::NIL };

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut row = Vec::with_capacity(SEGMENT_HEAD_BYTES);
        row.push(VERSION);
        for number in [self.last_sequence, self.last_id.ms, self.last_id.n, self.first_id.ms, self.first_id.n]
        {
            row.extend_from_slice(&number.to_le_bytes());
        }
        row.extend_from_slice(self.trx.id.as_bytes());
        row.extend_from_slice(self.trx.node.as_bytes());
        row.extend_from_slice(&self.trx.number.to_le_bytes());
        seal(row)
    }

    pub(crate) fn decode(row: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(unseal(row, "segment head")?);
        reader.version(VERSION, "segment head")?;
        let last_sequence = reader.integer("last sequence")?;
        let last_id = EntryId { ms: reader.integer("last milliseconds")?, n: reader.integer("last n")? };
        let first_id = EntryId { ms: reader.integer("first milliseconds")?, n: reader.integer("first n")? };
        let trx = Trx {
            id: Uuid::from_bytes(reader.array16("TRX id")?),
            node: Uuid::from_bytes(reader.array16("TRX node")?),
            number: reader.integer("TRX number")?,
        };
        reader.end("segment head")?;
        if last_sequence == 0 || first_id > last_id {
            return Err(Error::corrupt("segment head: it contradicts itself"));
        }
        Ok(Self { last_sequence, last_id, first_id, trx })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_row_comes_back(last in 1_u64..1 << 53, first in (1_u64..1000, 0_u64..10), ms in 1000_u64..1 << 48, n in 0_u64..9, trx in any::<u128>()) {
            let row = SegmentHead {
                last_sequence: last,
                last_id: EntryId { ms, n },
                first_id: EntryId { ms: first.0, n: first.1 },
                trx: Trx { id: Uuid::from_u128(trx), node: Uuid::from_u128(!trx), number: n },
            };
            prop_assert_eq!(SegmentHead::decode(&row.encode()).expect("decodes"), row);
        }

        #[test]
        fn arbitrary_bytes_with_a_right_checksum_never_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Err(error) = SegmentHead::decode(&seal(body)) {
                prop_assert_eq!(error.code(), ErrorCode::Corrupt);
            }
        }
    }
}
