//! Loading what a plan needs: heads that are not cached, rows of callers' TRX, leases.

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::Ref;

use uuid::Uuid;

use super::Inner;
use super::cache::Cache;
use super::queue::{Job, Ticket};
use crate::error::{Error, ErrorCode, Result};
use crate::id::EntryId;
use crate::kv::{Atomicity, Bytes};
use crate::layout::Voids;
use crate::layout::lease::LeaseRow;
use crate::layout::segment::SegmentHead;
use crate::layout::space::SpaceHead;
use crate::layout::trx::TrxRow;
use crate::layout::{lease, segment, space, trx};
use crate::plan::{FirstEntry, GUARDED_WRITES, Known, SegmentState};
use crate::sorted::{SortedMap, SortedSet};

/// Tries at finishing what another instance left in a head before it is called a lost race.
pub(super) const MOST_PENDING: u32 = 16;

type SegmentName = (Rc<str>, Rc<str>);

/// What was read for one round, besides the cache.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    trx: SortedMap<(Rc<str>, Rc<str>, Uuid), TrxRow>,
    leases: SortedMap<String, (Vec<u8>, LeaseRow)>,
    /// Spaces whose rows could not be read, and why.
    pub(crate) bad: SortedMap<Rc<str>, Error>,
}

/// The cache and what was read for this round.
pub(crate) struct KnownState<'l> {
    cache: Ref<'l, Cache>,
    loaded: &'l Loaded,
}

impl Known for KnownState<'_> {
    fn space(&self, space: &str) -> Option<(Option<&[u8]>, &SpaceHead)> {
        let known = self.cache.space(space)?;
        Some((known.base.as_deref(), &known.head))
    }

    fn segment(&self, space: &str, segment: &str) -> SegmentState {
        let state = self.cache.segment(space, segment).copied();
        let mut state = state.unwrap_or(SegmentState { head: SegmentHead::EMPTY, first: None });
        if GUARDED_WRITES && let Some(known) = self.cache.space(space) {
            state.first = state.first_above(known.head.trimmed);
        }
        state
    }

    fn trx(&self, space: &str, segment: &str, id: Uuid) -> Option<TrxRow> {
        let key = (Rc::from(space), Rc::from(segment), id);
        self.loaded.trx.get(&key).copied()
    }

    fn lease(&self, key: &str) -> Option<(Vec<u8>, LeaseRow)> {
        self.loaded.leases.get(key).cloned()
    }
}

/// What is to be read for one round.
#[derive(Default)]
struct Wanted {
    spaces: SortedSet<Rc<str>>,
    segments: SortedSet<SegmentName>,
    /// Those of them whose first entry is wanted as well, since the answer to a write states it. To find it may take a
    /// search where the segment is trimmed.
    with_first: SortedSet<SegmentName>,
    trx: SortedSet<(Rc<str>, Rc<str>, Uuid)>,
    leases: SortedSet<String>,
}

impl Inner {
    pub(crate) fn known<'l>(&'l self, loaded: &'l Loaded) -> KnownState<'l> {
        KnownState { cache: self.cache.borrow(), loaded }
    }

    /// Reads what the requests need and the cache does not hold. A head that another instance's transaction left
    /// waiting is settled first, and then read anew.
    pub(crate) async fn load(self: &Rc<Self>, tickets: &[Ticket]) -> Result<Loaded> {
        let mut loaded = Loaded::default();
        for attempt in 0..MOST_PENDING {
            let wanted = self.wanted(tickets);
            self.read_wanted(wanted, &mut loaded).await?;
            let spaces = tickets.iter().flat_map(|ticket| ticket.job.spaces().cloned()).collect();
            let pending = self.pending_among(&spaces);
            #[cfg(feature = "guarded-writes")]
            if self.clear_abandoned_among(&spaces, tickets).await? {
                continue;
            }
            if pending.is_empty() {
                return Ok(loaded);
            }
            for (name, id) in pending {
                self.resolve_pending(&name, id).await?;
                self.cache.borrow_mut().forget(&name);
            }
            self.pause(attempt).await;
        }
        Err(Error::new(ErrorCode::Conflict, "another instance's transaction keeps the space; try again"))
    }

