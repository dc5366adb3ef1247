//! Who has a lease, and for how long.
#![cfg(feature = "guarded-writes")]

mod common;

use common::{World, records};
#[cfg(feature = "every-host")]
use streamkit_core::{Atomicity, HostLimits};
use streamkit_core::{Detail, ErrorCode, LeaseProof, MemoryKv, Store, WriteOptions};

async fn acquire(store: &Store, holder: &str) -> Result<LeaseProof, ErrorCode> {
    store.acquire_lease("key", holder, 1000).await.map_err(|error| error.code())
}

#[test]
fn a_lease_is_left_to_its_holder_a_while_longer_than_its_time() {
    let world = World::new();
    let kv = MemoryKv::new();
    let (store, other) = (world.open(&kv), world.open(&kv));
    let begin = world.clock.0.get();
    world.run(async {
        let first = acquire(&store, "me").await.expect("is free");
        let margin = 250;
        for waited in [0, 999, 1000, 1000 + margin - 1] {
            world.clock.0.set(begin + waited);
            let refused = other.acquire_lease("key", "other", 1000).await.expect_err("is held");
            assert_eq!(refused.code(), ErrorCode::LeaseNotAcquired, "{waited}");
            assert_eq!(refused.detail("expires"), Some(&Detail::Number(begin + 1000)));
            assert_eq!(refused.detail("holder"), Some(&Detail::Text("me".into())));
        }
        world.clock.0.set(begin + 1000 + margin);
        let second = acquire(&other, "other").await.expect("has expired");
        assert!(second.token > first.token);
        assert_eq!(acquire(&store, "me").await, Err(ErrorCode::LeaseNotAcquired));
    });
}

#[test]
fn a_renewed_lease_lasts_from_then_on() {
    let world = World::new();
    let store = world.open(&MemoryKv::new());
    let begin = world.clock.0.get();
    world.run(async {
        let held = acquire(&store, "me").await.expect("is free");
        world.clock.0.set(begin + 900);
        store.renew_lease(&held, 5000).await.expect("is held");
        world.clock.0.set(begin + 5000);
        assert_eq!(acquire(&store, "other").await, Err(ErrorCode::LeaseNotAcquired));
        // It has expired, but nobody has taken it.
        world.clock.0.set(begin + 9000);
        store.renew_lease(&held, 1000).await.expect("is nobody else's");
        assert_eq!(acquire(&store, "other").await, Err(ErrorCode::LeaseNotAcquired));
    });
}

#[test]
fn a_lease_that_was_given_back_or_taken_anew_is_lost() {
    let world = World::new();
    let store = world.open(&MemoryKv::new());
    // As near the beginning of time as a lease that was given back.
    world.clock.0.set(5);
    world.run(async {
        let first = acquire(&store, "me").await.expect("is free");
        let second = acquire(&store, "me").await.expect("is its own");
        assert!(second.token > first.token);
        let stolen = LeaseProof { holder: "other".into(), ..second.clone() };
        for lost in [&first, &stolen] {
            let renewed = store.renew_lease(lost, 1000).await.expect_err("is another's");
            assert_eq!(renewed.code(), ErrorCode::LeaseLost);
            let released = store.release_lease(lost).await.expect_err("is another's");
            assert_eq!(released.code(), ErrorCode::LeaseLost);
        }
        store.release_lease(&second).await.expect("is held");
        let renewed = store.renew_lease(&second, 1000).await.expect_err("is free");
        assert_eq!(renewed.code(), ErrorCode::LeaseLost);
        let third = acquire(&store, "other").await.expect("is free at once");
        assert!(third.token > second.token, "no token is given twice");
    });
}

#[test]
fn nothing_is_stored_under_a_lease_that_another_has() {
    let world = World::new();
    let kv = MemoryKv::new();
    let (store, other) = (world.open(&kv), world.open(&kv));
    world.run(async {
        let held = acquire(&store, "me").await.expect("is free");
        let append = async |lease: &LeaseProof| {
            let options = WriteOptions { lease: Some(lease.clone()), ..WriteOptions::default() };
            let made = store.append(records("space", "segment", &["x"]), options).await;
            made.map(|made| made.status.last_sequence).map_err(|error| error.code())
        };
        assert_eq!(append(&held).await, Ok(1));
        other.release_lease(&held).await.expect("is held");
        let taken = acquire(&other, "other").await.expect("is free");
        assert_eq!(append(&held).await, Err(ErrorCode::LeaseLost));
        assert_eq!(append(&taken).await, Ok(2));
    });
}

#[test]
fn names_and_times_of_a_lease_are_in_range() {
    let world = World::new();
    let store = world.open(&MemoryKv::new());
    let most = (1 << 48) - 1;
    world.run(async {
        let held = store.acquire_lease("key", "me", most).await.expect("is free");
        store.renew_lease(&held, most).await.expect("is held");
        for (key, holder, ttl) in [("", "me", 1), ("key", "", 1), ("key", "me", 0), ("key", "me", most + 1)] {
            let proof = LeaseProof { key: key.into(), holder: holder.into(), token: held.token };
            for refused in
                [store.acquire_lease(key, holder, ttl).await.map(drop), store.renew_lease(&proof, ttl).await]
            {
                assert_eq!(refused.map_err(|error| error.code()), Err(ErrorCode::InvalidArgument));
            }
        }
    });
}

#[cfg(feature = "every-host")]
#[test]
fn a_host_that_cannot_check_a_lease_is_given_none() {
    for (atomic, checks) in [(Atomicity::Store, false), (Atomicity::Space, true), (Atomicity::Space, false)] {
        let world = World::new();
        let kv = MemoryKv::with_limits(HostLimits { atomic, checks, ..HostLimits::default() });
        let store = world.open(&kv);
        world.run(async {
            let held = acquire(&store, "me").await;
            assert_eq!(held.is_ok(), checks, "{atomic:?}");
            let proof = LeaseProof { key: "key".into(), holder: "me".into(), token: 1 };
            let options = WriteOptions { lease: Some(proof), ..WriteOptions::default() };
            let refused = store.append(records("space", "segment", &["x"]), options).await;
            let code = refused.expect_err("nothing would guard it").code();
            assert_eq!(code, ErrorCode::Unsupported, "{atomic:?}, checks {checks}");
        });
    }
}
