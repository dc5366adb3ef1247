//! What calls say of what they stored, where the host fails before, between or after their commits.
#![cfg(feature = "guarded-writes")]

mod common;
#[path = "common/transfer.rs"]
mod transfer;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use common::hooked::{Hook, HostCall, hooked};
use common::{World, records, small_blocks, to_stream};
use futures::future::LocalBoxFuture;
use streamkit_core::{
    Detail, EntryId, Error, ErrorCode, GroupOptions, GroupRead, MemoryKv, OpenOptions, Result, Retention,
    Store, Trim, WriteOptions, to_hex,
};
use transfer::{edit_sealed, get_u64, head_key, put_u64};

/// What a host does.
#[derive(Clone)]
enum Does {
    All,
    /// Reads are answered with this error.
    NotRead(Error),
    /// One commit applies; from then on reads are answered with this error.
    CommitOnce(Error),
    /// Another writer of the stream is always faster.
    LoseRaces,
    /// No reply to a commit comes, and none applies.
    LoseCommits,
}

struct Failing {
    kv: MemoryKv,
    does: RefCell<Does>,
    commits: Cell<u32>,
    /// Called with each commit.
    told: RefCell<Option<Box<dyn Fn()>>>,
}

impl Failing {
    fn begin(&self, does: Does) {
        self.does.replace(does);
        self.commits.set(0);
    }
}

impl Hook for Failing {
    async fn before(&self, call: HostCall<'_>) -> Result {
        let does = self.does.borrow().clone();
        if !matches!(call, HostCall::Commit(_)) {
            return if let Does::NotRead(error) = does { Err(error) } else { Ok(()) };
        }
        self.commits.set(self.commits.get() + 1);
        if let Some(told) = &*self.told.borrow() {
            told();
        }
        match does {
            Does::CommitOnce(error) => self.begin(Does::NotRead(error)),
            Does::LoseRaces => edit_sealed(&self.kv, &head_key("s"), |row| {
                let revision = get_u64(row, 2);
                put_u64(row, 2, revision + 1);
            }),
            Does::LoseCommits => return Err(Error::unknown("the reply was lost")),
            Does::All | Does::NotRead(_) => {}
        }
        Ok(())
    }
}

/// A store on such a host, with a stream of three records, and a group that has two of them pending.
fn filled(world: &World) -> (Rc<Failing>, Store, Vec<EntryId>) {
    let kv = small_blocks();
    let (does, commits, told) = (RefCell::new(Does::All), Cell::new(0), RefCell::default());
    let failing = Rc::new(Failing { kv: kv.clone(), does, commits, told });
    // Timers fire at once here, and are not to end calls of the host.
    let options = OpenOptions { host_timeout: 0, auto_compact: false, ..OpenOptions::default() };
    let store = world.open_with(hooked(&kv, &failing), options).expect("opens");
    let ids = world.run(async {
        let append = to_stream("s", &["1", "2", "3"], None);
        store.append_to_stream(append, WriteOptions::default()).await.expect("appends");
        let read = GroupRead { limit: 2, ..GroupRead::default() };
        let got = store.group("s", "g").read("me", read).await.expect("reads");
        got.page.entries().map(|entry| entry.id).collect()
    });
    (failing, store, ids)
}

type Call = fn(Store, Vec<EntryId>) -> LocalBoxFuture<'static, Result>;

/// Calls that write, each known to `Store::cancel` by the tag 7.
const CALLS: [(&str, Call); 13] = [
    ("append", |store, _| {
        Box::pin(async move {
            let options = WriteOptions { tag: 7, ..WriteOptions::default() };
            store.append(records("s", "0", &["x"]), options).await.map(drop)
        })
    }),
    ("append to a stream", |store, _| {
        Box::pin(async move {
            let options = WriteOptions { tag: 7, ..WriteOptions::default() };
            store.append_to_stream(to_stream("s", &["x"], None), options).await.map(drop)
        })
    }),
    ("create", |store, _| {
        Box::pin(async move { store.tagged(7).create_stream("new", 1, Retention::default()).await.map(drop) })
    }),
    ("alter", |store, _| {
        Box::pin(async move {
            let retention = Retention { max_count: Some(9), ..Retention::default() };
            store.tagged(7).alter_stream("s", retention).await.map(drop)
        })
    }),
    ("trim", |store, _| {
        Box::pin(async move { store.tagged(7).trim_stream("s", Trim::MaxCount(1), false).await.map(drop) })
    }),
    ("delete", |store, _| Box::pin(async move { store.tagged(7).delete_stream("s", true).await })),
    ("lease", |store, _| {
        Box::pin(async move { store.tagged(7).acquire_lease("key", "me", 1000).await.map(drop) })
    }),
    ("create a group", |store, _| {
        Box::pin(
            async move { store.group("s", "new").tagged(7).create(&GroupOptions::default()).await.map(drop) },
        )
    }),
    ("read as a new group", |store, _| {
        Box::pin(
            async move { store.group("s", "new").tagged(7).read("me", GroupRead::default()).await.map(drop) },
        )
    }),
    ("join a new group", |store, _| {
        Box::pin(async move { store.group("s", "new").tagged(7).join("me").await })
    }),
    ("read", |store, _| {
        Box::pin(
            async move { store.group("s", "g").tagged(7).read("me", GroupRead::default()).await.map(drop) },
        )
    }),
    ("acknowledge", |store, ids| {
        Box::pin(async move { store.group("s", "g").tagged(7).ack("me", &ids).await.map(drop) })
    }),
    ("leave", |store, _| Box::pin(async move { store.group("s", "g").tagged(7).leave("me").await })),
];

