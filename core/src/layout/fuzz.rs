//! Rows of every kind, changed anywhere, under a right checksum: decoding says what is in them or `CORRUPT`, takes
//! memory in proportion to the row, and what it accepts is encoded as it was.

use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;
use proptest::sample::Index;
use uuid::Uuid;

use super::commit::{CommitRow, Item};
use super::envelope::{ENVELOPE_BYTES, Envelope, unseal};
use super::group_member::{Looked, MemberRow};
use super::group_page::{NEVER, Pending};
use super::group_slots::Taker;
use super::group_timer::TimerRow;
use super::import_mark::ImportMark;
use super::lease::LeaseRow;
use super::redo::{RedoHeader, RedoPlace, RedoShare, RedoState};
use super::segment::SegmentHead;
use super::space::SpaceHead;
use super::stream::{Retention, StreamMeta};
use super::trx::TrxRow;
use super::{
    Packing, Run, Voids, block, commit, envelope, group, group_page, group_slots, identity, redo, run,
};
use crate::codec::Trx;
use crate::error::{ErrorCode, Result};
use crate::id::{EntryId, MAX_INTEGER};
use crate::kv::Put;

/// How a row ends or begins, and so how its checksum is made right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Frame {
    Sealed,
    Enveloped,
    /// It is a part of another row.
    Bare,
}

/// A kind of row: a valid one, and what decoding and encoding once more makes of any.
struct Kind {
    name: &'static str,
    frame: Frame,
    row: Vec<u8>,
    again: fn(&[u8]) -> Result<Vec<u8>>,
    /// Whether each state has one spelling only.
    canonical: bool,
}

const LAST: EntryId = EntryId { ms: 6, n: 1 };
const FIRST_OF_PAGE: EntryId = EntryId { ms: 3, n: 7 };

fn trx() -> Trx {
    Trx { id: Uuid::from_u128(7), node: Uuid::from_u128(8), number: 3 }
}

fn runs() -> Vec<Run> {
    let payloads = [vec![1, 2, 3], Vec::new()];
    let first = run::tests::run_of(&payloads, 4, EntryId { ms: 5, n: 2 });
    let second = run::tests::run_of(&payloads, 6, EntryId { ms: 6, n: 0 });
    vec![first, second]
}

fn commit_row() -> CommitRow {
    let item = |run: Run, inline: bool| Item {
        segment: Rc::from("seg"),
        first_sequence: run.first_sequence,
        count: run.count,
        first_id: run.first_id,
        logical: 3,
        inline: inline.then_some(run),
    };
    let items = runs().into_iter().enumerate().map(|(n, run)| item(run, n == 0)).collect();
    CommitRow { previous: EntryId { ms: 5, n: 1 }, records: 9, bytes: 90, items }
}

fn segment_head() -> SegmentHead {
    SegmentHead { last_sequence: 7, last_id: LAST, first_id: EntryId { ms: 1, n: 0 }, trx: trx() }
}

fn space_head() -> SpaceHead {
    let mut voids = Voids::NONE;
    if cfg!(feature = "every-host") {
        voids.add(EntryId { ms: 1, n: 3 }, EntryId { ms: 1, n: 9 });
        voids.add(EntryId { ms: 2, n: 0 }, EntryId { ms: 4, n: 0 });
    }
    SpaceHead {
        revision: 5,
        last_id: LAST,
        trimmed: EntryId { ms: 1, n: 0 },
        records: 7,
        bytes: 70,
        trimmed_records: 1,
        metadata: stream_meta().encode(),
        carried: vec![("seg".to_string(), segment_head())],
        voids,
        ..SpaceHead::EMPTY
    }
}

fn stream_meta() -> StreamMeta {
    let retention = Retention { max_count: Some(9), ..Retention::default() };
    StreamMeta { partitions: 3, retention, created_at: 5, epoch: 2 }
}

fn records() -> group_page::Records {
    let record = |deadline, slot| Pending { attempts: 1, delivered_at: 4, deadline, slot };
    BTreeMap::from([
        (FIRST_OF_PAGE, record(9, 1)),
        (EntryId { ms: 3, n: 8 }, record(9, 1)),
        (EntryId { ms: 4, n: 0 }, record(NEVER, 0)),
    ])
}

