//! A write that is repeated under its TRX is as lasting as the call that repeats it asks, whatever the first one asked.

mod common;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use common::hooked::{Hook, HostCall, hooked};
use common::{World, records};
use streamkit_core::{
    Batch, Commit, Durability, Error, ErrorCode, HostLimits, Kv, MemoryKv, OpenOptions, Result, ScanRange,
    Store, WriteOptions,
};
use uuid::Uuid;

use Durability::{Relaxed, Strict};

/// What each commit had to survive.
#[derive(Default)]
struct Commits {
    made: RefCell<Vec<Durability>>,
    fail: Cell<bool>,
}

impl Commits {
    fn take(&self) -> Vec<Durability> {
        self.made.take()
    }
}

impl Hook for Commits {
    async fn before(&self, call: HostCall<'_>) -> Result {
        if let HostCall::Commit(batch) = call {
            if self.fail.take() {
                return Err(Error::unavailable("the disk is slow"));
            }
            self.made.borrow_mut().push(batch.durability);
        }
        Ok(())
    }
}

struct Setting {
    world: World,
    kv: MemoryKv,
    commits: Rc<Commits>,
    store: Store,
}

fn setting_on(kv: MemoryKv) -> Setting {
    let (world, commits) = (World::new(), Rc::new(Commits::default()));
    let store = open(&world, &kv, &commits);
    Setting { world, kv, commits, store }
}

fn setting() -> Setting {
    setting_on(MemoryKv::new())
}

/// Opening writes as well: that does not count.
fn open(world: &World, kv: &MemoryKv, commits: &Rc<Commits>) -> Store {
    let store = world.open_with(hooked(kv, commits), OpenOptions::default()).expect("opens");
    commits.take();
    store
}

async fn append(store: &Store, segment: &str, trx: u128, durability: Durability) -> Result<u64> {
    let options = WriteOptions {
        trx_id: Some(Uuid::from_u128(trx)),
        durability: Some(durability),
        ..WriteOptions::default()
    };
    let made = store.append(records("space", segment, &["payload"]), options).await?;
    Ok(made.status.last_sequence)
}

#[test]
fn what_was_relaxed_is_flushed_once_for_those_who_repeat_it_strictly() {
    let Setting { world, commits, store, .. } = setting();
    world.run(async {
        append(&store, "a", 1, Relaxed).await.expect("appends");
        append(&store, "a", 2, Relaxed).await.expect("appends");
        assert_eq!(commits.take(), [Relaxed, Relaxed]);
        assert_eq!(append(&store, "a", 1, Relaxed).await.expect("is found"), 1);
        assert_eq!(commits.take(), []);
        assert_eq!(append(&store, "a", 1, Strict).await.expect("is found"), 1);
        assert_eq!(commits.take(), [Strict]);
        assert_eq!(append(&store, "a", 2, Strict).await.expect("is found"), 2);
        assert_eq!(commits.take(), [], "the flush was for all that stood there");
        append(&store, "b", 3, Relaxed).await.expect("appends");
        assert_eq!(append(&store, "a", 1, Strict).await.expect("is found"), 1);
        assert_eq!(commits.take(), [Relaxed, Strict]);
        let stored = store.segment_status("space", "a").await.expect("answers").expect("there is one");
        assert_eq!(stored.last_sequence, 2, "nothing is stored twice");
    });
}

#[test]
fn what_this_instance_stored_strictly_needs_no_flush() {
    let Setting { world, kv, commits, store } = setting();
    world.run(async {
        append(&store, "a", 1, Strict).await.expect("appends");
        append(&store, "a", 1, Strict).await.expect("is found");
        assert_eq!(commits.take(), [Strict]);
    });
    let other = open(&world, &kv, &commits);
    world.run(async {
        append(&other, "a", 1, Strict).await.expect("is found");
        assert_eq!(commits.take(), [Strict], "another one cannot know");
        append(&other, "a", 1, Strict).await.expect("is found");
        assert_eq!(commits.take(), []);
    });
}

