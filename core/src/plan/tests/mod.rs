//! Laws of planning, for any requests on any host limits.

#[cfg(feature = "guarded-writes")]
mod refusals;

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::rc::Rc;
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;
use uuid::Uuid;

use super::{Attached, Known, PlannedSpace, Planner, SegmentState, Sizes, Verdict, Write, WriteRequest};
use crate::codec::encode_entry_body;
use crate::error::ErrorCode;
use crate::id::EntryId;
use crate::kv::{Durability, HostLimits};
use crate::layout::lease::LeaseRow;
use crate::layout::segment::SegmentHead;
use crate::layout::space::SpaceHead;
use crate::layout::trx::TrxRow;
use crate::layout::{Packing, block, commit};

/// A store that nothing was ever written to.
struct Nothing;

impl Known for Nothing {
    fn space(&self, _: &str) -> Option<(Option<&[u8]>, &SpaceHead)> {
        None
    }

    fn segment(&self, _: &str, _: &str) -> SegmentState {
        SegmentState { head: SegmentHead::EMPTY, first: None }
    }

    fn trx(&self, _: &str, _: &str, _: Uuid) -> Option<TrxRow> {
        None
    }

    fn lease(&self, _: &str) -> Option<(Vec<u8>, LeaseRow)> {
        None
    }
}

fn write(space: &str, segment: &str, sizes: &[usize]) -> Write {
    let mut entries = Vec::new();
    let mut logical = 0;
    for size in sizes {
        entries.extend(encode_entry_body(&vec![7; *size], &BTreeMap::new()).expect("encodes"));
        logical += *size as u64;
    }
    Write {
        space: Rc::from(space),
        segment: Rc::from(segment),
        entries: entries.into(),
        count: sizes.len() as u64,
        logical,
        expected: None,
        sequences: None,
        stream: None,
    }
}

fn request(writes: Vec<Write>, id: u128, supplied: bool) -> WriteRequest {
    WriteRequest {
        writes,
        trx_id: Uuid::from_u128(id),
        trx_supplied: supplied,
        trx_number: None,
        lease: None,
        durability: Durability::Relaxed,
        attached: Attached::default(),
    }
}

fn rows(spaces: &[PlannedSpace]) -> (usize, usize) {
    let mut ops = 0;
    let mut bytes = 0;
    for planned in spaces {
        ops += 1;
        bytes += planned.check.key.len() + planned.check.value.as_ref().map_or(0, Vec::len);
        for put in planned.puts() {
            ops += 1;
            bytes += put.key.len() + put.value.len();
        }
    }
    (ops, bytes)
}

#[test]
fn a_request_of_many_segments_is_counted_by_its_rows() {
    let limits = HostLimits { max_batch_ops: 99, ..HostLimits::default() };
    let sizes = Sizes::new(&limits).expect("supported");
    let add = |segments: usize, supplied| {
        let writes = (0..segments).map(|n| write("space", &format!("s{n}"), &[1])).collect();
        Planner::new(&sizes, Uuid::from_u128(1), 1000, false).add(&request(writes, 1, supplied), &Nothing)
    };
    // A block and a head of each segment, and of the space its head with a check, a commit row, one to spare; of a
    // caller's TRX a row for each segment besides.
    for (most, supplied) in [(47, false), (31, true)] {
        assert!(matches!(add(most, supplied), Verdict::Planned(_)));
        let Verdict::Refused(refusal) = add(most + 1, supplied) else { panic!("{most} and one more fit") };
        assert_eq!(refusal.message(), "rows of one commit: 100 is above the limit of 99");
    }
}

#[test]
fn rows_that_are_mostly_names_are_counted() {
    let sizes = Sizes::new(&HostLimits::default()).expect("supported");
    let name = |n: usize| format!("{n:0>128}");
    for (spaces, supplied) in [(1, false), (1, true), (100, false), (100, true)] {
        let writes = (0..100).map(|n| write(&name(n % spaces), &name(n), &[1])).collect();
        let mut planner = Planner::new(&sizes, Uuid::from_u128(1), 1000, false);
        assert!(matches!(planner.add(&request(writes, 1, supplied), &Nothing), Verdict::Planned(_)));
        let counted = planner.bytes;
        let (planned, ..) = planner.finish(5, false, &mut Packing::Raw).expect("encodes");
        let (_, bytes) = rows(&planned);
        assert!(bytes <= counted, "{bytes} bytes in {spaces} spaces, {counted} were counted");
    }
}

