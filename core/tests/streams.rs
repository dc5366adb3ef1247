//! Streams: what an append, a trim and a deletion leave, against a model.
#![cfg(feature = "guarded-writes")]

mod common;

use std::rc::Rc;

use common::{World, keyed_frame, records, small_blocks, to_stream};
use proptest::prelude::*;
use streamkit_core::{
    EntryId, ErrorCode, HostLimits, MemoryKv, OpenOptions, PartitionChoice, Retention, Store, StreamAppend,
    StreamRead, Trim, WriteOptions, partition_of_key,
};

/// A record as it is expected back.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Record {
    id: EntryId,
    partition: u32,
    payload: Vec<u8>,
    bytes: u64,
}

/// What a stream must hold.
#[derive(Debug, Default)]
struct Model {
    records: Vec<Record>,
}

impl Model {
    fn bytes(&self) -> u64 {
        self.records.iter().map(|record| record.bytes).sum()
    }

    /// How many of the oldest records a trim removes.
    fn count(&self, trim: Trim, now: u64) -> usize {
        let records = &self.records;
        match trim {
            Trim::Before(id) => records.iter().take_while(|record| record.id < id).count(),
            Trim::MaxAge(age) => {
                records.iter().take_while(|record| record.id.ms < now.saturating_sub(age)).count()
            }
            Trim::MaxCount(count) => records.len().saturating_sub(usize::try_from(count).unwrap()),
            Trim::MaxBytes(most) => {
                let mut left = self.bytes();
                records
                    .iter()
                    .take_while(|record| {
                        let over = left > most;
                        left -= record.bytes;
                        over
                    })
                    .count()
            }
        }
    }

    fn first_id(&self) -> EntryId {
        self.records.first().map_or(EntryId::ZERO, |record| record.id)
    }
}

fn append(stream: &str, partition: Option<u32>, payloads: &[Vec<u8>]) -> StreamAppend {
    StreamAppend { partition, ..to_stream(stream, payloads, None) }
}

fn read(stream: &str, partitions: PartitionChoice, after: EntryId, most: u64) -> StreamRead {
    StreamRead {
        stream: stream.into(),
        partitions,
        after,
        last: None,
        from: None,
        max_entries: most,
        max_bytes: 1 << 16,
    }
}

async fn all(store: &Store, stream: &str, partitions: PartitionChoice, page: u64) -> Vec<Record> {
    let mut found = Vec::new();
    let mut after = EntryId::ZERO;
    let mut from = None;
    loop {
        let mut wanted = read(stream, partitions.clone(), after, page);
        wanted.from = from;
        let page = store.read_stream(wanted).await.expect("reads");
        for entry in page.entries() {
            let payload = entry.content.payload().to_vec();
            let bytes = payload.len() as u64;
            let partition: u32 = entry.segment.parse().expect("a partition");
            from = Some((partition, entry.sequence + 1));
            found.push(Record { id: entry.id, partition, payload, bytes });
        }
        assert!(!page.is_empty() || page.tail, "a page moves on");
        after = page.passed();
        if page.tail {
            return found;
        }
    }
}

async fn compact(store: &Store) {
    let mut job = store.compactor(None).expect("starts");
    while job.step().await.expect("steps") {}
}

async fn verify(store: &Store, entries: usize) {
    let mut verifier = store.verifier();
    while verifier.step().await.expect("verifies") {}
    let report = verifier.report();
    assert_eq!(report.problems, [], "no problems");
    assert_eq!(report.entries, entries as u64);
}

/// Everything that can be asked about the stream agrees with the model.
async fn check(store: &Store, model: &Model, partitions: u32) {
    let info = store.stream("s").await.expect("is there");
    assert_eq!(info.count, model.records.len() as u64, "count");
    assert_eq!(info.bytes, model.bytes(), "bytes");
    assert_eq!(info.first_id, model.first_id(), "first id");
    assert_eq!(info.last_id, model.records.last().map_or(EntryId::ZERO, |record| record.id), "last id");
    assert_eq!(all(store, "s", PartitionChoice::All, 7).await, model.records, "all partitions");
    for partition in 0..partitions {
        let mine: Vec<Record> =
            model.records.iter().filter(|record| record.partition == partition).cloned().collect();
        assert_eq!(all(store, "s", PartitionChoice::Number(partition), 5).await, mine, "one partition");
        let status = store.segment_status("s", &partition.to_string()).await.expect("a status");
        if let (Some(status), Some(first)) = (status, mine.first()) {
            assert_eq!(status.first_timestamp, first.id.ms);
            assert_eq!(status.last_sequence - status.first_sequence + 1, mine.len() as u64);
        }
    }
    verify(store, model.records.len()).await;
}

