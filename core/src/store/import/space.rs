//! Importing one space.

use alloc::boxed::Box;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::Cell;

use uuid::Uuid;

use super::blocks::Gathering;
use super::commits::Timeline;
use crate::codec::{Crc32c, Reader, measure_entries};
use crate::error::{Error, ErrorCode, Result};
use crate::id::{EntryId, check_time};
use crate::kv::{Bytes, Durability, Put};
use crate::layout::import_mark::ImportMark;
use crate::layout::segment::{SEGMENT_HEAD_BYTES, SegmentHead};
use crate::layout::space::SpaceHead;
use crate::layout::trx::{TRX_ROW_BYTES, TrxRow};
use crate::layout::{Run, segment, trx};
use crate::shared::SharedBytes;
use crate::store::Inner;
use crate::store::abandoned::{BROKEN_OFF_AFTER, HEAD_BYTES, most_deletes, rows_under};
use crate::store::export::frame::{self, Kind, SpaceCounts, SpaceStart, Trimmed};
use crate::store::queue::{Job, Patch};

/// Rows are handed to the host once they are so many bytes.
const COMMIT_BYTES: usize = 4 << 20;
/// An import under way says so after so many milliseconds: a third of what makes it one that was broken off.
const RENEW_AFTER: u64 = BROKEN_OFF_AFTER / 3;
/// Looks for rows that are to be removed.
const MOST_LOOKS: u32 = 4;

/// How far into the space the frames are; they come in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Runs,
    Trx,
    Segments,
}

/// A space while it is imported.
#[derive(Debug)]
pub(super) struct SpaceImport {
    name: Rc<str>,
    /// What the head carries as long as it is ours.
    id: Uuid,
    start: SpaceStart,
    stage: Stage,
    sum: Crc32c,
    trimmed: Trimmed,
    /// Entries may be missing up to here, as they are trimmed.
    hole: EntryId,
    /// The last id taken, and what there was ever up to there.
    last: EntryId,
    records: u64,
    bytes: u64,
    counts: SpaceCounts,
    gathering: Gathering,
    timeline: Timeline,
    /// The last row of a kind whose rows come in order.
    last_row: (String, Uuid),
    /// Segments whose head has come, of those that have entries here.
    headed: usize,
    /// Entries that there ever were, by the heads.
    headed_records: u64,
    puts: Vec<Put>,
    put_bytes: usize,
    /// When the head was last written.
    stepped: Cell<u64>,
}

impl SpaceImport {
    /// Makes the space ours, if there is nothing in it.
    pub(super) async fn begin(inner: &Rc<Inner>, start: SpaceStart, sum: Crc32c) -> Result<Self> {
        let most = inner.host.limits().max_value_bytes.min(inner.sizes.batch_bytes / 4);
        if start.metadata.len() + HEAD_BYTES > most {
            let limit = most.saturating_sub(HEAD_BYTES) as u64;
            return Err(Error::limit("bytes of a stream's metadata", limit, start.metadata.len() as u64));
        }
        inner.sizes.check_key(start.name.len(), 0)?;
        let now = check_time(inner.env.clock.now())?;
        let id = inner.uuid(now);
        let trimmed = start.trimmed;
        let space = Self {
            name: Rc::from(&*start.name),
            id,
            stage: Stage::Runs,
            sum,
            trimmed,
            hole: trimmed.bound,
            last: trimmed.bound,
            records: trimmed.records,
            bytes: trimmed.bytes,
            counts: SpaceCounts::default(),
            gathering: Gathering::default(),
            timeline: Timeline::after(trimmed.bound, trimmed.records, trimmed.bytes),
            last_row: (String::new(), Uuid::nil()),
            headed: 0,
            headed_records: 0,
            puts: Vec::new(),
            put_bytes: 0,
            stepped: Cell::new(now),
            start,
        };
        let name = Rc::clone(&space.name);
        let edit = move |head: &mut SpaceHead| {
            let untouched = SpaceHead {
                revision: head.revision,
                nonce: head.nonce,
                layout: head.layout,
                voids: head.voids.clone(),
                ..SpaceHead::EMPTY
            };
            if !head.importing && *head != untouched {
                return Err(Error::occupied(format!(
                    "space: \"{name}\" is not empty, and an import fills only those that are"
                )));
            }
            *head = SpaceHead {
                importing: true,
                layout: head.layout.wrapping_add(1),
                metadata: ImportMark { id, ms: now }.encode(),
                ..untouched
            };
            Ok(())
        };
        space.commit(inner, Box::new(edit), Vec::new(), Vec::new(), Durability::Relaxed).await?;
        Ok(space)
    }

    pub(super) fn entries(&self) -> u64 {
        self.counts.entries
    }

    pub(super) fn counts(&self) -> SpaceCounts {
        self.counts
    }

