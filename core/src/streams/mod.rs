//! Streams with partitions over spaces: a stream is a space whose head carries a stream's metadata, its
//! partition n is the segment named "n". A space without metadata is no stream until it is created as
//! one, or appended to as one. Reading is possible all the same: it is the reading of the space.

mod append;
mod cut;
mod firsts;
mod info;
mod lifecycle;
mod memory;
mod place;
mod read;
mod stretch;
mod trim;
mod wyhash;

pub use append::{PARTITION_KEY, StreamAppend, StreamAppended};
pub use info::{StreamInfo, StreamList};
pub use lifecycle::MOST_PARTITIONS;
pub use read::{PartitionChoice, StreamRead};
pub use trim::{Trim, Trimmed};
pub(crate) use wyhash::wyhash;

use crate::error::{Error, ErrorCode};

/// The partition of a key, or its slot, out of so many.
pub fn partition_of_key(key: &str, partitions: u32) -> u32 {
    let hash = wyhash(0, key.as_bytes());
    // The remainder is below a u32.
    u32::try_from(hash % u64::from(partitions.max(1))).unwrap_or(0)
}

fn not_found(name: &str) -> Error {
    Error::new(ErrorCode::NotFound, alloc::format!("name: there is no stream \"{name}\""))
}
