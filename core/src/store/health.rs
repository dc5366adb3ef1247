//! What a store can say about itself.

use alloc::string::String;
use alloc::vec::Vec;

use super::Store;
use crate::error::Result;
use crate::kv::Atomicity;
use crate::plan::LEAST_GROUP_OPS;

/// A store's state, and what its host cannot promise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// Transactions over several spaces that are neither finished nor given up.
    pub pending_transactions: usize,
    /// What this host cannot promise, in sentences.
    pub warnings: Vec<String>,
}

impl Store {
    /// Looks at the store and its host.
    ///
    /// # Errors
    /// `UNAVAILABLE` when the host fails.
    pub async fn health(&self) -> Result<Health> {
        let inner = &self.inner;
        inner.check_open()?;
        let host = &inner.host;
        let mut warnings = Vec::new();
        let mut warn = |holds: bool, sentence: &str| {
            if !holds {
                warnings.push(String::from(sentence));
            }
        };
        warn(
            host.has_checks(),
            "The host honours no checks: this store must be the only writer, and leases are not available.",
        );
        warn(
            host.atomic() != Atomicity::None,
            "The host commits single rows only: a transaction over several spaces is not available, and small blocks are not merged.",
        );
        warn(
            host.atomic() != Atomicity::Space || host.has_checks(),
            "The host commits one space at a time: a transaction over several spaces is not available.",
        );
        warn(
            host.atomic() != Atomicity::Space || !host.has_checks(),
            "The host commits one space at a time: a transaction over several spaces takes several steps, and a lease cannot guard a write.",
        );
        warn(
            host.is_consistent(),
            "The host's reads may be stale: this store must be the only writer, and readers may not see for a while what was just written.",
        );
        let has_room = host.limits().max_batch_ops >= LEAST_GROUP_OPS;
        warn(
            host.is_exact() && has_room,
            "There are no consumer groups: they need atomic, checked, consistent commits of at least 32 operations.",
        );
        let pending_transactions =
            if host.atomic() == Atomicity::Space { inner.pending_transactions().await? } else { 0 };
        Ok(Health { pending_transactions, warnings })
    }

    /// Finishes or gives up transactions over several spaces that other instances left unfinished, as
    /// opening does. Elsewhere than on a host that commits one space at a time there are none.
    ///
    /// # Errors
    /// `UNAVAILABLE` when the host fails; `CLOSED`.
    pub async fn recover(&self) -> Result {
        self.inner.check_open()?;
        if self.inner.host.atomic() == Atomicity::Space {
            self.inner.recover().await?;
        }
        Ok(())
    }
}