/// Every row: whether a call has stored anything.
fn rows(failing: &Failing) -> Vec<(Vec<u8>, Vec<u8>)> {
    failing.kv.snapshot().into_iter().collect()
}

#[test]
fn where_no_commit_was_handed_over_nothing_was_applied() {
    for error in [Error::unknown("out of reach"), Error::unavailable("out of reach")] {
        for (what, call) in CALLS {
            let world = World::new();
            let (failing, store, ids) = filled(&world);
            store.hint();
            failing.begin(Does::NotRead(error.clone()));
            if let Err(error) = world.run(call(store, ids)) {
                assert_eq!(error.code(), ErrorCode::Unavailable, "{what}");
                assert!(failing.commits.get() > 0 || !error.may_have_applied(), "{what}: {error:?}");
            }
        }
    }
}

#[test]
fn where_the_host_fails_after_a_commit_nobody_is_told_that_nothing_was_applied() {
    for error in [Error::unknown("out of reach"), Error::unavailable("out of reach")] {
        let mut failed = 0;
        for (what, call) in CALLS {
            let world = World::new();
            let (failing, store, ids) = filled(&world);
            let before = rows(&failing);
            store.hint();
            failing.begin(Does::CommitOnce(error.clone()));
            if let Err(error) = world.run(call(store, ids)) {
                failed += 1;
                assert!(error.may_have_applied() || rows(&failing) == before, "{what}: {error:?}");
            }
        }
        assert!(failed >= 3, "{failed}");
    }
}

#[test]
fn damage_of_a_stream_names_the_key_of_its_head() {
    let named = Some(Detail::Text(to_hex(&head_key("s"))));
    for (what, call) in CALLS {
        let world = World::new();
        let (failing, store, ids) = filled(&world);
        store.hint();
        // The version of the metadata, in a head that is whole.
        edit_sealed(&failing.kv, &head_key("s"), |row| row[126] = 9);
        if let Err(error) = world.run(call(store, ids)) {
            assert_eq!((error.code(), error.detail("key")), (ErrorCode::Corrupt, named.as_ref()), "{what}");
        }
    }
}

#[test]
fn a_call_that_loses_every_race_ends_after_as_many_as_an_append() {
    let mut most = None;
    for name in ["append", "append to a stream", "alter", "trim", "delete"] {
        let (_, call) = CALLS.iter().find(|(what, _)| *what == name).expect("is there");
        let world = World::new();
        let (failing, store, ids) = filled(&world);
        failing.begin(Does::LoseRaces);
        let error = world.run(call(store, ids)).expect_err("others are faster");
        assert_eq!((error.code(), error.is_retryable()), (ErrorCode::Conflict, true), "{name}");
        let races = failing.commits.get();
        assert_eq!(races, *most.get_or_insert(races), "{name}");
    }
}

#[test]
fn what_is_taken_back_while_its_reply_is_lost_is_not_handed_over_again() {
    for (what, call) in CALLS {
        let world = World::new();
        let (failing, store, ids) = filled(&world);
        failing.begin(Does::LoseCommits);
        let taken_back = store.clone();
        failing.told.replace(Some(Box::new(move || assert!(taken_back.cancel(7), "it is under way"))));
        let error = world.run(call(store, ids)).expect_err("lost");
        failing.told.take();
        assert_eq!(error.code(), ErrorCode::Unavailable, "{what}: {error:?}");
        assert!(error.may_have_applied(), "{what}");
        assert_eq!(failing.commits.get(), 1, "{what}");
    }
}
