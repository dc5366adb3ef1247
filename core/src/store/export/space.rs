//! Exporting one space: its runs in id order, the rows of callers' TRX, the segment heads.

use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use super::frame::{self, Kind, RUN_BYTES, Rows, SpaceCounts, SpaceStart, Trimmed};
use crate::codec::{Crc32c, Trx, fit_entries, measure_entries};
use crate::error::{Error, Result};
use crate::id::EntryId;
use crate::layout::segment::SegmentHead;
use crate::layout::space::SpaceHead;
use crate::layout::stream::StreamMeta;
use crate::layout::trx::TrxRow;
use crate::layout::{KeyRange, Run, Voids, segment, space, trx};
use crate::store::Inner;
use crate::store::read::SpaceRead;

const PAGE_BYTES: usize = 256 << 10;
const MOST_ROWS: usize = 1024;

/// Entries that become one run of the export, wherever they were cut before.
#[derive(Debug)]
struct OpenRun {
    segment: Rc<str>,
    first_sequence: u64,
    count: u64,
    first_id: EntryId,
    trx: Trx,
    entries: Vec<u8>,
}

impl OpenRun {
    fn is_followed_by(&self, segment: &Rc<str>, run: &Run) -> bool {
        self.segment == *segment
            && self.trx == run.trx
            && self.first_sequence + self.count == run.first_sequence
            && self.first_id.ms == run.first_id.ms
            && self.first_id.n + self.count == run.first_id.n
    }
}

/// Where a segment stands after what was exported of it.
#[derive(Debug, Clone, Copy)]
struct Exported {
    last_sequence: u64,
    last_id: EntryId,
    trx: Trx,
}

impl Exported {
    fn head(self, first_id: EntryId) -> SegmentHead {
        SegmentHead { last_sequence: self.last_sequence, last_id: self.last_id, first_id, trx: self.trx }
    }
}

#[derive(Debug)]
enum Stage {
    Runs,
    Trx(KeyRange),
    /// The heads that the space head carries, by name, stand among the rows of the others.
    Segments(KeyRange, Vec<(String, SegmentHead)>),
    End,
}

/// One space while it is exported.
#[derive(Debug)]
pub(super) struct SpaceExport {
    name: Rc<str>,
    start: SpaceStart,
    /// Ids up to the last one that are void.
    voids: Voids,
    stage: Stage,
    /// The last id exported, or found trimmed.
    passed: EntryId,
    trimmed: Trimmed,
    /// Entries may be missing up to here: they were trimmed before their turn came.
    hole: EntryId,
    /// Records and logical bytes ever, up to `passed`.
    records: u64,
    bytes: u64,
    segments: BTreeMap<Rc<str>, Exported>,
    /// Segments whose head was exported, of those that have entries here.
    headed: usize,
    open: Option<OpenRun>,
    rows: Rows,
    sum: Crc32c,
    counts: SpaceCounts,
}

impl SpaceExport {
    pub(super) fn begin(name: Rc<str>, head: &SpaceHead, out: &mut Vec<u8>) -> Result<Self> {
        StreamMeta::check(&head.metadata).map_err(|error| error.at_key(&space::key(&name)))?;
        let trimmed =
            Trimmed { bound: head.trimmed, records: head.trimmed_records, bytes: head.trimmed_bytes };
        let start = SpaceStart {
            name: String::from(&*name),
            last: head.last_id,
            trimmed,
            records: head.records,
            bytes: head.bytes,
            metadata: head.metadata.clone(),
        };
        let mut sum = Crc32c::new();
        frame::put_frame(out, Kind::Space, &start.encode()?, &mut sum)?;
        Ok(Self {
            name,
            start,
            voids: head.voids.clone(),
            stage: Stage::Runs,
            passed: trimmed.bound,
            trimmed,
            hole: trimmed.bound,
            records: trimmed.records,
            bytes: trimmed.bytes,
            segments: BTreeMap::new(),
            headed: 0,
            open: None,
            rows: Rows::new(Kind::Runs),
            sum,
            counts: SpaceCounts::default(),
        })
    }

