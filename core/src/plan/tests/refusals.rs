//! What a request is refused for, and what is taken just before that.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use uuid::Uuid;

use super::{Nothing, request, write};
use crate::codec::Trx;
use crate::error::{Detail, Error, ErrorCode};
use crate::id::{EntryId, MAX_INTEGER};
use crate::kv::{Atomicity, Check, HostLimits, Put};
use crate::layout::Packing;
use crate::layout::lease::LeaseRow;
use crate::layout::segment::SegmentHead;
use crate::layout::space::SpaceHead;
use crate::layout::stream::StreamMeta;
use crate::layout::trx::TrxRow;
use crate::plan::{
    AttachedRows, FirstEntry, Known, LeaseHold, Planner, SegmentState, Sizes, StreamWrite, TrimTo, Verdict,
    WriteRequest,
};

const NOW: u64 = 1000;

/// Every space, segment and lease is this one.
struct Stored {
    space: SpaceHead,
    segment: SegmentHead,
    lease: Option<LeaseRow>,
}

impl Stored {
    fn new() -> Self {
        Self { space: SpaceHead::EMPTY, segment: SegmentHead::EMPTY, lease: None }
    }
}

impl Known for Stored {
    fn space(&self, _: &str) -> Option<(Option<&[u8]>, &SpaceHead)> {
        Some((None, &self.space))
    }

    fn segment(&self, _: &str, _: &str) -> SegmentState {
        SegmentState { head: self.segment, first: None }
    }

    fn trx(&self, _: &str, _: &str, _: Uuid) -> Option<TrxRow> {
        None
    }

    fn lease(&self, _: &str) -> Option<(Vec<u8>, LeaseRow)> {
        self.lease.clone().map(|row| (row.encode(), row))
    }
}

fn sizes() -> Sizes {
    Sizes::new(&HostLimits::default()).expect("supported")
}

fn one_record(id: u128) -> WriteRequest {
    request(vec![write("space", "segment", &[1])], id, false)
}

/// The refusal of a request that is planned by itself, if it is refused.
fn refusal(request: &WriteRequest, known: &dyn Known) -> Option<Error> {
    match Planner::new(&sizes(), Uuid::from_u128(1), NOW, false).add(request, known) {
        Verdict::Planned(_) => None,
        Verdict::Refused(error) => Some(error),
        other => panic!("{other:?}"),
    }
}

fn code(request: &WriteRequest, known: &dyn Known) -> Option<ErrorCode> {
    refusal(request, known).map(|error| error.code())
}

fn number(error: &Error, name: &str) -> Option<u64> {
    match error.detail(name) {
        Some(Detail::Number(number)) => Some(*number),
        _ => None,
    }
}

#[test]
fn a_lease_is_held_by_its_holder_with_its_token_until_it_expires() {
    let mut known = Stored::new();
    let mut one = one_record(1);
    one.lease = Some(LeaseHold { key: "key".to_owned(), holder: "me".to_owned(), token: 7 });
    assert_eq!(code(&one, &known), Some(ErrorCode::LeaseLost), "nobody holds it");
    let lease =
        |holder: &str, token, expires| LeaseRow { token, expires, nonce: 0, holder: String::from(holder) };
    for (row, refused) in [
        (lease("me", 7, NOW + 1), false),
        (lease("me", 7, NOW), true),
        (lease("me", 8, NOW + 1), true),
        (lease("other", 7, NOW + 1), true),
    ] {
        known.lease = Some(row.clone());
        assert_eq!(code(&one, &known), refused.then_some(ErrorCode::LeaseLost), "{row:?}");
    }
}

