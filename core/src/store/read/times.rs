//! Where a time is in a segment, by the commit rows of then.

use super::super::{Call, Inner};
use super::segment::SegmentRead;
use crate::id::EntryId;
use crate::layout::commit;
use crate::layout::space::SpaceHead;

/// Commit rows that are looked at, and their bytes: those of other segments may be in the way.
const MOST_ROWS: usize = 64;
const MOST_BYTES: usize = 16 << 10;

impl Inner {
    /// The first sequence that was committed at `min` or later, where commit rows name it.
    pub(super) fn sequence_at<'c>(
        &'c self,
        read: &'c SegmentRead,
        min: u64,
        head: &'c SpaceHead,
    ) -> Call<'c, Option<u64>> {
        alloc::boxed::Box::pin(async move {
            if !self.host.is_consistent() {
                return Ok(None);
            }
            let before = EntryId::new(min, 0).before();
            let range = commit::range(&read.space, before, EntryId::MAX);
            let limits = (MOST_ROWS, MOST_BYTES);
            let (rows, _) = self.commit_rows(range, &read.space, limits, &head.voids).await?;
            let mut passed = before.max(head.trimmed);
            for (last, (_, value)) in rows {
                // What is damaged or missing there keeps nobody from the blocks.
                let Some(row) = commit::decode(value, last).ok().filter(|row| row.previous <= passed) else {
                    break;
                };
                let mut mine = row.items.iter().filter(|item| *item.segment == *read.segment);
                if let Some(item) = mine.find(|item| item.first_id.ms >= min) {
                    return Ok(Some(item.first_sequence));
                }
                passed = last;
            }
            Ok(None)
        })
    }
}
