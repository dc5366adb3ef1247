//! What kinds of hosts there are, and how a seed draws one.

use streamkit_core::{Atomicity, Compression, Durability, HostLimits, OpenOptions};

use crate::random::Random;

/// The host of a run, and how stores are opened on it.
#[derive(Debug, Clone)]
pub struct Class {
    /// For people.
    pub name: &'static str,
    /// What the host promises.
    pub limits: HostLimits,
    /// How many instances are open at once.
    pub instances: usize,
    /// Only the first instance writes.
    pub single_writer: bool,
    /// Power may be lost.
    pub power_loss: bool,
    /// Commits may apply after their sender gave them up.
    pub late: bool,
    /// How old a read may be, in milliseconds.
    pub staleness: u64,
    /// How stores are opened.
    pub options: OpenOptions,
}

/// The class that a seed draws.
pub fn draw(random: &Random) -> Class {
    let random = random.fork("class");
    let mut limits = HostLimits {
        max_value_bytes: random.pick(&[4096, 8192, 65_536, 16 << 20]),
        max_batch_ops: random.pick(&[16, 24, 100, 100_000, 100_000]),
        max_batch_bytes: random.pick(&[16_384, 24_000, 100_000, 4 << 20, 64 << 20]),
        block_bytes: random.pick(&[64, 2048, 4096, 16_384, 102_400]),
        compress: random.chance(250),
        ..HostLimits::default()
    };
    let kind = random.below(20);
    let (name, instances, single_writer, power_loss, late, staleness) = match kind {
        0..=7 => {
            limits.shared = true;
            ("any rows, shared", random.between(2, 3), false, random.chance(400), true, 0)
        }
        8..=12 => {
            limits.atomic = Atomicity::Space;
            limits.shared = true;
            ("one space, shared", random.between(2, 3), false, random.chance(250), true, 0)
        }
        13..=16 => {
            limits.atomic = Atomicity::None;
            limits.checks = false;
            limits.consistent = false;
            limits.shared = true;
            // A commit is one row: only the row's own limits count.
            limits.max_batch_ops = 100_000;
            limits.max_batch_bytes = 64 << 20;
            ("single rows, stale reads", random.between(1, 3), true, false, false, 400)
        }
        _ => {
            limits.shared = false;
            ("any rows, alone", 1, true, random.chance(400), false, 0)
        }
    };
    let options = OpenOptions {
        store_id: None,
        durability: random.pick(&[Durability::Strict, Durability::Relaxed]),
        compression: random.pick(&[
            Compression::Auto,
            Compression::Auto,
            Compression::None,
            Compression::Always,
        ]),
        host_timeout: if late { random.pick(&[0, 300, 30_000]) } else { 0 },
        poll_interval: random.pick(&[50, 300, 1000]),
        auto_compact: random.chance(600),
    };
    Class { name, limits, instances: instances as usize, single_writer, power_loss, late, staleness, options }
}
