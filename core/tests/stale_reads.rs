//! A host without atomic commits or checks whose reads may be old: a reader sees the beginning of what was committed,
//! whatever mixture of rows it is shown.
#![cfg(all(feature = "every-host", feature = "guarded-writes"))]

mod common;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use common::hooked::{Hook, HostCall, hooked};
use common::reads::{segment_read, space_read};
use common::{StopAfter, World, records, to_stream};
use streamkit_core::{
    Atomicity, EntryId, HostLimits, MemoryKv, OpenOptions, Page, PartitionChoice, Result, Retention,
    SpaceRead, Store, StreamRead, Trim, WriteOptions,
};
use uuid::Uuid;

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

const COMMITTED: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];

fn single_rows(consistent: bool) -> MemoryKv {
    MemoryKv::with_limits(HostLimits {
        block_bytes: 2048,
        atomic: Atomicity::None,
        checks: false,
        shared: false,
        consistent,
        ..HostLimits::default()
    })
}

/// A store that reads what it is shown.
fn reader(world: &World, rows: &Rows) -> Store {
    let kv = single_rows(false);
    for (key, value) in rows {
        kv.overwrite(key, Some(value.clone()));
    }
    world.open(&kv)
}

fn texts(page: &Page) -> Vec<String> {
    page.entries().map(|entry| String::from_utf8_lossy(entry.content.payload()).into_owned()).collect()
}

fn space_of(world: &World, store: &Store) -> Vec<String> {
    let read = space_read("s", EntryId::ZERO, 100);
    texts(&world.run(store.read_space(read)).expect("reads"))
}

fn segment_of(world: &World, store: &Store, from: u64) -> Vec<String> {
    let read = segment_read("s", "g", from, 100);
    texts(&world.run(store.read_segment(read)).expect("reads"))
}

fn write(world: &World, store: &Store, payloads: &[&str]) -> bool {
    world.run(store.append(records("s", "g", payloads), WriteOptions::default())).is_ok()
}

/// Rows that a writer left which stopped after so many calls of its host, in the middle of its second commit; what
/// others made of them since. `None` when it came through.
fn after_a_failure(world: &World, calls: u64, payload: &str, committed: &[&str]) -> Option<(Rows, Rows)> {
    let kv = single_rows(true);
    assert!(write(world, &world.open(&kv), &committed[..2]));
    let stopping = hooked(&kv, &StopAfter::new(calls));
    let failing = world.open_with(stopping, OpenOptions::default());
    if failing.is_ok_and(|failing| write(world, &failing, &[payload; 3])) {
        return None;
    }
    let left = kv.snapshot();
    world.clock.0.set(world.clock.0.get() - 10);
    for one in committed[2..].chunks(2) {
        let store = world.open(&kv);
        assert!(write(world, &store, one));
    }
    Some((left, kv.snapshot()))
}

#[test]
fn leftovers_that_were_removed_are_not_taken_for_committed() {
    leftovers_are_not_shown("x", &COMMITTED);
}

#[test]
fn nor_are_those_that_stand_in_blocks_alone() {
    leftovers_are_not_shown(&large("x"), &COMMITTED);
}

#[test]
fn nor_where_all_that_was_committed_does() {
    let committed = COMMITTED.map(large);
    leftovers_are_not_shown(&large("x"), &committed.each_ref().map(String::as_str));
}

/// Two of it do not share a block, and a commit row does not hold it.
fn large(payload: &str) -> String {
    payload.repeat(1500)
}