fn shares() -> Vec<RedoShare> {
    let share = |group: Option<&str>| RedoShare {
        place: RedoPlace { space: "s".into(), group: group.map(String::from) },
        base: group.map(|_| vec![1, 2]),
        deletes: vec![vec![3]],
        puts: vec![Put { key: vec![4], value: vec![5, 6] }],
    };
    vec![share(None), share(Some("g"))]
}

fn kinds() -> Vec<Kind> {
    let sealed = |name, row, again| Kind { name, frame: Frame::Sealed, row, again, canonical: true };
    let header = RedoHeader {
        state: RedoState::Committed,
        nonce: 5,
        parts: 2,
        places: shares().into_iter().map(|share| share.place).collect(),
    };
    let member = MemberRow { ended: Some(4), heard: 4, pending: 2, timer: 4, looked: Looked::default() };
    let lease = LeaseRow { token: 3, expires: 4, nonce: 5, holder: "me".into() };
    let trx_row =
        TrxRow { number: 3, first_sequence: 4, last_sequence: 7, first_id: EntryId { ms: 5, n: 2 } };
    let slots =
        vec![(128, vec![Taker { session: 1, pending: 2 }]), (130, vec![Taker { session: 300, pending: 1 }])];
    let mut all = vec![
        sealed("identity", identity::encode(Uuid::from_u128(3)), |row| {
            Ok(identity::encode(identity::decode(row)?))
        }),
        sealed("segment head", segment_head().encode(), |row| Ok(SegmentHead::decode(row)?.encode())),
        sealed("TRX row", trx_row.encode(), |row| {
            let decoded = TrxRow::decode(row)?;
            let _ = decoded.last_id();
            Ok(decoded.encode())
        }),
        sealed("lease", lease.encode(), |row| Ok(LeaseRow::decode(row)?.encode())),
        sealed("group head", group::tests::some_head().encode(), |row| {
            Ok(group::GroupHead::decode(row)?.encode())
        }),
        sealed("group member", member.encode(), |row| Ok(MemberRow::decode(row)?.encode())),
        sealed("group timer", TimerRow { consumer: "c".into(), page: Some(LAST) }.encode(), |row| {
            Ok(TimerRow::decode(row)?.encode())
        }),
        sealed("group slots", group_slots::encode(&slots, 1), |row| {
            Ok(group_slots::encode(&group_slots::decode(row, 1)?, 1))
        }),
        sealed("redo header", header.encode(), |row| Ok(RedoHeader::decode(row)?.encode())),
        sealed("redo body", redo::encode_body(&shares()), |row| {
            Ok(redo::encode_body(&redo::decode_body(row)?))
        }),
        sealed("space head", space_head().encode(), |row| {
            let head = SpaceHead::decode(row)?;
            let _ = (head.floor(), head.voids.contains(LAST), StreamMeta::read(&head));
            Ok(head.encode())
        }),
        sealed("group page", group_page::encode(&records()), |row| {
            Ok(group_page::encode(&group_page::decode(row, FIRST_OF_PAGE)?))
        }),
    ];
    for kind in &mut all {
        // Runs that could be one, and deliveries that none names, are read as well: only heads are compared byte for byte.
        kind.canonical = kind.name != "group page";
    }
    let enveloped = |name, row, again| Kind { name, frame: Frame::Enveloped, row, again, canonical: true };
    all.push(enveloped("block", block::encode(&runs(), &mut Packing::Raw).expect("encodes"), |row| {
        let decoded = block::decode(row.to_vec().into(), 7)?;
        let _ = decoded.is_void(&Voids::NONE);
        for run in &decoded.runs {
            let _ = (run.last_sequence(), run.last_id(), run.slice(1, 1)?, run.between(EntryId::ZERO, LAST)?);
        }
        block::encode(&decoded.runs, &mut Packing::Raw)
    }));
    all.push(enveloped("commit row", commit_row().encode(&mut Packing::Raw).expect("encodes"), |row| {
        let decoded = commit::decode(row.to_vec().into(), LAST)?;
        let _ = (decoded.last_id(), decoded.body_len());
        decoded.encode(&mut Packing::Raw)
    }));
    let bare = |name, row, again| Kind { name, frame: Frame::Bare, row, again, canonical: true };
    all.push(bare("stream metadata", stream_meta().encode(), |row| {
        let head = SpaceHead { metadata: row.to_vec(), ..SpaceHead::EMPTY };
        Ok(if row.is_empty() { Vec::new() } else { StreamMeta::read(&head)?.encode() })
    }));
    all.push(bare("import mark", ImportMark { id: Uuid::from_u128(1), ms: 2 }.encode(), |row| {
        let corrupt = || crate::error::Error::corrupt("no mark");
        Ok(ImportMark::decode(row).ok_or_else(corrupt)?.encode())
    }));
    all
}

