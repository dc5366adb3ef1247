//! Chance that can be repeated: every concern draws from a fork of its own, so that one more draw in one place does
//! not move all the others.

use std::cell::Cell;
use std::rc::Rc;

/// A shared `SplitMix64` generator. Clones draw from the same sequence.
#[derive(Debug, Clone)]
pub struct Random(Rc<Cell<u64>>);

impl Random {
    /// The generator of this seed.
    pub fn new(seed: u64) -> Self {
        Self(Rc::new(Cell::new(seed)))
    }

    /// A generator for one concern. Does not draw from this one: the name alone tells forks of one seed apart.
    pub fn fork(&self, concern: &str) -> Self {
        // FNV-1a over the name.
        let name = concern.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self::new(mix(self.0.get() ^ mix(name)))
    }

    /// The next number.
    pub fn next(&self) -> u64 {
        let state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(state);
        mix(state)
    }

    /// A number below `bound`, which is at least 1.
    pub fn below(&self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// An index below `bound`, which is at least 1.
    pub fn index(&self, bound: usize) -> usize {
        self.below(bound as u64) as usize
    }

    /// A number from `least` to `most`, both included.
    pub fn between(&self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    /// True in `per_thousand` of a thousand cases.
    pub fn chance(&self, per_thousand: u64) -> bool {
        self.below(1000) < per_thousand
    }

    /// One of these.
    pub fn pick<T: Copy>(&self, from: &[T]) -> T {
        from[self.index(from.len())]
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
