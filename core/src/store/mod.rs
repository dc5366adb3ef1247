//! The store: load, plan, commit, retry; and everything that reads.

mod abandoned;
#[cfg(not(feature = "every-host"))]
mod able_host;
mod answer;
mod append;
mod cache;
mod collect;
mod compact;
mod export;
mod health;
mod host;
mod import;
mod inventory;
mod lease;
mod load;
mod open;
mod options;
mod pump;
mod queue;
mod read;
#[cfg(feature = "every-host")]
mod redo;
mod running;
#[cfg(feature = "compression")]
mod shrinkage;
#[cfg(feature = "every-host")]
mod single;
mod turns;
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
pub(crate) use read::{SeenSpace, decode_head};
pub use verify::{Problem, Verifier, VerifyReport};

use crate::codec::ENTRY_LENGTHS;
use crate::codec::zstd::Compressor;
use crate::env::Env;
use crate::error::{Error, ErrorCode, Result};
use crate::plan::Sizes;
use crate::sorted::SortedSet;
pub(crate) use answer::{Answer, went_away};
pub(crate) use cache::{Cache, CachedSpace};
use host::Host;
pub(crate) use host::{Call, Part, Row};
use queue::Queue;
pub(crate) use queue::{Job, Patch};
pub(crate) use running::{Run, Tagged};
pub(crate) use turns::{Turn, take_turn};
use wait::Waiters;

/// An open store. Clones share it.
///
/// A store belongs to the thread that opened it: everything in it is single-threaded, and its
/// futures are not `Send`. Open the same storage once more for another thread.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Rc<Inner>,
    /// What [`Store::cancel`] knows its calls by.
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
    pub(crate) cache: RefCell<Cache>,
    blocks: RefCell<read::BlockCache>,
    density: Cell<read::Density>,
    block_size: Cell<read::BlockSize>,
    queue: RefCell<Queue>,
    waiters: RefCell<Waiters>,
    compressor: RefCell<Compressor>,
    random: RefCell<host::RandomPool>,
    small: RefCell<compact::SmallRows>,
    /// Spaces whose rows wait to be collected.
    collecting: RefCell<SortedSet<Rc<str>>>,
    pub(crate) turns: RefCell<turns::Turns>,
    running: RefCell<running::Running>,
    /// What streams remember between calls: nothing that the store knows.
    pub(crate) stream_memory: RefCell<Option<Rc<dyn Any>>>,
    /// What consumer groups remember, likewise.
    pub(crate) group_memory: RefCell<Option<Rc<dyn Any>>>,
    /// Who waits for the writes under way to end.
    idle: RefCell<Vec<oneshot::Sender<()>>>,
    /// Pieces of the store's own work under way.
    background: Cell<usize>,
    closed: Cell<bool>,
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
