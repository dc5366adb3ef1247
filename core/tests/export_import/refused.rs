//! What is no export, or contradicts itself, is refused and leaves nothing; and so is what a store cannot take.

use streamkit_core::{Crc32c, Detail, Error, ErrorCode, MemoryKv, Retention, Store};

use crate::common::{World, small_blocks};
use crate::frames::{frames, sealed};
use crate::transfer::{
    append, contents, drain, export, head_key, healthy, import, push_all, put_u64, verify,
};
use crate::{PROLOGUE, is_untouched, limits, open, open_here, small_store};

fn refused(world: &World, frames: &[(u8, Vec<u8>)], what: &str) {
    let target = open(world, &small_blocks());
    world.run(async {
        let error = import(&target, &sealed(frames), 100).await.expect_err(what);
        let codes = [
            ErrorCode::Corrupt,
            ErrorCode::InvalidArgument,
            ErrorCode::LimitExceeded,
            // A space that comes twice.
            ErrorCode::Conflict,
        ];
        assert!(codes.contains(&error.code()), "{what}: {error}");
        is_as_told(&target, &error, what).await;
    });
}

/// What was complete is there, and the rest is as if it had never come.
async fn is_as_told(target: &Store, error: &Error, what: &str) {
    let done = match error.detail("spacesDone") {
        Some(Detail::Number(done)) => *done,
        other => panic!("{what}: {other:?}"),
    };
    assert_eq!(contents(target).await.spaces.len() as u64, done, "{what}");
    healthy(target).await;
    for space in ["a", "b"].into_iter().skip(done as usize) {
        is_untouched(target, space).await;
    }
}

#[test]
fn however_short_what_is_no_export_is_told_from_one_that_is_cut_short() {
    let world = World::new();
    let target = open(&world, &small_blocks());
    world.run(async {
        for (bytes, code) in [
            (&b"garbage"[..], ErrorCode::InvalidArgument),
            (b"STREAM", ErrorCode::InvalidArgument),
            (b"STRMK", ErrorCode::Corrupt),
            (b"STRMKIT\x1a\x01", ErrorCode::Corrupt),
            (b"", ErrorCode::Corrupt),
        ] {
            let refused = import(&target, bytes, 100).await.expect_err("is refused");
            assert_eq!(refused.code(), code, "{bytes:?}: {refused}");
        }
    });
}

#[test]
fn damage_at_every_byte_is_refused_and_leaves_nothing() {
    let world = World::new();
    let store = small_store(&world);
    let bytes = world.run(export(&store));
    for kind in [1, 4] {
        for at in 0..bytes.len() {
            let mask = [0x01, 0x80, 0xff][at % 3];
            let mut damaged = bytes.clone();
            damaged[at] ^= mask;
            let target = open(&world, &MemoryKv::with_limits(limits(kind)));
            world.run(async {
                let result = import(&target, &damaged, 1 + at % 40).await;
                // The store's id and time are told, not stored: but they are checked all the same.
                let error = result.expect_err("refused");
                let codes = [ErrorCode::Corrupt, ErrorCode::InvalidArgument];
                assert!(codes.contains(&error.code()), "{at}: {error}");
                is_as_told(&target, &error, &format!("byte {at}")).await;
            });
        }
    }
}

#[test]
fn a_stream_that_ends_early_or_late_is_refused() {
    let world = World::new();
    let store = small_store(&world);
    let bytes = world.run(export(&store));
    for length in 0..bytes.len() {
        let target = open(&world, &small_blocks());
        let error = world.run(import(&target, &bytes[..length], 64)).expect_err("refused");
        assert_eq!(error.code(), ErrorCode::Corrupt, "{length}: {error}");
    }
    let target = open(&world, &small_blocks());
    let longer = [&*bytes, b"x"].concat();
    let error = world.run(import(&target, &longer, 64)).expect_err("refused");
    assert!(error.message().contains("after the end"), "{error}");
}

#[test]
fn contradictions_with_matching_checksums_are_refused() {
    let world = World::new();
    let store = small_store(&world);
    let bytes = world.run(async {
        drain(store.exporter(Some(vec!["a".into()])).expect("starts")).await.expect("exports")
    });
    let whole = frames(&bytes);
    assert_eq!(sealed(&whole), bytes);
    assert_eq!(whole.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), [1, 2, 3, 5, 6, 7, 8]);
    // Every byte of every frame changed: an error, or an import that says the same in other words.
    for (index, (_, body)) in whole.iter().enumerate() {
        for at in 0..body.len() {
            let mut changed = whole.clone();
            changed[index].1[at] ^= 0x10;
            let target = open(&world, &small_blocks());
            world.run(async {
                match import(&target, &sealed(&changed), 200).await {
                    Ok(_) => {
                        // Whose entries a TRX row tells of is not looked at.
                        let problems = verify(&target).await.problems;
                        let of_trx = problems.iter().all(|one| one.message.starts_with("TRX row"));
                        assert!(of_trx && (problems.is_empty() || index == 3), "{problems:?}");
                    }
                    Err(error) => {
                        let what = format!("frame {index}, byte {at}");
                        is_as_told(&target, &error, &what).await;
                    }
                }
            });
        }
    }
    for index in 0..whole.len() {
        let mut fewer = whole.clone();
        fewer.remove(index);
        refused(&world, &fewer, &format!("without frame {index}"));
        let mut twice = whole.clone();
        twice.insert(index, whole[index].clone());
        refused(&world, &twice, &format!("frame {index} twice"));
        for other in 0..index {
            let mut swapped = whole.clone();
            swapped.swap(index, other);
            refused(&world, &swapped, &format!("{index} and {other} swapped"));
        }
    }
    // The first run begins at sequence 2: u32 runs, u8 length, "s", u64.
    let mut later = whole.clone();
    put_u64(&mut later[2].1, 6, 2);
    refused(&world, &later, "sequences that do not begin at 1");
    let mut name = whole;
    name[2].1[5] = 0x1f;
    refused(&world, &name, "an invalid name");
}

