//! A verification finds every kind of damage, and nothing in a store that is well.
#![cfg(all(feature = "every-host", feature = "guarded-writes"))]

mod common;
#[path = "common/transfer.rs"]
mod transfer;

use std::cell::Cell;
use std::rc::Rc;

use common::hooked::{Hook, HostCall, hooked};
use common::{World, records, small_blocks};
use streamkit_core::{
    Atomicity, Batch, Crc32c, Error, ErrorCode, FaultPlan, FaultyKv, Group, GroupMode, GroupOptions,
    GroupRead, HostLimits, Kv, MemoryKv, OpenOptions, Problem, Put, Result, Retention, Store, VerifyReport,
    WriteOptions, to_hex,
};
use transfer::{
    append, collect, edit_sealed, export, get_u64, head_key, healthy, import, put_u64, trim, verify,
};

fn limits(atomic: Atomicity) -> HostLimits {
    let strong = atomic != Atomicity::None;
    HostLimits { block_bytes: 2048, atomic, checks: strong, consistent: strong, ..HostLimits::default() }
}

fn open(world: &World, kv: &MemoryKv) -> Store {
    let options = OpenOptions { auto_compact: false, ..OpenOptions::default() };
    world.open_with(Rc::new(kv.clone()), options).expect("opens")
}

/// Small and large runs, callers' TRX, a lease, spaces whose names begin alike.
async fn fill(store: &Store, clock: &common::TestClock) {
    let large = "l".repeat(900);
    for n in 0..24_u64 {
        let segment = format!("s{}", n % 3);
        let text = format!("entry {n}");
        let many = [&*large; 4];
        let texts = if n % 6 == 0 { &many[..] } else { &[&*text][..] };
        append(store, "a", &segment, texts).await;
        if n % 5 == 0 {
            append(store, "a-1", &segment, &[&text]).await;
            clock.0.set(clock.0.get() + 1);
        }
    }
    let options = WriteOptions { trx_id: Some(uuid::Uuid::from_u128(7)), ..WriteOptions::default() };
    store.append(records("a", "s1", &["by", "trx"]), options).await.expect("appends");
}

fn world_with(atomic: Atomicity) -> (World, MemoryKv, Store) {
    let world = World::new();
    let kv = MemoryKv::with_limits(limits(atomic));
    let store = open(&world, &kv);
    world.run(fill(&store, &world.clock));
    if atomic != Atomicity::None {
        world.run(store.acquire_lease("lease", "me", 1000)).expect("acquires");
    }
    (world, kv, store)
}

/// Which keys problems are about, and of what kind they are.
fn named(found: &[Problem]) -> Vec<(String, ErrorCode)> {
    found.iter().map(|one| (one.key.clone(), one.code)).collect()
}

/// The problems of the store as it is in the rows.
fn problems(world: &World, kv: &MemoryKv) -> Vec<Problem> {
    let store = open(world, kv);
    world.run(verify(&store)).problems
}

#[test]
fn a_healthy_store_has_no_problems() {
    for atomic in [Atomicity::Store, Atomicity::Space, Atomicity::None] {
        let (world, kv, store) = world_with(atomic);
        let report = world.run(healthy(&store));
        assert_eq!((report.entries, report.segments, report.spaces), (43, 6, 2), "{atomic:?}");
        world.run(async {
            trim(&store, &kv, "a", 10).await;
            assert_eq!(healthy(&store).await.entries, 33);
            collect(&store, &kv, "a").await;
            assert_eq!(healthy(&store).await.entries, 33);
        });
        let store = open(&world, &kv);
        world.run(async {
            let mut job = store.compactor(None).expect("starts");
            while job.step().await.expect("steps") {}
            healthy(&store).await;
            append(&store, "a", "s1", &["more"]).await;
            append(&store, "b", "new", &["more"]).await;
            let report = healthy(&store).await;
            assert_eq!((report.entries, report.segments, report.spaces), (35, 7, 3));
            trim(&store, &kv, "a", 1000).await;
            assert_eq!(healthy(&store).await.entries, 6);
            collect(&store, &kv, "a").await;
            assert_eq!(healthy(&store).await.entries, 6);
        });
    }
}

