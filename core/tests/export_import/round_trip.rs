//! What is exported is imported as it was, by any host.

use std::collections::BTreeMap;

use proptest::prelude::*;
use streamkit_core::{
    Atomicity, Detail, ErrorCode, HostLimits, ImportReport, MemoryKv, NewRecords, RecordFrame, Retention,
    Store, WriteOptions, encode_entry_body, encode_record_frame,
};
use uuid::Uuid;

use crate::common::{World, records, small_blocks};
use crate::transfer::{
    Contents, append, collect, contents, drain, export, head_key, healthy, import, push_all, trim,
};
use crate::{PROLOGUE, limits, open, open_here, small_store};

#[derive(Debug, Clone)]
struct Write {
    space: usize,
    segment: usize,
    sizes: Vec<usize>,
    has_metadata: bool,
    has_trx: bool,
    clock: u64,
}

/// Spaces, segments, entries.
const fn numbers(report: &ImportReport) -> [u64; 3] {
    [report.spaces, report.segments, report.entries]
}

/// Payload bytes of one append: some of the hosts below take 7,936 bytes in a commit, with all that belongs to them.
const MOST_BYTES: usize = 6000;
const SPACES: [&str; 4] = ["order", "order-1", "order-10", "\u{f6}rder"];
const SEGMENTS: [&str; 4] = ["a", "a-1", "b", "z z"];

fn write() -> impl Strategy<Value = Write> {
    let size = prop_oneof![6 => 0..40_usize, 2 => 40..900_usize, 1 => 900..2500_usize];
    (
        0..4_usize,
        0..4_usize,
        prop::collection::vec(size, 1..7),
        any::<bool>(),
        prop::bool::weighted(0.3),
        0..3_u64,
    )
        .prop_map(|(space, segment, mut sizes, has_metadata, has_trx, clock)| {
            while sizes.iter().sum::<usize>() > MOST_BYTES {
                sizes.pop();
            }
            Write { space, segment, sizes, has_metadata, has_trx, clock }
        })
}

fn request(number: usize, write: &Write) -> (NewRecords, WriteOptions) {
    let bodies: Vec<Vec<u8>> = write
        .sizes
        .iter()
        .map(|size| {
            let mut metadata = BTreeMap::new();
            if write.has_metadata {
                metadata.insert("key".to_owned(), format!("value {number}"));
            }
            let payload: Vec<u8> = (0..*size).map(|at| (at * (number + 7)) as u8).collect();
            encode_entry_body(&payload, &metadata).expect("encodes")
        })
        .collect();
    let frame = encode_record_frame(&bodies, None).expect("encodes");
    let records = NewRecords {
        space: SPACES[write.space].into(),
        segment: SEGMENTS[write.segment].into(),
        records: RecordFrame::parse(frame).expect("parses"),
        expected: None,
    };
    let trx_id = write.has_trx.then(|| Uuid::from_u128(number as u128 + 1));
    (records, WriteOptions { trx_id, ..WriteOptions::default() })
}

