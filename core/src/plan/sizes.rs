//! What one record, one row and one commit may hold on a host.

use alloc::format;

use crate::error::{Error, ErrorCode, Result};
use crate::kv::{Atomicity, HostLimits};
use crate::layout::RUN_HEADER_BYTES;
use crate::layout::block::BLOCK_OVERHEAD_BYTES;
use crate::layout::commit::{COMMIT_OVERHEAD_BYTES, INLINE_BYTES};

/// What a plan counts for the key of a row, besides its names.
pub(super) const KEY_BYTES: usize = 32;
/// What a plan counts for a row besides its runs and its key.
pub(super) const ROW_BYTES: usize = 128;
/// Both names at their longest.
const LONGEST_NAMES: usize = 256;
/// No row has a longer key, whatever the host takes: those of consumer groups are the longest.
const LONGEST_KEY: usize = 412;
/// Room in every commit for heads, the commit row, a TRX row and a lease, with their keys, twice for
/// what is checked as well as written, and for one run inline.
const COMMIT_RESERVE: usize = 8 << 10;
/// Rows in every commit besides blocks: two heads, a commit row or two, a TRX row, two checks.
const OPS_RESERVE: usize = 8;
/// Hosts that store row by row have no batch limit; this bounds what is in flight.
const UNBATCHED_BYTES: usize = 8 << 20;
/// Concurrent small requests share a commit up to this size; a larger one goes alone.
const SHARED_COMMIT_BYTES: usize = 4 << 20;
/// A commit is never larger, whatever the host takes: its rows stand in memory three times over.
const LARGEST_COMMIT: usize = 32 << 20;

/// What a commit must take for consumer groups: a record that moves from one session to another, or to the
/// dead letters.
pub(crate) const LEAST_GROUP_OPS: usize = 32;

/// The limits of a host, turned into those of rows and commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// Bytes of runs in a block or commit row.
    pub(crate) row_bytes: usize,
    /// The same of a row that is made of rows: merging one, it shares a commit with the keys of those that it replaces;
    /// imported, with a head.
    pub(crate) merged_bytes: usize,
    /// A run with an encoding up to this is stored inline in the commit row.
    pub(crate) inline_bytes: usize,
    /// What one commit adds to a segment above this stands in its blocks alone: reading it costs few
    /// blocks, and writing it twice as much as all the rest.
    pub(crate) inline_segment_bytes: usize,
    /// Most operations of a commit.
    pub(crate) batch_ops: usize,
    /// Most bytes of a commit.
    pub(crate) batch_bytes: usize,
    /// Requests share a commit up to here.
    pub(crate) shared_bytes: usize,
    /// Most bytes of the encoded records of one request.
    pub(crate) commit_bytes: usize,
    /// Most bytes of one encoded record.
    pub(crate) record_bytes: usize,
    /// Longest key.
    pub(crate) key_bytes: usize,
}

/// Most records of one request: what a run's count and a page can name comfortably.
pub(crate) const COMMIT_RECORDS: usize = 65_536;

