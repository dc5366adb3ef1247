//! What wakes whoever waits: what can be seen, and nothing else.
#![cfg(feature = "guarded-writes")]

mod common;

use std::rc::Rc;

use common::{World, to_stream};
use futures::future::{FutureExt, LocalBoxFuture};
use streamkit_core::{
    EntryId, GroupOptions, GroupRead, MemoryKv, OpenOptions, Result, Store, Trim, WriteOptions,
};

/// What a wait came to; `None`: it still waits.
type Woken = Option<Result>;

/// A wait that has begun, for a space, or for anything.
fn begun(store: &Store, space: Option<&'static str>) -> LocalBoxFuture<'static, Result> {
    let store = store.clone();
    let mut wait = async move { store.wait(space, store.epoch(), None, 0).await }.boxed_local();
    assert_eq!((&mut wait).now_or_never(), None);
    wait
}

/// A store that never looks by itself, where every wake has a cause.
fn quiet(world: &World) -> Store {
    let options = OpenOptions { auto_compact: false, poll_interval: 0, ..OpenOptions::default() };
    world.open_with(Rc::new(MemoryKv::default()), options).expect("opens")
}

async fn append(store: &Store, stream: &str) {
    let append = to_stream(stream, &["payload"], None);
    store.append_to_stream(append, WriteOptions::default()).await.expect("appends");
}

#[test]
fn merging_and_collecting_wake_nobody() {
    let world = World::new();
    let store = quiet(&world);
    world.run(async {
        for _ in 0..50 {
            let before = store.epoch();
            append(&store, "s").await;
            assert!(store.epoch() > before);
        }
        let before = store.epoch();
        let mut job = store.compactor(None).expect("starts");
        while job.step().await.expect("merges") {}
        assert!(job.report().blocks_after < job.report().blocks_before);
        assert_eq!(store.epoch(), before);
        store.trim_stream("s", Trim::MaxCount(10), false).await.expect("trims");
        let after = store.epoch();
        assert!(after > before, "what is left is another first record");
        store.collect("s").await.expect("collects");
        assert_eq!(store.epoch(), after);
    });
}

#[test]
fn a_write_wakes_who_waits_for_its_spaces_or_for_anything() {
    let world = World::new();
    let store = quiet(&world);
    world.run(async {
        let group = store.group("one", "g");
        append(&store, "one").await;
        // What may wake a reader of "one", by the word for it.
        for what in ["append", "group", "trim", "delete", "hint"] {
            let mut waits = [Some("one"), Some("two"), None].map(|space| begun(&store, space));
            append(&store, "three").await;
            assert_eq!(waits.each_mut().map(FutureExt::now_or_never), [None, None, Some(Ok(()))], "{what}");
            let [mut one, mut two, _] = waits;
            match what {
                "append" => append(&store, "one").await,
                "group" => drop(group.create(&GroupOptions::default()).await.expect("creates")),
                "trim" => drop(store.trim_stream("one", Trim::MaxCount(1), false).await.expect("trims")),
                "delete" => store.delete_stream("one", true).await.expect("deletes"),
                _ => store.hint(),
            }
            assert_eq!((&mut one).now_or_never(), Some(Ok(())), "{what}");
            let all: Woken = (what == "hint").then_some(Ok(()));
            assert_eq!((&mut two).now_or_never(), all, "{what}");
        }
    });
}

#[test]
fn records_that_are_given_back_wake_who_waits_and_those_that_are_done_with_do_not() {
    let world = World::new();
    let store = quiet(&world);
    world.run(async {
        for _ in 0..4 {
            append(&store, "one").await;
        }
        let group = store.group("one", "g");
        let got = group.read("a", GroupRead::default()).await.expect("reads");
        let ids: Vec<EntryId> = got.page.entries().map(|entry| entry.id).collect();
        let mut wait = begun(&store, Some("one"));
        assert_eq!(group.ack("a", &ids[..1]).await.expect("acknowledges"), 1);
        assert_eq!(group.touch("a", &ids[1..2], 60_000).await.expect("is given more time"), 1);
        assert_eq!((&mut wait).now_or_never(), None);
        assert_eq!(group.nack("a", &ids[2..3], 0).await.expect("gives back"), 1);
        assert_eq!((&mut wait).now_or_never(), Some(Ok(())));
        let mut wait = begun(&store, Some("one"));
        assert_eq!(group.touch("a", &ids[3..], 1).await.expect("is due earlier"), 1);
        assert_eq!((&mut wait).now_or_never(), Some(Ok(())));
    });
}

#[test]
fn a_lease_wakes_who_waits_for_it_or_for_anything() {
    let world = World::new();
    let store = quiet(&world);
    world.run(async {
        for what in ["acquire", "renew", "release"] {
            let mut waits = [Some("one"), Some("\0two"), None].map(|scope| begun(&store, scope));
            append(&store, "three").await;
            assert_eq!(waits.each_mut().map(FutureExt::now_or_never), [None, None, Some(Ok(()))], "{what}");
            let held = match what {
                "acquire" => None,
                _ => Some(store.acquire_lease("one", "holder", 1000).await.expect("acquires")),
            };
            let mut all = [Some("one"), Some("\0one"), Some("\0two"), None].map(|scope| begun(&store, scope));
            match (what, &held) {
                ("renew", Some(held)) => store.renew_lease(held, 1000).await.expect("renews"),
                (_, Some(held)) => store.release_lease(held).await.expect("releases"),
                _ => drop(store.acquire_lease("one", "holder", 1000).await.expect("acquires")),
            }
            let woken = all.each_mut().map(FutureExt::now_or_never);
            assert_eq!(woken, [None, Some(Ok(())), None, Some(Ok(()))], "{what}");
        }
    });
}

#[test]
fn what_changed_between_the_epoch_and_the_wait_is_not_waited_for() {
    let world = World::new();
    let store = quiet(&world);
    world.run(async {
        for others in [0, 1, 63, 64, 65, 200] {
            let before = store.epoch();
            append(&store, "one").await;
            let after = store.epoch();
            for _ in 0..others {
                append(&store, "other").await;
            }
            let looks = |space, epoch| store.wait(space, epoch, None, 0).now_or_never();
            assert_eq!(looks(Some("one"), before), Some(Ok(())), "{others}");
            assert_eq!(looks(Some("other"), after), (others > 0).then_some(Ok(())), "{others}");
            assert_eq!(looks(None, after), (others > 0).then_some(Ok(())), "{others}");
            // Beyond what is remembered a reader looks once more.
            assert_eq!(looks(Some("one"), after), (others > 64).then_some(Ok(())), "{others}");
            assert_eq!(looks(Some("one"), store.epoch()), None, "{others}");
        }
        let before = store.epoch();
        store.hint();
        assert_eq!(store.wait(Some("one"), before, None, 0).now_or_never(), Some(Ok(())));
    });
}

#[test]
fn waits_that_were_given_up_are_in_nobodys_way() {
    let world = World::new();
    let store = quiet(&world);
    world.run(async {
        let mut kept = begun(&store, Some("one"));
        for _ in 0..1000 {
            drop(begun(&store, Some("two")));
        }
        assert_eq!((&mut kept).now_or_never(), None);
        append(&store, "one").await;
        assert_eq!((&mut kept).now_or_never(), Some(Ok(())));
    });
}
