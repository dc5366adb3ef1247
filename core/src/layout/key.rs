//! Building and taking apart the fixed lexkeys of the layout.

use alloc::vec::Vec;

const SEPARATOR: u8 = 0x00;
/// The byte after the separator: the end of a range over all that continues a prefix.
const AFTER_SEPARATOR: u8 = 0x01;
const SIGN: u64 = 1 << 63;

/// A half-open range of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyRange {
    pub(crate) start: Vec<u8>,
    pub(crate) end: Vec<u8>,
}

/// The key of these parts.
pub(super) fn join(parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len() + 1).sum();
    let mut key = Vec::with_capacity(length);
    for part in parts {
        if !key.is_empty() {
            key.push(SEPARATOR);
        }
        key.extend_from_slice(part);
    }
    key
}

/// Everything that continues `parts` with at least one more part. It never reaches a neighbour whose
/// name begins with the last part's: names hold no byte below 0x20.
pub(super) fn under(parts: &[&[u8]]) -> KeyRange {
    let mut start = join(parts);
    let mut end = start.clone();
    start.push(SEPARATOR);
    end.push(AFTER_SEPARATOR);
    KeyRange { start, end }
}

/// The first key after `key`.
pub(crate) fn successor(mut key: Vec<u8>) -> Vec<u8> {
    key.push(0x00);
    key
}

/// An unsigned integer part.
pub(super) const fn u64_part(value: u64) -> [u8; 8] {
    value.to_be_bytes()
}

/// A signed integer part; milliseconds fit either way, the sign is the lexkey's.
pub(super) const fn i64_part(value: u64) -> [u8; 8] {
    (value ^ SIGN).to_be_bytes()
}

/// What follows `parts` and a separator in `key`.
pub(super) fn rest<'k>(key: &'k [u8], parts: &[&[u8]]) -> Option<&'k [u8]> {
    let mut rest = key;
    for part in parts {
        rest = rest.strip_prefix(*part)?.strip_prefix(&[SEPARATOR])?;
    }
    Some(rest)
}

/// A lone unsigned integer part.
pub(super) fn read_u64(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}

/// A lone signed integer part, which must not be negative.
pub(super) fn read_i64(bytes: &[u8]) -> Option<u64> {
    let value = read_u64(bytes)? ^ SIGN;
    (value < SIGN).then_some(value)
}
