//! TRX rows: how a caller's TRX is found again. Kept until its entries are trimmed.
//!
//! ```text
//! key    TRX 00 space 00 segment 00 id (16 bytes)
//! value  0   u8   version
//!        1   u64  number
//!        9   u64  first sequence
//!        17  u64  last sequence
//!        25  u64  milliseconds
//!        33  u64  n of the first entry
//!        41  u32  CRC-32C of what precedes
//! ```

use alloc::vec::Vec;

use uuid::Uuid;

use super::VERSION;
use super::envelope::{seal, unseal};
use super::key::{self, KeyRange};
use crate::codec::Reader;
use crate::error::{Error, Result};
use crate::id::EntryId;

/// Size of a TRX row.
pub(crate) const TRX_ROW_BYTES: usize = 45;

pub(crate) fn key(space: &str, segment: &str, id: Uuid) -> Vec<u8> {
    key::begin(&["TRX", space, segment]).uuid(id).finish()
}

/// The TRX rows of a space.
pub(crate) fn range_of_space(space: &str) -> KeyRange {
    key::under(key::begin(&["TRX", space]))
}

/// The segment and the TRX id in the key of a row of this space.
pub(crate) fn parse<'k>(row_key: &'k [u8], space: &str) -> Option<(&'k str, Uuid)> {
    key::read(row_key, &["TRX", space], |reader| Ok((reader.text()?, reader.uuid()?)))
}

/// What a TRX committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TrxRow {
    pub(crate) number: u64,
    pub(crate) first_sequence: u64,
    pub(crate) last_sequence: u64,
    pub(crate) first_id: EntryId,
}

impl TrxRow {
    /// The id of the last entry.
    pub(crate) fn last_id(&self) -> EntryId {
        EntryId { ms: self.first_id.ms, n: self.first_id.n + (self.last_sequence - self.first_sequence) }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut row = Vec::with_capacity(TRX_ROW_BYTES);
        row.push(VERSION);
        for number in
            [self.number, self.first_sequence, self.last_sequence, self.first_id.ms, self.first_id.n]
        {
            row.extend_from_slice(&number.to_le_bytes());
        }
        seal(row)
    }

    pub(crate) fn decode(row: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(unseal(row, "TRX row")?);
        reader.version(VERSION, "TRX row")?;
        let row = Self {
            number: reader.integer("TRX number")?,
            first_sequence: reader.integer("first sequence")?,
            last_sequence: reader.integer("last sequence")?,
            first_id: EntryId { ms: reader.integer("milliseconds")?, n: reader.integer("n")? },
        };
        reader.end("TRX row")?;
        if row.first_sequence == 0 || row.last_sequence < row.first_sequence {
            return Err(Error::corrupt("TRX row: it contradicts itself"));
        }
        Ok(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_row_comes_back(number in 0_u64..1 << 53, first in 1_u64..1 << 40, more in 0_u64..1000, ms in 0_u64..1 << 48) {
            let row = TrxRow {
                number,
                first_sequence: first,
                last_sequence: first + more,
                first_id: EntryId { ms, n: more },
            };
            prop_assert_eq!(TrxRow::decode(&row.encode()).expect("decodes"), row);
        }

        #[test]
        fn arbitrary_bytes_with_a_right_checksum_never_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Err(error) = TrxRow::decode(&seal(body)) {
                prop_assert_eq!(error.code(), ErrorCode::Corrupt);
            }
        }
    }
}
