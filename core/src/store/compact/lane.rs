//! Rows that lie beside each other, in the order in which they are merged.

use alloc::rc::Rc;
use alloc::vec::Vec;

use crate::error::Result;
use crate::id::EntryId;
use crate::kv::{Bytes, Value};
use crate::layout::block::Block;
use crate::layout::commit::CommitRow;
use crate::layout::space::SpaceHead;
use crate::layout::{block, commit, is_raw};
use crate::plan::MergeSize;
use crate::store::Inner;
use crate::store::abandoned::HEAD_BYTES;

/// Bytes that one step looks at.
const STEP_BYTES: usize = 2 << 20;
/// Rows that one step looks at.
const STEP_ROWS: usize = 512;

/// Rows whose neighbours may be merged, from some place on: the blocks of a segment, or the commit rows of a space.
#[derive(Debug, Clone)]
pub(super) enum Lane {
    Blocks { segment: Rc<str>, from: u64 },
    Commits { after: EntryId },
}

pub(super) enum Content {
    Block(Block),
    Commit(CommitRow),
    Damaged,
}

/// A row of a lane.
pub(super) struct Row {
    pub(super) key: Bytes,
    /// Its bytes as it is stored.
    pub(super) stored: usize,
    raw: bool,
    pub(super) content: Content,
}

impl Lane {
    /// The lane from its beginning.
    pub(super) fn anew(&self) -> Self {
        match self {
            Self::Blocks { segment, .. } => Self::Blocks { segment: Rc::clone(segment), from: 1 },
            Self::Commits { .. } => Self::Commits { after: EntryId::ZERO },
        }
    }

    /// The lane behind these rows of it.
    pub(super) fn after(&self, rows: &[Row], space: &str) -> Option<Self> {
        let last = rows.last()?;
        match self {
            Self::Blocks { segment, .. } => {
                let from = block::last_sequence(&last.key, space, segment)? + 1;
                Some(Self::Blocks { segment: Rc::clone(segment), from })
            }
            Self::Commits { .. } => {
                let after = commit::last_id(&last.key, space)?;
                Some(Self::Commits { after })
            }
        }
    }
}

impl Row {
    pub(super) fn size(&self, before: Option<&Self>, compress: bool) -> MergeSize {
        let (body, damaged) = match &self.content {
            Content::Block(block) => (block.body_len(), false),
            Content::Commit(row) => (row.body_len(), false),
            Content::Damaged => (0, true),
        };
        let apart = before.is_some_and(|before| !self.follows(before));
        MergeSize { body, rewrite: compress && self.raw, damaged, apart }
    }

    /// Entries in it, if it is a block.
    pub(super) fn entries(&self) -> u64 {
        match &self.content {
            Content::Block(block) => (block.last_sequence + 1).saturating_sub(block.first_sequence),
            Content::Commit(_) | Content::Damaged => 0,
        }
    }

    /// Whether nothing is missing between the row before and this one.
    fn follows(&self, before: &Self) -> bool {
        match (&before.content, &self.content) {
            (Content::Block(before), Content::Block(row)) => before.last_sequence + 1 == row.first_sequence,
            (Content::Commit(before), Content::Commit(row)) => before.last_id() == Some(row.previous),
            _ => false,
        }
    }
}

impl Inner {
    /// Rows of a lane that one step may merge, and whether there are more.
    pub(super) async fn look(&self, space: &str, lane: &Lane, head: &SpaceHead) -> Result<(Vec<Row>, bool)> {
        let range = match lane {
            Lane::Blocks { segment, from } => block::range(space, segment, *from),
            Lane::Commits { after } => commit::range(space, *after, head.last_id),
        };
        let half = self.sizes.batch_bytes / 2;
        // One commit may have to name all of them.
        let nameable = half.saturating_sub(HEAD_BYTES) / range.start.len().max(1);
        let limit = STEP_ROWS.min(self.sizes.batch_ops.saturating_sub(4)).min(nameable).max(2);
        let max_bytes = STEP_BYTES.max(2 * self.sizes.row_bytes).min(half);
        // A directory may have lost what some rows hold: without their bytes they are damaged as any. Browsers do not say so
        // of single rows, and what they load does without.
        #[cfg(feature = "every-host")]
        let (rows, rest) = {
            let (rows, rest) = self.host.rows_or_damage(range, limit, max_bytes).await?;
            (rows.into_iter().map(|(key, row)| (key, row.unwrap_or_default())), rest)
        };
        #[cfg(not(feature = "every-host"))]
        let (rows, rest) = self.host.rows(range, limit, max_bytes).await?;
        let decode = |(key, value): (Bytes, Value)| {
            let (stored, raw) = (value.len(), is_raw(&value));
            let content = match lane {
                Lane::Blocks { segment, .. } => block::last_sequence(&key, space, segment)
                    .and_then(|last| block::decode(value, last).ok())
                    .map(Content::Block),
                Lane::Commits { .. } => commit::last_id(&key, space)
                    .and_then(|last| commit::decode(value, last).ok())
                    .map(Content::Commit),
            };
            Row { key, stored, raw, content: content.unwrap_or(Content::Damaged) }
        };
        Ok((rows.into_iter().map(decode).collect(), rest.is_some()))
    }
}
