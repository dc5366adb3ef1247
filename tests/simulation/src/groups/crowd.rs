//! Consumers that come once and are never heard of again, as processes do that have a name of their own each.

use std::rc::Rc;

use streamkit_core::{ErrorCode, GroupRead};

use super::consumer::read;
use super::run::Scene;
use crate::host::is_fault;

/// So many of them, of whom some read.
pub(super) async fn crowd(scene: Rc<Scene>, count: usize) {
    let world = &scene.world;
    let random = world.random.fork("crowd acts");
    for number in 0..count {
        world.executor.sleep(random.between(1, 20)).await;
        let index = world.any_instance(&random);
        let name = format!("passer-by {number}");
        if random.chance(400) {
            let limit = random.between(1, 3);
            read(&scene, &name, index, GroupRead { limit, block: None, no_ack: false }).await;
            continue;
        }
        let (own, stream) = (name.clone(), scene.stream);
        let joined = world
            .call(index, "join", move |store| async move { store.group(stream, "g").join(&own).await })
            .await;
        world.trace.say(|| format!("{name} at {index} joins: {joined:?}"));
        if let Some(Err(error)) = joined
            && !is_fault(&error)
            && !error.is_retryable()
            && !(error.code() == ErrorCode::GroupLocked && scene.may_lock)
        {
            world.check(Err(format!("{name} joins: {error}")));
        }
    }
}
