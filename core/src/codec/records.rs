//! Records as they are handed in, and entries as they lie in blocks, commit rows and pages.
//!
//! ```text
//! entry   u32 length, payload | u32 length, metadata
//! metadata   nothing, or: u32 pairs (>= 1), pairs x { u32 length, key | u32 length, value }
//!            UTF-8, keys strictly ascending by their bytes
//! record frame   u32 count | u8 has_sequences | count x u64 sequence, 0: none (if has_sequences is 1) | count x entry
//! ```
//!
//! The logical bytes of an entry are those of its payload, its keys and its values. Entries are validated once, where
//! they come in, and copied as they are from there on.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::borrow::Borrow;

use super::bytes::{Reader, put_bytes_u32, put_len_u32, put_u64};
use crate::error::{Error, Result};
use crate::shared::SharedBytes;

/// What the two length fields of an entry take: the fewest bytes that an entry has.
pub(crate) const ENTRY_LENGTHS: usize = 8;

/// What is wrong with an entry: small, so that the loop over a thousand of them stays quick.
type Flaw = &'static str;

/// How much some entries hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Measure {
    /// The bytes of all payloads, keys and values.
    pub(crate) logical: u64,
    /// The encoded length of the largest entry.
    pub(crate) largest: usize,
}

/// Validates `count` entries that fill `entries` exactly; `CORRUPT` names the first that is not well-formed, and why.
pub(crate) fn measure_entries(entries: &[u8], count: u64) -> Result<Measure> {
    let mut measure = Measure::default();
    let mut rest = entries;
    for index in 0..count {
        let (entry, after) = split(rest).map_err(|flaw| flawed(index, flaw))?;
        // Lengths of parts of one slice: their sum is its length at most.
        measure.logical += logical_bytes(&entry).map_err(|flaw| flawed(index, flaw))?;
        measure.largest = measure.largest.max(entry.encoded_len());
        rest = after;
    }
    if rest.is_empty() {
        Ok(measure)
    } else {
        Err(Error::corrupt(alloc::format!("entries: {} bytes after the last", rest.len())))
    }
}

/// Where the entry `count` further on than the one at `start` begins, or ends the last. Looks at lengths alone, for
/// entries that were validated when they came in.
pub(crate) fn skip_entries(entries: &[u8], start: usize, count: u64) -> Result<usize> {
    let mut rest = entries.get(start..).ok_or_else(|| flawed(0, "begins after the end"))?;
    for index in 0..count {
        (_, rest) = split(rest).map_err(|flaw| flawed(index, flaw))?;
    }
    Ok(entries.len() - rest.len())
}

/// How many of the first entries have at most `budget` bytes together.
pub(crate) fn fit_entries(entries: &[u8], budget: usize) -> Result<u64> {
    let mut rest = entries;
    let mut count = 0;
    while !rest.is_empty() {
        let (_, after) = split(rest).map_err(|flaw| flawed(count, flaw))?;
        if entries.len() - after.len() > budget {
            break;
        }
        rest = after;
        count += 1;
    }
    Ok(count)
}

#[cold]
fn flawed(index: u64, flaw: Flaw) -> Error {
    Error::corrupt(alloc::format!("entry {index}: {flaw}"))
}

#[inline]
fn prefixed(bytes: &[u8], flaw: Flaw) -> Result<(&[u8], &[u8]), Flaw> {
    let (length, rest) = bytes.split_first_chunk().ok_or(flaw)?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or(flaw)
}

/// The first entry and what follows it; the inside of the metadata is not looked at.
#[inline]
fn split(bytes: &[u8]) -> Result<(EntryView<'_>, &[u8]), Flaw> {
    let (payload, rest) = prefixed(bytes, "the payload is cut short")?;
    let (metadata, rest) = prefixed(rest, "the metadata is cut short")?;
    Ok((EntryView { payload, metadata }, rest))
}

#[inline]
fn logical_bytes(entry: &EntryView<'_>) -> Result<u64, Flaw> {
    let pairs = if entry.metadata.is_empty() { 0 } else { metadata_bytes(entry.metadata)? };
    Ok(entry.payload.len() as u64 + pairs)
}

