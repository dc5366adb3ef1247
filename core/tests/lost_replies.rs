//! Commits that were applied, but whose replies were lost, beside other writers.
#![cfg(feature = "guarded-writes")]

mod common;

use std::cell::RefCell;
use std::rc::Rc;

use common::hooked::{Hook, HostCall, hooked};
use common::{World, records, small_blocks};
use futures::future::LocalBoxFuture;
use streamkit_core::{
    Commit, Error, ErrorCode, Kv, MemoryKv, OpenOptions, Result, Retention, Store, Trim, WriteOptions,
};

/// A host that applies its next commit and, after what others do then, answers that it failed.
struct Loses {
    kv: MemoryKv,
    meanwhile: RefCell<Option<LocalBoxFuture<'static, ()>>>,
}

impl Hook for Loses {
    async fn before(&self, call: HostCall<'_>) -> Result {
        if let HostCall::Commit(batch) = call {
            let meanwhile = self.meanwhile.borrow_mut().take();
            if let Some(meanwhile) = meanwhile {
                assert_eq!(self.kv.commit(batch.clone()).await?, Commit::Applied);
                meanwhile.await;
                return Err(Error::unknown("the reply was lost"));
            }
        }
        Ok(())
    }
}

/// A store that loses its first reply, and what another one does before it hears of that.
fn losing<F: Future<Output = ()> + 'static>(world: &World, meanwhile: impl FnOnce(Store) -> F) -> Store {
    let kv = small_blocks();
    let meanwhile = meanwhile(world.open(&kv));
    let loses = Loses { kv: kv.clone(), meanwhile: RefCell::new(Some(Box::pin(meanwhile))) };
    // Timers fire at once here, and are not to end calls of the host.
    let patient = OpenOptions { host_timeout: 0, ..OpenOptions::default() };
    world.open_with(hooked(&kv, &Rc::new(loses)), patient).expect("opens")
}

async fn append(store: &Store, payload: &str) -> Result<u64> {
    let made = store.append(records("space", "segment", &[payload]), WriteOptions::default()).await?;
    Ok(made.status.last_sequence)
}

async fn last_sequence(store: &Store) -> u64 {
    let status = store.segment_status("space", "segment").await.expect("answers");
    status.expect("there is one").last_sequence
}

#[test]
fn each_append_of_a_shared_commit_is_found_again() {
    let world = World::new();
    let store = losing(&world, |other| async move {
        assert_eq!(append(&other, "other").await.expect("appends"), 4);
    });
    world.run(async {
        let made = futures::join!(append(&store, "1"), append(&store, "2"), append(&store, "3"));
        assert_eq!((made.0.expect("found"), made.1.expect("found"), made.2.expect("found")), (1, 2, 3));
        assert_eq!(last_sequence(&store).await, 4, "nothing is stored twice");
    });
}

#[test]
fn what_was_trimmed_since_may_have_been_stored() {
    let world = World::new();
    let store = losing(&world, |other| async move {
        assert_eq!(append(&other, "other").await.expect("appends"), 2);
        other.create_stream("space", 1, Retention::default()).await.expect("creates");
        other.trim_stream("space", Trim::MaxCount(1), false).await.expect("trims");
        // This removes the rows.
        let mut job = other.compactor(None).expect("starts");
        while job.step().await.expect("steps") {}
    });
    world.run(async {
        let error = append(&store, "1").await.expect_err("nobody knows");
        assert_eq!(error.code(), ErrorCode::Unavailable);
        assert!(error.may_have_applied());
        assert_eq!(last_sequence(&store).await, 2, "it is not stored again");
    });
}
