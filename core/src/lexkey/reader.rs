//! Taking keys of our own layout apart.

use uuid::Uuid;

use super::SEPARATOR;
use super::part::read_signed;
use crate::error::{Error, Result};

/// Reads the parts of a key whose layout is known, in their order.
///
/// Every method takes one part and the separator in front of it, and fails with `CORRUPT` where the key does not
/// go on that way.
///
/// ```
/// # fn main() -> streamkit_core::Result {
/// use streamkit_core::KeyReader;
///
/// let mut key = KeyReader::new(b"DAT\0orders\0\0\0\0\0\0\0\0\x07");
/// key.literal("DAT")?;
/// assert_eq!(key.text()?, "orders");
/// assert_eq!(key.u64()?, 7);
/// key.end()
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct KeyReader<'a> {
    rest: &'a [u8],
    continued: bool,
}

impl<'a> KeyReader<'a> {
    /// At the beginning of a key.
    pub const fn new(key: &'a [u8]) -> Self {
        Self { rest: key, continued: false }
    }

    /// Takes exactly this text.
    ///
    /// # Errors
    ///
    /// `CORRUPT` where something else follows.
    pub fn literal(&mut self, text: &str) -> Result {
        self.separator()?;
        self.rest = self
            .rest
            .strip_prefix(text.as_bytes())
            .ok_or_else(|| Error::corrupt(alloc::format!("key: {text} expected")))?;
        Ok(())
    }