fn metadata_bytes(metadata: &[u8]) -> Result<u64, Flaw> {
    let (count, mut rest) = metadata.split_first_chunk().ok_or("the metadata is cut short")?;
    let count = u32::from_le_bytes(*count);
    if count == 0 {
        return Err("metadata without pairs must have no bytes");
    }
    let mut logical = 0;
    let mut last: Option<&[u8]> = None;
    for _ in 0..count {
        let (key, after) = prefixed(rest, "a metadata key is cut short")?;
        let (value, after) = prefixed(after, "a metadata value is cut short")?;
        if last.is_some_and(|last| last >= key) {
            return Err("metadata keys must be strictly ascending");
        }
        if core::str::from_utf8(key).is_err() || core::str::from_utf8(value).is_err() {
            return Err("metadata must be UTF-8");
        }
        logical += key.len() as u64 + value.len() as u64;
        last = Some(key);
        rest = after;
    }
    if rest.is_empty() { Ok(logical) } else { Err("bytes after the last metadata pair") }
}

/// An entry, borrowed from where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryView<'a> {
    payload: &'a [u8],
    metadata: &'a [u8],
}

impl<'a> EntryView<'a> {
    /// The one entry that `bytes` are.
    ///
    /// # Errors
    ///
    /// `CORRUPT` where they are anything else.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let (entry, rest) = split(bytes).map_err(|flaw| flawed(0, flaw))?;
        logical_bytes(&entry).map_err(|flaw| flawed(0, flaw))?;
        if rest.is_empty() { Ok(entry) } else { Err(flawed(0, "bytes after its end")) }
    }

    /// How many bytes its encoding has.
    pub const fn encoded_len(&self) -> usize {
        ENTRY_LENGTHS + self.payload.len() + self.metadata.len()
    }

    /// What the entry holds.
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The encoded metadata; empty where there is none.
    pub const fn metadata_bytes(&self) -> &'a [u8] {
        self.metadata
    }

    /// The metadata, by ascending key.
    pub fn metadata(&self) -> MetadataPairs<'a> {
        MetadataPairs { rest: self.metadata.get(4..).unwrap_or_default() }
    }
}

/// The pairs of an entry's metadata, by ascending key.
#[derive(Debug, Clone)]
pub struct MetadataPairs<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for MetadataPairs<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, rest) = prefixed(self.rest, "").ok()?;
        let (value, rest) = prefixed(rest, "").ok()?;
        self.rest = rest;
        Some((core::str::from_utf8(key).ok()?, core::str::from_utf8(value).ok()?))
    }
}

/// Entries that lie one behind the other, in their order.
#[derive(Debug, Clone)]
pub struct EntryViews<'a> {
    rest: &'a [u8],
}

impl<'a> EntryViews<'a> {
    /// Over entries of a [`RecordFrame`] or a page; over other bytes it ends at the first entry that is cut short.
    pub const fn new(entries: &'a [u8]) -> Self {
        Self { rest: entries }
    }
}

impl<'a> Iterator for EntryViews<'a> {
    type Item = EntryView<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let (entry, rest) = split(self.rest).ok()?;
        self.rest = rest;
        Some(entry)
    }
}

/// The records of one append, validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordFrame {
    count: u64,
    measure: Measure,
    sequences: Option<Vec<u64>>,
    entries: SharedBytes,
}

impl RecordFrame {
    /// Records of these payloads, without metadata.
    ///
    /// # Errors
    ///
    /// `LIMIT_EXCEEDED` where one is above 2^32 - 1 bytes, or there are more than that.
    pub fn of<P: AsRef<[u8]>>(payloads: impl IntoIterator<Item = P>) -> Result<Self> {
        let none = BTreeMap::new();
        Self::with_metadata(payloads.into_iter().map(|payload| (payload, &none)))
    }

    /// Records of these payloads and their metadata.
    ///
    /// # Errors
    ///
    /// `LIMIT_EXCEEDED` where payload or metadata are above 2^32 - 1 bytes, or there are more than that.
    pub fn with_metadata<P: AsRef<[u8]>, M: Borrow<BTreeMap<String, String>>>(
        records: impl IntoIterator<Item = (P, M)>,
    ) -> Result<Self> {
        let bodies: Result<Vec<_>> = records
            .into_iter()
            .map(|(payload, metadata)| encode_entry_body(payload.as_ref(), metadata.borrow()))
            .collect();
        Self::parse(encode_record_frame(&bodies?, None)?)
    }

