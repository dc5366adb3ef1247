//! Runs: neighbouring entries of one segment that share a commit, and so a TRX, a millisecond and
//! consecutive sequences and counters. Blocks, commit rows, pages and exports are made of them.
//!
//! ```text
//! 0   u32   entries
//! 4   u64   milliseconds
//! 12  u64   n of the first entry's id
//! 20  [16]  TRX id
//! 36  [16]  TRX node
//! 52  u64   TRX number
//! 60  u32   bytes of the entries
//! 64  the entries: u32 payload length, payload, u32 metadata length, metadata
//! ```

use alloc::vec::Vec;
use uuid::Uuid;

use super::trx::TrxRow;
use crate::codec::{Reader, Trx, skip_entries};
use crate::error::{Error, Result};
use crate::id::{EntryId, MAX_INTEGER, MAX_MS};
use crate::shared::SharedBytes;

/// Size of a run's header.
pub(crate) const RUN_HEADER_BYTES: usize = 64;

/// Consecutive entries of one segment and one commit.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) first_sequence: u64,
    pub(crate) count: u64,
    pub(crate) first_id: EntryId,
    pub(crate) trx: Trx,
    pub(crate) body: SharedBytes,
}

impl Run {
    pub(crate) fn last_sequence(&self) -> u64 {
        self.first_sequence + self.count - 1
    }

    pub(crate) fn last_id(&self) -> EntryId {
        EntryId { ms: self.first_id.ms, n: self.first_id.n + self.count - 1 }
    }

    /// Whether it holds the last entry that a TRX wrote.
    pub(crate) fn is_written_by(&self, id: Uuid, row: &TrxRow) -> bool {
        let (sequence, entry) = (row.last_sequence, row.last_id());
        self.trx.id == id
            && self.trx.number == row.number
            && self.first_sequence <= sequence
            && sequence <= self.last_sequence()
            && self.first_id.ms == entry.ms
            && self.first_id.n + (sequence - self.first_sequence) == entry.n
    }

    /// Encoded size, header included.
    pub(crate) fn encoded_len(&self) -> usize {
        RUN_HEADER_BYTES + self.body.len()
    }

    /// The entries without the first `skip`, at most `take` of them; `None` when that is nothing.
    pub(crate) fn slice(&self, skip: u64, take: u64) -> Result<Option<Self>> {
        let count = self.count.saturating_sub(skip).min(take);
        if count == 0 {
            return Ok(None);
        }
        if count == self.count {
            return Ok(Some(self.clone()));
        }
        let bytes = self.body.bytes();
        let start = skip_entries(bytes, 0, skip)?;
        let end = skip_entries(bytes, start, count)?;
        Ok(Some(Self {
            first_sequence: self.first_sequence + skip,
            count,
            first_id: EntryId { ms: self.first_id.ms, n: self.first_id.n + skip },
            trx: self.trx,
            body: self.body.part(start..end),
        }))
    }

    /// The entries whose ids are above `after` and not above `last`.
    pub(crate) fn between(&self, after: EntryId, last: EntryId) -> Result<Option<Self>> {
        self.first_between(after, last, u64::MAX)
    }

    /// The first of the entries whose ids are above `after` and not above `last`, at most `take` of them.
    pub(crate) fn first_between(&self, after: EntryId, last: EntryId, take: u64) -> Result<Option<Self>> {
        let skip = if after.ms > self.first_id.ms {
            self.count
        } else if after.ms == self.first_id.ms && after.n >= self.first_id.n {
            after.n - self.first_id.n + 1
        } else {
            0
        };
        let upto = if last.ms > self.first_id.ms {
            self.count
        } else if last.ms == self.first_id.ms && last.n >= self.first_id.n {
            last.n - self.first_id.n + 1
        } else {
            0
        };
        self.slice(skip, upto.saturating_sub(skip).min(take))
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) -> Result {
        let entries = self.body.bytes();
        let (Ok(count), Ok(length)) = (u32::try_from(self.count), u32::try_from(entries.len())) else {
            return Err(Error::limit("run bytes", u32::MAX.into(), entries.len() as u64));
        };
        out.extend_from_slice(&count.to_le_bytes());
        out.extend_from_slice(&self.first_id.ms.to_le_bytes());
        out.extend_from_slice(&self.first_id.n.to_le_bytes());
        out.extend_from_slice(self.trx.id.as_bytes());
        out.extend_from_slice(self.trx.node.as_bytes());
        out.extend_from_slice(&self.trx.number.to_le_bytes());
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(entries);
        Ok(())
    }

