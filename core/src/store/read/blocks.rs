//! Getting at blocks: by position, through a bounded cache for reads that come back to them.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::rc::Rc;
use alloc::vec::Vec;

use super::super::{Call, Inner, Part, Row};
use super::block_size::BlockSize;
use crate::error::{Error, Result};
use crate::id::EntryId;
use crate::kv::Atomicity;
use crate::layout::block::{self, Block};
use crate::layout::{KeyRange, Voids};
use crate::sorted::SortedMap;

/// The cache holds blocks up to so many bytes. A space read comes back to the newest blocks of many
/// segments; one segment's read never does, and does not fill it.
const CACHE_BYTES: usize = 24 << 20;

type BlockName = (Rc<str>, Rc<str>, u64);

/// Blocks that a space read will need again. A block's entries never change, so what is here stays
/// true; what was trimmed since is filtered by the reader.
#[derive(Debug, Default)]
pub(crate) struct BlockCache {
    blocks: SortedMap<BlockName, Rc<Block>>,
    age: VecDeque<BlockName>,
    bytes: usize,
}

impl BlockCache {
    pub(crate) fn find(&self, space: &Rc<str>, segment: &Rc<str>, sequence: u64) -> Option<Rc<Block>> {
        let from = (Rc::clone(space), Rc::clone(segment), sequence);
        let (name, found) = self.blocks.first_from(&from)?;
        let same = name.0 == *space && name.1 == *segment;
        (same && found.first_sequence <= sequence).then(|| Rc::clone(found))
    }

    fn insert(&mut self, space: &Rc<str>, segment: &Rc<str>, found: &Rc<Block>) {
        let name = (Rc::clone(space), Rc::clone(segment), found.last_sequence);
        let length = found.body_len();
        if length > CACHE_BYTES / 4 {
            return;
        }
        if let Some(old) = self.blocks.insert(name.clone(), Rc::clone(found)) {
            self.bytes = self.bytes - old.body_len() + length;
            return;
        }
        self.age.push_back(name);
        self.bytes += length;
        while self.bytes > CACHE_BYTES {
            let Some(oldest) = self.age.pop_front() else {
                break;
            };
            if let Some(old) = self.blocks.remove(&oldest) {
                self.bytes -= old.body_len();
            }
        }
    }
}

impl Inner {
    /// The block that holds `from`, or the first one after it.
    pub(crate) fn next_block<'c>(
        &'c self,
        space: &'c str,
        segment: &'c str,
        from: u64,
        voids: &'c Voids,
    ) -> Call<'c, Option<Block>> {
        Box::pin(async move {
            let range = block::range(space, segment, from);
            let found = self.scan_blocks(range, None, (space, segment), (1, 1), voids).await?;
            Ok(found.0.into_iter().next())
        })
    }

    /// The first block that ends above an id, of a segment that ends at `last_sequence`, and the first
    /// sequence that nothing says is at or below: on a host that does not show all rows yet, another block
    /// may be between the two. By halving: ids go up along a segment, and only its beginning may be gone.
    pub(crate) async fn block_after(
        &self,
        space: &str,
        segment: &str,
        last_sequence: u64,
        after: EntryId,
        voids: &Voids,
    ) -> Result<(u64, Option<Block>)> {
        let (mut low, mut high) = (1, last_sequence);
        let mut best = None;
        // What was trimmed is collected soon, and what is read next is mostly at an end.
        let mut ends = [last_sequence, 1].to_vec();
        while low <= high {
            let probe = ends.pop().unwrap_or(low + (high - low) / 2).clamp(low, high);
            match self.next_block(space, segment, probe, voids).await? {
                None => high = probe - 1,
                Some(found) if found.runs.last().is_none_or(|run| run.last_id() <= after) => {
                    low = found.last_sequence + 1;
                }
                Some(found) => {
                    high = found.first_sequence.min(probe) - 1;
                    best = Some(found);
                }
            }
        }
        Ok((low, best))
    }

    /// Blocks of a range of `(space, segment)`, and whether there are more: up to `(blocks, bytes)`, at least
    /// one where there are any. What is void counts as not there. `first`: what the host gave already for that range
    /// and these limits.
    pub(crate) fn scan_blocks<'c>(
        &'c self,
        range: KeyRange,
        first: Option<Part<Row>>,
        (space, segment): (&'c str, &'c str),
        limits: (usize, usize),
        voids: &'c Voids,
    ) -> Call<'c, (Vec<Block>, bool)> {
        Box::pin(async move {
            let mut found = Vec::new();
            let mut take = |(key, row): Row| {
                let last = block::last_sequence(&key, space, segment)
                    .ok_or_else(|| Error::corrupt("block: its key is malformed").at_key(&key))?;
                let one = block::decode(row, last).map_err(|error| error.at_key(&key))?;
                if !one.is_void(voids) {
                    found.push(one);
                }
                Ok(!found.is_empty())
            };
            let more = self.rows_until(range, first, limits, &mut take).await?;
            if let Some(last) = found.last() {
                self.block_size.set(BlockSize::of(last));
            }
            Ok((found, more))
        })
    }

    /// The block that holds `sequence`, from memory or the host; and whether it was in memory.
    pub(super) async fn block_at(
        &self,
        space: &Rc<str>,
        segment: &Rc<str>,
        sequence: u64,
        ahead_bytes: usize,
        voids: &Voids,
    ) -> Result<Option<(Rc<Block>, bool)>> {
        if let Some(found) = self.blocks.borrow().find(space, segment, sequence) {
            return Ok(Some((found, true)));
        }
        // Where commits are not atomic, blocks further on may be leftovers, whose sequences are given
        // out again: only what a commit row refers to is kept.
        let ahead = self.host.atomic() != Atomicity::None;
        let range = block::range(space, segment, sequence);
        let limit = if ahead { 64 } else { 1 };
        let (found, _) = self.scan_blocks(range, None, (space, segment), (limit, ahead_bytes), voids).await?;
        let mut first = None;
        let mut cache = self.blocks.borrow_mut();
        for one in found {
            one.forget_origin();
            let one = Rc::new(one);
            if ahead || (first.is_none() && one.first_sequence <= sequence) {
                cache.insert(space, segment, &one);
            }
            first.get_or_insert(one);
        }
        Ok(first.filter(|one| one.first_sequence <= sequence).map(|one| (one, false)))
    }
}
