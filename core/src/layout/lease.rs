//! Leases: who may act under a key, until when. Never removed: the fencing token only grows.
//!
//! ```text
//! key    LSE 00 key
//! value  0   u8   version
//!        1   u64  fencing token
//!        9   u64  expiry, milliseconds; 0: released
//!        17  u64  nonce of the last rewrite
//!        25  u8   length of the holder's name, then the name
//!            u32  CRC-32C of what precedes
//! ```

use alloc::string::String;
use alloc::vec::Vec;

use super::VERSION;
use super::envelope::{seal, unseal};
use super::key::{self, KeyRange};
use crate::codec::{Reader, length8};
use crate::error::Result;

pub(crate) fn key(lease: &str) -> Vec<u8> {
    key::begin(&["LSE", lease]).finish()
}

/// All leases, in byte order of their keys.
pub(crate) fn range() -> KeyRange {
    key::under(key::begin(&["LSE"]))
}

/// The lease's key in the key of its row.
pub(crate) fn name(row_key: &[u8]) -> Option<&str> {
    key::read(row_key, &["LSE"], |reader| reader.text())
}

/// A lease as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeaseRow {
    pub(crate) token: u64,
    pub(crate) expires: u64,
    pub(crate) nonce: u64,
    pub(crate) holder: String,
}

impl LeaseRow {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut row = Vec::with_capacity(30 + self.holder.len());
        row.push(VERSION);
        row.extend_from_slice(&self.token.to_le_bytes());
        row.extend_from_slice(&self.expires.to_le_bytes());
        row.extend_from_slice(&self.nonce.to_le_bytes());
        row.push(length8(self.holder.len()));
        row.extend_from_slice(self.holder.as_bytes());
        seal(row)
    }

    pub(crate) fn decode(row: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(unseal(row, "lease")?);
        reader.version(VERSION, "lease")?;
        let token = reader.integer("fencing token")?;
        let expires = reader.integer("expiry")?;
        let nonce = reader.u64("nonce")?;
        let length = usize::from(reader.u8("holder length")?);
        let holder = String::from(reader.text(length, "holder")?);
        reader.end("lease")?;
        Ok(Self { token, expires, nonce, holder })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_row_comes_back(token in 0_u64..1 << 53, expires in 0_u64..1 << 48, nonce in any::<u64>(), holder in "\\PC{1,30}") {
            let row = LeaseRow { token, expires, nonce, holder };
            prop_assert_eq!(LeaseRow::decode(&row.encode()).expect("decodes"), row);
        }

        #[test]
        fn arbitrary_bytes_with_a_right_checksum_never_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Err(error) = LeaseRow::decode(&seal(body)) {
                prop_assert_eq!(error.code(), ErrorCode::Corrupt);
            }
        }
    }
}
