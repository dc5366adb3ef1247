//! What every entry passes through: keys, checksums, frames, blocks and pages.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::future::{Future, pending};
use std::hint::black_box;
use std::rc::Rc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures::executor::LocalPool;
use futures::future::{FutureExt, LocalBoxFuture};
use streamkit_core::{
    Clock, Compression, Crc32c, Entropy, Env, LexKey, MemoryKv, NewRecords, NoNotify, OpenOptions, Part,
    RecordFrame, SegmentRead, Store, Timer, WriteOptions, encode_entry_body, encode_record_frame,
};

const ENTRIES: usize = 1000;
const ENTRY_BYTES: usize = 1024;

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> u64 {
        1_790_000_000_000
    }
}

struct Counting(Cell<u8>);

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = self.0.get();
            self.0.set(byte.wrapping_add(1));
        }
    }
}

/// The host answers at once: no timeout is ever due.
struct Never;

impl Timer for Never {
    fn sleep(&self, _ms: u64) -> LocalBoxFuture<'static, ()> {
        pending().boxed_local()
    }
}

/// A payload that compresses about as well as JSON does.
fn payload(number: usize) -> Vec<u8> {
    let mut text = format!("{{\"number\":{number},\"items\":[");
    let mut state = number as u64;
    while text.len() < ENTRY_BYTES {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push_str(&format!("{{\"sku\":\"{:08x}\",\"quantity\":{}}},", state >> 32, state >> 61));
    }
    text.truncate(ENTRY_BYTES);
    text.into_bytes()
}

fn frame() -> Vec<u8> {
    let bodies: Vec<Vec<u8>> = (0..ENTRIES)
        .map(|number| encode_entry_body(&payload(number), &BTreeMap::new()).expect("encodes"))
        .collect();
    encode_record_frame(&bodies, None).expect("encodes")
}

/// A store in memory with one page of entries.
struct Filled {
    pool: LocalPool,
    store: Store,
}

impl Filled {
    fn new(compression: Compression) -> Self {
        let mut pool = LocalPool::new();
        let env = Env {
            kv: Rc::new(MemoryKv::new()),
            clock: Rc::new(Fixed),
            entropy: Rc::new(Counting(Cell::new(1))),
            timer: Rc::new(Never),
            spawn: Rc::new(pool.spawner()),
            notify: Rc::new(NoNotify),
        };
        let options = OpenOptions { compression, ..OpenOptions::default() };
        let store = pool.run_until(Store::open(env, options)).expect("opens");
        let records = NewRecords {
            space: "orders".into(),
            segment: "order-1".into(),
            records: RecordFrame::parse(frame()).expect("parses"),
            expected: None,
        };
        pool.run_until(store.append(records, WriteOptions::default())).expect("appends");
        Self { pool, store }
    }

    fn run<T>(&mut self, future: impl Future<Output = T>) -> T {
        self.pool.run_until(future)
    }

    fn read(&mut self) -> streamkit_core::Page {
        let read = SegmentRead {
            space: "orders".into(),
            segment: "order-1".into(),
            max_entries: ENTRIES as u64,
            max_bytes: 4 * 1024 * 1024,
            from: 1,
            max_sequence: None,
            min_timestamp: None,
            max_timestamp: None,
        };
        let store = self.store.clone();
        self.run(store.read_segment(read)).expect("reads")
    }
}

fn keys(criterion: &mut Criterion) {
    criterion.bench_function("LexKey of a block", |bencher| {
        bencher.iter(|| {
            LexKey::encode(&[
                Part::Text("DAT"),
                Part::Text("SEGMENTS"),
                Part::Text(black_box("orders")),
                Part::Text(black_box("order-1")),
                Part::U64(black_box(123_456)),
            ])
        });
    });
}

fn checksums(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("CRC-32C");
    for bytes in [1024_usize, 100 * 1024] {
        let data = vec![0x5a_u8; bytes];
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(format!("{} KiB", bytes / 1024), |bencher| {
            bencher.iter(|| Crc32c::of(black_box(&data)));
        });
    }
}

fn frames(criterion: &mut Criterion) {
    let frame = frame();
    let mut group = criterion.benchmark_group("record frame");
    group.throughput(Throughput::Elements(ENTRIES as u64));
    group.bench_function("parse 1,000 records", |bencher| {
        bencher.iter(|| RecordFrame::parse(black_box(frame.clone())).expect("parses"));
    });
}

fn pages(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("page of 1,000 entries");
    group.throughput(Throughput::Elements(ENTRIES as u64));
    for (name, compression) in [("raw", Compression::None), ("zstd", Compression::Always)] {
        let mut filled = Filled::new(compression);
        group.bench_function(format!("read, {name} blocks"), |bencher| bencher.iter(|| filled.read()));
    }
    let page = Filled::new(Compression::None).read();
    assert_eq!(page.len(), ENTRIES as u64);
    group.bench_function("encode", |bencher| bencher.iter(|| black_box(&page).encode()));
}

criterion_group!(parts, keys, checksums, frames, pages);
criterion_main!(parts);
