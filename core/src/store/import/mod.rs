//! Importing: what an export gave, space after space. See `export::frame` for what is read.
//!
//! A space is written under a head that says *importing*: nobody sees it, and appends to it are
//! refused. Every commit of an import checks that the head still carries the import's own mark
//! (`layout::import_mark`, in the place of the stream's metadata until the end), so an import that another one has
//! taken over fails instead of mixing with it. The last commit writes the true head: only then is
//! there anything to see.

mod blocks;
mod commits;
mod passed_over;
mod space;

use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use super::Store;
use super::chosen::chosen_spaces;
use super::export::frame::{
    self, FRAME_BYTES, HEADER_BYTES, Kind, PREAMBLE_BYTES, RUN_BYTES, SpaceStart, TRAILER_BYTES, Totals,
};
use crate::codec::{Crc32c, Reader};
use crate::error::{Detail, Error, ErrorCode, Result};
use crate::id::MAX_MS;
use crate::shared::SharedBytes;
use passed_over::PassedOver;
use space::SpaceImport;

/// No export holds a frame of this size.
const ABSURD_BYTES: usize = 1 << 30;
/// Longest body of a frame without entries, besides the rows that fill it.
const SMALL_FRAME_BYTES: usize = FRAME_BYTES + (64 << 10);

/// What an import stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ImportReport {
    /// Spaces.
    pub spaces: u64,
    /// Segments, also those of which everything is trimmed.
    pub segments: u64,
    /// Entries.
    pub entries: u64,
}

/// An import under way. Dropped before [`Importer::finish`], it leaves the spaces that were complete, and one that
/// nobody sees: for 30 seconds only another import may write to it, then it makes way for whoever does (feature
/// `guarded-writes`; without it an import does).
#[derive(Debug)]
pub struct Importer {
    store: Store,
    stage: Stage,
    /// Bytes of the source before those in the buffer.
    passed: u64,
    /// A frame, as far as it was pushed.
    buffer: Vec<u8>,
    /// Bytes that the buffer needs before anything can be read of it.
    wanted: usize,
    kind: Option<Kind>,
    /// The spaces asked for that did not come yet, in byte order; `None`: all are.
    awaited: Option<Vec<Rc<str>>>,
    space: Option<SpaceImport>,
    passed_over: Option<PassedOver>,
    /// What the export holds, as far as it was read.
    read: Totals,
    stored: Totals,
    failed: Option<Error>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Preamble,
    Store,
    Spaces,
    Ended,
}

impl Store {
    /// An import of what [`Store::exporter`] gave, of this store or another: of these spaces, or of all that it holds.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a name.
    pub fn importer(&self, spaces: Option<Vec<String>>) -> Result<Importer> {
        Ok(Importer {
            store: self.clone(),
            stage: Stage::Preamble,
            passed: 0,
            buffer: Vec::new(),
            wanted: PREAMBLE_BYTES,
            kind: None,
            awaited: chosen_spaces(spaces)?,
            space: None,
            passed_over: None,
            read: Totals::default(),
            stored: Totals::default(),
            failed: None,
        })
    }
}

impl Importer {
    /// Takes the next bytes, however they are cut. A space is there once all of it was pushed. After
    /// an error the import is over: spaces that were complete stay, their number is the detail
    /// `spacesDone`; of the others nothing is seen. Where the bytes are wrong, the detail `offset` is the first one of the
    /// frame that is.
    ///
    /// # Errors
    /// `CONFLICT` for a space that is not empty, or that another import has taken over; `NOT_FOUND` at the end for a
    /// space that was asked for and is not in the export;
    /// `INVALID_ARGUMENT`, `CORRUPT` when the bytes are not an export; `LIMIT_EXCEEDED` when the host
    /// cannot hold a record; `UNAVAILABLE`, `QUOTA_EXCEEDED` when the host fails; `CLOSED`.
    pub async fn push(&mut self, bytes: &[u8]) -> Result {
        self.begin_step()?;
        let mut result = self.take(bytes).await;
        if let Some(space) = self.space.as_ref().filter(|_| result.is_ok()) {
            result = space.renew(&self.store.inner).await;
        }
        self.end_step(result).await
    }