    fn wanted(&self, tickets: &[Ticket]) -> Wanted {
        let cache = self.cache.borrow();
        let mut wanted = Wanted::default();
        for ticket in tickets {
            for name in ticket.job.spaces() {
                if cache.space(name).is_none() {
                    wanted.spaces.insert(Rc::clone(name));
                }
            }
            let Job::Write(request) = &ticket.job else {
                continue;
            };
            for write in &request.writes {
                let name = (Rc::clone(&write.space), Rc::clone(&write.segment));
                if request.trx_supplied {
                    wanted.trx.insert((Rc::clone(&write.space), Rc::clone(&write.segment), request.trx_id));
                }
                // The answer to an append to a stream does not state where the segment begins.
                let with_first = GUARDED_WRITES && write.stream().is_none();
                let known = cache.segment(&write.space, &write.segment).is_some_and(|state| {
                    let trimmed = || cache.space(&write.space).map(|known| known.head.trimmed);
                    !with_first || trimmed().is_some_and(|trimmed| state.is_first_known(trimmed))
                });
                if !known {
                    if with_first {
                        wanted.with_first.insert(name.clone());
                    }
                    wanted.segments.insert(name);
                }
            }
            if let Some(hold) = request.lease() {
                wanted.leases.insert(hold.key.clone());
            }
        }
        wanted
    }

    /// A space's head is read before anything under it: what changes in between makes the commit's
    /// check of the head fail.
    async fn read_wanted(self: &Rc<Self>, wanted: Wanted, loaded: &mut Loaded) -> Result {
        let heads: Vec<Bytes> = wanted.spaces.iter().map(|name| space::key(name)).collect();
        let mut under: Vec<Bytes> = Vec::new();
        under.extend(wanted.segments.iter().map(|(space, name)| segment::key(space, name)));
        under.extend(wanted.trx.iter().map(|(space, name, id)| trx::key(space, name, *id)));
        if GUARDED_WRITES {
            under.extend(wanted.leases.iter().map(|key| lease::key(key)));
        }
        if heads.is_empty() && under.is_empty() {
            return Ok(());
        }
        let (head_rows, under_rows) = if self.host.is_consistent() {
            let count = heads.len();
            let mut rows = self.host.get([heads, under].concat()).await?;
            let rest = rows.split_off(count);
            (rows, rest)
        } else {
            let head_rows = self.host.get(heads).await?;
            (head_rows, self.host.get(under).await?)
        };
        for (name, row) in wanted.spaces.iter().zip(head_rows) {
            if let Err(error) = self.cache.borrow_mut().put_space(name, row) {
                loaded.bad.insert(Rc::clone(name), error);
            }
        }
        if self.host.atomic() == Atomicity::None {
            self.sweep_leftovers(&wanted.spaces).await?;
        }
        let mut rows = under_rows.into_iter();
        for (name, row) in wanted.segments.iter().zip(rows.by_ref()) {
            let with_first = !GUARDED_WRITES || wanted.with_first.contains(name);
            if let Err(error) = self.take_segment(name, row, with_first).await {
                loaded.bad.insert(Rc::clone(&name.0), error);
            }
        }
        for (name, row) in wanted.trx.iter().zip(rows.by_ref()) {
            let (space, segment, id) = name;
            let Some(row) = row else { continue };
            match TrxRow::decode(&row) {
                Ok(row) => {
                    let voids = self.voids_of(space);
                    if self.trx_is_committed(space, segment, *id, &row, &voids).await? {
                        loaded.trx.insert(name.clone(), row);
                    }
                }
                Err(error) => {
                    let error = error.at_key(&trx::key(space, segment, *id));
                    loaded.bad.insert(Rc::clone(space), error);
                }
            }
        }
        if GUARDED_WRITES {
            for (key, row) in wanted.leases.into_iter().zip(rows) {
                let Some(row) = row else { continue };
                let decoded = LeaseRow::decode(&row).map_err(|error| error.at_key(&lease::key(&key)))?;
                loaded.leases.insert(key, (row, decoded));
            }
        }
        Ok(())
    }

    /// Removes commit rows that an earlier writer left above the heads just read. Where that fails, the heads are
    /// forgotten: a space whose head is known counts as swept.
    async fn sweep_leftovers(self: &Rc<Self>, spaces: &SortedSet<Rc<str>>) -> Result {
        for name in spaces.iter() {
            if self.is_importing(name) {
                continue;
            }
            let swept = self.sweep_commits(name).await;
            if swept.is_err() {
                for name in spaces.iter() {
                    self.cache.borrow_mut().forget(name);
                }
                return swept;
            }
        }
        Ok(())
    }

