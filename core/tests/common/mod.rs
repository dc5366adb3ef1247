//! A store on a host in memory, run to completion on one thread.
#![allow(dead_code, reason = "every test file uses its own part of this")]

pub(crate) mod calls;
pub(crate) mod hooked;
pub(crate) mod reads;
pub(crate) mod scans;
pub(crate) mod turn;

use std::cell::{Cell, RefCell};
#[cfg(feature = "guarded-writes")]
use std::collections::BTreeMap;
use std::future::Future;
use std::rc::Rc;

use futures::channel::oneshot;
use futures::executor::{LocalPool, LocalSpawner};
use futures::future::{FutureExt, LocalBoxFuture};
use hooked::{Hook, HostCall};
use streamkit_core::{
    Clock, Entropy, Env, Error, HostLimits, Kv, MemoryKv, NewRecords, NoExpander, NoNotify, OpenOptions,
    RecordFrame, Result, Store, Timer,
};
#[cfg(feature = "guarded-writes")]
use streamkit_core::{PARTITION_KEY, StreamAppend};
use turn::turn;

/// Time that moves when a test says so.
#[derive(Clone)]
pub(crate) struct TestClock(pub(crate) Rc<Cell<u64>>);

impl Clock for TestClock {
    fn now(&self) -> u64 {
        self.0.get()
    }
}

/// Numbers that differ, and are the same in every run.
pub(crate) struct Counting(Cell<u64>);

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let next = self.0.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            self.0.set(next);
            for (to, from) in chunk.iter_mut().zip(next.to_be_bytes()) {
                *to = from;
            }
        }
    }
}

/// Timers that fire at once, but not in the same poll, and move the clock.
pub(crate) struct QuickTimer(pub(crate) TestClock);

impl Timer for QuickTimer {
    fn sleep(&self, ms: u64) -> LocalBoxFuture<'static, ()> {
        let clock = self.0.clone();
        async move {
            turn().await;
            clock.0.set(clock.0.get() + ms);
        }
        .boxed_local()
    }
}

/// Timers that never fire: nothing that is done a while later is.
pub(crate) struct Never;

impl Timer for Never {
    fn sleep(&self, _: u64) -> LocalBoxFuture<'static, ()> {
        std::future::pending().boxed_local()
    }
}

/// One thread, one clock, any number of stores.
pub(crate) struct World {
    pub(crate) pool: RefCell<LocalPool>,
    pub(crate) clock: TestClock,
    spawner: LocalSpawner,
    entropy: Rc<Counting>,
}

impl World {
    pub(crate) fn new() -> Self {
        let pool = LocalPool::new();
        Self {
            spawner: pool.spawner(),
            pool: RefCell::new(pool),
            clock: TestClock(Rc::new(Cell::new(1_700_000_000_000))),
            entropy: Rc::new(Counting(Cell::new(42))),
        }
    }

    pub(crate) fn env(&self, kv: Rc<dyn Kv>) -> Env {
        Env {
            kv,
            clock: Rc::new(self.clock.clone()),
            entropy: Rc::clone(&self.entropy) as Rc<dyn Entropy>,
            timer: Rc::new(QuickTimer(self.clock.clone())),
            spawn: Rc::new(self.spawner.clone()),
            notify: Rc::new(NoNotify),
            expander: Rc::new(NoExpander),
        }
    }

    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.pool.borrow_mut().run_until(future)
    }

    /// Lets background work end.
    pub(crate) fn settle(&self) {
        self.pool.borrow_mut().run_until_stalled();
    }

    pub(crate) fn open(&self, kv: &MemoryKv) -> Store {
        self.open_with(Rc::new(kv.clone()), OpenOptions::default()).expect("opens")
    }

    pub(crate) fn open_with(&self, kv: Rc<dyn Kv>, options: OpenOptions) -> Result<Store> {
        let env = self.env(kv);
        self.run(Store::open(env, options))
    }
}

/// Starts a call that calls back, and gives what it called back with.
pub(crate) async fn told<T: 'static>(start: impl FnOnce(Box<dyn FnOnce(Result<T>)>)) -> Result<T> {
    let (sender, answer) = oneshot::channel();
    start(Box::new(move |result| drop(sender.send(result))));
    answer.await.expect("calls back")
}

/// A host in memory with small blocks, so that little data makes many rows.
pub(crate) fn small_blocks() -> MemoryKv {
    MemoryKv::with_limits(HostLimits { block_bytes: 2048, ..HostLimits::default() })
}

pub(crate) fn frame(payloads: &[&str]) -> RecordFrame {
    RecordFrame::of(payloads).expect("encodes")
}

/// Records that carry a partition key.
#[cfg(feature = "guarded-writes")]
pub(crate) fn keyed_frame(payloads: &[impl AsRef<[u8]>], key: Option<&str>) -> RecordFrame {
    let metadata: BTreeMap<String, String> =
        key.into_iter().map(|key| (PARTITION_KEY.into(), key.into())).collect();
    RecordFrame::with_metadata(payloads.iter().map(|payload| (payload, &metadata))).expect("encodes")
}

/// Records for a stream: for the partition of a key, or for any.
#[cfg(feature = "guarded-writes")]
pub(crate) fn to_stream(stream: &str, payloads: &[impl AsRef<[u8]>], key: Option<&str>) -> StreamAppend {
    let records = keyed_frame(payloads, key);
    StreamAppend { partition_key: key.map(String::from), ..StreamAppend::new(stream, records) }
}

pub(crate) fn records(space: &str, segment: &str, payloads: &[&str]) -> NewRecords {
    NewRecords::new(space, segment, frame(payloads))
}

/// A host that stops answering after so many calls, as a process that dies does.
pub(crate) struct StopAfter(Cell<u64>);

impl StopAfter {
    pub(crate) fn new(calls: u64) -> Rc<Self> {
        Rc::new(Self(Cell::new(calls)))
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.0.get() > 0
    }
}

impl Hook for StopAfter {
    async fn before(&self, _: HostCall<'_>) -> Result {
        if !self.is_alive() {
            return Err(Error::unavailable("stopped"));
        }
        self.0.set(self.0.get() - 1);
        Ok(())
    }
}
