//! What was exported is imported, entry for entry; and what is not an export changes nothing.

mod common;
#[path = "common/transfer.rs"]
mod transfer;

use std::collections::BTreeMap;
use std::rc::Rc;

use common::{World, records, small_blocks};
use proptest::prelude::*;
use streamkit_core::{
    Atomicity, Compression, Crc32c, Detail, Error, ErrorCode, FaultPlan, FaultyKv, HostLimits, ImportReport,
    MemoryKv, NewRecords, OpenOptions, RecordFrame, Retention, Store, WriteOptions, encode_entry_body,
    encode_record_frame,
};
use transfer::{
    collect, contents, drain, export, head_key, healthy, import, put_u64, timeline, trim, verify,
};
use uuid::Uuid;

/// Bytes before the first space: the preamble and the frame about the store.
const PROLOGUE: usize = 12 + 9 + 24 + 4;

fn limits(kind: u8) -> HostLimits {
    let small = HostLimits { block_bytes: 2048, ..HostLimits::default() };
    match kind % 5 {
        0 => HostLimits::default(),
        1 => small,
        2 => HostLimits { atomic: Atomicity::Space, max_batch_ops: 100, ..small },
        3 => HostLimits {
            max_batch_ops: 20,
            max_batch_bytes: 20 << 10,
            max_value_bytes: 5000,
            compress: true,
            ..small
        },
        _ => HostLimits { atomic: Atomicity::None, checks: false, consistent: false, ..small },
    }
}

fn open(world: &World, kv: &MemoryKv) -> Store {
    let options = OpenOptions { auto_compact: false, ..OpenOptions::default() };
    world.open_with(Rc::new(kv.clone()), options).expect("opens")
}

/// Opens a store from within a run.
async fn open_here(world: &World, kv: &MemoryKv) -> Store {
    let options = OpenOptions { auto_compact: false, ..OpenOptions::default() };
    Store::open(world.env(Rc::new(kv.clone())), options).await.expect("opens")
}