    pub(super) fn sum(&mut self) -> &mut Crc32c {
        &mut self.sum
    }

    /// The time; that of the last step by a clock that fails.
    fn now(&self, inner: &Inner) -> u64 {
        check_time(inner.env.clock.now()).unwrap_or(self.stepped.get())
    }

    async fn commit(
        &self,
        inner: &Rc<Inner>,
        edit: Box<dyn Fn(&mut SpaceHead) -> Result>,
        puts: Vec<Put>,
        deletes: Vec<Bytes>,
        durability: Durability,
    ) -> Result {
        self.stepped.set(self.now(inner));
        let patch = Patch { space: Rc::clone(&self.name), edit, puts, deletes, durability };
        inner.submit(Job::Patch(patch), 0).await.map(drop)
    }

    /// An edit of the head that is made only while the space is ours.
    fn ours(
        &self,
        inner: &Inner,
        edit: impl Fn(&mut SpaceHead) + 'static,
    ) -> Box<dyn Fn(&mut SpaceHead) -> Result> {
        let name = Rc::clone(&self.name);
        let step = ImportMark { id: self.id, ms: self.now(inner) };
        Box::new(move |head| {
            // Only the head of an import under way has a mark.
            if ImportMark::decode(&head.metadata).is_none_or(|mark| mark.id != step.id) {
                let message = format!("space: another import or writer of \"{name}\" has taken over");
                return Err(Error::occupied(message));
            }
            head.metadata = step.encode();
            edit(head);
            Ok(())
        })
    }

    /// Removes what an abandoned import left. Looks again until nothing is left: where commits are not
    /// atomic, one whose reply was lost may have removed a part of its rows.
    pub(super) async fn clear(&self, inner: &Rc<Inner>) -> Result {
        for _ in 0..MOST_LOOKS {
            if !self.clear_once(inner).await? {
                return Ok(());
            }
        }
        if inner.host.is_consistent() {
            return Err(Error::unavailable(format!(
                "import: what an earlier one left in \"{}\" cannot be removed",
                self.name
            )));
        }
        // A listing there may show rows for a while that are gone.
        Ok(())
    }

    /// Removes the rows of the space; gives whether there were any.
    async fn clear_once(&self, inner: &Rc<Inner>) -> Result<bool> {
        let most = most_deletes(&inner.sizes);
        let mut found = false;
        for range in rows_under(&self.name) {
            let mut left = Some(range);
            while let Some(range) = left {
                let (deletes, rest) = inner.host.keys(range, most).await?;
                if deletes.is_empty() {
                    break;
                }
                found = true;
                let edit = self.ours(inner, |_| {});
                self.commit(inner, edit, Vec::new(), deletes, Durability::Relaxed).await?;
                left = rest;
            }
        }
        Ok(found)
    }

    /// Gives the space back as one that nothing was ever written to.
    pub(super) async fn undo(&self, inner: &Rc<Inner>) -> Result {
        self.clear(inner).await?;
        let edit = self.ours(inner, |head| {
            *head = SpaceHead { revision: head.revision, layout: head.layout, ..SpaceHead::EMPTY };
        });
        self.commit(inner, edit, Vec::new(), Vec::new(), inner.options.durability).await
    }

    /// Adds a row that the final head will cover.
    async fn put(&mut self, inner: &Rc<Inner>, row: Put) -> Result {
        let bytes = row.key.len() + row.value.len();
        let room = inner.sizes.batch_bytes.min(COMMIT_BYTES).saturating_sub(HEAD_BYTES);
        let full = self.put_bytes + bytes > room || self.puts.len() + 3 > inner.sizes.batch_ops;
        if full && !self.puts.is_empty() {
            self.hand_over(inner).await?;
        }
        self.put_bytes += bytes;
        self.puts.push(row);
        Ok(())
    }

    /// Says that the import goes on, where rows come too slowly to say so.
    pub(super) async fn renew(&self, inner: &Rc<Inner>) -> Result {
        if self.now(inner).abs_diff(self.stepped.get()) < RENEW_AFTER {
            return Ok(());
        }
        self.commit(inner, self.ours(inner, |_| {}), Vec::new(), Vec::new(), Durability::Relaxed).await
    }

    async fn hand_over(&mut self, inner: &Rc<Inner>) -> Result {
        if self.puts.is_empty() {
            return Ok(());
        }
        self.put_bytes = 0;
        let puts = core::mem::take(&mut self.puts);
        let edit = self.ours(inner, |_| {});
        // The last commit is as durable as is asked for, and covers these.
        self.commit(inner, edit, puts, Vec::new(), Durability::Relaxed).await
    }

