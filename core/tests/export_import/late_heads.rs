//! The head of a segment is exported after its entries: by then it may have gone on, and what it tells of be trimmed.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use futures::future::{LocalBoxFuture, join_all};
use streamkit_core::{ErrorCode, Exporter, MemoryKv, OpenOptions, Result, Store, WriteOptions};
use uuid::Uuid;

use crate::common::hooked::{Hook, HostCall, hooked};
use crate::common::{World, records, small_blocks};
use crate::transfer::{
    append, collect, contents, drain, edit_sealed, export, get_u64, head_key, healthy, import, put_u64,
    timeline, trim,
};
use crate::{limits, open, open_here};

/// The last sequences of all segments.
async fn lasts(store: &Store) -> BTreeMap<String, u64> {
    let statuses = store.changes("a", None, None).await.expect("lists").statuses;
    statuses.into_iter().map(|status| (status.segment, status.last_sequence)).collect()
}

/// The number of the TRX that an append to a segment gets.
async fn next_trx(store: &Store, segment: &str) -> u64 {
    append(store, "a", segment, &["more"]).await;
    let all = timeline(store, "a").await;
    all.last().filter(|last| last.0 == segment).expect("it is the last").3.number
}

/// Entries of "early" alone come with the first chunk of an export, those of "one" and "three" after it.
async fn fill(store: &Store) {
    let text = "w".repeat(3000);
    append(store, "a", "early", &["1", "2"]).await;
    for n in 0..200 {
        append(store, "a", ["long", "other"][n % 2], &[&text]).await;
        if n == 120 {
            append(store, "a", "one", &["1"]).await;
            append(store, "a", "three", &["1", "2", "3"]).await;
        }
    }
}

/// Fills a store and begins to export it: the last sequences then, and the first chunk.
async fn begun(store: &Store) -> (BTreeMap<String, u64>, Exporter, Vec<u8>) {
    fill(store).await;
    let began = lasts(store).await;
    let mut exporter = store.exporter(None).expect("starts");
    let bytes = exporter.next().await.expect("exports").expect("a chunk");
    (began, exporter, bytes)
}

/// How many of its entries are trimmed while it is exported: up to after those of "three", or all.
const TRIMS: [usize; 2] = [150, 206];

#[test]
fn segments_that_were_trimmed_and_went_on_stand_where_they_stood() {
    for (count, collected) in [(TRIMS[0], false), (TRIMS[0], true), (TRIMS[1], false), (TRIMS[1], true)] {
        let what = format!("{count} trimmed, collected: {collected}");
        let world = World::new();
        let kv = small_blocks();
        world.run(async {
            let store = open_here(&world, &kv).await;
            let (began, exporter, mut bytes) = begun(&store).await;
            trim(&store, &kv, "a", count).await;
            if collected {
                collect(&store, &kv, "a").await;
            }
            let fresh = open_here(&world, &kv).await;
            let mut numbers = BTreeMap::new();
            for segment in began.keys() {
                numbers.insert(segment, next_trx(&fresh, segment).await);
            }
            let trx_id = Some(Uuid::from_u128(7));
            let options = WriteOptions { trx_id, ..WriteOptions::default() };
            fresh.append(records("a", "new", &["1"]), options).await.expect("appends");
            bytes.extend(drain(exporter).await.expect(&what));

            let target = open_here(&world, &small_blocks()).await;
            import(&target, &bytes, 5000).await.expect(&what);
            healthy(&target).await;
            assert_eq!(lasts(&target).await, began, "{what}");
            for (segment, number) in numbers {
                assert_eq!(next_trx(&target, segment).await, number, "{what}: {segment}");
            }
        });
    }
}

#[test]
fn segments_of_which_what_came_later_is_trimmed_too_are_not_lost() {
    let world = World::new();
    let kv = small_blocks();
    world.run(async {
        let store = open_here(&world, &kv).await;
        let (began, exporter, mut bytes) = begun(&store).await;
        for segment in ["early", "one", "three", "new", "new"] {
            append(&store, "a", segment, &["later"]).await;
        }
        let all = timeline(&store, "a").await.len();
        trim(&store, &kv, "a", all).await;
        collect(&store, &kv, "a").await;
        let fresh = open_here(&world, &kv).await;
        append(&fresh, "a", "new", &["kept"]).await;
        bytes.extend(drain(exporter).await.expect("exports"));

        let target = open_here(&world, &small_blocks()).await;
        import(&target, &bytes, 5000).await.expect("imports");
        healthy(&target).await;
        assert!(contents(&target).await.spaces["a"].0.is_empty());
        let (found, now) = (lasts(&target).await, lasts(&fresh).await);
        assert_eq!(found.keys().collect::<Vec<_>>(), began.keys().collect::<Vec<_>>());
        // Nothing tells any more where they stood: as they are now, their sequences are not given again.
        assert!(found.iter().all(|(name, last)| (began[name]..=now[name]).contains(last)), "{found:?}");
    });
}