#[test]
fn an_absurd_length_takes_no_memory() {
    let world = World::new();
    let store = small_store(&world);
    let bytes = world.run(export(&store));
    for (kind, length) in [(3, u32::MAX as usize), (3, 1 << 29), (2, 1 << 24), (5, 1 << 28)] {
        let target = open(&world, &small_blocks());
        let absurd = [&bytes[..PROLOGUE], &header(kind, length), &[0; 1000]].concat();
        let memory = allocation_counter::measure(|| {
            let error = world.run(import(&target, &absurd, 100)).expect_err("refused");
            let codes = [ErrorCode::Corrupt, ErrorCode::LimitExceeded];
            assert!(codes.contains(&error.code()), "{error}");
        });
        assert!(memory.bytes_max < 1 << 20, "{memory:?}");
    }
}

/// The beginning of a frame of a kind and a length.
fn header(kind: u8, length: usize) -> Vec<u8> {
    let mut header = (length as u32).to_le_bytes().to_vec();
    header.push(kind);
    let check = Crc32c::of(&header);
    header.extend(check.to_le_bytes());
    header
}

#[test]
fn a_frame_that_is_too_long_is_refused_once_its_length_is_there() {
    let world = World::new();
    let bytes = world.run(export(&small_store(&world)));
    let first = bytes.len() - sealed(&frames(&bytes)[2..]).len() + 12;
    let target = open(&world, &MemoryKv::with_limits(limits(3)));
    let pushed = |kind, length| {
        let mut importer = target.importer(None).expect("starts");
        let begun = [&bytes[..first], &header(kind, length)].concat();
        world.run(importer.push(&begun)).map_err(|error| error.code())
    };
    assert_eq!(pushed(3, 260_000), Ok(()));
    assert_eq!(pushed(3, 1 << 19), Err(ErrorCode::LimitExceeded));
    assert_eq!(pushed(3, (1 << 30) + 1), Err(ErrorCode::Corrupt));
    for kind in [4, 5, 6, 7] {
        assert_eq!(pushed(kind, 190_000), Ok(()));
        assert_eq!(pushed(kind, 200_000), Err(ErrorCode::Corrupt));
    }
}

#[test]
fn metadata_that_is_none_of_a_stream_is_refused_before_anything_is_stored() {
    let world = World::new();
    let store = small_store(&world);
    world.run(store.create_stream("a", 3, Retention::default())).expect("creates");
    let bytes = world.run(async {
        drain(store.exporter(Some(vec!["a".into()])).expect("starts")).await.expect("exports")
    });
    let whole = frames(&bytes);
    let start = &whole[1].1;
    // At the end of the frame: u32 length, then u8 version, u32 partitions, and six times u64.
    let at = start.len() - 45;
    let cut = |to: usize| {
        let mut body = start[..at - 4].to_vec();
        body.extend((to as u32).to_le_bytes());
        body.extend(&start[at..at + to]);
        body
    };
    let changed = |offset: usize, value: u8| {
        let mut body = start.clone();
        body[at + offset] = value;
        body
    };
    let cases = [
        ("another version", changed(0, 9)),
        ("no partitions, but a time of creation", changed(1, 0)),
        ("a retention beyond 2^53", changed(12, 0xff)),
        ("metadata that is cut off", cut(44)),
        ("one byte of metadata", cut(1)),
    ];
    for (what, body) in cases {
        let mut frames = whole.clone();
        frames[1].1 = body;
        refused(&world, &frames, what);
        let kv = small_blocks();
        let target = open(&world, &kv);
        let rows = kv.len();
        let error = world.run(import(&target, &sealed(&frames), 100)).expect_err(what);
        assert_eq!(error.code(), ErrorCode::Corrupt, "{what}");
        assert_eq!(kv.len(), rows, "{what}");
    }
}

