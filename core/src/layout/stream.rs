//! What a space head holds of the space as a stream: its metadata.
//!
//! ```text
//! 0   u8   version
//! 1   u32  partitions; 0: the space is no stream, only the epoch is kept
//! 5   u64  retention: most milliseconds, 0: any
//! 13  u64  retention: most records, 0: any
//! 21  u64  retention: most logical bytes, 0: any
//! 29  u64  milliseconds at which it was created
//! 37  u64  epoch: how often a stream of this name was deleted
//! ```
//!
//! A space without metadata is no stream, and has epoch 0. While a space is being imported, its head
//! carries the import's mark in this place (see `import_mark`), and the space is no stream either.

use alloc::vec::Vec;

use super::VERSION;
use super::space::{self, SpaceHead};
use crate::codec::Reader;
use crate::error::{Error, Result};

/// Size of the metadata.
pub(crate) const STREAM_META_BYTES: usize = 45;

/// How much a stream keeps, exact to the record; of several bounds the strictest counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// Records older than so many milliseconds go.
    pub max_age: Option<u64>,
    /// Only so many of the newest records stay.
    pub max_count: Option<u64>,
    /// Only so many of the newest records stay as have together at most so many bytes.
    pub max_bytes: Option<u64>,
}

impl Retention {
    /// Whether everything is kept.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// A space as a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct StreamMeta {
    /// 0: the space is no stream.
    pub(crate) partitions: u32,
    pub(crate) retention: Retention,
    /// Milliseconds since 1970.
    pub(crate) created_at: u64,
    /// What belongs to an older epoch belongs to a stream that was deleted.
    pub(crate) epoch: u64,
}

impl StreamMeta {
    /// What a head holds; a deleted space is no stream, but has an epoch.
    pub(crate) fn read(head: &SpaceHead) -> Result<Self> {
        if head.importing || head.metadata.is_empty() {
            return Ok(Self::default());
        }
        let meta = Self::decode(&head.metadata)?;
        if head.deleted { Ok(Self { epoch: meta.epoch, ..Self::default() }) } else { Ok(meta) }
    }

    /// The same, where damage names the key of the head.
    pub(crate) fn of(name: &str, head: &SpaceHead) -> Result<Self> {
        Self::read(head).map_err(|error| error.at_key(&space::key(name)))
    }

    /// Whether the space is a stream.
    pub(crate) fn is_stream(&self) -> bool {
        self.partitions > 0
    }

    /// The same of the space of a head, for readers: nothing else of the metadata is looked at.
    pub(crate) fn is_stream_at(head: &SpaceHead) -> bool {
        !head.importing && head.metadata.get(1..5).is_some_and(|partitions| partitions != [0; 4])
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(STREAM_META_BYTES);
        out.push(VERSION);
        out.extend_from_slice(&self.partitions.to_le_bytes());
        let Retention { max_age, max_count, max_bytes } = self.retention;
        for bound in [max_age, max_count, max_bytes] {
            out.extend_from_slice(&bound.unwrap_or(0).to_le_bytes());
        }
        out.extend_from_slice(&self.created_at.to_le_bytes());
        out.extend_from_slice(&self.epoch.to_le_bytes());
        out
    }

    /// Checks what a head holds, or an export of it, where no import is under way.
    ///
    /// # Errors
    /// `CORRUPT` when it does not decode.
    pub(crate) fn check(metadata: &[u8]) -> Result {
        if metadata.is_empty() { Ok(()) } else { Self::decode(metadata).map(drop) }
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        reader.version(VERSION, "stream metadata")?;
        let partitions = reader.u32("partitions")?;
        let mut bound = |what| reader.integer(what).map(|bound| (bound > 0).then_some(bound));
        let retention = Retention {
            max_age: bound("retention by age")?,
            max_count: bound("retention by count")?,
            max_bytes: bound("retention by bytes")?,
        };
        let created_at = reader.integer("creation time")?;
        let epoch = reader.integer("epoch")?;
        reader.end("stream metadata")?;
        if partitions == 0 && (created_at > 0 || !retention.is_none()) {
            return Err(Error::corrupt("stream metadata: it contradicts itself"));
        }
        Ok(Self { partitions, retention, created_at, epoch })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::id::EntryId;
    use proptest::prelude::*;

    fn head(metadata: Vec<u8>) -> SpaceHead {
        SpaceHead { metadata, ..SpaceHead::EMPTY }
    }

    proptest! {
        #[test]
        fn metadata_comes_back(partitions in 1_u32.., bounds in any::<[Option<u32>; 3]>(), created_at in 0_u64..1 << 48, epoch in 0_u64..1 << 53) {
            let bound = |bound: Option<u32>| bound.filter(|bound| *bound > 0).map(u64::from);
            let retention = Retention { max_age: bound(bounds[0]), max_count: bound(bounds[1]), max_bytes: bound(bounds[2]) };
            let meta = StreamMeta { partitions, retention, created_at, epoch };
            let encoded = meta.encode();
            prop_assert_eq!(encoded.len(), STREAM_META_BYTES);
            prop_assert_eq!(StreamMeta::read(&head(encoded)).expect("decodes"), meta);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 1..60)) {
            if let Err(error) = StreamMeta::read(&head(bytes)) {
                prop_assert_eq!(error.code(), ErrorCode::Corrupt);
            }
        }
    }

    #[test]
    fn a_space_without_metadata_is_no_stream() {
        let meta = StreamMeta::read(&SpaceHead { last_id: EntryId::new(5, 0), ..SpaceHead::EMPTY }).unwrap();
        assert!(!meta.is_stream());
        assert_eq!(meta.epoch, 0);
    }

    #[test]
    fn an_import_under_way_is_no_stream() {
        let meta = StreamMeta::read(&SpaceHead { importing: true, ..head([7; 16].to_vec()) }).unwrap();
        assert_eq!(meta, StreamMeta::default());
    }

    #[test]
    fn a_deleted_stream_keeps_its_epoch_only() {
        let meta = StreamMeta { partitions: 3, created_at: 9, epoch: 4, ..StreamMeta::default() };
        let deleted = SpaceHead { deleted: true, ..head(meta.encode()) };
        assert_eq!(StreamMeta::read(&deleted).unwrap(), StreamMeta { epoch: 4, ..StreamMeta::default() });
    }
}
