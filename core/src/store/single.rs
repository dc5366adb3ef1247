//! Hosts without atomic commits or checks: one writer, row by row, and the space head last. What
//! stands in rows above a head was never committed.

use alloc::rc::Rc;
use alloc::vec::Vec;

use super::Inner;
use crate::error::Result;
use crate::kv::{Batch, Bytes, Commit, Durability, Put, ScanRange};
use crate::layout::{block, commit};
use crate::plan::PlannedSpace;

impl Inner {
    /// Blocks, then segment heads that the last space head carried, commit rows, the space head: its
    /// put is the commit.
    pub(crate) async fn commit_row_by_row(
        &self,
        spaces: &[PlannedSpace],
        durability: Durability,
    ) -> Result<Commit> {
        for planned in spaces {
            for row in planned.puts() {
                self.put_alone(row.clone(), durability).await?;
            }
        }
        Ok(Commit::Applied)
    }

    /// New rows, the space head, and only then what they replace: a reader in between sees both.
    pub(crate) async fn commit_patch_row_by_row(&self, batch: Batch, head: Put) -> Result<Commit> {
        let durability = batch.durability;
        for row in batch.puts {
            self.put_alone(row, durability).await?;
        }
        self.put_alone(head, durability).await?;
        self.delete_each(batch.deletes, durability).await?;
        Ok(Commit::Applied)
    }

    async fn put_alone(&self, row: Put, durability: Durability) -> Result {
        let batch = Batch { puts: Vec::from([row]), durability, ..Batch::default() };
        self.host.commit(batch).await.map(drop)
    }

    async fn delete_each(&self, keys: Vec<Bytes>, durability: Durability) -> Result {
        for key in keys {
            let batch = Batch { deletes: Vec::from([key]), durability, ..Batch::default() };
            self.host.commit(batch).await?;
        }
        Ok(())
    }

    /// Removes blocks above a segment's last sequence: leftovers of a writer that stopped before its
    /// space head. They must go before their sequences are given out again.
    pub(crate) async fn sweep_blocks(&self, space: &str, segment: &str, last: u64) -> Result {
        let range = block::range(space, segment, last + 1);
        self.sweep(range.start, range.end).await
    }

    /// Removes commit rows above the space's last id.
    pub(crate) async fn sweep_commits(self: &Rc<Self>, space: &str) -> Result {
        let last = self.cache.borrow().space(space).map(|known| known.head.last_id);
        let Some(last) = last else { return Ok(()) };
        let all = commit::range_of_space(space);
        let above = commit::range(space, last, last);
        self.sweep(above.start, all.end).await
    }

    async fn sweep(&self, mut start: Vec<u8>, end: Vec<u8>) -> Result {
        loop {
            let page = self
                .host
                .scan(ScanRange {
                    start: start.clone(),
                    end: end.clone(),
                    reverse: false,
                    limit: 256,
                    max_bytes: usize::MAX,
                    keys_only: true,
                })
                .await?;
            let more = page.more;
            let keys: Vec<Bytes> = page.pairs.into_iter().map(|(key, _)| key).collect();
            if let Some(last) = keys.last() {
                start.clone_from(last);
                start.push(0);
            }
            self.delete_each(keys, Durability::Relaxed).await?;
            if !more {
                return Ok(());
            }
        }
    }
}
