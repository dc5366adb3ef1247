//! The form of an export: a self-contained, checksummed stream of bytes. All integers little-endian.
//!
//! ```text
//! stream  0   [8]  "STRMKIT" 1a
//!         8   u32  version: 1
//!         12  frames
//!
//! frame   0   u32  length of the body
//!         4   u8   kind (persisted, keep stable)
//!         5   u32  CRC-32C of bytes 0 to 5: a damaged length is never believed
//!         9   body
//!             u32  CRC-32C of the body
//!
//! order   store, then per space, in byte order of their names:
//!             space, (runs | trimmed) .., trx .., trimmed?, segments .., space end
//!         and end
//!
//! 1  store      [16] store id, u64 milliseconds of the export
//! 2  space      u8 length, name; u64 ms, u64 n of the last id; trimmed, as below;
//!               u64 records ever, u64 logical bytes ever; u32 length, the stream's metadata
//! 3  runs       u32 runs, per run, in id order: u8 length, segment; u64 first sequence; run (see run)
//! 4  trimmed    u64 ms, u64 n of the trim bound; u64 records trimmed, u64 logical bytes trimmed.
//!               Trimmed while the export was made: what it had not given up to there is missing
//! 5  trx        u32 rows, per row, in key order: u8 length, segment; [16] TRX id; TRX row (see trx)
//! 6  segments   u32 heads, per head, in byte order: u8 length, segment; segment head (see segment)
//! 7  space end  u64 entries, u64 logical bytes, u64 TRX rows, u64 segments,
//!               u32 CRC-32C of bytes 0 to 9 and of the last 4 of every frame of the space before
//! 8  end        u64 spaces, u64 segments, u64 entries
//! ```
//!
//! Runs are cut between entries, in the same places whatever the blocks they come from: the same
//! entries give the same bytes. A space is exported as of its head when it is begun, but trimmed as of
//! its end: trimming beside the export only makes less of it worth keeping. The rows of callers' TRX
//! are part of it, so that a write repeated after an import is found again. Deleted spaces, leases and
//! groups are not.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::codec::{Crc32c, Reader};
use crate::error::{Error, Result};
use crate::id::EntryId;
use crate::layout::stream::StreamMeta;
use crate::name::check_name;

pub(crate) const MAGIC: [u8; 8] = *b"STRMKIT\x1a";
pub(crate) const VERSION: u32 = 1;
/// Bytes of magic and version.
pub(crate) const PREAMBLE_BYTES: usize = 12;
/// Bytes of a frame before its body.
pub(crate) const HEADER_BYTES: usize = 9;
/// Bytes of a frame after its body.
pub(crate) const TRAILER_BYTES: usize = 4;
/// Entries of a run fill it up to here; a larger entry stands alone.
pub(crate) const RUN_BYTES: usize = 64 << 10;
/// A frame ends with the row that takes it to this.
pub(crate) const FRAME_BYTES: usize = 128 << 10;

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Store,
    Space,
    Runs,
    Trimmed,
    Trx,
    Segments,
    SpaceEnd,
    End,
}

impl Kind {
    const ALL: [(Self, u8); 8] = [
        (Self::Store, 1),
        (Self::Space, 2),
        (Self::Runs, 3),
        (Self::Trimmed, 4),
        (Self::Trx, 5),
        (Self::Segments, 6),
        (Self::SpaceEnd, 7),
        (Self::End, 8),
    ];

    fn code(self) -> u8 {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or(0, |(_, code)| *code)
    }
}

/// The bytes before the first frame.
pub(crate) fn put_preamble(out: &mut Vec<u8>) {
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
}

/// Checks the bytes before the first frame.
pub(crate) fn check_preamble(bytes: &[u8]) -> Result {
    let Some(version) = bytes.strip_prefix(&MAGIC) else {
        return Err(Error::invalid("import: the source is not an export of a store"));
    };
    let version = Reader::new(version).u32("version")?;
    if version != VERSION {
        return Err(Error::invalid(format!(
            "import: the export has version {version}, where only {VERSION} is known"
        )));
    }
    Ok(())
}

