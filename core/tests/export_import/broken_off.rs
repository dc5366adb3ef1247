//! An import is seen when it is complete; one that is broken off makes way.

use std::rc::Rc;

use streamkit_core::{
    Clock, Compression, ErrorCode, FaultPlan, FaultyKv, MemoryKv, OpenOptions, Retention, Store, WriteOptions,
};
use uuid::Uuid;

use crate::common::{World, records, small_blocks};
use crate::transfer::{append, contents, export, head_key, healthy, import, verify};
use crate::{limits, open, open_here, small_store};

/// More of one space than one commit of the smaller hosts takes.
async fn fill(store: &Store) {
    let text = "y".repeat(300);
    for _ in 0..60 {
        append(store, "a", "q", &[&*text; 20]).await;
    }
}

#[test]
fn an_import_is_invisible_until_its_space_is_complete() {
    for kind in [1, 2, 4] {
        let world = World::new();
        let store = small_store(&world);
        let (bytes, expected) = world.run(async { (export(&store).await, contents(&store).await) });
        for cut in (0..bytes.len()).step_by(7) {
            let kv = MemoryKv::with_limits(limits(kind));
            let target = open(&world, &kv);
            world.run(async {
                let mut importer = target.importer(None).expect("starts");
                importer.push(&bytes[..cut]).await.expect("takes it");
                let seen = contents(&target).await;
                for (space, entries) in &seen.spaces {
                    assert_eq!(entries, &expected.spaces[space], "{space} at {cut}");
                }
                if seen.spaces.is_empty() && kv.snapshot().contains_key(&head_key("a")) {
                    let refused = target.append(records("a", "s", &["x"]), WriteOptions::default()).await;
                    assert_eq!(refused.expect_err("refused").code(), ErrorCode::Conflict);
                }
                importer.push(&bytes[cut..]).await.expect("goes on");
                importer.finish().await.expect("imports");
                assert_eq!(contents(&target).await, expected, "cut at {cut}");
                let made = target.append(records("a", "s", &["x"]), WriteOptions::default()).await;
                assert_eq!(made.expect("appends").status.last_sequence, 3);
                healthy(&target).await;
            });
        }
    }
}

#[test]
fn another_instance_sees_the_import() {
    let world = World::new();
    let store = small_store(&world);
    let kv = small_blocks();
    let (target, other) = (open(&world, &kv), open(&world, &kv));
    world.run(async {
        let bytes = export(&store).await;
        let mut importer = target.importer(None).expect("starts");
        importer.push(&bytes[..150]).await.expect("takes it");
        for instance in [&target, &other] {
            let refused = instance.append(records("a", "s", &["x"]), WriteOptions::default()).await;
            assert_eq!(refused.expect_err("refused").code(), ErrorCode::Conflict);
        }
        importer.push(&bytes[150..]).await.expect("goes on");
        importer.finish().await.expect("imports");
        for (instance, last) in [(&target, 3), (&other, 4)] {
            let made = instance.append(records("a", "s", &["x"]), WriteOptions::default()).await;
            assert_eq!(made.expect("appends").status.last_sequence, last);
        }
        healthy(&other).await;
    });
}

#[test]
fn an_abandoned_import_is_taken_over() {
    for kind in [1, 2, 3, 4] {
        let world = World::new();
        let (large, store) = (open(&world, &MemoryKv::new()), small_store(&world));
        let target = open(&world, &MemoryKv::with_limits(limits(kind)));
        world.run(async {
            fill(&large).await;
            let other = export(&large).await;
            let mut abandoned = target.importer(None).expect("starts");
            abandoned.push(&other[..other.len() - 40]).await.expect("takes it");

            let bytes = export(&store).await;
            import(&target, &bytes, 1000).await.expect("takes over");
            assert_eq!(contents(&target).await, contents(&store).await);
            let error = abandoned.push(&other[other.len() - 40..]).await.expect_err("taken over");
            assert_eq!(error.code(), ErrorCode::Conflict);
            assert_eq!(abandoned.finish().await.expect_err("stays").code(), ErrorCode::Conflict);
            assert_eq!(contents(&target).await, contents(&store).await);
            healthy(&target).await;
        });
    }
}

#[test]
fn of_two_imports_into_a_space_the_later_one_has_it() {
    let world = World::new();
    let source = open(&world, &MemoryKv::new());
    let target = open(&world, &small_blocks());
    world.run(async {
        fill(&source).await;
        let bytes = export(&source).await;
        let (most, rest) = bytes.split_at(bytes.len() - 40);
        let mut first = target.importer(None).expect("starts");
        first.push(most).await.expect("takes it");
        let mut second = target.importer(None).expect("starts");
        second.push(most).await.expect("takes over");
        assert_eq!(first.push(rest).await.expect_err("taken over").code(), ErrorCode::Conflict);
        second.push(rest).await.expect("goes on");
        second.finish().await.expect("ends");
        assert_eq!(contents(&target).await, contents(&source).await);
        healthy(&target).await;
    });
}

