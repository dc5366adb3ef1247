//! What a broken-off import left in a space: whoever writes there next removes it, and the space is one that nothing
//! was ever written to.

use alloc::rc::Rc;
use alloc::vec::Vec;

use super::Inner;
use super::load::decode_head;
#[cfg(feature = "guarded-writes")]
use super::queue::{Job, Ticket};
use crate::error::Result;
use crate::id::check_time;
use crate::kv::{Batch, Bytes, Check, Commit, Durability, Put};
use crate::layout::import_mark::ImportMark;
use crate::layout::space::{SPACE_HEAD_BYTES, SpaceHead};
use crate::layout::{KeyRange, block, commit, segment, space, trx};
use crate::plan::Sizes;
#[cfg(feature = "guarded-writes")]
use crate::sorted::SortedSet;

/// An import that has made no step for so many milliseconds was broken off.
pub(super) const BROKEN_OFF_AFTER: u64 = 30_000;
/// Rows removed in one commit.
const MOST_DELETES: usize = 512;
/// Bytes of a commit besides the keys of removed rows: the head, as checked and as written, and its keys.
pub(in crate::store) const HEAD_BYTES: usize = 2 * SPACE_HEAD_BYTES + 1024;

/// All rows of a space besides its head.
pub(super) fn rows_under(space: &str) -> [KeyRange; 4] {
    [
        block::range_of_space(space),
        commit::range_of_space(space),
        segment::range(space),
        trx::range_of_space(space),
    ]
}

/// How many rows may be removed in one commit beside a head.
pub(super) fn most_deletes(sizes: &Sizes) -> usize {
    let room = sizes.batch_bytes.saturating_sub(HEAD_BYTES) / sizes.key_bytes.max(1);
    MOST_DELETES.min(sizes.batch_ops.saturating_sub(2)).min(room).max(1)
}

impl Inner {
    /// Clears what requests write to, where an import was broken off; whether there was any.
    #[cfg(feature = "guarded-writes")]
    pub(super) async fn clear_abandoned_among(
        &self,
        spaces: &SortedSet<Rc<str>>,
        tickets: &[Ticket],
    ) -> Result<bool> {
        let abandoned: Vec<Rc<str>> = {
            let cache = self.cache.borrow();
            let is_abandoned =
                |name: &Rc<str>| cache.space(name).is_some_and(|known| self.is_abandoned(&known.head));
            // An import's own commits are changes of another kind.
            let is_written = |name: &Rc<str>| {
                let mut writes = tickets.iter().filter(|ticket| matches!(ticket.job, Job::Write(_)));
                writes.any(|write| write.job.spaces().any(|space| space == name))
            };
            spaces.iter().filter(|name| is_abandoned(name) && is_written(name)).cloned().collect()
        };
        for name in &abandoned {
            self.clear_abandoned(name).await?;
            self.cache.borrow_mut().forget(name);
        }
        Ok(!abandoned.is_empty())
    }

    fn is_abandoned(&self, head: &SpaceHead) -> bool {
        // Elsewhere a space has one writer, and rows that were removed may be seen again.
        head.importing && self.host.is_exact() && self.has_stopped(head)
    }

    /// Whether the import into the space of this head has made no step for long.
    pub(super) fn has_stopped(&self, head: &SpaceHead) -> bool {
        check_time(self.env.clock.now()).is_ok_and(|now| {
            // One of the future too: a clock that was ahead must not keep the space shut until then.
            ImportMark::decode(&head.metadata).is_none_or(|mark| now.abs_diff(mark.ms) >= BROKEN_OFF_AFTER)
        })
    }

    /// Removes what is left of it. Ends early where another instance changes the space meanwhile.
    pub(crate) async fn clear_abandoned(&self, name: &Rc<str>) -> Result {
        let key = space::key(name);
        let stored = self.host.get_one(key.clone()).await?;
        let head = decode_head(stored.as_deref(), &key)?;
        if !self.is_abandoned(&head) {
            return Ok(());
        }
        // Under a mark of our own: one that was only slow must not go on.
        let now = check_time(self.env.clock.now())?;
        let id = self.uuid(now);
        let mut next = SpaceHead {
            revision: head.revision + 1,
            nonce: self.nonce(),
            layout: head.layout.wrapping_add(1),
            metadata: ImportMark { id, ms: now }.encode(),
            ..head
        };
        let mut ours = next.encode();
        if !self.put_head(&key, stored, ours.clone(), Vec::new()).await? {
            return Ok(());
        }
        let most = most_deletes(&self.sizes);
        for range in rows_under(name) {
            let mut left = Some(range);
            while let Some(range) = left {
                let (deletes, rest) = self.host.keys(range, most).await?;
                left = rest;
                if !deletes.is_empty()
                    && !self.put_head(&key, Some(ours.clone()), ours.clone(), deletes).await?
                {
                    return Ok(());
                }
            }
        }
        next = SpaceHead {
            revision: next.revision + 1,
            nonce: self.nonce(),
            layout: next.layout,
            ..SpaceHead::EMPTY
        };
        ours = core::mem::replace(&mut ours, next.encode());
        self.put_head(&key, Some(ours), next.encode(), Vec::new()).await.map(drop)
    }

    /// Whether the head was the one that was expected, and the commit applied.
    async fn put_head(
        &self,
        key: &[u8],
        from: Option<Bytes>,
        to: Bytes,
        deletes: Vec<Bytes>,
    ) -> Result<bool> {
        let batch = Batch {
            checks: Vec::from([Check { key: key.to_vec(), value: from }]),
            deletes,
            puts: Vec::from([Put { key: key.to_vec(), value: to }]),
            durability: Durability::Relaxed,
        };
        Ok(matches!(self.host.commit(batch).await?, Commit::Applied))
    }
}
