//! What the engine needs from its surroundings besides storage: time, randomness, timers, a place
//! to run background work, and a way to wake other instances.

use alloc::rc::Rc;
use core::fmt;

use futures_task::LocalSpawn;
use futures_util::future::LocalBoxFuture;

use crate::expander::{Expander, NoExpander};
use crate::kv::Kv;

/// The wall clock.
pub trait Clock {
    /// Milliseconds since the Unix epoch. May stand still or go back; ids never do. Above
    /// [`MAX_MS`](crate::MAX_MS) it is no time: what needs one is refused with `LIMIT_EXCEEDED`, and with
    /// `INVALID_ARGUMENT` where it is `u64::MAX`, which says that there is none.
    fn now(&self) -> u64;
}

/// A source of randomness for ids, nonces and jitter. What one instance draws must not be drawn by another, nor by a
/// later one: a commit whose reply was lost is known again by its nonce, and would be taken for one with the same.
pub trait Entropy {
    /// Fills all of `bytes`.
    fn fill(&self, bytes: &mut [u8]);
}

/// Timers, for deadlines of host calls, pauses between tries, and the next look at a host that others write to. They
/// run on whatever becomes of the wall clock.
pub trait Timer {
    /// Completes after `ms` milliseconds, or later. Dropping the future stops the timer.
    fn sleep(&self, ms: u64) -> LocalBoxFuture<'static, ()>;
}

/// Wakes other instances that share the storage.
pub trait Notify {
    /// Says that something was committed. A hint: it may do nothing, come late, double or never.
    fn notify(&self);
}

/// Everything the engine is given. Where one type stands for all but the host, [`Env::new`] makes it.
#[derive(Clone)]
pub struct Env {
    /// Where all that is durable lives.
    pub kv: Rc<dyn Kv>,
    /// The wall clock.
    pub clock: Rc<dyn Clock>,
    /// Randomness.
    pub entropy: Rc<dyn Entropy>,
    /// Timers.
    pub timer: Rc<dyn Timer>,
    /// Runs commits and background work on the thread that opens the store. It runs every task to its end, or refuses
    /// it: where it drops one that has not ended, as an executor does that ends itself, the store is closed.
    pub spawn: Rc<dyn LocalSpawn>,
    /// Wakes other instances.
    pub notify: Rc<dyn Notify>,
    /// Reads compressed rows, in a build that cannot. One with the feature `compression` never asks.
    pub expander: Rc<dyn Expander>,
}

impl Env {
    /// A host, and what stands for everything else, with [`NoNotify`] and [`NoExpander`].
    pub fn new<S>(kv: Rc<dyn Kv>, surroundings: Rc<S>) -> Self
    where
        S: Clock + Entropy + Timer + LocalSpawn + 'static,
    {
        Self {
            kv,
            clock: Rc::<S>::clone(&surroundings),
            entropy: Rc::<S>::clone(&surroundings),
            timer: Rc::<S>::clone(&surroundings),
            spawn: surroundings,
            notify: Rc::new(NoNotify),
            expander: Rc::new(NoExpander),
        }
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env").field("kv", &self.kv.name()).finish_non_exhaustive()
    }
}

/// A [`Notify`] for storage that nobody else writes.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoNotify;

impl Notify for NoNotify {
    fn notify(&self) {}
}