#[test]
fn a_verification_waits_for_an_import_that_goes_on_and_reports_one_that_does_not() {
    for goes_on in [true, false] {
        let world = World::new();
        let store = small_store(&world);
        let target = open(&world, &small_blocks());
        world.run(async {
            let bytes = export(&store).await;
            let mut importer = target.importer(None).expect("starts");
            importer.push(&bytes[..150]).await.expect("takes it");
            let begun = world.clock.now();
            let mut verifier = target.verifier();
            while verifier.step().await.expect("steps") {
                if goes_on && world.clock.now() > begun {
                    importer.push(&bytes[150..]).await.expect("goes on");
                    importer.finish().await.expect("imports");
                    break;
                }
            }
            while verifier.step().await.expect("steps") {}
            let problems = verifier.report().problems;
            if goes_on {
                assert_eq!(problems, []);
            } else {
                assert!(world.clock.now() - begun >= 29_000, "{} ms", world.clock.now() - begun);
                let [problem] = &*problems else { panic!("{problems:?}") };
                assert_eq!(problem.code, ErrorCode::Conflict);
                assert!(problem.message.contains("\"a\" was broken off"), "{}", problem.message);
            }
            // What is known to have stopped is not waited for.
            let waited = world.clock.now();
            let found = verify(&target).await.problems;
            assert_eq!((found, world.clock.now()), (problems, waited));
        });
    }
}

#[test]
fn an_import_that_was_broken_off_makes_way_for_a_write() {
    for kind in [0, 1, 2, 3] {
        for creates in [false, true] {
            let world = World::new();
            let source = open(&world, &MemoryKv::new());
            let kv = MemoryKv::with_limits(limits(kind));
            let (target, other) = (open(&world, &kv), open(&world, &kv));
            world.run(async {
                let text = "y".repeat(300);
                for segment in ["q", "r"] {
                    for n in 0..60 {
                        let trx_id = (n == 0).then_some(Uuid::from_u128(9));
                        let options = WriteOptions { trx_id, ..WriteOptions::default() };
                        source.append(records("a", segment, &[&*text; 20]), options).await.expect("appends");
                    }
                }
                let bytes = export(&source).await;
                let mut importer = target.importer(None).expect("starts");
                importer.push(&bytes[..bytes.len() - 40]).await.expect("takes it");
                assert!(kind != 3 || kv.snapshot().len() > 40, "rows of it are there");
                let refused = other.append(records("a", "s", &["x"]), WriteOptions::default()).await;
                assert_eq!(refused.expect_err("it goes on").code(), ErrorCode::Conflict);

                world.clock.0.set(world.clock.0.get() + 30_000);
                if creates {
                    let info = other.create_stream("a", 1, Retention::default()).await.expect("creates");
                    assert_eq!(info.count, 0);
                } else {
                    let (first, second) = futures::join!(
                        other.append(records("a", "s", &["x"]), WriteOptions::default()),
                        other.append(records("a", "q", &["y"]), WriteOptions::default()),
                    );
                    assert_eq!(first.expect("appends").status.last_sequence, 1);
                    assert_eq!(second.expect("appends").status.last_sequence, 1);
                }
                let seen = contents(&other).await;
                let error = importer.push(&bytes[bytes.len() - 40..]).await.expect_err("it lost the space");
                assert_eq!(error.code(), ErrorCode::Conflict);
                assert_eq!(contents(&target).await, seen);
                healthy(&target).await;
                let rows =
                    kv.snapshot().into_iter().filter(|(key, _)| !key.starts_with(b"INV\0STORE")).count();
                assert!(rows <= 7, "{rows} rows are left");
            });
        }
    }
}

#[test]
fn an_import_that_goes_on_slowly_is_not_broken_off() {
    let world = World::new();
    let source = open(&world, &MemoryKv::new());
    let target = open(&world, &MemoryKv::with_limits(limits(3)));
    world.run(async {
        fill(&source).await;
        let bytes = export(&source).await;
        let mut importer = target.importer(None).expect("starts");
        for piece in bytes[..bytes.len() - 40].chunks(64 << 10) {
            importer.push(piece).await.expect("takes it");
            world.clock.0.set(world.clock.0.get() + 29_000);
            let refused = target.append(records("a", "s", &["x"]), WriteOptions::default()).await;
            assert_eq!(refused.expect_err("it goes on").code(), ErrorCode::Conflict);
        }
        importer.push(&bytes[bytes.len() - 40..]).await.expect("takes it");
        importer.finish().await.expect("ends");
        assert_eq!(contents(&target).await, contents(&source).await);
        healthy(&target).await;
    });
}