impl Sizes {
    /// # Errors
    /// `UNSUPPORTED` when the host is too small to hold even the heads and a small record.
    pub(crate) fn new(limits: &HostLimits) -> Result<Self> {
        let overhead = RUN_HEADER_BYTES + BLOCK_OVERHEAD_BYTES.max(COMMIT_OVERHEAD_BYTES) + 256;
        let too_small = |what: &str, least: usize, actual: usize| {
            Error::new(
                ErrorCode::Unsupported,
                format!("host limits: {what} must be at least {least}, it is {actual}"),
            )
        };
        if limits.max_key_bytes < 64 {
            return Err(too_small("maxKeyBytes", 64, limits.max_key_bytes));
        }
        let batched = limits.atomic != Atomicity::None;
        // Rows that are committed one by one are each a batch.
        let key_room = limits.max_key_bytes.min(LONGEST_KEY);
        let row_room = limits.max_batch_bytes.saturating_sub(key_room);
        if !batched && row_room < 4096 {
            return Err(too_small("maxBatchBytes", 4096 + key_room, limits.max_batch_bytes));
        }
        let value_bytes = if batched { limits.max_value_bytes } else { limits.max_value_bytes.min(row_room) };
        if limits.max_value_bytes < 4096 {
            return Err(too_small("maxValueBytes", 4096, limits.max_value_bytes));
        }
        let batch_ops = if batched { limits.max_batch_ops } else { usize::MAX };
        let batch_bytes = if batched { limits.max_batch_bytes.min(LARGEST_COMMIT) } else { UNBATCHED_BYTES };
        if batch_ops < 2 * OPS_RESERVE {
            return Err(too_small("maxBatchOps", 2 * OPS_RESERVE, batch_ops));
        }
        if batch_bytes < 2 * COMMIT_RESERVE {
            return Err(too_small("maxBatchBytes", 2 * COMMIT_RESERVE, batch_bytes));
        }
        let value_room = value_bytes - overhead;
        let row_bytes = limits.block_bytes.clamp(2048, value_room.max(2048)).min(LARGEST_COMMIT);
        let inline_bytes = INLINE_BYTES.min(row_bytes / 4);
        // In the worst case every second block is nearly empty, see `blocks_of`.
        let per_row = row_bytes.saturating_sub(RUN_HEADER_BYTES) / 2;
        let by_ops = (batch_ops - OPS_RESERVE - 1).saturating_mul(per_row);
        let row_cost = LONGEST_NAMES + KEY_BYTES + ROW_BYTES;
        let room = batch_bytes - COMMIT_RESERVE - row_cost;
        // What fits one row takes one row, however small the batch is.
        let one_row = room.min(row_bytes.saturating_sub(RUN_HEADER_BYTES));
        let by_bytes = (room / (per_row + row_cost) * per_row).max(one_row);
        let commit_bytes = by_ops.min(by_bytes);
        Ok(Self {
            row_bytes,
            merged_bytes: row_bytes.min(batch_bytes / 2),
            inline_bytes,
            inline_segment_bytes: 8 * inline_bytes,
            batch_ops,
            batch_bytes,
            shared_bytes: batch_bytes.min(SHARED_COMMIT_BYTES),
            commit_bytes,
            record_bytes: commit_bytes.min(value_room),
            key_bytes: limits.max_key_bytes,
        })
    }

    /// That a segment's rows have keys which the host takes, by the lengths of its space's name and its own.
    ///
    /// # Errors
    /// `LIMIT_EXCEEDED`.
    pub(crate) fn check_key(&self, space: usize, segment: usize) -> Result {
        let longest = longest_key(space, segment);
        if longest > self.key_bytes {
            let limit = self.key_bytes as u64;
            return Err(Error::limit("bytes of a key made of space and segment", limit, longest as u64));
        }
        Ok(())
    }

    /// The most rows that runs of so many bytes can take: two neighbours are never both half empty.
    pub(crate) fn rows_of(&self, bytes: usize) -> usize {
        let half = self.row_bytes.saturating_sub(RUN_HEADER_BYTES) / 2;
        if bytes <= self.row_bytes { usize::from(bytes > 0) } else { 1 + bytes / half.max(1) }
    }
}