    /// Reads a run that begins at `first_sequence` out of `buffer`, which `reader` walks.
    pub(crate) fn decode(buffer: &SharedBytes, reader: &mut Reader<'_>, first_sequence: u64) -> Result<Self> {
        let count = u64::from(reader.u32("run count")?);
        let ms = reader.u64("run milliseconds")?;
        let n = reader.u64("run first n")?;
        let id = Uuid::from_bytes(reader.array16("TRX id")?);
        let node = Uuid::from_bytes(reader.array16("TRX node")?);
        let number = reader.u64("TRX number")?;
        let length = reader.u32("run length")? as usize;
        let start = reader.position();
        let entries = reader.take(length, "run entries")?;
        if count == 0 || skip_entries(entries, 0, count)? != entries.len() {
            return Err(Error::corrupt("run: the entries do not fill it"));
        }
        if ms == 0
            || ms > MAX_MS
            || number > MAX_INTEGER
            || first_sequence == 0
            || first_sequence.saturating_add(count - 1) > MAX_INTEGER
            || n.saturating_add(count - 1) > MAX_INTEGER
        {
            return Err(Error::corrupt("run: a number is out of range"));
        }
        Ok(Self {
            first_sequence,
            count,
            first_id: EntryId { ms, n },
            trx: Trx { id, node, number },
            body: buffer.part(start..start + length),
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::codec::encode_entry_body;
    use alloc::collections::BTreeMap;
    use proptest::prelude::*;

    pub(crate) fn run_of(payloads: &[Vec<u8>], first_sequence: u64, first_id: EntryId) -> Run {
        let mut bytes = Vec::new();
        for payload in payloads {
            bytes.extend(encode_entry_body(payload, &BTreeMap::new()).expect("encodes"));
        }
        Run {
            first_sequence,
            count: payloads.len() as u64,
            first_id,
            trx: Trx { id: Uuid::from_u128(7), node: Uuid::from_u128(8), number: first_sequence },
            body: bytes.into(),
        }
    }

    /// Runs of one segment that follow each other.
    pub(crate) fn some_runs() -> impl Strategy<Value = Vec<Run>> {
        let payload = prop::collection::vec(any::<u8>(), 0..40);
        let payloads = prop::collection::vec(payload, 1..6);
        (prop::collection::vec((payloads, 0_u64..3), 1..8), 1_u64..1000).prop_map(|(all, first)| {
            let mut sequence = first;
            let mut id = EntryId { ms: 5, n: 0 };
            all.into_iter()
                .map(|(payloads, later)| {
                    id = if later > 0 { EntryId { ms: id.ms + later, n: 0 } } else { id };
                    let run = run_of(&payloads, sequence, id);
                    sequence += run.count;
                    id.n += run.count;
                    run
                })
                .collect()
        })
    }

    /// Every entry of a run: sequence, id, encoding.
    pub(crate) fn flat(runs: &[Run]) -> Vec<(u64, EntryId, Uuid, Vec<u8>)> {
        runs.iter()
            .flat_map(|run| {
                (0..run.count).map(|n| {
                    let one = run.slice(n, 1).expect("slices").expect("an entry");
                    (one.first_sequence, one.first_id, one.trx.id, one.body.bytes().to_vec())
                })
            })
            .collect()
    }

    proptest! {
        #[test]
        fn a_slice_is_a_part(runs in some_runs(), skip in 0_u64..8, take in 0_u64..8) {
            for run in runs {
                let all = flat(core::slice::from_ref(&run));
                let part = run.slice(skip, take).expect("slices");
                let expected: Vec<_> = all.into_iter().skip(skip as usize).take(take as usize).collect();
                prop_assert_eq!(part.map_or(Vec::new(), |part| flat(&[part])), expected);
            }
        }

        #[test]
        fn between_is_above_the_first_and_not_above_the_last(
            runs in some_runs(),
            after in (4_u64..9, 0_u64..9),
            last in (4_u64..9, 0_u64..9),
        ) {
            let after = EntryId { ms: after.0, n: after.1 };
            let last = EntryId { ms: last.0, n: last.1 };
            for run in runs {
                let all = flat(core::slice::from_ref(&run));
                let part = run.between(after, last).expect("cuts");
                let expected: Vec<_> =
                    all.into_iter().filter(|(_, id, _, _)| *id > after && *id <= last).collect();
                prop_assert_eq!(part.map_or(Vec::new(), |part| flat(&[part])), expected);
            }
        }
    }
}