#[test]
fn a_record_that_the_host_cannot_hold_is_refused() {
    let world = World::new();
    let store = open(&world, &MemoryKv::new());
    world.run(async {
        let text = "w".repeat(200_000);
        append(&store, "a", "s", &["small", &text]).await;
        let bytes = export(&store).await;
        let target = open_here(&world, &MemoryKv::with_limits(limits(3))).await;
        let error = import(&target, &bytes, 10_000).await.expect_err("refused");
        assert_eq!(error.code(), ErrorCode::LimitExceeded);
        is_untouched(&target, "a").await;
    });
}

#[test]
fn a_space_that_is_not_empty_is_refused_and_unchanged() {
    let world = World::new();
    let store = small_store(&world);
    let kv = small_blocks();
    let target = open(&world, &kv);
    world.run(async {
        let bytes = export(&store).await;
        append(&target, "b", "s", &["mine"]).await;
        let before = kv.snapshot();
        let error = import(&target, &bytes, 1000).await.expect_err("refused");
        assert_eq!(error.code(), ErrorCode::Conflict);
        assert!(!error.is_retryable());
        assert!(error.message().contains("\"b\""), "{error}");
        assert_eq!(error.detail("spacesDone"), Some(&Detail::Number(1)));
        let after = kv.snapshot();
        assert!(before.iter().all(|(key, value)| after.get(key) == Some(value)));
        assert_eq!(contents(&target).await.spaces["a"], contents(&store).await.spaces["a"]);
    });
}

#[test]
fn a_damaged_source_is_not_exported_as_if_it_were_whole() {
    let world = World::new();
    let kv = small_blocks();
    let store = open(&world, &kv);
    world.run(async {
        let text = "w".repeat(1500);
        for n in 0..12 {
            let segment = format!("s{}", n % 3);
            append(&store, "a", &segment, &[&*text; 4]).await;
        }
    });
    for (key, _) in kv.snapshot() {
        if key == b"INV\0STORE" || key == head_key("a") {
            continue;
        }
        let damaged = MemoryKv::with_limits(limits(1));
        damaged.restore(kv.snapshot());
        damaged.overwrite(&key, None);
        let reader = open(&world, &damaged);
        let result = world.run(drain(reader.exporter(None).expect("starts")));
        assert_eq!(result.expect_err("damaged").code(), ErrorCode::Corrupt);
    }
}

#[test]
fn damage_in_a_space_that_is_passed_over_is_refused_as_well() {
    let world = World::new();
    let bytes = world.run(export(&small_store(&world)));
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x20;
        let target = open(&world, &small_blocks());
        world.run(async {
            let importer = target.importer(Some(vec!["b".into()])).expect("starts");
            let error = push_all(importer, &damaged, 1000).await.expect_err("refused");
            let codes = [ErrorCode::Corrupt, ErrorCode::InvalidArgument];
            assert!(codes.contains(&error.code()), "{at}: {error}");
            let done = u64::from(!contents(&target).await.spaces.is_empty());
            assert_eq!(error.detail("spacesDone"), Some(&Detail::Number(done)), "{at}");
            healthy(&target).await;
        });
    }
    // A space that does not begin, or does not end.
    let whole = frames(&bytes);
    for index in (0..whole.len()).filter(|index| [2, 7].contains(&whole[*index].0)) {
        let mut fewer = whole.clone();
        fewer.remove(index);
        let target = open(&world, &small_blocks());
        let importer = target.importer(Some(Vec::new())).expect("starts");
        let result = world.run(push_all(importer, &sealed(&fewer), 1000));
        assert_eq!(result.expect_err("refused").code(), ErrorCode::Corrupt, "without {index}");
    }
}

#[test]
fn what_is_wrong_with_the_bytes_is_said_with_its_place() {
    let world = World::new();
    let store = small_store(&world);
    let bytes = world.run(export(&store));
    let refused = |bytes: &[u8]| {
        let target = open(&world, &small_blocks());
        let error = world.run(import(&target, bytes, 64)).expect_err("refused");
        let Some(Detail::Number(offset)) = error.detail("offset").cloned() else { panic!("{error}") };
        assert!(error.message().ends_with(&format!(", at byte {offset}")), "{error}");
        offset as usize
    };
    let mut begin = 12;
    while begin < bytes.len() {
        let length = u32::from_le_bytes(bytes[begin..begin + 4].try_into().expect("four bytes")) as usize;
        let end = begin + 9 + length + 4;
        for at in [begin, begin + 5, begin + 9, end - 1] {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert_eq!(refused(&damaged), begin, "byte {at}");
        }
        assert_eq!(refused(&bytes[..end - 1]), begin);
        begin = end;
    }
    assert_eq!(refused(&bytes[..3]), 0);
    assert_eq!(refused(b"garbage"), 0);
    assert_eq!(refused(&[&*bytes, b"x"].concat()), bytes.len());
}

#[test]
fn one_that_ends_in_its_version_is_cut_short() {
    let world = World::new();
    let bytes = world.run(export(&small_store(&world)));
    for length in [9, 11] {
        let target = open(&world, &small_blocks());
        let error = world.run(import(&target, &bytes[..length], 64)).expect_err("refused");
        assert_eq!(error.code(), ErrorCode::Corrupt);
        assert!(error.message().contains("cut short"), "{error}");
    }
}
