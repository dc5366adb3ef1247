//! Compaction: all rows of a space, or of all spaces, merged and compressed for a caller who asks for it.

use alloc::collections::VecDeque;
use alloc::rc::Rc;
use alloc::string::String;

use super::lane::Lane;
use crate::error::Result;
use crate::id::EntryId;
use crate::kv::Atomicity;
use crate::name::check_name;
use crate::store::packing::Purpose;
use crate::store::{Listing, Store};

/// Times that the rows of a lane are looked at anew, because there were more small ones than one step takes.
const MOST_PASSES: u32 = 3;

/// What a compaction did. Rows are blocks and commit rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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
    listed: Option<Listing>,
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
            listed: Some(Listing { limit: 1024, ..Listing::default() }),
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
    /// `UNAVAILABLE` when the host fails; what was merged stays merged.
    pub async fn step(&mut self) -> Result<bool> {
        self.store.inner.check_open()?;
        if let Some(listing) = self.listed.take() {
            self.list(listing).await?;
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
        let passed = lane.sequence();
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
        self.passes.again |= step.small;
        match step.next {
            Some(lane) => {
                if first {
                    self.done += lane.sequence().saturating_sub(passed);
                }
                lanes.push_front(lane);
            }
            None if self.passes.again && self.passes.done < MOST_PASSES => {
                self.passes = Passes { done: self.passes.done + 1, again: false };
                lanes.push_front(anew);
            }
            None => self.passes = Passes::default(),
        }
        if lanes.is_empty() {
            self.done = self.done.min(self.total);
        }
        self.current = Some((space, lanes));
        Ok(true)
    }

    /// Entries passed so far.
    pub fn done(&self) -> u64 {
        self.done.min(self.total)
    }

    /// Entries to pass, once they are known.
    pub fn total(&self) -> Option<u64> {
        self.listed.is_none().then_some(self.total)
    }

    /// What was done so far.
    pub fn report(&self) -> CompactReport {
        self.report
    }

    async fn list(&mut self, mut listing: Listing) -> Result {
        if let Some(name) = &self.only {
            self.spaces.push_back(Rc::from(&**name));
        } else {
            loop {
                let names = self.store.spaces(listing.clone()).await?;
                self.spaces.extend(names.names.iter().map(|name| Rc::from(&**name)));
                if !names.more || names.last.is_none() {
                    break;
                }
                listing.after = names.last;
            }
        }
        for name in &self.spaces {
            let head = self.store.inner.fresh_head(name).await?;
            self.total += head.records - head.trimmed_records;
        }
        Ok(())
    }

    async fn next_space(&mut self) -> Result<bool> {
        let Some(space) = self.spaces.pop_front() else {
            self.done = self.total;
            return Ok(false);
        };
        let inner = &self.store.inner;
        let head = inner.fresh_head(&space).await?;
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
