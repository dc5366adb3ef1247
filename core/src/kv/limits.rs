//! What a host can do, as numbers and promises.

use super::Batch;
use crate::error::{Error, Result};

/// How much one commit covers atomically.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Atomicity {
    /// Any rows of the store.
    Store,
    /// The rows of one [`Scope`](crate::Scope): one space, one redo record, one lease.
    Space,
    /// A single row.
    None,
}

/// The abilities and limits of a host. A store is not opened where they are too small for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostLimits {
    /// Longest key, in bytes. At least 64; names of any length need 280, those of consumer groups 412.
    pub max_key_bytes: usize,
    /// Longest value, in bytes. At least 4096; a record must fit one, less some 400 bytes.
    pub max_value_bytes: usize,
    /// Most checks, deletes and puts of one commit together. At least 16, unless single rows are committed.
    pub max_batch_ops: usize,
    /// Most bytes of keys and values of one commit together. At least 16,384, unless single rows are committed.
    pub max_batch_bytes: usize,
    /// The row size at which the host is at its best; blocks grow to it. Not above the longest value.
    pub block_bytes: usize,
    /// What one commit covers atomically.
    pub atomic: Atomicity,
    /// Checks are honoured; without them the store must be the only writer.
    pub checks: bool,
    /// Reads see the latest write, and one get is one snapshot; without it the store must be the only writer, and be
    /// shown what was written before it was opened and by itself.
    pub consistent: bool,
    /// Others may write the same data: other stores of this process, other processes, tabs or machines.
    pub shared: bool,
    /// Bytes are what costs: blocks are compressed when they are committed.
    pub compress: bool,
}

impl Default for HostLimits {
    /// Generous limits of a host that can do everything.
    fn default() -> Self {
        Self {
            max_key_bytes: 1024,
            max_value_bytes: 16 << 20,
            max_batch_ops: 100_000,
            max_batch_bytes: 64 << 20,
            block_bytes: 100 << 10,
            atomic: Atomicity::Store,
            checks: true,
            consistent: true,
            shared: true,
            compress: false,
        }
    }
}

impl HostLimits {
    /// That a commit keeps to the four sizes: for a host to ask before it applies anything. Checks count as operations,
    /// and their keys and values as bytes.
    ///
    /// # Errors
    ///
    /// `LIMIT_EXCEEDED`, with what is too large.
    pub fn check_batch(&self, batch: &Batch) -> Result {
        let ops = [batch.checks.len(), batch.deletes.len(), batch.puts.len()];
        within("batch operations", self.max_batch_ops, ops.into_iter().fold(0, usize::saturating_add))?;
        let mut total = 0_usize;
        for (key, value) in batch.rows() {
            let value = value.map_or(0, |value| value.len());
            within("key bytes", self.max_key_bytes, key.len())?;
            within("value bytes", self.max_value_bytes, value)?;
            total = total.saturating_add(key.len()).saturating_add(value);
        }
        within("batch bytes", self.max_batch_bytes, total)
    }
}

fn within(what: &'static str, limit: usize, actual: usize) -> Result {
    if actual > limit { Err(Error::limit(what, limit as u64, actual as u64)) } else { Ok(()) }
}