#[derive(Debug, Clone)]
enum Step {
    Append(u32, Vec<usize>),
    Trim(TrimKind, u16),
    Wait(u64),
    Compact,
    Collect,
    Reopen,
    Delete,
}

#[derive(Debug, Clone, Copy)]
enum TrimKind {
    Before,
    BeforeMs,
    Count,
    Age,
    Bytes,
}

const PARTITIONS: u32 = 3;

fn some_steps() -> impl Strategy<Value = Vec<Step>> {
    let size = prop_oneof![6 => 0_usize..40, 2 => 40_usize..900, 1 => 900_usize..5000];
    let kind = prop_oneof![
        Just(TrimKind::Before),
        Just(TrimKind::BeforeMs),
        Just(TrimKind::Count),
        Just(TrimKind::Age),
        Just(TrimKind::Bytes)
    ];
    let step = prop_oneof![
        10 => (0..PARTITIONS, prop::collection::vec(size, 1..30)).prop_map(|(partition, sizes)| Step::Append(partition, sizes)),
        6 => (kind, any::<u16>()).prop_map(|(kind, share)| Step::Trim(kind, share)),
        5 => (1_u64..50).prop_map(Step::Wait),
        2 => Just(Step::Compact),
        2 => Just(Step::Collect),
        1 => Just(Step::Reopen),
        1 => Just(Step::Delete),
    ];
    prop::collection::vec(step, 1..40)
}

