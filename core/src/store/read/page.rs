//! Pages: what one step of a read gives.

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use super::block_size::BlockSize;
use crate::codec::{EntryView, EntryViews, Trx, length32};
use crate::error::Result;
use crate::id::EntryId;
use crate::kv::Origin;
use crate::layout::Run;

/// Bounds of a page where a reader does not say.
pub(crate) const USUAL_ENTRIES: u64 = 1000;
pub(crate) const USUAL_BYTES: usize = 1 << 20;

/// Where an entry came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// This instance's memory.
    Hot,
    /// The host.
    Warm,
}

/// Neighbouring entries of one segment and one commit.
#[derive(Debug, Clone)]
pub struct PageRun {
    pub(crate) segment: Rc<str>,
    pub(crate) run: Run,
    pub(crate) tier: Tier,
}

/// An entry, borrowed from its page.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct EntryRef<'p> {
    /// The segment.
    pub segment: &'p str,
    /// Position in the segment.
    pub sequence: u64,
    /// Position in the space; its milliseconds are the entry's timestamp.
    pub id: EntryId,
    /// The TRX that committed it.
    pub trx: Trx,
    /// Payload and metadata.
    pub content: EntryView<'p>,
}

impl PageRun {
    /// The segment.
    pub fn segment(&self) -> &str {
        &self.segment
    }

    /// Where the entries came from.
    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// The entries, in order.
    pub fn entries(&self) -> impl Iterator<Item = EntryRef<'_>> {
        let run = &self.run;
        EntryViews::new(run.body.bytes()).zip(0_u64..).map(move |(content, index)| EntryRef {
            segment: &self.segment,
            sequence: run.first_sequence + index,
            id: EntryId { ms: run.first_id.ms, n: run.first_id.n + index },
            trx: run.trx,
            content,
        })
    }
}

/// What one step of a read gives.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Page {
    pub(crate) runs: Vec<PageRun>,
    /// Where to go on. A segment read: `(next sequence, 0)`; a read of a space or a stream: the last id passed.
    pub(crate) next: (u64, u64),
    /// The read has reached its own upper bound: it never gives more.
    pub done: bool,
    /// Nothing more is committed at present.
    pub tail: bool,
    /// The segments are partitions: the space is a stream, or is read as one.
    pub stream: bool,
}

impl Page {
    /// Of a read of a segment, the sequence that the next page begins with: its `from`.
    pub fn next_sequence(&self) -> u64 {
        self.next.0
    }

    /// Of a read of a space or a stream, the last id that was passed: the `after` of the next page. Keep it anywhere, as
    /// text if you like: a reader that goes on from it later misses nothing, and meets nothing twice.
    pub fn passed(&self) -> EntryId {
        EntryId { ms: self.next.0, n: self.next.1 }
    }

    /// The runs, in order.
    pub fn runs(&self) -> &[PageRun] {
        &self.runs
    }

    /// All entries, in order.
    pub fn entries(&self) -> impl Iterator<Item = EntryRef<'_>> {
        self.runs.iter().flat_map(PageRun::entries)
    }

    /// The ids of all entries, in order.
    pub(crate) fn ids(&self) -> impl Iterator<Item = EntryId> {
        self.runs.iter().flat_map(|PageRun { run, .. }| {
            (0..run.count).map(|index| EntryId { ms: run.first_id.ms, n: run.first_id.n + index })
        })
    }

    /// How many entries the page holds.
    pub fn len(&self) -> u64 {
        self.runs.iter().map(|one| one.run.count).sum()
    }

    /// Whether the page holds no entries.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Lets go of what the host has of the entries: for whoever lends nothing. Blocks are remembered, and what the
    /// host has would be with them.
    pub(crate) fn forget_origins(&self) {
        for one in &self.runs {
            one.run.body.forget_origin();
        }
    }

    /// The page as one buffer, for crossing into another language. All integers little-endian:
    ///
    /// ```text
    /// u8 done, u8 tail, u8 stream, u8 0
    /// u32 names, per name: u32 length, UTF-8; one may come more than once
    /// u64, u64 where to go on
    /// u32 runs, per run: u32 name, u32 entries, u32 bytes of the entries, u32 tier (0 warm, 1 hot),
    ///     u64 first sequence, u64 milliseconds, u64 first n, [16] TRX id, [16] TRX node,
    ///     u64 TRX number, the entries
    /// ```
    ///
    /// What [`Page::lending_frame`] lends stands elsewhere: 2 is added to the tier, and 4 for the first run of each
    /// value that is lent; in place of the entries there is a u32, where they begin in that value.
    pub fn encode(&self) -> Vec<u8> {
        self.frame().encode()
    }

    /// The page as what [`Page::encode`] gives, in pieces that are not joined yet.
    pub fn frame(&self) -> PageFrame<'_> {
        PageFrame::new(self, Vec::new())
    }

    /// The same, and entries that are most of a value which the host has elsewhere too are left to it
    /// ([`Value::with_origin`](crate::Value::with_origin)). Done once: another frame of this page has all entries.
    pub fn lending_frame(&self) -> PageFrame<'_> {
        let mut lent = Vec::new();
        let mut at = 0;
        for beside in self.runs.chunk_by(|a, b| a.run.body.is_beside(&b.run.body)) {
            let runs = at..at + beside.len();
            at = runs.end;
            let bytes = beside.iter().map(|one| one.run.body.len()).sum();
            if let Some(origin) = beside.first().and_then(|one| one.run.body.take_origin(bytes)) {
                lent.push(Lent { runs, bytes, origin });
            }
        }
        self.forget_origins();
        PageFrame::new(self, lent)
    }
}

