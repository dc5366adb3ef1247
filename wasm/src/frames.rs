//! Buffers that cross the boundary: what is read from them is checked, and lengths have 32 bits. All
//! integers are little-endian.

use alloc::string::String;
use alloc::vec::Vec;

use streamkit_core::{Changes, EntryId, Error, Names, NewRecords, RecordFrame, Result};

use crate::numbers::number;

/// Reads a buffer from its beginning. `None` where it is too short.
#[derive(Debug)]
pub(crate) struct Cursor<'b> {
    rest: &'b [u8],
}

impl<'b> Cursor<'b> {
    pub(crate) const fn new(bytes: &'b [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        let (bytes, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(u32::from_le_bytes(*bytes))
    }

    pub(crate) fn take(&mut self, length: u32) -> Option<&'b [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(usize::try_from(length).ok()?)?;
        self.rest = rest;
        Some(bytes)
    }

    /// Bytes behind their length.
    pub(crate) fn prefixed(&mut self) -> Option<&'b [u8]> {
        let length = self.u32()?;
        self.take(length)
    }

    /// A count of things that have at least so many bytes each: never more than can follow.
    pub(crate) fn count(&mut self, least: usize) -> Option<usize> {
        let count = usize::try_from(self.u32()?).ok()?;
        (count <= self.rest.len() / least.max(1)).then_some(count)
    }

    pub(crate) const fn rest(self) -> &'b [u8] {
        self.rest
    }

    pub(crate) const fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }
}

pub(crate) fn put_u32(out: &mut Vec<u8>, value: usize) {
    // Nothing longer fits into the memory that this is compiled for.
    out.extend_from_slice(&u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes());
}

pub(crate) fn put_prefixed(out: &mut Vec<u8>, bytes: &[u8]) {
    put_u32(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// The writes of a transaction.
///
/// ```text
/// u32 writes, writes x { u32 length, space | u32 length, segment | u32 length, record frame }
/// ```
pub(crate) fn read_writes(frame: &[u8]) -> Result<Vec<NewRecords>> {
    let bad = || Error::invalid("writes: the frame is not well-formed");
    let mut cursor = Cursor::new(frame);
    let count = cursor.count(12).ok_or_else(bad)?;
    let mut writes = Vec::with_capacity(count);
    for _ in 0..count {
        let mut text = || -> Option<String> { Some(core::str::from_utf8(cursor.prefixed()?).ok()?.into()) };
        let space = text().ok_or_else(bad)?;
        let segment = text().ok_or_else(bad)?;
        let records = RecordFrame::parse(cursor.prefixed().ok_or_else(bad)?.to_vec())?;
        writes.push(NewRecords { space, segment, records, expected: None });
    }
    if cursor.is_at_end() { Ok(writes) } else { Err(bad()) }
}

/// A page of names.
///
/// ```text
/// u8 more | u32 count, count x { u32 length, UTF-8 }
/// ```
pub(crate) fn write_names(names: &Names) -> Vec<u8> {
    let bytes: usize = names.names.iter().map(|name| name.len() + 4).sum();
    let mut out = Vec::with_capacity(5 + bytes);
    out.push(u8::from(names.more));
    put_u32(&mut out, names.names.len());
    for name in &names.names {
        put_prefixed(&mut out, name.as_bytes());
    }
    out
}

/// What changed, where to ask from next, and up to where the space is trimmed.
///
/// ```text
/// u64 milliseconds | u64 n | the same of the trim bound
/// u32 count, count x { u32 length, segment | f64 first sequence | f64 its milliseconds |
///                      f64 last sequence | f64 its milliseconds }
/// ```
pub(crate) fn write_changes(changes: &Changes) -> Vec<u8> {
    let bytes: usize = changes.statuses.iter().map(|status| status.segment.len() + 36).sum();
    let mut out = Vec::with_capacity(36 + bytes);
    for EntryId { ms, n } in [changes.next, changes.trimmed] {
        out.extend_from_slice(&ms.to_le_bytes());
        out.extend_from_slice(&n.to_le_bytes());
    }
    put_u32(&mut out, changes.statuses.len());
    for status in &changes.statuses {
        put_prefixed(&mut out, status.segment.as_bytes());
        for value in
            [status.first_sequence, status.first_timestamp, status.last_sequence, status.last_timestamp]
        {
            out.extend_from_slice(&number(value).to_le_bytes());
        }
    }
    out
}
