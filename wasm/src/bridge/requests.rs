//! What the engine asks of the host, each in one buffer. Bytes stand behind their length; a missing
//! value has [`ABSENT`] for a length. A value of [`APART_BYTES`] or more is not in the buffer: it is the
//! next one of those that were lent before, and its length carries [`APART`]. So it is copied once, or
//! not at all.

use alloc::vec::Vec;

use streamkit_core::{Batch, Bytes, Durability, ScanRange};

use crate::frames::{put_prefixed, put_u32};

/// The length that says that there is no value.
pub(crate) const ABSENT: u32 = u32::MAX;

/// The bit of a length that says that the value stands apart.
pub(crate) const APART: u32 = 1 << 31;

/// From here on a value stands apart: handing over one more object costs as much as copying this twice.
const APART_BYTES: usize = 4096;

const fn stands_apart(value: &[u8]) -> bool {
    value.len() >= APART_BYTES
}

/// ```text
/// u32 count, count x key
/// ```
pub(crate) fn get(keys: &[Bytes]) -> Vec<u8> {
    let bytes: usize = keys.iter().map(|key| key.len() + 4).sum();
    let mut out = Vec::with_capacity(4 + bytes);
    put_u32(&mut out, keys.len());
    for key in keys {
        put_prefixed(&mut out, key);
    }
    out
}

/// ```text
/// u8 reverse | u8 keys only | u16 0 | u32 limit | u32 most bytes | start | end
/// ```
pub(crate) fn scan(range: &ScanRange) -> Vec<u8> {
    let mut out = Vec::with_capacity(20 + range.start.len() + range.end.len());
    out.extend_from_slice(&[u8::from(range.reverse), u8::from(range.keys_only), 0, 0]);
    put_u32(&mut out, range.limit);
    put_u32(&mut out, range.max_bytes);
    put_prefixed(&mut out, &range.start);
    put_prefixed(&mut out, &range.end);
    out
}

/// ```text
/// u8 strict | u32 checks x { key | value, or none } | u32 deletes x key | u32 puts x { key | value }
/// ```
///
/// Values of puts may stand apart: see [`apart`].
pub(crate) fn commit(batch: &Batch) -> Vec<u8> {
    let checks = batch.checks.iter().map(|one| 8 + one.key.len() + one.value.as_ref().map_or(0, Vec::len));
    let deletes = batch.deletes.iter().map(|key| 4 + key.len());
    let puts = batch
        .puts
        .iter()
        .map(|one| 8 + one.key.len() + if stands_apart(&one.value) { 0 } else { one.value.len() });
    let bytes: usize = checks.chain(deletes).chain(puts).sum();
    let mut out = Vec::with_capacity(13 + bytes);
    out.push(u8::from(batch.durability == Durability::Strict));
    put_u32(&mut out, batch.checks.len());
    for check in &batch.checks {
        put_prefixed(&mut out, &check.key);
        match &check.value {
            Some(value) => put_prefixed(&mut out, value),
            None => out.extend_from_slice(&ABSENT.to_le_bytes()),
        }
    }
    put_u32(&mut out, batch.deletes.len());
    for key in &batch.deletes {
        put_prefixed(&mut out, key);
    }
    put_u32(&mut out, batch.puts.len());
    for put in &batch.puts {
        put_prefixed(&mut out, &put.key);
        if stands_apart(&put.value) {
            // No value is as long as the bit: it would not fit into memory with anything else.
            put_u32(&mut out, put.value.len() | APART as usize);
        } else {
            put_prefixed(&mut out, &put.value);
        }
    }
    out
}

/// The values of a commit that stand apart, in order.
pub(crate) fn apart(batch: &Batch) -> impl Iterator<Item = &[u8]> {
    batch.puts.iter().map(|put| put.value.as_slice()).filter(|value| stands_apart(value))
}