    /// Completes the import.
    ///
    /// # Errors
    /// `CORRUPT` when the export is not complete; what an earlier call gave.
    pub async fn finish(mut self) -> Result<ImportReport> {
        self.begin_step()?;
        let result = match self.stage {
            Stage::Ended => Ok(()),
            // Too little for a preamble, and not the beginning of one.
            Stage::Preamble if !frame::MAGIC.iter().zip(&self.buffer).all(|(a, b)| a == b) => {
                frame::check_preamble(&self.buffer)
            }
            _ => Err(Error::corrupt("import: the export is cut short")),
        };
        self.end_step(result).await?;
        Ok(ImportReport {
            spaces: self.stored.spaces,
            segments: self.stored.segments,
            entries: self.stored.entries,
        })
    }

    /// How many entries were taken in.
    pub fn done(&self) -> u64 {
        self.stored.entries + self.space.as_ref().map_or(0, SpaceImport::entries)
    }

    fn begin_step(&mut self) -> Result {
        self.store.inner.check_open()?;
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        // Stays if this future is dropped half-way.
        self.failed =
            Some(Error::new(ErrorCode::Aborted, "import: an earlier step was dropped before it ended"));
        Ok(())
    }

    async fn end_step(&mut self, result: Result) -> Result {
        let Err(error) = result else {
            self.failed = None;
            return Ok(());
        };
        let error = self.placed(error).with("spacesDone", Detail::Number(self.stored.spaces));
        self.failed = Some(error.clone());
        self.buffer = Vec::new();
        // Where another import has the space, or the host fails, there is nothing to be done about it now.
        let can_undo =
            !matches!(error.code(), ErrorCode::Conflict | ErrorCode::Unavailable | ErrorCode::Closed);
        if let Some(space) = self.space.take()
            && can_undo
        {
            // The space becomes writable again where that is possible; if it is not, the next import
            // into it does the same.
            let _ = space.undo(&self.store.inner).await;
        }
        Err(error)
    }

    /// What is wrong with the source says where that is: at the frame that begins with this byte.
    fn placed(&self, error: Error) -> Error {
        let of_source = matches!(error.code(), ErrorCode::Corrupt | ErrorCode::InvalidArgument);
        if !of_source || !error.details().is_empty() {
            return error;
        }
        Error::new(error.code(), format!("{}, at byte {}", error.message(), self.passed))
            .with("offset", Detail::Number(self.passed))
    }

    async fn take(&mut self, mut bytes: &[u8]) -> Result {
        while !bytes.is_empty() {
            if self.stage == Stage::Ended {
                return Err(Error::corrupt("import: there are bytes after the end of the export"));
            }
            let missing = self.wanted.saturating_sub(self.buffer.len());
            let (now, later) = bytes.split_at_checked(missing).unwrap_or((bytes, &[]));
            self.buffer.extend_from_slice(now);
            bytes = later;
            if self.buffer.len() == self.wanted {
                self.take_whole().await?;
            }
        }
        Ok(())
    }

    /// The buffer holds what was wanted.
    async fn take_whole(&mut self) -> Result {
        if self.stage == Stage::Preamble {
            frame::check_preamble(&self.buffer)?;
            self.passed += self.buffer.len() as u64;
            self.stage = Stage::Store;
        } else if let Some(kind) = self.kind.take() {
            let frame = core::mem::take(&mut self.buffer);
            self.take_frame(kind, &frame).await?;
            self.passed += frame.len() as u64;
            // The memory is used again, unless it is unusually much.
            if frame.capacity() <= 2 * SMALL_FRAME_BYTES {
                self.buffer = frame;
            }
        } else {
            let (kind, length) = frame::read_header(&self.buffer)?;
            self.check_length(kind, length)?;
            self.kind = Some(kind);
            self.wanted = HEADER_BYTES + length + TRAILER_BYTES;
            return Ok(());
        }
        self.buffer.clear();
        self.wanted = HEADER_BYTES;
        Ok(())
    }

