//! Rows that are whole and say what cannot be: decoding refuses them, and takes what is just within the bounds.

use alloc::rc::Rc;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt::Debug;

use uuid::Uuid;

use super::commit::{CommitRow, Item};
use super::envelope::{Envelope, seal, unseal};
use super::group::MOST_SLOTS;
use super::group_member::{Looked, MemberRow};
use super::group_timer::TimerRow;
use super::redo::{RedoHeader, RedoState};
use super::run::tests::run_of;
use super::segment::SegmentHead;
use super::space::SpaceHead;
use super::stream::{Retention, StreamMeta};
use super::trx::TrxRow;
use super::{Packing, Run, VERSION, Voids, block, commit, group, group_page, group_slots, identity};
use crate::codec::{Crc32c, Reader, Trx, put_varint};
use crate::error::{ErrorCode, Result};
use crate::id::{EntryId, MAX_INTEGER, MAX_MS};
use crate::shared::SharedBytes;

fn id(ms: u64, n: u64) -> EntryId {
    EntryId { ms, n }
}

/// Whether a row is taken; what is not is `CORRUPT`.
fn is_taken<T: Debug>(decoded: Result<T>) -> bool {
    decoded.map_err(|error| assert_eq!(error.code(), ErrorCode::Corrupt, "{error:?}")).is_ok()
}

/// A sealed row with another byte in one place.
fn with_byte(row: &[u8], at: usize, byte: u8) -> Vec<u8> {
    let mut body = unseal(row, "row").expect("unseals").to_vec();
    body[at] = byte;
    seal(body)
}

fn enveloped(body: &[u8]) -> Vec<u8> {
    let mut envelope = Envelope::with_capacity(body.len());
    envelope.bytes().extend_from_slice(body);
    envelope.finish(&mut Packing::Raw).expect("seals")
}

/// Two entries with the sequences 4 and 5 and the ids 5-2 and 5-3.
fn two() -> Run {
    run_of(&[vec![1], vec![2, 3]], 4, id(5, 2))
}

#[test]
fn numbers_of_a_run_are_within_bounds() {
    let takes = |run: Run| {
        let mut bytes = Vec::new();
        run.encode(&mut bytes).expect("encodes");
        let buffer = SharedBytes::from(bytes);
        is_taken(Run::decode(&buffer, &mut Reader::new(buffer.bytes()), run.first_sequence))
    };
    let at = |ms, n| Run { first_id: id(ms, n), ..two() };
    assert!(takes(at(1, 0)) && takes(at(MAX_MS, 0)));
    assert!(!takes(at(0, 2)) && !takes(at(MAX_MS + 1, 0)));
    assert!(takes(at(5, MAX_INTEGER - 1)));
    assert!(!takes(at(5, MAX_INTEGER)) && !takes(at(5, u64::MAX)));
    let from = |first_sequence| Run { first_sequence, ..two() };
    assert!(takes(from(1)) && takes(from(MAX_INTEGER - 1)));
    assert!(!takes(from(0)) && !takes(from(MAX_INTEGER)) && !takes(from(u64::MAX)));
    let of = |number| Run { trx: Trx { number, ..two().trx }, ..two() };
    assert!(takes(of(MAX_INTEGER)) && !takes(of(MAX_INTEGER + 1)));
}

#[test]
fn the_entries_of_a_run_are_as_many_as_it_says() {
    let takes = |count, body: &SharedBytes| {
        let mut bytes = Vec::new();
        Run { count, body: body.clone(), ..two() }.encode(&mut bytes).expect("encodes");
        let buffer = SharedBytes::from(bytes);
        is_taken(Run::decode(&buffer, &mut Reader::new(buffer.bytes()), 4))
    };
    let body = two().body;
    assert!(takes(2, &body));
    assert!(!takes(0, &body) && !takes(1, &body) && !takes(3, &body));
    assert!(!takes(0, &SharedBytes::from(Vec::new())));
}