/// Appends a frame, and takes it into the checksum of its space.
pub(crate) fn put_frame(out: &mut Vec<u8>, kind: Kind, body: &[u8], sum: &mut Crc32c) -> Result {
    let length = u32::try_from(body.len())
        .map_err(|_| Error::limit("frame bytes", u32::MAX.into(), body.len() as u64))?;
    let mut header = Vec::with_capacity(HEADER_BYTES);
    header.extend_from_slice(&length.to_le_bytes());
    header.push(kind.code());
    let header_sum = Crc32c::of(&header);
    header.extend_from_slice(&header_sum.to_le_bytes());
    let trailer = Crc32c::of(body).to_le_bytes();
    sum.update(&header).update(&trailer);
    out.extend_from_slice(&header);
    out.extend_from_slice(body);
    out.extend_from_slice(&trailer);
    Ok(())
}

/// Reads the bytes of a frame before its body: what it holds, and how long the body is.
pub(crate) fn read_header(header: &[u8]) -> Result<(Kind, usize)> {
    let mut reader = Reader::new(header);
    let length = reader.u32("frame length")? as usize;
    let code = reader.u8("frame kind")?;
    let stored = reader.u32("frame checksum")?;
    if header.get(..5).map(Crc32c::of) != Some(stored) {
        return Err(Error::corrupt("import: a frame's header does not match its checksum"));
    }
    let kind = Kind::ALL.iter().find(|(_, known)| *known == code).map(|(kind, _)| *kind);
    let kind = kind.ok_or_else(|| Error::corrupt(format!("import: a frame of unknown kind {code}")))?;
    Ok((kind, length))
}

/// Takes a frame apart that was read whole, and takes it into the checksum of its space.
pub(crate) fn open_frame<'f>(frame: &'f [u8], sum: &mut Crc32c) -> Result<&'f [u8]> {
    let parts = frame
        .split_at_checked(HEADER_BYTES)
        .and_then(|(header, rest)| Some((header, rest.split_last_chunk::<TRAILER_BYTES>()?)));
    let Some((header, (body, trailer))) = parts else {
        return Err(Error::corrupt("import: a frame is too short"));
    };
    if Crc32c::of(body) != u32::from_le_bytes(*trailer) {
        return Err(Error::corrupt("import: a frame does not match its checksum"));
    }
    sum.update(header).update(trailer);
    Ok(body)
}

/// A frame of rows that is being filled.
#[derive(Debug)]
pub(crate) struct Rows {
    kind: Kind,
    count: u32,
    body: Vec<u8>,
}

impl Rows {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, count: 0, body: Vec::new() }
    }

    /// Adds a row, and writes the frame once it is full.
    pub(crate) fn push(
        &mut self,
        out: &mut Vec<u8>,
        sum: &mut Crc32c,
        row: impl FnOnce(&mut Vec<u8>) -> Result,
    ) -> Result {
        if self.body.is_empty() {
            self.body.resize(4, 0);
        }
        row(&mut self.body)?;
        self.count += 1;
        if self.body.len() >= FRAME_BYTES {
            self.finish(out, sum)?;
        }
        Ok(())
    }

    /// Writes the frame if it holds anything.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>, sum: &mut Crc32c) -> Result {
        if let Some(count) = self.body.first_chunk_mut::<4>() {
            *count = self.count.to_le_bytes();
            put_frame(out, self.kind, &self.body, sum)?;
            self.body.clear();
            self.count = 0;
        }
        Ok(())
    }
}

pub(crate) fn put_u64s(out: &mut Vec<u8>, numbers: &[u64]) {
    for number in numbers {
        out.extend_from_slice(&number.to_le_bytes());
    }
}

/// A name behind its length.
pub(crate) fn put_name(out: &mut Vec<u8>, name: &str) -> Result {
    let length = u8::try_from(name.len()).map_err(|_| Error::corrupt("a name is longer than 128 bytes"))?;
    out.push(length);
    out.extend_from_slice(name.as_bytes());
    Ok(())
}

pub(crate) fn read_name<'f>(reader: &mut Reader<'f>, what: &str) -> Result<&'f str> {
    let length = usize::from(reader.u8(what)?);
    let name = reader.text(length, what)?;
    check_name(what, name)?;
    Ok(name)
}

fn read_id(reader: &mut Reader<'_>, what: &str) -> Result<EntryId> {
    let id = EntryId { ms: reader.u64(what)?, n: reader.u64(what)? };
    if id.in_bounds() { Ok(id) } else { Err(Error::corrupt(format!("{what}: out of range"))) }
}

