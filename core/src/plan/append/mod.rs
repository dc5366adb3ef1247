//! Planning appends: each request is taken, refused by itself, or left for the next commit.

mod cost;
mod refusals;

pub(crate) use refusals::attached_conflict;

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use uuid::Uuid;

use self::refusals::{check_stream, check_totals};
use super::draft::{SegmentDraft, SpaceDraft};
use super::{
    AttachedRows, FirstEntry, PlannedSpace, SegmentState, Sizes, TrimTo, Write, WriteRequest, Written,
};
use crate::codec::Trx;
use crate::error::{Error, Result};
use crate::id::{EntryId, MAX_MS};
use crate::kv::{Check, Durability};
use crate::layout::commit::Item;
use crate::layout::lease::LeaseRow;
use crate::layout::segment::SegmentHead;
use crate::layout::space::SpaceHead;
use crate::layout::stream::StreamMeta;
use crate::layout::trx::TrxRow;
use crate::layout::{Packing, Run, lease};
use crate::sorted::SortedMap;

/// What the planner is told about the state that it plans from.
pub(crate) trait Known {
    /// The space's head, as stored and decoded; `None` only for a space that was not loaded.
    fn space(&self, space: &str) -> Option<(Option<&[u8]>, &SpaceHead)>;
    /// The segment's state; [`SegmentHead::EMPTY`] for one that does not exist.
    fn segment(&self, space: &str, segment: &str) -> SegmentState;
    /// The row of a caller's TRX.
    fn trx(&self, space: &str, segment: &str, id: Uuid) -> Option<TrxRow>;
    /// The lease row, as stored and decoded.
    fn lease(&self, key: &str) -> Option<(Vec<u8>, LeaseRow)>;
}

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It is part of the plan, and gets this reply when the plan has applied.
    Planned(Vec<Written>),
    /// Nothing needs to be stored: it was committed before.
    Answered(Vec<Written>),
    /// It does not fit this commit any more.
    Full,
    /// It is refused, by the state that the plan would leave.
    Refused(Error),
}

/// Gathers requests into one commit.
#[derive(Debug)]
pub(crate) struct Planner<'s> {
    sizes: &'s Sizes,
    node: Uuid,
    now: u64,
    spaces: SortedMap<Rc<str>, SpaceDraft>,
    leases: SortedMap<String, Vec<u8>>,
    attached: Vec<AttachedRows>,
    pub(super) ops: usize,
    pub(super) bytes: usize,
    /// Each space is committed by itself.
    apart: bool,
    durability: Durability,
}

impl<'s> Planner<'s> {
    /// A plan at the host's time `now`, by the store instance `node`. `apart`: it is about several
    /// spaces, each of which is committed by itself.
    pub(crate) fn new(sizes: &'s Sizes, node: Uuid, now: u64, apart: bool) -> Self {
        Self {
            apart,
            sizes,
            node,
            now,
            spaces: SortedMap::new(),
            leases: SortedMap::new(),
            attached: Vec::new(),
            ops: 0,
            bytes: 0,
            durability: Durability::Relaxed,
        }
    }

    /// Whether nothing is planned.
    pub(crate) fn is_empty(&self) -> bool {
        self.spaces.is_empty()
    }

    /// What the commit must survive: the most that any of its requests asked for.
    pub(crate) fn durability(&self) -> Durability {
        self.durability
    }

    /// Takes a request into the plan, if it may be taken.
    pub(crate) fn add(&mut self, request: &WriteRequest, known: &dyn Known) -> Verdict {
        match self.try_add(request, known) {
            Ok(verdict) => verdict,
            Err(refusal) => Verdict::Refused(refusal),
        }
    }