#[test]
fn an_empty_store_is_healthy_and_progress_is_told() {
    let world = World::new();
    let store = open(&world, &small_blocks());
    assert_eq!(world.run(healthy(&store)), VerifyReport::default());
    let (world, _, store) = world_with(Atomicity::Store);
    world.run(async {
        let mut verifier = store.verifier();
        assert_eq!((verifier.done(), verifier.total()), (0, None));
        let mut last = 0;
        while verifier.step().await.expect("steps") {
            assert!(verifier.done() >= last);
            last = verifier.done();
        }
        assert_eq!((verifier.done(), verifier.total()), (43, Some(43)));
        assert!(!verifier.step().await.expect("stays done"));
    });
}

#[test]
fn every_row_that_is_damaged_is_named() {
    for atomic in [Atomicity::Store, Atomicity::None] {
        let (world, kv, _) = world_with(atomic);
        for (key, row) in kv.snapshot() {
            for at in [0, row.len() / 2, row.len() - 1] {
                let damaged = MemoryKv::with_limits(limits(atomic));
                damaged.restore(kv.snapshot());
                // Opening needs the identity; it is damaged under an open store.
                let store = open(&world, &damaged);
                let mut bytes = row.clone();
                bytes[at] ^= 0x40;
                damaged.overwrite(&key, Some(bytes));
                let found = world.run(verify(&store)).problems;
                let named = found.iter().any(|one| one.key == to_hex(&key) && one.code == ErrorCode::Corrupt);
                assert!(named, "{} at {at}: {found:?}", String::from_utf8_lossy(&key));
            }
        }
    }
}

/// A group by key of a space, with members, pages, timers and slots; and a head of another group.
async fn fill_groups(store: &Store) {
    let options = GroupOptions { mode: GroupMode::KeyShared, ..GroupOptions::default() };
    let group = store.group("a", "workers");
    group.create(&options).await.expect("creates");
    for consumer in ["one", "two"] {
        group.join(consumer).await.expect("joins");
    }
    for consumer in ["one", "two"] {
        group.read(consumer, GroupRead::default()).await.expect("reads");
    }
    store.group("a", "others").create(&GroupOptions::default()).await.expect("creates");
    // A group of a stream that is not there yet.
    store.group("nobody", "workers").create(&GroupOptions::default()).await.expect("creates");
}

#[test]
fn every_row_of_a_group_that_is_damaged_is_named() {
    let (world, kv, store) = world_with(Atomicity::Store);
    world.run(async {
        fill_groups(&store).await;
        healthy(&store).await;
    });
    let rows = kv.snapshot();
    let of_groups: Vec<_> = rows.iter().filter(|(key, _)| key.starts_with(b"GRP\0")).collect();
    for kind in ["MEM", "PEL", "TIM", "SLT"] {
        let there = of_groups.iter().any(|(key, _)| String::from_utf8_lossy(key).contains(kind));
        assert!(there, "no row of kind {kind}");
    }
    for (key, row) in of_groups {
        for at in [0, row.len() / 2, row.len() - 1] {
            let mut bytes = row.clone();
            bytes[at] ^= 0x40;
            kv.overwrite(key, Some(bytes));
            let found = problems(&world, &kv);
            kv.overwrite(key, Some(row.clone()));
            let named = named(&found);
            assert_eq!(
                named,
                [(to_hex(key), ErrorCode::Corrupt)],
                "{} at {at}",
                String::from_utf8_lossy(key)
            );
        }
    }
    for stray in [&b"GRP\0a"[..], b"GRP\0a\0workers\0x", b"GRP\0a\0workers\0\0\0\0\0\0\0\0\x01\0ODD\0x"] {
        kv.overwrite(stray, Some(b"x".to_vec()));
        let found = problems(&world, &kv);
        kv.overwrite(stray, None);
        let named = named(&found);
        assert_eq!(named, [(to_hex(stray), ErrorCode::Corrupt)]);
    }
    assert_eq!(problems(&world, &kv), []);
}

