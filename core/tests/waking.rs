//! What wakes whoever waits: what can be seen, and nothing else.

mod common;

use common::{World, frame};
use streamkit_core::{MemoryKv, OpenOptions, StreamAppend, Trim, WriteOptions};

#[test]
fn merging_and_collecting_wake_nobody() {
    let (world, kv) = (World::new(), MemoryKv::default());
    let options = OpenOptions { auto_compact: false, ..OpenOptions::default() };
    let store = world.open_with(std::rc::Rc::new(kv), options).expect("opens");
    world.run(async {
        for _ in 0..50 {
            let append = StreamAppend {
                stream: "s".into(),
                records: frame(&["payload"]),
                partition: None,
                partition_key: None,
            };
            let before = store.epoch();
            store.append_to_stream(append, WriteOptions::default()).await.expect("appends");
            assert!(store.epoch() > before);
        }
        let before = store.epoch();
        let mut job = store.compactor(None).expect("starts");
        while job.step().await.expect("merges") {}
        assert!(job.report().blocks_after < job.report().blocks_before);
        assert_eq!(store.epoch(), before);
        store.trim_stream("s", Trim::MaxCount(10), false).await.expect("trims");
        let after = store.epoch();
        assert!(after > before, "what is left is another first record");
        store.collect("s").await.expect("collects");
        assert_eq!(store.epoch(), after);
    });
}
