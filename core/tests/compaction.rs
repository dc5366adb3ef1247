//! Merging changes what is stored, never what is read.
#![cfg(all(feature = "compression", feature = "guarded-writes"))]

mod common;

use common::calls::Calls;
use common::hooked::{Hook, HostCall, hooked};
use common::reads::{segment_read, space_read};
use common::{Never, World, records, small_blocks};
use std::cell::Cell;
use std::rc::Rc;
use streamkit_core::{
    Compression, EntryId, Env, Error, ErrorCode, HostLimits, MemoryKv, OpenOptions, Result, Retention,
    SegmentRead, SpaceRead, Store, Trim, WriteOptions,
};

async fn timeline(store: &Store, page: u64) -> Vec<(String, u64, EntryId, Vec<u8>)> {
    let mut found = Vec::new();
    let mut after = EntryId::ZERO;
    loop {
        let read = SpaceRead { max_bytes: 1 << 16, ..space_read("s", after, page) };
        let page = store.read_space(read).await.expect("reads");
        for entry in page.entries() {
            found.push((entry.segment.into(), entry.sequence, entry.id, entry.content.payload().to_vec()));
        }
        after = page.passed();
        if page.tail {
            return found;
        }
    }
}

async fn segment(store: &Store, name: &str) -> Vec<(u64, Vec<u8>)> {
    let mut found = Vec::new();
    let mut from = 1;
    loop {
        let read = SegmentRead { max_bytes: 1 << 16, ..segment_read("s", name, from, 100) };
        let page = store.read_segment(read).await.expect("reads");
        found.extend(page.entries().map(|entry| (entry.sequence, entry.content.payload().to_vec())));
        from = page.next_sequence();
        if page.tail {
            return found;
        }
    }
}

async fn fill(store: &Store, count: usize) {
    for n in 0..count {
        let name = format!("seg{}", n % 3);
        let text = format!("{{\"entry\":{n},\"text\":\"{}\"}}", "word ".repeat(n % 40));
        store.append(records("s", &name, &[&text]), WriteOptions::default()).await.expect("appends");
    }
}

async fn compact(store: &Store) -> streamkit_core::CompactReport {
    let mut job = store.compactor(None).expect("starts");
    while job.step().await.expect("steps") {}
    assert_eq!(Some(job.done()), job.total());
    job.report()
}

#[test]
fn a_compaction_merges_and_nothing_reads_differently() {
    for compression in [Compression::None, Compression::Auto, Compression::Always] {
        let world = World::new();
        let kv = small_blocks();
        let options = OpenOptions { compression, auto_compact: false, ..OpenOptions::default() };
        let store = world.open_with(Rc::new(kv.clone()), options).expect("opens");
        world.run(async {
            fill(&store, 400).await;
            let before = timeline(&store, 50).await;
            let one = segment(&store, "seg1").await;
            let report = compact(&store).await;
            assert!(report.blocks_after * 3 < report.blocks_before, "{report:?}");
            if compression != Compression::None {
                assert!(report.bytes_after * 2 < report.bytes_before, "{report:?}");
            }
            assert_eq!(timeline(&store, 7).await, before);
            assert_eq!(segment(&store, "seg1").await, one);
            let again = compact(&store).await;
            assert_eq!(again.blocks_after, again.blocks_before, "nothing is left to do");
            assert_eq!(again.blocks_before, report.blocks_after);
            fill(&store, 30).await;
            assert_eq!(timeline(&store, 100).await.len(), 430);
        });
    }
}