    /// Takes a frame of rows.
    pub(super) async fn take(&mut self, inner: &Rc<Inner>, kind: Kind, body: &SharedBytes) -> Result {
        let stage = match kind {
            Kind::Trx => Stage::Trx,
            Kind::Segments => Stage::Segments,
            _ => Stage::Runs,
        };
        let late_trim = kind == Kind::Trimmed && self.stage == Stage::Trx;
        if stage < self.stage && !late_trim {
            return Err(super::out_of_order(kind));
        }
        if stage > self.stage {
            self.stage = stage;
            self.last_row = (String::new(), Uuid::nil());
        }
        match kind {
            Kind::Trimmed => self.take_trimmed(inner, body).await,
            Kind::Trx => self.take_trx_rows(inner, body).await,
            Kind::Segments => self.take_heads(inner, body).await,
            _ => self.take_runs(inner, body).await,
        }
    }

    async fn take_runs(&mut self, inner: &Rc<Inner>, body: &SharedBytes) -> Result {
        let mut reader = Reader::new(body.bytes());
        let count = reader.u32("runs")?;
        let mut rows = Vec::new();
        for _ in 0..count {
            let name = frame::read_name(&mut reader, "segment")?;
            let first_sequence = reader.integer("first sequence")?;
            let run = Run::decode(body, &mut reader, first_sequence)?;
            self.take_run(inner, name, &run, &mut rows)?;
            for row in rows.drain(..) {
                self.put(inner, row).await?;
            }
        }
        reader.end("runs")
    }

    fn take_run(&mut self, inner: &Inner, name: &str, run: &Run, rows: &mut Vec<Put>) -> Result {
        let measure = measure_entries(run.body.bytes(), run.count)?;
        if measure.largest > inner.sizes.record_bytes {
            let limit = inner.sizes.record_bytes as u64;
            return Err(Error::limit("bytes of one record", limit, measure.largest as u64));
        }
        if run.first_id <= self.last || run.last_id() > self.start.last {
            return Err(Error::corrupt(format!("import: id {} is not after {}", run.first_id, self.last)));
        }
        inner.sizes.check_key(self.name.len(), name.len())?;
        let last_of_segment = self.gathering.get(name).map_or(EntryId::ZERO, |(_, known)| known.last_id);
        let gaps = self.hole > EntryId::ZERO && last_of_segment <= self.hole;
        self.last = run.last_id();
        self.records = self.records.saturating_add(run.count);
        self.bytes = self.bytes.saturating_add(measure.logical);
        self.counts.entries += run.count;
        self.counts.bytes += measure.logical;
        if self.records > self.start.records || self.bytes > self.start.bytes {
            return Err(Error::corrupt("import: the space holds more than it says"));
        }
        let segment = self.gathering.take(inner, &self.name, name, run, gaps, rows)?;
        self.timeline.take(inner, &self.name, &segment, run, measure.logical, rows)?;
        self.gathering.relieve(inner, &self.name, rows)
    }

    async fn take_trimmed(&mut self, inner: &Rc<Inner>, body: &SharedBytes) -> Result {
        let mut reader = Reader::new(body.bytes());
        let trimmed = Trimmed::decode(&mut reader)?;
        reader.end("trimmed")?;
        self.start.check(&trimmed)?;
        let before = self.trimmed;
        if trimmed.bound <= before.bound || trimmed.records < before.records || trimmed.bytes < before.bytes {
            return Err(Error::corrupt("import: a trim bound does not go up"));
        }
        self.trimmed = trimmed;
        if trimmed.bound <= self.last {
            return Ok(());
        }
        if self.stage != Stage::Runs || trimmed.records < self.records || trimmed.bytes < self.bytes {
            return Err(Error::corrupt("import: less is trimmed than was there"));
        }
        let mut rows = Vec::new();
        self.timeline.flush(inner, &self.name, &mut rows)?;
        for row in rows {
            self.put(inner, row).await?;
        }
        self.timeline = Timeline::after(trimmed.bound, trimmed.records, trimmed.bytes);
        self.hole = trimmed.bound;
        self.last = trimmed.bound;
        self.records = trimmed.records;
        self.bytes = trimmed.bytes;
        Ok(())
    }

    async fn take_trx_rows(&mut self, inner: &Rc<Inner>, body: &SharedBytes) -> Result {
        let mut reader = Reader::new(body.bytes());
        let count = reader.u32("TRX rows")?;
        for _ in 0..count {
            let name = frame::read_name(&mut reader, "segment")?;
            let id = Uuid::from_bytes(reader.array16("TRX id")?);
            let value = reader.take(TRX_ROW_BYTES, "TRX row")?;
            let row = TrxRow::decode(value)?;
            self.goes_up(name, id)?;
            inner.sizes.check_key(self.name.len(), name.len())?;
            self.counts.trx_rows += 1;
            let last = self.gathering.get(name).map_or(0, |(_, known)| known.last_sequence);
            if row.last_id() <= self.trimmed.bound {
                continue;
            }
            if row.last_sequence > last || row.last_id() > self.start.last {
                return Err(Error::corrupt(format!("import: TRX {id} is of entries that are not there")));
            }
            let key = trx::key(&self.name, name, id);
            let value = value.to_vec();
            self.put(inner, Put { key, value }).await?;
        }
        reader.end("TRX rows")
    }

