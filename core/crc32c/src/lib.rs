//! CRC-32C, the checksum of stored rows.
//!
//! In software, since WebAssembly has no instruction for it. Eight tables take eight bytes a step. Of a long input, all
//! but the end is first cancelled, several words at a time and without tables: a multiple of the polynomial that has few
//! terms is added wherever it takes a word away. The idea is Sam Russell's ("Chorba: A novel CRC32 implementation", 2024,
//! arXiv 2412.16398); this multiple is another one, for another polynomial, and has whole words between its terms.

#![no_std]

#[cfg(test)]
extern crate alloc;

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

const POLYNOMIAL: u32 = 0x82f6_3b78;
/// x^(64 * 209) is the sum of x^(64 * (209 - t)) for these t, modulo the polynomial. There is none of fewer terms that
/// spans less than forty kilobytes.
const TERMS: [usize; 5] = [65, 155, 170, 195, SPAN];
/// Words from the first term of the multiple to its last.
const SPAN: usize = 209;
/// Words that are cancelled at a time: none of them may depend on another.
const BLOCK: usize = 64;
/// Words that are remembered.
const MEMORY: usize = SPAN + 4 * BLOCK;
/// Bytes from which on cancelling pays.
const LONG: usize = 4096;
const _: () = assert!(LONG >= 8 * (SPAN + BLOCK), "a long input has words to cancel");

/// What a byte makes of a checksum. Atomic, as several threads may fill it at once: with the same numbers.
type Table = [AtomicU32; 256];

const fn zeros() -> Table {
    [const { AtomicU32::new(0) }; 256]
}

/// The tables, made at the first use: eight kilobytes that no compression makes smaller are too much for what a browser
/// loads.
struct Tables {
    made: AtomicBool,
    /// `steps[k][b]`: what the byte `b` does to the checksum when `k` bytes follow it.
    steps: [Table; 8],
}

static TABLES: Tables = Tables { made: AtomicBool::new(false), steps: [const { zeros() }; 8] };

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

// Not inline, since it is called three times.
#[inline(never)]
fn by_tables(mut crc: u32, bytes: &[u8]) -> u32 {
    let tables = Tables::get();
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        crc = step(tables, crc, *word);
    }
    let [table, ..] = &tables.steps;
    for byte in rest {
        crc = (crc >> 8) ^ at(table, u64::from(crc ^ u32::from(*byte)));
    }
    crc
}

/// Words that were cancelled, the last at the end; at least as many as the multiple spans, at first zeros.
struct Cancelled {
    words: [u64; MEMORY],
    end: usize,
}

impl Cancelled {
    const fn none() -> Self {
        Self { words: [0; MEMORY], end: SPAN }
    }

    /// The words from so many before the end on.
    fn last(&self, back: usize) -> &[u64] {
        self.words.get(self.end - back..self.end).unwrap_or_default()
    }

    /// Cancels a block: what is left of a word, once those before it were cancelled, is what cancels it.
    #[cfg_attr(target_family = "wasm", target_feature(enable = "simd128"))]
    fn take(&mut self, block: &[[u8; 8]; BLOCK], crc: u32) {
        if self.end + BLOCK > MEMORY {
            self.words.copy_within(self.end - SPAN..self.end, 0);
            self.end = SPAN;
        }
        let (before, after) = self.words.split_at_mut(self.end);
        let [a, b, c, d, e] =
            TERMS.map(|term| before.get(self.end - term..).and_then(<[u64]>::first_chunk::<BLOCK>));
        let (Some(out), Some(a), Some(b), Some(c), Some(d), Some(e)) =
            (after.first_chunk_mut::<BLOCK>(), a, b, c, d, e)
        else {
            return;
        };
        for ((((((out, word), a), b), c), d), e) in
            out.iter_mut().zip(block).zip(a).zip(b).zip(c).zip(d).zip(e)
        {
            *out = u64::from_le_bytes(*word) ^ a ^ b ^ c ^ d ^ e;
        }
        if let Some(first) = out.first_mut() {
            *first ^= u64::from(crc);
        }
        self.end += BLOCK;
    }
}

// Not inline, since it would be there once for each term.
#[inline(never)]
fn add(words: &mut [[u8; 8]], added: &[u64]) {
    for (word, added) in words.iter_mut().zip(added) {
        *word = (u64::from_le_bytes(*word) ^ added).to_le_bytes();
    }
}

/// As much of a long input as leaves the rest behind the words that the multiple spans: what these come to, from a
/// checksum of nothing on, and the rest.
fn cancel(mut crc: u32, bytes: &[u8]) -> Option<([[u8; 8]; SPAN], &[u8])> {
    let blocks = (bytes.len() / 8).checked_sub(SPAN)? / BLOCK;
    let (blocks, rest) = bytes.split_at_checked(blocks * BLOCK * 8)?;
    let mut cancelled = Cancelled::none();
    for block in blocks.as_chunks::<8>().0.as_chunks::<BLOCK>().0 {
        cancelled.take(block, crc);
        crc = 0;
    }
    let (left, rest) = rest.split_at_checked(SPAN * 8)?;
    let mut left = *left.as_chunks::<8>().0.first_chunk::<SPAN>()?;
    for term in TERMS {
        add(&mut left, cancelled.last(term));
    }
    Some((left, rest))
}

fn extend(crc: u32, bytes: &[u8]) -> u32 {
    if bytes.len() >= LONG
        && let Some((left, rest)) = cancel(crc, bytes)
    {
        return by_tables(by_tables(0, left.as_flattened()), rest);
    }
    by_tables(crc, bytes)
}

/// The CRC-32C (Castagnoli) of bytes that come in pieces.
///
/// ```
/// use streamkit_crc32c::Crc32c;
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
        fn pieces_make_the_whole(bytes in proptest::collection::vec(any::<u8>(), 0..20_000), at: prop::sample::Index) {
            let (head, tail) = bytes.split_at(at.index(bytes.len() + 1));
            prop_assert_eq!(Crc32c::new().update(head).update(tail).finish(), slow(&bytes));
            prop_assert_eq!(Crc32c::of(&bytes), slow(&bytes));
        }
    }
}
