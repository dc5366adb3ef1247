//! Commit rows: what was committed to a space, in id order. Immutable until merged or trimmed.
//!
//! ```text
//! key    DAT 00 SPACES 00 space 00 milliseconds (i64) 00 last n (u64)
//! value  envelope, whose body is
//!        0   u64  milliseconds of the id before the first
//!        8   u64  n of the id before the first
//!        16  u64  records of the space up to the end of this row, ever
//!        24  u64  logical bytes of the space up to the end of this row, ever
//!        32  u32  runs
//!        36  per run, in id order:
//!            u8   kind: 0 reference, 1 inline (persisted, keep stable)
//!            u8   length of the segment's name, then the name
//!            u64  first sequence
//!            reference: u32 entries, u64 milliseconds, u64 first n, u64 logical bytes
//!            inline: u64 logical bytes, then the run (see run)
//! ```

use alloc::format;
use alloc::rc::Rc;
use alloc::vec;
use alloc::vec::Vec;

use super::envelope::{self, ENVELOPE_BYTES, Envelope, Packing};
use super::key::{self, KeyRange};
use super::run::Run;
use crate::codec::Reader;
use crate::error::{Error, Result};
use crate::id::EntryId;
use crate::kv::Value;
use crate::shared::SharedBytes;

const REFERENCE: u8 = 0;
const INLINE: u8 = 1;

/// A run whose encoding is no longer than this is stored in the commit row as well, so that reading
/// a space in order is a plain scan.
pub(crate) const INLINE_BYTES: usize = 4096;
/// Bytes of a commit row besides its runs.
pub(crate) const COMMIT_OVERHEAD_BYTES: usize = ENVELOPE_BYTES + 36;
/// Most bytes of a run in a commit row besides the name and an inline body.
pub(crate) const ITEM_OVERHEAD_BYTES: usize = 2 + 8 + 28;

pub(crate) fn key(space: &str, last: EntryId) -> Vec<u8> {
    // Milliseconds stay below 2^48.
    let ms = last.ms.cast_signed();
    key::begin(&["DAT", "SPACES", space]).i64(ms).u64(last.n).finish()
}

/// The rows of a space that end after `after` and not after `last`.
pub(crate) fn range(space: &str, after: EntryId, last: EntryId) -> KeyRange {
    KeyRange { start: key::successor(key(space, after)), end: key::successor(key(space, last)) }
}

/// All commit rows of a space.
pub(crate) fn range_of_space(space: &str) -> KeyRange {
    key::under(key::begin(&["DAT", "SPACES", space]))
}

/// The last id in the key of a commit row of this space.
pub(crate) fn last_id(row_key: &[u8], space: &str) -> Option<EntryId> {
    let (ms, n) = key::read(row_key, &["DAT", "SPACES", space], |rest| Ok((rest.i64()?, rest.u64()?)))?;
    Some(EntryId { ms: u64::try_from(ms).ok()?, n })
}

/// One run of a commit row.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) segment: Rc<str>,
    pub(crate) first_sequence: u64,
    pub(crate) count: u64,
    pub(crate) first_id: EntryId,
    pub(crate) logical: u64,
    /// The run itself where it is small.
    pub(crate) inline: Option<Run>,
}

impl Item {
    pub(crate) fn last_id(&self) -> EntryId {
        EntryId { ms: self.first_id.ms, n: self.first_id.n + self.count - 1 }
    }

    pub(crate) fn encoded_len(&self) -> usize {
        self.segment.len() + ITEM_OVERHEAD_BYTES + self.inline.as_ref().map_or(0, Run::encoded_len)
    }
}

/// A decoded commit row.
#[derive(Debug, Clone)]
pub(crate) struct CommitRow {
    /// The id before the first of this row.
    pub(crate) previous: EntryId,
    /// Records of the space up to the end of this row, ever.
    pub(crate) records: u64,
    /// Logical bytes of the space up to the end of this row, ever.
    pub(crate) bytes: u64,
    pub(crate) items: Vec<Item>,
}

impl CommitRow {
    pub(crate) fn last_id(&self) -> Option<EntryId> {
        self.items.last().map(Item::last_id)
    }

    /// Bytes of the items, uncompressed.
    pub(crate) fn body_len(&self) -> usize {
        self.items.iter().map(Item::encoded_len).sum()
    }

