//! Several writers of one space.

mod common;

use std::cell::Cell;
use std::rc::Rc;

use common::{World, records};
use streamkit_core::{
    Batch, Commit, HostLimits, Kv, MemoryKv, OpenOptions, Result, ScanPage, ScanRange, Store, WriteOptions,
};

/// Timers fire at once here, and are not to end calls of the host.
fn patient() -> OpenOptions {
    OpenOptions { host_timeout: 0, ..OpenOptions::default() }
}

/// A host that many write to: whoever commits from a head that it did not read right before comes too late.
struct Busy {
    inner: MemoryKv,
    other: Store,
    /// Commits that come too late in any case.
    lost: Cell<u32>,
    head_was_read: Cell<bool>,
}

#[async_trait::async_trait(?Send)]
impl Kv for Busy {
    fn name(&self) -> &str {
        "busy"
    }

    fn limits(&self) -> &HostLimits {
        self.inner.limits()
    }

    async fn get(&self, keys: Vec<Vec<u8>>) -> Result<Vec<Option<Vec<u8>>>> {
        if keys.contains(&b"INV\0SPACES\0orders".to_vec()) {
            self.head_was_read.set(true);
        }
        self.inner.get(keys).await
    }

    async fn scan(&self, range: ScanRange) -> Result<ScanPage> {
        self.inner.scan(range).await
    }

    async fn commit(&self, batch: Batch) -> Result<Commit> {
        let lost = self.lost.get();
        self.lost.set(lost.saturating_sub(1));
        let is_fresh = self.head_was_read.replace(false);
        if lost > 0 || !is_fresh {
            self.other.append(records("orders", "two", &["o"]), WriteOptions::default()).await?;
        }
        self.inner.commit(batch).await
    }
}

#[test]
fn an_append_gets_through_beside_a_writer_that_never_rests() {
    let world = World::new();
    let kv = MemoryKv::with_limits(HostLimits { shared: true, ..HostLimits::default() });
    let other = world.open(&kv);
    let busy = Busy { inner: kv, other, lost: Cell::new(3), head_was_read: Cell::new(false) };
    let store = world.open_with(Rc::new(busy), patient()).expect("opens");
    world.run(async {
        let made = store.append(records("orders", "one", &["x"]), WriteOptions::default()).await;
        assert_eq!(made.expect("moves on").status.last_sequence, 1);
    });
}