#[test]
fn a_run_is_of_the_trx_whose_last_entry_it_holds() {
    let run = two();
    let row = TrxRow { number: 4, first_sequence: 3, last_sequence: 4, first_id: id(5, 1) };
    let trx = run.trx.id;
    assert!(run.is_written_by(trx, &row));
    assert!(
        run.is_written_by(trx, &TrxRow { first_sequence: 4, last_sequence: 5, first_id: id(5, 2), ..row })
    );
    assert!(!run.is_written_by(Uuid::from_u128(1), &row));
    assert!(!run.is_written_by(trx, &TrxRow { number: 5, ..row }));
    assert!(!run.is_written_by(trx, &TrxRow { first_id: id(4, 1), ..row }));
    assert!(!run.is_written_by(trx, &TrxRow { first_id: id(5, 2), ..row }));
    let before = TrxRow { first_sequence: 2, last_sequence: 3, first_id: id(5, 0), ..row };
    let after = TrxRow { first_sequence: 5, last_sequence: 6, first_id: id(5, 3), ..row };
    assert!(!run.is_written_by(trx, &before) && !run.is_written_by(trx, &after));
}

#[test]
fn a_block_holds_what_it_says_in_order() {
    let block_of = |second: EntryId| {
        let runs = [two(), run_of(&[vec![4]], 6, second)];
        block::encode(&runs, &mut Packing::Raw).expect("encodes")
    };
    let takes = |row: Vec<u8>, last| is_taken(block::decode(row.into(), last));
    assert!(takes(block_of(id(5, 4)), 6) && takes(block_of(id(6, 0)), 6));
    assert!(!takes(block_of(id(5, 3)), 6) && !takes(block_of(id(5, 0)), 6) && !takes(block_of(id(4, 9)), 6));
    assert!(!takes(block_of(id(5, 4)), 5) && !takes(block_of(id(5, 4)), 7));

    let body_of = |first: u64, count: u32, runs: &[Run]| {
        let mut body = first.to_le_bytes().to_vec();
        body.extend_from_slice(&count.to_le_bytes());
        body.extend_from_slice(&(runs.len() as u32).to_le_bytes());
        runs.iter().for_each(|run| run.encode(&mut body).expect("encodes"));
        body
    };
    assert!(takes(enveloped(&body_of(4, 2, &[two()])), 5));
    assert!(!takes(enveloped(&body_of(4, 1, &[two()])), 5) && !takes(enveloped(&body_of(4, 3, &[two()])), 5));
    assert!(!takes(enveloped(&body_of(6, 0, &[])), 5));
    let longer = [body_of(4, 2, &[two()]), vec![0]].concat();
    assert!(!takes(enveloped(&longer), 5));
}

#[test]
fn a_raw_body_is_as_long_as_its_envelope_says() {
    let whole = block::encode(&[two()], &mut Packing::Raw).expect("encodes");
    // u8 version, u8 codec, u32 length, u32 checksum of these and of the body.
    let of_length = |more: u32| {
        let mut row = whole.clone();
        let length = u32::from_le_bytes([row[2], row[3], row[4], row[5]]).wrapping_add(more);
        row[2..6].copy_from_slice(&length.to_le_bytes());
        let mut sum = Crc32c::new();
        sum.update(&row[..6]).update(&row[10..]);
        row[6..10].copy_from_slice(&sum.finish().to_le_bytes());
        is_taken(block::decode(row.into(), 5))
    };
    assert!(of_length(0));
    assert!(!of_length(1) && !of_length(u32::MAX));
}

#[test]
fn a_commit_row_goes_up_to_the_id_of_its_key() {
    let item = |first_id, count| Item {
        segment: Rc::from("g"),
        first_sequence: 4,
        count,
        first_id,
        logical: 3,
        inline: None,
    };
    let row = |previous, items| CommitRow { previous, records: 9, bytes: 9, items };
    let takes = |row: CommitRow, last| {
        is_taken(commit::decode(row.encode(&mut Packing::Raw).expect("encodes").into(), last))
    };
    assert!(takes(row(id(5, 1), vec![item(id(5, 2), 2), item(id(5, 4), 1)]), id(5, 4)));
    assert!(!takes(row(id(5, 2), vec![item(id(5, 2), 2)]), id(5, 3)));
    assert!(!takes(row(id(5, 1), vec![item(id(5, 2), 2), item(id(5, 3), 2)]), id(5, 4)));
    assert!(!takes(row(id(5, 1), vec![item(id(5, 2), 2)]), id(5, 4)));
    assert!(!takes(row(id(5, 1), vec![item(id(5, 2), 2)]), id(5, 2)));
    assert!(!takes(row(id(5, 1), Vec::new()), id(5, 1)));
    assert!(!takes(row(id(5, 1), vec![item(id(5, 2), 0)]), id(5, 1)));
    assert!(!takes(row(id(5, 1), vec![Item { first_sequence: 0, ..item(id(5, 2), 2) }]), id(5, 3)));
    assert!(takes(row(id(5, 1), vec![item(id(MAX_MS, 2), 1)]), id(MAX_MS, 2)));
    assert!(!takes(row(id(5, 1), vec![item(id(MAX_MS + 1, 2), 1)]), id(MAX_MS + 1, 2)));
}

