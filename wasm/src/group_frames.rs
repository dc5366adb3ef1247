//! Consumer groups in buffers that cross the boundary, as `frames` has the rest.

use alloc::vec::Vec;

use streamkit_core::{Deliveries, GroupInfo, GroupMode, Mark, PendingRecord};

use crate::frames::{put_prefixed, put_u32};
use crate::numbers::number;

fn put_u64s(out: &mut Vec<u8>, values: &[u64]) {
    for value in values {
        out.extend_from_slice(&value.to_le_bytes());
    }
}

/// A deadline; the largest integer stands for one that never comes.
fn deadline(value: Option<u64>) -> u64 {
    value.unwrap_or(streamkit_core::MAX_INTEGER)
}

/// What is known of a group.
///
/// ```text
/// u32 length, stream | u32 length, group | u32 mode: 0 shared, 1 exclusive, 2 by key
/// u64 pending | u64 trimmed while pending | u64 milliseconds, u64 n of the last id delivered
/// u64 lag | u64 milliseconds of its creation
/// u32 consumers, per consumer: u32 length, name | u32 active | u64 pending
/// ```
pub(crate) fn write_group(info: &GroupInfo) -> Vec<u8> {
    let mut out = Vec::with_capacity(128 + info.consumers.len() * 32);
    put_prefixed(&mut out, info.stream.as_bytes());
    put_prefixed(&mut out, info.group.as_bytes());
    put_u32(
        &mut out,
        match info.mode {
            GroupMode::Shared => 0,
            GroupMode::Exclusive => 1,
            GroupMode::KeyShared => 2,
        },
    );
    let last = info.last_delivered;
    put_u64s(&mut out, &[info.pending, info.trimmed_pending, last.ms, last.n, info.lag, info.created_at]);
    put_u32(&mut out, info.consumers.len());
    for consumer in &info.consumers {
        put_prefixed(&mut out, consumer.name.as_bytes());
        put_u32(&mut out, usize::from(consumer.active));
        put_u64s(&mut out, &[consumer.pending]);
    }
    out
}

/// What one step of a read gave, but for its page, which follows.
///
/// ```text
/// f64 milliseconds after which to look again, -1 for never
/// u32 runs of neighbours alike, per run: u32 records | u64 deliveries | u64 deadline
/// a page
/// ```
pub(crate) fn write_marks(got: &Deliveries, next: Option<u64>) -> Vec<u8> {
    let mut runs: Vec<(usize, Mark)> = Vec::new();
    for mark in &got.marks {
        match runs.last_mut() {
            Some((count, same)) if same == mark => *count += 1,
            _ => runs.push((1, *mark)),
        }
    }
    let mut out = Vec::with_capacity(12 + runs.len() * 20);
    out.extend_from_slice(&next.map_or(-1.0, number).to_le_bytes());
    put_u32(&mut out, runs.len());
    for (count, mark) in runs {
        put_u32(&mut out, count);
        put_u64s(&mut out, &[mark.delivery_count, deadline(mark.deadline)]);
    }
    out
}

/// Records that are pending.
///
/// ```text
/// u32 records, per record: u64 milliseconds, u64 n | u32 length, consumer
///     u64 deliveries | u64 delivered at | u64 deadline
/// ```
pub(crate) fn write_pending(records: &[PendingRecord]) -> Vec<u8> {
    let mut out = Vec::with_capacity(4 + records.len() * 64);
    put_u32(&mut out, records.len());
    for record in records {
        put_u64s(&mut out, &[record.id.ms, record.id.n]);
        put_prefixed(&mut out, record.consumer.as_bytes());
        put_u64s(&mut out, &[record.delivery_count, record.delivered_at, deadline(record.deadline)]);
    }
    out
}
