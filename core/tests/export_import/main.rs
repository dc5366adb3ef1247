//! What was exported is imported, entry for entry; and what is not an export changes nothing.
#![cfg(all(feature = "every-host", feature = "compression", feature = "guarded-writes"))]

mod beside_writers;
mod broken_off;
#[path = "../common/mod.rs"]
mod common;
mod crafted;
mod frames;
mod largest_numbers;
mod late_heads;
mod refused;
mod round_trip;
#[path = "../common/transfer.rs"]
mod transfer;

use std::rc::Rc;

use common::{World, records, small_blocks};
use streamkit_core::{Atomicity, HostLimits, MemoryKv, OpenOptions, Store, WriteOptions};
use transfer::append;
use uuid::Uuid;

/// Bytes before the first space: the preamble and the frame about the store.
const PROLOGUE: usize = 12 + 9 + 24 + 4;

fn limits(kind: u8) -> HostLimits {
    let small = HostLimits { block_bytes: 2048, ..HostLimits::default() };
    match kind % 5 {
        0 => HostLimits::default(),
        1 => small,
        2 => HostLimits { atomic: Atomicity::Space, max_batch_ops: 100, ..small },
        3 => HostLimits {
            max_batch_ops: 20,
            max_batch_bytes: 20 << 10,
            max_value_bytes: 5000,
            compress: true,
            ..small
        },
        _ => HostLimits { atomic: Atomicity::None, checks: false, consistent: false, ..small },
    }
}

fn open(world: &World, kv: &MemoryKv) -> Store {
    let options = OpenOptions { auto_compact: false, ..OpenOptions::default() };
    world.open_with(Rc::new(kv.clone()), options).expect("opens")
}

/// Opens a store from within a run.
async fn open_here(world: &World, kv: &MemoryKv) -> Store {
    let options = OpenOptions { auto_compact: false, ..OpenOptions::default() };
    Store::open(world.env(Rc::new(kv.clone())), options).await.expect("opens")
}

/// Two spaces, a few kinds of entries, as short as it can be.
fn small_store(world: &World) -> Store {
    let store = open(world, &small_blocks());
    world.run(async {
        let trx = WriteOptions { trx_id: Some(Uuid::from_u128(9)), ..WriteOptions::default() };
        append(&store, "a", "s", &["one", "two"]).await;
        store.append(records("a", "t", &["three"]), trx).await.expect("appends");
        append(&store, "b", "s", &["four"]).await;
    });
    store
}

async fn is_untouched(store: &Store, space: &str) {
    assert!(store.segment_status(space, "s").await.expect("reads").is_none());
    let appended = store.append(records(space, "s", &["x"]), WriteOptions::default()).await;
    assert_eq!(appended.expect("the space is writable").status.first_sequence, 1);
}
