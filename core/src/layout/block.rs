//! Blocks: the entries of a segment up to a last sequence. Immutable until merged or trimmed.
//!
//! ```text
//! key    DAT 00 SEGMENTS 00 space 00 segment 00 last sequence (u64)
//! value  envelope, whose body is
//!        0   u64  first sequence
//!        8   u32  entries
//!        12  u32  runs
//!        16  runs, in sequence order (see run)
//! ```
//!
//! Keyed by the last sequence, "from sequence s" is one forward scan from `s`: the first row at or
//! after it is the block that holds it, also after merging.

use alloc::vec::Vec;

use super::envelope::{self, ENVELOPE_BYTES, Envelope, Packing};
use super::key::{self, KeyRange};
use super::run::Run;
use super::voids::Voids;
use crate::codec::Reader;
use crate::error::{Error, Result};
use crate::kv::Value;
use crate::lexkey::KeyReader;

/// Bytes of a block besides its runs.
pub(crate) const BLOCK_OVERHEAD_BYTES: usize = ENVELOPE_BYTES + 16;

pub(crate) fn key(space: &str, segment: &str, last_sequence: u64) -> Vec<u8> {
    key::begin(&["DAT", "SEGMENTS", space, segment]).u64(last_sequence).finish()
}

/// The blocks of a segment that end at or after `from`.
pub(crate) fn range(space: &str, segment: &str, from: u64) -> KeyRange {
    let all = key::under(key::begin(&["DAT", "SEGMENTS", space, segment]));
    KeyRange { start: key(space, segment, from), end: all.end }
}

/// The blocks of a segment that end at or after `from` and not after `last`.
pub(crate) fn range_upto(space: &str, segment: &str, from: u64, last: u64) -> KeyRange {
    KeyRange { start: key(space, segment, from), end: key::successor(key(space, segment, last)) }
}

/// The blocks of a whole space, in segment order.
pub(crate) fn range_of_space(space: &str) -> KeyRange {
    key::under(key::begin(&["DAT", "SEGMENTS", space]))
}

/// The last sequence in the key of a block of this segment.
pub(crate) fn last_sequence(row_key: &[u8], space: &str, segment: &str) -> Option<u64> {
    key::read(row_key, &["DAT", "SEGMENTS", space, segment], KeyReader::u64)
}

/// The segment and the last sequence in the key of a block of this space.
pub(crate) fn parse<'k>(row_key: &'k [u8], space: &str) -> Option<(&'k str, u64)> {
    key::read(row_key, &["DAT", "SEGMENTS", space], |reader| Ok((reader.text()?, reader.u64()?)))
}

/// A decoded block.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub(crate) first_sequence: u64,
    pub(crate) last_sequence: u64,
    pub(crate) runs: Vec<Run>,
}

impl Block {
    /// Bytes of the runs, uncompressed.
    pub(crate) fn body_len(&self) -> usize {
        self.runs.iter().map(Run::encoded_len).sum()
    }

    /// Lets go of what the host has, unless one run is worth it: others are seldom shown together when this block is
    /// come back to.
    pub(crate) fn forget_origin(&self) {
        if let Some(first) = self.runs.first()
            && !self.runs.iter().any(|run| run.body.is_lendable(run.body.len()))
        {
            first.body.forget_origin();
        }
    }

    /// Whether it was left by a writer that stopped before its space head.
    pub(crate) fn is_void(&self, voids: &Voids) -> bool {
        self.runs.iter().any(|run| voids.contains(run.first_id))
    }
}

/// Encodes neighbouring runs of one segment.
pub(crate) fn encode(runs: &[Run], packing: &mut Packing<'_>) -> Result<Vec<u8>> {
    let first = runs.first().map_or(0, |run| run.first_sequence);
    let count: u64 = runs.iter().map(|run| run.count).sum();
    let bytes: usize = runs.iter().map(Run::encoded_len).sum();
    let mut envelope = Envelope::with_capacity(16 + bytes);
    let out = envelope.bytes();
    let (Ok(count), Ok(length)) = (u32::try_from(count), u32::try_from(runs.len())) else {
        return Err(Error::limit("block entries", u32::MAX.into(), count));
    };
    out.extend_from_slice(&first.to_le_bytes());
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    for run in runs {
        run.encode(out)?;
    }
    envelope.finish(packing)
}

/// Decodes a row that stands at `last_sequence`.
pub(crate) fn decode(row: Value, last_sequence: u64) -> Result<Block> {
    let buffer = envelope::open(row, "block")?;
    let mut reader = Reader::new(buffer.bytes());
    let first_sequence = reader.u64("first sequence")?;
    let count = u64::from(reader.u32("block count")?);
    let length = reader.u32("block runs")?;
    let mut runs: Vec<Run> = Vec::new();
    let mut next = first_sequence;
    for _ in 0..length {
        let run = Run::decode(&buffer, &mut reader, next)?;
        if runs.last().is_some_and(|last| last.last_id() >= run.first_id) {
            return Err(Error::corrupt("block: ids do not go up"));
        }
        next = run.last_sequence() + 1;
        runs.push(run);
    }
    reader.end("block")?;
    if runs.is_empty() || next - first_sequence != count || next != last_sequence.saturating_add(1) {
        return Err(Error::corrupt("block: it does not hold what its key says"));
    }
    Ok(Block { first_sequence, last_sequence, runs })
}

#[cfg(test)]
mod tests {
    use super::super::run::tests::{flat, some_runs};
    use super::*;
    use crate::codec::zstd::Compressor;
    use crate::error::ErrorCode;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_block_comes_back_raw_and_compressed(runs in some_runs(), compress in any::<bool>()) {
            let mut compressor = Compressor::default();
            let mut packing = if compress { Packing::Zstd(&mut compressor) } else { Packing::Raw };
            let row = encode(&runs, &mut packing).expect("encodes");
            let last = runs.last().expect("a run").last_sequence();
            let back = decode(row.clone().into(), last).expect("decodes");
            prop_assert_eq!(back.first_sequence, runs[0].first_sequence);
            prop_assert_eq!(flat(&back.runs), flat(&runs));
            prop_assert_eq!(decode(row.into(), last + 1).expect_err("another key").code(), ErrorCode::Corrupt);
        }

        #[test]
        fn a_changed_byte_is_noticed(runs in some_runs(), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
            let mut row = encode(&runs, &mut Packing::Raw).expect("encodes");
            let at = at.index(row.len());
            row[at] ^= 1 << bit;
            let last = runs.last().expect("a run").last_sequence();
            prop_assert_eq!(decode(row.clone().into(), last).expect_err("damaged").code(), ErrorCode::Corrupt);
        }

        #[test]
        fn arbitrary_bytes_with_a_right_checksum_never_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut envelope = Envelope::with_capacity(body.len());
            envelope.bytes().extend_from_slice(&body);
            let row = envelope.finish(&mut Packing::Raw).expect("seals");
            prop_assert!(decode(row.into(), 3).is_err());
        }

        #[test]
        fn a_key_tells_its_sequence_and_only_of_its_segment(last in any::<u64>()) {
            let row_key = key("order-1", "seg", last);
            prop_assert_eq!(last_sequence(&row_key, "order-1", "seg"), Some(last));
            prop_assert_eq!(last_sequence(&row_key, "order-1", "se"), None);
            let range = range("order-1", "seg", 0);
            prop_assert!(row_key >= range.start && row_key < range.end);
            let other = key("order-10", "seg", last);
            prop_assert!(other < range.start || other >= range.end);
        }
    }
}