#[test]
fn what_rows_of_a_group_count_is_compared() {
    let (world, kv, store) = world_with(Atomicity::Store);
    world.run(async {
        fill_groups(&store).await;
        // What was taken over stays under the session that has ended.
        store.group("a", "workers").leave("one").await.expect("leaves");
        healthy(&store).await;
    });
    let rows = kv.snapshot();
    let of_kind = |kind: &str| -> Vec<_> {
        let kind = format!("\0{kind}\0");
        rows.keys()
            .filter(|key| key.starts_with(b"GRP\0") && contains(key, kind.as_bytes()))
            .cloned()
            .collect()
    };
    let (members, pages) = (of_kind("MEM"), of_kind("PEL"));
    let (timers, slots) = (of_kind("TIM"), of_kind("SLT"));
    assert!(members.len() >= 2 && !pages.is_empty() && timers.len() > members.len() && !slots.is_empty());
    let told = |what: String| {
        let found = problems(&world, &kv);
        kv.restore(rows.clone());
        assert!(!found.is_empty(), "{what}");
        assert!(found.iter().all(|one| one.code == ErrorCode::Corrupt), "{what}: {found:?}");
    };
    for key in [&members, &pages, &timers, &slots].into_iter().flatten() {
        let place = String::from_utf8_lossy(key);
        kv.overwrite(key, None);
        told(format!("without {place}"));
        // What counts a row that stands elsewhere: under a name that begins alike.
        let mut elsewhere = key.clone();
        elsewhere.insert(b"GRP\0a\0workers".len(), b'2');
        kv.overwrite(&elsewhere, rows.get(key).cloned());
        kv.overwrite(key, None);
        told(format!("{place} is one of another group"));
    }
    // One row in the place of another one of its kind, and beside itself.
    for kind in [&timers, &members] {
        for pair in kind.windows(2) {
            kv.overwrite(&pair[0], rows.get(&pair[1]).cloned());
            told(format!("{} at {}", String::from_utf8_lossy(&pair[1]), String::from_utf8_lossy(&pair[0])));
        }
    }
    for (key, at) in [(&timers[0], 12), (&members[0], 9), (&slots[0], 0)] {
        let mut beside = key.clone();
        let end = beside.len() - at;
        beside[end - 1] ^= 1;
        kv.overwrite(&beside, rows.get(key).cloned());
        told(format!("{} twice", String::from_utf8_lossy(key)));
    }
    // Pending, set aside and consumers in the head; pending in the row of a session.
    let head = b"GRP\0a\0workers".to_vec();
    let counts = [122, 138, 146].map(|at| (&head, at)).into_iter().chain(members.iter().map(|key| (key, 10)));
    for (key, at) in counts {
        let row = rows.get(key).expect("a row").clone();
        edit_sealed(&kv, key, |row| {
            let more = get_u64(row, at) + 1;
            put_u64(row, at, more);
        });
        let found = problems(&world, &kv);
        kv.overwrite(key, Some(row));
        let named = named(&found);
        assert_eq!(named, [(to_hex(key), ErrorCode::Corrupt)], "{at} of {}", String::from_utf8_lossy(key));
    }
    assert_eq!(problems(&world, &kv), []);
}