#[derive(Debug, Clone)]
struct Write {
    space: usize,
    segment: usize,
    sizes: Vec<usize>,
    has_metadata: bool,
    has_trx: bool,
    clock: u64,
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
            assert_eq!(report, ImportReport {
                spaces: after.spaces.len() as u64,
                segments: segments as u64,
                entries: entries as u64,
            });
            let verified = healthy(&target).await;
            let counts = (verified.spaces, verified.segments, verified.entries);
            assert_eq!(counts, (report.spaces, report.segments, report.entries));
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

/// Two spaces, a few kinds of entries, as short as it can be.
fn small_store(world: &World) -> Store {
    let store = open(world, &small_blocks());
    world.run(async {
        let trx = WriteOptions { trx_id: Some(Uuid::from_u128(9)), ..WriteOptions::default() };
        store.append(records("a", "s", &["one", "two"]), WriteOptions::default()).await.expect("appends");
        store.append(records("a", "t", &["three"]), trx).await.expect("appends");
        store.append(records("b", "s", &["four"]), WriteOptions::default()).await.expect("appends");
    });
    store
}

async fn is_untouched(store: &Store, space: &str) {
    assert!(store.segment_status(space, "s").await.expect("reads").is_none());
    let appended = store.append(records(space, "s", &["x"]), WriteOptions::default()).await;
    assert_eq!(appended.expect("the space is writable").status.first_sequence, 1);
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
        assert_eq!(report, ImportReport { spaces: 1, segments: 1, entries: 1 });

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
        let mut importer = open_here(&world, &small_blocks()).await.importer();
        importer.push(&bytes).await.expect("imports");
        assert_eq!(importer.done(), 4);
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
            store.append(records("s", segment, &many), WriteOptions::default()).await.expect("appends");
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
fn a_space_that_is_not_empty_is_refused_and_unchanged() {
    let world = World::new();
    let store = small_store(&world);
    let kv = small_blocks();
    let target = open(&world, &kv);
    world.run(async {
        let bytes = export(&store).await;
        target.append(records("b", "s", &["mine"]), WriteOptions::default()).await.expect("appends");
        let before = kv.snapshot();
        let error = import(&target, &bytes, 1000).await.expect_err("refused");
        assert_eq!(error.code(), ErrorCode::Conflict);
        assert!(!error.is_retryable());
        assert!(error.message().contains("\"b\""), "{error}");
        assert_eq!(error.detail("spacesDone"), Some(&Detail::Number(1)));
        let after = kv.snapshot();
        assert!(before.iter().all(|(key, value)| after.get(key) == Some(value)));
        assert_eq!(contents(&target).await.spaces["a"], contents(&store).await.spaces["a"]);
    });
}

#[test]
fn an_import_is_invisible_until_its_space_is_complete() {
    for kind in [1, 2, 4] {
        let world = World::new();
        let store = small_store(&world);
        let (bytes, expected) = world.run(async { (export(&store).await, contents(&store).await) });
        for cut in (0..bytes.len()).step_by(7) {
            let kv = MemoryKv::with_limits(limits(kind));
            let target = open(&world, &kv);
            world.run(async {
                let mut importer = target.importer();
                importer.push(&bytes[..cut]).await.expect("takes it");
                let seen = contents(&target).await;
                for (space, entries) in &seen.spaces {
                    assert_eq!(entries, &expected.spaces[space], "{space} at {cut}");
                }
                if seen.spaces.is_empty() && kv.snapshot().contains_key(&head_key("a")) {
                    let refused = target.append(records("a", "s", &["x"]), WriteOptions::default()).await;
                    assert_eq!(refused.expect_err("refused").code(), ErrorCode::Conflict);
                }
                importer.push(&bytes[cut..]).await.expect("goes on");
                importer.finish().await.expect("imports");
                assert_eq!(contents(&target).await, expected, "cut at {cut}");
                let made = target.append(records("a", "s", &["x"]), WriteOptions::default()).await;
                assert_eq!(made.expect("appends").status.last_sequence, 3);
                healthy(&target).await;
            });
        }
    }
}

#[test]
fn an_abandoned_import_is_taken_over() {
    for kind in [1, 2, 3, 4] {
        let world = World::new();
        let (large, store) = (open(&world, &MemoryKv::new()), small_store(&world));
        let target = open(&world, &MemoryKv::with_limits(limits(kind)));
        world.run(async {
            let text = "y".repeat(300);
            for _ in 0..60 {
                large
                    .append(records("a", "q", &[&*text; 20]), WriteOptions::default())
                    .await
                    .expect("appends");
            }
            let other = export(&large).await;
            let mut abandoned = target.importer();
            abandoned.push(&other[..other.len() - 40]).await.expect("takes it");

            let bytes = export(&store).await;
            import(&target, &bytes, 1000).await.expect("takes over");
            assert_eq!(contents(&target).await, contents(&store).await);
            let error = abandoned.push(&other[other.len() - 40..]).await.expect_err("taken over");
            assert_eq!(error.code(), ErrorCode::Conflict);
            assert_eq!(abandoned.finish().await.expect_err("stays").code(), ErrorCode::Conflict);
            assert_eq!(contents(&target).await, contents(&store).await);
            healthy(&target).await;
        });
    }
}

#[test]
fn an_import_that_was_broken_off_makes_way_for_a_write() {
    for kind in [0, 1, 2, 3] {
        for creates in [false, true] {
            let world = World::new();
            let source = open(&world, &MemoryKv::new());
            let kv = MemoryKv::with_limits(limits(kind));
            let (target, other) = (open(&world, &kv), open(&world, &kv));
            world.run(async {
                let text = "y".repeat(300);
                for segment in ["q", "r"] {
                    for n in 0..60 {
                        let trx_id = (n == 0).then_some(Uuid::from_u128(9));
                        let options = WriteOptions { trx_id, ..WriteOptions::default() };
                        source.append(records("a", segment, &[&*text; 20]), options).await.expect("appends");
                    }
                }
                let bytes = export(&source).await;
                let mut importer = target.importer();
                importer.push(&bytes[..bytes.len() - 40]).await.expect("takes it");
                assert!(kind != 3 || kv.snapshot().len() > 40, "rows of it are there");
                let refused = other.append(records("a", "s", &["x"]), WriteOptions::default()).await;
                assert_eq!(refused.expect_err("it goes on").code(), ErrorCode::Conflict);

                world.clock.0.set(world.clock.0.get() + 30_000);
                if creates {
                    let info = other.create_stream("a", 1, Retention::default()).await.expect("creates");
                    assert_eq!(info.count, 0);
                } else {
                    let (first, second) = futures::join!(
                        other.append(records("a", "s", &["x"]), WriteOptions::default()),
                        other.append(records("a", "q", &["y"]), WriteOptions::default()),
                    );
                    assert_eq!(first.expect("appends").status.last_sequence, 1);
                    assert_eq!(second.expect("appends").status.last_sequence, 1);
                }
                let seen = contents(&other).await;
                let error = importer.push(&bytes[bytes.len() - 40..]).await.expect_err("it lost the space");
                assert_eq!(error.code(), ErrorCode::Conflict);
                assert_eq!(contents(&target).await, seen);
                healthy(&target).await;
                let rows =
                    kv.snapshot().into_iter().filter(|(key, _)| !key.starts_with(b"INV\0STORE")).count();
                assert!(rows <= 7, "{rows} rows are left");
            });
        }
    }
}

#[test]
fn an_import_that_goes_on_slowly_is_not_broken_off() {
    let world = World::new();
    let source = open(&world, &MemoryKv::new());
    let target = open(&world, &MemoryKv::with_limits(limits(3)));
    world.run(async {
        let text = "y".repeat(300);
        for _ in 0..60 {
            source.append(records("a", "q", &[&*text; 20]), WriteOptions::default()).await.expect("appends");
        }
        let bytes = export(&source).await;
        let mut importer = target.importer();
        for piece in bytes[..bytes.len() - 40].chunks(64 << 10) {
            importer.push(piece).await.expect("takes it");
            world.clock.0.set(world.clock.0.get() + 29_000);
            let refused = target.append(records("a", "s", &["x"]), WriteOptions::default()).await;
            assert_eq!(refused.expect_err("it goes on").code(), ErrorCode::Conflict);
        }
        importer.push(&bytes[bytes.len() - 40..]).await.expect("takes it");
        importer.finish().await.expect("ends");
        assert_eq!(contents(&target).await, contents(&source).await);
        healthy(&target).await;
    });
}

#[test]
fn an_import_by_a_clock_that_was_ahead_does_not_keep_the_space_shut() {
    let world = World::new();
    let source = small_store(&world);
    let target = open(&world, &small_blocks());
    world.run(async {
        let bytes = export(&source).await;
        let now = world.clock.0.get();
        world.clock.0.set(now + 400 * 86_400_000);
        let mut importer = target.importer();
        importer.push(&bytes[..150]).await.expect("takes it");
        world.clock.0.set(now);
        importer.push(&bytes[150..160]).await.expect("goes on by the clock as it is");
        let refused = target.append(records("a", "s", &["x"]), WriteOptions::default()).await;
        assert_eq!(refused.expect_err("it goes on").code(), ErrorCode::Conflict);

        world.clock.0.set(now - 30_000);
        target.append(records("a", "s", &["x"]), WriteOptions::default()).await.expect("appends");
        assert_eq!(importer.push(&bytes[160..]).await.expect_err("it is lost").code(), ErrorCode::Conflict);
        healthy(&target).await;
    });
}

#[test]
fn however_short_what_is_no_export_is_told_from_one_that_is_cut_short() {
    let world = World::new();
    let target = open(&world, &small_blocks());
    world.run(async {
        for (bytes, code) in [
            (&b"garbage"[..], ErrorCode::InvalidArgument),
            (b"STREAM", ErrorCode::InvalidArgument),
            (b"STRMK", ErrorCode::Corrupt),
            (b"STRMKIT\x1a\x01", ErrorCode::Corrupt),
            (b"", ErrorCode::Corrupt),
        ] {
            let refused = import(&target, bytes, 100).await.expect_err("is refused");
            assert_eq!(refused.code(), code, "{bytes:?}: {refused}");
        }
    });
}

#[test]
fn by_a_clock_that_fails_no_import_begins_and_none_is_broken_off() {
    let world = World::new();
    let source = small_store(&world);
    let kv = small_blocks();
    let (target, other) = (open(&world, &kv), open(&world, &kv));
    world.run(async {
        let now = world.clock.0.get();
        world.clock.0.set(u64::MAX);
        let bytes = export(&source).await;
        let refused = target.importer().push(&bytes).await.expect_err("there is no time");
        assert_eq!(refused.code(), ErrorCode::InvalidArgument);
        world.clock.0.set(now);
        let mut importer = target.importer();
        importer.push(&bytes[..150]).await.expect("what was exported by it is read");
        world.clock.0.set(u64::MAX);
        let refused = other.append(records("a", "s", &["x"]), WriteOptions::default()).await;
        assert!(refused.is_err());
        world.clock.0.set(now);
        importer.push(&bytes[150..]).await.expect("goes on");
        importer.finish().await.expect("ends");
        assert_eq!(contents(&target).await, contents(&source).await);
        healthy(&target).await;
    });
}

#[test]
fn another_instance_sees_the_import() {
    let world = World::new();
    let store = small_store(&world);
    let kv = small_blocks();
    let (target, other) = (open(&world, &kv), open(&world, &kv));
    world.run(async {
        let bytes = export(&store).await;
        let mut importer = target.importer();
        importer.push(&bytes[..150]).await.expect("takes it");
        for instance in [&target, &other] {
            let refused = instance.append(records("a", "s", &["x"]), WriteOptions::default()).await;
            assert_eq!(refused.expect_err("refused").code(), ErrorCode::Conflict);
        }
        importer.push(&bytes[150..]).await.expect("goes on");
        importer.finish().await.expect("imports");
        for (instance, last) in [(&target, 3), (&other, 4)] {
            let made = instance.append(records("a", "s", &["x"]), WriteOptions::default()).await;
            assert_eq!(made.expect("appends").status.last_sequence, last);
        }
        healthy(&other).await;
    });
}

#[test]
fn damage_at_every_byte_is_refused_and_leaves_nothing() {
    let world = World::new();
    let store = small_store(&world);
    let bytes = world.run(export(&store));
    for kind in [1, 4] {
        for at in 0..bytes.len() {
            let mask = [0x01, 0x80, 0xff][at % 3];
            let mut damaged = bytes.clone();
            damaged[at] ^= mask;
            let target = open(&world, &MemoryKv::with_limits(limits(kind)));
            world.run(async {
                let result = import(&target, &damaged, 1 + at % 40).await;
                // The store's id and time are told, not stored: but they are checked all the same.
                let error = result.expect_err("refused");
                let codes = [ErrorCode::Corrupt, ErrorCode::InvalidArgument];
                assert!(codes.contains(&error.code()), "{at}: {error}");
                is_as_told(&target, &error, &format!("byte {at}")).await;
            });
        }
    }
}

#[test]
fn a_stream_that_ends_early_or_late_is_refused() {
    let world = World::new();
    let store = small_store(&world);
    let bytes = world.run(export(&store));
    for length in 0..bytes.len() {
        let target = open(&world, &small_blocks());
        let error = world.run(import(&target, &bytes[..length], 64)).expect_err("refused");
        assert_eq!(error.code(), ErrorCode::Corrupt, "{length}: {error}");
    }
    let target = open(&world, &small_blocks());
    let longer = [&*bytes, b"x"].concat();
    let error = world.run(import(&target, &longer, 64)).expect_err("refused");
    assert!(error.message().contains("after the end"), "{error}");
}

/// The frames of an export, each as kind and body.
fn frames(bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut found = Vec::new();
    let mut rest = &bytes[12..];
    while !rest.is_empty() {
        let length = u32::from_le_bytes(rest[..4].try_into().expect("four")) as usize;
        found.push((rest[4], rest[9..9 + length].to_vec()));
        rest = &rest[9 + length + 4..];
    }
    found
}

/// Frames put together again, with checksums that match.
fn sealed(frames: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut out = b"STRMKIT\x1a\x01\0\0\0".to_vec();
    let mut sum = Crc32c::new();
    for (kind, body) in frames {
        let mut body = body.clone();
        if *kind == 2 {
            sum = Crc32c::new();
        }
        if *kind == 7 {
            let end = body.len() - 4;
            body[end..].copy_from_slice(&sum.finish().to_le_bytes());
        }
        let mut header = (body.len() as u32).to_le_bytes().to_vec();
        header.push(*kind);
        let check = Crc32c::of(&header);
        header.extend(check.to_le_bytes());
        let trailer = Crc32c::of(&body).to_le_bytes();
        sum.update(&header).update(&trailer);
        out.extend(header);
        out.extend(body);
        out.extend(trailer);
    }
    out
}

fn refused(world: &World, frames: &[(u8, Vec<u8>)], what: &str) {
    let target = open(world, &small_blocks());
    world.run(async {
        let error = import(&target, &sealed(frames), 100).await.expect_err(what);
        let codes = [
            ErrorCode::Corrupt,
            ErrorCode::InvalidArgument,
            ErrorCode::LimitExceeded,
            // A space that comes twice.
            ErrorCode::Conflict,
        ];
        assert!(codes.contains(&error.code()), "{what}: {error}");
        is_as_told(&target, &error, what).await;
    });
}

/// What was complete is there, and the rest is as if it had never come.
async fn is_as_told(target: &Store, error: &Error, what: &str) {
    let done = match error.detail("spacesDone") {
        Some(Detail::Number(done)) => *done,
        other => panic!("{what}: {other:?}"),
    };
    assert_eq!(contents(target).await.spaces.len() as u64, done, "{what}");
    healthy(target).await;
    for space in ["a", "b"].into_iter().skip(done as usize) {
        is_untouched(target, space).await;
    }
}

#[test]
fn contradictions_with_matching_checksums_are_refused() {
    let world = World::new();
    let store = small_store(&world);
    let bytes = world.run(async {
        drain(store.exporter(Some(vec!["a".into()])).expect("starts")).await.expect("exports")
    });
    let whole = frames(&bytes);
    assert_eq!(sealed(&whole), bytes);
    assert_eq!(whole.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), [1, 2, 3, 5, 6, 7, 8]);
    // Every byte of every frame changed: an error, or an import that says the same in other words.
    for (index, (_, body)) in whole.iter().enumerate() {
        for at in 0..body.len() {
            let mut changed = whole.clone();
            changed[index].1[at] ^= 0x10;
            let target = open(&world, &small_blocks());
            world.run(async {
                match import(&target, &sealed(&changed), 200).await {
                    Ok(_) => {
                        // Whose entries a TRX row tells of is not looked at.
                        let problems = verify(&target).await.problems;
                        let of_trx = problems.iter().all(|one| one.message.starts_with("TRX row"));
                        assert!(of_trx && (problems.is_empty() || index == 3), "{problems:?}");
                    }
                    Err(error) => {
                        let what = format!("frame {index}, byte {at}");
                        is_as_told(&target, &error, &what).await;
                    }
                }
            });
        }
    }
    for index in 0..whole.len() {
        let mut fewer = whole.clone();
        fewer.remove(index);
        refused(&world, &fewer, &format!("without frame {index}"));
        let mut twice = whole.clone();
        twice.insert(index, whole[index].clone());
        refused(&world, &twice, &format!("frame {index} twice"));
        for other in 0..index {
            let mut swapped = whole.clone();
            swapped.swap(index, other);
            refused(&world, &swapped, &format!("{index} and {other} swapped"));
        }
    }
    // The first run begins at sequence 2: u32 runs, u8 length, "s", u64.
    let mut later = whole.clone();
    put_u64(&mut later[2].1, 6, 2);
    refused(&world, &later, "sequences that do not begin at 1");
    let mut name = whole;
    name[2].1[5] = 0x1f;
    refused(&world, &name, "an invalid name");
}

#[test]
fn an_absurd_length_takes_no_memory() {
    let world = World::new();
    let store = small_store(&world);
    let bytes = world.run(export(&store));
    for (kind, length) in [(3, u32::MAX), (3, 1 << 29), (2, 1 << 24), (5, 1 << 28)] {
        let mut header = length.to_le_bytes().to_vec();
        header.push(kind);
        let check = Crc32c::of(&header);
        header.extend(check.to_le_bytes());
        let target = open(&world, &small_blocks());
        let absurd = [&bytes[..PROLOGUE], &header, &[0; 1000]].concat();
        let memory = allocation_counter::measure(|| {
            let error = world.run(import(&target, &absurd, 100)).expect_err("refused");
            let codes = [ErrorCode::Corrupt, ErrorCode::LimitExceeded];
            assert!(codes.contains(&error.code()), "{error}");
        });
        assert!(memory.bytes_max < 1 << 20, "{memory:?}");
    }
}

#[test]
fn an_export_is_consistent_beside_writers_and_trims() {
    for trims in [false, true] {
        let world = World::new();
        let kv = small_blocks();
        let store = open(&world, &kv);
        world.run(async {
            let text = "w".repeat(3000);
            for n in 0..300 {
                let segment = format!("s{}", n % 7);
                store
                    .append(records("a", &segment, &[&text]), WriteOptions::default())
                    .await
                    .expect("appends");
            }
            store.append(records("b", "s", &["later"]), WriteOptions::default()).await.expect("appends");
            let mut exporter = store.exporter(None).expect("starts");
            let mut bytes = Vec::new();
            let mut began = contents(&store).await;
            while let Some(chunk) = exporter.next().await.expect("exports") {
                bytes.extend(chunk);
                for n in 0..9 {
                    let segment = format!("s{}", n % 9);
                    store
                        .append(records("a", &segment, &["new"]), WriteOptions::default())
                        .await
                        .expect("appends");
                }
                if trims {
                    trim(&store, &kv, "a", 140).await;
                    collect(&store, &kv, "a").await;
                }
            }
            let target = open_here(&world, &small_blocks()).await;
            import(&target, &bytes, 5000).await.expect("imports");
            let mut found = contents(&target).await;
            healthy(&target).await;
            let (begun, got) =
                (began.spaces.remove("a").expect("there"), found.spaces.remove("a").expect("there"));
            if trims {
                assert!(!got.0.is_empty() && got.0.len() < begun.0.len());
                let tail = &begun.0[begun.0.len() - got.0.len()..];
                assert_eq!(tail, got.0);
                let last = |all: &[streamkit_core::SegmentStatus]| -> Vec<u64> {
                    all.iter().map(|status| status.last_sequence).collect()
                };
                assert_eq!(last(&begun.1), last(&got.1));
            } else {
                assert_eq!(begun, got);
            }
            // Blocks between which trimmed entries are missing are not joined.
            let merged = open_here(&world, &MemoryKv::new()).await;
            import(&merged, &bytes, 5000).await.expect("imports");
            let before = contents(&merged).await;
            let mut job = merged.compactor(None).expect("starts");
            while job.step().await.expect("steps") {}
            healthy(&merged).await;
            assert_eq!(contents(&merged).await, before);
        });
    }
}

#[test]
fn all_that_is_trimmed_beside_the_export_still_counts() {
    let world = World::new();
    let kv = small_blocks();
    let store = open(&world, &kv);
    world.run(async {
        let text = "w".repeat(3000);
        for n in 0..300 {
            let segment = format!("s{}", n % 3);
            store.append(records("a", &segment, &[&text]), WriteOptions::default()).await.expect("appends");
        }
        let mut exporter = store.exporter(None).expect("starts");
        let mut bytes = exporter.next().await.expect("exports").expect("a chunk");
        trim(&store, &kv, "a", 300).await;
        collect(&store, &kv, "a").await;
        let fresh = open_here(&world, &kv).await;
        for segment in ["s0", "s1"] {
            fresh.append(records("a", segment, &["new"]), WriteOptions::default()).await.expect("appends");
        }
        while let Some(chunk) = exporter.next().await.expect("exports") {
            bytes.extend(chunk);
        }
        let target = open_here(&world, &small_blocks()).await;
        import(&target, &bytes, 5000).await.expect("imports");
        healthy(&target).await;
        let found = contents(&target).await;
        assert!(found.spaces["a"].0.is_empty());
        let lasts: Vec<u64> = found.spaces["a"].1.iter().map(|status| status.last_sequence).collect();
        assert_eq!(lasts, [100, 100, 100]);
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
        assert_eq!(report, ImportReport { spaces: 1, segments: 0, entries: 0 });
        assert_eq!(target.stream("s").await.expect("is there"), made);
        assert_eq!(import(&target, &bytes, 30).await.expect_err("there").code(), ErrorCode::Conflict);
    });
}

#[test]
fn metadata_that_is_none_of_a_stream_is_refused_before_anything_is_stored() {
    let world = World::new();
    let store = small_store(&world);
    world.run(store.create_stream("a", 3, Retention::default())).expect("creates");
    let bytes = world.run(async {
        drain(store.exporter(Some(vec!["a".into()])).expect("starts")).await.expect("exports")
    });
    let whole = frames(&bytes);
    let start = &whole[1].1;
    // At the end of the frame: u32 length, then u8 version, u32 partitions, and six times u64.
    let at = start.len() - 45;
    let cut = |to: usize| {
        let mut body = start[..at - 4].to_vec();
        body.extend((to as u32).to_le_bytes());
        body.extend(&start[at..at + to]);
        body
    };
    let changed = |offset: usize, value: u8| {
        let mut body = start.clone();
        body[at + offset] = value;
        body
    };
    let cases = [
        ("another version", changed(0, 9)),
        ("no partitions, but a time of creation", changed(1, 0)),
        ("a retention beyond 2^53", changed(12, 0xff)),
        ("metadata that is cut off", cut(44)),
        ("one byte of metadata", cut(1)),
    ];
    for (what, body) in cases {
        let mut frames = whole.clone();
        frames[1].1 = body;
        refused(&world, &frames, what);
        let kv = small_blocks();
        let target = open(&world, &kv);
        let rows = kv.len();
        let error = world.run(import(&target, &sealed(&frames), 100)).expect_err(what);
        assert_eq!(error.code(), ErrorCode::Corrupt, "{what}");
        assert_eq!(kv.len(), rows, "{what}");
    }
}

#[test]
fn lost_and_late_replies_do_not_break_an_import() {
    let world = World::new();
    let store = open(&world, &small_blocks());
    let bytes = world.run(async {
        for n in 0..120 {
            let segment = format!("s{}", n % 5);
            let text = "t".repeat(n * 13 % 900);
            store.append(records("a", &segment, &[&text]), WriteOptions::default()).await.expect("appends");
        }
        export(&store).await
    });
    let mut imported = 0;
    for seed in 0..60 {
        let kv = MemoryKv::with_limits(limits(3));
        let plan = FaultPlan {
            seed,
            lost_reply_rate: if seed % 2 == 0 { 0.1 } else { 0.02 },
            late_rate: 0.05,
            ..FaultPlan::default()
        };
        let open_first = open(&world, &kv);
        drop(open_first);
        let faulty = Rc::new(FaultyKv::new(Rc::new(kv.clone()), plan));
        let options =
            OpenOptions { auto_compact: false, compression: Compression::None, ..OpenOptions::default() };
        let Ok(target) = world.open_with(faulty.clone(), options) else { continue };
        let result = world.run(import(&target, &bytes, 4000));
        faulty.set_plan(FaultPlan::default());
        world.run(faulty.settle());
        let reader = open(&world, &kv);
        world.run(async {
            match result {
                Ok(_) => {
                    imported += 1;
                    assert_eq!(contents(&reader).await, contents(&store).await, "seed {seed}");
                }
                Err(error) => {
                    assert_eq!(error.code(), ErrorCode::Unavailable, "seed {seed}: {error}");
                    if contents(&reader).await.spaces.is_empty() {
                        import(&reader, &bytes, 4000).await.expect("takes over");
                    }
                    assert_eq!(contents(&reader).await, contents(&store).await, "seed {seed}");
                }
            }
            healthy(&reader).await;
        });
    }
    assert!(imported > 10, "{imported}");
}

#[test]
fn a_damaged_source_is_not_exported_as_if_it_were_whole() {
    let world = World::new();
    let kv = small_blocks();
    let store = open(&world, &kv);
    world.run(async {
        let text = "w".repeat(1500);
        for n in 0..12 {
            let segment = format!("s{}", n % 3);
            store
                .append(records("a", &segment, &[&*text; 4]), WriteOptions::default())
                .await
                .expect("appends");
        }
    });
    for (key, _) in kv.snapshot() {
        if key == b"INV\0STORE" || key == head_key("a") {
            continue;
        }
        let damaged = MemoryKv::with_limits(limits(1));
        damaged.restore(kv.snapshot());
        damaged.overwrite(&key, None);
        let reader = open(&world, &damaged);
        let result = world.run(drain(reader.exporter(None).expect("starts")));
        assert_eq!(result.expect_err("damaged").code(), ErrorCode::Corrupt);
    }
}

#[test]
fn a_record_that_the_host_cannot_hold_is_refused() {
    let world = World::new();
    let store = open(&world, &MemoryKv::new());
    world.run(async {
        let text = "w".repeat(200_000);
        store.append(records("a", "s", &["small", &text]), WriteOptions::default()).await.expect("appends");
        let bytes = export(&store).await;
        let target = open_here(&world, &MemoryKv::with_limits(limits(3))).await;
        let error = import(&target, &bytes, 10_000).await.expect_err("refused");
        assert_eq!(error.code(), ErrorCode::LimitExceeded);
        is_untouched(&target, "a").await;
    });
}

#[test]
fn a_step_after_one_that_was_dropped_is_refused() {
    use futures::FutureExt;
    let world = World::new();
    let store = small_store(&world);
    world.run(async {
        let bytes = export(&store).await;
        let target = open_here(&world, &small_blocks()).await;
        let mut importer = target.importer();
        assert!(importer.push(&bytes).now_or_never().is_none());
        assert_eq!(importer.push(b"").await.expect_err("dropped").code(), ErrorCode::Aborted);
        import(&target, &bytes, 100).await.expect("another one does it");
        target.close().await;
        assert_eq!(target.exporter(None).expect_err("closed").code(), ErrorCode::Closed);
        assert_eq!(target.importer().push(b"x").await.expect_err("closed").code(), ErrorCode::Closed);
    });
}

/// An export of a space that holds nothing any more, of which everything counted is near its limit.
fn all_trimmed(records: u64, last_sequence: u64) -> Vec<u8> {
    let numbers = |numbers: &[u64]| numbers.iter().flat_map(|one| one.to_le_bytes()).collect::<Vec<u8>>();
    let head = [&[1][..], &numbers(&[last_sequence, 5, 0, 1, 0]), &[7; 32], &numbers(&[9])].concat();
    let head = [&head[..], &Crc32c::of(&head).to_le_bytes()].concat();
    let start = numbers(&[5, 0, 5, 0, records, records, records, records]);
    sealed(&[
        (1, [&[7; 16][..], &numbers(&[5])].concat()),
        (2, [&[1, b'a'][..], &start, &[0; 4]].concat()),
        (6, [&[1, 0, 0, 0, 1, b's'][..], &head].concat()),
        (7, [&numbers(&[0, 0, 0, 1])[..], &[0; 4]].concat()),
        (8, numbers(&[1, 1, 0])),
    ])
}

#[test]
fn what_goes_on_after_an_import_stays_within_the_largest_numbers() {
    const MOST: u64 = (1 << 53) - 1;
    let world = World::new();
    // Entries of which the commit row has a reference only.
    let text = "x".repeat(5000);
    let append = async |store: &Store| {
        let made = store.append(records("a", "s", &[&text]), WriteOptions::default()).await;
        made.map(|made| made.status.last_sequence).map_err(|error| error.code())
    };
    world.run(async {
        let store = open_here(&world, &MemoryKv::new()).await;
        import(&store, &all_trimmed(6, MOST - 2), 100).await.expect("imports");
        assert_eq!(append(&store).await, Ok(MOST - 1));
        assert_eq!(append(&store).await, Ok(MOST));
        assert_eq!(append(&store).await, Err(ErrorCode::LimitExceeded));
        assert_eq!(timeline(&store, "a").await.len(), 2);
        healthy(&store).await;

        let store = open_here(&world, &MemoryKv::new()).await;
        import(&store, &all_trimmed(MOST - 5000, 6), 100).await.expect("imports");
        assert_eq!(append(&store).await, Ok(7));
        assert_eq!(append(&store).await, Err(ErrorCode::LimitExceeded));
        assert_eq!(timeline(&store, "a").await.len(), 1);
        healthy(&store).await;
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
            store.append(records(&long, &long, &[text; 3]), WriteOptions::default()).await.expect("appends");
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
