//! Where a read ends that has an upper bound: once nothing that may still be appended is within it.
#![cfg(all(feature = "every-host", feature = "guarded-writes"))]

mod common;

use std::cell::RefCell;
use std::rc::Rc;

use common::hooked::{Hook, HostCall, hooked};
use common::reads::{segment_read, space_read};
use common::turn::turn;
use common::{Never, World, records, small_blocks};
use futures::future::LocalBoxFuture;
use streamkit_core::{
    Atomicity, EntryId, Env, ErrorCode, HostLimits, MemoryKv, OpenOptions, Page, Result, Retention,
    SegmentRead, SpaceRead, Store, Trim, WriteOptions,
};

fn later(world: &World) -> u64 {
    world.clock.0.set(world.clock.0.get() + 10);
    world.clock.0.get()
}

async fn append(world: &World, store: &Store, segment: &str) {
    later(world);
    store.append(records("s", segment, &[&"x".repeat(500)]), WriteOptions::default()).await.expect("appends");
}

/// How many entries, whether it is over for good, and whether for now.
fn ends(page: &Page) -> (u64, bool, bool) {
    (page.len(), page.done, page.tail)
}

fn single_rows(consistent: bool) -> MemoryKv {
    MemoryKv::with_limits(HostLimits {
        atomic: Atomicity::None,
        checks: false,
        consistent,
        ..HostLimits::default()
    })
}

#[test]
fn a_last_sequence_before_the_time_looked_for_is_the_end() {
    let world = World::new();
    let store = world.open(&small_blocks());
    world.run(async {
        for _ in 0..10 {
            later(&world);
            let four = vec!["x".repeat(300); 4];
            let four: Vec<&str> = four.iter().map(String::as_str).collect();
            store.append(records("s", "g", &four), WriteOptions::default()).await.expect("appends");
        }
        for most in [1, 5, 39, 40] {
            let read = SegmentRead {
                max_sequence: Some(most),
                min_timestamp: Some(world.clock.0.get() + 1),
                ..segment_read("s", "g", 1, 1)
            };
            assert_eq!(ends(&store.read_segment(read.clone()).await.expect("reads")), (0, true, false));
            let page =
                store.read_segment(SegmentRead { max_sequence: Some(41), ..read }).await.expect("reads");
            assert_eq!(ends(&page), (0, false, true), "the one after them may come");
        }
    });
}

#[test]
fn a_last_sequence_that_is_trimmed_is_the_end() {
    let world = World::new();
    let store = world.open(&small_blocks());
    world.run(async {
        store.create_stream("s", 1, Retention::default()).await.expect("creates");
        for _ in 0..9 {
            append(&world, &store, "g").await;
        }
        append(&world, &store, "other").await;
        store.trim_stream("s", Trim::MaxCount(1), false).await.expect("trims");
        for _ in 0..2 {
            let upto = |most| SegmentRead { max_sequence: Some(most), ..segment_read("s", "g", 3, 10) };
            assert_eq!(ends(&store.read_segment(upto(9)).await.expect("reads")), (0, true, false));
            assert_eq!(ends(&store.read_segment(upto(10)).await.expect("reads")), (0, false, true));
            store.collect("s").await.expect("collects");
        }
    });
}

#[test]
fn a_time_that_a_deleted_stream_has_passed_is_the_end() {
    let world = World::new();
    let store = world.open(&small_blocks());
    world.run(async {
        store.create_stream("s", 1, Retention::default()).await.expect("creates");
        append(&world, &store, "g").await;
        store.delete_stream("s", true).await.expect("deletes");
        let reached = world.clock.0.get();
        for (most, done) in [(reached - 1, true), (reached, false)] {
            let read = SegmentRead { max_timestamp: Some(most), ..segment_read("s", "g", 1, 10) };
            assert_eq!(ends(&store.read_segment(read).await.expect("reads")), (0, done, !done));
            let read = SpaceRead { max_timestamp: Some(most), ..space_read("s", EntryId::ZERO, 10) };
            assert_eq!(ends(&store.read_space(read).await.expect("reads")), (0, done, !done));
        }
    });
}

