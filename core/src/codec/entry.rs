//! A whole entry in one piece, for programs that hand entries on one by one. The store itself keeps, and exports, entries
//! in runs.
//!
//! ```text
//! u64 sequence | i64 timestamp | 16 trx id | 16 trx node | u64 trx number
//! u32 length, payload
//! u32 pairs, pairs x { u32 length, key | u32 length, value }      keys strictly ascending
//! u32 length, space | u32 length, segment
//! ```
//!
//! The compressed form is one Zstandard frame of that.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use uuid::Uuid;

use super::bytes::{Reader, put_bytes_u32, put_len_u32, put_u64, put_uuid};
#[cfg(feature = "compression")]
use super::zstd::{Compressor, decompress_frame};
use crate::error::{Error, Result};
use crate::id::{MAX_INTEGER, MAX_MS};

/// What a chunk of entries was written by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Trx {
    /// Unique to the chunk.
    pub id: Uuid,
    /// The store instance that wrote it.
    pub node: Uuid,
    /// Counts the chunks of the segment, from 1.
    pub number: u64,
}

impl Trx {
    /// What no entry was written by.
    pub const NIL: Self = Self { id: Uuid::nil(), node: Uuid::nil(), number: 0 };
}

/// An entry with everything that identifies it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The space it is in.
    pub space: String,
    /// The segment of the space.
    pub segment: String,
    /// Its position in the segment, from 1.
    pub sequence: u64,
    /// When it was committed, in milliseconds since 1970.
    pub timestamp: u64,
    /// What it was written by.
    pub trx: Trx,
    /// What it holds.
    pub payload: Vec<u8>,
    /// What is said about it.
    pub metadata: BTreeMap<String, String>,
}

/// The fewest bytes that an encoded entry has.
pub(super) const MIN_ENTRY_BYTES: usize = 8 + 8 + 16 + 16 + 8 + 4 + 4 + 4 + 4;

/// An entry as bytes; equal entries give equal bytes.
///
/// # Errors
///
/// `LIMIT_EXCEEDED` where a number is above its limit, or a length above 2^32 - 1.
pub fn encode_entry(entry: &Entry) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(encoded_len(entry));
    put_entry(&mut out, entry)?;
    Ok(out)
}

/// The entry that [`encode_entry`] wrote.
///
/// # Errors
///
/// `CORRUPT` where `bytes` are anything else.
pub fn decode_entry(bytes: &[u8]) -> Result<Entry> {
    let mut reader = Reader::new(bytes);
    let sequence = reader.integer("sequence")?;
    let timestamp = reader.u64_within(MAX_MS, "timestamp")?;
    let trx = read_trx(&mut reader)?;
    let payload = reader.bytes_u32("payload")?.to_vec();
    let metadata = read_metadata(&mut reader)?;
    let space = reader.text_u32("space")?.into();
    let segment = reader.text_u32("segment")?.into();
    reader.end("entry")?;
    Ok(Entry { space, segment, sequence, timestamp, trx, payload, metadata })
}

/// An entry as one Zstandard frame.
///
/// # Errors
///
/// As [`encode_entry`].
#[cfg(feature = "compression")]
pub fn encode_compressed_entry(entry: &Entry, compressor: &mut Compressor) -> Result<Vec<u8>> {
    encode_entry(entry).map(|raw| compressor.frame(&raw))
}

/// The entry that [`encode_compressed_entry`] wrote, of at most `cap` bytes before compression.
///
/// # Errors
///
/// `CORRUPT` where `frame` is anything else.
#[cfg(feature = "compression")]
pub fn decode_compressed_entry(frame: &[u8], cap: usize) -> Result<Entry> {
    decode_entry(&decompress_frame(frame, cap)?)
}

/// How many bytes [`put_entry`] writes.
pub(super) fn encoded_len(entry: &Entry) -> usize {
    let pairs = entry
        .metadata
        .iter()
        .map(|(key, value)| 8_usize.saturating_add(key.len()).saturating_add(value.len()));
    [entry.payload.len(), entry.space.len(), entry.segment.len()]
        .into_iter()
        .chain(pairs)
        .fold(MIN_ENTRY_BYTES, usize::saturating_add)
}

pub(super) fn put_entry(out: &mut Vec<u8>, entry: &Entry) -> Result {
    put_within(out, entry.sequence, MAX_INTEGER, "sequence")?;
    // The format says i64; no timestamp reaches its sign.
    put_within(out, entry.timestamp, MAX_MS, "timestamp")?;
    put_trx(out, &entry.trx)?;
    put_bytes_u32(out, &entry.payload, "payload")?;
    put_len_u32(out, entry.metadata.len(), "metadata")?;
    for (key, value) in &entry.metadata {
        put_bytes_u32(out, key.as_bytes(), "metadata key")?;
        put_bytes_u32(out, value.as_bytes(), "metadata value")?;
    }
    put_bytes_u32(out, entry.space.as_bytes(), "space")?;
    put_bytes_u32(out, entry.segment.as_bytes(), "segment")
}

pub(super) fn put_trx(out: &mut Vec<u8>, trx: &Trx) -> Result {
    put_uuid(out, trx.id);
    put_uuid(out, trx.node);
    put_within(out, trx.number, MAX_INTEGER, "trx number")
}

pub(super) fn read_trx(reader: &mut Reader<'_>) -> Result<Trx> {
    Ok(Trx {
        id: Uuid::from_bytes(reader.array16("trx id")?),
        node: Uuid::from_bytes(reader.array16("trx node")?),
        number: reader.integer("trx number")?,
    })
}

