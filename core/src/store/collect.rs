//! Collecting what was trimmed: rows wholly below a space's trim bound go, in bounded steps that remember
//! how far they got. Nobody misses them, so anyone may do it, beside readers, writers and merges.
//!
//! What there is to remove is found by commit rows: they name the segments and sequences up to the bound.
//! A row goes last of all that is found by it, so that a step which stops half-way is found again.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;
#[cfg(feature = "guarded-writes")]
use core::pin::pin;

#[cfg(feature = "guarded-writes")]
use futures_util::future::select;
use uuid::Uuid;

#[cfg(feature = "guarded-writes")]
use super::Run;
use super::queue::{Job, Patch};
use super::{Inner, Store};
use crate::error::{Error, ErrorCode, Result};
use crate::id::EntryId;
use crate::kv::{Atomicity, Batch, Bytes, Durability};
use crate::layout::commit::Item;
use crate::layout::space::SpaceHead;
use crate::layout::trx::TrxRow;
use crate::layout::{Voids, block, commit, trx};
use crate::name::check_name;
use crate::sorted::SortedMap;
#[cfg(feature = "guarded-writes")]
use crate::sorted::SortedSet;

/// How long after a trim its rows are collected, in milliseconds: trims that come close are collected at once.
const PAUSE: u64 = 1000;
/// Most rows that one step removes.
const MOST_DELETES: usize = 512;
/// What a step counts for the key of a row that it removes.
const LONGEST_KEY: usize = 320;
/// Most commit rows that one step looks at.
const MOST_ROWS: usize = 64;
/// Most runs that one step looks at.
const MOST_ITEMS: usize = 1024;
/// Bytes of commit rows that one step looks at.
const STEP_BYTES: usize = 1 << 20;
/// Tries of one step against others that move the same rows.
const TRIES: u32 = 8;
/// Most steps for what is still to be collected when the store is closed: nobody waits long for room.
#[cfg(feature = "guarded-writes")]
const LAST_STEPS: usize = 16;
/// How long they may take, in milliseconds.
#[cfg(feature = "guarded-writes")]
const LAST_MOMENT: u64 = 1000;

/// What one step found to remove.
#[derive(Debug, Default)]
struct Found {
    trx_rows: Vec<Bytes>,
    blocks: Vec<Bytes>,
    commits: Vec<Bytes>,
    /// Where everything up to here is among the above.
    reached: EntryId,
}

impl Store {
    /// Removes the rows of a space that hold only what was trimmed. Gives how many there were.
    ///
    /// The store does this by itself a while after each trim.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for the name; `CONFLICT` when others kept moving the same rows; `CORRUPT` when
    /// the space's head is damaged; `UNAVAILABLE` when the host fails. What was removed stays removed.
    pub async fn collect(&self, space: &str) -> Result<u64> {
        self.inner.check_open()?;
        check_name("space", space)?;
        self.inner.collect(&Rc::from(space)).await
    }
}

impl Inner {
    /// Collects a space in the background, a while from now.
    pub(crate) fn collect_later(self: &Rc<Self>, space: &Rc<str>) {
        if !self.collecting.borrow_mut().insert(Rc::clone(space)) {
            return;
        }
        let inner = Rc::clone(self);
        let space = Rc::clone(space);
        self.spawn(async move {
            inner.env.timer.sleep(PAUSE).await;
            let again = Rc::clone(&inner);
            again.spawn_background(async move {
                inner.collecting.borrow_mut().remove(&space);
                // What fails here is done after the next trim, by a sweep of the streams, or by a compaction.
                if !inner.closed.get() {
                    let _ = inner.collect(&space).await;
                }
            });
        });
    }

