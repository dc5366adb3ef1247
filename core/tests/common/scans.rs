//! What scans give, counted.

use std::cell::Cell;

use streamkit_core::{Kv, MemoryKv, Result};

use super::hooked::{Hook, HostCall};

/// Counts scans, and the bytes that they give.
pub(crate) struct Scans {
    inner: MemoryKv,
    pub(crate) count: Cell<u64>,
    pub(crate) bytes: Cell<usize>,
}

impl Scans {
    pub(crate) fn of(inner: &MemoryKv) -> Self {
        Self { inner: inner.clone(), count: Cell::new(0), bytes: Cell::new(0) }
    }

    /// From nothing.
    pub(crate) fn reset(&self) {
        self.count.set(0);
        self.bytes.set(0);
    }
}

impl Hook for Scans {
    async fn before(&self, call: HostCall<'_>) -> Result {
        if let HostCall::Scan(range) = call {
            let page = self.inner.scan(range.clone()).await?;
            let bytes: usize = page.pairs.iter().map(|(_, value)| value.len()).sum();
            self.count.set(self.count.get() + 1);
            self.bytes.set(self.bytes.get() + bytes);
        }
        Ok(())
    }
}