    /// The records that `frame` holds, as [`encode_record_frame`] gives it.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` where it is not well-formed; the message names the record and the rule.
    pub fn parse(frame: Vec<u8>) -> Result<Self> {
        Self::read(&frame.into())
            .map_err(|error| Error::invalid(alloc::format!("records: {}", error.message())))
    }

    fn read(frame: &SharedBytes) -> Result<Self> {
        let mut reader = Reader::new(frame.bytes());
        let count = reader.count(ENTRY_LENGTHS, "count")?;
        let sequences = match reader.u8("has_sequences")? {
            0 => None,
            1 => {
                let mut sequences = Vec::with_capacity(count);
                for _ in 0..count {
                    sequences.push(reader.integer("sequence")?);
                }
                Some(sequences)
            }
            _ => return Err(Error::corrupt("has_sequences: must be 0 or 1")),
        };
        let entries = frame.part(reader.position()..frame.len());
        let count = count as u64;
        let measure = measure_entries(entries.bytes(), count)?;
        Ok(Self { count, measure, sequences, entries })
    }

    /// How many there are; may be 0.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The encoded length of the largest, in bytes.
    pub const fn largest(&self) -> usize {
        self.measure.largest
    }

    /// The bytes of all payloads, metadata keys and metadata values.
    pub const fn logical(&self) -> u64 {
        self.measure.logical
    }

    /// The sequence that the caller expects each to get, 0 for none; as many as there are records.
    pub fn sequences(&self) -> Option<&[u64]> {
        self.sequences.as_deref()
    }

    /// The records, encoded one behind the other.
    pub fn entries(&self) -> &[u8] {
        self.entries.bytes()
    }

    /// The records, in their order.
    pub fn views(&self) -> EntryViews<'_> {
        EntryViews::new(self.entries())
    }

    /// The encoded records, their count and logical bytes, and the sequences expected.
    pub(crate) fn into_parts(self) -> (SharedBytes, u64, u64, Option<Vec<u64>>) {
        (self.entries, self.count, self.measure.logical, self.sequences)
    }
}

/// One entry, encoded: what a record frame, a block and a page hold.
///
/// # Errors
///
/// `LIMIT_EXCEEDED` where payload or metadata are above 2^32 - 1 bytes.
pub fn encode_entry_body(payload: &[u8], metadata: &BTreeMap<String, String>) -> Result<Vec<u8>> {
    let mut pairs = Vec::new();
    if !metadata.is_empty() {
        put_len_u32(&mut pairs, metadata.len(), "metadata")?;
        for (key, value) in metadata {
            put_bytes_u32(&mut pairs, key.as_bytes(), "metadata key")?;
            put_bytes_u32(&mut pairs, value.as_bytes(), "metadata value")?;
        }
    }
    let length = ENTRY_LENGTHS.saturating_add(payload.len()).saturating_add(pairs.len());
    let mut out = Vec::with_capacity(length);
    put_bytes_u32(&mut out, payload, "payload")?;
    put_bytes_u32(&mut out, &pairs, "metadata")?;
    Ok(out)
}