/// A change of a row: where, what kind, and a number.
type Change = (Index, u8, u64);

fn change(body: &mut Vec<u8>, (at, how, number): &Change) {
    let low = number.to_le_bytes();
    let at = at.index(body.len() + 1);
    match how % 7 {
        0 if at < body.len() => body[at] = low[0],
        1 if at < body.len() => body[at] = body[at].wrapping_add(if number % 2 == 0 { 1 } else { 255 }),
        2 => body.insert(at, low[0]),
        3 if at < body.len() => drop(body.remove(at)),
        4 if at + 8 <= body.len() => {
            let extremes =
                [0, 1, u64::MAX, MAX_INTEGER, MAX_INTEGER + 1, 1 << 48, u64::from(u32::MAX), *number];
            body[at..at + 8].copy_from_slice(&extremes[usize::from(low[0]) % 8].to_le_bytes());
        }
        5 => body.truncate(at),
        6 => {
            let part = body[at..body.len().min(at + usize::from(low[1]) % 40)].to_vec();
            body.splice(at..at, part);
        }
        _ => {}
    }
}

/// What stands under the checksum, changed, and the row that it makes with a right one.
fn changed(kind: &Kind, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    match kind.frame {
        Frame::Sealed => {
            let mut body = unseal(&kind.row, "row").expect("unseals").to_vec();
            change(&mut body);
            envelope::seal(body)
        }
        Frame::Enveloped => {
            let mut body = kind.row[ENVELOPE_BYTES..].to_vec();
            change(&mut body);
            let mut envelope = Envelope::with_capacity(body.len());
            envelope.bytes().extend_from_slice(&body);
            envelope.finish(&mut Packing::Raw).expect("seals")
        }
        Frame::Bare => {
            let mut body = kind.row.clone();
            change(&mut body);
            body
        }
    }
}

#[test]
fn every_kind_comes_back() {
    for kind in kinds() {
        assert_eq!((kind.again)(&kind.row).expect("decodes"), kind.row, "{}", kind.name);
    }
}

#[test]
fn a_byte_more_or_less_is_no_row() {
    for kind in kinds() {
        let longer = changed(&kind, |body| body.push(0));
        let shorter = changed(&kind, |body| body.truncate(body.len() - 1));
        for row in [longer, shorter] {
            let error = (kind.again)(&row).expect_err(kind.name);
            assert_eq!(error.code(), ErrorCode::Corrupt, "{}", kind.name);
        }
    }
}

proptest! {
    #[test]
    fn changed_rows_are_read_as_they_are_or_corrupt(
        which in any::<Index>(),
        changes in prop::collection::vec(any::<Change>(), 1..4),
    ) {
        let kinds = kinds();
        let kind = which.get(&kinds);
        let row = changed(kind, |body| changes.iter().for_each(|one| change(body, one)));
        let mut again = None;
        let memory = allocation_counter::measure(|| again = Some((kind.again)(&row)));
        // A page of a few bytes may hold some thousand records, and no more.
        let least = if kind.name == "group page" { 2 << 20 } else { 16 << 10 };
        prop_assert!(memory.bytes_max < (least + 64 * row.len()) as u64, "{}: {memory:?}", kind.name);
        match again.expect("measured") {
            Err(error) => prop_assert_eq!(error.code(), ErrorCode::Corrupt, "{}", kind.name),
            Ok(again) if kind.canonical => prop_assert_eq!(again, row, "{}", kind.name),
            // What is written is read as the same.
            Ok(again) => prop_assert_eq!((kind.again)(&again).expect("decodes"), again, "{}", kind.name),
        }
    }
}