    /// Collects what the pause after a trim still holds up, as far as a few steps and a moment go: of programs that open
    /// the store for one call each, none is there at its end. Where nothing is trimmed, as in a browser's light engine, it
    /// would bring all of collecting along.
    #[cfg(feature = "guarded-writes")]
    pub(super) fn collect_last(self: &Rc<Self>) {
        let spaces = core::mem::take(&mut *self.collecting.borrow_mut());
        if spaces.iter().next().is_none() {
            return;
        }
        let inner = Rc::clone(self);
        let run = Run::begin(self, 0);
        self.spawn(async move {
            // It ends last: what a step has queued is withdrawn before.
            let _run = run;
            let collected = pin!(inner.collect_some(spaces));
            // A host that hangs or is slow would hold up whoever closes the store, and one that fails as well.
            select(collected, inner.env.timer.sleep(LAST_MOMENT)).await;
        });
    }

    #[cfg(feature = "guarded-writes")]
    async fn collect_some(self: &Rc<Self>, spaces: SortedSet<Rc<str>>) {
        let mut spaces = spaces.iter();
        let mut space = spaces.next();
        for _ in 0..LAST_STEPS {
            let Some(name) = space else { break };
            match self.collect_step(name).await {
                Ok(Some(_)) => {}
                Ok(None) => space = spaces.next(),
                Err(_) => break,
            }
        }
    }

    pub(crate) async fn collect(self: &Rc<Self>, space: &Rc<str>) -> Result<u64> {
        let mut removed = 0;
        while let Some(rows) = self.collect_step(space).await? {
            removed += rows;
            self.check_open()?;
        }
        Ok(removed)
    }

    /// Removes a bounded number of rows; `None` when there are none left.
    pub(super) async fn collect_step(self: &Rc<Self>, space: &Rc<str>) -> Result<Option<u64>> {
        let mut unclear = false;
        for attempt in 0..TRIES {
            let head = self.fresh_head(space).await?;
            if !head.has_uncollected() {
                return Ok(None);
            }
            let found = self.find_collectable(space, &head).await?;
            let (deletes, reached) = found.cut(self.most_deletes(), head.collected);
            if deletes.is_empty() && reached == head.collected {
                return Ok(None);
            }
            let rows = deletes.len() as u64;
            match self.remove_rows(space, &head, deletes, reached).await {
                Ok(()) => return Ok(Some(rows)),
                // Somebody else moved rows meanwhile, or nobody knows whether this did: look again, but not for
                // ever where the host does not answer.
                Err(error) if error.code() == ErrorCode::Conflict => {}
                Err(error) if error.may_have_applied() && !unclear => unclear = true,
                Err(error) => return Err(error),
            }
            self.pause(attempt).await;
        }
        Err(Error::new(ErrorCode::Conflict, "collecting: others kept moving the same rows"))
    }

    fn most_deletes(&self) -> usize {
        let by_bytes = (self.sizes.batch_bytes / 2) / LONGEST_KEY;
        MOST_DELETES.min(self.sizes.batch_ops.saturating_sub(8)).min(by_bytes).max(1)
    }

