//! An export is of one moment, whatever is written and trimmed beside it.

use streamkit_core::{MemoryKv, Store};

use crate::common::{World, small_blocks};
use crate::transfer::{append, collect, contents, healthy, import, trim};
use crate::{open, open_here};

/// 300 large entries over so many segments.
async fn fill(store: &Store, segments: usize) {
    let text = "w".repeat(3000);
    for n in 0..300 {
        append(store, "a", &format!("s{}", n % segments), &[&text]).await;
    }
}

#[test]
fn an_export_is_consistent_beside_writers_and_trims() {
    for trims in [false, true] {
        let world = World::new();
        let kv = small_blocks();
        let store = open(&world, &kv);
        world.run(async {
            fill(&store, 7).await;
            append(&store, "b", "s", &["later"]).await;
            let mut exporter = store.exporter(None).expect("starts");
            let mut bytes = Vec::new();
            let mut began = contents(&store).await;
            while let Some(chunk) = exporter.next().await.expect("exports") {
                bytes.extend(chunk);
                for n in 0..9 {
                    let segment = format!("s{}", n % 9);
                    append(&store, "a", &segment, &["new"]).await;
                }
                if trims {
                    trim(&store, &kv, "a", 140).await;
                    collect(&store, &kv, "a").await;
                }
            }
            let target = open_here(&world, &small_blocks()).await;
            import(&target, &bytes, 5000).await.expect("imports");
            let mut found = contents(&target).await;
            healthy(&target).await;
            let (begun, got) =
                (began.spaces.remove("a").expect("there"), found.spaces.remove("a").expect("there"));
            if trims {
                assert!(!got.0.is_empty() && got.0.len() < begun.0.len());
                let tail = &begun.0[begun.0.len() - got.0.len()..];
                assert_eq!(tail, got.0);
                let last = |all: &[streamkit_core::SegmentStatus]| -> Vec<u64> {
                    all.iter().map(|status| status.last_sequence).collect()
                };
                assert_eq!(last(&begun.1), last(&got.1));
            } else {
                assert_eq!(begun, got);
            }
            // Blocks between which trimmed entries are missing are not joined.
            let merged = open_here(&world, &MemoryKv::new()).await;
            import(&merged, &bytes, 5000).await.expect("imports");
            let before = contents(&merged).await;
            let mut job = merged.compactor(None).expect("starts");
            while job.step().await.expect("steps") {}
            healthy(&merged).await;
            assert_eq!(contents(&merged).await, before);
        });
    }
}

#[test]
fn all_that_is_trimmed_beside_the_export_still_counts() {
    let world = World::new();
    let kv = small_blocks();
    let store = open(&world, &kv);
    world.run(async {
        fill(&store, 3).await;
        let mut exporter = store.exporter(None).expect("starts");
        let mut bytes = exporter.next().await.expect("exports").expect("a chunk");
        trim(&store, &kv, "a", 300).await;
        collect(&store, &kv, "a").await;
        let fresh = open_here(&world, &kv).await;
        for segment in ["s0", "s1"] {
            append(&fresh, "a", segment, &["new"]).await;
        }
        while let Some(chunk) = exporter.next().await.expect("exports") {
            bytes.extend(chunk);
        }
        let target = open_here(&world, &small_blocks()).await;
        import(&target, &bytes, 5000).await.expect("imports");
        healthy(&target).await;
        let found = contents(&target).await;
        assert!(found.spaces["a"].0.is_empty());
        let lasts: Vec<u64> = found.spaces["a"].1.iter().map(|status| status.last_sequence).collect();
        assert_eq!(lasts, [100, 100, 100]);
    });
}
