//! What a store draws at random: nonces and ids.

use alloc::boxed::Box;

use uuid::{Builder, Uuid};

use super::Inner;
use crate::env::Entropy;

/// Bytes of randomness drawn at a time: enough for some hundreds of appends, each of which needs an id.
const POOL_BYTES: usize = 4096;

/// Randomness drawn from the source in larger pieces.
#[derive(Debug)]
pub(crate) struct RandomPool {
    bytes: Box<[u8]>,
    used: usize,
}

impl RandomPool {
    pub(crate) fn new() -> Self {
        Self { bytes: Box::from([0; POOL_BYTES]), used: POOL_BYTES }
    }

    fn take<const N: usize>(&mut self, entropy: &dyn Entropy) -> [u8; N] {
        if self.used + N > self.bytes.len() {
            entropy.fill(&mut self.bytes);
            self.used = 0;
        }
        let piece = self.bytes.get(self.used..).and_then(|rest| rest.first_chunk::<N>());
        self.used += N;
        piece.copied().unwrap_or([0; N])
    }

    pub(crate) fn nonce(&mut self, entropy: &dyn Entropy) -> u64 {
        u64::from_le_bytes(self.take(entropy))
    }

    /// A UUIDv7 of that moment.
    pub(crate) fn uuid(&mut self, entropy: &dyn Entropy, now: u64) -> Uuid {
        let random = self.take::<10>(entropy);
        Builder::from_unix_timestamp_millis(now, &random).into_uuid()
    }
}

impl Inner {
    /// A number that no other head or row has.
    pub(crate) fn nonce(&self) -> u64 {
        self.random.borrow_mut().nonce(&*self.env.entropy)
    }

    /// A UUIDv7 of that moment.
    pub(super) fn uuid(&self, now: u64) -> Uuid {
        self.random.borrow_mut().uuid(&*self.env.entropy, now)
    }
}
