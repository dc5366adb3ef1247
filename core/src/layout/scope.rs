//! What a host with per-space atomicity commits together.

use alloc::string::String;
use alloc::vec::Vec;

use uuid::Uuid;

use super::key::{self, KeyRange};
use crate::lexkey::KeyReader;

/// The part of a store that one commit covers on a host whose atomicity is
/// [`Atomicity::Space`](crate::Atomicity::Space).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// All rows of one space.
    Space(String),
    /// All rows of one redo record.
    Redo(Uuid),
    /// A row that stands alone: the identity, a lease.
    Row(Vec<u8>),
}

/// Where the rows of all spaces are, kind by kind, besides their heads.
pub(crate) fn ranges_of_spaces() -> [KeyRange; 4] {
    let kinds: [&[&str]; 4] = [&["DAT", "SEGMENTS"], &["DAT", "SPACES"], &["INV", "SEGMENTS"], &["TRX"]];
    kinds.map(|words| key::under(key::begin(words)))
}

/// The scope that a key of the layout belongs to.
pub fn scope_of(row_key: &[u8]) -> Scope {
    const OF_SPACES: [&[&str]; 6] = [
        &["DAT", "SEGMENTS"],
        &["DAT", "SPACES"],
        &["INV", "SPACES"],
        &["INV", "SEGMENTS"],
        &["TRX"],
        &["GRP"],
    ];
    let after = |words: &[&str]| {
        let mut reader = KeyReader::new(row_key);
        words.iter().try_for_each(|word| reader.literal(word)).ok()?;
        Some(reader)
    };
    for words in OF_SPACES {
        if let Some(name) = after(words).and_then(|mut reader| reader.text().ok()) {
            return Scope::Space(name.into());
        }
    }
    if let Some(id) = after(&["TXN"]).and_then(|mut reader| reader.uuid().ok()) {
        return Scope::Redo(id);
    }
    Scope::Row(row_key.to_vec())
}
