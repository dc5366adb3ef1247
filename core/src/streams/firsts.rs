//! The first records of many streams at once: a row of commits has to be searched for, but the heads of segments say
//! where they began.

use alloc::string::ToString;
use alloc::vec::Vec;

use super::info::FoundStream;
use crate::error::Result;
use crate::id::EntryId;
use crate::layout::segment::{self, SegmentHead};
use crate::store::Inner;

/// Past so many partitions searching is less than reading all their heads.
const MOST_PARTITIONS: u32 = 16;

impl Inner {
    /// Remembers the first records of streams of which nothing was trimmed so far, as far as their segments tell.
    pub(super) async fn learn_firsts(&self, found: &[FoundStream]) -> Result {
        if !self.remembers() {
            return Ok(());
        }
        let is_open = |(name, head, meta): &&FoundStream| {
            head.trimmed == EntryId::ZERO
                && head.records > 0
                && meta.partitions <= MOST_PARTITIONS
                && self.known_first(name, EntryId::ZERO).is_none()
        };
        let open: Vec<&FoundStream> = found.iter().filter(is_open).collect();
        if open.len() < 2 {
            return Ok(());
        }
        let mut keys = Vec::new();
        for (name, _, meta) in &open {
            keys.extend((0..meta.partitions).map(|number| segment::key(name, &number.to_string())));
        }
        let mut rows = self.host.get(keys).await?.into_iter();
        for (name, head, meta) in open {
            let mut segments = Vec::new();
            for row in (0..meta.partitions).filter_map(|_| rows.next()) {
                segments.extend(row.and_then(|row| SegmentHead::decode(&row).ok()));
            }
            // Else some were appended to since or are damaged, or the space has other segments as well.
            let records: u64 = segments.iter().map(|segment| segment.last_sequence).sum();
            let is_all =
                records == head.records && segments.iter().all(|segment| segment.last_id <= head.last_id);
            if let Some(first) = segments.iter().map(|segment| segment.first_id).min().filter(|_| is_all) {
                self.note_first(name, EntryId::ZERO, first);
            }
        }
        Ok(())
    }
}
