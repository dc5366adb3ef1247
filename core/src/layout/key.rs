//! What the row kinds' keys have in common.

use alloc::vec::Vec;

use crate::error::Result;
use crate::lexkey::{KeyReader, KeyWriter};

/// Capacity for keys of names of usual length.
const USUAL_LENGTH: usize = 96;

/// A half-open range of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyRange {
    pub(crate) start: Vec<u8>,
    pub(crate) end: Vec<u8>,
}

/// A key that begins with these words.
pub(super) fn begin(words: &[&str]) -> KeyWriter {
    words.iter().fold(KeyWriter::with_capacity(USUAL_LENGTH), |key, word| key.text(word))
}

/// Everything that continues a key with at least one more part. It never reaches a neighbour whose
/// name begins with the last part's: names hold no byte below 0x20.
pub(super) fn under(key: KeyWriter) -> KeyRange {
    let (start, end) = key.children();
    KeyRange { start, end }
}

/// The first key after `key`.
pub(crate) fn successor(mut key: Vec<u8>) -> Vec<u8> {
    key.push(0x00);
    key
}

/// Reads what follows these words in a key; `None` when the key goes on differently.
pub(super) fn read<'k, T>(
    key: &'k [u8],
    words: &[&str],
    rest: impl FnOnce(&mut KeyReader<'k>) -> Result<T>,
) -> Option<T> {
    let mut reader = KeyReader::new(key);
    for word in words {
        reader.literal(word).ok()?;
    }
    let value = rest(&mut reader).ok()?;
    reader.end().ok()?;
    Some(value)
}