async fn fill(world: &World, store: &Store, writes: &[Write]) {
    for (number, write) in writes.iter().enumerate() {
        let (records, options) = request(number, write);
        store.append(records, options).await.expect("appends");
        world.clock.0.set(world.clock.0.get() + write.clock);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_exported_is_imported(
        writes in prop::collection::vec(write(), 1..40),
        from in 0..5_u8, to in 0..5_u8, chunk in prop_oneof![1..80_usize, Just(100_000)],
        trims in prop::collection::vec((0..4_usize, 0..30_usize, any::<bool>()), 0..4), merge: bool,
    ) {
        let world = World::new();
        let (source_kv, target_kv) = (MemoryKv::with_limits(limits(from)), MemoryKv::with_limits(limits(to)));
        let source = open(&world, &source_kv);
        world.run(fill(&world, &source, &writes));
        world.run(async {
            if merge {
                let mut job = source.compactor(None).expect("starts");
                while job.step().await.expect("steps") {}
            }
            for (space, count, collected) in trims {
                if source_kv.snapshot().contains_key(&head_key(SPACES[space])) {
                    trim(&source, &source_kv, SPACES[space], count).await;
                    if collected {
                        collect(&source, &source_kv, SPACES[space]).await;
                    }
                }
            }
        });
        // What this instance knew of the rows before they were trimmed is gone with it.
        let source = open(&world, &source_kv);
        let target = open(&world, &target_kv);
        world.run(async {
            healthy(&source).await;
            let before = contents(&source).await;
            let bytes = export(&source).await;
            let report = import(&target, &bytes, chunk).await.expect("imports");
            let after = contents(&target).await;
            assert_eq!(before, after);
            let entries: usize = after.spaces.values().map(|(entries, _)| entries.len()).sum();
            let segments: usize = after.spaces.values().map(|(_, statuses)| statuses.len()).sum();
            assert_eq!(numbers(&report), [after.spaces.len(), segments, entries].map(|count| count as u64));
            let verified = healthy(&target).await;
            assert_eq!(numbers(&report), [verified.spaces, verified.segments, verified.entries]);
            assert_eq!(&bytes[PROLOGUE..], &export(&target).await[PROLOGUE..], "the second export");

            // Both go on in the same way; a TRX whose entries are there is found again.
            for (number, write) in writes.iter().enumerate() {
                let (records, options) = request(number, write);
                let mut entries = before.spaces.values().flat_map(|(entries, _)| entries);
                if options.trx_id.is_none() || !entries.any(|one| Some(one.3.id) == options.trx_id) {
                    continue;
                }
                let again = target.append(records.clone(), options.clone()).await;
                assert_eq!(again, source.append(records, options).await);
            }
            for (space, segment) in [("order", "a"), ("order-1", "new")] {
                let made = source.append(records(space, segment, &["x"]), WriteOptions::default()).await;
                let same = target.append(records(space, segment, &["x"]), WriteOptions::default()).await;
                assert_eq!(made.expect("appends"), same.expect("appends"));
            }
            healthy(&target).await;
        });
    }
}

#[test]
fn chosen_spaces_are_exported_alone_and_missing_ones_are_named() {
    let world = World::new();
    let store = small_store(&world);
    world.run(async {
        let chosen = store.exporter(Some(vec!["b".into(), "b".into()])).expect("starts");
        assert_eq!(chosen.total(), None);
        let bytes = drain(chosen).await.expect("exports");
        let target = open_here(&world, &small_blocks()).await;
        let report = import(&target, &bytes, 50).await.expect("imports");
        assert_eq!(numbers(&report), [1, 1, 1]);

        let mut missing = store.exporter(Some(vec!["a".into(), "ab".into()])).expect("starts");
        for _ in 0..2 {
            let error = missing.next().await.expect_err("refused");
            assert_eq!(error.code(), ErrorCode::NotFound);
            assert!(error.message().contains("\"ab\""), "{error}");
        }
        let error = store.exporter(Some(vec!["\0".into()])).expect_err("refused");
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
        let none = drain(store.exporter(Some(Vec::new())).expect("starts")).await.expect("exports");
        assert_eq!(import(&target, &none, 1).await.expect("imports"), ImportReport::default());
    });
}

#[test]
fn progress_is_told() {
    let world = World::new();
    let store = small_store(&world);
    world.run(async {
        let mut exporter = store.exporter(None).expect("starts");
        let bytes = exporter.next().await.expect("exports").expect("a chunk");
        assert_eq!((exporter.done(), exporter.total()), (4, Some(4)));
        let mut importer = open_here(&world, &small_blocks()).await.importer(None).expect("starts");
        importer.push(&bytes).await.expect("imports");
        assert_eq!(importer.done(), 4);
    });
}

#[test]
fn progress_of_an_export_beside_writers_does_not_go_beyond_its_total() {
    let world = World::new();
    let store = small_store(&world);
    world.run(async {
        let large = "l".repeat(300 << 10);
        append(&store, "a", "s", &[&large]).await;
        let mut exporter = store.exporter(None).expect("starts");
        let mut last = 0;
        while exporter.next().await.expect("exports").is_some() {
            append(&store, "b", "s", &["more"]).await;
            assert!(last <= exporter.done() && exporter.done() <= 5, "{}", exporter.done());
            last = exporter.done();
        }
        assert_eq!((exporter.done(), exporter.total()), (5, Some(5)));
    });
}

#[test]
fn chunks_are_bounded_whatever_the_space() {
    let world = World::new();
    let store = open(&world, &MemoryKv::new());
    world.run(async {
        let text = "z".repeat(10_000);
        let many = vec![&*text; 100];
        for segment in ["a", "b", "c"] {
            append(&store, "s", segment, &many).await;
        }
        let mut exporter = store.exporter(None).expect("starts");
        let mut bytes = Vec::new();
        while let Some(chunk) = exporter.next().await.expect("exports") {
            assert!(chunk.len() < 800 << 10, "{}", chunk.len());
            bytes.extend(chunk);
        }
        let target = open_here(&world, &small_blocks()).await;
        import(&target, &bytes, 64 << 10).await.expect("imports");
        assert_eq!(contents(&target).await, contents(&store).await);
        healthy(&target).await;
    });
}

#[test]
fn a_stream_that_holds_nothing_yet_is_exported() {
    let world = World::new();
    let kv = small_blocks();
    let store = open(&world, &kv);
    let retention = Retention { max_count: Some(9), ..Retention::default() };
    let made = world.run(store.create_stream("s", 3, retention)).expect("creates");
    world.run(async {
        let bytes = export(&store).await;
        let target_kv = small_blocks();
        let target = open_here(&world, &target_kv).await;
        let report = import(&target, &bytes, 30).await.expect("imports");
        assert_eq!(numbers(&report), [1, 0, 0]);
        assert_eq!(target.stream("s").await.expect("is there"), made);
        assert_eq!(import(&target, &bytes, 30).await.expect_err("there").code(), ErrorCode::Conflict);
    });
}

#[test]
fn what_is_imported_fits_a_commit_that_is_smaller_than_a_row() {
    let world = World::new();
    let store = open(&world, &MemoryKv::new());
    world.run(async {
        let (long, text) = ("s".repeat(128), "x".repeat(3000));
        for n in 0..40 {
            let text = if n < 20 { &*text } else { "x" };
            append(&store, &long, &long, &[text; 3]).await;
        }
        let bytes = export(&store).await;
        for batch_bytes in [16 << 10, 20_000, 40_000, 100_000, 200_000] {
            for atomic in [Atomicity::Store, Atomicity::Space, Atomicity::None] {
                let limits = HostLimits {
                    max_batch_bytes: batch_bytes,
                    atomic,
                    checks: atomic != Atomicity::None,
                    ..HostLimits::default()
                };
                let target = open_here(&world, &MemoryKv::with_limits(limits)).await;
                import(&target, &bytes, 5000).await.expect("imports");
                assert_eq!(contents(&target).await, contents(&store).await);
                healthy(&target).await;
            }
        }
    });
}

#[test]
fn of_an_export_the_chosen_spaces_are_imported_alone_and_missing_ones_are_named() {
    let world = World::new();
    let source = small_store(&world);
    world.run(async {
        let bytes = export(&source).await;
        let all = contents(&source).await;
        for chunk in [1, 50, bytes.len()] {
            // "a" is not empty, and is not looked at.
            let target = open_here(&world, &small_blocks()).await;
            append(&target, "a", "s", &["mine"]).await;
            let importer = target.importer(Some(vec!["b".into(), "b".into()])).expect("starts");
            let report = push_all(importer, &bytes, chunk).await.expect("imports");
            assert_eq!(numbers(&report), [1, 1, 1]);
            let found = contents(&target).await;
            assert_eq!(found.spaces["b"], all.spaces["b"]);
            assert_eq!(found.spaces["a"].0.len(), 1);
            healthy(&target).await;
        }

        let target = open_here(&world, &small_blocks()).await;
        let none = push_all(target.importer(Some(Vec::new())).expect("starts"), &bytes, 50).await;
        assert_eq!(none.expect("imports"), ImportReport::default());
        assert_eq!(contents(&target).await, Contents::default());

        let importer = target.importer(Some(vec!["ab".into(), "b".into()])).expect("starts");
        let error = push_all(importer, &bytes, 50).await.expect_err("it is not there");
        assert_eq!(error.code(), ErrorCode::NotFound);
        assert!(error.message().contains("\"ab\""), "{error}");
        assert_eq!(error.detail("spacesDone"), Some(&Detail::Number(1)));
        assert_eq!(contents(&target).await.spaces["b"], all.spaces["b"]);

        let error = target.importer(Some(vec!["\0".into()])).expect_err("refused");
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
    });
}

#[test]
fn a_space_that_is_passed_over_may_hold_what_the_host_cannot() {
    for length in [200_000, 400_000] {
        let world = World::new();
        let store = open(&world, &MemoryKv::new());
        world.run(async {
            append(&store, "a", "s", &[&"w".repeat(length)]).await;
            append(&store, "b", "s", &["small"]).await;
            let bytes = export(&store).await;
            let target = open_here(&world, &MemoryKv::with_limits(limits(3))).await;
            let importer = target.importer(Some(vec!["b".into()])).expect("starts");
            push_all(importer, &bytes, 10_000).await.expect("imports");
            assert_eq!(contents(&target).await.spaces["b"], contents(&store).await.spaces["b"]);
        });
    }
}
