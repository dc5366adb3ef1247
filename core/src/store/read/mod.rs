//! Reading in pages. Every page looks at the space head first and shows only what lies above its
//! trim bound and not above its last id; nothing is held open on the host between pages.

mod block_size;
mod blocks;
mod density;
mod page;
mod peek;
mod position;
mod segment;
mod settled;
mod space;

pub use page::{EntryRef, Page, PageFrame, PageRun, Tier};
pub use segment::SegmentRead;
pub use space::SpaceRead;

#[cfg(feature = "guarded-writes")]
pub(crate) use {
    page::{USUAL_BYTES, USUAL_ENTRIES},
    space::SeenSpace,
};

pub(crate) use block_size::BlockSize;
pub(crate) use blocks::BlockCache;
pub(crate) use density::Density;
pub(crate) use settled::Settled;

use alloc::boxed::Box;

use futures_util::future::join;

use super::load::decode_head;
use super::{Call, Inner, Part, Row};
use crate::error::Result;
use crate::layout::KeyRange;
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

    /// The head of a space, and rows of a range up to `(rows, bytes)`, asked for at the same time: either may be the
    /// older one. What became of the rows matters only to who needs them.
    fn head_and_rows<'c>(
        &'c self,
        space: &'c str,
        range: KeyRange,
        (limit, max_bytes): (usize, usize),
    ) -> Call<'c, (SpaceHead, Result<Part<Row>>)> {
        let asked = join(self.fresh_head(space), self.host.rows(range, limit, max_bytes));
        Box::pin(async move {
            let (head, rows) = asked.await;
            Ok((head?, rows))
        })
    }

    /// Hands over rows of a range, up to `(rows, bytes)` at once, until `take` has enough. `first`: what the host gave
    /// for the first of these. Says whether there are more.
    fn rows_until<'c>(
        &'c self,
        range: KeyRange,
        mut first: Option<Part<Row>>,
        (limit, max_bytes): (usize, usize),
        take: &'c mut dyn FnMut(Row) -> Result<bool>,
    ) -> Call<'c, bool> {
        Box::pin(async move {
            let (mut enough, mut left) = (false, Some(range));
            while !enough && let Some(range) = left {
                let (rows, rest) = match first.take() {
                    Some(part) => part,
                    None => self.host.rows(range, limit, max_bytes).await?,
                };
                for row in rows {
                    enough = take(row)?;
                }
                left = rest;
            }
            Ok(left.is_some())
        })
    }
}