#[test]
fn the_lease_of_a_write_is_checked_by_its_commit() {
    let row = LeaseRow { token: 7, expires: NOW + 1, nonce: 0, holder: "me".to_owned() };
    let known = Stored { lease: Some(row.clone()), ..Stored::new() };
    let mut one = one_record(1);
    one.lease = Some(LeaseHold { key: "key".to_owned(), holder: "me".to_owned(), token: 7 });
    let sizes = sizes();
    let mut planner = Planner::new(&sizes, Uuid::from_u128(1), NOW, false);
    assert!(matches!(planner.add(&one, &known), Verdict::Planned(_)));
    let (_, checks, _) = planner.finish(5, false, &mut Packing::Raw).expect("encodes");
    let check = Check { key: crate::layout::lease::key("key"), value: Some(row.encode()) };
    assert_eq!(checks, [check]);
}

#[test]
fn a_number_of_a_trx_is_the_next_one_of_its_segment() {
    let mut known = Stored::new();
    let mut one = one_record(1);
    let mut told = |known: &Stored, asked| {
        one.trx_number = Some(asked);
        refusal(&one, known).map(|error| (error.code(), number(&error, "expected"), number(&error, "actual")))
    };
    assert_eq!(told(&known, 0), Some((ErrorCode::TrxNumberAhead, Some(0), Some(1))));
    assert_eq!(told(&known, 1), None);
    assert_eq!(told(&known, 2), Some((ErrorCode::TrxNumberBehind, Some(2), Some(1))));
    known.segment.trx = Trx { number: 7, ..known.segment.trx };
    assert_eq!(told(&known, 6), Some((ErrorCode::TrxNumberAhead, Some(6), Some(8))));
    assert_eq!(told(&known, 7), Some((ErrorCode::TrxIdMismatch, Some(7), Some(8))));
    assert_eq!(told(&known, 8), None);
    assert_eq!(told(&known, 9), Some((ErrorCode::TrxNumberBehind, Some(9), Some(8))));
}

#[test]
fn records_get_the_sequences_that_are_expected_of_them() {
    let mut known = Stored::new();
    known.segment.last_sequence = 4;
    let told = |sequences: [u64; 3]| {
        let mut three = request(vec![write("space", "segment", &[1, 1, 1])], 1, false);
        three.writes.iter_mut().for_each(|write| write.sequences = Some(sequences.to_vec()));
        refusal(&three, &known)
            .map(|error| (error.code(), number(&error, "expected"), number(&error, "actual")))
    };
    assert_eq!(told([5, 6, 7]), None);
    assert_eq!(told([0, 0, 7]), None, "0 is any");
    assert_eq!(told([5, 6, 8]), Some((ErrorCode::SequenceMismatch, Some(8), Some(7))));
    assert_eq!(told([0, 5, 0]), Some((ErrorCode::SequenceMismatch, Some(5), Some(6))));
}

#[test]
fn the_numbers_of_a_segment_stay_in_range() {
    let two = request(vec![write("space", "segment", &[1, 1])], 1, false);
    let told = |known: &Stored| {
        let error = refusal(&two, known)?;
        assert_eq!(error.code(), ErrorCode::LimitExceeded);
        Some((error.detail("what").cloned(), number(&error, "limit"), number(&error, "actual")))
    };
    let beyond =
        |what: &str| Some((Some(Detail::Text(what.into())), Some(MAX_INTEGER), Some(MAX_INTEGER + 1)));
    let mut known = Stored::new();
    known.segment.last_sequence = MAX_INTEGER - 2;
    assert_eq!(told(&known), None);
    known.segment.last_sequence = MAX_INTEGER - 1;
    assert_eq!(told(&known), beyond("sequence"));
    let mut known = Stored::new();
    known.segment.trx = Trx { number: MAX_INTEGER - 1, ..known.segment.trx };
    assert_eq!(told(&known), None);
    known.segment.trx = Trx { number: MAX_INTEGER, ..known.segment.trx };
    assert_eq!(told(&known), beyond("TRX number"));
}

