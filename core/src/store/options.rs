//! How a store is opened, and what it may hold.

use uuid::Uuid;

use crate::kv::Durability;

/// When blocks are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// Where the host says that bytes are what costs, and by an explicit compaction.
    #[default]
    Auto,
    /// Never.
    None,
    /// At every commit and every merge.
    Always,
}

/// How to open a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenOptions {
    /// The store that must be there. `None`: the one that is there, else a new UUIDv7.
    pub store_id: Option<Uuid>,
    /// What a write must survive when it does not say. Default strict.
    pub durability: Durability,
    /// When blocks are compressed. Default [`Compression::Auto`].
    pub compression: Compression,
    /// A host call that takes longer fails, in milliseconds; 0: never. Default 30,000.
    pub host_timeout: u64,
    /// How often waiters look where the host gives no hint, in milliseconds. Default 1,000.
    pub poll_interval: u64,
    /// Small blocks are merged in the background. Default true.
    pub auto_compact: bool,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            store_id: None,
            durability: Durability::Strict,
            compression: Compression::Auto,
            host_timeout: 30_000,
            poll_interval: 1_000,
            auto_compact: true,
        }
    }
}

/// What one record and one commit may hold, in bytes. A record is its payload and its metadata; each
/// pair of metadata counts eight bytes more, and there being any, four. In a commit each record counts
/// eight bytes more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreLimits {
    /// Bytes of one record.
    pub max_record_bytes: usize,
    /// Bytes of the records of one write.
    pub max_commit_bytes: usize,
    /// Records of one write.
    pub max_commit_records: usize,
}
