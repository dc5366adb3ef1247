//! Streams in buffers that cross the boundary, as `frames` has the rest.

use alloc::vec::Vec;

use streamkit_core::{StreamInfo, StreamList};

use crate::frames::{put_prefixed, put_u32};

/// A stream as it stands.
///
/// ```text
/// u32 length, name | u32 partitions | u64 milliseconds, u64 n of the first id | u64, u64 of the last
/// u64 records | u64 bytes | u64 most milliseconds, u64 most records, u64 most bytes kept, 0: any
/// u64 milliseconds of its creation
/// ```
pub(crate) fn write_stream(stream: &StreamInfo) -> Vec<u8> {
    let mut out = Vec::with_capacity(stream.name.len() + 88);
    put_stream(&mut out, stream);
    out
}

fn put_stream(out: &mut Vec<u8>, stream: &StreamInfo) {
    put_prefixed(out, stream.name.as_bytes());
    out.extend_from_slice(&stream.partitions.to_le_bytes());
    let retention = &stream.retention;
    for value in [
        stream.first_id.ms,
        stream.first_id.n,
        stream.last_id.ms,
        stream.last_id.n,
        stream.count,
        stream.bytes,
        retention.max_age.unwrap_or(0),
        retention.max_count.unwrap_or(0),
        retention.max_bytes.unwrap_or(0),
        stream.created_at,
    ] {
        out.extend_from_slice(&value.to_le_bytes());
    }
}

/// A page of streams, and where to go on.
///
/// ```text
/// u32 length, name to go on after, empty at the end | u32 count, count x stream
/// ```
pub(crate) fn write_streams(list: &StreamList) -> Vec<u8> {
    let mut out = Vec::with_capacity(8 + list.streams.len() * 120);
    put_prefixed(&mut out, list.rest.as_deref().unwrap_or_default().as_bytes());
    put_u32(&mut out, list.streams.len());
    for stream in &list.streams {
        put_stream(&mut out, stream);
    }
    out
}