#[test]
fn what_is_merged_fits_a_commit_of_the_host() {
    let world = World::new();
    let kv = MemoryKv::with_limits(HostLimits {
        block_bytes: 64 << 10,
        max_batch_ops: 32,
        max_batch_bytes: 24_000,
        ..HostLimits::default()
    });
    // Rows that are small as they are stored, and large once they are merged.
    let open = |compression| {
        let options = OpenOptions { compression, auto_compact: false, ..OpenOptions::default() };
        world.open_with(Rc::new(kv.clone()), options).expect("opens")
    };
    let (writer, other) = (open(Compression::Always), open(Compression::None));
    world.run(async {
        for n in 0..60 {
            let text = format!("{n} {}", "x".repeat(900));
            writer.append(records("s", "g", &[&text]), WriteOptions::default()).await.expect("appends");
        }
        let before = timeline(&other, 100).await;
        let report = compact(&other).await;
        assert!(report.blocks_after * 3 < report.blocks_before, "{report:?}");
        assert_eq!(timeline(&other, 100).await, before);
    });
}

#[test]
fn more_small_rows_than_a_step_takes_become_one_row() {
    let world = World::new();
    let kv = MemoryKv::with_limits(HostLimits { block_bytes: 1 << 20, ..HostLimits::default() });
    let options = uncompacted();
    let store = world.open_with(Rc::new(kv), options).expect("opens");
    world.run(async {
        for n in 0..1_800 {
            let text = n.to_string();
            store.append(records("s", "g", &[&text]), WriteOptions::default()).await.expect("appends");
        }
        let before = timeline(&store, 100).await;
        let report = compact(&store).await;
        assert_eq!((report.blocks_before, report.blocks_after), (3_600, 2), "a block and a commit row");
        assert_eq!(compact(&store).await.blocks_before, 2);
        assert_eq!(timeline(&store, 100).await, before);
    });
}

#[test]
fn small_rows_are_merged_in_the_background() {
    let world = World::new();
    let kv = MemoryKv::with_limits(HostLimits { block_bytes: 16 << 10, ..HostLimits::default() });
    let store = world.open(&kv);
    world.run(fill(&store, 2000));
    world.settle();
    let rows = kv.len();
    assert!(rows < 1200, "{rows} rows for 2000 single appends");
    world.run(async {
        assert_eq!(timeline(&store, 1000).await.len(), 2000);
        assert_eq!(segment(&store, "seg2").await.len(), 666);
    });
}

#[test]
fn two_instances_that_merge_the_same_rows_lose_nothing() {
    let world = World::new();
    let kv = small_blocks();
    let options = OpenOptions { auto_compact: false, ..OpenOptions::default() };
    let one = world.open_with(Rc::new(kv.clone()), options.clone()).expect("opens");
    let two = world.open_with(Rc::new(kv), options).expect("opens");
    world.run(async {
        fill(&one, 300).await;
        let before = timeline(&one, 50).await;
        futures::future::join(compact(&one), compact(&two)).await;
        assert_eq!(timeline(&two, 50).await, before);
    });
}

#[test]
fn what_is_merged_fits_a_small_commit_with_the_keys_of_what_it_replaces() {
    for (batch_bytes, block_bytes) in
        [(16 << 10, 4096), (20_000, 2048), (64 << 10, 16 << 10), (16 << 10, 1 << 20)]
    {
        let kv = MemoryKv::with_limits(HostLimits {
            max_batch_bytes: batch_bytes,
            block_bytes,
            ..HostLimits::default()
        });
        for length in [1, 1000, 6000] {
            let world = World::new();
            let store = world.open(&kv);
            let (space, name) = ("s".repeat(128), length.to_string().repeat(128 / length.to_string().len()));
            world.run(async {
                let payload = "x".repeat(length);
                for _ in 0..if length == 1 { 300 } else { 20 } {
                    let write = records(&space, &name, &[&payload]);
                    store.append(write, WriteOptions::default()).await.expect("appends");
                }
                let report = compact(&store).await;
                assert!(length > 1 || report.blocks_after < report.blocks_before / 2, "{report:?}");
            });
        }
    }
}

/// How many entries a read gives to its end, or what stops it.
async fn count(store: &Store, mut read: SegmentRead) -> std::result::Result<u64, ErrorCode> {
    let mut count = 0;
    loop {
        let page = store.read_segment(read.clone()).await.map_err(|error| error.code())?;
        count += page.len();
        read.from = page.next_sequence();
        if page.done || page.tail {
            return Ok(count);
        }
    }
}

