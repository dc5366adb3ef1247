//! Calls of a host, counted.

use std::cell::Cell;

use streamkit_core::Result;

use super::hooked::{Hook, HostCall};

/// How many calls of a host there were.
#[derive(Default)]
pub(crate) struct Calls {
    pub(crate) gets: Cell<u64>,
    pub(crate) scans: Cell<u64>,
    pub(crate) commits: Cell<u64>,
}

impl Calls {
    /// Gets, scans and commits since the last time.
    pub(crate) fn take(&self) -> (u64, u64, u64) {
        (self.gets.take(), self.scans.take(), self.commits.take())
    }
}

impl Hook for Calls {
    async fn before(&self, call: HostCall<'_>) -> Result {
        let count = match call {
            HostCall::Get(_) => &self.gets,
            HostCall::Scan(_) => &self.scans,
            HostCall::Commit(_) => &self.commits,
        };
        count.set(count.get() + 1);
        Ok(())
    }
}
