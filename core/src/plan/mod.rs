//! Planning: pure functions from heads and requests to a batch and replies, or refusals. No I/O, no
//! clock, no randomness: what a plan needs of those is handed in.

mod append;
mod draft;
mod merge;
mod pack;
mod sizes;
#[cfg(test)]
mod tests;

pub(crate) use append::{Known, Planner, Verdict, attached_conflict};
pub(crate) use draft::{FirstEntry, PlannedSpace, SegmentState};
pub(crate) use merge::{MergeGroup, MergeSize, plan_merges};
pub(crate) use pack::{pack_blocks, pack_items};
pub(crate) use sizes::{COMMIT_RECORDS, LEAST_GROUP_OPS, Sizes};

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use uuid::Uuid;

use crate::id::EntryId;
use crate::kv::{Bytes, Check, Durability, Put};
use crate::shared::SharedBytes;
use crate::status::SegmentStatus;

/// Records for one segment, checked and encoded.
#[derive(Debug, Clone)]
pub(crate) struct Write {
    pub(crate) space: Rc<str>,
    pub(crate) segment: Rc<str>,
    /// The encoded entries.
    pub(crate) entries: SharedBytes,
    pub(crate) count: u64,
    /// Bytes of payloads and metadata.
    pub(crate) logical: u64,
    /// The segment's last sequence as the caller knows it.
    pub(crate) expected: Option<u64>,
    /// Per record the sequence the caller expects it to get; 0: any.
    pub(crate) sequences: Option<Vec<u64>>,
    /// The write is to a partition of a stream.
    pub(crate) stream: Option<StreamWrite>,
}

/// The stream that a partition was chosen of: the write is refused where it is another one by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StreamWrite {
    /// 0: there was none. The write makes one, with one partition.
    pub(crate) partitions: u32,
    pub(crate) epoch: u64,
}

/// Whether this build has writes that depend on more than the heads of their spaces.
pub(crate) const GUARDED_WRITES: bool = cfg!(feature = "guarded-writes");

/// A lease that a write depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeaseHold {
    pub(crate) key: String,
    pub(crate) holder: String,
    pub(crate) token: u64,
}

/// What a request changes besides its writes, in the same commit: rows that are covered by a check of
/// their own, and trim bounds of spaces.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attached {
    pub(crate) rows: Option<Box<AttachedRows>>,
    pub(crate) trim: Option<Box<TrimTo>>,
}

/// Rows of a consumer group, covered by the check of its head.
#[derive(Debug, Clone)]
pub(crate) struct AttachedRows {
    pub(crate) space: String,
    pub(crate) group: String,
    /// Where it fails, the request is refused with `CONFLICT` and the detail `attached`.
    pub(crate) check: Check,
    pub(crate) deletes: Vec<Bytes>,
    pub(crate) puts: Vec<Put>,
}

/// Moves a space's trim bound over records that the caller has seen.
#[derive(Debug, Clone)]
pub(crate) struct TrimTo {
    pub(crate) space: Rc<str>,
    /// Where the bound was when they were seen.
    pub(crate) from: EntryId,
    pub(crate) upto: EntryId,
    /// How many records go.
    pub(crate) records: u64,
    /// Their logical bytes.
    pub(crate) bytes: u64,
}

/// Writes that are stored together or not at all. No two are to the same segment.
#[derive(Debug, Clone)]
pub(crate) struct WriteRequest {
    pub(crate) writes: Vec<Write>,
    pub(crate) trx_id: Uuid,
    /// The TRX is the caller's: it is looked up before, and can be found again.
    pub(crate) trx_supplied: bool,
    pub(crate) trx_number: Option<u64>,
    pub(crate) lease: Option<LeaseHold>,
    pub(crate) durability: Durability,
    pub(crate) attached: Attached,
}

impl Write {
    pub(crate) fn stream(&self) -> Option<StreamWrite> {
        self.stream.filter(|_| GUARDED_WRITES)
    }
}

// The compiler sees that there are none in a build without.
impl WriteRequest {
    pub(crate) fn lease(&self) -> Option<&LeaseHold> {
        self.lease.as_ref().filter(|_| GUARDED_WRITES)
    }

    pub(crate) fn rows(&self) -> Option<&AttachedRows> {
        self.attached.rows.as_deref().filter(|_| GUARDED_WRITES)
    }

    pub(crate) fn trim(&self) -> Option<&TrimTo> {
        self.attached.trim.as_deref().filter(|_| GUARDED_WRITES)
    }
}

/// Where a segment stands after a write, and what the write made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written {
    /// The segment's first sequence that is left; 0 where a write to a stream did not look for it.
    pub first_sequence: u64,
    /// The milliseconds of that entry.
    pub first_ms: u64,
    /// The segment's last sequence.
    pub last_sequence: u64,
    /// The milliseconds of that entry.
    pub last_ms: u64,
    /// The id of the first record written.
    pub first_id: EntryId,
    /// The id of the last record written.
    pub last_id: EntryId,
}

impl Written {
    /// The segment, by its names, as it stands.
    pub fn status(&self, space: &str, segment: &str) -> SegmentStatus {
        SegmentStatus {
            space: space.into(),
            segment: segment.into(),
            first_sequence: self.first_sequence,
            first_timestamp: self.first_ms,
            last_sequence: self.last_sequence,
            last_timestamp: self.last_ms,
        }
    }
}