#[test]
fn a_group_whose_rows_hold_more_than_it_counts_is_told_of() {
    let (world, kv, store) = world_with(Atomicity::Store);
    world.run(async {
        let group = store.group("a", "workers");
        let options = GroupOptions { mode: GroupMode::KeyShared, ..GroupOptions::default() };
        group.create(&options).await.expect("creates");
        let consumers = ["one", "two"];
        for consumer in consumers {
            group.join(consumer).await.expect("joins");
        }
        // One of them has the slot of records without a key: the other one sets them aside.
        for consumer in consumers {
            group.read(consumer, GroupRead { limit: 1, ..GroupRead::default() }).await.expect("reads");
        }
        trim(&store, &kv, "a", 20).await;
        edit_sealed(&kv, b"GRP\0a\0workers", |row| {
            assert!(get_u64(row, 138) > 1, "nothing is set aside");
            put_u64(row, 138, 1);
        });
        let info = group.info().await.expect("tells");
        assert!(info.lag < 43, "{info:?}");
    });
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Takes another record each time before rows amid those of a group are read, so many times.
struct Busy {
    left: Cell<u32>,
    group: Group,
}

impl Hook for Busy {
    async fn before(&self, call: HostCall<'_>) -> Result {
        if let HostCall::Scan(range) = call
            && range.start.starts_with(b"GRP\0a\0busy\0")
            && let Some(left) = self.left.get().checked_sub(1)
        {
            self.left.set(left);
            self.group.read("c99", GroupRead { limit: 1, ..GroupRead::default() }).await?;
        }
        Ok(())
    }
}

#[test]
fn a_group_that_is_used_is_looked_at_again() {
    let (world, kv, store) = world_with(Atomicity::Store);
    let group = store.group("a", "busy");
    world.run(async {
        append(&store, "a", "s0", &["a"; 400]).await;
        group.create(&GroupOptions::default()).await.expect("creates");
        for consumer in 0..300 {
            group.join(&format!("c{consumer}")).await.expect("joins");
        }
    });
    let rows = kv.snapshot().into_keys().filter(|key| key.starts_with(b"GRP\0a\0busy\0")).count();
    assert!(rows > 256, "{rows} rows are read at once");
    let busy = Rc::new(Busy { left: Cell::new(0), group });
    let other = world.open_with(hooked(&kv, &busy), OpenOptions::default()).expect("opens");
    for times in [0, 1, 7] {
        busy.left.set(times);
        assert_eq!(world.run(verify(&other)).problems, [], "used {times} times");
        assert_eq!(busy.left.get(), 0);
    }
    busy.left.set(1000);
    let found = world.run(verify(&other)).problems;
    let named = named(&found);
    assert_eq!(named, [(to_hex(b"GRP\0a\0busy"), ErrorCode::Conflict)]);
}

/// Breaks the head of a group once its other rows are being read.
struct Breaking(MemoryKv);

impl Hook for Breaking {
    async fn before(&self, call: HostCall<'_>) -> Result {
        if let HostCall::Get(keys) = call
            && keys.iter().any(|key| key == b"GRP\0a\0workers")
        {
            self.0.overwrite(b"GRP\0a\0workers", Some(b"x".to_vec()));
        }
        Ok(())
    }
}

#[test]
fn a_head_that_is_damaged_under_a_look_ends_it() {
    let (world, kv, store) = world_with(Atomicity::Store);
    world.run(fill_groups(&store));
    let page = kv.snapshot().into_keys().find(|key| contains(key, b"\0PEL\0")).expect("a page");
    kv.overwrite(&page, None);
    let other =
        world.open_with(hooked(&kv, &Rc::new(Breaking(kv.clone()))), OpenOptions::default()).expect("opens");
    let found = world.run(verify(&other)).problems;
    let named = named(&found);
    assert_eq!(named, [(to_hex(b"GRP\0a\0workers"), ErrorCode::Corrupt)]);
}

#[test]
fn every_row_that_is_missing_is_noticed() {
    for atomic in [Atomicity::Store, Atomicity::Space, Atomicity::None] {
        let (world, kv, _) = world_with(atomic);
        for (key, _) in kv.snapshot() {
            if key.starts_with(b"TRX") || key.starts_with(b"LSE") {
                // Nothing else tells that they were there.
                continue;
            }
            if atomic == Atomicity::None
                && (key.starts_with(b"INV\0SPACES") || key.starts_with(b"INV\0SEGMENTS"))
            {
                // Rows without a head are leftovers there, and a head may be carried by its space's.
                continue;
            }
            let damaged = MemoryKv::with_limits(limits(atomic));
            damaged.restore(kv.snapshot());
            let store = open(&world, &damaged);
            damaged.overwrite(&key, None);
            let found = world.run(verify(&store)).problems;
            assert!(!found.is_empty(), "{}", String::from_utf8_lossy(&key));
        }
    }
}

#[test]
fn rows_that_do_not_belong_are_noticed() {
    let (world, kv, _) = world_with(Atomicity::Store);
    let rows = kv.snapshot();
    let some = |prefix: &[u8]| rows.iter().find(|(key, _)| key.starts_with(prefix)).expect("a row").1.clone();
    let block = some(b"DAT\0SEGMENTS\0a\0s0");
    let foreign: [(&[u8], Vec<u8>); 12] = [
        (b"DAT\0SEGMENTS\0a\0s0\0short", block.clone()),
        (b"DAT\0SEGMENTS\0a\0s0", block.clone()),
        (b"DAT\0SEGMENTS\0nobody\0s0\0\0\0\0\0\0\0\0\x01", block.clone()),
        (b"DAT\0SEGMENTS\0a\0nobody\0\0\0\0\0\0\0\0\x01", block),
        (b"DAT\0SPACES\0a\0x", some(b"DAT\0SPACES\0a")),
        (b"DAT\0SPACES\0nobody\0x", some(b"DAT\0SPACES\0a")),
        (b"INV\0SEGMENTS\0a\0s0\0x", some(b"INV\0SEGMENTS\0a")),
        (b"INV\0SEGMENTS\0nobody\0x", some(b"INV\0SEGMENTS\0a")),
        (b"INV\0SPACES\0a\0x", some(b"INV\0SPACES\0a")),
        (b"TRX\0a\0s1\0x", some(b"TRX")),
        (b"LSE\0a\0b", some(b"LSE")),
        (b"TXN\0x", b"x".to_vec()),
    ];
    for (key, row) in foreign {
        let other = MemoryKv::with_limits(limits(Atomicity::Store));
        other.restore(rows.clone());
        let put = Put { key: key.to_vec(), value: row };
        let batch = Batch { puts: vec![put], ..Batch::default() };
        world.run(other.commit(batch)).expect("commits");
        let found = problems(&world, &other);
        let named = found.iter().any(|one| one.key == to_hex(key));
        assert!(named, "{}: {found:?}", String::from_utf8_lossy(key));
    }
    // A block of a later sequence than its segment has.
    let key = b"DAT\0SEGMENTS\0a-1\0s0\0\0\0\0\0\0\0\0\x09";
    let mut row = some(b"DAT\0SEGMENTS\0a-1\0s0");
    put_u64(&mut row, 10, 9);
    reseal_envelope(&mut row);
    kv.overwrite(key, Some(row));
    let found = problems(&world, &kv);
    assert!(found.iter().any(|one| one.key == to_hex(key) && one.message.contains("beyond")), "{found:?}");
}

#[test]
fn rows_of_other_places_that_go_beyond_the_heads_are_noticed() {
    let (world, kv, store) = world_with(Atomicity::Store);
    let later = |space: &'static str, id: u128| {
        world.clock.0.set(world.clock.0.get() + 1000);
        let options = WriteOptions { trx_id: Some(uuid::Uuid::from_u128(id)), ..WriteOptions::default() };
        world.run(store.append(records(space, "s1", &["later"]), options)).expect("appends");
    };
    later("a-1", 8);
    later("a", 9);
    let rows = kv.snapshot();
    let trx = |space: &str, id: u128| [b"TRX\0", space.as_bytes(), b"\0s1\0", &id.to_be_bytes()].concat();
    // A retry would be answered as if it had been stored.
    let (key, from) = (trx("a-1", 8), trx("a", 9));
    kv.overwrite(&key, rows.get(&from).cloned());
    assert_eq!(named(&problems(&world, &kv)), [(to_hex(&key), ErrorCode::Corrupt)]);
    kv.restore(rows.clone());
    // A block far beyond, with a commit row after the last one in between.
    let block = b"DAT\0SEGMENTS\0a\0nobody\0\0\0\0\0\0\0\0\x01";
    let (_, row) = rows.iter().rfind(|(key, _)| key.starts_with(b"DAT\0SEGMENTS\0a-1\0s1")).expect("a row");
    let mut row = row.clone();
    put_u64(&mut row, 10, 1);
    let later = get_u64(&row, 10 + 16 + 4) + 1_000_000;
    put_u64(&mut row, 10 + 16 + 4, later);
    reseal_envelope(&mut row);
    kv.overwrite(block, Some(row));
    assert_eq!(named(&problems(&world, &kv)), [(to_hex(block), ErrorCode::Corrupt)]);
}

