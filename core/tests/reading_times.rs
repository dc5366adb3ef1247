//! Reading a segment from a time on: it costs about what reading from a sequence on does.
#![cfg(all(feature = "every-host", feature = "compression", feature = "guarded-writes"))]

mod common;

use std::rc::Rc;

use common::hooked::hooked;
use common::reads::segment_read;
use common::scans::Scans;
use common::{World, records};
use streamkit_core::{MemoryKv, OpenOptions, SegmentRead, Store, Trim, WriteOptions};

const ENTRIES: u64 = 1_500;

fn open(world: &World) -> (Store, Rc<Scans>) {
    let kv = MemoryKv::default();
    let scans = Rc::new(Scans::of(&kv));
    let options = OpenOptions { auto_compact: false, ..OpenOptions::default() };
    (world.open_with(hooked(&kv, &scans), options).expect("opens"), scans)
}

async fn append(world: &World, store: &Store, segment: &str, count: usize) {
    world.clock.0.set(world.clock.0.get() + 1);
    let texts = ["some two hundred bytes ".repeat(9)];
    let texts: Vec<&str> = texts.iter().map(String::as_str).cycle().take(count).collect();
    store.append(records("s", segment, &texts), WriteOptions::default()).await.expect("appends");
}

async fn merge(store: &Store) {
    let mut job = store.compactor(None).expect("starts");
    while job.step().await.expect("merges") {}
}

fn from_time(segment: &str, min: u64, most: u64) -> SegmentRead {
    SegmentRead { min_timestamp: Some(min), ..segment_read("s", segment, 1, most) }
}

#[test]
fn a_page_from_a_time_on_reads_few_rows() {
    for merged in [false, true] {
        let world = World::new();
        let (store, scans) = open(&world);
        let begin = world.clock.0.get();
        world.run(async {
            for _ in 0..ENTRIES {
                append(&world, &store, "g", 1).await;
            }
            if merged {
                merge(&store).await;
            }
            for at in [1, 20, ENTRIES / 3, ENTRIES / 2, ENTRIES - 1] {
                scans.reset();
                store.read_segment(segment_read("s", "g", at, 10)).await.expect("reads");
                let by_sequence = scans.bytes.get();
                scans.reset();
                let page = store.read_segment(from_time("g", begin + at, 10)).await.expect("reads");
                assert_eq!(page.entries().next().map(|entry| entry.sequence), Some(at));
                let (count, bytes) = (scans.count.get(), scans.bytes.get());
                assert!(count <= 3, "{count} scans from {at} on");
                assert!(bytes <= 3 * by_sequence + (32 << 10), "{bytes} bytes from {at} on, {by_sequence}");
            }
        });
    }
}

#[test]
fn every_time_finds_its_first_entry() {
    let world = World::new();
    let (store, _) = open(&world);
    let begin = world.clock.0.get();
    let segments = ["often", "now and then", "seldom"];
    world.run(async {
        for round in 0..400_u64 {
            append(&world, &store, "often", 1 + usize::from(round.is_multiple_of(5))).await;
            if round.is_multiple_of(7) {
                append(&world, &store, "now and then", 2).await;
            }
            if round % 190 == 5 {
                append(&world, &store, "seldom", 1).await;
            }
        }
        store.create_stream("s", 1, streamkit_core::Retention::default()).await.expect("becomes one");
        let end = world.clock.0.get();
        for step in 0..4 {
            match step {
                1 => merge(&store).await,
                2 => drop(store.trim_stream("s", Trim::MaxCount(300), false).await.expect("trims")),
                3 => drop(store.collect("s").await.expect("collects")),
                _ => {}
            }
            for segment in segments {
                let all = store.read_segment(segment_read("s", segment, 1, 10_000)).await.expect("reads");
                let all: Vec<(u64, u64)> = all.entries().map(|entry| (entry.id.ms, entry.sequence)).collect();
                for min in (begin..end + 3).step_by(11) {
                    let mut at = 1;
                    let mut found = Vec::new();
                    loop {
                        let read = SegmentRead { from: at, ..from_time(segment, min, 3) };
                        let page = store.read_segment(read).await.expect("reads");
                        found.extend(page.entries().map(|entry| entry.sequence));
                        at = page.next_sequence();
                        if page.tail || found.len() >= 9 {
                            break;
                        }
                    }
                    found.truncate(9);
                    let wanted = all.iter().filter(|(ms, _)| *ms >= min).map(|(_, sequence)| *sequence);
                    assert_eq!(
                        found,
                        wanted.take(9).collect::<Vec<_>>(),
                        "step {step}, {segment} from {min}"
                    );
                }
            }
        }
    });
}

#[test]
fn a_page_that_ends_before_what_the_space_has_reached_is_the_last() {
    let world = World::new();
    let (store, _) = open(&world);
    world.run(async {
        append(&world, &store, "g", 2).await;
        let most = world.clock.0.get() + 1;
        let upto = SegmentRead { max_timestamp: Some(most), ..segment_read("s", "g", 1, 10) };
        let page = store.read_segment(upto.clone()).await.expect("reads");
        assert_eq!((page.len(), page.done, page.tail), (2, false, true), "more of that time may come");
        append(&world, &store, "other", 1).await;
        let page = store.read_segment(upto.clone()).await.expect("reads");
        assert_eq!((page.len(), page.done, page.tail), (2, false, true), "even in the last millisecond");
        append(&world, &store, "other", 1).await;
        let page = store.read_segment(upto.clone()).await.expect("reads");
        assert_eq!((page.len(), page.done, page.tail), (2, true, false));
        let page =
            store.read_segment(SegmentRead { from: page.next_sequence(), ..upto }).await.expect("reads");
        assert_eq!((page.len(), page.done, page.tail), (0, true, false));
    });
}