/// The longest key of a space's rows: a block's, or a commit row's where the segment's name is short; and a byte more,
/// for the end of a range.
const fn longest_key(space: usize, segment: usize) -> usize {
    let segment = if segment < 6 { 6 } else { segment };
    space + segment + 24
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use uuid::Uuid;

    use super::*;
    use crate::id::EntryId;
    use crate::layout::{block, commit, trx};

    #[test]
    fn the_longest_key_is_that_of_a_row() {
        for (space, segment) in [(1, 1), (1, 6), (128, 5), (128, 128), (7, 30)] {
            let (space, segment) = ("s".repeat(space), "g".repeat(segment));
            let keys = [
                block::key(&space, &segment, u64::MAX),
                commit::key(&space, EntryId::MAX),
                trx::key(&space, &segment, Uuid::max()),
                crate::layout::segment::key(&space, &segment),
                crate::layout::space::key(&space),
            ];
            let longest = keys.iter().map(Vec::len).max().expect("keys");
            assert_eq!(longest_key(space.len(), segment.len()), longest + 1, "{space} {segment}");
        }
    }

    #[test]
    fn the_smallest_hosts_still_take_a_record() {
        let limits = HostLimits {
            max_batch_ops: 16,
            max_batch_bytes: 16 << 10,
            max_value_bytes: 4096,
            block_bytes: 4096,
            ..HostLimits::default()
        };
        let sizes = Sizes::new(&limits).expect("supported");
        assert!(sizes.record_bytes > 1024, "{sizes:?}");
    }

    #[test]
    fn a_batch_smaller_than_two_blocks_takes_a_record() {
        let limits = HostLimits { max_batch_bytes: 16 << 10, block_bytes: 1 << 20, ..HostLimits::default() };
        let sizes = Sizes::new(&limits).expect("supported");
        assert!(sizes.record_bytes > 1024, "{sizes:?}");
    }

    #[test]
    fn rows_that_are_batches_of_their_own_fit_one() {
        let limits = HostLimits { atomic: Atomicity::None, max_batch_bytes: 9000, ..HostLimits::default() };
        let sizes = Sizes::new(&limits).expect("supported");
        assert!(sizes.record_bytes > 4096 && sizes.record_bytes < 9000 - LONGEST_KEY, "{sizes:?}");
        let error = Sizes::new(&HostLimits { max_batch_bytes: 4500, ..limits }).expect_err("refused");
        assert!(error.message().contains("maxBatchBytes"), "{error}");
    }

    #[test]
    fn a_host_without_limits_is_as_good_as_a_generous_one() {
        for atomic in [Atomicity::Store, Atomicity::Space, Atomicity::None] {
            for key in [1024, usize::MAX] {
                let limits = HostLimits {
                    max_key_bytes: key,
                    max_value_bytes: usize::MAX,
                    max_batch_ops: usize::MAX,
                    max_batch_bytes: usize::MAX,
                    block_bytes: usize::MAX,
                    atomic,
                    ..HostLimits::default()
                };
                let sizes = Sizes::new(&limits).expect("supported");
                assert!(sizes.row_bytes <= LARGEST_COMMIT && sizes.commit_bytes > 1 << 20, "{sizes:?}");
                assert!(sizes.record_bytes <= sizes.commit_bytes, "{sizes:?}");
            }
        }
    }

    #[test]
    fn a_host_below_the_minimum_is_refused_by_name() {
        let usual = HostLimits::default;
        let least = HostLimits {
            max_key_bytes: 64,
            max_value_bytes: 4096,
            max_batch_ops: 16,
            max_batch_bytes: 16 << 10,
            ..usual()
        };
        Sizes::new(&least).expect("supported");
        for (name, limits) in [
            ("maxKeyBytes", HostLimits { max_key_bytes: 63, ..usual() }),
            ("maxValueBytes", HostLimits { max_value_bytes: 4095, ..usual() }),
            ("maxValueBytes", HostLimits { max_value_bytes: 0, ..usual() }),
            ("maxBatchOps", HostLimits { max_batch_ops: 15, ..usual() }),
            ("maxBatchBytes", HostLimits { max_batch_bytes: (16 << 10) - 1, ..usual() }),
        ] {
            let error = Sizes::new(&limits).expect_err("refused");
            assert_eq!(error.code(), ErrorCode::Unsupported);
            assert!(error.message().contains(name), "{error}");
        }
    }
}
