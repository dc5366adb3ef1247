//! Little-endian numbers and length-prefixed bytes.

use alloc::vec::Vec;

use uuid::Uuid;

use crate::error::{Error, Result};
use crate::id::MAX_INTEGER;

/// Takes fields off the front of bytes; what does not fit is `CORRUPT` and named.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    length: usize,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, length: bytes.len() }
    }

    /// How many bytes were taken.
    #[inline]
    pub(crate) const fn position(&self) -> usize {
        self.length - self.rest.len()
    }

    #[inline]
    pub(crate) fn array<const N: usize>(&mut self, field: &str) -> Result<[u8; N]> {
        match self.rest.split_first_chunk::<N>() {
            Some((array, rest)) => {
                self.rest = rest;
                Ok(*array)
            }
            None => Err(short(field, N, self.rest.len())),
        }
    }

    #[inline]
    pub(crate) fn take(&mut self, count: usize, field: &str) -> Result<&'a [u8]> {
        match self.rest.split_at_checked(count) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(short(field, count, self.rest.len())),
        }
    }

    #[inline]
    pub(crate) fn u8(&mut self, field: &str) -> Result<u8> {
        self.array(field).map(u8::from_le_bytes)
    }

    #[inline]
    pub(crate) fn u32(&mut self, field: &str) -> Result<u32> {
        self.array(field).map(u32::from_le_bytes)
    }

    #[inline]
    pub(crate) fn u64(&mut self, field: &str) -> Result<u64> {
        self.array(field).map(u64::from_le_bytes)
    }

    #[inline]
    pub(crate) fn array16(&mut self, field: &str) -> Result<[u8; 16]> {
        self.array(field)
    }

    /// A u64 that may not be above `max`.
    #[inline]
    pub(crate) fn u64_within(&mut self, max: u64, field: &str) -> Result<u64> {
        let value = self.u64(field)?;
        if value > max { Err(above(field, value, max)) } else { Ok(value) }
    }

    /// A sequence, a count, a number of milliseconds: a u64 that may not be above [`MAX_INTEGER`].
    #[inline]
    pub(crate) fn integer(&mut self, field: &str) -> Result<u64> {
        self.u64_within(MAX_INTEGER, field)
    }

    /// The version byte of `what`, which must be this one.
    #[inline]
    pub(crate) fn version(&mut self, version: u8, what: &str) -> Result {
        let found = self.u8(what)?;
        if found == version { Ok(()) } else { Err(unknown_version(what, found, version)) }
    }

    /// UTF-8 of this many bytes.
    #[inline]
    pub(crate) fn text(&mut self, length: usize, field: &str) -> Result<&'a str> {
        let bytes = self.take(length, field)?;
        core::str::from_utf8(bytes).map_err(|_| Error::corrupt(alloc::format!("{field}: not UTF-8")))
    }

    /// A number in as few bytes as it takes: seven bits a byte, the lowest first, the top bit set where more follow.
    pub(crate) fn varint(&mut self, field: &str) -> Result<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8(field)?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 || shift > 0 && byte == 0 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Error::corrupt(alloc::format!("{field}: a malformed number")))
    }

    /// A u32 count of things that take at least `bytes_each`: so never more than what is left can hold, and fit to
    /// reserve memory by.
    #[inline]
    pub(crate) fn count(&mut self, bytes_each: usize, field: &str) -> Result<usize> {
        let count = self.u32(field)? as usize;
        if count > self.rest.len() / bytes_each.max(1) { Err(crowded(field, count)) } else { Ok(count) }
    }

    /// Bytes behind their u32 length.
    #[inline]
    pub(crate) fn bytes_u32(&mut self, field: &str) -> Result<&'a [u8]> {
        let length = self.u32(field)? as usize;
        self.take(length, field)
    }

    /// UTF-8 behind its u32 length.
    #[inline]
    pub(crate) fn text_u32(&mut self, field: &str) -> Result<&'a str> {
        let length = self.u32(field)? as usize;
        self.text(length, field)
    }

    /// Nothing may be left.
    #[inline]
    pub(crate) fn end(self, what: &str) -> Result {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Error::corrupt(alloc::format!("{what}: {} bytes after its end", self.rest.len())))
        }
    }
}

#[cold]
fn short(field: &str, needed: usize, left: usize) -> Error {
    Error::corrupt(alloc::format!("{field}: {needed} bytes expected, {left} left"))
}

#[cold]
fn above(field: &str, value: u64, max: u64) -> Error {
    Error::corrupt(alloc::format!("{field}: {value} is above {max}"))
}

#[cold]
fn unknown_version(what: &str, found: u8, known: u8) -> Error {
    Error::corrupt(alloc::format!("{what}: version {found}, where only {known} is known"))
}

#[cold]
fn crowded(field: &str, count: usize) -> Error {
    Error::corrupt(alloc::format!("{field}: {count} do not fit into what follows"))
}

/// A number as [`Reader::varint`] reads it.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            out.push(low & 0x7f);
            return;
        }
        out.push(low | 0x80);
    }
}