    fn try_add(&mut self, request: &WriteRequest, known: &dyn Known) -> Result<Verdict> {
        if request.trx_supplied
            && let Some(reply) = self.find_again(request, known)?
        {
            // What it finds may be part of this very commit.
            self.durability = self.durability.max(request.durability);
            return Ok(Verdict::Answered(reply));
        }
        let lease = match request.lease() {
            Some(hold) => Some(self.check_lease(hold, known)?),
            None => None,
        };
        let count: u64 = request.writes.iter().map(|write| write.count).sum();
        let logical: u64 = request.writes.iter().map(|write| write.logical).sum();
        for write in &request.writes {
            self.check_write(request, write, known)?;
            let head = self.head(&write.space, known);
            self.check_ids(write, count, head)?;
            check_totals(count, logical, head)?;
            check_stream(write, head)?;
        }
        if let Some(trim) = request.trim() {
            self.check_trim(trim, known)?;
        }
        if let Some(rows) = request.rows()
            && self.attached.iter().any(|other| other.check.key == rows.check.key)
        {
            return Ok(Verdict::Full);
        }
        let (ops, bytes) = self.cost(request);
        let fits_host = if self.apart {
            self.is_empty() && self.fits_by_space(request)
        } else {
            self.ops + ops <= self.sizes.batch_ops && self.bytes + bytes <= self.sizes.batch_bytes
        };
        let fits_company = self.bytes + bytes <= self.sizes.shared_bytes;
        if !(self.is_empty() || fits_host && fits_company) {
            return Ok(Verdict::Full);
        }
        if !fits_host {
            return Err(self.beyond_host(request));
        }
        let mut reply = Vec::with_capacity(request.writes.len());
        for write in &request.writes {
            reply.push(self.apply(request, write, known)?);
        }
        if let Some(trim) = request.trim() {
            self.trim(trim, known);
        }
        self.attached.extend(request.rows().cloned());
        self.ops += ops;
        self.bytes += bytes;
        self.durability = self.durability.max(request.durability);
        if let Some((key, row)) = lease {
            self.leases.insert(key, row);
        }
        Ok(Verdict::Planned(reply))
    }

    /// The reply to a caller's TRX that is stored, or planned before this request.
    fn find_again(&self, request: &WriteRequest, known: &dyn Known) -> Result<Option<Vec<Written>>> {
        let mut found = Vec::new();
        for write in &request.writes {
            let planned = self.spaces.get(&write.space).and_then(|draft| {
                let same = |row: &&(Rc<str>, Uuid, TrxRow)| row.0 == write.segment && row.1 == request.trx_id;
                draft.trx_rows.iter().find(same).map(|(_, _, row)| *row)
            });
            let row = planned.or_else(|| known.trx(&write.space, &write.segment, request.trx_id));
            if let Some(row) = row {
                let state = self.segment(write, known);
                let first = state.first.filter(|first| first.sequence <= row.first_sequence);
                found.push(Written {
                    first_sequence: first.map_or(row.first_sequence, |first| first.sequence),
                    first_ms: first.map_or(row.first_id.ms, |first| first.id.ms),
                    last_sequence: row.last_sequence,
                    last_ms: row.first_id.ms,
                    first_id: row.first_id,
                    last_id: EntryId {
                        ms: row.first_id.ms,
                        n: row.first_id.n + (row.last_sequence - row.first_sequence),
                    },
                });
            }
        }
        if found.is_empty() {
            return Ok(None);
        }
        if found.len() != request.writes.len() {
            return Err(Error::invalid(
                "trx.id: it was used before, by a transaction over other segments, or one that is trimmed in part",
            ));
        }
        Ok(Some(found))
    }

    fn segment(&self, write: &Write, known: &dyn Known) -> SegmentState {
        self.spaces
            .get(&write.space)
            .and_then(|draft| draft.segments.get(&write.segment))
            .map_or_else(|| known.segment(&write.space, &write.segment), |draft| draft.state)
    }

    /// A space's head as what is planned before leaves it.
    fn head<'k>(&'k self, space: &str, known: &'k dyn Known) -> Option<&'k SpaceHead> {
        match self.spaces.get(space) {
            Some(draft) => Some(&draft.head),
            None => known.space(space).map(|(_, head)| head),
        }
    }

    fn trim(&mut self, trim: &TrimTo, known: &dyn Known) {
        let head = &mut self.draft(&trim.space, known).head;
        head.trimmed = trim.upto;
        head.trimmed_records = (head.trimmed_records + trim.records).min(head.records);
        head.trimmed_bytes = (head.trimmed_bytes + trim.bytes).min(head.bytes);
    }

