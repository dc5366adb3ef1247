//! Chance that can be repeated.

/// The `SplitMix64` generator (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014): the same seed
/// gives the same numbers, everywhere. For tests and simulations, not for secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// The generator of this seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number, each as likely as any other.
    pub const fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 where `bound` is 0.
    pub const fn below(&mut self, bound: u64) -> u64 {
        // The bias is at most bound / 2^64.
        match self.next_u64().checked_rem(bound) {
            Some(number) => number,
            None => 0,
        }
    }

    /// True with this probability: never at 0 and below, always at 1 and above. One number is drawn either way.
    pub fn chance(&mut self, probability: f64) -> bool {
        let [a, b, c, d, ..] = self.next_u64().to_be_bytes();
        f64::from(u32::from_be_bytes([a, b, c, d])) < probability * 4_294_967_296.0
    }

    /// A generator of its own, which this one's later numbers do not depend on.
    #[must_use]
    pub const fn fork(&mut self) -> Self {
        Self(self.next_u64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors() {
        // The reference implementation, seed 1234567.
        let mut random = SplitMix64::new(1_234_567);
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!(expected.map(|_| random.next_u64()), expected);
    }

    #[test]
    fn chances_are_kept() {
        let mut random = SplitMix64::new(1);
        let mut hits = |probability| (0..10_000).filter(|_| random.chance(probability)).count();
        assert_eq!([hits(0.0), hits(-1.0), hits(f64::NAN), hits(1.0), hits(2.0)], [0, 0, 0, 10_000, 10_000]);
        assert!((2300..2700).contains(&hits(0.25)));
    }

    #[test]
    fn bounds_are_kept() {
        let mut random = SplitMix64::new(1);
        assert_eq!(random.below(0), 0);
        let mut seen = [false; 5];
        for _ in 0..100 {
            seen[usize::try_from(random.below(5)).unwrap()] = true;
        }
        assert_eq!(seen, [true; 5]);
        assert_ne!(random.fork(), random.fork());
    }
}