#[test]
fn what_is_missing_is_not_merged_over() {
    for kind in ["SEGMENTS", "SPACES"] {
        let world = World::new();
        let kv = MemoryKv::new();
        let options = OpenOptions { auto_compact: false, ..OpenOptions::default() };
        let store = world.open_with(Rc::new(kv.clone()), options).expect("opens");
        world.run(async {
            // Too large to stand in their commit rows as well.
            for _ in 0..9 {
                let text = "x".repeat(5000);
                store.append(records("s", "g", &[&text]), WriteOptions::default()).await.expect("appends");
            }
            let prefix = ["DAT\0", kind, "\0s\0"].concat();
            let rows: Vec<_> =
                kv.snapshot().into_keys().filter(|key| key.starts_with(prefix.as_bytes())).collect();
            assert_eq!(rows.len(), 9, "{prefix:?}");
            kv.overwrite(&rows[4], None);
            let report = compact(&store).await;
            assert!(report.blocks_after < report.blocks_before, "{report:?}");
            let head = SegmentRead { max_sequence: Some(4), ..segment_read("s", "g", 1, 9) };
            assert_eq!(count(&store, head).await, Ok(4), "{kind}");
            assert_eq!(count(&store, segment_read("s", "g", 6, 9)).await, Ok(4), "{kind}");
            let space = store.read_space(space_read("s", EntryId::ZERO, 9)).await;
            assert_eq!(space.expect_err("damaged").code(), ErrorCode::Corrupt, "{kind}");
        });
    }
}

/// Blocks and commit rows of a space, and their bytes.
fn measure_of(kv: &MemoryKv, space: &str) -> (u64, u64) {
    let prefixes = ["SEGMENTS", "SPACES"].map(|kind| ["DAT\0", kind, "\0", space, "\0"].concat());
    let is_row = |key: &[u8]| prefixes.iter().any(|prefix| key.starts_with(prefix.as_bytes()));
    let rows = kv.snapshot().into_iter().filter(|(key, _)| is_row(key));
    rows.fold((0, 0), |(rows, bytes), (_, row)| (rows + 1, bytes + row.len() as u64))
}

fn rows_of(kv: &MemoryKv, space: &str) -> u64 {
    measure_of(kv, space).0
}

async fn fill_stream(store: &Store, name: &str) {
    store.create_stream(name, 1, Retention::default()).await.expect("creates");
    for _ in 0..40 {
        store.append(records(name, "0", &["x"]), WriteOptions::default()).await.expect("appends");
    }
}

#[test]
fn what_was_deleted_before_a_store_ended_goes_with_a_compaction() {
    let kv = MemoryKv::new();
    let ended = World::new();
    let store = ended.open(&kv);
    ended.run(async {
        fill_stream(&store, "kept").await;
        fill_stream(&store, "deleted").await;
        store.delete_stream("deleted", true).await.expect("deletes");
    });
    assert_eq!([rows_of(&kv, "deleted"), rows_of(&kv, "kept")], [80, 80]);
    let world = World::new();
    let store = world.open(&kv);
    world.run(compact(&store));
    assert_eq!([rows_of(&kv, "deleted"), rows_of(&kv, "kept")], [0, 2]);
}