#[test]
fn the_totals_of_a_space_stay_in_range() {
    let one = one_record(1);
    let (mut records, mut bytes) = (Stored::new(), Stored::new());
    records.space.records = MAX_INTEGER - 1;
    bytes.space.bytes = MAX_INTEGER - 1;
    assert_eq!((code(&one, &records), code(&one, &bytes)), (None, None));
    records.space.records = MAX_INTEGER;
    bytes.space.bytes = MAX_INTEGER;
    let beyond = Some(ErrorCode::LimitExceeded);
    assert_eq!((code(&one, &records), code(&one, &bytes)), (beyond, beyond));
}

#[test]
fn a_trim_goes_from_the_bound_that_was_seen_to_an_id_that_there_is() {
    let id = |n| EntryId { ms: 5, n };
    let mut known = Stored::new();
    known.space.trimmed = id(3);
    known.space.last_id = id(9);
    let trim = |from, upto| {
        let mut request = request(Vec::new(), 1, false);
        let trim = TrimTo { space: Rc::from("space"), from: id(from), upto: id(upto), records: 1, bytes: 1 };
        request.attached.trim = Some(Box::new(trim));
        request
    };
    assert_eq!(code(&trim(3, 9), &known), None);
    for beside in [trim(2, 9), trim(4, 9), trim(3, 10)] {
        let refused = refusal(&beside, &known).expect("refused");
        assert_eq!(refused.code(), ErrorCode::Conflict);
        assert!(refused.detail("attached").is_some(), "{refused}");
    }
    known.space.importing = true;
    assert_eq!(code(&trim(3, 9), &known), Some(ErrorCode::Conflict));
    assert_eq!(code(&trim(3, 9), &Nothing), Some(ErrorCode::Conflict), "there is no space");
}

#[test]
fn a_partition_was_chosen_of_the_stream_that_there_is() {
    let stored = |partitions, epoch| {
        let mut known = Stored::new();
        known.space.metadata = StreamMeta { partitions, epoch, ..StreamMeta::default() }.encode();
        known
    };
    let chosen = |partitions, epoch| {
        let mut one = one_record(1);
        one.writes.iter_mut().for_each(|write| write.stream = Some(StreamWrite { partitions, epoch }));
        one
    };
    let conflict = Some(ErrorCode::Conflict);
    assert_eq!(code(&chosen(4, 2), &stored(4, 2)), None);
    assert_eq!(code(&chosen(4, 2), &stored(3, 2)), conflict);
    assert_eq!(code(&chosen(4, 2), &stored(4, 3)), conflict);
    // There was none, and now there is one as the write would have made it, or another.
    assert_eq!(code(&chosen(0, 2), &stored(0, 2)), None);
    assert_eq!(code(&chosen(0, 2), &stored(1, 2)), None);
    assert_eq!(code(&chosen(0, 2), &stored(2, 2)), conflict);
    // There was one, and now there is none.
    assert_eq!(code(&chosen(1, 2), &stored(0, 2)), conflict);
    assert_eq!(code(&chosen(0, 0), &Nothing), None);
    assert_eq!(code(&chosen(1, 0), &Nothing), conflict);
}

#[test]
fn a_trx_is_found_again_in_the_plan_that_it_is_part_of() {
    let sizes = sizes();
    let mut planner = Planner::new(&sizes, Uuid::from_u128(1), NOW, false);
    let mut add =
        |segment: &str, id| planner.add(&request(vec![write("space", segment, &[1, 1])], id, true), &Nothing);
    let Verdict::Planned(first) = add("one", 1) else { panic!("it is new") };
    assert!(matches!(add("one", 2), Verdict::Planned(_)), "another TRX of the segment");
    assert!(matches!(add("two", 1), Verdict::Planned(_)), "another segment of the TRX");
    let Verdict::Answered(again) = add("one", 1) else { panic!("it is planned") };
    assert_eq!(again, first);
}

