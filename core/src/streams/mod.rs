//! Streams with partitions over spaces: a stream is a space, its partition n the segment named "n".

mod wyhash;

pub(crate) use wyhash::wyhash;

/// The partition of a key, or its slot, out of so many.
pub fn partition_of_key(key: &str, partitions: u32) -> u32 {
    let hash = wyhash(0, key.as_bytes());
    // The remainder is below a u32.
    u32::try_from(hash % u64::from(partitions.max(1))).unwrap_or(0)
}