/// What is trimmed of a space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Trimmed {
    /// Ids at or below it are gone.
    pub(crate) bound: EntryId,
    pub(crate) records: u64,
    pub(crate) bytes: u64,
}

impl Trimmed {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_u64s(out, &[self.bound.ms, self.bound.n, self.records, self.bytes]);
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(Self {
            bound: read_id(reader, "trim bound")?,
            records: reader.integer("records trimmed")?,
            bytes: reader.integer("bytes trimmed")?,
        })
    }
}

/// How a space begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SpaceStart {
    pub(crate) name: String,
    /// The last id that is exported.
    pub(crate) last: EntryId,
    pub(crate) trimmed: Trimmed,
    /// Records ever appended, up to the last id.
    pub(crate) records: u64,
    /// Logical bytes ever appended, up to the last id.
    pub(crate) bytes: u64,
    pub(crate) metadata: Vec<u8>,
}

impl SpaceStart {
    pub(crate) fn encode(&self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        put_name(&mut body, &self.name)?;
        put_u64s(&mut body, &[self.last.ms, self.last.n]);
        self.trimmed.encode(&mut body);
        put_u64s(&mut body, &[self.records, self.bytes]);
        let length = u32::try_from(self.metadata.len())
            .map_err(|_| Error::corrupt("space head: its metadata is too long"))?;
        body.extend_from_slice(&length.to_le_bytes());
        body.extend_from_slice(&self.metadata);
        Ok(body)
    }

    pub(crate) fn decode(body: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(body);
        let name = read_name(&mut reader, "space")?.into();
        let last = read_id(&mut reader, "last id")?;
        let trimmed = Trimmed::decode(&mut reader)?;
        let records = reader.integer("records")?;
        let bytes = reader.integer("bytes")?;
        let metadata = reader.bytes_u32("metadata")?.to_vec();
        reader.end("space")?;
        StreamMeta::check(&metadata)?;
        let start = Self { name, last, trimmed, records, bytes, metadata };
        start.check(&trimmed)?;
        Ok(start)
    }

    /// What is trimmed is a part of what there ever was.
    pub(crate) fn check(&self, trimmed: &Trimmed) -> Result {
        let fits = (self.last.ms > 0 || self.last == EntryId::ZERO)
            && trimmed.bound <= self.last
            && trimmed.records <= self.records
            && trimmed.bytes <= self.bytes
            && (trimmed.bound < self.last || (trimmed.records, trimmed.bytes) == (self.records, self.bytes));
        if fits { Ok(()) } else { Err(Error::corrupt("import: the space contradicts itself")) }
    }
}

/// What was exported of a space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SpaceCounts {
    pub(crate) entries: u64,
    /// Logical bytes of the entries.
    pub(crate) bytes: u64,
    pub(crate) trx_rows: u64,
    pub(crate) segments: u64,
}

impl SpaceCounts {
    /// The end of a space, whose frames so far have this checksum.
    pub(crate) fn encode(&self, sum: &Crc32c) -> Vec<u8> {
        let mut body = Vec::with_capacity(36);
        put_u64s(&mut body, &[self.entries, self.bytes, self.trx_rows, self.segments]);
        body.extend_from_slice(&sum.finish().to_le_bytes());
        body
    }

    /// What the end of a space says, where its frames have that checksum.
    pub(crate) fn decode(body: &[u8], sum: &Crc32c) -> Result<Self> {
        let mut reader = Reader::new(body);
        let counts = Self {
            entries: reader.integer("entries")?,
            bytes: reader.integer("bytes")?,
            trx_rows: reader.integer("TRX rows")?,
            segments: reader.integer("segments")?,
        };
        if body == counts.encode(sum) {
            Ok(counts)
        } else {
            Err(Error::corrupt("import: a space is not complete"))
        }
    }
}

/// What was exported altogether.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Totals {
    pub(crate) spaces: u64,
    pub(crate) segments: u64,
    pub(crate) entries: u64,
}

impl Totals {
    /// Counts one space more.
    pub(crate) fn add(&mut self, counts: SpaceCounts) {
        self.spaces += 1;
        self.segments = self.segments.saturating_add(counts.segments);
        self.entries = self.entries.saturating_add(counts.entries);
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(24);
        put_u64s(&mut body, &[self.spaces, self.segments, self.entries]);
        body
    }
}