/// A record frame of entries that [`encode_entry_body`] made, with the sequence expected of each (0: none) if given.
///
/// # Errors
///
/// `INVALID_ARGUMENT` where there are not as many sequences as entries, `LIMIT_EXCEEDED` above 2^32 - 1 entries.
pub fn encode_record_frame<B: AsRef<[u8]>>(bodies: &[B], sequences: Option<&[u64]>) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    put_len_u32(&mut out, bodies.len(), "records")?;
    out.push(u8::from(sequences.is_some()));
    if let Some(sequences) = sequences {
        if sequences.len() != bodies.len() {
            return Err(Error::invalid("sequences: must be as many as the records"));
        }
        for sequence in sequences {
            put_u64(&mut out, *sequence);
        }
    }
    for body in bodies {
        out.extend_from_slice(body.as_ref());
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::ErrorCode;
    use crate::id::MAX_INTEGER;

    type Record = (Vec<u8>, BTreeMap<String, String>);

    fn records() -> impl Strategy<Value = Vec<Record>> {
        let metadata = proptest::collection::btree_map("\\PC{0,3}", "\\PC{0,5}", 0..4);
        proptest::collection::vec((any::<Vec<u8>>(), metadata), 0..5)
    }

    fn bodies(records: &[Record]) -> Vec<Vec<u8>> {
        records.iter().map(|(payload, metadata)| encode_entry_body(payload, metadata).unwrap()).collect()
    }

    fn record(view: EntryView<'_>) -> Record {
        (view.payload().to_vec(), view.metadata().map(|(key, value)| (key.into(), value.into())).collect())
    }

    fn entry(metadata: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        put_bytes_u32(&mut out, b"x", "payload").unwrap();
        put_bytes_u32(&mut out, metadata, "metadata").unwrap();
        out
    }

    fn flaw(entries: &[u8], count: u64) -> String {
        let error = measure_entries(entries, count).unwrap_err();
        assert_eq!(error.code(), ErrorCode::Corrupt);
        error.message().into()
    }

    #[test]
    fn the_format_is_fixed() {
        let metadata = [("b".into(), "22".into()), ("a".into(), String::new())].into();
        let body = encode_entry_body(b"pay", &metadata).unwrap();
        let expected =
            ["03000000706179", "18000000", "02000000", "010000006100000000", "0100000062020000003232"];
        assert_eq!(crate::lexkey::to_hex(&body), expected.concat());
        assert_eq!(measure_entries(&body, 1).unwrap(), Measure { logical: 7, largest: 35 });
        let body = encode_entry_body(b"", &BTreeMap::new()).unwrap();
        assert_eq!(body, [0; 8]);
        assert_eq!(encode_record_frame(&[body], None).unwrap(), [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn every_flaw_is_named() {
        assert_eq!(measure_entries(&[], 0).unwrap(), Measure::default());
        assert_eq!(flaw(&[0; 7], 1), "entry 0: the metadata is cut short");
        assert_eq!(flaw(&[0; 8], u64::MAX), "entry 1: the payload is cut short");
        assert_eq!(flaw(&[0; 9], 1), "entries: 1 bytes after the last");
        assert_eq!(flaw(&[&[0; 8][..], &[9; 8]].concat(), 2), "entry 1: the payload is cut short");
        assert_eq!(flaw(&[0, 0, 0, 0, 1, 0, 0, 0], 1), "entry 0: the metadata is cut short");
        assert_eq!(flaw(&entry(&[1, 0, 0]), 1), "entry 0: the metadata is cut short");
        assert_eq!(flaw(&entry(&[0, 0, 0, 0]), 1), "entry 0: metadata without pairs must have no bytes");
        let pair = |key: u8, value: u8| [1, 0, 0, 0, key, 1, 0, 0, 0, value];
        let pairs = |count: u8, pairs: &[[u8; 10]]| [&[count, 0, 0, 0][..], &pairs.concat()].concat();
        measure_entries(&entry(&pairs(2, &[pair(b'a', 1), pair(b'b', 2)])), 1).unwrap();
        for keys in [(b'b', b'a'), (b'a', b'a')] {
            let wrong = pairs(2, &[pair(keys.0, 1), pair(keys.1, 2)]);
            assert_eq!(flaw(&entry(&wrong), 1), "entry 0: metadata keys must be strictly ascending");
        }
        assert_eq!(flaw(&entry(&pairs(1, &[pair(0xff, 1)])), 1), "entry 0: metadata must be UTF-8");
        assert_eq!(flaw(&entry(&pairs(1, &[pair(b'a', 0xff)])), 1), "entry 0: metadata must be UTF-8");
        assert_eq!(flaw(&entry(&pairs(2, &[pair(b'a', 1)])), 1), "entry 0: a metadata key is cut short");
        assert_eq!(
            flaw(&entry(&pairs(1, &[pair(b'a', 1)])[..9]), 1),
            "entry 0: a metadata value is cut short"
        );
        assert_eq!(
            flaw(&entry(&pairs(1, &[pair(b'a', 1), pair(b'b', 1)])), 1),
            "entry 0: bytes after the last metadata pair"
        );
    }

    #[test]
    fn a_frame_is_an_argument() {
        let refused = |frame: &[u8]| {
            let error = RecordFrame::parse(frame.to_vec()).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidArgument, "{error}");
            String::from(error.message())
        };
        refused(&[]);
        refused(&[0, 0, 0, 0]);
        refused(&[0xff; 4]);
        assert_eq!(refused(&[0, 0, 0, 0, 2]), "records: has_sequences: must be 0 or 1");
        assert_eq!(refused(&[0, 0, 0, 0, 0, 7]), "records: entries: 1 bytes after the last");
        let frame = encode_record_frame(&[[0; 8]], Some(&[MAX_INTEGER + 1])).unwrap();
        assert_eq!(refused(&frame), "records: sequence: 9007199254740992 is above 9007199254740991");
        let frame = RecordFrame::parse([0, 0, 0, 0, 0].to_vec()).unwrap();
        assert_eq!((frame.count(), frame.logical(), frame.views().count()), (0, 0, 0));
        assert!(encode_record_frame(&[[0; 8]], Some(&[])).is_err());
    }

    proptest! {
        #[test]
        fn records_are_framed_as_they_are_given(records in records()) {
            let frame = RecordFrame::with_metadata(records.iter().map(|(payload, metadata)| (payload, metadata)));
            prop_assert_eq!(frame.unwrap().views().map(record).collect::<Vec<_>>(), records);
        }

        #[test]
        fn frames_come_back(records in records(), numbered: bool) {
            let sequences: Vec<u64> = (0..records.len() as u64).collect();
            let sequences = numbered.then_some(&*sequences);
            let bodies = bodies(&records);
            let bytes = encode_record_frame(&bodies, sequences).unwrap();
            let frame = RecordFrame::parse(bytes).unwrap();
            prop_assert_eq!(frame.count(), records.len() as u64);
            prop_assert_eq!(frame.sequences(), sequences);
            prop_assert_eq!(frame.entries(), bodies.concat());
            prop_assert_eq!(frame.largest(), bodies.iter().map(Vec::len).max().unwrap_or(0));
            let found: Vec<Record> = frame.views().map(record).collect();
            prop_assert_eq!(&found, &records);
            let bytes = |(payload, metadata): &Record| {
                payload.len() + metadata.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>()
            };
            prop_assert_eq!(frame.logical(), records.iter().map(bytes).sum::<usize>() as u64);
            for (body, expected) in bodies.iter().zip(&records) {
                let view = EntryView::parse(body).unwrap();
                prop_assert_eq!(view.encoded_len(), body.len());
                prop_assert_eq!(view.metadata_bytes().is_empty(), expected.1.is_empty());
                prop_assert_eq!(&record(view), expected);
            }
            let (entries, count, logical, same) = frame.clone().into_parts();
            prop_assert_eq!((entries.bytes(), count, logical), (frame.entries(), frame.count(), frame.logical()));
            prop_assert_eq!(same.as_deref(), sequences);
        }

        #[test]
        fn entries_are_skipped_and_fitted(records in records(), from in 0_usize..6, count in 0_usize..6, budget in 0_usize..400) {
            let bodies = bodies(&records);
            let all = bodies.concat();
            let length = |count: usize| bodies.iter().take(count).map(Vec::len).sum::<usize>();
            let from = from.min(bodies.len());
            let end = skip_entries(&all, length(from), count as u64);
            if from + count <= bodies.len() {
                prop_assert_eq!(end.unwrap(), length(from + count));
            } else {
                prop_assert_eq!(end.unwrap_err().code(), ErrorCode::Corrupt);
            }
            let fitting = (0..=bodies.len()).rev().find(|count| length(*count) <= budget).unwrap();
            prop_assert_eq!(fit_entries(&all, budget).unwrap(), fitting as u64);
        }

        #[test]
        fn damage_never_panics_and_what_is_read_is_well_formed(
            records in records(), damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        ) {
            let mut bytes = encode_record_frame(&bodies(&records), None).unwrap();
            for (at, byte) in damage {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let mut result = None;
            let memory = allocation_counter::measure(|| result = Some(RecordFrame::parse(bytes.clone())));
            prop_assert!(memory.bytes_total < u64::try_from(4 * bytes.len() + 1000).unwrap());
            if let Some(Ok(frame)) = result {
                // There is one encoding of a record: what was read is written the same.
                let found: Vec<Record> = frame.views().map(record).collect();
                prop_assert_eq!(frame.entries(), bodies(&found).concat());
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, start in 0_usize..100, count in 0_u64..10) {
            let _ = RecordFrame::parse(bytes.clone());
            let _ = measure_entries(&bytes, count);
            let _ = skip_entries(&bytes, start, count);
            let _ = fit_entries(&bytes, start);
            if let Ok(view) = EntryView::parse(&bytes) {
                view.metadata().for_each(drop);
            }
            EntryViews::new(&bytes).for_each(|view| view.metadata().for_each(drop));
        }
    }
}