    pub(super) fn entries(&self) -> u64 {
        self.counts.entries
    }

    /// Exports a bounded piece; gives the counts once the space is complete.
    pub(super) async fn step(&mut self, inner: &Rc<Inner>, out: &mut Vec<u8>) -> Result<Option<SpaceCounts>> {
        match core::mem::replace(&mut self.stage, Stage::End) {
            Stage::Runs => {
                self.stage = if self.passed < self.start.last {
                    self.runs(inner, out).await?;
                    Stage::Runs
                } else {
                    self.end_runs(out)?;
                    Stage::Trx(trx::range_of_space(&self.name))
                };
            }
            Stage::Trx(range) => {
                self.stage = match self.trx_rows(inner, range, out).await? {
                    Some(rest) => Stage::Trx(rest),
                    None => self.end_trx_rows(inner, out).await?,
                };
            }
            Stage::Segments(range, carried) => {
                self.stage = self.heads(inner, range, carried, out).await?;
            }
            Stage::End => {
                let body = self.counts.encode(&self.sum);
                frame::put_frame(out, Kind::SpaceEnd, &body, &mut Crc32c::new())?;
                return Ok(Some(self.counts));
            }
        }
        Ok(None)
    }

    /// What is missing though nothing says that it was trimmed.
    fn missing(&self, inner: &Inner, what: &'static str) -> Error {
        if inner.host.is_consistent() {
            Error::corrupt(what).at_key(&space::key(&self.name))
        } else {
            Error::unavailable("export: the host does not show all of the space yet; try again later")
        }
    }

    async fn runs(&mut self, inner: &Rc<Inner>, out: &mut Vec<u8>) -> Result {
        let read = SpaceRead {
            space: self.start.name.clone(),
            after: self.passed,
            min_timestamp: None,
            max_timestamp: Some(self.start.last.ms),
            max_entries: u64::MAX,
            max_bytes: PAGE_BYTES,
        };
        let page = inner.read_space(read, None).await?;
        page.forget_origins();
        // Read after the page: whatever is missing from it is trimmed under this head.
        let trimmed = self.trimmed_now(inner).await?.0;
        let mut moved = trimmed.bound > self.passed;
        if moved {
            self.end_runs(out)?;
            self.put_trimmed(trimmed, out)?;
            self.passed = trimmed.bound;
            self.hole = trimmed.bound;
            self.records = trimmed.records;
            self.bytes = trimmed.bytes;
        }
        for one in page.runs() {
            if let Some(run) = one.run.between(self.passed, self.start.last)? {
                self.take(&one.segment, run, out)?;
                moved = true;
            }
        }
        if !moved {
            return Err(self.missing(inner, "space head: the last entries of the space are missing"));
        }
        Ok(())
    }

    /// What is trimmed of what there was when the export of the space began, and the head now.
    async fn trimmed_now(&self, inner: &Inner) -> Result<(Trimmed, SpaceHead)> {
        let head = inner.fresh_head(&self.name).await?;
        let trimmed = if head.trimmed < self.start.last {
            Trimmed { bound: head.trimmed, records: head.trimmed_records, bytes: head.trimmed_bytes }
        } else {
            Trimmed { bound: self.start.last, records: self.start.records, bytes: self.start.bytes }
        };
        Ok((trimmed, head))
    }

    fn put_trimmed(&mut self, trimmed: Trimmed, out: &mut Vec<u8>) -> Result {
        let mut body = Vec::with_capacity(32);
        trimmed.encode(&mut body);
        self.trimmed = trimmed;
        frame::put_frame(out, Kind::Trimmed, &body, &mut self.sum)
    }