#[test]
fn a_segment_head_below_the_trim_bound_is_compared_with_its_blocks() {
    let (world, kv, store) = world_with(Atomicity::Store);
    let head = b"INV\0SEGMENTS\0a\0s0";
    let mut late = kv.snapshot().remove(&head[..]).expect("a row");
    // The same sequence, with an id that is trimmed.
    late.truncate(late.len() - 4);
    let first = (get_u64(&late, 25), get_u64(&late, 33));
    put_u64(&mut late, 9, first.0);
    put_u64(&mut late, 17, first.1);
    late.extend(Crc32c::of(&late).to_le_bytes());
    world.run(trim(&store, &kv, "a", 10));
    assert_eq!(problems(&world, &kv), []);
    kv.overwrite(head, Some(late));
    assert!(problems(&world, &kv).iter().any(|one| one.key == to_hex(head)));
}

/// Makes the checksum of a raw block or commit row right again.
fn reseal_envelope(row: &mut [u8]) {
    assert_eq!(row[1], 0, "not compressed");
    let mut sum = Crc32c::new();
    sum.update(&row[..6]).update(&row[10..]);
    row[6..10].copy_from_slice(&sum.finish().to_le_bytes());
}

#[test]
fn contradictions_between_rows_are_noticed() {
    let (world, kv, _) = world_with(Atomicity::Store);
    let rows = kv.snapshot();
    let key_of = |prefix: &[u8]| rows.keys().find(|key| key.starts_with(prefix)).expect("a row").clone();
    let last_of = |prefix: &[u8]| rows.keys().rfind(|key| key.starts_with(prefix)).expect("a row").clone();
    type Edit<'e> = Box<dyn Fn(&MemoryKv) + 'e>;
    let sealed = |key: Vec<u8>, at: usize, add: u64| -> Edit<'_> {
        Box::new(move |kv| {
            edit_sealed(kv, &key, |row| {
                let number = get_u64(row, at);
                put_u64(row, at, number.wrapping_add(add));
            });
        })
    };
    let enveloped = |key: Vec<u8>, at: usize, add: u64| -> Edit<'_> {
        Box::new(move |kv| {
            let mut row = kv.snapshot().remove(&key).expect("a row");
            let number = get_u64(&row, 10 + at);
            put_u64(&mut row, 10 + at, number.wrapping_add(add));
            reseal_envelope(&mut row);
            kv.overwrite(&key, Some(row));
        })
    };
    let head = head_key("a");
    let segment = key_of(b"INV\0SEGMENTS\0a\0s0");
    let commit = key_of(b"DAT\0SPACES\0a\0");
    let last_commit = last_of(b"DAT\0SPACES\0a\0");
    let block = key_of(b"DAT\0SEGMENTS\0a\0s1");
    let trx = key_of(b"TRX\0a\0");
    let cases: Vec<(&str, Edit<'_>)> = vec![
        ("records of a space", sealed(head.clone(), 74, 1)),
        ("bytes of a space", sealed(head.clone(), 82, 1)),
        ("the last id of a space, up", sealed(head.clone(), 34, 1)),
        ("a space that is deleted", sealed(head.clone(), 1, 1)),
        ("trimmed bytes of a space", sealed(head, 98, 1)),
        ("the last sequence of a segment, up", sealed(segment.clone(), 1, 1)),
        ("the last sequence of a segment, down", sealed(segment.clone(), 1, u64::MAX)),
        ("the last id of a segment", sealed(segment.clone(), 17, 1)),
        ("the first id of a segment", sealed(segment.clone(), 25, u64::MAX)),
        ("the TRX of a segment", sealed(segment, 41, 1)),
        ("the number of a TRX row", sealed(trx.clone(), 1, 1)),
        ("the sequences of a TRX row", sealed(trx.clone(), 9, u64::MAX)),
        ("the last sequence of a TRX row", sealed(trx.clone(), 17, u64::MAX)),
        ("the id of a TRX row", sealed(trx, 33, 1)),
        ("the id before a commit row", enveloped(last_commit.clone(), 8, u64::MAX)),
        ("records of a commit row", enveloped(commit.clone(), 16, 1)),
        ("bytes of a commit row", enveloped(last_commit, 24, 1)),
        // Kind, name length, two bytes of name: then the sequence.
        ("the sequence of an item", enveloped(commit, 40, 1)),
        ("the id of a run in a block", enveloped(block.clone(), 16 + 12, 1)),
        ("the TRX of a run in a block", enveloped(block.clone(), 16 + 20, 1)),
        ("a payload in a block", enveloped(block, 16 + 64 + 4, 1)),
    ];
    for (what, damage) in cases {
        let other = MemoryKv::with_limits(limits(Atomicity::Store));
        other.restore(rows.clone());
        damage(&other);
        assert_ne!(other.snapshot(), rows, "{what}");
        let found = problems(&world, &other);
        assert!(!found.is_empty(), "{what}");
        assert!(
            found.iter().all(|one| one.code == ErrorCode::Corrupt && !one.key.is_empty()),
            "{what}: {found:?}"
        );
    }
}

