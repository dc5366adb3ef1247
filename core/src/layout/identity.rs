//! The store's identity: written once, by an absent-check.
//!
//! ```text
//! key    INV 00 STORE
//! value  0   u8    version
//!        1   [16]  store id
//!        17  u32   CRC-32C of what precedes
//! ```

use alloc::vec::Vec;

use uuid::Uuid;

use super::envelope::{seal, unseal};
use super::{VERSION, key};
use crate::codec::Reader;
use crate::error::{Error, Result};

pub(crate) fn key() -> Vec<u8> {
    key::begin(&["INV", "STORE"]).finish()
}

pub(crate) fn encode(id: Uuid) -> Vec<u8> {
    let mut row = Vec::with_capacity(21);
    row.push(VERSION);
    row.extend_from_slice(id.as_bytes());
    seal(row)
}

pub(crate) fn decode(row: &[u8]) -> Result<Uuid> {
    let mut reader = Reader::new(unseal(row, "store identity")?);
    reader.version(VERSION, "store identity")?;
    let id = Uuid::from_bytes(reader.array16("store id")?);
    if id.is_nil() {
        return Err(Error::corrupt("store identity: the id is nil"));
    }
    reader.end("store identity")?;
    Ok(id)
}