    /// Takes entries into runs that are as long as they may be.
    fn take(&mut self, segment: &Rc<str>, run: Run, out: &mut Vec<u8>) -> Result {
        self.passed = run.last_id();
        let measure = measure_entries(run.body.bytes(), run.count)?;
        self.counts.entries += run.count;
        self.counts.bytes += measure.logical;
        self.records += run.count;
        self.bytes += measure.logical;
        let exported = Exported { last_sequence: run.last_sequence(), last_id: run.last_id(), trx: run.trx };
        self.segments.insert(Rc::clone(segment), exported);
        let mut rest = Some(run);
        while let Some(run) = rest.take() {
            let follows = self.open.as_ref().is_some_and(|open| open.is_followed_by(segment, &run));
            if !follows {
                self.end_run(out)?;
            }
            let filled = self.open.as_ref().map_or(0, |open| open.entries.len());
            let fitting = fit_entries(run.body.bytes(), RUN_BYTES.saturating_sub(filled))?;
            if fitting == 0 && self.open.is_some() {
                self.end_run(out)?;
                rest = Some(run);
                continue;
            }
            let fitting = fitting.max(1);
            let Some(part) = run.slice(0, fitting)? else {
                break;
            };
            let open = self.open.get_or_insert_with(|| OpenRun {
                segment: Rc::clone(segment),
                first_sequence: part.first_sequence,
                count: 0,
                first_id: part.first_id,
                trx: part.trx,
                entries: Vec::new(),
            });
            open.count += part.count;
            open.entries.extend_from_slice(part.body.bytes());
            rest = run.slice(fitting, u64::MAX)?;
        }
        Ok(())
    }

    fn end_run(&mut self, out: &mut Vec<u8>) -> Result {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        let run = Run {
            first_sequence: open.first_sequence,
            count: open.count,
            first_id: open.first_id,
            trx: open.trx,
            body: open.entries.into(),
        };
        self.rows.push(out, &mut self.sum, |row| {
            frame::put_name(row, &open.segment)?;
            frame::put_u64s(row, &[run.first_sequence]);
            run.encode(row)
        })
    }

    fn end_runs(&mut self, out: &mut Vec<u8>) -> Result {
        self.end_run(out)?;
        self.rows.finish(out, &mut self.sum)
    }

    async fn trx_rows(
        &mut self,
        inner: &Inner,
        range: KeyRange,
        out: &mut Vec<u8>,
    ) -> Result<Option<KeyRange>> {
        if self.counts.trx_rows == 0 {
            self.rows = Rows::new(Kind::Trx);
        }
        let (rows, rest) = inner.host.rows(range, MOST_ROWS, PAGE_BYTES).await?;
        for (key, value) in rows {
            let bad = || Error::corrupt("TRX row: its key is malformed").at_key(&key);
            let (segment, id) = trx::parse(&key, &self.name).ok_or_else(bad)?;
            let row = TrxRow::decode(&value).map_err(|error| error.at_key(&key))?;
            if row.first_id > self.start.last || row.last_id() <= self.trimmed.bound {
                continue;
            }
            if !inner.trx_is_committed(&self.name, segment, id, &row, &self.voids).await? {
                continue;
            }
            self.counts.trx_rows += 1;
            self.rows.push(out, &mut self.sum, |body| {
                frame::put_name(body, segment)?;
                body.extend_from_slice(id.as_bytes());
                body.extend_from_slice(&value);
                Ok(())
            })?;
        }
        Ok(rest)
    }

    /// TRX rows go with their entries, and may have been removed before they were read. So from here
    /// on the space is as trimmed as it is now.
    async fn end_trx_rows(&mut self, inner: &Inner, out: &mut Vec<u8>) -> Result<Stage> {
        self.rows.finish(out, &mut self.sum)?;
        let (trimmed, head) = self.trimmed_now(inner).await?;
        if trimmed.bound > self.trimmed.bound {
            self.put_trimmed(trimmed, out)?;
        }
        if (self.records, self.bytes) != (self.start.records, self.start.bytes) {
            return Err(self.missing(inner, "space head: its totals are not those of the entries"));
        }
        self.rows = Rows::new(Kind::Segments);
        let mut carried = head.carried;
        carried.sort_unstable_by(|a, b| b.0.cmp(&a.0));
        Ok(Stage::Segments(segment::range(&self.name), carried))
    }