/// Bytes of a run's fields in a frame.
const RUN_FIELDS: usize = 80;
/// Entries of at least so many bytes are a piece of their own.
const ALONE: usize = 4096;
/// Others are joined to pieces of about so many bytes.
const PIECE: usize = 16_384;
/// What is added to the tier of a run whose entries are lent.
const LENT: u32 = 2;
/// What is added for the first of those whose entries are in one value.
const BEGINS: u32 = 4;
/// Names that are looked for again.
const LATELY: usize = 256;

fn pair(low: u32, high: u32) -> [u8; 8] {
    (u64::from(high) << 32 | u64::from(low)).to_le_bytes()
}

/// Neighbouring runs whose entries are in one value that the host has.
#[derive(Debug)]
struct Lent {
    runs: Range<usize>,
    /// Of the entries.
    bytes: usize,
    origin: Origin,
}

/// A page on its way into a buffer: see [`Page::encode`].
#[derive(Debug)]
pub struct PageFrame<'p> {
    page: &'p Page,
    names: Vec<&'p str>,
    /// The place of each run's name.
    places: Vec<u32>,
    /// In order.
    lent: Vec<Lent>,
}

impl<'p> PageFrame<'p> {
    fn new(page: &'p Page, lent: Vec<Lent>) -> Self {
        let mut names: Vec<&str> = Vec::new();
        // By where the names stand: reads share them, and one that comes twice costs some bytes.
        let mut lately = [(0, 0); LATELY];
        let places = page.runs.iter().map(|one| {
            let address = Rc::as_ptr(&one.segment).addr();
            match lately.get_mut(address / 8 % LATELY) {
                Some((known, place)) if *known == address => *place,
                slot => {
                    names.push(&*one.segment);
                    let place = length32(names.len()) - 1;
                    if let Some(slot) = slot {
                        *slot = (address, place);
                    }
                    place
                }
            }
        });
        let places = places.collect();
        Self { page, names, places, lent }
    }

    /// What is lent, in order.
    pub fn lent(&self) -> impl Iterator<Item = &Origin> {
        self.lent.iter().map(|one| &one.origin)
    }

    /// Bytes of all pieces.
    #[expect(clippy::len_without_is_empty, reason = "a frame is never empty")]
    pub fn len(&self) -> usize {
        let names: usize = self.names.iter().map(|name| name.len() + 4).sum();
        let runs: usize = self.page.runs.iter().map(|one| RUN_FIELDS + one.run.body.len()).sum();
        let lent: usize = self.lent.iter().map(|one| one.bytes - 4 * one.runs.len()).sum();
        28 + names + runs - lent
    }

