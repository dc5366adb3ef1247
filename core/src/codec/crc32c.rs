//! CRC-32C, the checksum of stored rows.
//!
//! In software, since WebAssembly has no instruction for it: eight tables take eight bytes a step, and three lanes of a
//! long input go side by side, so that the loads of one do not wait for those of another.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

const POLYNOMIAL: u32 = 0x82f6_3b78;
/// Bytes of one lane.
const LANE: usize = 512;

/// What a byte makes of a checksum. Atomic, as several threads may fill it at once: with the same numbers.
type Table = [AtomicU32; 256];

const fn zeros() -> Table {
    [const { AtomicU32::new(0) }; 256]
}

/// The tables, made at the first use: twelve kilobytes that no compression makes smaller would be a tenth of what a
/// browser loads.
struct Tables {
    made: AtomicBool,
    /// `steps[k][b]`: what the byte `b` does to the checksum when `k` bytes follow it.
    steps: [Table; 8],
    /// `skips[k][b]`: what a lane of zeros makes of the checksum `b << 8 * k`.
    skips: [Table; 4],
}

static TABLES: Tables =
    Tables { made: AtomicBool::new(false), steps: [const { zeros() }; 8], skips: [const { zeros() }; 4] };

impl Tables {
    #[inline]
    fn get() -> &'static Self {
        if !TABLES.made.load(Ordering::Acquire) {
            TABLES.make();
        }
        &TABLES
    }

    #[cold]
    #[inline(never)]
    fn make(&self) {
        let [first, ..] = &self.steps;
        fill(first, &|bit| {
            (0..8).fold(bit, |crc, _| if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 })
        });
        let zero = |crc: u32| (crc >> 8) ^ at(first, u64::from(crc));
        for (behind, table) in (0..).zip(&self.steps).skip(1) {
            fill(table, &|bit| (0..behind).fold(at(first, u64::from(bit)), |crc, _| zero(crc)));
        }
        for (place, table) in (0..).zip(&self.skips) {
            fill(table, &|bit| (0..LANE).fold(bit << (8 * place), |crc, _| zero(crc)));
        }
        self.made.store(true, Ordering::Release);
    }
}

/// Fills a table by what it says of single bits. The rest follows: a CRC is linear.
fn fill(table: &Table, of: &dyn Fn(u32) -> u32) {
    for (byte, place) in (0_u64..).zip(table).skip(1) {
        let lowest = byte & byte.wrapping_neg();
        let crc = if byte == lowest {
            of(1 << byte.trailing_zeros())
        } else {
            at(table, lowest) ^ at(table, byte ^ lowest)
        };
        place.store(crc, Ordering::Relaxed);
    }
}

/// A table at a byte: always inside.
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "a byte is below 256, and the compiler sees it")]
fn at(table: &Table, byte: u64) -> u32 {
    table[(byte & 0xff) as usize].load(Ordering::Relaxed)
}

#[inline(always)]
fn step(tables: &Tables, crc: u32, word: [u8; 8]) -> u32 {
    let [t0, t1, t2, t3, t4, t5, t6, t7] = &tables.steps;
    let x = u64::from_le_bytes(word) ^ u64::from(crc);
    at(t7, x)
        ^ at(t6, x >> 8)
        ^ at(t5, x >> 16)
        ^ at(t4, x >> 24)
        ^ at(t3, x >> 32)
        ^ at(t2, x >> 40)
        ^ at(t1, x >> 48)
        ^ at(t0, x >> 56)
}

/// What a lane of zeros makes of a checksum.
fn skip(tables: &Tables, crc: u32) -> u32 {
    let [s0, s1, s2, s3] = &tables.skips;
    let crc = u64::from(crc);
    at(s0, crc) ^ at(s1, crc >> 8) ^ at(s2, crc >> 16) ^ at(s3, crc >> 24)
}

fn extend(mut crc: u32, bytes: &[u8]) -> u32 {
    let tables = Tables::get();
    let mut rounds = bytes.chunks_exact(3 * LANE);
    for round in rounds.by_ref() {
        let (first, rest) = round.split_at(LANE);
        let (second, third) = rest.split_at(LANE);
        let words =
            first.as_chunks::<8>().0.iter().zip(second.as_chunks::<8>().0).zip(third.as_chunks::<8>().0);
        let (mut a, mut b, mut c) = (crc, 0, 0);
        for ((x, y), z) in words {
            a = step(tables, a, *x);
            b = step(tables, b, *y);
            c = step(tables, c, *z);
        }
        crc = skip(tables, skip(tables, a) ^ b) ^ c;
    }
    let (words, rest) = rounds.remainder().as_chunks::<8>();
    for word in words {
        crc = step(tables, crc, *word);
    }
    let [table, ..] = &tables.steps;
    for byte in rest {
        crc = (crc >> 8) ^ at(table, u64::from(crc ^ u32::from(*byte)));
    }
    crc
}

/// The CRC-32C (Castagnoli) of bytes that come in pieces.
///
/// ```
/// use streamkit_core::Crc32c;
///
/// assert_eq!(Crc32c::new().update(b"1234").update(b"56789").finish(), 0xe306_9283);
/// ```
#[derive(Clone)]
pub struct Crc32c(u32);

impl Crc32c {
    /// Before any bytes.
    pub const fn new() -> Self {
        Self(u32::MAX)
    }

    /// The checksum of these bytes alone.
    pub fn of(bytes: &[u8]) -> u32 {
        !extend(u32::MAX, bytes)
    }

    /// Takes these bytes in as well.
    pub fn update(&mut self, bytes: &[u8]) -> &mut Self {
        self.0 = extend(self.0, bytes);
        self
    }

    /// The checksum of all bytes so far.
    pub const fn finish(&self) -> u32 {
        !self.0
    }
}

impl Default for Crc32c {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for Crc32c {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Crc32c({:#010x})", self.finish())
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    /// Bit by bit, from the definition.
    fn slow(bytes: &[u8]) -> u32 {
        let mut crc = u32::MAX;
        for byte in bytes {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
            }
        }
        !crc
    }

    #[test]
    fn vectors() {
        // RFC 3720, B.4.
        let ascending: Vec<u8> = (0..32).collect();
        let descending: Vec<u8> = (0..32).rev().collect();
        assert_eq!(Crc32c::of(b""), 0);
        assert_eq!(Crc32c::of(b"123456789"), 0xe306_9283);
        assert_eq!(Crc32c::of(&[0; 32]), 0x8a91_36aa);
        assert_eq!(Crc32c::of(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(Crc32c::of(&ascending), 0x46dd_794e);
        assert_eq!(Crc32c::of(&descending), 0x113f_db5c);
        assert_eq!(alloc::format!("{:?}", Crc32c::default()), "Crc32c(0x00000000)");
    }

    proptest! {
        #[test]
        fn pieces_make_the_whole(bytes in proptest::collection::vec(any::<u8>(), 0..4000), at: prop::sample::Index) {
            let (head, tail) = bytes.split_at(at.index(bytes.len() + 1));
            prop_assert_eq!(Crc32c::new().update(head).update(tail).finish(), slow(&bytes));
            prop_assert_eq!(Crc32c::of(&bytes), slow(&bytes));
        }
    }
}
