//! What a store is told about time and chance: a wall clock that jumps and stands still, timers of virtual time, and
//! randomness of the seed.

use std::cell::Cell;
use std::rc::Rc;

use futures_util::future::LocalBoxFuture;
use streamkit_core::{Clock, Entropy, Timer};

use crate::executor::{Executor, boxed_sleep};
use crate::random::Random;

/// What the wall clocks show when a run begins.
pub const EPOCH: u64 = 1_700_000_000_000;

/// The wall clock of one instance.
#[derive(Debug, Clone)]
pub struct SimClock {
    executor: Executor,
    /// Ahead of or behind the others, in milliseconds.
    offset: Rc<Cell<i64>>,
    /// Where it stands still.
    frozen: Rc<Cell<Option<u64>>>,
    /// After power loss no clock shows what was before: what was lost is not given out again.
    floor: Rc<Cell<u64>>,
}

impl SimClock {
    /// A clock that is right, and never below `floor`.
    pub fn new(executor: &Executor, floor: Rc<Cell<u64>>) -> Self {
        Self { executor: executor.clone(), offset: Rc::default(), frozen: Rc::default(), floor }
    }

    /// Moves it by so much; it goes on from there.
    pub fn jump(&self, ms: i64) {
        self.frozen.set(None);
        self.offset.set(self.offset.get() + ms);
    }

    /// Sets it right.
    pub fn set_right(&self) {
        self.frozen.set(None);
        self.offset.set(0);
    }

    /// Lets it stand still.
    pub fn freeze(&self) {
        self.frozen.set(Some(self.now()));
    }
}

impl Clock for SimClock {
    fn now(&self) -> u64 {
        let running = (EPOCH + self.executor.now()).saturating_add_signed(self.offset.get());
        self.frozen.get().unwrap_or(running).max(self.floor.get())
    }
}

/// Timers of virtual time.
#[derive(Debug)]
pub struct SimTimer(pub Executor);

impl Timer for SimTimer {
    fn sleep(&self, ms: u64) -> LocalBoxFuture<'static, ()> {
        boxed_sleep(&self.0, ms)
    }
}

/// Randomness of the seed.
#[derive(Debug)]
pub struct SimEntropy(pub Random);

impl Entropy for SimEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let drawn = self.0.next().to_le_bytes();
            chunk.copy_from_slice(&drawn[..chunk.len()]);
        }
    }
}
