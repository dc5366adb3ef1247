//! Space heads: the state of a space, and what every commit to it checks. Never removed.
//!
//! ```text
//! key    INV 00 SPACES 00 space
//! value  0    u8    version
//!        1    u8    flags: 1 deleted, 2 importing, 4 void ids (persisted, keep stable)
//!        2    u64   revision: goes up with every rewrite
//!        10   u64   nonce of the last rewrite
//!        18   u64   layout: goes up when blocks or commit rows are merged or collected
//!        26   u64   milliseconds of the last id
//!        34   u64   n of the last id
//!        42   u64   milliseconds of the trim bound: ids at or below it are gone
//!        50   u64   n of the trim bound
//!        58   u64   milliseconds of the bound up to which trimmed rows are collected
//!        66   u64   n of that bound
//!        74   u64   records ever appended
//!        82   u64   logical bytes ever appended
//!        90   u64   records trimmed
//!        98   u64   logical bytes trimmed
//!        106  [16]  pending transaction, or nil
//!        122  u32   length of the stream's metadata, then the metadata
//!             u32   carried segment heads, then per head: u8 name length, name, segment head
//!             where flagged: u32 ranges of void ids, then per range: u64 milliseconds and u64 n of the id
//!                   before it, the same of its last id
//!             u32   CRC-32C of what precedes
//! ```
//!
//! The revision makes the check of these bytes cover every row of the space: a head that changes and
//! changes back is still another head. Heads are carried only on hosts without atomic commits, where
//! this row is the commit point of them all. There a writer may stop before its head: `voids` has the ids
//! of what it left.
//!
//! While the space is being imported, the import's mark stands in the place of the metadata (see
//! `import_mark`): by it an import knows that the space is still its own.

use alloc::string::String;
use alloc::vec::Vec;

use uuid::Uuid;

use super::VERSION;
use super::envelope::{seal, unseal};
use super::key::{self, KeyRange};
use super::segment::{SEGMENT_HEAD_BYTES, SegmentHead};
use super::voids::Voids;
use crate::codec::{Reader, length8, length32};
use crate::error::{Error, Result};
use crate::id::EntryId;
use crate::lexkey::KeyReader;

const DELETED: u8 = 1;
const IMPORTING: u8 = 2;
const VOIDS: u8 = 4;
/// What a build knows: only a full one opens hosts where there are void ids.
const FLAGS: u8 = DELETED | IMPORTING | if cfg!(feature = "every-host") { VOIDS } else { 0 };
/// Size of a space head without metadata and carried segments.
pub(crate) const SPACE_HEAD_BYTES: usize = 134;

pub(crate) fn key(space: &str) -> Vec<u8> {
    key::begin(&["INV", "SPACES", space]).finish()
}

/// The heads of all spaces, in byte order of their names.
pub(crate) fn range() -> KeyRange {
    key::under(key::begin(&["INV", "SPACES"]))
}

/// The space's name in the key of its head.
pub(crate) fn name(row_key: &[u8]) -> Option<String> {
    key::read(row_key, &["INV", "SPACES"], KeyReader::text).map(String::from)
}

/// The state of a space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SpaceHead {
    pub(crate) deleted: bool,
    /// An import is writing rows that nobody may see before it ends.
    pub(crate) importing: bool,
    pub(crate) revision: u64,
    pub(crate) nonce: u64,
    pub(crate) layout: u64,
    pub(crate) last_id: EntryId,
    pub(crate) trimmed: EntryId,
    pub(crate) collected: EntryId,
    pub(crate) records: u64,
    pub(crate) bytes: u64,
    pub(crate) trimmed_records: u64,
    pub(crate) trimmed_bytes: u64,
    pub(crate) pending: Uuid,
    pub(crate) metadata: Vec<u8>,
    pub(crate) carried: Vec<(String, SegmentHead)>,
    pub(crate) voids: Voids,
}

impl SpaceHead {
    /// A space that nothing was ever written to.
    pub(crate) const EMPTY: Self = Self {
        deleted: false,
        importing: false,
        revision: 0,
        nonce: 0,
        layout: 0,
        last_id: EntryId::ZERO,
        trimmed: EntryId::ZERO,
        collected: EntryId::ZERO,
        records: 0,
        bytes: 0,
        trimmed_records: 0,
        trimmed_bytes: 0,
        pending: Uuid::nil(),
        metadata: Vec::new(),
        carried: Vec::new(),
        voids: Voids::NONE,
    };

    /// Whether readers and listings see the space.
    pub(crate) fn is_visible(&self) -> bool {
        !self.deleted && !self.importing && self.last_id > EntryId::ZERO
    }

    /// Whether rows that were trimmed may still be there.
    pub(crate) fn has_uncollected(&self) -> bool {
        !self.importing && self.collected < self.trimmed
    }

    /// What every id that is given out from now on is above.
    pub(crate) fn floor(&self) -> EntryId {
        self.last_id.max(self.voids.end())
    }