#[test]
fn a_repeat_beside_other_appends_makes_their_commit_strict() {
    let Setting { world, commits, store, .. } = setting();
    world.run(async {
        append(&store, "a", 1, Relaxed).await.expect("appends");
        commits.take();
        let (new, again) = futures::join!(append(&store, "b", 2, Relaxed), append(&store, "a", 1, Strict));
        assert_eq!((new.expect("appends"), again.expect("is found")), (1, 1));
        assert_eq!(commits.take(), [Strict]);
    });
}

#[test]
fn both_calls_of_one_commit_may_be_the_same() {
    let Setting { world, commits, store, .. } = setting();
    world.run(async {
        let (first, again) = futures::join!(append(&store, "a", 1, Relaxed), append(&store, "a", 1, Strict));
        assert_eq!((first.expect("appends"), again.expect("is found")), (1, 1));
        assert_eq!(commits.take(), [Strict]);
    });
}

#[test]
fn a_host_of_its_own_is_flushed_too() {
    let limits = HostLimits { shared: false, ..HostLimits::default() };
    let Setting { world, commits, store, .. } = setting_on(MemoryKv::with_limits(limits));
    world.run(async {
        append(&store, "a", 1, Relaxed).await.expect("appends");
        append(&store, "a", 1, Strict).await.expect("is found");
        assert_eq!(commits.take(), [Relaxed, Strict]);
    });
}

#[test]
fn a_flush_that_fails_is_told_and_made_up_for() {
    let Setting { world, commits, store, .. } = setting();
    world.run(async {
        append(&store, "a", 1, Relaxed).await.expect("appends");
        commits.take();
        commits.fail.set(true);
        let error = append(&store, "a", 1, Strict).await.expect_err("it could not be flushed");
        assert_eq!(error.code(), ErrorCode::Unavailable);
        assert!(error.is_retryable());
        assert!(error.may_have_applied(), "it is stored");
        assert_eq!(append(&store, "a", 1, Strict).await.expect("is found"), 1);
        assert_eq!(commits.take(), [Strict]);
    });
}

#[test]
fn another_store_on_the_host_is_not_flushed() {
    let Setting { world, kv, store, .. } = setting();
    world.run(async {
        append(&store, "a", 1, Relaxed).await.expect("appends");
        let everything = ScanRange {
            start: Vec::new(),
            end: vec![0xff; 32],
            reverse: false,
            limit: 100,
            max_bytes: usize::MAX,
            keys_only: true,
        };
        let rows = kv.scan(everything).await.expect("scans").pairs;
        let identity =
            rows.into_iter().map(|(key, _)| key).find(|key| key.windows(5).any(|word| word == b"STORE"));
        let deletes = Vec::from([identity.expect("it is there")]);
        let deleted = kv.commit(Batch { deletes, ..Batch::default() }).await.expect("commits");
        assert_eq!(deleted, Commit::Applied);
        let error = append(&store, "a", 1, Strict).await.expect_err("its store is gone");
        assert_eq!(error.code(), ErrorCode::Unavailable);
    });
}

#[test]
fn what_a_damaged_row_would_tell_of_is_not_stored_again() {
    let Setting { world, kv, store, .. } = setting();
    world.run(async {
        assert_eq!(append(&store, "a", 1, Relaxed).await.expect("appends"), 1);
        let rows = kv.snapshot();
        let (key, row) = rows.iter().find(|(key, _)| key.starts_with(b"TRX\0")).expect("it is there");
        let mut damaged = row.clone();
        damaged[1] ^= 1;
        kv.overwrite(key, Some(damaged));
        let error = append(&store, "a", 1, Relaxed).await.expect_err("nobody can tell");
        assert_eq!(error.code(), ErrorCode::Corrupt, "{error}");
        assert_eq!(append(&store, "a", 2, Relaxed).await.expect("is another"), 2);
    });
}
