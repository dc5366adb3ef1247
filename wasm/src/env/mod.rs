//! Time, randomness, timers, tasks and wake-ups, out of the bridge.

mod surroundings;
mod tasks;
mod timer;

use alloc::rc::Rc;

use streamkit_core::{Env, Kv, Result};

use crate::bridge::{Bridge, JsHost};
use surroundings::Surroundings;
use tasks::Tasks;

/// Everything that an engine is given.
pub(crate) fn environment(bridge: &Bridge) -> Result<Env> {
    let surroundings = Rc::new(Surroundings::new(bridge.clone()));
    let kv: Rc<dyn Kv> = Rc::new(JsHost::new(bridge.clone())?);
    Ok(Env {
        kv,
        clock: Rc::<Surroundings>::clone(&surroundings),
        entropy: Rc::<Surroundings>::clone(&surroundings),
        timer: Rc::<Surroundings>::clone(&surroundings),
        spawn: Rc::new(Tasks),
        notify: surroundings,
    })
}