#[test]
fn a_row_at_a_malformed_key_keeps_no_other_space_from_its_turn() {
    let kv = MemoryKv::new();
    let world = World::new();
    let env = Env { timer: Rc::new(Never), ..world.env(Rc::new(kv.clone())) };
    world.run(async {
        let store = Store::open(env, OpenOptions::default()).await.expect("opens");
        fill_stream(&store, "deleted").await;
        fill_stream(&store, "deleted later").await;
        fill_stream(&store, "trimmed").await;
        for name in ["deleted", "deleted later"] {
            store.delete_stream(name, true).await.expect("deletes");
        }
        store.trim_stream("trimmed", Trim::MaxCount(30), false).await.expect("trims");
    });
    for name in ["deleted", "trimmed"] {
        let prefix = ["DAT\0SPACES\0", name, "\0"].concat();
        let first = kv.snapshot().into_keys().find(|key| key.starts_with(prefix.as_bytes()));
        kv.overwrite(&[first.expect("a row"), b"?".to_vec()].concat(), Some(b"?".to_vec()));
    }
    let report = world.run(compact(&world.open(&kv)));
    assert_eq!(report.damaged, 2);
    assert_eq!(rows_of(&kv, "deleted later"), 0);
    assert!(rows_of(&kv, "trimmed") < 80);
}

/// A host whose commits take sixteen rows, so that what a pass made of them is more than one step takes once more.
fn many_steps() -> MemoryKv {
    MemoryKv::with_limits(HostLimits { max_batch_ops: 20, block_bytes: 1 << 20, ..HostLimits::default() })
}

async fn append_each(store: &Store, space: &str, segment: &str, count: usize) {
    for _ in 0..count {
        store.append(records(space, segment, &["x"]), WriteOptions::default()).await.expect("appends");
    }
}

#[test]
fn the_report_is_of_what_is_stored_and_progress_of_the_blocks_looked_at() {
    let world = World::new();
    let kv = many_steps();
    let options = uncompacted();
    let store = world.open_with(Rc::new(kv.clone()), options).expect("opens");
    world.run(async {
        for segment in ["g", "h"] {
            append_each(&store, "s", segment, 300).await;
        }
        let before = measure_of(&kv, "s");
        assert_eq!(before.0, 1200, "a block and a commit row for each");
        let mut job = store.compactor(None).expect("starts");
        assert_eq!((job.done(), job.total()), (0, None));
        let (mut last, mut steps) = (0, 0);
        while job.step().await.expect("steps") {
            assert_eq!(job.total(), Some(600));
            let (done, seen) = (job.done(), job.report().blocks_before);
            // A block of an entry each, and of commit rows nothing is told.
            assert_eq!(done, seen.min(600));
            steps += u64::from(done > last);
            last = done;
        }
        assert_eq!((job.done(), steps > 10), (600, true), "{steps} steps");
        let (report, after) = (job.report(), measure_of(&kv, "s"));
        assert_eq!((report.blocks_before, report.bytes_before), before);
        assert_eq!((report.blocks_after, report.bytes_after), after);
        assert_eq!((after.0, report.damaged), (3, 0), "a block of each, and a commit row");
    });
}

#[test]
fn a_step_of_several_commits_loses_no_race_with_itself() {
    let world = World::new();
    let kv = MemoryKv::with_limits(HostLimits { block_bytes: 3 << 20, ..HostLimits::default() });
    let options =
        OpenOptions { auto_compact: false, compression: Compression::None, ..OpenOptions::default() };
    let store = world.open_with(Rc::new(kv.clone()), options.clone()).expect("opens");
    let text = "x".repeat(1_400_000);
    world.run(async {
        for _ in 0..4 {
            store.append(records("s", "g", &[&text]), WriteOptions::default()).await.expect("appends");
        }
    });
    let before = measure_of(&kv, "s");
    let calls = Rc::new(Calls::default());
    let store = world.open_with(hooked(&kv, &calls), options).expect("opens");
    calls.take();
    let report = world.run(compact(&store));
    assert_eq!((report.blocks_before, report.bytes_before), before);
    assert_eq!((report.blocks_after, report.bytes_after), measure_of(&kv, "s"));
    assert_eq!(report.blocks_after, 3, "two blocks of two, and a commit row");
    // A look at the blocks and one at the commit rows: the step that has two commits is not begun again.
    let (_, scans, commits) = calls.take();
    assert_eq!(commits, 3);
    assert!(scans < 6, "{scans}");
}

