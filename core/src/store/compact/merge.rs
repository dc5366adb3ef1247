//! One step of merging: the rows that one look at a lane finds.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;

use super::CompactReport;
use super::lane::{Content, Lane, Row};
use crate::error::{Error, ErrorCode, Result};
use crate::kv::{Bytes, Durability, Put};
use crate::layout::block;
use crate::layout::commit::CommitRow;
use crate::layout::space::SpaceHead;
use crate::plan::{MergeGroup, MergeSize, plan_merges};
use crate::store::Inner;
use crate::store::abandoned::HEAD_BYTES;
use crate::store::packing::Purpose;
use crate::store::queue::{Job, Patch};

/// Tries of one step against others that merge the same rows.
const TRIES: u32 = 8;

/// What a step did of a lane.
pub(super) struct Step {
    /// From where the lane goes on.
    pub(super) next: Option<Lane>,
    /// All rows that it looked at became one with room for as much again: it ended only because a step looks at so many
    /// rows, and what it made may be joined with what the next step makes.
    pub(super) small: bool,
    /// Entries in the blocks that it looked at.
    pub(super) entries: u64,
    pub(super) seen: CompactReport,
}

impl Inner {
    /// Merges what one look at a lane finds.
    pub(super) async fn merge_step(
        self: &Rc<Self>,
        space: &Rc<str>,
        lane: Lane,
        purpose: Purpose,
    ) -> Result<Step> {
        let mut unclear = None;
        for attempt in 0..TRIES {
            let head = match self.fresh_head(space).await {
                Ok(head) => head,
                Err(error) => return Err(unclear.unwrap_or(error)),
            };
            if !head.is_visible() {
                return Ok(Step { next: None, small: false, entries: 0, seen: CompactReport::default() });
            }
            let (rows, more) = match self.look(space, &lane, &head).await {
                Ok(found) => found,
                Err(error) => return Err(unclear.unwrap_or(error)),
            };
            let compress = self.compresses(purpose);
            let before = core::iter::once(None).chain(rows.iter().map(Some));
            let sizes: Vec<MergeSize> =
                rows.iter().zip(before).map(|(row, before)| row.size(before, compress)).collect();
            let (groups, next) = plan_merges(&sizes, more, &self.sizes);
            let next_lane = more.then(|| lane.after(rows.get(..next).unwrap_or_default(), space)).flatten();
            // All of them became one row, and it has room for as much again.
            let body: usize = sizes.iter().map(|row| row.body).sum();
            let small = more && rows.len() > 1 && next == rows.len() && body < self.sizes.merged_bytes / 2;
            let mut seen = CompactReport::default();
            let mut entries = 0;
            for row in rows.get(..next).unwrap_or_default() {
                seen.blocks_before += 1;
                seen.blocks_after += 1;
                seen.bytes_before += row.stored as u64;
                seen.bytes_after += row.stored as u64;
                entries += row.entries();
                seen.damaged += u64::from(matches!(row.content, Content::Damaged));
            }
            match self.merge_groups(space, &rows, &groups, head.layout, purpose, &mut seen).await {
                Ok(()) => return Ok(Step { next: next_lane, small, entries, seen }),
                // Nobody knows whether it merged: look again, but not for ever where the host does not answer.
                Err(error) if error.may_have_applied() && unclear.is_none() => unclear = Some(error),
                Err(error) if error.may_have_applied() => return Err(error),
                // Somebody else merged here meanwhile.
                Err(error) if error.code() == ErrorCode::Conflict => {}
                Err(error) => return Err(unclear.unwrap_or(error)),
            }
            self.pause(attempt).await;
        }
        let conflict = || Error::new(ErrorCode::Conflict, "compaction: others kept merging the same rows");
        Err(unclear.unwrap_or_else(conflict))
    }

    /// Hands over the groups in as few commits as they fit.
    async fn merge_groups(
        self: &Rc<Self>,
        space: &Rc<str>,
        rows: &[Row],
        groups: &[MergeGroup],
        mut layout: u64,
        purpose: Purpose,
        seen: &mut CompactReport,
    ) -> Result {
        let mut puts: Vec<Put> = Vec::new();
        let mut deletes: Vec<Bytes> = Vec::new();
        let mut bytes = 0;
        for group in groups {
            let members = rows.get(group.start..group.end).unwrap_or_default();
            let Some((last, replaced)) = members.split_last() else {
                continue;
            };
            let value = self.merge_rows(members, purpose)?;
            let before: usize = members.iter().map(|row| row.stored).sum();
            if replaced.is_empty() && value.len() >= before {
                continue;
            }
            let cost = value.len() + members.iter().map(|row| row.key.len()).sum::<usize>();
            let full = puts.len() + deletes.len() + members.len() + 4 > self.sizes.batch_ops
                || bytes + cost + HEAD_BYTES > self.sizes.shared_bytes;
            if full && !puts.is_empty() {
                let (puts, deletes) = (core::mem::take(&mut puts), core::mem::take(&mut deletes));
                self.replace_rows(space, puts, deletes, layout).await?;
                layout += 1;
                bytes = 0;
            }
            bytes += cost;
            seen.blocks_after -= replaced.len() as u64;
            seen.bytes_after = seen.bytes_after + value.len() as u64 - before as u64;
            puts.push(Put { key: last.key.clone(), value });
            deletes.extend(replaced.iter().map(|row| row.key.clone()));
        }
        if puts.is_empty() {
            return Ok(());
        }
        self.replace_rows(space, puts, deletes, layout).await
    }

    fn merge_rows(&self, members: &[Row], purpose: Purpose) -> Result<Vec<u8>> {
        let mut runs = Vec::new();
        let mut merged: Option<CommitRow> = None;
        for row in members {
            match &row.content {
                Content::Block(block) => runs.extend_from_slice(&block.runs),
                Content::Commit(row) => match &mut merged {
                    None => merged = Some(row.clone()),
                    Some(merged) => {
                        merged.records = row.records;
                        merged.bytes = row.bytes;
                        merged.items.extend_from_slice(&row.items);
                    }
                },
                Content::Damaged => return Err(Error::corrupt("a damaged row is never merged")),
            }
        }
        self.with_packing(purpose, |packing| match merged {
            Some(row) => row.encode(packing),
            None => block::encode(&runs, packing),
        })
    }

    /// Replaces rows in one checked commit, if nobody moved rows of the space since they were read:
    /// a row that another merge made larger must not be replaced by what it was made of.
    async fn replace_rows(
        self: &Rc<Self>,
        space: &Rc<str>,
        puts: Vec<Put>,
        deletes: Vec<Bytes>,
        layout: u64,
    ) -> Result {
        let edit = move |head: &mut SpaceHead| {
            if head.layout != layout || !head.is_visible() {
                return Err(Error::new(ErrorCode::Conflict, "the rows were moved meanwhile"));
            }
            head.layout = layout + 1;
            Ok(())
        };
        let patch = Patch {
            space: Rc::clone(space),
            edit: Box::new(edit),
            puts,
            deletes,
            durability: Durability::Relaxed,
        };
        self.submit(Job::Patch(patch), 0).await.map(drop)
    }
}
