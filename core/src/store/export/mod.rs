//! Exporting: spaces one after another as one stream of bytes. What it looks like is in `frame`.

pub(crate) mod frame;
mod space;

use alloc::collections::VecDeque;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use super::chosen::chosen_spaces;
use super::{Part, Store};
use crate::codec::Crc32c;
use crate::error::{Error, ErrorCode, Result};
use crate::id::MAX_MS;
use crate::layout::KeyRange;
use crate::layout::space as space_row;
use crate::layout::space::SpaceHead;
use frame::{Kind, Totals};
use space::SpaceExport;

/// A chunk is handed out once it has so many bytes.
const CHUNK_BYTES: usize = 256 << 10;
/// Most heads of one look at the inventory.
const MOST_ROWS: usize = 1024;
const PAGE_BYTES: usize = 1 << 20;

/// An export under way. Nothing is held on the host between its steps.
#[derive(Debug)]
pub struct Exporter {
    store: Store,
    /// The spaces asked for, in byte order; `None`: all.
    chosen: Option<Vec<Rc<str>>>,
    stage: Stage,
    waiting: VecDeque<Rc<str>>,
    /// Where the listing of all spaces goes on.
    listing: Option<KeyRange>,
    space: Option<SpaceExport>,
    out: Vec<u8>,
    totals: Totals,
    total: Option<u64>,
    failed: Option<Error>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Begin,
    Spaces,
    Done,
}

/// Whether there is anything to export. A stream may have been created, and nothing appended yet.
fn is_worth_it(head: &SpaceHead) -> bool {
    head.is_visible() || (!head.deleted && !head.importing && !head.metadata.is_empty())
}

impl Store {
    /// An export of these spaces, or of all of them. Each is exported as of its head when its turn
    /// comes, consistent beside writers.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a name; `CLOSED`.
    pub fn exporter(&self, spaces: Option<Vec<String>>) -> Result<Exporter> {
        self.inner.check_open()?;
        let chosen = chosen_spaces(spaces)?;
        Ok(Exporter {
            store: self.clone(),
            listing: chosen.is_none().then(space_row::range),
            chosen,
            stage: Stage::Begin,
            waiting: VecDeque::new(),
            space: None,
            out: Vec::new(),
            totals: Totals::default(),
            total: None,
            failed: None,
        })
    }
}

impl Exporter {
    /// The next chunk, of about 256 KiB; `None` after the last. After an error there is no more.
    ///
    /// # Errors
    /// `NOT_FOUND` for a space that was asked for and does not exist, before the first chunk;
    /// `CORRUPT` with the key when a row is damaged; `UNAVAILABLE` when the host fails; `CLOSED`.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        self.store.inner.check_open()?;
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        // Stays if this future is dropped half-way.
        self.failed =
            Some(Error::new(ErrorCode::Aborted, "export: an earlier step was dropped before it ended"));
        while self.out.len() < CHUNK_BYTES && self.stage != Stage::Done {
            if let Err(error) = self.step().await {
                self.failed = Some(error.clone());
                return Err(error);
            }
        }
        self.failed = None;
        let chunk = core::mem::take(&mut self.out);
        Ok((!chunk.is_empty()).then_some(chunk))
    }

    /// How many entries were exported, of those that there were to export when it began: others may have come or gone
    /// since.
    pub fn done(&self) -> u64 {
        let total = self.total.unwrap_or(0);
        if self.stage == Stage::Done {
            return total;
        }
        total.min(self.totals.entries + self.space.as_ref().map_or(0, SpaceExport::entries))
    }

    /// How many entries there were to export when it began; `None` before the first chunk.
    pub fn total(&self) -> Option<u64> {
        self.total
    }

    async fn step(&mut self) -> Result {
        if self.stage == Stage::Begin {
            self.total = Some(self.count().await?);
            frame::put_preamble(&mut self.out);
            let mut body = self.store.inner.id.as_bytes().to_vec();
            frame::put_u64s(&mut body, &[self.store.inner.env.clock.now().min(MAX_MS)]);
            frame::put_frame(&mut self.out, Kind::Store, &body, &mut Crc32c::new())?;
            self.waiting.extend(self.chosen.iter().flatten().cloned());
            self.stage = Stage::Spaces;
            return Ok(());
        }
        if let Some(space) = &mut self.space {
            if let Some(counts) = space.step(&self.store.inner, &mut self.out).await? {
                self.totals.spaces += 1;
                self.totals.segments += counts.segments;
                self.totals.entries += counts.entries;
                self.space = None;
            }
            return Ok(());
        }
        match self.waiting.pop_front() {
            Some(name) => {
                let head = self.store.inner.fresh_head(&name).await?;
                if is_worth_it(&head) {
                    self.space = Some(SpaceExport::begin(name, &head, &mut self.out)?);
                } else if self.chosen.is_some() {
                    return Err(not_found(&name));
                }
            }
            None => match self.listing.take() {
                Some(range) => {
                    let (names, rest) = self.list(range).await?;
                    self.waiting.extend(names.into_iter().map(|(name, _)| name));
                    self.listing = rest;
                }
                None => {
                    let body = self.totals.encode();
                    frame::put_frame(&mut self.out, Kind::End, &body, &mut Crc32c::new())?;
                    self.stage = Stage::Done;
                }
            },
        }
        Ok(())
    }

    /// Entries of everything that is to be exported.
    async fn count(&self) -> Result<u64> {
        let mut total = 0;
        for names in self.chosen.iter().flat_map(|names| names.chunks(MOST_ROWS)) {
            let keys = names.iter().map(|name| space_row::key(name)).collect();
            let rows = self.store.inner.host.get(keys).await?;
            for (name, row) in names.iter().zip(rows) {
                let head = super::load::decode_head(row.as_deref(), &space_row::key(name))?;
                if !is_worth_it(&head) {
                    return Err(not_found(name));
                }
                total += head.records - head.trimmed_records;
            }
        }
        let mut listing = self.listing.clone();
        while let Some(range) = listing {
            let (names, rest) = self.list(range).await?;
            total += names.iter().map(|(_, entries)| entries).sum::<u64>();
            listing = rest;
        }
        Ok(total)
    }

    /// One page of all spaces worth exporting, with their entries; and the range of the rest.
    async fn list(&self, range: KeyRange) -> Result<Part<(Rc<str>, u64)>> {
        let (rows, rest) = self.store.inner.host.rows(range, MOST_ROWS, PAGE_BYTES).await?;
        let mut names = Vec::new();
        for (key, row) in rows {
            let bad = || Error::corrupt("space head: its key is malformed").at_key(&key);
            let name = space_row::name(&key).ok_or_else(bad)?;
            let head = SpaceHead::decode(&row).map_err(|error| error.at_key(&key))?;
            if is_worth_it(&head) {
                names.push((Rc::from(name), head.records - head.trimmed_records));
            }
        }
        Ok((names, rest))
    }
}

fn not_found(name: &str) -> Error {
    Error::new(ErrorCode::NotFound, format!("spaces: there is no \"{name}\""))
}
