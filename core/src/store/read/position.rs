//! Where a segment goes on after an id, by the commit rows of then.

use super::super::{Call, Inner};
use crate::id::EntryId;
use crate::layout::commit;
use crate::layout::space::SpaceHead;

/// Commit rows that are looked at, and their bytes: those of other segments may be in the way.
const MOST_ROWS: usize = 64;
const MOST_BYTES: usize = 16 << 10;

impl Inner {
    /// The first sequence of a segment above an id, where commit rows name it soon after that.
    pub(crate) fn sequence_after<'c>(
        &'c self,
        (space, segment): (&'c str, &'c str),
        after: EntryId,
        head: &'c SpaceHead,
    ) -> Call<'c, Option<u64>> {
        alloc::boxed::Box::pin(async move {
            if !self.host.is_consistent() {
                return Ok(None);
            }
            let mut passed = after.max(head.trimmed);
            let range = commit::range(space, passed, EntryId::MAX);
            let limits = (MOST_ROWS, MOST_BYTES);
            let (rows, _) = self.commit_rows(range, space, limits, &head.voids).await?;
            for (last, (_, value)) in rows {
                // What is damaged or missing there keeps nobody from the blocks.
                let Some(row) = commit::decode(value, last).ok().filter(|row| row.previous <= passed) else {
                    break;
                };
                let mut mine = row.items.iter().filter(|item| *item.segment == *segment);
                if let Some(item) = mine.find(|item| item.last_id() > passed) {
                    let inside = if item.first_id > passed { 0 } else { passed.n - item.first_id.n + 1 };
                    return Ok(Some(item.first_sequence + inside));
                }
                passed = last;
            }
            Ok(None)
        })
    }
}