/// A trim that cuts about this share of the stream.
fn trim_of(model: &Model, kind: TrimKind, share: u16, now: u64) -> Trim {
    let part = |whole: u64| (whole * u64::from(share) / u64::from(u16::MAX)).max(1);
    let position = usize::try_from(part(model.records.len() as u64)).unwrap();
    let id = model.records.get(position.saturating_sub(1)).map_or(EntryId::new(5, 0), |record| record.id);
    match kind {
        TrimKind::Before => Trim::Before(id),
        TrimKind::BeforeMs => Trim::Before(EntryId::new(id.ms, 0)),
        TrimKind::Count => Trim::MaxCount(part(model.records.len() as u64)),
        TrimKind::Age => Trim::MaxAge((now - id.ms).max(1)),
        TrimKind::Bytes => Trim::MaxBytes(part(model.bytes())),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn trims_and_merges_leave_exactly_what_they_must(steps in some_steps()) {
        let world = World::new();
        let kv = small_blocks();
        let options = OpenOptions { auto_compact: false, ..OpenOptions::default() };
        let open = || world.open_with(Rc::new(kv.clone()), options.clone()).expect("opens");
        let mut store = open();
        let mut model = Model::default();
        let mut last = EntryId::ZERO;
        let mut number = 0;
        world.run(store.create_stream("s", PARTITIONS, Retention::default())).expect("creates");
        for step in &steps {
            match step {
                Step::Append(partition, sizes) => {
                    let payloads: Vec<Vec<u8>> = sizes
                        .iter()
                        .map(|size| {
                            number += 1;
                            format!("{number:<size$}").into_bytes()
                        })
                        .collect();
                    let made = world
                        .run(store.append_to_stream(append("s", Some(*partition), &payloads), WriteOptions::default()))
                        .expect("appends");
                    prop_assert!(made.first_id > last);
                    last = made.last_id;
                    for (payload, n) in payloads.into_iter().zip(made.first_id.n..) {
                        let bytes = payload.len() as u64;
                        let id = EntryId::new(made.first_id.ms, n);
                        model.records.push(Record { id, partition: *partition, payload, bytes });
                    }
                }
                Step::Trim(kind, share) => {
                    let now = world.clock.0.get();
                    let trim = trim_of(&model, *kind, *share, now);
                    let dry = world.run(store.trim_stream("s", trim, true)).expect("trims");
                    let trimmed = world.run(store.trim_stream("s", trim, false)).expect("trims");
                    let count = model.count(trim, now);
                    model.records.drain(..count);
                    prop_assert_eq!(dry, trimmed);
                    prop_assert_eq!(trimmed.trimmed, count as u64, "{:?}", trim);
                    prop_assert_eq!(trimmed.first_id, model.first_id());
                }
                Step::Wait(ms) => world.clock.0.set(world.clock.0.get() + ms),
                Step::Compact => world.run(compact(&store)),
                Step::Collect => {
                    world.run(store.collect("s")).expect("collects");
                    prop_assert_eq!(world.run(store.collect("s")).expect("collects"), 0, "nothing is left");
                }
                Step::Reopen => store = open(),
                Step::Delete => {
                    world.run(store.delete_stream("s", true)).expect("deletes");
                    let missing = world.run(store.stream("s")).expect_err("is gone");
                    prop_assert_eq!(missing.code(), ErrorCode::NotFound);
                    model.records.clear();
                    world.run(store.create_stream("s", PARTITIONS, Retention::default())).expect("creates");
                }
            }
            world.run(check(&store, &model, PARTITIONS));
        }
        world.settle();
        world.run(check(&store, &model, PARTITIONS));
    }

    #[test]
    fn retention_is_exact_after_every_append(
        batches in prop::collection::vec((0..2_u32, prop::collection::vec(0_usize..300, 1..20), 0_u64..60), 1..40),
        max_count in prop::option::of(1_u64..60),
        max_bytes in prop::option::of(1_u64..4000),
        max_age in prop::option::of(1_u64..300),
    ) {
        let world = World::new();
        let kv = small_blocks();
        let store = world.open(&kv);
        let retention = Retention { max_age, max_count, max_bytes };
        world.run(store.create_stream("s", 2, retention)).expect("creates");
        let mut model = Model::default();
        for (partition, sizes, wait) in &batches {
            world.clock.0.set(world.clock.0.get() + wait);
            let payloads: Vec<Vec<u8>> = sizes.iter().map(|size| vec![b'x'; *size]).collect();
            let made = world
                .run(store.append_to_stream(append("s", Some(*partition), &payloads), WriteOptions::default()))
                .expect("appends");
            for (payload, n) in payloads.into_iter().zip(made.first_id.n..) {
                let bytes = payload.len() as u64;
                let id = EntryId::new(made.first_id.ms, n);
                model.records.push(Record { id, partition: *partition, payload, bytes });
            }
            let trims = [max_age.map(Trim::MaxAge), max_count.map(Trim::MaxCount), max_bytes.map(Trim::MaxBytes)];
            let now = world.clock.0.get();
            let count = trims.into_iter().flatten().map(|trim| model.count(trim, now)).max().unwrap_or(0);
            model.records.drain(..count);
            world.run(check(&store, &model, 2));
        }
    }
}

#[test]
fn a_key_chooses_the_partition_and_stays_with_the_record() {
    let world = World::new();
    let store = world.open(&MemoryKv::new());
    world.run(async {
        store.create_stream("s", 8, Retention::default()).await.expect("creates");
        for key in ["alice", "bob", "carol", "order-12345"] {
            let request = to_stream("s", &["x"], Some(key));
            let made = store.append_to_stream(request, WriteOptions::default()).await.expect("appends");
            assert_eq!(made.partition, partition_of_key(key, 8));
            let page = store
                .read_stream(read("s", PartitionChoice::Key(key.into()), EntryId::ZERO, 100))
                .await
                .expect("reads");
            assert!(page.entries().any(|entry| entry.id == made.first_id), "{key}");
        }
        let forged = StreamAppend { records: keyed_frame(&["x"], Some("eve")), ..append("s", None, &[]) };
        let error = store.append_to_stream(forged, WriteOptions::default()).await.expect_err("refused");
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
        let error = store
            .append_to_stream(append("s", Some(8), &[b"x".to_vec()]), WriteOptions::default())
            .await
            .expect_err("refused");
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
        assert_eq!(store.stream("s").await.expect("is there").count, 4);
    });
}

#[test]
fn bytes_of_metadata_count_where_a_trim_cuts_a_run() {
    let world = World::new();
    let store = world.open(&MemoryKv::new());
    world.run(async {
        let request = to_stream("s", &["x"; 4], Some("key"));
        store.append_to_stream(request, WriteOptions::default()).await.expect("appends");
        let each = ("partition-key".len() + "key".len() + "x".len()) as u64;
        assert_eq!(store.stream("s").await.expect("is there").bytes, 4 * each);
        for (most, left) in [(4 * each - 1, 3), (2 * each, 2), (2 * each - 1, 1)] {
            store.trim_stream("s", Trim::MaxBytes(most), false).await.expect("trims");
            let info = store.stream("s").await.expect("is there");
            assert_eq!((info.count, info.bytes), (left, left * each));
        }
    });
}

#[test]
fn trims_go_on_in_rows_of_more_runs_than_are_remembered() {
    let world = World::new();
    let store = world.open(&MemoryKv::new());
    world.run(async {
        for _ in 0..700 {
            store
                .append_to_stream(to_stream("s", &["x"], None), WriteOptions::default())
                .await
                .expect("appends");
        }
        let mut job = store.compactor(None).expect("starts");
        while job.step().await.expect("steps") {}
        for kept in [690, 680, 300, 299, 40, 39, 3] {
            store.trim_stream("s", Trim::MaxCount(kept), false).await.expect("trims");
            let info = store.stream("s").await.expect("is there");
            assert_eq!((info.count, info.bytes), (kept, kept));
        }
    });
}

#[test]
fn what_is_read_as_a_stream_has_partitions() {
    let world = World::new();
    let store = world.open(&MemoryKv::new());
    world.run(async {
        store.append(records("plain", "0", &["x"]), WriteOptions::default()).await.expect("appends");
        for partitions in [PartitionChoice::All, PartitionChoice::Number(0)] {
            let page = store.read_stream(read("plain", partitions, EntryId::ZERO, 10)).await.expect("reads");
            assert!(page.stream && page.len() == 1);
        }
        assert!(!store.peek("plain", "0").await.expect("reads").stream);
    });
}

#[test]
fn ids_go_on_after_a_deletion_and_sequences_too() {
    let world = World::new();
    let store = world.open(&MemoryKv::new());
    world.run(async {
        let write = |store: Store| async move {
            store
                .append_to_stream(append("s", None, &[b"x".to_vec(), b"y".to_vec()]), WriteOptions::default())
                .await
        };
        let first = write(store.clone()).await.expect("appends");
        let error = store.delete_stream("s", false).await.expect_err("refused");
        assert_eq!(error.code(), ErrorCode::NotEmpty);
        store.delete_stream("s", true).await.expect("deletes");
        store.delete_stream("s", false).await.expect("deletes what is not there");
        assert_eq!(store.streams(listing()).await.expect("lists").streams, []);
        assert_eq!(all(&store, "s", PartitionChoice::All, 10).await, []);
        world.clock.0.set(5);
        let second = write(store.clone()).await.expect("appends");
        assert!(second.first_id > first.last_id);
        assert_eq!(
            second.first_id.ms, first.last_id.ms,
            "a clock that goes back reuses the last millisecond"
        );
        let status = store.segment_status("s", "0").await.expect("a status").expect("is there");
        assert_eq!((status.first_sequence, status.last_sequence), (3, 4));
    });
}

fn listing() -> streamkit_core::Listing {
    streamkit_core::Listing { limit: 100, ..streamkit_core::Listing::default() }
}

#[test]
fn what_is_trimmed_leaves_the_host() {
    let world = World::new();
    let kv = MemoryKv::with_limits(HostLimits { block_bytes: 4096, ..HostLimits::default() });
    let store = world.open(&kv);
    world.run(async {
        for _ in 0..200 {
            let payloads: Vec<Vec<u8>> = (0..20).map(|n| vec![b'a'; 50 + n]).collect();
            let options = WriteOptions { trx_id: Some(uuid(&store)), ..WriteOptions::default() };
            store.append_to_stream(append("s", None, &payloads), options).await.expect("appends");
        }
    });
    let before = kv.len();
    world.run(store.trim_stream("s", Trim::MaxCount(20), false)).expect("trims");
    world.settle();
    let after = kv.len();
    assert!(before > 600 && after < 12, "{before} rows, then {after}");
    world.run(verify(&store, 20));
    world.run(store.delete_stream("s", true)).expect("deletes");
    world.settle();
    assert_eq!(kv.len(), 3, "the identity and two heads are left");
}

/// Some UUID that was not given before.
fn uuid(store: &Store) -> uuid::Uuid {
    use std::cell::Cell;
    thread_local!(static LAST: Cell<u128> = const { Cell::new(0) });
    let next = LAST.get() + 1;
    LAST.set(next);
    uuid::Uuid::from_u128(store.id().as_u128() ^ (next << 64))
}

#[test]
fn no_stream_is_created_by_a_clock_that_fails() {
    let world = World::new();
    let store = world.open(&MemoryKv::new());
    for (ms, code) in [(u64::MAX, ErrorCode::InvalidArgument), (1 << 48, ErrorCode::LimitExceeded)] {
        world.clock.0.set(ms);
        let created = world.run(store.create_stream("s", 1, Retention::default()));
        assert_eq!(created.expect_err("refused").code(), code);
        assert_eq!(world.run(store.stream("s")).expect_err("there is none").code(), ErrorCode::NotFound);
    }
}