fn leftovers_are_not_shown(payload: &str, committed: &[&str]) {
    let world = World::new();
    let mut mixtures = 0;
    for calls in 0.. {
        let Some((left, now)) = after_a_failure(&world, calls, payload, committed) else { break };
        let old: Vec<_> = left
            .iter()
            .filter(|(key, value)| key.starts_with(b"DAT\0") && now.get(*key) != Some(*value))
            .collect();
        // Every choice of what is still seen of them, beside all else as it is, and with each row of it hidden.
        for choice in 1_u32..1 << old.len() {
            let mut shown = now.clone();
            for (at, (key, value)) in old.iter().enumerate() {
                if choice & (1 << at) != 0 {
                    shown.insert((*key).clone(), (*value).clone());
                }
            }
            let hidden = now.keys().filter(|key| key.starts_with(b"DAT\0")).map(Some);
            for hidden in hidden.chain([None]) {
                let mut rows = shown.clone();
                if let Some(key) = hidden {
                    rows.remove(key);
                }
                let store = reader(&world, &rows);
                let space = space_of(&world, &store);
                assert_eq!(space, committed[..space.len()], "{calls} calls, {choice:b}");
                for from in 1..=committed.len() {
                    let segment = segment_of(&world, &store, from as u64);
                    assert_eq!(segment, committed[from - 1..][..segment.len()], "{calls} calls, {choice:b}");
                }
                let latest = texts(&world.run(store.peek("s", "g")).expect("reads"));
                assert!(latest.is_empty() || latest == committed[committed.len() - 1..], "{latest:?}");
                mixtures += 1;
            }
            if now.iter().all(|(key, value)| shown.get(key) == Some(value)) {
                let store = reader(&world, &shown);
                assert_eq!(space_of(&world, &store), committed, "{calls} calls, {choice:b}");
                assert_eq!(segment_of(&world, &store, 1), committed, "{calls} calls, {choice:b}");
            }
        }
    }
    assert!(mixtures > 20, "{mixtures} mixtures were tried");
}

#[test]
fn a_space_read_does_not_end_before_what_is_not_shown() {
    let world = World::new();
    let kv = single_rows(true);
    let store = world.open(&kv);
    let mut stages = Vec::new();
    for payload in &COMMITTED[..3] {
        world.clock.0.set(world.clock.0.get() + 10);
        assert!(write(&world, &store, &[payload]));
        stages.push(kv.snapshot());
    }
    let until = world.clock.0.get() - 1;
    for (last, stage) in stages.iter().enumerate() {
        // The heads are those of now, the rest is old.
        let is_shown = |key: &Vec<u8>| !key.starts_with(b"DAT\0") || stage.contains_key(key);
        let rows: Rows = kv.snapshot().into_iter().filter(|(key, _)| is_shown(key)).collect();
        let read = SpaceRead { max_timestamp: Some(until), ..space_read("s", EntryId::ZERO, 100) };
        let page = world.run(reader(&world, &rows).read_space(read)).expect("reads");
        assert_eq!(texts(&page), COMMITTED[..2.min(last + 1)]);
        // Only what comes after the bound tells that nothing before it is to come.
        assert_eq!((page.done, page.tail), (last == 2, last < 2), "{last}");
    }
}

