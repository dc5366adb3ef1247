//! Reads without bounds, by pages of up to a mebibyte.

use streamkit_core::{EntryId, SegmentRead, SpaceRead};

pub(crate) fn segment_read(space: &str, segment: &str, from: u64, max_entries: u64) -> SegmentRead {
    SegmentRead {
        space: space.into(),
        segment: segment.into(),
        from,
        max_sequence: None,
        min_timestamp: None,
        max_timestamp: None,
        max_entries,
        max_bytes: 1 << 20,
    }
}

pub(crate) fn space_read(space: &str, after: EntryId, max_entries: u64) -> SpaceRead {
    SpaceRead {
        space: space.into(),
        after,
        min_timestamp: None,
        max_timestamp: None,
        max_entries,
        max_bytes: 1 << 20,
    }
}