#[test]
fn the_total_is_of_what_is_kept_and_never_passed() {
    let world = World::new();
    let kv = many_steps();
    let env = Env { timer: Rc::new(Never), ..world.env(Rc::new(kv.clone())) };
    let options = OpenOptions { auto_compact: false, ..OpenOptions::default() };
    world.run(async {
        let store = Store::open(env, options).await.expect("opens");
        for name in ["deleted", "trimmed"] {
            fill_stream(&store, name).await;
        }
        append_each(&store, "plain", "g", 50).await;
        store.delete_stream("deleted", true).await.expect("deletes");
        store.trim_stream("trimmed", Trim::MaxCount(20), false).await.expect("trims");
        for (space, total) in [(Some("trimmed"), 20), (Some("none"), 0), (Some("deleted"), 0), (None, 70)] {
            let mut job = store.compactor(space.map(String::from)).expect("starts");
            let mut done = Vec::new();
            while job.step().await.expect("steps") {
                assert_eq!(job.total(), Some(total), "{space:?}");
                done.push(job.done());
            }
            assert!(done.is_sorted() && done.iter().all(|done| *done <= total), "{space:?}: {done:?}");
            assert_eq!(job.done(), total, "{space:?}");
        }
        assert_eq!([rows_of(&kv, "deleted"), rows_of(&kv, "trimmed"), rows_of(&kv, "plain")], [0, 2, 2]);
    });
}

fn uncompacted() -> OpenOptions {
    OpenOptions { auto_compact: false, ..OpenOptions::default() }
}

/// Appends so many entries to each space, one by one.
fn fill_spaces(world: &World, kv: &MemoryKv, spaces: &[&str], count: usize) {
    let store = world.open_with(Rc::new(kv.clone()), uncompacted()).expect("opens");
    for space in spaces {
        world.run(append_each(&store, space, "g", count));
    }
}

/// A host that fails once, at one of the scans of a space's blocks and commit rows.
struct FailsAt {
    space: &'static str,
    left: Cell<u32>,
}

impl Hook for FailsAt {
    async fn before(&self, call: HostCall<'_>) -> Result {
        let prefixes = ["SEGMENTS", "SPACES"].map(|kind| ["DAT\0", kind, "\0", self.space, "\0"].concat());
        if let HostCall::Scan(range) = call
            && prefixes.iter().any(|prefix| range.start.starts_with(prefix.as_bytes()))
        {
            self.left.set(self.left.get().wrapping_sub(1));
            if self.left.get() == 0 {
                return Err(Error::unavailable("failed"));
            }
        }
        Ok(())
    }
}

#[test]
fn after_a_failure_the_next_space_is_counted_from_its_beginning() {
    let (filled, world) = (many_steps(), World::new());
    fill_spaces(&world, &filled, &["a", "b"], 100);
    let rows = measure_of(&filled, "b").0;
    let mut failed = 0;
    for at in 1.. {
        let kv = many_steps();
        kv.restore(filled.snapshot());
        let hook = Rc::new(FailsAt { space: "a", left: Cell::new(at) });
        let store = world.open_with(hooked(&kv, &hook), uncompacted()).expect("opens");
        let (before, after) = world.run(async {
            let mut job = store.compactor(None).expect("starts");
            let mut before = None;
            loop {
                match job.step().await {
                    Ok(true) => {}
                    Ok(false) => return (before, job.report()),
                    Err(error) => {
                        assert_eq!(error.code(), ErrorCode::Unavailable, "{error}");
                        assert_eq!(before.replace(job.report()), None, "it failed once");
                    }
                }
            }
        });
        // The rest of the space that failed stays as it is.
        let Some(before) = before else { break };
        failed += 1;
        assert_eq!(after.blocks_before, before.blocks_before + rows, "at scan {at}");
        let saved = [&filled, &kv].map(|kv| measure_of(kv, "a").0 + measure_of(kv, "b").0);
        assert_eq!(after.blocks_before - after.blocks_after, saved[0] - saved[1], "at scan {at}");
        assert_eq!(rows_of(&kv, "b"), 2, "at scan {at}");
    }
    assert!(failed > 14, "two passes at least of each: {failed}");
}

