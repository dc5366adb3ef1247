//! A caller that writes under a lease.

use std::rc::Rc;

use streamkit_core::{ErrorCode, LeaseProof};

use super::writer::{attempt_write, draw};
use crate::host::is_fault;
use crate::world::World;

/// Acquires, writes, renews and gives back, so many times.
pub async fn leaser(world: Rc<World>, number: usize, rounds: usize) {
    let random = world.random.fork(&format!("leaser {number}"));
    let holder = format!("holder {number}");
    let key = "the lease";
    for _ in 0..rounds {
        world.executor.sleep(random.between(1, 100)).await;
        let index = world.any_writer(&random);
        let highest = world.oracle.highest_token(key);
        let (own, ttl) = (holder.clone(), random.between(20, 600));
        let acquired = world
            .call(index, "acquire", move |store| async move { store.acquire_lease(key, &own, ttl).await })
            .await;
        let proof: LeaseProof = match acquired {
            Some(Ok(proof)) => proof,
            Some(Err(error)) => {
                world.trace.say(|| format!("{holder}: {error}"));
                if error.code() == ErrorCode::Unsupported && !world.class.limits.checks {
                    return;
                }
                let expected = matches!(error.code(), ErrorCode::LeaseNotAcquired | ErrorCode::Conflict);
                if !expected && !is_fault(&error) {
                    world.check(Err(format!("{holder}: {error}")));
                }
                continue;
            }
            None => continue,
        };
        world.trace.say(|| format!("{holder} has token {}", proof.token));
        world.check(world.oracle.lease_acquired(key, proof.token, &holder, highest));
        for _ in 0..random.between(1, 3) {
            let mut operation = draw(&world, &random);
            let id = operation.id;
            operation.lease = Some((key.into(), holder.clone(), proof.token));
            world.trace.say(|| format!("op {id} is under token {}", proof.token));
            attempt_write(&world, index, &operation, false).await;
            world.executor.sleep(random.between(1, 400)).await;
        }
        if random.chance(300) {
            let renewed = proof.clone();
            let lost = world.oracle.lease_is_lost(key, proof.token);
            let result = world
                .call(index, "renew", move |store| async move { store.renew_lease(&renewed, 200).await })
                .await;
            world.trace.say(|| format!("{holder} renews: {result:?}"));
            if lost && matches!(result, Some(Ok(()))) {
                world.check(Err(format!("{holder}: token {} was renewed after it was lost", proof.token)));
            }
        }
        if random.chance(600) {
            let released = proof.clone();
            let era = world.oracle.era();
            let result = world
                .call(index, "release", move |store| async move { store.release_lease(&released).await })
                .await;
            world.trace.say(|| format!("{holder} releases: {result:?}"));
            match result {
                Some(Ok(())) if era == world.oracle.era() => world.oracle.lease_released(key, proof.token),
                Some(Err(error)) => {
                    let known = matches!(error.code(), ErrorCode::LeaseLost | ErrorCode::Conflict);
                    if !known && !is_fault(&error) {
                        world.check(Err(format!("{holder} releases: {error}")));
                    }
                }
                _ => {}
            }
        }
        if random.chance(300) {
            let mut operation = draw(&world, &random);
            operation.lease = Some((key.into(), holder.clone(), proof.token));
            attempt_write(&world, world.any_writer(&random), &operation, false).await;
        }
    }
}