#[test]
fn the_items_of_a_commit_row_keep_their_own_segments() {
    let item = |segment: &str, n| Item {
        segment: Rc::from(segment),
        first_sequence: 1,
        count: 1,
        first_id: id(5, n),
        logical: 0,
        inline: None,
    };
    let items = vec![item("a", 0), item("a", 1), item("b", 2), item("a", 3)];
    let row = CommitRow { previous: EntryId::ZERO, records: 4, bytes: 0, items };
    let row = row.encode(&mut Packing::Raw).expect("encodes");
    let back = commit::decode(row.into(), id(5, 3)).expect("decodes");
    let names: Vec<&str> = back.items.iter().map(|item| &*item.segment).collect();
    assert_eq!(names, ["a", "a", "b", "a"]);
}

#[test]
fn the_bounds_of_a_space_are_in_order() {
    let head = SpaceHead { last_id: id(6, 1), records: 9, ..SpaceHead::EMPTY };
    let takes = |head: &SpaceHead| is_taken(SpaceHead::decode(&head.encode()));
    let whole = SpaceHead { trimmed: id(6, 1), collected: id(6, 1), trimmed_records: 9, ..head.clone() };
    assert!(takes(&head) && takes(&whole));
    assert!(!takes(&SpaceHead { trimmed: id(6, 2), ..head.clone() }));
    assert!(!takes(&SpaceHead { trimmed: id(5, 1), collected: id(5, 2), ..head.clone() }));
    assert!(!takes(&SpaceHead { trimmed_records: 10, ..whole }));
    assert!(takes(&SpaceHead { last_id: id(MAX_MS, MAX_INTEGER), ..head.clone() }));
    assert!(!takes(&SpaceHead { last_id: id(MAX_MS + 1, 0), ..head.clone() }));
    assert!(!is_taken(SpaceHead::decode(&with_byte(&head.encode(), 1, 8))));
}

#[test]
fn who_sees_a_space_and_whether_it_is_a_stream() {
    let metadata = StreamMeta { partitions: 1, ..StreamMeta::default() }.encode();
    let head = SpaceHead { last_id: id(6, 1), metadata, ..SpaceHead::EMPTY };
    assert!(head.is_visible() && StreamMeta::is_stream_at(&head));
    assert!(!SpaceHead { deleted: true, ..head.clone() }.is_visible());
    assert!(!SpaceHead { last_id: EntryId::ZERO, ..head.clone() }.is_visible());
    let importing = SpaceHead { importing: true, ..head.clone() };
    assert!(!importing.is_visible() && !StreamMeta::is_stream_at(&importing));
    let epoch = StreamMeta { epoch: 3, ..StreamMeta::default() }.encode();
    assert!(!StreamMeta::is_stream_at(&SpaceHead { metadata: epoch, ..head.clone() }));
    assert!(!StreamMeta::is_stream_at(&SpaceHead { metadata: Vec::new(), ..head.clone() }));

    let trimmed = SpaceHead { trimmed: id(5, 1), collected: id(5, 0), ..head };
    assert!(trimmed.has_uncollected());
    assert!(!SpaceHead { collected: id(5, 1), ..trimmed.clone() }.has_uncollected());
    assert!(!SpaceHead { importing: true, ..trimmed }.has_uncollected());
}