/// A length as it is stored in four bytes. Rows and names are held far below by the limits of a commit; a longer one
/// would not decode.
pub(crate) fn length32(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// The length of a name as it is stored in one byte: names are at most 128 bytes long.
pub(crate) fn length8(length: usize) -> u8 {
    u8::try_from(length).unwrap_or(u8::MAX)
}

pub(crate) fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

pub(crate) fn put_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

pub(crate) fn put_uuid(out: &mut Vec<u8>, value: Uuid) {
    out.extend_from_slice(value.as_bytes());
}

/// A count or length as u32; `LIMIT_EXCEEDED` above that.
pub(crate) fn put_len_u32(out: &mut Vec<u8>, length: usize, what: &'static str) -> Result {
    let value = u32::try_from(length)
        .map_err(|_| Error::limit(what, u32::MAX.into(), u64::try_from(length).unwrap_or(u64::MAX)))?;
    put_u32(out, value);
    Ok(())
}

/// Bytes behind their u32 length; `LIMIT_EXCEEDED` above what that holds.
pub(crate) fn put_bytes_u32(out: &mut Vec<u8>, bytes: &[u8], what: &'static str) -> Result {
    put_len_u32(out, bytes.len(), what)?;
    out.extend_from_slice(bytes);
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::ErrorCode;

    #[test]
    fn a_short_field_is_named_and_not_taken() {
        let mut reader = Reader::new(&[1, 2, 3]);
        let error = reader.u32("count").unwrap_err();
        assert_eq!((error.code(), error.message()), (ErrorCode::Corrupt, "count: 4 bytes expected, 3 left"));
        assert_eq!((reader.position(), reader.rest), (0, &[1, 2, 3][..]));
        assert_eq!(reader.u8("tag").unwrap(), 1);
        assert_eq!((reader.position(), reader.rest), (1, &[2, 3][..]));
        assert_eq!(reader.clone().end("row").unwrap_err().message(), "row: 2 bytes after its end");
        assert_eq!(reader.take(2, "rest").unwrap(), [2, 3]);
        reader.end("row").unwrap();
    }

    #[test]
    fn a_length_is_checked_before_it_is_believed() {
        let bytes = [255, 255, 255, 255, 0, 0, 0, 0];
        assert_eq!(Reader::new(&bytes).count(1, "pairs").unwrap_err().code(), ErrorCode::Corrupt);
        assert_eq!(Reader::new(&bytes).bytes_u32("payload").unwrap_err().code(), ErrorCode::Corrupt);
        assert_eq!(Reader::new(&[2, 0, 0, 0, 1, 2]).count(1, "pairs").unwrap(), 2);
        assert_eq!(
            Reader::new(&[2, 0, 0, 0, 1, 2]).count(2, "pairs").unwrap_err().code(),
            ErrorCode::Corrupt
        );
        assert_eq!(
            Reader::new(&[1, 0, 0, 0, 0xff]).text_u32("name").unwrap_err().message(),
            "name: not UTF-8"
        );
        assert_eq!(Reader::new(&bytes).u64_within(5, "n").unwrap_err().message(), "n: 4294967295 is above 5");
        assert_eq!(Reader::new(&[0xff; 8]).integer("n").unwrap_err().code(), ErrorCode::Corrupt);
    }

    #[test]
    fn only_the_known_version_is_read() {
        Reader::new(&[1]).version(1, "row").unwrap();
        let error = Reader::new(&[2]).version(1, "row").unwrap_err();
        assert_eq!(error.message(), "row: version 2, where only 1 is known");
        assert_eq!(Reader::new(&[]).version(1, "row").unwrap_err().code(), ErrorCode::Corrupt);
    }

    proptest! {
        #[test]
        fn a_varint_has_one_spelling(value: u64, bits in 0_u32..64, garbage in prop::collection::vec(any::<u8>(), 0..12)) {
            let value = value >> bits;
            let mut out = Vec::new();
            put_varint(&mut out, value);
            let mut reader = Reader::new(&out);
            prop_assert_eq!(reader.varint("n").unwrap(), value);
            reader.end("n").unwrap();
            let mut reader = Reader::new(&garbage);
            if let Ok(value) = reader.varint("n") {
                let mut again = Vec::new();
                put_varint(&mut again, value);
                prop_assert_eq!(&garbage[..reader.position()], &again[..]);
            }
        }

        #[test]
        fn what_is_put_is_read(a: u8, b: u32, c: u64, d in 0..=MAX_INTEGER, e: u128, f: Vec<u8>, g: alloc::string::String) {
            let mut out = Vec::from([a]);
            put_u32(&mut out, b);
            put_u64(&mut out, c);
            put_u64(&mut out, d);
            put_uuid(&mut out, Uuid::from_u128(e));
            put_bytes_u32(&mut out, &f, "f").unwrap();
            put_bytes_u32(&mut out, g.as_bytes(), "g").unwrap();
            let mut reader = Reader::new(&out);
            prop_assert_eq!(reader.u8("a").unwrap(), a);
            prop_assert_eq!(reader.u32("b").unwrap(), b);
            prop_assert_eq!(reader.u64("c").unwrap(), c);
            prop_assert_eq!(reader.integer("d").unwrap(), d);
            prop_assert_eq!(reader.array16("e").unwrap(), e.to_be_bytes());
            prop_assert_eq!(reader.bytes_u32("f").unwrap(), f);
            prop_assert_eq!(reader.position() + reader.rest.len(), out.len());
            prop_assert_eq!(reader.text_u32("g").unwrap(), g);
            reader.end("all").unwrap();
        }
    }
}
