//! Merges small rows beside everybody else.

use std::rc::Rc;

use streamkit_core::{ErrorCode, Store};

use crate::host::is_fault;
use crate::world::World;

/// Compacts so many times, with pauses between the steps.
pub async fn compactor(world: Rc<World>, rounds: usize) {
    let random = world.random.fork("compactor");
    for _ in 0..rounds {
        world.executor.sleep(random.between(1, 300)).await;
        let index = world.any_writer(&random);
        let space = random.chance(500).then(|| (random.pick(&world.spaces)).to_owned());
        let (executor, own) = (world.executor.clone(), random.fork("steps"));
        let compact = move |store: Store| async move {
            let mut compactor = store.compactor(space)?;
            let mut steps = 0;
            while compactor.step().await? {
                executor.sleep(own.below(20)).await;
                steps += 1;
                if steps > 2000 {
                    return Ok(None);
                }
            }
            Ok::<_, streamkit_core::Error>(Some(compactor.report()))
        };
        match world.call(index, "compactor", compact).await {
            Some(Ok(Some(report))) => {
                world.trace.say(|| format!("compacted: {report:?}"));
                if report.damaged > 0 {
                    world.check(Err(format!("the compactor found damage: {report:?}")));
                }
            }
            Some(Ok(None)) => world.check(Err("the compactor does not end".into())),
            Some(Err(error)) => {
                world.trace.say(|| format!("compactor: {error}"));
                let known = matches!(error.code(), ErrorCode::Conflict | ErrorCode::Unsupported);
                if !known && !is_fault(&error) {
                    world.check(Err(format!("compactor: {error}")));
                }
            }
            None => {}
        }
    }
}