    /// Void ids of a space, by the head that is known.
    fn voids_of(&self, space: &str) -> Voids {
        self.cache.borrow().space(space).map_or(Voids::NONE, |known| known.head.voids.clone())
    }

    /// Where commits are not atomic, the row may be a leftover of a writer that stopped before its
    /// space head: then its block was one too, and is void or swept by now.
    pub(crate) async fn trx_is_committed(
        &self,
        space: &str,
        segment: &str,
        id: Uuid,
        row: &TrxRow,
        voids: &Voids,
    ) -> Result<bool> {
        if self.host.atomic() != Atomicity::None {
            return Ok(true);
        }
        // By its last entry: the first ones may be trimmed.
        let found = self.next_block(space, segment, row.last_sequence, voids).await?;
        Ok(found.is_some_and(|found| found.runs.iter().any(|run| run.is_written_by(id, row))))
    }

    /// Takes a segment's head into the cache; `with_first`: with its first entry, which may have to be searched.
    async fn take_segment(
        self: &Rc<Self>,
        name: &SegmentName,
        row: Option<Bytes>,
        with_first: bool,
    ) -> Result {
        let (space, segment) = name;
        let (trimmed, carried) = {
            let cache = self.cache.borrow();
            let head = cache.space(space).map(|known| &known.head);
            (
                head.map_or(EntryId::ZERO, |head| head.trimmed),
                head.and_then(|head| head.carried(segment).copied()),
            )
        };
        let head = match (carried, row) {
            (Some(head), _) => head,
            (None, Some(row)) => {
                SegmentHead::decode(&row).map_err(|error| error.at_key(&segment::key(space, segment)))?
            }
            (None, None) => SegmentHead::EMPTY,
        };
        if self.host.atomic() == Atomicity::None && !self.is_importing(space) {
            self.sweep_blocks(space, segment, head.last_sequence).await?;
        }
        let first = if with_first || head.first_id > trimmed {
            let voids = self.voids_of(space);
            self.first_entry(space, segment, &head, trimmed, &voids).await?
        } else {
            None
        };
        self.cache.borrow_mut().put_segment(space, segment, SegmentState { head, first });
        Ok(())
    }

    /// Whether an import is writing rows of the space, which its head does not cover yet.
    fn is_importing(&self, space: &str) -> bool {
        self.cache.borrow().space(space).is_some_and(|known| known.head.importing)
    }

    /// The first entry above the trim bound.
    pub(crate) async fn first_entry(
        &self,
        space: &str,
        segment: &str,
        head: &SegmentHead,
        trimmed: EntryId,
        voids: &Voids,
    ) -> Result<Option<FirstEntry>> {
        if head.last_sequence == 0 || head.last_id <= trimmed {
            return Ok(None);
        }
        if head.first_id > trimmed {
            return Ok(Some(FirstEntry { sequence: 1, id: head.first_id }));
        }
        let (_, found) = self.block_after(space, segment, head.last_sequence, trimmed, voids).await?;
        let Some(found) = found else {
            return Ok(None);
        };
        for run in &found.runs {
            if let Some(run) = run.between(trimmed, head.last_id)? {
                return Ok(Some(FirstEntry { sequence: run.first_sequence, id: run.first_id }));
            }
        }
        Ok(None)
    }

    fn pending_among(&self, spaces: &SortedSet<Rc<str>>) -> Vec<(Rc<str>, Uuid)> {
        let cache = self.cache.borrow();
        spaces
            .iter()
            .filter_map(|name| Some((name, cache.space(name)?.head.pending)))
            .filter(|(_, pending)| !pending.is_nil())
            .map(|(name, pending)| (Rc::clone(name), pending))
            .collect()
    }
}

/// A space's head as it was read; the empty one where there is none.
pub(crate) fn decode_head(row: Option<&[u8]>, key: &[u8]) -> Result<SpaceHead> {
    match row {
        Some(row) => SpaceHead::decode(row).map_err(|error| error.at_key(key)),
        None => Ok(SpaceHead::EMPTY),
    }
}