/// A request's writes, each a space, a segment and sizes of records; and whether its TRX is the caller's.
type Request = (Vec<(usize, usize, Vec<usize>)>, bool);

fn some_requests() -> impl Strategy<Value = Vec<Request>> {
    let size = prop_oneof![4 => 0_usize..50, 2 => 50_usize..900, 1 => 900_usize..3000];
    let one = (0_usize..3, 0_usize..12, prop::collection::vec(size, 1..12));
    let writes =
        prop_oneof![3 => prop::collection::vec(one.clone(), 1..4), 1 => prop::collection::vec(one, 4..24)];
    prop::collection::vec((writes, any::<bool>()), 1..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_counted_is_never_too_little_and_rows_stay_in_bounds(
        requests in some_requests(),
        block_bytes in 2048_usize..20_000,
        max_value_bytes in 4096_usize..20_000,
        max_batch_ops in 16_usize..80,
        max_batch_bytes in 20_000_usize..200_000,
    ) {
        let limits = HostLimits { block_bytes, max_value_bytes, max_batch_ops, max_batch_bytes, ..HostLimits::default() };
        let sizes = Sizes::new(&limits).expect("supported");
        let mut planner = Planner::new(&sizes, Uuid::from_u128(1), 1000, false);
        let mut planned = 0;
        for (n, (writes, supplied)) in requests.iter().enumerate() {
            let mut named = BTreeMap::new();
            for (space, segment, record_sizes) in writes {
                let fitting: Vec<usize> =
                    record_sizes.iter().map(|size| (*size).min(sizes.record_bytes - 16)).collect();
                named.insert((*space, *segment), fitting);
            }
            let writes = named
                .iter()
                .map(|((space, segment), record_sizes)| write(&format!("space{space}"), &format!("s{segment}"), record_sizes))
                .collect();
            match planner.add(&request(writes, n as u128 + 1, *supplied), &Nothing) {
                Verdict::Planned(_) => planned += 1,
                Verdict::Full => {}
                Verdict::Refused(error) => prop_assert_eq!(error.code(), ErrorCode::LimitExceeded),
                Verdict::Answered(_) => prop_assert!(false, "nothing was stored before"),
            }
        }
        prop_assume!(planned > 0);
        let counted = (planner.ops, planner.bytes);
        let (spaces, ..) = planner.finish(5, false, &mut Packing::Raw).expect("encodes");
        let (ops, bytes) = rows(&spaces);
        prop_assert!(ops <= counted.0, "{} operations, {} were counted", ops, counted.0);
        prop_assert!(bytes <= counted.1, "{} bytes, {} were counted", bytes, counted.1);
        prop_assert!(ops <= max_batch_ops && bytes <= max_batch_bytes);
        for planned in &spaces {
            for put in planned.puts() {
                prop_assert!(put.value.len() <= max_value_bytes, "a row of {} bytes", put.value.len());
            }
        }
    }

    #[test]
    fn what_the_limits_promise_fits_a_commit(
        block_bytes in 1024_usize..200_000,
        max_value_bytes in 4096_usize..300_000,
        max_batch_ops in 16_usize..200,
        max_batch_bytes in 16_384_usize..400_000,
        shares in prop::collection::vec(1_usize..100, 1..40),
        supplied in any::<bool>(),
    ) {
        let limits = HostLimits { block_bytes, max_value_bytes, max_batch_ops, max_batch_bytes, ..HostLimits::default() };
        let sizes = Sizes::new(&limits).expect("supported");
        // Records of any proportions that together are as large as is allowed.
        let whole: usize = shares.iter().sum();
        let record_sizes: Vec<usize> = shares
            .iter()
            .map(|share| (sizes.commit_bytes * share / whole).min(sizes.record_bytes).saturating_sub(8))
            .collect();
        let name = "n".repeat(128);
        let mut planner = Planner::new(&sizes, Uuid::from_u128(1), 1000, false);
        let verdict = planner.add(&request(vec![write(&name, &name, &record_sizes)], 1, supplied), &Nothing);
        prop_assert!(matches!(verdict, Verdict::Planned(_)), "{:?}: {:?}", verdict, sizes);
        let counted = (planner.ops, planner.bytes);
        let (spaces, ..) = planner.finish(5, false, &mut Packing::Raw).expect("encodes");
        let (ops, bytes) = rows(&spaces);
        prop_assert!(ops <= counted.0, "{} operations, {} were counted", ops, counted.0);
        prop_assert!(bytes <= counted.1, "{} bytes, {} were counted", bytes, counted.1);
    }

    #[test]
    fn blocks_and_commit_rows_hold_the_same_entries(requests in some_requests(), block_bytes in 2048_usize..9000) {
        let limits = HostLimits { block_bytes, ..HostLimits::default() };
        let sizes = Sizes::new(&limits).expect("supported");
        let mut planner = Planner::new(&sizes, Uuid::from_u128(1), 1000, false);
        for (n, (writes, _)) in requests.iter().enumerate() {
            let (_, segment, record_sizes) = &writes[0];
            let one = write("space", &format!("s{segment}"), record_sizes);
            planner.add(&request(vec![one], n as u128 + 1, false), &Nothing);
        }
        let (spaces, ..) = planner.finish(5, false, &mut Packing::Raw).expect("encodes");
        for planned in &spaces {
            let mut entries: BTreeMap<EntryId, (Rc<str>, u64)> = BTreeMap::new();
            for put in &planned.blocks {
                for (segment, _) in &planned.states {
                    let Some(last) = block::last_sequence(&put.key, "space", segment) else { continue };
                    for run in block::decode(put.value.clone().into(), last).expect("decodes").runs {
                        for n in 0..run.count {
                            let id = EntryId { ms: run.first_id.ms, n: run.first_id.n + n };
                            let doubled = entries.insert(id, (Rc::clone(segment), run.first_sequence + n));
                            prop_assert!(doubled.is_none());
                        }
                    }
                }
            }
            let mut previous = EntryId::ZERO;
            let mut records = 0;
            for put in &planned.commits {
                let last = commit::last_id(&put.key, "space").expect("a commit row");
                let row = commit::decode(put.value.clone().into(), last).expect("decodes");
                prop_assert_eq!(row.previous, previous);
                previous = last;
                for item in &row.items {
                    for n in 0..item.count {
                        let id = EntryId { ms: item.first_id.ms, n: item.first_id.n + n };
                        let entry = entries.remove(&id);
                        prop_assert_eq!(entry, Some((Rc::clone(&item.segment), item.first_sequence + n)));
                        records += 1;
                    }
                }
                prop_assert_eq!(row.records, records);
            }
            prop_assert!(entries.is_empty(), "every entry is in a commit row");
            prop_assert_eq!(planned.head.last_id, previous);
            prop_assert_eq!(planned.head.records, records);
        }
    }
}

#[test]
fn a_batch_whose_first_half_alone_is_valid_is_refused_whole() {
    let sizes = Sizes::new(&HostLimits::default()).expect("supported");
    let mut planner = Planner::new(&sizes, Uuid::from_u128(1), 1000, false);
    let mut one = write("space", "segment", &[1, 1, 1, 1]);
    one.sequences = Some(vec![1, 2, 5, 6]);
    let Verdict::Refused(error) = planner.add(&request(vec![one], 1, false), &Nothing) else {
        panic!("it must be refused");
    };
    assert_eq!(error.code(), ErrorCode::SequenceMismatch);
    assert!(planner.is_empty(), "nothing of it is planned");
}

#[test]
fn a_transaction_whose_last_write_is_refused_plans_none_of_its_writes() {
    let sizes = Sizes::new(&HostLimits::default()).expect("supported");
    let mut planner = Planner::new(&sizes, Uuid::from_u128(1), 1000, false);
    let mut last = write("other", "segment", &[1]);
    last.expected = Some(3);
    let both = request(vec![write("space", "segment", &[1]), last], 1, false);
    assert!(matches!(planner.add(&both, &Nothing), Verdict::Refused(_)));
    assert!(planner.is_empty(), "nothing of it is planned");
}
