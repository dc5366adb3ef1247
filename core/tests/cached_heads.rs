//! The heads that an instance knows: it keeps those of commits under way, and not all that it ever saw.
#![cfg(feature = "every-host")]

mod common;

use std::cell::RefCell;
use std::rc::Rc;

use common::calls::Calls;
use common::hooked::{Hook, HostCall, hooked};
use common::reads::space_read;
use common::{World, records};
use futures::channel::oneshot;
use futures::future::join_all;
use streamkit_core::{
    Atomicity, EntryId, ErrorCode, HostLimits, MemoryKv, NewRecords, OpenOptions, Result, Store, WriteOptions,
};

/// More heads than an instance keeps.
const MANY: usize = 66_000;

fn quiet() -> OpenOptions {
    OpenOptions { host_timeout: 0, auto_compact: false, ..OpenOptions::default() }
}

/// An append that is refused: its segment is empty. The store has to know the heads for that.
async fn refused(store: &Store, space: &str, segment: &str) {
    let append = NewRecords { expected: Some(5), ..records(space, segment, &["x"]) };
    let made = store.append(append, WriteOptions::default()).await;
    assert_eq!(made.expect_err("is refused").code(), ErrorCode::SequenceMismatch);
}

#[test]
fn heads_that_were_only_looked_at_are_not_kept_for_ever() {
    for of_segments in [true, false] {
        let world = World::new();
        let kv = MemoryKv::with_limits(HostLimits { shared: false, ..HostLimits::default() });
        let calls = Rc::new(Calls::default());
        let store = world.open_with(hooked(&kv, &calls), quiet()).expect("opens");
        world.run(async {
            refused(&store, "first", "segment").await;
            calls.take();
            refused(&store, "first", "segment").await;
            assert_eq!(calls.take(), (0, 0, 0), "they are known");
            let names: Vec<String> = (0..MANY).map(|number| number.to_string()).collect();
            let look = |name| {
                if of_segments { refused(&store, "space", name) } else { refused(&store, name, "segment") }
            };
            join_all(names.iter().map(|name| look(name))).await;
            calls.take();
            refused(&store, "first", "segment").await;
            assert_eq!(calls.take(), (1, 0, 0), "segments: {of_segments}");
        });
    }
}

/// A host whose next read waits until it is let go on.
#[derive(Default)]
struct Gate(RefCell<Option<oneshot::Receiver<()>>>);

impl Hook for Gate {
    async fn before(&self, call: HostCall<'_>) -> Result {
        if matches!(call, HostCall::Get(_))
            && let Some(opened) = self.0.take()
        {
            opened.await.expect("is opened");
        }
        Ok(())
    }
}

#[test]
fn a_commit_is_planned_from_the_heads_that_it_has_read() {
    // Nothing but the heads tells here what is there: commits check nothing.
    let limits =
        HostLimits { atomic: Atomicity::None, checks: false, shared: false, ..HostLimits::default() };
    let world = World::new();
    let gate = Rc::new(Gate::default());
    let store = world.open_with(hooked(&MemoryKv::with_limits(limits), &gate), quiet()).expect("opens");
    world.run(async {
        let append = |space, segment| store.append(records(space, segment, &["x"]), WriteOptions::default());
        append("space", "one").await.expect("appends");
        let (open, opened) = oneshot::channel();
        gate.0.replace(Some(opened));
        let beside = async {
            let names: Vec<String> = (0..MANY).map(|number| number.to_string()).collect();
            join_all(names.iter().map(|name| refused(&store, "others", name))).await;
            append("others", "one").await.expect("appends");
            open.send(()).expect("waits");
        };
        let (made, ()) = futures::join!(append("space", "two"), beside);
        assert_eq!(made.expect("appends").status.last_sequence, 1);
        let read = store.read_space(space_read("space", EntryId::ZERO, 10)).await.expect("reads");
        assert_eq!(read.entries().count(), 2);
        let mut verifier = store.verifier();
        while verifier.step().await.expect("verifies") {}
        assert_eq!(verifier.report().problems, []);
    });
}
