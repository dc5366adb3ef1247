//! Opening and closing.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use futures_channel::oneshot;

use super::cache::Cache;
use super::host::Host;
use super::identity::identify;
use super::queue::Queue;
use super::random::RandomPool;
use super::read::BlockCache;
use super::wait::Waiters;
use super::{Inner, OpenOptions, Store};
use crate::env::Env;
use crate::error::{Error, Result};
use crate::kv::Atomicity;
use crate::plan::Sizes;

impl Store {
    /// Opens the store on a host, and finishes what an earlier instance left unfinished.
    ///
    /// A host may be opened again later, or several times at once where it honours checks.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a nil id; `CONFLICT` when another store than the one asked for is there; `UNSUPPORTED`
    /// when the host's limits are too small; `CORRUPT` when the identity is damaged; `UNAVAILABLE` when the host fails.
    pub async fn open(env: Env, options: OpenOptions) -> Result<Self> {
        let host = Host::new(env.clone(), options.host_timeout);
        host.check()?;
        let sizes = Sizes::new(host.limits())?;
        if options.store_id.is_some_and(|id| id.is_nil()) {
            return Err(Error::invalid("storeId: must not be the nil UUID"));
        }
        let mut random = RandomPool::new();
        let fresh = random.uuid(&*env.entropy, env.clock.now());
        let node = random.uuid(&*env.entropy, env.clock.now());
        let id = identify(&host, options.store_id, fresh).await?;
        let inner = Inner {
            env,
            host,
            options,
            sizes,
            id,
            node,
            cache: RefCell::new(Cache::default()),
            blocks: RefCell::new(BlockCache::default()),
            density: Cell::default(),
            block_size: Cell::default(),
            settled: RefCell::default(),
            queue: RefCell::new(Queue::default()),
            waiters: RefCell::new(Waiters::default()),
            compressor: RefCell::default(),
            random: RefCell::new(random),
            small: RefCell::default(),
            collecting: RefCell::default(),
            locks: RefCell::default(),
            running: RefCell::default(),
            stream_memory: RefCell::default(),
            group_memory: RefCell::default(),
            idle: RefCell::new(Vec::new()),
            background: Cell::new(0),
            closed: Cell::new(false),
            stranded: Cell::new(false),
        };
        let store = Self { inner: Rc::new(inner), tag: 0 };
        if store.inner.host.atomic() == Atomicity::Space {
            store.inner.recover().await?;
        }
        Ok(store)
    }

    /// Refuses what comes from now on, wakes who waits with `CLOSED`, and completes once the writes and the merges
    /// under way are settled, and some of what was trimmed in the last moments is removed. Closing twice is fine.
    pub async fn close(&self) {
        self.inner.closed.set(true);
        self.inner.end_waits();
        #[cfg(feature = "guarded-writes")]
        self.inner.collect_last();
        let settled = {
            if self.inner.is_idle() {
                return;
            }
            let (sender, settled) = oneshot::channel();
            self.inner.idle.borrow_mut().push(sender);
            settled
        };
        let _ = settled.await;
    }
}

impl Inner {
    fn is_idle(&self) -> bool {
        self.stranded.get() || (self.queue.borrow().is_idle() && self.background.get() == 0)
    }

    /// Runs work of the store's own, which [`Store::close`] waits for. It looks at `closed` between its
    /// steps.
    pub(crate) fn spawn_background(self: &Rc<Self>, work: impl Future<Output = ()> + 'static) {
        self.background.set(self.background.get() + 1);
        let inner = Rc::clone(self);
        self.spawn(async move {
            work.await;
            inner.background.set(inner.background.get() - 1);
            inner.drained();
        });
    }

    /// Tells whoever closes the store, if nothing is under way any more.
    pub(crate) fn drained(&self) {
        if self.is_idle() {
            for closer in self.idle.borrow_mut().drain(..) {
                let _ = closer.send(());
            }
        }
    }
}