    fn goes_up(&mut self, name: &str, id: Uuid) -> Result {
        if (name, id) <= (&*self.last_row.0, self.last_row.1) {
            return Err(Error::corrupt("import: rows are not in order"));
        }
        if self.last_row.0 != name {
            self.last_row.0 = name.into();
        }
        self.last_row.1 = id;
        Ok(())
    }

    async fn take_heads(&mut self, inner: &Rc<Inner>, body: &SharedBytes) -> Result {
        let mut reader = Reader::new(body.bytes());
        let count = reader.u32("segment heads")?;
        for _ in 0..count {
            let name = frame::read_name(&mut reader, "segment")?;
            let value = reader.take(SEGMENT_HEAD_BYTES, "segment head")?;
            let head = SegmentHead::decode(value)?;
            self.goes_up(name, Uuid::nil())?;
            inner.sizes.check_key(self.name.len(), name.len())?;
            self.check_head(name, &head)?;
            self.counts.segments += 1;
            let key = segment::key(&self.name, name);
            let value = value.to_vec();
            self.put(inner, Put { key, value }).await?;
        }
        reader.end("segment heads")
    }

    /// A head agrees with the entries; what it says beyond them is trimmed.
    fn check_head(&mut self, name: &str, head: &SegmentHead) -> Result {
        let known = self.gathering.get(name).map(|(_, known)| known);
        let trimmed = head.last_id <= self.trimmed.bound;
        let fits = match known {
            None => trimmed,
            Some(known) => {
                let begins = if known.first_sequence == 1 {
                    head.first_id == known.first_id
                } else {
                    head.first_id <= self.trimmed.bound && head.first_id < known.first_id
                };
                let same = (head.last_sequence, head.last_id, head.trx)
                    == (known.last_sequence, known.last_id, known.trx);
                let beyond = trimmed
                    && known.last_id <= self.hole
                    && head.last_sequence > known.last_sequence
                    && head.last_id > known.last_id;
                begins && (same || beyond)
            }
        };
        if !fits {
            return Err(Error::corrupt(format!("import: the head of \"{name}\" is not that of its entries")));
        }
        self.headed += usize::from(known.is_some());
        self.headed_records = self.headed_records.saturating_add(head.last_sequence);
        Ok(())
    }

    /// The space is complete: shows it.
    pub(super) async fn end(&mut self, inner: &Rc<Inner>, body: &[u8]) -> Result {
        if body != self.counts.encode(&self.sum) {
            return Err(Error::corrupt(format!("import: \"{}\" is not complete", self.name)));
        }
        let complete = self.last == self.start.last
            && (self.records, self.bytes) == (self.start.records, self.start.bytes)
            && self.headed == self.gathering.len()
            && self.headed_records >= self.records;
        if !complete {
            return Err(Error::corrupt(format!("import: \"{}\" does not hold what it says", self.name)));
        }
        let mut rows = Vec::new();
        self.gathering.flush(inner, &self.name, &mut rows)?;
        self.timeline.flush(inner, &self.name, &mut rows)?;
        for row in rows {
            self.put(inner, row).await?;
        }
        self.hand_over(inner).await?;
        let last = SpaceHead {
            last_id: self.start.last,
            trimmed: self.trimmed.bound,
            // What was trimmed before the export began never came along.
            collected: self.start.trimmed.bound,
            records: self.start.records,
            bytes: self.start.bytes,
            trimmed_records: self.trimmed.records,
            trimmed_bytes: self.trimmed.bytes,
            metadata: self.start.metadata.clone(),
            ..SpaceHead::EMPTY
        };
        let shown = last.clone();
        let edit = self.ours(inner, move |head| {
            *head = SpaceHead { revision: head.revision, layout: head.layout, ..shown.clone() };
        });
        let durability = inner.options.durability;
        match self.commit(inner, edit, Vec::new(), Vec::new(), durability).await {
            Err(error) if error.code() == ErrorCode::Conflict || error.may_have_applied() => {
                // A commit whose reply was lost may have applied late, and the space is ours no more
                // because it is complete.
                let head = inner.fresh_head(&self.name).await.map_err(|_| error.clone())?;
                let complete =
                    SpaceHead { revision: head.revision, nonce: head.nonce, layout: head.layout, ..last };
                if head == complete { Ok(()) } else { Err(error) }
            }
            result => result,
        }
    }
}
