//! The store: load, plan, commit, retry; and everything that reads.

mod abandoned;
mod answer;
mod append;
mod cache;
mod chosen;
mod collect;
mod commit;
mod compact;
mod export;
mod health;
mod host;
mod identity;
mod import;
mod inventory;
mod key_locks;
mod lease;
mod load;
mod open;
mod options;
mod packing;
mod queue;
mod random;
mod read;
#[cfg(feature = "every-host")]
mod redo;
#[cfg(feature = "every-host")]
mod row_by_row;
mod running;
#[cfg(feature = "compression")]
mod shrinkage;
#[cfg(not(feature = "every-host"))]
mod stand_ins;
mod tasks;
mod verify;
mod wait;

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::any::Any;
use core::cell::{Cell, RefCell};
use core::fmt;

use futures_channel::oneshot;
use uuid::Uuid;

pub use append::{Appended, LeaseProof, NewRecords, WriteOptions};
pub use compact::{CompactReport, Compactor};
pub use export::Exporter;
pub use health::Health;
pub use import::{ImportReport, Importer};
pub use inventory::{Changes, Listing, Names};
pub use options::{Compression, OpenOptions, StoreLimits};
pub use read::{EntryRef, Page, PageFrame, PageRun, SegmentRead, SpaceRead, Tier};
pub use verify::{Problem, Verifier, VerifyReport};

use crate::codec::ENTRY_LENGTHS;
use crate::codec::zstd::Compressor;
use crate::env::Env;
use crate::error::{Error, ErrorCode, Result};
use crate::plan::Sizes;
use crate::sorted::SortedSet;
pub(crate) use cache::Cache;
use host::Host;
pub(crate) use host::{Call, Part, Row};
use queue::Queue;
pub(crate) use running::Tagged;
use wait::Waiters;
// What streams and groups are made of.
#[cfg(feature = "guarded-writes")]
pub(crate) use {
    answer::{Answer, went_away},
    cache::CachedSpace,
    key_locks::{KeyLock, lock_key},
    load::decode_head,
    queue::{Job, Patch},
    read::{SeenSpace, USUAL_BYTES, USUAL_ENTRIES},
    running::Run,
};

/// An open store. Clones share it.
///
/// A store belongs to the thread that opened it: everything in it is single-threaded, and its
/// futures are not `Send`. Open the same storage once more for another thread.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Rc<Inner>,
    /// What [`Store::cancel`] knows the calls of this handle by; 0: nothing.
    pub(crate) tag: u64,
}

/// What the clones of a store, its commits and its background work share.
pub(crate) struct Inner {
    pub(crate) env: Env,
    pub(crate) host: Host,
    pub(crate) options: OpenOptions,
    pub(crate) sizes: Sizes,
    id: Uuid,
    /// This instance, as it stands in the TRX of what it writes.
    node: Uuid,
    /// Heads that this instance knows.
    pub(crate) cache: RefCell<Cache>,
    /// Blocks that reads of spaces come back to.
    blocks: RefCell<read::BlockCache>,
    /// How many entries the commit rows held that a page met last: how many rows the next one asks for.
    density: Cell<read::Density>,
    /// How large the block was that was met last: how many bytes the next page asks for.
    block_size: Cell<read::BlockSize>,
    settled: RefCell<read::Settled>,
    /// Requests that wait for a commit.
    queue: RefCell<Queue>,
    /// Who waits for something to change.
    waiters: RefCell<Waiters>,
    compressor: RefCell<Compressor>,
    random: RefCell<random::RandomPool>,
    /// Small rows that this instance wrote, which are worth merging.
    small: RefCell<compact::SmallRows>,
    /// Spaces whose trimmed rows wait to be collected.
    collecting: RefCell<SortedSet<Rc<str>>>,
    /// Calls that go one after another: on one stream, or on one group.
    pub(crate) locks: RefCell<key_locks::KeyLocks>,
    /// Calls under way that can be taken back by their tags.
    running: RefCell<running::Running>,
    /// What streams remember between calls. The store does not know what it is.
    pub(crate) stream_memory: RefCell<Option<Rc<dyn Any>>>,
    /// What consumer groups remember, likewise.
    pub(crate) group_memory: RefCell<Option<Rc<dyn Any>>>,
    /// Who closes the store, and waits until nothing is under way.
    idle: RefCell<Vec<oneshot::Sender<()>>>,
    /// How many calls of several steps, and pieces of the store's own work, are under way: closing waits for them.
    background: Cell<usize>,
    closed: Cell<bool>,
    /// The executor let go of a task: what is under way never ends.
    stranded: Cell<bool>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("id", &self.inner.id)
            .field("host", &self.inner.env.kv.name())
            .finish_non_exhaustive()
    }
}

impl Store {
    /// The store's identity.
    pub fn id(&self) -> Uuid {
        self.inner.id
    }

    /// What one record and one commit may hold on this host.
    pub fn limits(&self) -> StoreLimits {
        StoreLimits {
            max_record_bytes: self.inner.sizes.record_bytes - ENTRY_LENGTHS,
            max_commit_bytes: self.inner.sizes.commit_bytes,
            max_commit_records: crate::plan::COMMIT_RECORDS,
        }
    }
}

impl Inner {
    pub(crate) fn check_open(&self) -> Result {
        if self.closed.get() {
            return Err(Error::new(ErrorCode::Closed, "the store is closed"));
        }
        Ok(())
    }
}
