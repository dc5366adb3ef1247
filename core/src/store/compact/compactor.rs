//! Compaction: all rows of a space, or of all spaces, merged and compressed for a caller who asks for it. It also removes
//! what was trimmed, and is still there because a store was closed before it came to that.

use alloc::collections::VecDeque;
use alloc::rc::Rc;
use alloc::string::String;

use super::lane::Lane;
use crate::error::{ErrorCode, Result};
use crate::id::EntryId;
use crate::kv::Atomicity;
use crate::layout::space::{self, SpaceHead};
use crate::name::check_name;
use crate::store::Store;
use crate::store::packing::Purpose;

/// Heads of spaces that are listed at once, and their bytes.
const LISTED_ROWS: usize = 1024;
const LISTED_BYTES: usize = 1 << 20;
/// Times that the rows of a lane are looked at anew, because there were more small ones than one step takes.
const MOST_PASSES: u32 = 3;

/// What a compaction did. Rows are blocks and commit rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompactReport {
    /// Rows looked at.
    pub blocks_before: u64,
    /// Rows that there are of them now.
    pub blocks_after: u64,
    /// Their bytes before.
    pub bytes_before: u64,
    /// Their bytes now.
    pub bytes_after: u64,
    /// Rows that could not be read, and were left alone.
    pub damaged: u64,
}

/// How often the rows of a lane were gone through.
#[derive(Debug, Default)]
struct Passes {
    done: u32,
    /// A step of this pass made rows that another pass may join.
    again: bool,
}

/// A compaction under way. Each step is bounded; between steps nothing is held.
#[derive(Debug)]
pub struct Compactor {
    store: Store,
    only: Option<String>,
    spaces: VecDeque<Rc<str>>,
    listed: bool,
    current: Option<(Rc<str>, VecDeque<Lane>)>,
    passes: Passes,
    done: u64,
    total: u64,
    report: CompactReport,
}

impl Store {
    /// A compaction of one space, or of all of them.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for the name; `CLOSED`.
    pub fn compactor(&self, space: Option<String>) -> Result<Compactor> {
        self.inner.check_open()?;
        if let Some(name) = &space {
            check_name("space", name)?;
        }
        Ok(Compactor {
            store: self.clone(),
            listed: false,
            only: space,
            spaces: VecDeque::new(),
            current: None,
            passes: Passes::default(),
            done: 0,
            total: 0,
            report: CompactReport::default(),
        })
    }
}

impl Compactor {
    /// Does a bounded piece of the work; `false` when there is none left.
    ///
    /// # Errors
    /// `UNAVAILABLE` when the host fails; what was merged stays merged. Another step goes on with the next space, or
    /// lists them again if it was that which failed. `CORRUPT` where the space that was named is damaged; of all, one
    /// that is damaged is passed over and counted. `CLOSED`.
    pub async fn step(&mut self) -> Result<bool> {
        self.store.inner.check_open()?;
        if !self.listed {
            self.list().await?;
            self.listed = true;
            return Ok(true);
        }
        let Some((space, mut lanes)) = self.current.take() else {
            return self.next_space().await;
        };
        let Some(lane) = lanes.pop_front() else {
            return Ok(true);
        };
        let inner = Rc::clone(&self.store.inner);
        let anew = lane.anew();
        let step = match inner.merge_step(&space, lane, Purpose::Compaction).await {
            Ok(step) => step,
            Err(error) => {
                // The rest of the space is left as it is.
                self.passes = Passes::default();
                return Err(error);
            }
        };
        let first = self.passes.done == 0;
        self.report.add(step.seen, first);
        if first {
            // Entries that came after they were counted are passed as well.
            self.done = self.total.min(self.done + step.entries);
        }
        self.passes.again |= step.small;
        match step.next {
            Some(lane) => lanes.push_front(lane),
            None if self.passes.again && self.passes.done < MOST_PASSES => {
                self.passes = Passes { done: self.passes.done + 1, again: false };
                lanes.push_front(anew);
            }
            None => self.passes = Passes::default(),
        }
        self.current = Some((space, lanes));
        Ok(true)
    }

    /// Entries passed so far.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// Entries to pass, once they are known.
    pub fn total(&self) -> Option<u64> {
        self.listed.then_some(self.total)
    }

    /// What was done so far.
    pub fn report(&self) -> CompactReport {
        self.report
    }

    async fn list(&mut self) -> Result {
        let inner = Rc::clone(&self.store.inner);
        self.spaces.clear();
        self.total = 0;
        self.report = CompactReport::default();
        if let Some(name) = self.only.clone() {
            let head = inner.fresh_head(&name).await?;
            self.take(&name, &head);
            return Ok(());
        }
        let mut left = Some(space::range());
        while let Some(range) = left {
            let (rows, rest) = inner.host.rows(range, LISTED_ROWS, LISTED_BYTES).await?;
            left = rest;
            for (key, row) in rows {
                let Some(name) = space::name(&key) else {
                    self.report.damaged += 1;
                    continue;
                };
                let head = match SpaceHead::decode(&row) {
                    // Its first entries may be those of a committed transaction.
                    Ok(head) if !head.is_visible() && !head.pending.is_nil() => inner.fresh_head(&name).await,
                    decoded => decoded,
                };
                match head {
                    Ok(head) => self.take(&name, &head),
                    Err(error) if error.code() == ErrorCode::Corrupt => self.report.damaged += 1,
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, name: &str, head: &SpaceHead) {
        if head.is_visible() || head.has_uncollected() {
            self.spaces.push_back(Rc::from(name));
            self.total += head.records - head.trimmed_records;
        }
    }

    async fn next_space(&mut self) -> Result<bool> {
        let Some(space) = self.spaces.pop_front() else {
            self.done = self.total;
            return Ok(false);
        };
        let inner = &self.store.inner;
        let head = match inner.fresh_head(&space).await {
            Ok(head) => head,
            Err(error) if error.code() == ErrorCode::Corrupt && self.only.is_none() => {
                self.report.damaged += 1;
                return Ok(true);
            }
            Err(error) => return Err(error),
        };
        if head.has_uncollected() {
            match inner.collect_step(&space).await {
                Ok(None) => {}
                Ok(Some(_)) => {
                    self.spaces.push_front(space);
                    return Ok(true);
                }
                // Where rows are merged, they are counted.
                Err(error) if error.code() == ErrorCode::Corrupt => {
                    self.report.damaged += u64::from(!head.is_visible());
                }
                Err(error) => return Err(error),
            }
        }
        let mut lanes = VecDeque::new();
        if head.is_visible() && inner.host.atomic() != Atomicity::None {
            for segment in inner.all_segments(&space, &head).await? {
                lanes.push_back(Lane::Blocks { segment, from: 1 });
            }
            lanes.push_back(Lane::Commits { after: EntryId::ZERO });
        }
        self.current = Some((space, lanes));
        Ok(true)
    }
}

impl CompactReport {
    /// Adds what a step saw; in a pass after the first, of rows that were counted before, only what it changed.
    fn add(&mut self, seen: Self, first: bool) {
        if first {
            self.blocks_before += seen.blocks_before;
            self.blocks_after += seen.blocks_after;
            self.bytes_before += seen.bytes_before;
            self.bytes_after += seen.bytes_after;
            self.damaged += seen.damaged;
        } else {
            self.blocks_after = self.blocks_after.saturating_sub(seen.blocks_before - seen.blocks_after);
            self.bytes_after = (self.bytes_after + seen.bytes_after).saturating_sub(seen.bytes_before);
        }
    }
}