    fn check_length(&self, kind: Kind, length: usize) -> Result {
        if length > ABSURD_BYTES {
            return Err(Error::corrupt("import: a frame is absurdly long"));
        }
        let most = match kind {
            // It may be more than this host could hold.
            Kind::Runs if self.passed_over.is_some() => return Ok(()),
            Kind::Runs => SMALL_FRAME_BYTES + RUN_BYTES.max(self.store.inner.sizes.record_bytes),
            _ => SMALL_FRAME_BYTES,
        };
        if length <= most {
            return Ok(());
        }
        if kind == Kind::Runs {
            let limit = self.store.inner.sizes.record_bytes as u64;
            return Err(Error::limit("bytes of one record", limit, length as u64));
        }
        Err(Error::corrupt("import: a frame is too long"))
    }

    async fn take_frame(&mut self, kind: Kind, frame: &[u8]) -> Result {
        match (self.stage, kind) {
            (Stage::Store, Kind::Store) => {
                let body = frame::open_frame(frame, &mut Crc32c::new())?;
                let mut reader = Reader::new(body);
                reader.array16("store id")?;
                reader.u64_within(MAX_MS, "time")?;
                reader.end("store")?;
                self.stage = Stage::Spaces;
                Ok(())
            }
            (Stage::Spaces, Kind::Space) if self.is_between_spaces() => {
                let mut sum = Crc32c::new();
                let start = SpaceStart::decode(frame::open_frame(frame, &mut sum)?)?;
                if !self.is_asked_for(&start.name) {
                    self.passed_over = Some(PassedOver::begin(sum));
                    return Ok(());
                }
                let space = SpaceImport::begin(&self.store.inner, start, sum).await?;
                // From here on an error has something to undo.
                self.space.insert(space).clear(&self.store.inner).await
            }
            (Stage::Spaces, Kind::End) if self.is_between_spaces() => {
                let body = frame::open_frame(frame, &mut Crc32c::new())?;
                if body != self.read.encode() {
                    return Err(Error::corrupt("import: the export's totals are not those of its spaces"));
                }
                if let Some(name) = self.awaited.as_ref().and_then(|awaited| awaited.first()) {
                    let missing = format!("spaces: the export holds no \"{name}\"");
                    return Err(Error::new(ErrorCode::NotFound, missing));
                }
                self.stage = Stage::Ended;
                Ok(())
            }
            (Stage::Spaces, Kind::SpaceEnd) => {
                let body = frame::open_frame(frame, &mut Crc32c::new())?;
                if let Some(passed_over) = self.passed_over.take() {
                    self.read.add(passed_over.end(body)?);
                    return Ok(());
                }
                let Some(space) = &mut self.space else {
                    return Err(out_of_order(kind));
                };
                space.end(&self.store.inner, body).await?;
                let counts = space.counts();
                self.space = None;
                self.read.add(counts);
                self.stored.add(counts);
                Ok(())
            }
            (Stage::Spaces, Kind::Runs | Kind::Trimmed | Kind::Trx | Kind::Segments) => {
                if let Some(passed_over) = &mut self.passed_over {
                    return frame::open_frame(frame, passed_over.sum()).map(drop);
                }
                let Some(space) = &mut self.space else {
                    return Err(out_of_order(kind));
                };
                let body = SharedBytes::from(frame::open_frame(frame, space.sum())?.to_vec());
                space.take(&self.store.inner, kind, &body).await
            }
            _ => Err(out_of_order(kind)),
        }
    }

    fn is_between_spaces(&self) -> bool {
        self.space.is_none() && self.passed_over.is_none()
    }

    /// Whether a space is to be imported, which comes now.
    fn is_asked_for(&mut self, name: &str) -> bool {
        let Some(awaited) = &mut self.awaited else {
            return true;
        };
        let place = awaited.binary_search_by(|one| (**one).cmp(name));
        place.map(|place| awaited.remove(place)).is_ok()
    }
}

fn out_of_order(kind: Kind) -> Error {
    Error::corrupt(format!("import: a frame is not expected where it stands: {kind:?}"))
}