#[test]
fn metadata_of_a_stream_that_cannot_be_read_is_noticed() {
    let (world, kv, store) = world_with(Atomicity::Store);
    world.run(store.create_stream("stream", 2, Retention::default())).expect("creates");
    world.run(healthy(&store));
    edit_sealed(&kv, &head_key("stream"), |row| row[126] = 9);
    assert_eq!(world.run(store.stream("stream")).expect_err("damaged").code(), ErrorCode::Corrupt);
    assert_eq!(named(&problems(&world, &kv)), [(to_hex(&head_key("stream")), ErrorCode::Corrupt)]);
}

#[test]
fn entries_that_a_trim_bound_cuts_are_counted_exactly() {
    let (world, kv, store) = world_with(Atomicity::Store);
    for count in 0..38 {
        let other = MemoryKv::with_limits(limits(Atomicity::Store));
        other.restore(kv.snapshot());
        world.run(async {
            trim(&store, &other, "a", count).await;
            if count % 2 == 0 {
                collect(&store, &other, "a").await;
            }
        });
        assert_eq!(problems(&world, &other), [], "{count}");
        if count > 0 {
            edit_sealed(&other, &head_key("a"), |row| {
                let records = get_u64(row, 90);
                put_u64(row, 90, records - 1);
            });
            assert_ne!(problems(&world, &other), [], "{count}");
        }
    }
}

