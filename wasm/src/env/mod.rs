//! Time, randomness, timers, tasks and wake-ups, out of the bridge.

mod surroundings;
mod tasks;
mod timer;

use alloc::rc::Rc;

#[cfg(feature = "full")]
use streamkit_core::NoExpander;
use streamkit_core::{Env, Result};

use crate::bridge::{Bridge, JsHost};
use surroundings::Surroundings;
use tasks::Tasks;

/// Everything that an engine is given.
pub(crate) fn environment(bridge: &Bridge) -> Result<Env> {
    let surroundings = Rc::new(Surroundings::new(bridge.clone()));
    let host = Rc::new(JsHost::new(bridge.clone())?);
    Ok(Env {
        kv: Rc::<JsHost>::clone(&host),
        clock: Rc::<Surroundings>::clone(&surroundings),
        entropy: Rc::<Surroundings>::clone(&surroundings),
        timer: Rc::<Surroundings>::clone(&surroundings),
        spawn: Rc::new(Tasks),
        notify: surroundings,
        #[cfg(not(feature = "full"))]
        expander: host,
        #[cfg(feature = "full")]
        expander: Rc::new(NoExpander),
    })
}
