//! The key itself.

use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use super::{END, Part, SEPARATOR, from_hex, part, to_hex};
use crate::error::{Error, Result};

/// An immutable key: bytes whose unsigned order is the order of the parts they encode.
///
/// `Display` and `FromStr` are its text form, lowercase hex; the empty key is the empty text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LexKey(Vec<u8>);

impl LexKey {
    /// The key of these parts, in this order.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` without any part.
    pub fn encode(parts: &[Part<'_>]) -> Result<Self> {
        part::encode(parts, None).map(Self)
    }

    /// The key of these parts followed by 0x00: the least key that continues them.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` without any part.
    pub fn encode_first(parts: &[Part<'_>]) -> Result<Self> {
        part::encode(parts, Some(SEPARATOR)).map(Self)
    }

    /// The key of these parts followed by 0xff: above every key that continues them with text.
    ///
    /// It is also above longer neighbours (`"a"`, last, is above `"ab"`), so it bounds no name.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` without any part.
    pub fn encode_last(parts: &[Part<'_>]) -> Result<Self> {
        part::encode(parts, Some(END)).map(Self)
    }

    /// The key that is these bytes.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The key that `text` spells in lowercase hex.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` where `text` is not an even number of lowercase hex digits.
    pub fn parse(text: &str) -> Result<Self> {
        from_hex(text)
            .map(Self)
            .ok_or_else(|| Error::invalid("key: must be an even number of lowercase hex digits"))
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its bytes, owned.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Its length in bytes.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it is the empty key, which sorts before every other.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl AsRef<[u8]> for LexKey {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for LexKey {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

/// The key of one text, as keys of rows are given; a key's own text form, hex, is read by `parse`.
impl From<&str> for LexKey {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl FromStr for LexKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl fmt::Display for LexKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(&self.0))
    }
}

impl fmt::Debug for LexKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LexKey({self})")
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use proptest::prelude::*;

    use super::*;
    use crate::error::ErrorCode;

    #[test]
    fn no_parts_are_no_key() {
        for encode in [LexKey::encode, LexKey::encode_first, LexKey::encode_last] {
            assert_eq!(encode(&[]).unwrap_err().code(), ErrorCode::InvalidArgument);
        }
    }

    #[test]
    fn first_and_last_add_one_byte() {
        let parts = [Part::Text("a")];
        assert_eq!(LexKey::encode_first(&parts).unwrap().to_string(), "6100");
        assert_eq!(LexKey::encode_last(&parts).unwrap().to_string(), "61ff");
    }

    #[test]
    fn the_text_form_is_hex() {
        let key: LexKey = "00ff".parse().unwrap();
        assert_eq!(key.as_bytes(), [0, 255]);
        assert_eq!(alloc::format!("{key:?}"), "LexKey(00ff)");
        assert_eq!(LexKey::default().to_string(), "");
        assert_eq!(LexKey::parse("0").unwrap_err().code(), ErrorCode::InvalidArgument);
    }

    proptest! {
        #[test]
        fn keys_order_as_their_bytes(a: Vec<u8>, b: Vec<u8>) {
            let (left, right) = (LexKey::from_bytes(a.clone()), LexKey::from_bytes(b.clone()));
            prop_assert_eq!(left.cmp(&right), a.cmp(&b));
            prop_assert_eq!(left.to_string().cmp(&right.to_string()), a.cmp(&b));
        }
    }
}