#[test]
fn what_was_left_unfinished_is_told() {
    let (world, kv, store) = world_with(Atomicity::Space);
    world.run(async {
        let bytes = export(&store).await;
        let target_kv = MemoryKv::with_limits(limits(Atomicity::Space));
        let options = OpenOptions::default();
        let target = Store::open(world.env(Rc::new(target_kv.clone())), options).await.expect("opens");
        let mut importer = target.importer(None).expect("starts");
        importer.push(&bytes[..bytes.len() / 2]).await.expect("takes it");
        let found = verify(&target).await.problems;
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].code, &*found[0].key), (ErrorCode::Conflict, &*to_hex(&head_key("a"))));
        importer.push(&bytes[bytes.len() / 2..]).await.expect("goes on");
        healthy(&target).await;
        assert!(import(&target, &bytes, 100).await.is_err());
        healthy(&target).await;
    });
    // Parts of a redo record without a header.
    let key = [b"TXN\0", &[7; 16][..], b"\0\0\0\0\0\0\0\0\x01"].concat();
    kv.overwrite(&key, Some(b"part".to_vec()));
    let found = world.run(verify(&store)).problems;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].code, &*found[0].key), (ErrorCode::Conflict, &*to_hex(&key)));
}

#[test]
fn a_verification_beside_writers_and_merges_finds_nothing() {
    for atomic in [Atomicity::Store, Atomicity::Space, Atomicity::None] {
        let (world, kv, store) = world_with(atomic);
        world.run(async {
            for n in 0..200 {
                append(&store, "a", &format!("s{}", n % 5), &["a little more text"]).await;
            }
            let mut verifier = store.verifier();
            let mut step = 0;
            while verifier.step().await.expect("steps") {
                step += 1;
                for n in 0..4 {
                    append(&store, "a", &format!("s{}", (step + n) % 9), &["beside"]).await;
                    append(&store, &format!("new{step}"), "s", &["beside"]).await;
                }
                if step % 7 == 0 && step < 60 {
                    let mut job = store.compactor(Some("a".into())).expect("starts");
                    while job.step().await.expect("steps") {}
                }
                if step == 9 && atomic != Atomicity::None {
                    trim(&store, &kv, "a", 30).await;
                    collect(&store, &kv, "a").await;
                }
                assert!(step < 5000);
            }
            assert_eq!(verifier.report().problems, []);
        });
    }
}

