//! Who reads as a consumer, and acknowledges, gives back, asks for time, forgets, or leaves.

use std::rc::Rc;

use streamkit_core::{EntryId, ErrorCode, GroupRead};

use super::books::listed;
use super::run::Scene;
use crate::host::is_fault;

/// Reads so many times.
pub(super) async fn consumer(scene: Rc<Scene>, number: usize, rounds: usize) {
    let world = &scene.world;
    let random = world.random.fork(&format!("consumer {number}"));
    let name = format!("consumer {number}");
    for _ in 0..rounds {
        world.executor.sleep(random.between(1, 120)).await;
        let index = world.any_instance(&random);
        let no_ack = random.chance(30);
        let limit = random.between(1, 12);
        let block = random.chance(300).then(|| random.between(1, 400));
        let Some(got) = read(&scene, &name, index, GroupRead { limit, block, no_ack }).await else {
            continue;
        };
        if got.is_empty() || no_ack {
            continue;
        }
        if random.chance(300) {
            world.executor.sleep(random.between(1, 300)).await;
        }
        let index = if random.chance(700) { index } else { world.any_instance(&random) };
        let ids: Vec<EntryId> = got.iter().filter(|_| random.chance(800)).copied().collect();
        if ids.is_empty() {
            continue;
        }
        match random.below(10) {
            0..=5 => settle(&scene, &name, index, ids, Kind::Ack).await,
            6 | 7 => settle(&scene, &name, index, ids, Kind::Nack(random.pick(&[0, 0, 50, 500]))).await,
            8 => settle(&scene, &name, index, ids, Kind::Touch(random.between(0, 900))).await,
            _ => {}
        }
        if random.chance(80) {
            leave(&scene, &name, index).await;
        }
    }
}

/// What a read gave, once it is in the books; `None` where there was no answer.
pub(super) async fn read(
    scene: &Rc<Scene>,
    name: &str,
    index: usize,
    read: GroupRead,
) -> Option<Vec<EntryId>> {
    let world = &scene.world;
    let from = world.executor.now();
    let (own, stream) = (String::from(name), scene.stream);
    let got = world
        .call(index, "read", move |store| async move { store.group(stream, "g").read(&own, read).await })
        .await;
    let to = world.executor.now();
    world.trace.say(|| {
        let what = got.as_ref().map(|got| {
            got.as_ref().map(|got| {
                let ids = got
                    .page
                    .entries()
                    .zip(&got.marks)
                    .map(|(entry, mark)| format!("{} x{}", entry.id, mark.delivery_count));
                ids.collect::<Vec<_>>()
            })
        });
        format!("{name} at {index} reads {read:?}: {what:?}")
    });
    match got {
        Some(Ok(got)) => {
            if got.page.entries().count() != got.marks.len() {
                world.check(Err(format!("{name}: as many marks as records are needed")));
            }
            let list = listed(&got);
            world.check(scene.books.delivered(name, (from, to), &list, read.no_ack, scene.epoch()));
            scene.books.call(name, from, to, true);
            Some(list.into_iter().map(|(id, ..)| id).collect())
        }
        Some(Err(error)) => {
            let known = is_fault(&error)
                || error.is_retryable()
                || (error.code() == ErrorCode::GroupLocked && scene.may_lock);
            if !known {
                world.check(Err(format!("{name} reads: {error}")));
            }
            if error.may_have_applied() {
                scene.books.read_lost(name, from, to, read.no_ack);
            }
            None
        }
        None => {
            scene.books.read_lost(name, from, to, read.no_ack);
            None
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Ack,
    Nack(u64),
    Touch(u64),
}

pub(super) async fn settle(scene: &Rc<Scene>, name: &str, index: usize, ids: Vec<EntryId>, kind: Kind) {
    let world = &scene.world;
    let from = world.executor.now();
    scene.books.settling(&ids, matches!(kind, Kind::Ack));
    let (own, stream, these) = (String::from(name), scene.stream, ids.clone());
    let done = world
        .call(index, "settle", move |store| async move {
            let group = store.group(stream, "g");
            match kind {
                Kind::Ack => group.ack(&own, &these).await,
                Kind::Nack(delay) => group.nack(&own, &these, delay).await,
                Kind::Touch(extend) => group.touch(&own, &these, extend).await,
            }
        })
        .await;
    world.trace.say(|| format!("{name} at {index} {kind:?} {ids:?}: {done:?}"));
    // One that had left is not heard of by what it still has to say.
    let heard = matches!(done, Some(Ok(_)));
    scene.books.call(name, from, world.executor.now(), heard);
    match done {
        Some(Ok(count)) if count as usize > ids.len() => {
            world.check(Err(format!("{name}: {count} of {} were pending", ids.len())));
        }
        Some(Ok(count)) if matches!(kind, Kind::Ack) && count as usize == ids.len() => {
            scene.books.acked(&ids, world.executor.now());
        }
        Some(Err(error)) if !is_fault(&error) && !error.is_retryable() => {
            world.check(Err(format!("{name} settles: {error}")));
        }
        _ => {}
    }
}

pub(super) async fn leave(scene: &Rc<Scene>, name: &str, index: usize) {
    scene.books.leaving(name);
    let (own, stream) = (String::from(name), scene.stream);
    let left = scene
        .world
        .call(index, "leave", move |store| async move { store.group(stream, "g").leave(&own).await })
        .await;
    scene.world.trace.say(|| format!("{name} at {index} leaves: {left:?}"));
    if let Some(Err(error)) = left
        && !is_fault(&error)
        && !error.is_retryable()
    {
        scene.world.check(Err(format!("{name} leaves: {error}")));
    }
}