#[test]
fn a_listing_that_failed_is_begun_again() {
    let (kv, world) = (small_blocks(), World::new());
    fill_spaces(&world, &kv, &["a", "b"], 10);
    let fails = Rc::new(FailsOnce::default());
    let store = world.open_with(hooked(&kv, &fails), uncompacted()).expect("opens");
    for (only, total) in [(Some("a"), 10), (None, 20)] {
        let mut job = store.compactor(only.map(String::from)).expect("starts");
        fails.next.set(true);
        world.run(async {
            let error = job.step().await.expect_err("the host fails");
            assert_eq!((error.code(), job.total()), (ErrorCode::Unavailable, None), "{only:?}: {error}");
            while job.step().await.expect("steps") {
                assert_eq!(job.total(), Some(total), "{only:?}");
            }
            assert_eq!(job.done(), total, "{only:?}");
        });
    }
    assert_eq!([rows_of(&kv, "a"), rows_of(&kv, "b")], [2, 2]);
}

/// A host whose next call fails.
#[derive(Default)]
struct FailsOnce {
    next: Cell<bool>,
}

impl Hook for FailsOnce {
    async fn before(&self, _: HostCall<'_>) -> Result {
        if self.next.take() { Err(Error::unavailable("failed")) } else { Ok(()) }
    }
}

#[test]
fn a_damaged_space_is_passed_over_and_counted() {
    let (kv, world) = (small_blocks(), World::new());
    fill_spaces(&world, &kv, &["a", "b", "c"], 10);
    let mut rows = kv.snapshot();
    let head = rows
        .iter_mut()
        .find(|(key, _)| key.starts_with(b"INV\0SPACES\0b"))
        .map(|(_, row)| row)
        .expect("a head");
    *head.last_mut().expect("bytes") ^= 1;
    kv.restore(rows);
    let before = rows_of(&kv, "b");
    let store = world.open_with(Rc::new(kv.clone()), uncompacted()).expect("opens");
    let report = world.run(compact(&store));
    assert_eq!(report.damaged, 1);
    assert_eq!([rows_of(&kv, "a"), rows_of(&kv, "b"), rows_of(&kv, "c")], [2, before, 2]);
    let mut job = store.compactor(Some("b".into())).expect("starts");
    assert_eq!(world.run(job.step()).expect_err("it was asked for").code(), ErrorCode::Corrupt);
}

/// A host that cannot read the values of one space's blocks.
struct Unreadable;

impl Hook for Unreadable {
    async fn before(&self, call: HostCall<'_>) -> Result {
        let prefix = b"DAT\0SEGMENTS\0b\0";
        let is_asked_for = match call {
            HostCall::Get(keys) => keys.iter().any(|key| key.starts_with(prefix)),
            HostCall::Scan(range) => !range.keys_only && range.start.starts_with(prefix),
            HostCall::Commit(_) => false,
        };
        if is_asked_for { Err(Error::corrupt("their file is gone")) } else { Ok(()) }
    }
}

#[test]
fn rows_that_the_host_cannot_read_are_passed_over_and_counted() {
    let (kv, world) = (small_blocks(), World::new());
    fill_spaces(&world, &kv, &["a", "b", "c"], 10);
    let store = world.open_with(hooked(&kv, &Rc::new(Unreadable)), uncompacted()).expect("opens");
    let report = world.run(compact(&store));
    assert_eq!(report.damaged, 10);
    // Of "b", the commit rows became one.
    assert_eq!([rows_of(&kv, "a"), rows_of(&kv, "b"), rows_of(&kv, "c")], [2, 11, 2]);
    assert_eq!((report.blocks_before, report.blocks_after), (60, 15));
}