#[test]
fn a_host_that_fails_is_an_error_and_not_damage() {
    let (world, kv, _) = world_with(Atomicity::Store);
    let faulty = Rc::new(FaultyKv::new(Rc::new(kv), FaultPlan::default()));
    let store = world.open_with(faulty.clone(), OpenOptions::default()).expect("opens");
    world.run(async {
        for seed in 0..20 {
            faulty.set_plan(FaultPlan { seed, fail_rate: 0.3, ..FaultPlan::default() });
            let mut verifier = store.verifier();
            let mut failed = 0;
            loop {
                match verifier.step().await {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        assert_eq!(error.code(), ErrorCode::Unavailable);
                        failed += 1;
                    }
                }
            }
            assert!(failed > 0);
            let report = verifier.report();
            assert_eq!((report.entries, report.segments, report.spaces), (43, 6, 2));
            assert_eq!(report.problems, []);
        }
    });
}

/// A host that cannot read the value of one row: not by its key, nor with others.
struct Unreadable(Vec<u8>);

impl Hook for Unreadable {
    async fn before(&self, call: HostCall<'_>) -> Result {
        let is_asked_for = match call {
            HostCall::Get(keys) => keys.contains(&self.0),
            HostCall::Scan(range) => !range.keys_only && range.start <= self.0 && self.0 < range.end,
            HostCall::Commit(_) => false,
        };
        if is_asked_for { Err(Error::corrupt("its file is gone")) } else { Ok(()) }
    }
}

#[test]
fn a_row_that_the_host_cannot_read_is_named_and_everything_else_is_read() {
    let (world, kv, store) = world_with(Atomicity::Store);
    world.run(fill_groups(&store));
    for (key, _) in kv.snapshot() {
        if key == b"INV\0STORE" {
            // Without it nothing opens.
            continue;
        }
        let host = hooked(&kv, &Rc::new(Unreadable(key.clone())));
        let other = world.open_with(host, OpenOptions::default()).expect("opens");
        let report = world.run(verify(&other));
        let what = String::from_utf8_lossy(&key);
        let is_named = |one: &Problem| one.key == to_hex(&key) && one.message == "its file is gone";
        assert!(report.problems.iter().any(is_named), "{what}: {:?}", report.problems);
        // What has no head counts for nothing; of all else, only what the row itself holds is missing.
        let least = match &key[..7] {
            b"INV\0SPA" => 5,
            b"INV\0SEG" => 23,
            _ => 38,
        };
        assert!(report.entries >= least, "{what}: {}", report.entries);
    }
}

#[test]
fn a_segment_of_which_all_is_trimmed_is_missed_as_well() {
    let (world, kv, store) = world_with(Atomicity::Store);
    world.run(async {
        trim(&store, &kv, "a-1", 5).await;
        store.collect("a-1").await.expect("collects");
    });
    assert_eq!(problems(&world, &kv), []);
    kv.overwrite(b"INV\0SEGMENTS\0a-1\0s0", None);
    assert_eq!(named(&problems(&world, &kv)), [(to_hex(b"INV\0SPACES\0a-1"), ErrorCode::Corrupt)]);
}

#[test]
fn rows_of_what_was_removed_long_ago_do_not_belong() {
    let (world, kv, store) = world_with(Atomicity::Store);
    world.run(async {
        append(&store, "z", "s0", &["1", "2"]).await;
        append(&store, "z", "s1", &["3"]).await;
        trim(&store, &kv, "z", 3).await;
        store.collect("z").await.expect("collects");
    });
    assert_eq!(problems(&world, &kv), []);
    // The head of a space that was emptied later, in the place of another one's: nobody sees any of its entries.
    let emptied = kv.snapshot().remove(&head_key("z"));
    kv.overwrite(&head_key("a-1"), emptied);
    let found = problems(&world, &kv);
    assert!(found.iter().any(|one| one.key.starts_with(&to_hex(b"DAT\0SPACES\0a-1\0"))), "{found:?}");
}

#[test]
fn progress_neither_falls_nor_goes_beyond_its_total() {
    let (world, _, store) = world_with(Atomicity::Store);
    world.run(async {
        let mut verifier = store.verifier();
        let mut last = 0;
        for n in 0.. {
            if !verifier.step().await.expect("steps") {
                break;
            }
            append(&store, "a-1", "s0", &["more", &n.to_string()]).await;
            assert!(verifier.done() >= last);
            last = verifier.done();
            assert!(verifier.total().is_none_or(|total| last <= total), "{last}");
        }
        assert_eq!(Some(verifier.done()), verifier.total());
        assert_eq!(verifier.report().problems, []);
    });
}
