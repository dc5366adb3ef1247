//! Reading in pages. Every page looks at the space head first and shows only what lies above its
//! trim bound and not above its last id; nothing is held open on the host between pages.

mod blocks;
mod page;
mod peek;
mod segment;
mod space;

pub use page::{EntryRef, Page, PageFrame, PageRun, Tier};
pub use segment::SegmentRead;
pub use space::SpaceRead;

pub(crate) use space::SeenSpace;

pub(crate) use blocks::BlockCache;

use alloc::boxed::Box;

pub(crate) use super::load::decode_head;
use super::{Call, Inner};
use crate::layout::space as space_row;
use crate::layout::space::SpaceHead;

impl Inner {
    /// The head of a space as the host has it now.
    pub(crate) fn fresh_head<'c>(&'c self, space: &'c str) -> Call<'c, SpaceHead> {
        Box::pin(async move {
            let key = space_row::key(space);
            let row = self.host.get_one(key.clone()).await?;
            let head = decode_head(row.as_deref(), &key)?;
            if head.pending.is_nil() {
                return Ok(head);
            }
            // A committed transaction has happened: what it stored must be seen.
            self.finish_if_committed(head.pending).await?;
            let row = self.host.get_one(key.clone()).await?;
            decode_head(row.as_deref(), &key)
        })
    }
}