    async fn find_collectable(&self, space: &str, head: &SpaceHead) -> Result<Found> {
        let mut found = Found { reached: head.collected, ..Found::default() };
        let range = commit::range(space, head.collected, EntryId::MAX);
        // Void rows are passed over: the sequences that they name were given out again since.
        let (rows, more) = self.commit_rows(range, space, (MOST_ROWS, STEP_BYTES), &head.voids).await?;
        let mut items: Vec<Item> = Vec::new();
        // Whether everything up to the bound was looked at.
        let mut all = !more;
        'rows: for (last, (key, value)) in rows {
            let Ok(row) = commit::decode(value, last) else {
                // Nothing tells any more what it named: blocks that stay behind go with later ones.
                if last > head.trimmed {
                    all = true;
                    break;
                }
                found.commits.push(key);
                found.reached = last;
                continue;
            };
            for item in row.items {
                if item.first_id > head.trimmed || item.last_id() > head.trimmed {
                    all = true;
                    break 'rows;
                }
                if items.len() >= MOST_ITEMS {
                    all = false;
                    break 'rows;
                }
                if item.last_id() > head.collected {
                    found.reached = item.last_id();
                    items.push(item);
                }
            }
            found.commits.push(key);
        }
        if all {
            found.reached = head.trimmed;
        }
        found.trx_rows = self.trx_rows_of(space, &items, head).await?;
        let mut lasts: SortedMap<&str, u64> = SortedMap::new();
        for item in &items {
            lasts.insert(&item.segment, item.first_sequence + item.count - 1);
        }
        for (segment, last) in lasts {
            let room = self.most_deletes().saturating_sub(found.blocks.len());
            let mut range = block::range(space, segment, 0);
            range.end = block::range(space, segment, last + 1).start;
            let (keys, _) = self.host.keys(range, room + 1).await?;
            found.blocks.extend(keys);
        }
        Ok(found)
    }

    /// Rows of callers' TRX that wrote these items.
    async fn trx_rows_of(&self, space: &str, items: &[Item], head: &SpaceHead) -> Result<Vec<Bytes>> {
        let (any, _) = self.host.keys(trx::range_of_space(space), 1).await?;
        if any.is_empty() {
            return Ok(Vec::new());
        }
        let mut keys: Vec<Bytes> = Vec::new();
        for item in items {
            let id = match &item.inline {
                Some(run) => Some(run.trx.id),
                None => self.trx_of(space, item, &head.voids).await,
            };
            keys.extend(id.map(|id| trx::key(space, &item.segment, id)));
        }
        keys.sort_unstable();
        keys.dedup();
        let rows = self.host.get(keys.clone()).await?;
        let is_trimmed = |row: Option<Bytes>| {
            row.and_then(|row| TrxRow::decode(&row).ok()).is_some_and(|row| row.last_id() <= head.trimmed)
        };
        Ok(keys.into_iter().zip(rows).filter_map(|(key, row)| is_trimmed(row).then_some(key)).collect())
    }

    /// The TRX of a run that is in blocks only, if it can still be read.
    async fn trx_of(&self, space: &str, item: &Item, voids: &Voids) -> Option<Uuid> {
        let last = item.first_sequence + item.count - 1;
        let found = self.next_block(space, &item.segment, last, voids).await.ok()??;
        found.runs.iter().find(|run| run.last_sequence() >= last).map(|run| run.trx.id)
    }

    async fn remove_rows(
        self: &Rc<Self>,
        space: &Rc<str>,
        head: &SpaceHead,
        mut deletes: Vec<Bytes>,
        reached: EntryId,
    ) -> Result {
        if self.host.atomic() == Atomicity::None {
            // The head comes last: it says that they are gone.
            for key in deletes.drain(..) {
                let batch =
                    Batch { deletes: Vec::from([key]), durability: Durability::Relaxed, ..Batch::default() };
                self.host.commit(batch).await?;
            }
        }
        let (layout, collected) = (head.layout, head.collected);
        let edit = move |head: &mut SpaceHead| {
            if head.layout != layout
                || head.collected != collected
                || head.trimmed < reached
                || head.importing
            {
                return Err(Error::new(ErrorCode::Conflict, "the rows were moved meanwhile"));
            }
            head.layout = layout.wrapping_add(1);
            head.collected = reached;
            Ok(())
        };
        let patch = Patch {
            space: Rc::clone(space),
            edit: Box::new(edit),
            puts: Vec::new(),
            deletes,
            durability: Durability::Relaxed,
        };
        self.submit(Job::Patch(patch), 0).await.map(drop)
    }
}

impl Found {
    /// What one commit can remove of it, and how far that is; rows that are found by others go before them.
    fn cut(self, most: usize, collected: EntryId) -> (Vec<Bytes>, EntryId) {
        let all = self.trx_rows.len() + self.blocks.len() + self.commits.len();
        let mut deletes = self.trx_rows;
        deletes.extend(self.blocks);
        deletes.extend(self.commits);
        if all <= most {
            return (deletes, self.reached);
        }
        deletes.truncate(most);
        (deletes, collected)
    }
}
