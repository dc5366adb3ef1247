//! One partition of a stream, read by pages that go on after the last id passed.
#![cfg(all(feature = "every-host", feature = "guarded-writes"))]

mod common;

use common::{World, to_stream};
use streamkit_core::{
    Atomicity, EntryId, HostLimits, MemoryKv, PartitionChoice, Retention, Store, StreamAppend, StreamRead,
    WriteOptions,
};

/// Commits to the partitions of a stream.
const COMMITS: [(u32, &[&str]); 5] =
    [(0, &["a", "b", "c"]), (1, &["x"]), (0, &["d", "e"]), (1, &["y", "z"]), (0, &["f"])];

async fn fill(world: &World, store: &Store) -> Vec<(u32, EntryId)> {
    store.create_stream("s", 2, Retention::default()).await.expect("creates");
    let mut ids = Vec::new();
    for (number, (partition, payloads)) in COMMITS.into_iter().enumerate() {
        // Some of the commits are of one millisecond.
        world.clock.0.set(world.clock.0.get() + number as u64 % 2);
        let append = StreamAppend { partition: Some(partition), ..to_stream("s", payloads, None) };
        let appended = store.append_to_stream(append, WriteOptions::default()).await.expect("appends");
        let first = appended.first_id;
        ids.extend((0..appended.count()).map(|n| (partition, EntryId::new(first.ms, first.n + n))));
    }
    ids
}

/// Reads a partition to its end, and says whether it is over for good.
async fn read(store: &Store, mut read: StreamRead) -> (Vec<EntryId>, bool) {
    let mut found = Vec::new();
    for _ in 0..20 {
        let page = store.read_stream(read.clone()).await.expect("reads");
        assert!(page.len() <= read.max_entries);
        found.extend(page.entries().map(|entry| entry.id));
        assert!(page.passed() >= read.after);
        assert!(!page.done || !page.tail);
        if page.done || page.tail {
            return (found, page.done);
        }
        read.after = page.passed();
    }
    panic!("it does not end: {read:?}");
}

#[test]
fn every_part_of_a_partition_is_read_by_pages_of_every_size() {
    let single_rows =
        HostLimits { atomic: Atomicity::None, checks: false, shared: false, ..HostLimits::default() };
    for limits in [HostLimits::default(), single_rows] {
        let world = World::new();
        let store = world.open(&MemoryKv::with_limits(limits));
        world.run(async {
            let ids = fill(&world, &store).await;
            let bounds: Vec<EntryId> =
                [EntryId::ZERO].into_iter().chain(ids.iter().map(|(_, id)| *id)).collect();
            for partition in [0, 1] {
                let of_all =
                    StreamRead { partitions: PartitionChoice::Number(partition), ..StreamRead::new("s") };
                for max_entries in 1..=4 {
                    for after in &bounds {
                        for last in bounds[1..].iter().map(Some).chain([None]).map(Option::<&EntryId>::copied)
                        {
                            let some = StreamRead { after: *after, last, max_entries, ..of_all.clone() };
                            let is_wanted = |id: &EntryId| id > after && last.is_none_or(|last| *id <= last);
                            let mine = ids.iter().filter(|(number, _)| *number == partition);
                            let wanted: Vec<EntryId> = mine.map(|(_, id)| *id).filter(is_wanted).collect();
                            let told = format!("{some:?}");
                            assert_eq!(read(&store, some).await, (wanted, last.is_some()), "{told}");
                        }
                    }
                }
            }
        });
    }
}