    /// Exports segment heads. `carried` are in falling order, and go before the rows above them.
    async fn heads(
        &mut self,
        inner: &Inner,
        range: KeyRange,
        mut carried: Vec<(String, SegmentHead)>,
        out: &mut Vec<u8>,
    ) -> Result<Stage> {
        let (rows, rest) = inner.host.rows(range, MOST_ROWS, PAGE_BYTES).await?;
        for (key, value) in rows {
            let bad = || Error::corrupt("segment head: its key is malformed").at_key(&key);
            let name = segment::name(&key, &self.name).ok_or_else(bad)?;
            while let Some((first, head)) = carried.pop_if(|(first, _)| *first < name) {
                self.head(inner, &first, head, out).await?;
            }
            let head = match carried.pop_if(|(first, _)| *first == name) {
                Some((_, head)) => head,
                None => SegmentHead::decode(&value).map_err(|error| error.at_key(&key))?,
            };
            self.head(inner, &name, head, out).await?;
        }
        if let Some(rest) = rest {
            return Ok(Stage::Segments(rest, carried));
        }
        while let Some((name, head)) = carried.pop() {
            self.head(inner, &name, head, out).await?;
        }
        self.rows.finish(out, &mut self.sum)?;
        if self.headed != self.segments.len() {
            return Err(self.missing(inner, "space head: a segment of its entries has no head"));
        }
        Ok(Stage::End)
    }

    async fn head(&mut self, inner: &Inner, name: &str, head: SegmentHead, out: &mut Vec<u8>) -> Result {
        let exported = self.segments.get(name).copied();
        self.headed += usize::from(exported.is_some());
        if let Some(head) = self.head_then(inner, name, head, exported).await? {
            self.counts.segments += 1;
            self.rows.push(out, &mut self.sum, |body| {
                frame::put_name(body, name)?;
                body.extend_from_slice(&head.encode());
                Ok(())
            })?;
        }
        Ok(())
    }

    /// The head that a segment had when the export began, given the one that it has now.
    async fn head_then(
        &self,
        inner: &Inner,
        name: &str,
        head: SegmentHead,
        exported: Option<Exported>,
    ) -> Result<Option<SegmentHead>> {
        if head.first_id > self.start.last {
            return Ok(None);
        }
        match exported {
            Some(exported) if exported.last_id > self.hole => {
                return Ok(Some(exported.head(head.first_id)));
            }
            _ if head.last_id <= self.trimmed.bound => return Ok(Some(head)),
            _ => {}
        }
        if head.last_id <= self.start.last {
            let key = segment::key(&self.name, name);
            return Err(self.missing(inner, "segment head: its last entry is in no commit row").at_key(&key));
        }
        // All of it was trimmed, and then it was written to: what was written tells where it stood.
        let voids = inner.fresh_head(&self.name).await?.voids;
        let mut from = exported.map_or(1, |exported| exported.last_sequence + 1);
        while let Some(found) = inner.next_block(&self.name, name, from, &voids).await? {
            for run in &found.runs {
                if run.last_id() > self.start.last {
                    if let Some(exported) = exported
                        && exported.last_sequence + 1 == run.first_sequence
                    {
                        return Ok(Some(exported.head(head.first_id)));
                    }
                    return Ok((run.first_sequence > 1).then(|| SegmentHead {
                        last_sequence: run.first_sequence - 1,
                        last_id: self.trimmed.bound,
                        first_id: head.first_id,
                        trx: Trx { number: run.trx.number.saturating_sub(1), ..Trx::NIL },
                    }));
                }
            }
            from = found.last_sequence + 1;
        }
        Ok(Some(SegmentHead { last_id: self.trimmed.bound, ..head }))
    }
}