#[test]
fn rows_that_the_same_head_covers_go_one_after_another() {
    let sizes = sizes();
    let mut planner = Planner::new(&sizes, Uuid::from_u128(1), NOW, false);
    let mut add = |id, head: u8| {
        let mut one = one_record(id);
        one.attached.rows = Some(Box::new(AttachedRows {
            space: "space".to_owned(),
            group: "group".to_owned(),
            check: Check { key: vec![head], value: None },
            deletes: Vec::new(),
            puts: Vec::new(),
        }));
        planner.add(&one, &Nothing)
    };
    assert!(matches!(add(1, 1), Verdict::Planned(_)));
    assert!(matches!(add(2, 2), Verdict::Planned(_)));
    assert!(matches!(add(3, 1), Verdict::Full));
}

#[test]
fn spaces_that_are_committed_apart_each_have_a_commit_to_themselves() {
    let limits = HostLimits { atomic: Atomicity::Space, max_batch_ops: 20, ..HostLimits::default() };
    let sizes = Sizes::new(&limits).expect("supported");
    let add = |apart, counts: &[usize]| {
        let segment = |n: usize| alloc::format!("segment{n}");
        let writes = counts.iter().enumerate().flat_map(|(space, segments)| {
            let name = alloc::format!("space{space}");
            (0..*segments).map(move |n| write(&name, &segment(n), &[1])).collect::<Vec<_>>()
        });
        Planner::new(&sizes, Uuid::from_u128(1), NOW, apart)
            .add(&request(writes.collect(), 1, false), &Nothing)
    };
    // Of each space its head with a check, a commit row, one to spare; a block and a head of each segment.
    assert!(matches!(add(true, &[8, 8, 8]), Verdict::Planned(_)));
    assert!(matches!(add(false, &[8, 8]), Verdict::Refused(_)));
    let Verdict::Refused(refused) = add(true, &[1, 9, 1]) else { panic!("9 segments fit") };
    assert_eq!(refused.message(), "rows of one commit: 22 is above the limit of 20");
}

#[test]
fn rows_that_are_attached_count() {
    let limits = HostLimits { max_batch_ops: 20, max_batch_bytes: 64 << 10, ..HostLimits::default() };
    let sizes = Sizes::new(&limits).expect("supported");
    let told = |puts: usize, deletes: usize, bytes: usize| {
        let mut one = one_record(1);
        one.attached.rows = Some(Box::new(AttachedRows {
            space: "space".to_owned(),
            group: "group".to_owned(),
            check: Check { key: vec![1], value: None },
            deletes: vec![vec![2]; deletes],
            puts: vec![Put { key: vec![3], value: vec![0; bytes] }; puts],
        }));
        match Planner::new(&sizes, Uuid::from_u128(1), NOW, false).add(&one, &Nothing) {
            Verdict::Planned(_) => None,
            Verdict::Refused(error) => Some(String::from(error.message())),
            other => panic!("{other:?}"),
        }
    };
    // Besides them a record takes six rows, and their check one.
    assert_eq!(told(7, 6, 0), None);
    assert_eq!(told(7, 7, 0).as_deref(), Some("rows of one commit: 21 is above the limit of 20"));
    assert_eq!(told(2, 0, 30 << 10), None);
    let beyond = told(2, 0, 32 << 10).expect("refused");
    assert!(beyond.starts_with("bytes of one commit"), "{beyond}");
}

#[test]
fn the_first_entry_of_a_segment_is_above_the_trim_bound() {
    let id = |n| EntryId { ms: 5, n };
    let head = SegmentHead { last_sequence: 9, last_id: id(9), ..SegmentHead::EMPTY };
    let first = FirstEntry { sequence: 3, id: id(3) };
    let state = SegmentState { head, first: Some(first) };
    assert_eq!((state.first_above(id(2)), state.first_above(id(3))), (Some(first), None));
    assert!(state.is_first_known(id(2)) && !state.is_first_known(id(3)));
    assert!(state.is_first_known(id(9)), "there is none");
    assert!(!SegmentState { head, first: None }.is_first_known(id(8)));
}