    fn draft(&mut self, space: &Rc<str>, known: &dyn Known) -> &mut SpaceDraft {
        self.spaces.get_or_insert_with(Rc::clone(space), || {
            known.space(space).map_or_else(
                || SpaceDraft::new(None, SpaceHead::EMPTY),
                |(base, head)| SpaceDraft::new(base.map(<[u8]>::to_vec), head.clone()),
            )
        })
    }

    /// Makes a write part of the plan, and gives its reply.
    fn apply(&mut self, request: &WriteRequest, write: &Write, known: &dyn Known) -> Result<Written> {
        let now = self.now;
        let node = self.node;
        let sizes = self.sizes;
        let draft = self.draft(&write.space, known);
        let segment = draft.segments.get_or_insert_with(Rc::clone(&write.segment), || SegmentDraft {
            state: known.segment(&write.space, &write.segment),
            runs: Vec::new(),
            bytes: 0,
        });
        let first_id = draft.head.floor().next(now)?;
        let last_id = EntryId { ms: first_id.ms, n: first_id.n + write.count - 1 };
        let head = &mut segment.state.head;
        // Appends to streams do not search for where the segment begins, and where it is not known do not state it.
        let unsought = write.stream().is_some() && head.last_id > draft.head.trimmed;
        let run = Run {
            first_sequence: head.last_sequence + 1,
            count: write.count,
            first_id,
            trx: Trx { id: request.trx_id, node, number: head.trx.number + 1 },
            body: write.entries.clone(),
        };
        *head = SegmentHead {
            last_sequence: run.last_sequence(),
            last_id,
            first_id: if head.last_sequence == 0 { first_id } else { head.first_id },
            trx: run.trx,
        };
        let first = match segment.state.first {
            None if unsought => FirstEntry { sequence: 0, id: EntryId::ZERO },
            _ => {
                *segment.state.first.get_or_insert(FirstEntry { sequence: run.first_sequence, id: first_id })
            }
        };
        if write.stream().is_some() {
            let meta = StreamMeta::of(&write.space, &draft.head)?;
            if !meta.is_stream() {
                let made = StreamMeta { partitions: 1, created_at: now.min(MAX_MS), ..meta };
                draft.head.metadata = made.encode();
            }
        }
        draft.head.last_id = last_id;
        draft.head.deleted = false;
        draft.head.records += write.count;
        draft.head.bytes += write.logical;
        let length = run.encoded_len();
        let item = Item {
            segment: Rc::clone(&write.segment),
            first_sequence: run.first_sequence,
            count: run.count,
            first_id,
            logical: write.logical,
            inline: (length <= sizes.inline_bytes).then(|| run.clone()),
        };
        draft.item_bytes += item.encoded_len();
        draft.items.push(item);
        if request.trx_supplied {
            let row = TrxRow {
                number: run.trx.number,
                first_sequence: run.first_sequence,
                last_sequence: run.last_sequence(),
                first_id,
            };
            draft.trx_rows.push((Rc::clone(&write.segment), request.trx_id, row));
        }
        let written = Written {
            first_sequence: first.sequence,
            first_ms: first.id.ms,
            last_sequence: run.last_sequence(),
            last_ms: first_id.ms,
            first_id,
            last_id,
        };
        segment.bytes += length;
        segment.runs.push(run);
        Ok(written)
    }

    /// The rows of the plan, space by space in key order, the checks on leases, and what is attached.
    pub(crate) fn finish(
        self,
        nonce: u64,
        carry: bool,
        packing: &mut Packing<'_>,
    ) -> Result<(Vec<PlannedSpace>, Vec<Check>, Vec<AttachedRows>)> {
        let mut spaces = Vec::with_capacity(self.spaces.len());
        for (name, draft) in self.spaces {
            spaces.push(draft.finish(name, self.sizes, nonce, carry, packing)?);
        }
        let checks = self
            .leases
            .into_iter()
            .map(|(key, row)| Check { key: lease::key(&key), value: Some(row) })
            .collect();
        Ok((spaces, checks, self.attached))
    }
}
