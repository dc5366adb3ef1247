//! Wyhash, final version 4, as the partition of a key is chosen by it. Persisted by its use: the same
//! key must be in the same partition for ever.

const SECRET: [u64; 4] =
    [0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db, 0x8ebc_6af0_9c88_c6e3, 0x5899_65cc_7537_4cc3];

/// The hash of `key` with `seed`.
pub(crate) fn wyhash(seed: u64, key: &[u8]) -> u64 {
    let mut state = seed ^ mix(seed ^ SECRET[0], SECRET[1]);
    let (a, b) = if key.len() <= 16 {
        ends(key)
    } else {
        let mut rest = key;
        if key.len() > 48 {
            let (mut second, mut third) = (state, state);
            while rest.len() > 48 {
                state = mix(word(rest, 0) ^ SECRET[1], word(rest, 8) ^ state);
                second = mix(word(rest, 16) ^ SECRET[2], word(rest, 24) ^ second);
                third = mix(word(rest, 32) ^ SECRET[3], word(rest, 40) ^ third);
                rest = from(rest, 48);
            }
            state ^= second ^ third;
        }
        while rest.len() > 16 {
            state = mix(word(rest, 0) ^ SECRET[1], word(rest, 8) ^ state);
            rest = from(rest, 16);
        }
        (word(key, key.len() - 16), word(key, key.len() - 8))
    };
    let (low, high) = product(a ^ SECRET[1], b ^ state);
    mix(low ^ SECRET[0] ^ key.len() as u64, high ^ SECRET[1])
}

/// What a key of at most 16 bytes is hashed by.
fn ends(key: &[u8]) -> (u64, u64) {
    let half = |at: usize| word(key, at) & 0xffff_ffff;
    match key.len() {
        0 => (0, 0),
        length @ 1..4 => {
            let byte = |at: usize| key.get(at).copied().map_or(0, u64::from);
            (byte(0) << 16 | byte(length >> 1) << 8 | byte(length - 1), 0)
        }
        length => {
            let quarter = (length >> 3) << 2;
            let end = length - 4;
            (half(0) << 32 | half(quarter), half(end) << 32 | half(end - quarter))
        }
    }
}

fn from(bytes: &[u8], at: usize) -> &[u8] {
    bytes.get(at..).unwrap_or_default()
}

/// Eight bytes, little-endian; those beyond the end are 0.
fn word(bytes: &[u8], at: usize) -> u64 {
    let bytes = from(bytes, at);
    match bytes.first_chunk::<8>() {
        Some(eight) => u64::from_le_bytes(*eight),
        None => bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

/// Both halves of a product.
#[expect(clippy::cast_possible_truncation, reason = "the halves are what is wanted")]
fn product(a: u64, b: u64) -> (u64, u64) {
    let both = u128::from(a) * u128::from(b);
    (both as u64, (both >> 64) as u64)
}

fn mix(a: u64, b: u64) -> u64 {
    let (low, high) = product(a, b);
    low ^ high
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[test]
    fn the_published_vectors() {
        let digits = "1234567890".repeat(8);
        let vectors: [(u64, &str, u64); 7] = [
            (0, "", 0x0409_638e_e2bd_e459),
            (1, "a", 0xa841_2d09_1b5f_e0a9),
            (2, "abc", 0x32dd_92e4_b291_5153),
            (3, "message digest", 0x8619_1240_89a3_a16b),
            (4, "abcdefghijklmnopqrstuvwxyz", 0x7a43_afb6_1d7f_5f40),
            (5, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 0xff42_329b_90e5_0d58),
            (6, &digits, 0xc39c_ab13_b115_aad3),
        ];
        for (seed, key, hash) in vectors {
            assert_eq!(wyhash(seed, key.as_bytes()), hash, "{key}");
        }
    }

    #[test]
    fn keys_as_partitions_are_chosen_by_them() {
        let vectors: [(&str, u64, [u64; 6]); 7] = [
            ("alice", 0xd219_2b2d_ffd8_439d, [1, 1, 1, 5, 13, 157]),
            ("bob", 0x5f41_69f7_3b13_ee9e, [0, 2, 2, 6, 14, 158]),
            ("carol", 0x1afd_571a_7978_18a6, [0, 1, 2, 6, 6, 166]),
            ("order-12345", 0x72a7_ffea_4e17_1243, [1, 2, 3, 3, 3, 67]),
            ("user-123", 0xbf46_b4a9_e325_4bc6, [0, 1, 2, 6, 6, 198]),
            ("a", 0x28d2_0533_09d2_8531, [1, 2, 1, 1, 1, 49]),
            ("any-key", 0x856f_e2a7_6b80_d849, [1, 0, 1, 1, 9, 73]),
        ];
        for (key, hash, parts) in vectors {
            let found = wyhash(0, key.as_bytes());
            assert_eq!(found, hash, "{key}");
            assert_eq!([2, 3, 4, 8, 16, 256].map(|count| found % count), parts, "{key}");
        }
    }

    proptest! {
        #[test]
        fn every_byte_of_every_length_counts(key in prop::collection::vec(any::<u8>(), 1..200), at in any::<prop::sample::Index>(), seed: u64) {
            let mut other: Vec<u8> = key.clone();
            let byte = at.get_mut(&mut other);
            *byte = byte.wrapping_add(1);
            prop_assert_ne!(wyhash(seed, &key), wyhash(seed, &other));
        }
    }
}