#[test]
fn a_time_that_the_space_has_passed_is_the_end_behind_the_last_entry_too() {
    let world = World::new();
    let store = world.open(&single_rows(true));
    world.run(async {
        append(&world, &store, "g").await;
        let most = later(&world);
        append(&world, &store, "other").await;
        for from in [1, 2, 3] {
            let read = SegmentRead { max_timestamp: Some(most), ..segment_read("s", "g", from, 10) };
            let page = store.read_segment(read).await.expect("reads");
            assert_eq!(ends(&page), (u64::from(from == 1), true, false), "from {from}");
        }
    });
}

#[test]
fn what_is_not_visible_yet_is_waited_for() {
    let world = World::new();
    let written = single_rows(true);
    let store = world.open(&written);
    let most = world.run(async {
        append(&world, &store, "g").await;
        append(&world, &store, "g").await;
        let most = later(&world);
        append(&world, &store, "g").await;
        most
    });
    let rows = written.snapshot();
    let commits: Vec<&Vec<u8>> = rows.keys().filter(|key| key.starts_with(b"DAT\0SPACES\0")).collect();
    assert_eq!(commits.len(), 3);
    for shown in 0..=commits.len() {
        let view = single_rows(false);
        for (key, value) in rows.iter().filter(|(key, _)| !commits[shown..].contains(key)) {
            view.overwrite(key, Some(value.clone()));
        }
        let read = SpaceRead { max_timestamp: Some(most), ..space_read("s", EntryId::ZERO, 10) };
        let reader = world.open(&view);
        let page = world.run(reader.read_space(read)).expect("reads");
        let done = shown == commits.len();
        assert_eq!(ends(&page), (shown.min(2) as u64, done, !done), "{shown} rows are visible");
    }
}

#[test]
fn bounds_as_large_as_there_are_bound_nothing() {
    let world = World::new();
    let store = world.open(&small_blocks());
    world.run(async {
        for _ in 0..20 {
            append(&world, &store, "g").await;
        }
        let (most, none) = (Some(u64::MAX), (0, false, true));
        let read = SegmentRead { max_sequence: most, max_timestamp: most, ..segment_read("s", "g", 1, 50) };
        let page = store.read_segment(SegmentRead { max_bytes: usize::MAX, ..read.clone() }).await;
        assert_eq!(page.expect("reads").len(), 20);
        let page = store.read_segment(SegmentRead { from: u64::MAX, ..read.clone() }).await;
        assert_eq!(ends(&page.expect("reads")), none);
        let page = store.read_segment(SegmentRead { min_timestamp: most, ..read }).await;
        assert_eq!(ends(&page.expect("reads")), none);
        let read = SpaceRead { max_timestamp: most, ..space_read("s", EntryId::ZERO, 50) };
        assert_eq!(store.read_space(read.clone()).await.expect("reads").len(), 20);
        let page = store.read_space(SpaceRead { min_timestamp: most, ..read.clone() }).await;
        assert_eq!(ends(&page.expect("reads")), none);
        let after = EntryId::new(u64::MAX, u64::MAX);
        assert_eq!(ends(&store.read_space(SpaceRead { after, ..read }).await.expect("reads")), none);
    });
}