#[test]
fn ranges_of_void_ids_go_up() {
    let takes = |ranges: &[(u64, u64)]| {
        let mut bytes = (ranges.len() as u32).to_le_bytes().to_vec();
        for (after, upto) in ranges {
            [5, *after, 5, *upto].iter().for_each(|n: &u64| bytes.extend_from_slice(&n.to_le_bytes()));
        }
        is_taken(Voids::decode(&mut Reader::new(&bytes)))
    };
    assert!(takes(&[(1, 2)]) && takes(&[(1, 2), (2, 3)]) && takes(&[(1, 2), (4, 5)]));
    assert!(!takes(&[]) && !takes(&[(2, 2)]) && !takes(&[(2, 1)]) && !takes(&[(1, 3), (2, 4)]));
}

#[test]
fn a_segment_begins_before_it_ends() {
    let head = SegmentHead { last_sequence: 1, last_id: id(5, 2), first_id: id(5, 2), trx: two().trx };
    let takes = |head: SegmentHead| is_taken(SegmentHead::decode(&head.encode()));
    assert!(takes(head));
    assert!(!takes(SegmentHead { last_sequence: 0, ..head }));
    assert!(!takes(SegmentHead { first_id: id(5, 3), ..head }));
    let row = TrxRow { number: 1, first_sequence: 1, last_sequence: 1, first_id: id(5, 2) };
    let takes = |row: TrxRow| is_taken(TrxRow::decode(&row.encode()));
    assert!(takes(row));
    assert!(!takes(TrxRow { first_sequence: 0, ..row }));
    assert!(!takes(TrxRow { first_sequence: 2, ..row }));
}

#[test]
fn a_store_has_an_identity() {
    assert!(is_taken(identity::decode(&identity::encode(Uuid::from_u128(1)))));
    assert!(!is_taken(identity::decode(&identity::encode(Uuid::nil()))));
}

#[test]
fn numbers_of_a_group_agree() {
    let takes = |change: fn(&mut group::GroupHead)| {
        let mut head = group::GroupHead { last_session: 3, ..group::tests::some_head() };
        change(&mut head);
        is_taken(group::GroupHead::decode(&head.encode()))
    };
    assert!(takes(|head| (head.slots, head.consumer_timeout) = (MOST_SLOTS, 1)));
    assert!(takes(|head| (head.slots, head.holder, head.members) = (1, 3, 3)));
    assert!(!takes(|head| head.slots = 0) && !takes(|head| head.slots = MOST_SLOTS + 1));
    assert!(!takes(|head| head.consumer_timeout = 0));
    assert!(!takes(|head| head.holder = 4) && !takes(|head| head.members = 4));
}

#[test]
fn what_is_not_known_is_refused() {
    let head = group::tests::some_head().encode();
    assert!(!is_taken(group::GroupHead::decode(&with_byte(&head, 1, 3))));
    let member = MemberRow { ended: None, heard: 4, pending: 2, timer: 4, looked: Looked::default() };
    assert!(!is_taken(MemberRow::decode(&with_byte(&member.encode(), 1, 2))));
    let timer = TimerRow { consumer: "c".into(), page: None }.encode();
    assert!(is_taken(TimerRow::decode(&timer)));
    assert!(!is_taken(TimerRow::decode(&with_byte(&timer, 1, 0))));
    assert!(!is_taken(TimerRow::decode(&with_byte(&timer, 1, 3))));
    let header = RedoHeader { state: RedoState::Preparing, nonce: 1, parts: 1, places: Vec::new() }.encode();
    assert!(!is_taken(RedoHeader::decode(&with_byte(&header, 1, 0))));
    assert!(!is_taken(RedoHeader::decode(&with_byte(&header, 1, 3))));
    for version in [VERSION - 1, VERSION + 1] {
        assert!(!is_taken(group::GroupHead::decode(&with_byte(&head, 0, version))));
    }
}

/// A page of deliveries, each of them attempts, a time and a deadline and one, and of runs, each of them milliseconds
/// later, n, records and a delivery.
fn page(flags: u8, deliveries: &[[u64; 3]], runs: &[[u64; 4]]) -> Vec<u8> {
    let mut row = vec![VERSION, flags];
    put_varint(&mut row, deliveries.len() as u64);
    deliveries.iter().flatten().for_each(|number| put_varint(&mut row, *number));
    put_varint(&mut row, runs.len() as u64);
    runs.iter().flatten().for_each(|number| put_varint(&mut row, *number));
    row
}

