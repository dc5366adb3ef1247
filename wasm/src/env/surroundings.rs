//! What the bridge offers besides storage.

use alloc::boxed::Box;
use core::future::Future;
use core::pin::Pin;

use streamkit_core::{Clock, Entropy, Notify, Timer};

use super::timer::Sleep;
use crate::bridge::Bridge;
use crate::numbers::whole;

#[derive(Debug)]
pub(crate) struct Surroundings {
    bridge: Bridge,
}

impl Surroundings {
    pub(crate) const fn new(bridge: Bridge) -> Self {
        Self { bridge }
    }
}

impl Clock for Surroundings {
    /// A clock that throws, or gives what is no number, has no time: the engine refuses what it would stamp.
    fn now(&self) -> u64 {
        match self.bridge.now().ok().and_then(|now| now.as_f64()) {
            Some(now) if !now.is_nan() => whole(now),
            _ => u64::MAX,
        }
    }
}

impl Entropy for Surroundings {
    fn fill(&self, bytes: &mut [u8]) {
        self.bridge.fill(bytes);
    }
}

impl Notify for Surroundings {
    fn notify(&self) {
        // A hint that is lost is within the contract.
        let _ = self.bridge.notify();
    }
}

impl Timer for Surroundings {
    fn sleep(&self, ms: u64) -> Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(Sleep::new(&self.bridge, ms))
    }
}
