//! What a host with per-space atomicity commits together.

use alloc::string::String;
use alloc::vec::Vec;

use super::key;

/// The part of a store that one commit covers on a host whose atomicity is
/// [`Atomicity::Space`](crate::Atomicity::Space).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// All rows of one space.
    Space(String),
    /// All rows of one redo record.
    Redo([u8; 16]),
    /// A row that stands alone: the identity, a lease.
    Row(Vec<u8>),
}

/// The scope that a key of the layout belongs to.
pub fn scope_of(row_key: &[u8]) -> Scope {
    const OF_SPACES: [&[&[u8]]; 6] = [
        &[b"DAT", b"SEGMENTS"],
        &[b"DAT", b"SPACES"],
        &[b"INV", b"SPACES"],
        &[b"INV", b"SEGMENTS"],
        &[b"TRX"],
        &[b"GRP"],
    ];
    for prefix in OF_SPACES {
        if let Some(rest) = key::rest(row_key, prefix) {
            let name = rest.split(|byte| *byte == 0).next().unwrap_or(rest);
            return Scope::Space(String::from_utf8_lossy(name).into_owned());
        }
    }
    if let Some(id) = key::rest(row_key, &[b"TXN"]).and_then(|rest| rest.first_chunk::<16>()) {
        return Scope::Redo(*id);
    }
    Scope::Row(row_key.to_vec())
}