    /// All pieces as one buffer.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.len());
        self.write(&mut |piece| out.extend_from_slice(piece));
        out
    }

    /// Hands the pieces over, in order. Entries of a large run are not copied.
    pub fn write(&self, hand_over: &mut dyn FnMut(&[u8])) {
        let page = self.page;
        let mut out = Vec::with_capacity(PIECE + ALONE + RUN_FIELDS);
        out.extend_from_slice(&[u8::from(page.done), u8::from(page.tail), u8::from(page.stream), 0]);
        out.extend_from_slice(&length32(self.names.len()).to_le_bytes());
        for name in &self.names {
            out.extend_from_slice(&length32(name.len()).to_le_bytes());
            out.extend_from_slice(name.as_bytes());
        }
        out.extend_from_slice(&page.next.0.to_le_bytes());
        out.extend_from_slice(&page.next.1.to_le_bytes());
        out.extend_from_slice(&length32(page.runs.len()).to_le_bytes());
        let mut lent = self.lent.iter().peekable();
        for (index, (one, name)) in page.runs.iter().zip(&self.places).enumerate() {
            let run = &one.run;
            let entries = run.body.bytes();
            let count = u32::try_from(run.count).unwrap_or(u32::MAX);
            lent.next_if(|lent| lent.runs.end == index);
            let place = match lent.peek() {
                Some(lent) if lent.runs.start == index => LENT + BEGINS,
                Some(lent) if lent.runs.contains(&index) => LENT,
                _ => 0,
            };
            let tier = u32::from(one.tier == Tier::Hot) + place;
            // Together, so that room for them is looked for once.
            let numbers = [
                pair(*name, count),
                pair(length32(entries.len()), tier),
                run.first_sequence.to_le_bytes(),
                run.first_id.ms.to_le_bytes(),
                run.first_id.n.to_le_bytes(),
            ];
            out.extend_from_slice(numbers.as_flattened());
            let ids = [run.trx.id.into_bytes(), run.trx.node.into_bytes()];
            out.extend_from_slice(ids.as_flattened());
            out.extend_from_slice(&run.trx.number.to_le_bytes());
            let stands_alone = place == 0 && entries.len() >= ALONE;
            if place > 0 {
                out.extend_from_slice(&length32(run.body.start()).to_le_bytes());
            } else if !stands_alone {
                out.extend_from_slice(entries);
            }
            if stands_alone || out.len() >= PIECE {
                hand_over(&out);
                out.clear();
            }
            if stands_alone {
                hand_over(entries);
            }
        }
        if !out.is_empty() {
            hand_over(&out);
        }
    }
}

/// Bytes of a segment's blocks that are fetched at once where others come in between: what is fetched of many
/// segments is remembered until they come again.
const BESIDE_OTHERS: usize = 1 << 20;

/// Fills a page up to its bounds.
#[derive(Debug)]
pub(super) struct Filling {
    pub(super) page: Page,
    /// Most entries of the page.
    most: u64,
    entries: u64,
    bytes: usize,
    ahead: usize,
    /// Whether there are entries of several segments.
    is_mixed: bool,
}

impl Filling {
    pub(super) fn new(max_entries: u64, max_bytes: usize, next: (u64, u64)) -> Self {
        Self {
            page: Page { next, ..Page::default() },
            most: max_entries,
            entries: max_entries.max(1),
            bytes: max_bytes.max(1),
            ahead: 0,
            is_mixed: false,
        }
    }

    /// The page where there is nothing more: at present, or `for_good`, as what comes is outside of the read's bounds.
    pub(super) fn end(mut self, for_good: bool) -> Page {
        self.page.done = for_good;
        self.page.tail = !for_good;
        self.page
    }

    /// How many entries still fit.
    pub(super) fn room(&self) -> u64 {
        if self.bytes == 0 { 0 } else { self.entries }
    }

    /// How many bytes of a segment's blocks are worth fetching at once. Who asks for few entries does not wait for
    /// many.
    pub(super) fn ahead(&self, segment: &str, size: BlockSize) -> usize {
        let alone = !self.is_mixed && self.page.runs.last().is_some_and(|one| *one.segment == *segment);
        let most = if alone { self.bytes } else { self.bytes.min(BESIDE_OTHERS) };
        most.min(size.holding(self.most)).max(self.ahead)
    }

    /// So many bytes of blocks are worth fetching at once, whatever the page takes.
    pub(super) fn fetch(&mut self, bytes: usize) {
        self.ahead = bytes;
    }

    /// Takes a run's entries above the first of two ids and not above the second, as far as there is room.
    /// Gives the last id taken.
    pub(super) fn show(
        &mut self,
        segment: &Rc<str>,
        run: &Run,
        (passed, last): (EntryId, EntryId),
        tier: Tier,
    ) -> Result<Option<EntryId>> {
        let Some(shown) = run.first_between(passed, last, self.room())? else {
            return Ok(None);
        };
        let reached = shown.last_id();
        self.push(Rc::clone(segment), shown, tier);
        Ok(Some(reached))
    }

    pub(super) fn push(&mut self, segment: Rc<str>, run: Run, tier: Tier) {
        self.entries = self.entries.saturating_sub(run.count);
        self.bytes = self.bytes.saturating_sub(run.body.bytes().len());
        self.is_mixed |= self.page.runs.last().is_some_and(|one| *one.segment != *segment);
        self.page.runs.push(PageRun { segment, run, tier });
    }
}

/// A name for messages.
pub(super) fn place(space: &str, segment: &str) -> String {
    alloc::format!("\"{segment}\" in \"{space}\"")
}