    /// Takes the text up to the next separator or the end.
    ///
    /// # Errors
    ///
    /// `CORRUPT` where that is not UTF-8.
    pub fn text(&mut self) -> Result<&'a str> {
        self.separator()?;
        let length = self.rest.iter().position(|byte| *byte == SEPARATOR).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, &[]));
        self.rest = rest;
        core::str::from_utf8(text).map_err(|_| Error::corrupt("key: text that is not UTF-8"))
    }

    /// Takes an unsigned integer.
    ///
    /// # Errors
    ///
    /// `CORRUPT` where fewer than 8 bytes follow.
    pub fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// Takes a signed integer.
    ///
    /// # Errors
    ///
    /// `CORRUPT` where fewer than 8 bytes follow.
    pub fn i64(&mut self) -> Result<i64> {
        self.array().map(read_signed)
    }

    /// Takes a UUID.
    ///
    /// # Errors
    ///
    /// `CORRUPT` where fewer than 16 bytes follow.
    pub fn uuid(&mut self) -> Result<Uuid> {
        self.array().map(Uuid::from_bytes)
    }

    /// Takes all that is left, 0x00 or not.
    ///
    /// # Errors
    ///
    /// `CORRUPT` where the key has ended.
    pub fn rest(&mut self) -> Result<&'a [u8]> {
        self.separator()?;
        Ok(core::mem::take(&mut self.rest))
    }

    /// Whether the key has ended.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Checks that the key has ended.
    ///
    /// # Errors
    ///
    /// `CORRUPT` where bytes are left.
    pub fn end(self) -> Result {
        if self.rest.is_empty() { Ok(()) } else { Err(Error::corrupt("key: bytes after its last part")) }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.separator()?;
        let (array, rest) = self.rest.split_first_chunk::<N>().ok_or_else(|| {
            Error::corrupt(alloc::format!("key: {N} bytes expected, {} left", self.rest.len()))
        })?;
        self.rest = rest;
        Ok(*array)
    }

    fn separator(&mut self) -> Result {
        if self.continued {
            self.rest = self
                .rest
                .strip_prefix(&[SEPARATOR])
                .ok_or_else(|| Error::corrupt("key: 0x00 expected between its parts"))?;
        }
        self.continued = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::error::ErrorCode;
    use crate::lexkey::{KeyWriter, LexKey, Part};

    #[test]
    fn a_neighbour_is_no_child() {
        let (start, end) = KeyWriter::default().text("order-1").children();
        assert_eq!((&*start, &*end), (&b"order-1\0"[..], &b"order-1\x01"[..]));
        let inside = |key: Vec<u8>| key >= start && key < end;
        assert!(inside(KeyWriter::default().text("order-1").u64(u64::MAX).finish()));
        assert!(inside(KeyWriter::default().text("order-1").text("").finish()));
        assert!(!inside(KeyWriter::default().text("order-1").finish()));
        assert!(!inside(KeyWriter::default().text("order-10").u64(0).finish()));
    }

    #[test]
    fn what_does_not_fit_is_corrupt() {
        let mut key = KeyReader::new(b"DAT\0ab");
        assert_eq!(key.clone().u64().unwrap_err().code(), ErrorCode::Corrupt);
        assert_eq!(key.clone().literal("INV").unwrap_err().code(), ErrorCode::Corrupt);
        key.literal("DAT").unwrap();
        assert_eq!(key.clone().end().unwrap_err().code(), ErrorCode::Corrupt);
        assert_eq!(key.clone().uuid().unwrap_err().code(), ErrorCode::Corrupt);
        assert_eq!(key.text().unwrap(), "ab");
        assert!(key.is_empty());
        assert_eq!(key.clone().text().unwrap_err().code(), ErrorCode::Corrupt);
        assert_eq!(key.clone().rest().unwrap_err().code(), ErrorCode::Corrupt);
        key.end().unwrap();
        assert_eq!(KeyReader::new(&[0xff]).text().unwrap_err().code(), ErrorCode::Corrupt);
        // A longer literal is not taken for a shorter one.
        let mut key = KeyReader::new(b"DATA\0x");
        key.literal("DAT").unwrap();
        assert_eq!(key.text().unwrap_err().code(), ErrorCode::Corrupt);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            a in "[^\0]{0,9}", b in "[^\0]{0,9}", c: u64, d: i64, e: u128, rest: Vec<u8>,
        ) {
            let uuid = Uuid::from_u128(e);
            let key = KeyWriter::with_capacity(9).text("DAT").text(&a).u64(c).text(&b).i64(d).uuid(uuid).bytes(&rest).finish();
            let parts: [Part<'_>; 7] =
                ["DAT".into(), (&*a).into(), c.into(), (&*b).into(), d.into(), uuid.into(), (&*rest).into()];
            let same = LexKey::encode(&parts).unwrap();
            prop_assert_eq!(same.as_bytes(), &*key);

            let mut reader = KeyReader::new(&key);
            reader.literal("DAT").unwrap();
            prop_assert_eq!(reader.text().unwrap(), &*a);
            prop_assert_eq!(reader.u64().unwrap(), c);
            prop_assert_eq!(reader.text().unwrap(), &*b);
            prop_assert_eq!(reader.i64().unwrap(), d);
            prop_assert_eq!(reader.uuid().unwrap(), uuid);
            prop_assert_eq!(reader.rest().unwrap(), &*rest);
            reader.end().unwrap();
        }

        #[test]
        fn a_key_goes_on_after_its_prefix(a in "[^\0]{0,9}", b: u64) {
            let prefix = KeyWriter::default().text(&a).finish();
            prop_assert_eq!(KeyWriter::after(prefix).u64(b).finish(), KeyWriter::default().text(&a).u64(b).finish());
        }

        #[test]
        fn no_bytes_panic(key: Vec<u8>, calls in proptest::collection::vec(0_u8..6, 0..8), literal: String) {
            let mut reader = KeyReader::new(&key);
            for call in calls {
                let _ = match call {
                    0 => reader.literal(&literal),
                    1 => reader.text().map(drop),
                    2 => reader.u64().map(drop),
                    3 => reader.i64().map(drop),
                    4 => reader.uuid().map(drop),
                    _ => reader.rest().map(drop),
                };
            }
            let _ = reader.end();
        }
    }
}
