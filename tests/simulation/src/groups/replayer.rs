//! Who puts dead letters back, and looks at the group.

use std::rc::Rc;

use streamkit_core::{GroupMode, PendingRead};

use super::run::Scene;
use crate::host::is_fault;

/// Replays and looks, so many times.
pub(super) async fn replayer(scene: Rc<Scene>, rounds: usize) {
    let world = &scene.world;
    let random = world.random.fork("replayer");
    for _ in 0..rounds {
        world.executor.sleep(random.between(20, 400)).await;
        let index = world.any_instance(&random);
        let stream = scene.stream;
        if random.chance(500) {
            let limit = random.chance(500).then(|| random.between(1, 5));
            let done =
                world
                    .call(index, "replay", move |store| async move {
                        store.group(stream, "g").replay(limit).await
                    })
                    .await;
            world.trace.say(|| format!("replay {limit:?} at {index}: {done:?}"));
            match done {
                Some(Ok(count)) => scene.books.replayed.set(scene.books.replayed.get() + count),
                Some(Err(error)) => {
                    if !is_fault(&error) && !error.is_retryable() {
                        world.check(Err(format!("replay: {error}")));
                    }
                    scene.books.replay_unclear.set(true);
                }
                None => scene.books.replay_unclear.set(true),
            }
            continue;
        }
        let seen = world
            .call(index, "look", move |store| async move {
                let group = store.group(stream, "g");
                let pending = group.pending(&PendingRead::default()).await?;
                Ok::<_, streamkit_core::Error>((group.info().await?, pending))
            })
            .await;
        match seen {
            Some(Ok((info, pending))) => {
                let active = info.consumers.iter().filter(|one| one.active).count();
                if scene.books.mode == GroupMode::Exclusive && active > 1 {
                    world.check(Err(format!("{active} consumers hold the group: {info:?}")));
                }
                if !pending.is_sorted_by(|a, b| a.id < b.id) {
                    world.check(Err(format!("pending out of order: {pending:?}")));
                }
            }
            Some(Err(error)) if !is_fault(&error) && !error.is_retryable() => {
                world.check(Err(format!("looking: {error}")));
            }
            _ => {}
        }
    }
}