/// What of a space is asked for, in order: its head, or rows under it.
#[derive(Default)]
struct Asked(RefCell<Vec<&'static str>>);

impl Hook for Asked {
    async fn before(&self, call: HostCall<'_>) -> Result {
        if let HostCall::Get(keys) = call {
            let has = |prefix: &[u8]| keys.iter().any(|key| key.starts_with(prefix));
            let under = has(b"INV\0SEGMENTS\0") || has(b"TRX\0");
            self.0.borrow_mut().extend(has(b"INV\0SPACES\0").then_some("head"));
            self.0.borrow_mut().extend(under.then_some(if has(b"INV\0SPACES\0") {
                "at once"
            } else {
                "under"
            }));
        }
        Ok(())
    }
}

#[test]
fn a_writer_asks_for_what_stands_under_a_head_once_it_has_the_head() {
    let world = World::new();
    for consistent in [false, true] {
        let kv = single_rows(consistent);
        assert!(write(&world, &world.open(&kv), &["a"]));
        let asked = Rc::new(Asked::default());
        let store = world.open_with(hooked(&kv, &asked), OpenOptions::default()).expect("opens");
        asked.0.borrow_mut().clear();
        let options = WriteOptions { trx_id: Some(Uuid::from_u128(1)), ..WriteOptions::default() };
        world.run(store.append(records("s", "g", &["b"]), options)).expect("appends");
        let expected = if consistent { ["head", "at once"] } else { ["head", "under"] };
        assert_eq!(asked.0.borrow()[..2], expected);
    }
}

#[test]
fn a_space_is_read_up_to_a_block_that_is_not_shown() {
    let world = World::new();
    let kv = single_rows(true);
    let store = world.open(&kv);
    let committed = COMMITTED.map(large);
    let committed = committed.each_ref().map(String::as_str);
    for some in committed.chunks(3) {
        assert!(write(&world, &store, some));
    }
    let rows = kv.snapshot();
    let blocks: Vec<_> = rows.keys().filter(|key| key.starts_with(b"DAT\0SEGMENTS\0")).collect();
    assert_eq!(blocks.len(), committed.len());
    for (hidden, key) in blocks.into_iter().enumerate() {
        let mut rows = rows.clone();
        rows.remove(key);
        let store = reader(&world, &rows);
        for most in 1..=committed.len() {
            let (mut found, mut after) = (Vec::new(), EntryId::ZERO);
            loop {
                let read = space_read("s", after, most as u64);
                let page = world.run(store.read_space(read)).expect("reads");
                found.extend(texts(&page));
                after = page.passed();
                if page.tail {
                    assert!(!page.done);
                    break;
                }
            }
            assert_eq!(found, committed[..hidden], "block {hidden} hidden, pages of {most}");
        }
    }
}

#[test]
fn a_partition_is_read_up_to_what_is_not_shown() {
    let world = World::new();
    let kv = single_rows(true);
    let store = world.open(&kv);
    let append = |payload: &str| to_stream("s", &[payload], None);
    let mut ids = vec![EntryId::ZERO];
    for payload in COMMITTED {
        let appended = world.run(store.append_to_stream(append(payload), WriteOptions::default()));
        ids.push(appended.expect("appends").last_id);
    }
    let rows = kv.snapshot();
    let blocks: Vec<_> = rows.keys().filter(|key| key.starts_with(b"DAT\0SEGMENTS\0")).collect();
    assert_eq!(blocks.len(), COMMITTED.len());
    for (hidden, key) in blocks.into_iter().enumerate() {
        let mut rows = rows.clone();
        rows.remove(key);
        let store = reader(&world, &rows);
        for (passed, after) in ids.iter().enumerate() {
            let read = StreamRead {
                stream: "s".into(),
                partitions: PartitionChoice::Number(0),
                after: *after,
                last: None,
                from: None,
                max_entries: 100,
                max_bytes: 1 << 20,
            };
            let found = texts(&world.run(store.read_stream(read)).expect("reads"));
            // Where one that was read before is hidden now, a reader may wait for it.
            let all = if hidden < passed && !found.is_empty() { COMMITTED.len() } else { hidden.max(passed) };
            assert_eq!(found, COMMITTED[passed..all], "block {hidden} hidden, read after {passed}");
        }
    }
}

#[test]
fn a_partition_is_read_on_from_within_what_was_appended_together() {
    let world = World::new();
    for (consistent, times) in [(true, 1), (true, 1500), (false, 1), (false, 1500)] {
        let kv = single_rows(consistent);
        let store = world.open(&kv);
        let committed = COMMITTED.map(|one| one.repeat(times));
        let mut ids = vec![EntryId::ZERO];
        for some in committed.chunks(3) {
            let appended =
                world.run(store.append_to_stream(to_stream("s", some, None), WriteOptions::default()));
            let appended = appended.expect("appends");
            ids.extend((appended.first_id.n..=appended.last_id.n).map(|n| EntryId { n, ..appended.last_id }));
        }
        for (passed, after) in ids.iter().enumerate() {
            let read = StreamRead {
                stream: "s".into(),
                partitions: PartitionChoice::Number(0),
                after: *after,
                last: None,
                from: None,
                max_entries: 2,
                max_bytes: 1 << 20,
            };
            let found = texts(&world.run(store.read_stream(read)).expect("reads"));
            let all = committed.len().min(passed + found.len().max(1));
            assert_eq!(found, committed[passed..all], "after {passed}, consistent {consistent}");
        }
    }
}

/// Shows rows that were hidden after so many calls.
struct ShowAfter(Rc<StopAfter>, MemoryKv, Rows);

impl Hook for ShowAfter {
    async fn before(&self, call: HostCall<'_>) -> Result {
        if self.0.before(call).await.is_err() {
            for (key, value) in &self.2 {
                self.1.overwrite(key, Some(value.clone()));
            }
        }
        Ok(())
    }
}

#[test]
fn a_page_of_a_partition_moves_on_where_rows_are_shown_meanwhile() {
    let world = World::new();
    let kv = single_rows(true);
    let store = world.open(&kv);
    for payload in COMMITTED {
        let records = records("s", "0", &[payload]);
        world.run(store.append(records, WriteOptions::default())).expect("appends");
    }
    let page = world.run(store.read_space(space_read("s", EntryId::ZERO, 5))).expect("reads");
    let after = page.entries().last().expect("there are five").id;
    let is_block = |key: &[u8]| key.starts_with(b"DAT\0SEGMENTS\0");
    let rows = kv.snapshot();
    let hidden: Rows = rows.iter().filter(|(key, _)| is_block(key)).skip(1).take(4).map(clone_pair).collect();
    for calls in 0..40 {
        let shown = single_rows(false);
        for (key, value) in rows.iter().filter(|(key, _)| !hidden.contains_key(*key)) {
            shown.overwrite(key, Some(value.clone()));
        }
        let hook = Rc::new(ShowAfter(StopAfter::new(calls), shown.clone(), hidden.clone()));
        let store = world.open_with(hooked(&shown, &hook), OpenOptions::default()).expect("opens");
        let read = StreamRead {
            stream: "s".into(),
            partitions: PartitionChoice::Number(0),
            after,
            last: None,
            from: None,
            max_entries: 1,
            max_bytes: 1 << 20,
        };
        let page = world.run(store.read_stream(read)).expect("reads");
        assert!(page.tail || texts(&page) == COMMITTED[5..6], "after {calls} calls: {page:?}");
    }
}

fn clone_pair((key, value): (&Vec<u8>, &Vec<u8>)) -> (Vec<u8>, Vec<u8>) {
    (key.clone(), value.clone())
}

/// What an old view shows after `first` stopped after so many calls, and `then` was written by others: every row that
/// ever stood there. `None` where `first` got through.
fn after_a_stop(
    world: &World,
    calls: u64,
    first: impl Fn(&World, &Store) -> bool,
    then: &[(&str, &[&str])],
) -> Option<(MemoryKv, bool)> {
    let kv = single_rows(true);
    let append = |segment: &str, payloads: &[&str]| {
        let store = world.open(&kv);
        world.run(store.append(records("s", segment, payloads), WriteOptions::default())).expect("appends");
    };
    append("g", &["a"]);
    world.run(world.open(&kv).create_stream("s", 1, Retention::default())).expect("creates");
    let failing = world.open_with(hooked(&kv, &StopAfter::new(calls)), OpenOptions::default());
    if failing.is_ok_and(|failing| first(world, &failing)) {
        return None;
    }
    let left = kv.snapshot();
    for (segment, payloads) in then {
        append(segment, payloads);
    }
    let now = kv.snapshot();
    let shown = single_rows(false);
    for (key, value) in left.iter().chain(&now) {
        shown.overwrite(key, Some(value.clone()));
    }
    Some((shown, left.keys().any(|key| !now.contains_key(key))))
}

fn appends_x(world: &World, store: &Store) -> bool {
    world.run(store.append(records("s", "g", &["x"]), WriteOptions::default())).is_ok()
}

#[test]
fn collecting_leaves_what_took_the_place_of_leftovers() {
    let world = World::new();
    let mut mixtures = 0;
    for calls in 0.. {
        let Some((shown, mixed)) = after_a_stop(&world, calls, appends_x, &[("h", &["b"]), ("g", &["c"])])
        else {
            break;
        };
        let store = world.open(&shown);
        world.run(store.trim_stream("s", Trim::MaxCount(1), false)).expect("trims");
        world.run(store.collect("s")).expect("collects");
        assert_eq!(segment_of(&world, &store, 2), ["c"], "{calls} calls");
        mixtures += usize::from(mixed);
    }
    assert!(mixtures > 0, "leftovers were shown");
}

#[test]
fn a_trim_cuts_where_committed_records_are() {
    let world = World::new();
    let mut mixtures = 0;
    // Too large for a commit row: they are in blocks alone, the first two in one.
    let large = ["b", "c", "d"].map(|one| one.repeat(900));
    let large = large.each_ref().map(String::as_str);
    for calls in 0.. {
        for keep in 1..=large.len() {
            let Some((shown, mixed)) = after_a_stop(&world, calls, appends_x, &[("g", &large)]) else {
                assert!(mixtures > 0, "leftovers were shown");
                return;
            };
            let store = world.open(&shown);
            world.run(store.trim_stream("s", Trim::MaxCount(keep as u64), false)).expect("trims");
            let from = 5 - keep as u64;
            assert_eq!(segment_of(&world, &store, from), large[3 - keep..], "{calls} calls");
            let status = world.run(store.segment_status("s", "g")).expect("reads").expect("is there");
            assert_eq!(status.first_sequence, from, "{calls} calls");
            mixtures += usize::from(mixed);
        }
    }
}

#[test]
fn a_transaction_that_came_to_nothing_can_be_tried_again() {
    let world = World::new();
    let mut mixtures = 0;
    let options = || WriteOptions { trx_id: Some(Uuid::from_u128(7)), ..WriteOptions::default() };
    let first = |world: &World, store: &Store| {
        world.run(store.append(records("s", "g", &["x", "y"]), options())).is_ok()
    };
    for calls in 0.. {
        // Past the block of the leftover, whose key another one does not take.
        let then: &[(&str, &[&str])] = &[("g", &["b"]), ("g", &["c", "d"])];
        let Some((shown, mixed)) = after_a_stop(&world, calls, first, then) else {
            break;
        };
        let store = world.open(&shown);
        let made = world.run(store.append(records("s", "g", &["x", "y"]), options())).expect("appends");
        assert_eq!(made.status.last_sequence, 6, "{calls} calls");
        assert_eq!(segment_of(&world, &store, 1), ["a", "b", "c", "d", "x", "y"], "{calls} calls");
        mixtures += usize::from(mixed);
    }
    assert!(mixtures > 0, "leftovers were shown");
}

/// Statuses that looks after the first one tell: first what an old view shows, then everything.
#[test]
fn a_change_that_is_not_visible_yet_is_told_once_it_is() {
    let world = World::new();
    let kv = single_rows(true);
    let store = world.open(&kv);
    let append = |segment: &str| {
        world.clock.0.set(world.clock.0.get() + 1);
        world
            .run(store.append(records("s", segment, &["x"]), WriteOptions::default()))
            .expect("appends")
            .last_id
    };
    append("g");
    let first = append("h");
    let old = kv.snapshot();
    for segment in ["h", "i", "g", "i"] {
        append(segment);
    }
    let now = kv.snapshot();
    let changed: Vec<&Vec<u8>> = now.keys().filter(|key| old.get(*key) != now.get(*key)).collect();
    assert!(changed.len() > 8, "{changed:?}");
    for only in [None, Some("g"), Some("i")] {
        let look = |rows: &Rows, after: EntryId| {
            let changes = world.run(reader(&world, rows).changes("s", only, Some(after))).expect("looks");
            let statuses = changes.statuses.into_iter();
            let told: BTreeMap<_, _> = statuses.map(|one| (one.segment.clone(), one.last_sequence)).collect();
            (changes.next, told)
        };
        let (_, all) = look(&now, first);
        assert_eq!(all.len(), if only.is_none() { 3 } else { 1 });
        for choice in 0_u32..1 << changed.len() {
            let mut rows = now.clone();
            for (_, key) in changed.iter().enumerate().filter(|(at, _)| choice & (1 << at) != 0) {
                rows.remove(*key);
                rows.extend(old.get(*key).map(|value| ((*key).clone(), value.clone())));
            }
            let (next, mut told) = look(&rows, first);
            told.extend(look(&now, next).1);
            assert_eq!(told, all, "{choice:b} of {only:?}");
        }
    }
}