#[test]
fn heads_that_the_space_carries_go_among_all_others() {
    let world = World::new();
    let source = open(&world, &MemoryKv::with_limits(limits(4)));
    world.run(async {
        // More than one step takes, and what is carried is before, among and after them.
        let names: Vec<String> = (0..1100).map(|n| format!("s{n:04}")).collect();
        join_all(names.iter().map(|name| append(&source, "a", name, &["1"]))).await;
        let again = ["a", "s0500", "s0500x", "s1090", "z"];
        join_all(again.map(|name| append(&source, "a", name, &["2"]))).await;
        let target = open_here(&world, &small_blocks()).await;
        import(&target, &export(&source).await, 5000).await.expect("imports");
        assert_eq!(contents(&target).await, contents(&source).await);
        assert_eq!(lasts(&target).await["s1090"], 2);
        healthy(&target).await;
    });
}

/// What others do right before the rows of callers' TRX are looked at.
struct BeforeTrx(RefCell<Option<LocalBoxFuture<'static, ()>>>);

impl Hook for BeforeTrx {
    async fn before(&self, call: HostCall<'_>) -> Result {
        if matches!(call, HostCall::Scan(range) if range.start.starts_with(b"TRX\0"))
            && let Some(others) = self.0.take()
        {
            others.await;
        }
        Ok(())
    }
}

#[test]
fn what_is_trimmed_once_the_entries_are_exported_is_trimmed() {
    for count in [4, 6] {
        let world = World::new();
        let kv = small_blocks();
        let store = open(&world, &kv);
        world.run(async {
            for (n, segment) in (1..).zip(["s", "t", "s"]) {
                let options = WriteOptions { trx_id: Some(Uuid::from_u128(n)), ..WriteOptions::default() };
                store.append(records("a", segment, &["1", "2"]), options).await.expect("appends");
            }
        });
        let others = {
            let (store, kv) = (store.clone(), kv.clone());
            async move {
                trim(&store, &kv, "a", count).await;
                collect(&store, &kv, "a").await;
                let rows = kv.snapshot().into_keys().filter(|key| key.starts_with(b"TRX\0a\0"));
                for row in rows.take(count / 2).collect::<Vec<_>>() {
                    kv.overwrite(&row, None);
                }
            }
        };
        let hook = Rc::new(BeforeTrx(RefCell::new(Some(Box::pin(others)))));
        let beside = world.open_with(hooked(&kv, &hook), OpenOptions::default()).expect("opens");
        world.run(async {
            let bytes = export(&beside).await;
            assert!(hook.0.borrow().is_none(), "others came in between");
            let target = open_here(&world, &small_blocks()).await;
            import(&target, &bytes, 5000).await.expect("imports");
            healthy(&target).await;
            assert_eq!(contents(&target).await, contents(&open_here(&world, &kv).await).await, "{count}");
        });
    }
}

#[test]
fn a_head_without_entries_and_totals_of_others_are_not_exported() {
    let world = World::new();
    let kv = small_blocks();
    let store = open(&world, &kv);
    let head = |segment: &str| [b"INV\0SEGMENTS\0a\0", segment.as_bytes()].concat();
    world.run(async {
        append(&store, "a", "s", &["1", "2"]).await;
        append(&store, "a", "t", &["3"]).await;
    });
    let whole = kv.snapshot();
    let refused = || {
        let store = open(&world, &kv);
        let exported = world.run(async { drain(store.exporter(None).expect("starts")).await });
        kv.restore(whole.clone());
        exported.expect_err("it contradicts itself")
    };
    for segment in ["s", "t"] {
        kv.overwrite(&head("u"), whole.get(&head(segment)).cloned());
        let error = refused();
        assert_eq!(error.code(), ErrorCode::Corrupt, "{error}");
        assert!(error.message().starts_with("segment head"), "{error}");
    }
    // Records and bytes.
    for at in [74, 82] {
        edit_sealed(&kv, &head_key("a"), |row| {
            let total = get_u64(row, at);
            put_u64(row, at, total + 1);
        });
        let error = refused();
        assert_eq!(error.code(), ErrorCode::Corrupt, "{error}");
        assert!(error.message().contains("totals"), "{error}");
    }
}
