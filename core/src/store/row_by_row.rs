//! Hosts without atomic commits or checks: one writer, row by row, and the space head last. What
//! stands in rows above a head was never committed.

use alloc::rc::Rc;
use alloc::vec::Vec;

use super::Inner;
use crate::error::{Error, Result};
use crate::id::EntryId;
use crate::kv::{Batch, Bytes, Commit, Durability, Put};
use crate::layout::{KeyRange, block, commit, space as space_row};
use crate::plan::PlannedSpace;

impl Inner {
    /// Writes a plan row by row: commit rows, blocks, the segment heads that the last space head carried, and at last
    /// the space head, whose put is the commit.
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

    /// Writes a patch row by row: new rows, the space head, and only then removes what they replace. A reader in
    /// between sees both.
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
        self.sweep(block::range(space, segment, last + 1)).await
    }

    /// Removes commit rows above the space's last id. What they and their blocks are is said in the head
    /// first: a reader may see them for long after, when the head has passed their ids.
    pub(crate) async fn sweep_commits(self: &Rc<Self>, space: &Rc<str>) -> Result {
        let head = self.cache.borrow().space(space).map(|known| known.head.clone());
        let Some(mut head) = head else { return Ok(()) };
        let above = commit::range(space, head.last_id, EntryId::MAX);
        let Some((key, _)) = self.host.last_row(above.clone()).await? else {
            return Ok(());
        };
        let upto = commit::last_id(&key, space)
            .ok_or_else(|| Error::corrupt("commit row: its key is malformed").at_key(&key))?;
        if head.voids.end() < upto {
            head.voids.add(head.last_id, upto);
            head.revision += 1;
            head.nonce = self.nonce();
            let row = head.encode();
            let put = Put { key: space_row::key(space), value: row.clone() };
            self.put_alone(put, Durability::Strict).await?;
            self.cache.borrow_mut().put_space(space, Some(row))?;
        }
        self.sweep(above).await
    }

    async fn sweep(&self, range: KeyRange) -> Result {
        let mut left = Some(range);
        while let Some(range) = left {
            let (keys, rest) = self.host.keys(range, 256).await?;
            self.delete_each(keys, Durability::Relaxed).await?;
            left = rest;
        }
        Ok(())
    }
}