    pub(crate) fn encode(&self, packing: &mut Packing<'_>) -> Result<Vec<u8>> {
        let mut envelope = Envelope::with_capacity(36 + self.body_len());
        let out = envelope.bytes();
        out.extend_from_slice(&self.previous.ms.to_le_bytes());
        out.extend_from_slice(&self.previous.n.to_le_bytes());
        out.extend_from_slice(&self.records.to_le_bytes());
        out.extend_from_slice(&self.bytes.to_le_bytes());
        let too_many = || Error::limit("runs of a commit", u32::MAX.into(), self.items.len() as u64);
        let length = u32::try_from(self.items.len()).map_err(|_| too_many())?;
        out.extend_from_slice(&length.to_le_bytes());
        for item in &self.items {
            out.push(if item.inline.is_some() { INLINE } else { REFERENCE });
            let name = u8::try_from(item.segment.len())
                .map_err(|_| Error::invalid("segment: longer than 128 bytes"))?;
            out.push(name);
            out.extend_from_slice(item.segment.as_bytes());
            out.extend_from_slice(&item.first_sequence.to_le_bytes());
            if let Some(run) = &item.inline {
                out.extend_from_slice(&item.logical.to_le_bytes());
                run.encode(out)?;
            } else {
                let count = u32::try_from(item.count).map_err(|_| too_many())?;
                out.extend_from_slice(&count.to_le_bytes());
                out.extend_from_slice(&item.first_id.ms.to_le_bytes());
                out.extend_from_slice(&item.first_id.n.to_le_bytes());
                out.extend_from_slice(&item.logical.to_le_bytes());
            }
        }
        envelope.finish(packing)
    }
}

/// Segments' names that were read lately. Rows of many segments name each of them again and again: most are made
/// once, and most runs of a segment share one. The default remembers none.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// Each in the place that its hash gives, or pushed out of it.
    lately: Vec<Option<Rc<str>>>,
}

/// Places for names.
const NAMES: usize = 256;

impl Names {
    /// For many runs.
    pub(crate) fn remembered() -> Self {
        Self { lately: vec![None; NAMES] }
    }

    fn shared(&mut self, name: &str) -> Rc<str> {
        let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193) // FNV-1a
        });
        let place = (hash ^ hash >> 16) as usize % NAMES;
        match self.lately.get_mut(place) {
            Some(Some(known)) if **known == *name => Rc::clone(known),
            Some(place) => Rc::clone(place.insert(Rc::from(name))),
            None => Rc::from(name),
        }
    }
}

/// Decodes a row that stands at `last`.
pub(crate) fn decode(row: Value, last: EntryId) -> Result<CommitRow> {
    decode_sharing(row, last, &mut Names::default())
}

/// Decodes a row that stands at `last`, with names from here.
pub(crate) fn decode_sharing(row: Value, last: EntryId, names: &mut Names) -> Result<CommitRow> {
    let buffer = envelope::open(row, "commit row")?;
    let mut reader = Reader::new(buffer.bytes());
    let previous = EntryId { ms: reader.u64("previous milliseconds")?, n: reader.u64("previous n")? };
    if !previous.in_bounds() {
        return Err(Error::corrupt("commit row: a number is out of range"));
    }
    let records = reader.u64("records")?;
    let bytes = reader.u64("bytes")?;
    let length = reader.u32("runs")?;
    let mut items: Vec<Item> = Vec::new();
    let mut before = previous;
    for _ in 0..length {
        let item = decode_item(&buffer, &mut reader, items.last(), names)?;
        if item.first_id <= before {
            return Err(Error::corrupt("commit row: ids do not go up"));
        }
        before = item.last_id();
        items.push(item);
    }
    reader.end("commit row")?;
    if items.is_empty() || before != last {
        return Err(Error::corrupt("commit row: it does not end where its key says"));
    }
    Ok(CommitRow { previous, records, bytes, items })
}