fn read_metadata(reader: &mut Reader<'_>) -> Result<BTreeMap<String, String>> {
    let pairs = reader.count(8, "metadata")?;
    let mut metadata = BTreeMap::new();
    let mut last: Option<&str> = None;
    for _ in 0..pairs {
        let key = reader.text_u32("metadata key")?;
        if last.is_some_and(|last| last >= key) {
            return Err(Error::corrupt("metadata: keys must be strictly ascending"));
        }
        last = Some(key);
        metadata.insert(key.into(), reader.text_u32("metadata value")?.into());
    }
    Ok(metadata)
}

fn put_within(out: &mut Vec<u8>, value: u64, max: u64, what: &'static str) -> Result {
    if value > max {
        return Err(Error::limit(what, max, value));
    }
    put_u64(out, value);
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::ErrorCode;

    pub(crate) fn any_entry() -> impl Strategy<Value = Entry> {
        let numbers = (0..=MAX_INTEGER, 0..=MAX_MS, any::<u128>(), any::<u128>(), 0..=MAX_INTEGER);
        let metadata = proptest::collection::btree_map(any::<String>(), any::<String>(), 0..4);
        (numbers, any::<Vec<u8>>(), metadata, any::<String>(), any::<String>()).prop_map(
            |((sequence, timestamp, id, node, number), payload, metadata, space, segment)| Entry {
                space,
                segment,
                sequence,
                timestamp,
                trx: Trx { id: Uuid::from_u128(id), node: Uuid::from_u128(node), number },
                payload,
                metadata,
            },
        )
    }

    fn sample() -> Entry {
        Entry {
            space: "s".into(),
            segment: "g".into(),
            sequence: 2,
            timestamp: 3,
            trx: Trx { id: Uuid::from_u128(4), node: Uuid::from_u128(5), number: 6 },
            payload: b"pay".to_vec(),
            metadata: [("b".into(), "2".into()), ("a".into(), "1".into())].into(),
        }
    }

    #[test]
    fn the_format_is_fixed() {
        let expected = [
            "0200000000000000",
            "0300000000000000",
            "00000000000000000000000000000004",
            "00000000000000000000000000000005",
            "0600000000000000",
            "03000000706179",
            "02000000",
            "01000000610100000031",
            "01000000620100000032",
            "0100000073",
            "0100000067",
        ];
        assert_eq!(crate::lexkey::to_hex(&encode_entry(&sample()).unwrap()), expected.concat());
    }

    #[test]
    fn numbers_above_their_limits_are_refused_both_ways() {
        let changes: [fn(&mut Entry); 3] =
            [|e| e.sequence = MAX_INTEGER + 1, |e| e.timestamp = MAX_MS + 1, |e| e.trx.number = u64::MAX];
        for change in changes {
            let mut entry = sample();
            change(&mut entry);
            assert_eq!(encode_entry(&entry).unwrap_err().code(), ErrorCode::LimitExceeded);
        }
        for at in [7, 15, 55] {
            let mut bytes = encode_entry(&sample()).unwrap();
            bytes[at] = 0x80;
            assert_eq!(decode_entry(&bytes).unwrap_err().code(), ErrorCode::Corrupt);
        }
    }

    #[test]
    fn metadata_out_of_order_is_corrupt() {
        let bytes = encode_entry(&sample()).unwrap();
        let at = bytes.windows(2).position(|two| two == b"a\x01").unwrap();
        for key in [b'b', b'c'] {
            let mut bytes = bytes.clone();
            bytes[at] = key;
            assert_eq!(
                decode_entry(&bytes).unwrap_err().message(),
                "metadata: keys must be strictly ascending"
            );
        }
    }

    proptest! {
        #[test]
        fn entries_come_back(entry in any_entry()) {
            let bytes = encode_entry(&entry).unwrap();
            prop_assert_eq!(bytes.len(), encoded_len(&entry));
            prop_assert_eq!(decode_entry(&bytes).unwrap(), entry);
        }

        #[cfg(feature = "compression")]
        #[test]
        fn compressed_entries_come_back(entry in any_entry()) {
            let frame = encode_compressed_entry(&entry, &mut Compressor::default()).unwrap();
            prop_assert_eq!(decode_compressed_entry(&frame, 1 << 20).unwrap(), entry);
            prop_assert_eq!(decode_compressed_entry(&frame, 70).unwrap_err().code(), ErrorCode::Corrupt);
        }

        #[test]
        fn a_part_is_not_the_whole(entry in any_entry(), at: prop::sample::Index, more: u8) {
            let mut bytes = encode_entry(&entry).unwrap();
            let cut = bytes[..at.index(bytes.len())].to_vec();
            prop_assert_eq!(decode_entry(&cut).unwrap_err().code(), ErrorCode::Corrupt);
            bytes.push(more);
            prop_assert_eq!(decode_entry(&bytes).unwrap_err().code(), ErrorCode::Corrupt);
        }

        #[test]
        fn damage_never_panics_and_what_is_read_is_written_the_same(
            entry in any_entry(), damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        ) {
            let mut bytes = encode_entry(&entry).unwrap();
            for (at, byte) in damage {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let mut result = None;
            let memory = allocation_counter::measure(|| result = Some(decode_entry(&bytes)));
            prop_assert!(memory.bytes_total < u64::try_from(64 * bytes.len()).unwrap());
            if let Some(Ok(entry)) = result {
                prop_assert_eq!(encode_entry(&entry).unwrap(), bytes);
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = decode_entry(&bytes);
        }

        #[cfg(feature = "compression")]
        #[test]
        fn arbitrary_frames_never_panic(bytes: Vec<u8>) {
            let _ = decode_compressed_entry(&bytes, 1 << 16);
        }
    }
}