/// What others do before the head of a read is given, and after its rows are where both are asked for at once.
struct Between(RefCell<Option<LocalBoxFuture<'static, ()>>>);

impl Hook for Between {
    async fn before(&self, call: HostCall<'_>) -> Result {
        if matches!(call, HostCall::Get(_))
            && let Some(others) = self.0.take()
        {
            for _ in 0..10 {
                turn().await;
            }
            others.await;
        }
        Ok(())
    }
}

#[test]
fn no_bound_is_reached_that_was_not_when_the_rows_were_read() {
    let (world, kv) = (World::new(), small_blocks());
    let between = Rc::new(Between(RefCell::default()));
    let open = |kv| {
        let env = Env { timer: Rc::new(Never), ..world.env(kv) };
        world.run(Store::open(env, OpenOptions::default())).expect("opens")
    };
    let (writer, reader) = (open(Rc::new(kv.clone())), open(hooked(&kv, &between)));
    let one = |segment| records("s", segment, &["x"]);
    world.run(async {
        writer.create_stream("s", 1, Retention::default()).await.expect("creates");
        for _ in 0..3 {
            writer.append(one("g"), WriteOptions::default()).await.expect("appends");
        }
        later(&world);
        writer.append(one("other"), WriteOptions::default()).await.expect("appends");
        writer.trim_stream("s", Trim::MaxCount(1), false).await.expect("trims");
        // Both are asked for at once once the space was seen.
        reader.read_segment(segment_read("s", "g", 1, 10)).await.expect("reads");
        for from in 4..8 {
            let now = later(&world);
            let (clock, others) = (world.clock.clone(), writer.clone());
            *between.0.borrow_mut() = Some(Box::pin(async move {
                others.append(one("g"), WriteOptions::default()).await.expect("appends");
                clock.0.set(now + 10);
                others.append(one("other"), WriteOptions::default()).await.expect("appends");
            }));
            let mut read = segment_read("s", "g", from, 10);
            match from % 2 {
                0 => read.max_sequence = Some(from),
                _ => read.max_timestamp = Some(now + 5),
            }
            let page = reader.read_segment(read.clone()).await.expect("reads");
            assert!(between.0.borrow().is_none());
            assert!(page.len() == 1 || page.tail, "{read:?} ended without what was appended meanwhile");
            assert_eq!(ends(&reader.read_segment(read).await.expect("reads")), (1, true, false));
        }
    });
}

#[test]
fn a_lower_bound_is_not_above_the_upper_one() {
    let world = World::new();
    let store = world.open(&small_blocks());
    world.run(async {
        append(&world, &store, "g").await;
        let times = |min, max| (Some(min), Some(max));
        for ((min_timestamp, max_timestamp), from, max_sequence, fits) in [
            (times(7, 7), 2, Some(2), true),
            (times(7, 6), 2, Some(2), false),
            (times(7, 7), 2, Some(1), false),
        ] {
            let read = segment_read("s", "g", from, 10);
            let read = SegmentRead { max_sequence, min_timestamp, max_timestamp, ..read };
            let refused = store.read_segment(read).await.err().map(|error| error.code());
            assert_eq!(refused, (!fits).then_some(ErrorCode::InvalidArgument));
            let read = SpaceRead { min_timestamp, max_timestamp, ..space_read("s", EntryId::ZERO, 10) };
            let refused = store.read_space(read).await.err().map(|error| error.code());
            assert_eq!(refused, (min_timestamp > max_timestamp).then_some(ErrorCode::InvalidArgument));
        }
    });
}

#[test]
fn what_is_read_between_two_times_is_of_then() {
    let world = World::new();
    let store = world.open(&small_blocks());
    world.run(async {
        let mut times = Vec::new();
        for _ in 0..6 {
            append(&world, &store, "g").await;
            times.push(world.clock.0.get());
        }
        for (first, min) in times.iter().enumerate() {
            for (last, max) in times.iter().enumerate().skip(first) {
                // Right at the times, and as far from them as nothing else is.
                for beside in [0, 9] {
                    let (min_timestamp, max_timestamp) = (Some(min - beside), Some(max + beside));
                    let (expected, is_over) = ((last - first + 1) as u64, last + 1 < times.len());
                    let read = segment_read("s", "g", 1, 10);
                    let read = SegmentRead { min_timestamp, max_timestamp, ..read };
                    let page = store.read_segment(read).await.expect("reads");
                    let shown = page.entries().next().map(|entry| entry.sequence);
                    assert_eq!((page.len(), shown, page.done), (expected, Some(first as u64 + 1), is_over));
                    let read = space_read("s", EntryId::ZERO, 10);
                    let read = SpaceRead { min_timestamp, max_timestamp, ..read };
                    let page = store.read_space(read).await.expect("reads");
                    let shown = page.entries().next().map(|entry| entry.sequence);
                    assert_eq!((page.len(), shown, page.done), (expected, Some(first as u64 + 1), is_over));
                }
            }
        }
    });
}