#[test]
fn an_import_by_a_clock_that_was_ahead_does_not_keep_the_space_shut() {
    let world = World::new();
    let source = small_store(&world);
    let target = open(&world, &small_blocks());
    world.run(async {
        let bytes = export(&source).await;
        let now = world.clock.0.get();
        world.clock.0.set(now + 400 * 86_400_000);
        let mut importer = target.importer(None).expect("starts");
        importer.push(&bytes[..150]).await.expect("takes it");
        world.clock.0.set(now);
        importer.push(&bytes[150..160]).await.expect("goes on by the clock as it is");
        let refused = target.append(records("a", "s", &["x"]), WriteOptions::default()).await;
        assert_eq!(refused.expect_err("it goes on").code(), ErrorCode::Conflict);

        world.clock.0.set(now - 30_000);
        append(&target, "a", "s", &["x"]).await;
        assert_eq!(importer.push(&bytes[160..]).await.expect_err("it is lost").code(), ErrorCode::Conflict);
        healthy(&target).await;
    });
}

#[test]
fn by_a_clock_that_fails_no_import_begins_and_none_is_broken_off() {
    let world = World::new();
    let source = small_store(&world);
    let kv = small_blocks();
    let (target, other) = (open(&world, &kv), open(&world, &kv));
    world.run(async {
        let now = world.clock.0.get();
        world.clock.0.set(u64::MAX);
        let bytes = export(&source).await;
        let refused =
            target.importer(None).expect("starts").push(&bytes).await.expect_err("there is no time");
        assert_eq!(refused.code(), ErrorCode::InvalidArgument);
        world.clock.0.set(now);
        let mut importer = target.importer(None).expect("starts");
        importer.push(&bytes[..150]).await.expect("what was exported by it is read");
        world.clock.0.set(u64::MAX);
        let refused = other.append(records("a", "s", &["x"]), WriteOptions::default()).await;
        assert!(refused.is_err());
        world.clock.0.set(now);
        importer.push(&bytes[150..]).await.expect("goes on");
        importer.finish().await.expect("ends");
        assert_eq!(contents(&target).await, contents(&source).await);
        healthy(&target).await;
    });
}

#[test]
fn a_step_after_one_that_was_dropped_is_refused() {
    use futures::FutureExt;
    let world = World::new();
    let store = small_store(&world);
    world.run(async {
        let bytes = export(&store).await;
        let target = open_here(&world, &small_blocks()).await;
        let mut importer = target.importer(None).expect("starts");
        assert!(importer.push(&bytes).now_or_never().is_none());
        assert_eq!(importer.push(b"").await.expect_err("dropped").code(), ErrorCode::Aborted);
        import(&target, &bytes, 100).await.expect("another one does it");
        target.close().await;
        assert_eq!(target.exporter(None).expect_err("closed").code(), ErrorCode::Closed);
        assert_eq!(
            target.importer(None).expect("starts").push(b"x").await.expect_err("closed").code(),
            ErrorCode::Closed
        );
    });
}

#[test]
fn lost_and_late_replies_do_not_break_an_import() {
    let world = World::new();
    let store = open(&world, &small_blocks());
    let bytes = world.run(async {
        for n in 0..120 {
            let segment = format!("s{}", n % 5);
            let text = "t".repeat(n * 13 % 900);
            append(&store, "a", &segment, &[&text]).await;
        }
        export(&store).await
    });
    let mut imported = 0;
    for seed in 0..60 {
        let kv = MemoryKv::with_limits(limits(3));
        let plan = FaultPlan {
            seed,
            lost_reply_rate: if seed % 2 == 0 { 0.1 } else { 0.02 },
            late_rate: 0.05,
            ..FaultPlan::default()
        };
        let open_first = open(&world, &kv);
        drop(open_first);
        let faulty = Rc::new(FaultyKv::new(Rc::new(kv.clone()), plan));
        let options =
            OpenOptions { auto_compact: false, compression: Compression::None, ..OpenOptions::default() };
        let Ok(target) = world.open_with(faulty.clone(), options) else { continue };
        let result = world.run(import(&target, &bytes, 4000));
        faulty.set_plan(FaultPlan::default());
        world.run(faulty.settle());
        let reader = open(&world, &kv);
        world.run(async {
            match result {
                Ok(_) => {
                    imported += 1;
                    assert_eq!(contents(&reader).await, contents(&store).await, "seed {seed}");
                }
                Err(error) => {
                    assert_eq!(error.code(), ErrorCode::Unavailable, "seed {seed}: {error}");
                    if contents(&reader).await.spaces.is_empty() {
                        import(&reader, &bytes, 4000).await.expect("takes over");
                    }
                    assert_eq!(contents(&reader).await, contents(&store).await, "seed {seed}");
                }
            }
            healthy(&reader).await;
        });
    }
    assert!(imported > 10, "{imported}");
}