#[test]
fn numbers_of_a_page_are_within_bounds() {
    let takes = |flags, deliveries: &[[u64; 3]], runs: &[[u64; 4]]| {
        let first = runs.first().map_or(EntryId::ZERO, |[ms, n, ..]| id(*ms, *n));
        is_taken(group_page::decode(&seal(page(flags, deliveries, runs)), first))
    };
    let delivery = |delivery| takes(0, &[delivery], &[[5, 2, 1, 0]]);
    assert!(delivery([MAX_INTEGER, MAX_INTEGER, MAX_INTEGER + 1]) && delivery([1, 1, 0]));
    assert!(!delivery([MAX_INTEGER + 1, 1, 1]) && !delivery([1, MAX_INTEGER + 1, 1]));
    assert!(!delivery([1, 1, MAX_INTEGER + 2]));
    assert!(takes(0, &[[1, 1, 1]; 4096], &[[5, 2, 1, 4095]]));
    assert!(!takes(0, &[[1, 1, 1]; 4097], &[[5, 2, 1, 0]]));

    let runs = |runs: &[[u64; 4]]| takes(0, &[[1, 1, 1]], runs);
    assert!(runs(&[[5, 2, 4096, 0]]) && runs(&[[5, 2, 4095, 0], [0, 0, 1, 0]]));
    assert!(!runs(&[[5, 2, 4097, 0]]) && !runs(&[[5, 2, 4096, 0], [1, 0, 1, 0]]));
    assert!(!runs(&[[5, 2, 1, 0], [1, 0, 0, 0]]));
    assert!(!runs(&[[5, 2, 0, 0]]) && !runs(&[[5, 2, 1, 1]]) && !runs(&[]));
    assert!(runs(&[[MAX_MS, MAX_INTEGER - 1, 2, 0]]));
    assert!(!runs(&[[MAX_MS + 1, 0, 1, 0]]));
    assert!(!runs(&[[5, MAX_INTEGER - 1, 3, 0]]) && !runs(&[[5, MAX_INTEGER + 1, 1, 0]]));
    assert!(!runs(&[[5, MAX_INTEGER, 1, 0], [0, 0, 1, 0]]));
    assert!(!takes(2, &[[1, 1, 1]], &[[5, 2, 1, 0]]));

    let row = seal(page(0, &[[1, 1, 1]], &[[5, 2, 2, 0]]));
    assert!(!is_taken(group_page::decode(&row, id(5, 1))) && !is_taken(group_page::decode(&row, id(5, 3))));
}

#[test]
fn slots_are_those_of_their_row_in_order() {
    // Each of them less 128, with one session and what is pending under it.
    let takes = |slots: &[(u8, u64)]| {
        let mut row = vec![VERSION];
        put_varint(&mut row, slots.len() as u64);
        for (slot, pending) in slots {
            row.extend_from_slice(&[*slot, 1, 7]);
            put_varint(&mut row, *pending);
        }
        is_taken(group_slots::decode(&seal(row), 1))
    };
    assert!(takes(&[(0, 1), (1, 1), (127, 1)]));
    assert!(!takes(&[(128, 1)]) && !takes(&[(255, 1)]));
    assert!(!takes(&[(1, 1), (1, 1)]) && !takes(&[(2, 1), (1, 1)]) && !takes(&[(0, 0)]));
}

#[test]
fn what_is_no_stream_keeps_its_epoch_only() {
    let takes = |meta: StreamMeta| is_taken(StreamMeta::check(&meta.encode()));
    let none = StreamMeta { epoch: 3, ..StreamMeta::default() };
    assert!(takes(none) && takes(StreamMeta { partitions: 1, created_at: 5, ..none }));
    assert!(!takes(StreamMeta { created_at: 5, ..none }));
    let retention = Retention { max_count: Some(1), ..Retention::default() };
    assert!(!takes(StreamMeta { retention, ..none }));
}