fn decode_item(
    buffer: &SharedBytes,
    reader: &mut Reader<'_>,
    before: Option<&Item>,
    names: &mut Names,
) -> Result<Item> {
    let kind = reader.u8("run kind")?;
    let name_length = usize::from(reader.u8("segment length")?);
    let name = reader.text(name_length, "segment")?;
    // Neighbouring runs are often of one segment.
    let segment = match before {
        Some(before) if &*before.segment == name => Rc::clone(&before.segment),
        _ => names.shared(name),
    };
    let first_sequence = reader.u64("first sequence")?;
    match kind {
        REFERENCE => {
            let count = u64::from(reader.u32("run count")?);
            let first_id = EntryId { ms: reader.u64("run milliseconds")?, n: reader.u64("run first n")? };
            let logical = reader.u64("run bytes")?;
            let limit = crate::id::MAX_INTEGER;
            if count == 0
                || first_sequence == 0
                || first_sequence.saturating_add(count - 1) > limit
                || first_id.n.saturating_add(count - 1) > limit
                || first_id.ms > crate::id::MAX_MS
            {
                return Err(Error::corrupt("commit row: a number is out of range"));
            }
            Ok(Item { segment, first_sequence, count, first_id, logical, inline: None })
        }
        INLINE => {
            let logical = reader.u64("run bytes")?;
            let run = Run::decode(buffer, reader, first_sequence)?;
            Ok(Item {
                segment,
                first_sequence,
                count: run.count,
                first_id: run.first_id,
                logical,
                inline: Some(run),
            })
        }
        other => Err(Error::corrupt(format!("commit row: unknown run kind {other}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::run::tests::{flat, some_runs};
    use super::*;
    use crate::error::ErrorCode;
    use proptest::prelude::*;

    #[test]
    fn names_are_shared_and_never_mixed_up() {
        let mut names = Names::remembered();
        let one = names.shared("order-1");
        assert!(Rc::ptr_eq(&one, &names.shared("order-1")));
        // Far more than there are places for.
        for round in 0..3 {
            for number in 0..4 * NAMES {
                let name = format!("order-{number}");
                assert_eq!(&*names.shared(&name), name, "round {round}");
            }
        }
        assert_eq!(&*one, "order-1");
    }

    fn row_of(runs: Vec<Run>, inline_upto: usize) -> CommitRow {
        let items: Vec<Item> = runs
            .into_iter()
            .enumerate()
            .map(|(n, run)| Item {
                segment: Rc::from(if n % 3 == 0 { "a" } else { "b" }),
                first_sequence: run.first_sequence,
                count: run.count,
                first_id: run.first_id,
                logical: run.body.bytes().len() as u64,
                inline: (run.encoded_len() <= inline_upto).then_some(run),
            })
            .collect();
        CommitRow { previous: EntryId { ms: 4, n: 9 }, records: 1000, bytes: 70_000, items }
    }

    #[test]
    fn the_largest_numbers_come_back_and_none_above_them() {
        use crate::id::MAX_INTEGER;
        let decoded = |first_sequence: u64, count: u64, previous: EntryId| {
            let first_id = EntryId { ms: EntryId::MAX.ms, n: MAX_INTEGER - 1 };
            let item =
                Item { segment: Rc::from("g"), first_sequence, count, first_id, logical: 9, inline: None };
            let last = item.last_id();
            let row = CommitRow { previous, records: 1, bytes: 9, items: vec![item] };
            decode(row.encode(&mut Packing::Raw).expect("encodes").into(), last).map_err(|error| error.code())
        };
        assert!(decoded(MAX_INTEGER - 1, 2, EntryId::ZERO).is_ok());
        assert_eq!(decoded(MAX_INTEGER, 2, EntryId::ZERO).err(), Some(ErrorCode::Corrupt));
        assert_eq!(decoded(1, 3, EntryId::ZERO).err(), Some(ErrorCode::Corrupt));
        let beyond = EntryId { ms: 5, n: MAX_INTEGER + 1 };
        assert_eq!(decoded(1, 1, beyond).err(), Some(ErrorCode::Corrupt));
    }

    proptest! {
        #[test]
        fn a_row_comes_back(runs in some_runs(), inline_upto in 60_usize..400) {
            let row = row_of(runs, inline_upto);
            let last = row.last_id().expect("items");
            let back = decode(row.encode(&mut Packing::Raw).expect("encodes").into(), last).expect("decodes");
            prop_assert_eq!((back.previous, back.records, back.bytes), (row.previous, row.records, row.bytes));
            prop_assert_eq!(back.items.len(), row.items.len());
            for (one, two) in back.items.iter().zip(&row.items) {
                prop_assert_eq!((&one.segment, one.first_sequence, one.count), (&two.segment, two.first_sequence, two.count));
                prop_assert_eq!((one.first_id, one.logical), (two.first_id, two.logical));
                prop_assert_eq!(one.inline.clone().map(|run| flat(&[run])), two.inline.clone().map(|run| flat(&[run])));
            }
        }

        #[test]
        fn arbitrary_bytes_with_a_right_checksum_never_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut envelope = Envelope::with_capacity(body.len());
            envelope.bytes().extend_from_slice(&body);
            let row = envelope.finish(&mut Packing::Raw).expect("seals");
            let result = decode(row.into(), EntryId { ms: 1, n: 1 });
            prop_assert!(result.is_err_and(|error| error.code() == ErrorCode::Corrupt));
        }

        #[test]
        fn keys_order_as_ids(a in (1_u64..1 << 48, any::<u32>()), b in (1_u64..1 << 48, any::<u32>())) {
            let a = EntryId { ms: a.0, n: a.1.into() };
            let b = EntryId { ms: b.0, n: b.1.into() };
            prop_assert_eq!(key("s", a).cmp(&key("s", b)), a.cmp(&b));
            prop_assert_eq!(last_id(&key("s", a), "s"), Some(a));
            prop_assert_eq!(last_id(&key("s2", a), "s"), None);
        }
    }
}
