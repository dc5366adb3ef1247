//! Planning appends: each request is taken, refused by itself, or left for the next commit.

use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use uuid::Uuid;

use super::draft::{SegmentDraft, SpaceDraft};
use super::sizes::{KEY_BYTES, ROW_BYTES};
use super::{
    AttachedRows, FirstEntry, LeaseHold, PlannedSpace, SegmentState, Sizes, TrimTo, Write, WriteRequest,
    Written,
};
use crate::codec::Trx;
use crate::error::{Detail, Error, ErrorCode, Result};
use crate::id::{EntryId, MAX_INTEGER, MAX_MS};
use crate::kv::{Check, Durability};
use crate::layout::commit::Item;
use crate::layout::lease::LeaseRow;
use crate::layout::segment::{SEGMENT_HEAD_BYTES, SegmentHead};
use crate::layout::space::{SPACE_HEAD_BYTES, SpaceHead};
use crate::layout::stream::{STREAM_META_BYTES, StreamMeta};
use crate::layout::trx::{TRX_ROW_BYTES, TrxRow};
use crate::layout::{Packing, Run, lease};
use crate::sorted::SortedMap;

/// What a plan counts for an item of a commit row besides its segment's name and an inline run.
const ITEM_BYTES: usize = 64;
/// What a plan counts for the check of a lease: two names, and the numbers of its row.
const LEASE_BYTES: usize = 512;
/// What a plan counts for a space head, checked and written, beyond its fixed fields.
const HEADS_SPARE_BYTES: usize = 256;

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

    fn check_lease(&self, hold: &LeaseHold, known: &dyn Known) -> Result<(String, Vec<u8>)> {
        let lost = || {
            Error::new(
                ErrorCode::LeaseLost,
                format!("lease: \"{}\" no longer holds \"{}\"", hold.holder, hold.key),
            )
            .with("key", Detail::Text(hold.key.clone()))
        };
        let (stored, row) = known.lease(&hold.key).ok_or_else(lost)?;
        if row.token != hold.token || row.holder != hold.holder || row.expires <= self.now {
            return Err(lost());
        }
        Ok((hold.key.clone(), stored))
    }

    fn segment(&self, write: &Write, known: &dyn Known) -> SegmentState {
        self.spaces
            .get(&write.space)
            .and_then(|draft| draft.segments.get(&write.segment))
            .map_or_else(|| known.segment(&write.space, &write.segment), |draft| draft.state)
    }

    fn check_write(&self, request: &WriteRequest, write: &Write, known: &dyn Known) -> Result {
        let head = self.segment(write, known).head;
        let next = head.last_sequence + 1;
        let mismatch = |expected: u64, actual: u64| {
            Error::new(
                ErrorCode::SequenceMismatch,
                format!(
                    "sequence: {expected} was expected, the next one of \"{}\" in \"{}\" is {actual}",
                    write.segment, write.space
                ),
            )
            .with("expected", Detail::Number(expected))
            .with("actual", Detail::Number(actual))
        };
        if let Some(number) = request.trx_number {
            let last = head.trx.number;
            let refuse = |code, what: &str| {
                Err(Error::new(code, format!("trx.number: {number}, but {what} {last}"))
                    .with("expected", Detail::Number(number))
                    .with("actual", Detail::Number(last + 1)))
            };
            if number == last && last > 0 {
                return refuse(ErrorCode::TrxIdMismatch, "another TRX has that number; the last is");
            }
            if number <= last {
                return refuse(ErrorCode::TrxNumberAhead, "the segment is already at");
            }
            if number > last + 1 {
                return refuse(ErrorCode::TrxNumberBehind, "the segment is only at");
            }
        }
        if let Some(expected) = write.expected
            && expected != head.last_sequence
        {
            return Err(mismatch(expected + 1, next));
        }
        for (expected, actual) in write.sequences.iter().flatten().zip(next..) {
            if *expected != 0 && *expected != actual {
                return Err(mismatch(*expected, actual));
            }
        }
        if head.last_sequence.saturating_add(write.count) > MAX_INTEGER || head.trx.number >= MAX_INTEGER {
            return Err(Error::limit("sequence", MAX_INTEGER, head.last_sequence + write.count));
        }
        Ok(())
    }

    /// A space's head as what is planned before leaves it.
    fn head<'k>(&'k self, space: &str, known: &'k dyn Known) -> Option<&'k SpaceHead> {
        match self.spaces.get(space) {
            Some(draft) => Some(&draft.head),
            None => known.space(space).map(|(_, head)| head),
        }
    }

    /// Ids must stay in range for everything that the request adds to the space.
    fn check_ids(&self, write: &Write, count: u64, head: Option<&SpaceHead>) -> Result {
        if head.is_some_and(|head| head.importing) {
            let space = &write.space;
            let message = format!(
                "space: an import into \"{space}\" has not ended; one that was broken off makes way after 30 seconds"
            );
            return Err(Error::new(ErrorCode::Conflict, message).with("importing", Detail::Flag(true)));
        }
        let first = head.map_or(EntryId::ZERO, SpaceHead::floor).next(self.now)?;
        let last = first.n.saturating_add(count);
        if last > MAX_INTEGER {
            return Err(Error::limit("entries in one millisecond", MAX_INTEGER, last));
        }
        Ok(())
    }

    /// The bound must be where it was when the records were seen.
    fn check_trim(&self, trim: &TrimTo, known: &dyn Known) -> Result {
        let head = self.head(&trim.space, known);
        if head.is_none_or(|head| head.trimmed != trim.from || head.last_id < trim.upto || head.importing) {
            return Err(attached_conflict());
        }
        Ok(())
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

    /// Whether the share of each space fits a commit of its own.
    fn fits_by_space(&self, request: &WriteRequest) -> bool {
        self.shares(request).all(|share| self.fits(share))
    }

    /// What the share of each space costs.
    fn shares<'r>(&'r self, request: &'r WriteRequest) -> impl Iterator<Item = (usize, usize)> + 'r {
        let is_first =
            |(n, one): &(usize, &Write)| request.writes.iter().take(*n).all(|write| write.space != one.space);
        let spaces = request.writes.iter().enumerate().filter(is_first).map(|(_, one)| &*one.space);
        spaces.map(|space| self.cost_of(request, Some(space)))
    }

    fn fits(&self, (ops, bytes): (usize, usize)) -> bool {
        ops <= self.sizes.batch_ops && bytes <= self.sizes.batch_bytes
    }

    /// Which limit of the host a request is beyond that does not fit an empty commit.
    fn beyond_host(&self, request: &WriteRequest) -> Error {
        let share = if self.apart { self.shares(request).find(|share| !self.fits(*share)) } else { None };
        let (ops, bytes) = share.unwrap_or_else(|| self.cost(request));
        if ops > self.sizes.batch_ops {
            return Error::limit("rows of one commit", self.sizes.batch_ops as u64, ops as u64);
        }
        Error::limit("bytes of one commit with its rows' own", self.sizes.batch_bytes as u64, bytes as u64)
    }

    /// Operations and bytes that a request adds to the commit, counted so that they are never too few.
    fn cost(&self, request: &WriteRequest) -> (usize, usize) {
        self.cost_of(request, None)
    }

    /// The same; with `only`, of what it writes to that space.
    fn cost_of(&self, request: &WriteRequest, only: Option<&str>) -> (usize, usize) {
        let (mut ops, mut bytes) = (0, 0);
        // What the request adds to the commit row of each space.
        let mut items: Vec<(&str, usize)> = Vec::new();
        for write in request.writes.iter().filter(|write| only.is_none_or(|space| *write.space == *space)) {
            let key = write.space.len() + write.segment.len() + KEY_BYTES;
            let run = write.entries.len() + crate::layout::RUN_HEADER_BYTES;
            let draft = self.spaces.get(&write.space);
            let segment = draft.and_then(|draft| draft.segments.get(&write.segment));
            let before = segment.map_or(0, |segment| segment.bytes);
            // Its blocks.
            let rows = self.sizes.rows_of(before + run) - self.sizes.rows_of(before);
            ops += rows;
            bytes += run + rows * (key + ROW_BYTES);
            // The segment head.
            if segment.is_none() {
                ops += 1;
                bytes += key + SEGMENT_HEAD_BYTES;
            }
            if request.trx_supplied {
                ops += 1;
                bytes += key + TRX_ROW_BYTES;
            }
            let earlier = items.iter_mut().rev().find(|(space, _)| *space == &*write.space);
            // The space head: its check, its row, and a row to spare. It is in the commit twice, as checked and as written.
            if draft.is_none() && earlier.is_none() {
                ops += 3;
                bytes += 3 * key + 2 * (SPACE_HEAD_BYTES + STREAM_META_BYTES) + HEADS_SPARE_BYTES;
            }
            // What it adds to commit rows.
            let inline = if run <= self.sizes.inline_bytes { run } else { 0 };
            let item = write.segment.len() + ITEM_BYTES + inline;
            let before = draft.map_or(0, |draft| draft.item_bytes)
                + earlier.as_ref().map_or(0, |(_, earlier)| *earlier);
            let rows = self.sizes.rows_of(before + item) - self.sizes.rows_of(before);
            ops += rows;
            bytes += item + rows * (key + ROW_BYTES);
            match earlier {
                Some((_, earlier)) => *earlier += item,
                // A request of one write, as most are, needs no list.
                None if request.writes.len() > 1 => items.push((&write.space, item)),
                None => {}
            }
        }
        if request.lease().is_some() {
            ops += 1;
            bytes += LEASE_BYTES;
        }
        if let Some(rows) = request.rows() {
            ops += 1 + rows.deletes.len() + rows.puts.len();
            bytes += rows.bytes();
        }
        if let Some(trim) = request.trim() {
            ops += 2;
            bytes += 2 * (trim.space.len() + KEY_BYTES + SPACE_HEAD_BYTES) + HEADS_SPARE_BYTES;
        }
        (ops, bytes)
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
            let meta = StreamMeta::read(&draft.head)?;
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

/// What there ever was in a space must stay in range too: an import may bring any of it along as trimmed.
fn check_totals(count: u64, logical: u64, head: Option<&SpaceHead>) -> Result {
    let (records, bytes) = head.map_or((0, 0), |head| (head.records, head.bytes));
    let most = records.saturating_add(count).max(bytes.saturating_add(logical));
    if most > MAX_INTEGER {
        return Err(Error::limit("records or bytes of a space", MAX_INTEGER, most));
    }
    Ok(())
}

/// The stream that the partition was chosen of must still be that one.
fn check_stream(write: &Write, head: Option<&SpaceHead>) -> Result {
    let Some(stream) = write.stream() else {
        return Ok(());
    };
    let meta = head.map_or_else(|| Ok(StreamMeta::default()), StreamMeta::read)?;
    // What was to be made with one partition may have been made by another writer.
    let partitions_fit =
        meta.partitions == stream.partitions || (meta.partitions.max(1), stream.partitions) == (1, 0);
    if meta.epoch == stream.epoch && partitions_fit {
        return Ok(());
    }
    Err(Error::new(
        ErrorCode::Conflict,
        format!("stream: \"{}\" was deleted or created meanwhile", write.space),
    ))
}

impl AttachedRows {
    /// Bytes of keys and values.
    fn bytes(&self) -> usize {
        let checked = self.check.key.len() + self.check.value.as_ref().map_or(0, Vec::len);
        let deleted: usize = self.deletes.iter().map(Vec::len).sum();
        let put: usize = self.puts.iter().map(|put| put.key.len() + put.value.len()).sum();
        checked + deleted + put
    }
}

/// What a request hears whose attached rows are not what it planned from.
pub(crate) fn attached_conflict() -> Error {
    Error::new(ErrorCode::Conflict, "what the write depends on has changed")
        .with("attached", Detail::Flag(true))
}