    /// The head that a carried list holds for a segment.
    pub(crate) fn carried(&self, segment: &str) -> Option<&SegmentHead> {
        self.carried.iter().find(|(name, _)| name == segment).map(|(_, head)| head)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let capacity = SPACE_HEAD_BYTES
            + self.metadata.len()
            + self.carried.len() * (SEGMENT_HEAD_BYTES + 129)
            + self.voids.encoded_len();
        let mut row = Vec::with_capacity(capacity);
        row.push(VERSION);
        let deleted = if self.deleted { DELETED } else { 0 };
        let importing = if self.importing { IMPORTING } else { 0 };
        let voids = if self.voids.is_empty() { 0 } else { VOIDS };
        row.push(deleted | importing | voids);
        for number in [
            self.revision,
            self.nonce,
            self.layout,
            self.last_id.ms,
            self.last_id.n,
            self.trimmed.ms,
            self.trimmed.n,
            self.collected.ms,
            self.collected.n,
            self.records,
            self.bytes,
            self.trimmed_records,
            self.trimmed_bytes,
        ] {
            row.extend_from_slice(&number.to_le_bytes());
        }
        row.extend_from_slice(self.pending.as_bytes());
        row.extend_from_slice(&length32(self.metadata.len()).to_le_bytes());
        row.extend_from_slice(&self.metadata);
        row.extend_from_slice(&length32(self.carried.len()).to_le_bytes());
        for (name, head) in &self.carried {
            row.push(length8(name.len()));
            row.extend_from_slice(name.as_bytes());
            row.extend_from_slice(&head.encode());
        }
        if voids != 0 {
            self.voids.encode(&mut row);
        }
        seal(row)
    }

    pub(crate) fn decode(row: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(unseal(row, "space head")?);
        reader.version(VERSION, "space head")?;
        let flags = reader.u8("flags")?;
        if flags & !FLAGS != 0 {
            return Err(Error::corrupt("space head: unknown flags"));
        }
        let revision = reader.u64("revision")?;
        let nonce = reader.u64("nonce")?;
        let layout = reader.u64("layout")?;
        let mut id = |what| -> Result<EntryId> {
            let id = EntryId { ms: reader.integer(what)?, n: reader.integer(what)? };
            if id.in_bounds() { Ok(id) } else { Err(Error::corrupt("space head: an id is out of range")) }
        };
        let last_id = id("last id")?;
        let trimmed = id("trim bound")?;
        let collected = id("collected bound")?;
        let records = reader.integer("records")?;
        let bytes = reader.integer("bytes")?;
        let trimmed_records = reader.integer("trimmed records")?;
        let trimmed_bytes = reader.integer("trimmed bytes")?;
        let pending = Uuid::from_bytes(reader.array16("pending transaction")?);
        let length = reader.u32("metadata length")? as usize;
        let metadata = reader.take(length, "metadata")?.to_vec();
        let count = reader.u32("carried segments")?;
        let mut carried = Vec::new();
        for _ in 0..count {
            let length = usize::from(reader.u8("segment length")?);
            let name = String::from(reader.text(length, "segment")?);
            let head = SegmentHead::decode(reader.take(SEGMENT_HEAD_BYTES, "segment head")?)?;
            carried.push((name, head));
        }
        let voids = if flags & VOIDS == 0 { Voids::NONE } else { Voids::decode(&mut reader)? };
        reader.end("space head")?;
        if trimmed > last_id || collected > trimmed || trimmed_records > records {
            return Err(Error::corrupt("space head: it contradicts itself"));
        }
        Ok(Self {
            deleted: flags & DELETED != 0,
            importing: flags & IMPORTING != 0,
            revision,
            nonce,
            layout,
            last_id,
            trimmed,
            collected,
            records,
            bytes,
            trimmed_records,
            trimmed_bytes,
            pending,
            metadata,
            carried,
            voids,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_row_comes_back(revision in any::<u64>(), ms in 1_u64..1 << 48, records in 0_u64..1 << 53, pending in any::<u128>(), flags in any::<(bool, bool)>(), void in prop::option::of(1_u64..9),
            metadata in prop::collection::vec(any::<u8>(), 0..50), names in prop::collection::btree_set("[a-z]{1,9}", 0..4)) {
            let mut voids = Voids::NONE;
            if let Some(length) = void.filter(|_| cfg!(feature = "every-host")) {
                voids.add(EntryId { ms: 1, n: 3 }, EntryId { ms: 1, n: 3 + length });
            }
            let row = SpaceHead {
                deleted: flags.0,
                importing: flags.1,
                revision,
                nonce: revision ^ ms,
                last_id: EntryId { ms, n: 3 },
                trimmed: EntryId { ms, n: 1 },
                records,
                bytes: records,
                trimmed_records: records / 2,
                pending: Uuid::from_u128(pending),
                metadata,
                carried: names
                    .into_iter()
                    .map(|name| (name, SegmentHead { last_sequence: 4, ..SegmentHead::EMPTY }))
                    .collect(),
                voids,
                ..SpaceHead::EMPTY
            };
            prop_assert_eq!(SpaceHead::decode(&row.encode()).expect("decodes"), row);
        }

        #[test]
        fn arbitrary_bytes_with_a_right_checksum_never_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Err(error) = SpaceHead::decode(&seal(body)) {
                prop_assert_eq!(error.code(), ErrorCode::Corrupt);
            }
        }
    }
}
