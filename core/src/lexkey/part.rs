//! One part of a key, and how it is encoded.

use alloc::vec::Vec;

use uuid::Uuid;

use super::{END, LexKey, SEPARATOR};
use crate::error::{Error, Result};

/// What every NaN is written as.
const NAN: u64 = 0x7ff8_0000_0000_0001;

const SIGN: u64 = 1 << 63;

/// A part of a key.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Part<'a> {
    /// UTF-8 as it is; without 0x00 unless it is the last part.
    Text(&'a str),
    /// Bytes as they are; without 0x00 unless they are the last part or of fixed length.
    Bytes(&'a [u8]),
    /// 16 bytes in network order.
    Uuid(Uuid),
    /// One byte: 00 or 01.
    Bool(bool),
    /// A signed integer of any width.
    I64(i64),
    /// An unsigned integer of any width.
    U64(u64),
    /// A float of any width. -0.0 sorts below every other number, NaN among those below 0.
    F64(f64),
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    Instant(i64),
    /// Nanoseconds.
    Duration(i64),
    /// Nothing: the byte 00.
    Nil,
    /// The byte ff, which is in no UTF-8 and so sorts after every text.
    End,
}

impl Part<'_> {
    /// Its length in bytes.
    fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
            Self::Uuid(_) => 16,
            Self::I64(_) | Self::U64(_) | Self::F64(_) | Self::Instant(_) | Self::Duration(_) => 8,
            Self::Bool(_) | Self::Nil | Self::End => 1,
        }
    }

    fn write(&self, key: &mut Vec<u8>) {
        match *self {
            Self::Text(text) => key.extend_from_slice(text.as_bytes()),
            Self::Bytes(bytes) => key.extend_from_slice(bytes),
            Self::Uuid(uuid) => key.extend_from_slice(uuid.as_bytes()),
            Self::Bool(value) => key.push(u8::from(value)),
            Self::I64(value) | Self::Instant(value) | Self::Duration(value) => {
                key.extend_from_slice(&signed(value));
            }
            Self::U64(value) => key.extend_from_slice(&value.to_be_bytes()),
            Self::F64(value) => key.extend_from_slice(&float(value)),
            Self::Nil => key.push(0x00),
            Self::End => key.push(END),
        }
    }
}

/// The key of these parts, with `last` after them if given; an error without any part.
pub(super) fn encode(parts: &[Part<'_>], last: Option<u8>) -> Result<Vec<u8>> {
    if parts.is_empty() {
        return Err(Error::invalid("parts: a key has at least one part"));
    }
    let length = parts.iter().fold(0_usize, |sum, part| sum.saturating_add(part.len()).saturating_add(1));
    let mut key = Vec::with_capacity(length);
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            key.push(SEPARATOR);
        }
        part.write(&mut key);
    }
    key.extend(last);
    Ok(key)
}

/// A signed integer so that byte order is its order.
pub(super) const fn signed(value: i64) -> [u8; 8] {
    (value.cast_unsigned() ^ SIGN).to_be_bytes()
}

/// What [`signed`] wrote.
pub(super) const fn read_signed(bytes: [u8; 8]) -> i64 {
    (u64::from_be_bytes(bytes) ^ SIGN).cast_signed()
}

const fn float(value: f64) -> [u8; 8] {
    let bits = value.to_bits();
    let ordered = if value.is_nan() {
        NAN
    } else if value < 0.0 {
        !bits
    } else {
        bits ^ SIGN
    };
    ordered.to_be_bytes()
}

impl<'a> From<&'a str> for Part<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a [u8]> for Part<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Bytes(value)
    }
}

impl<'a> From<&'a LexKey> for Part<'a> {
    fn from(value: &'a LexKey) -> Self {
        Self::Bytes(value.as_bytes())
    }
}

macro_rules! from {
    ($($variant:ident: $($type:ty),+;)+) => {
        $($(impl From<$type> for Part<'_> {
            fn from(value: $type) -> Self {
                Self::$variant(value.into())
            }
        })+)+
    };
}

from! {
    Uuid: Uuid;
    Bool: bool;
    I64: i8, i16, i32, i64;
    U64: u8, u16, u32, u64;
    F64: f32, f64;
}

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use core::fmt::Debug;

    use proptest::prelude::*;

    use super::*;
    use crate::lexkey::to_hex;

    fn hex(parts: &[Part<'_>]) -> String {
        to_hex(&encode(parts, None).unwrap())
    }

    fn bytes<'a>(part: impl Into<Part<'a>>) -> Vec<u8> {
        encode(&[part.into()], None).unwrap()
    }

    #[test]
    #[expect(clippy::approx_constant, reason = "the format's own vectors")]
    fn vectors() {
        let uuid = Uuid::parse_str("550e8400-e29b-41d4-a716-446655440000").unwrap();
        let vectors: &[(Part<'_>, &str)] = &[
            ("hello".into(), "68656c6c6f"),
            (uuid.into(), "550e8400e29b41d4a716446655440000"),
            (123_i64.into(), "800000000000007b"),
            ((-123_i64).into(), "7fffffffffffff85"),
            ((-123_i32).into(), "7fffffffffffff85"),
            ((-123_i8).into(), "7fffffffffffff85"),
            (255_u8.into(), "00000000000000ff"),
            (123_u16.into(), "000000000000007b"),
            (123_u32.into(), "000000000000007b"),
            (123_u64.into(), "000000000000007b"),
            (3.14_f32.into(), "c0091eb860000000"),
            ((-3.14_f32).into(), "3ff6e1479fffffff"),
            (3.14_f64.into(), "c0091eb851eb851f"),
            (f64::NAN.into(), "7ff8000000000001"),
            (f32::NAN.into(), "7ff8000000000001"),
            ((-f64::NAN).into(), "7ff8000000000001"),
            (0.0_f64.into(), "8000000000000000"),
            ((-0.0_f64).into(), "0000000000000000"),
            (true.into(), "01"),
            (false.into(), "00"),
            (Part::Instant(0), "8000000000000000"),
            (Part::Instant(1_700_000_000 * 1_000_000_000), "97979cfe362a0000"),
            (Part::Duration(42), "800000000000002a"),
            (Part::Nil, "00"),
            (Part::End, "ff"),
        ];
        for (part, expected) in vectors {
            assert_eq!(hex(&[*part]), *expected, "{part:?}");
        }
        assert_eq!(hex(&["foo".into(), 42_i64.into(), true.into()]), "666f6f00800000000000002a0001");
        let key = LexKey::encode(&["foo".into(), 42_i64.into()]).unwrap();
        assert_eq!(hex(&[(&key).into(), true.into()]), "666f6f00800000000000002a0001");
    }

    fn check_order<T: PartialOrd + Debug>(
        a: &T,
        b: &T,
        left: &[u8],
        right: &[u8],
    ) -> Result<(), TestCaseError> {
        prop_assert_eq!(a.partial_cmp(b), Some(left.cmp(right)), "{:?} {:?}", a, b);
        Ok(())
    }

    /// Numbers close to each other and to the limits, where a wrong order would show.
    fn edgy() -> impl Strategy<Value = u64> {
        prop_oneof![
            any::<u64>(),
            (0_u32..64, -2_i64..=2).prop_map(|(bit, near)| (1_u64 << bit).wrapping_add_signed(near))
        ]
    }

    fn number() -> impl Strategy<Value = f64> {
        edgy()
            .prop_map(f64::from_bits)
            .prop_filter("a number other than -0.0", |value| !value.is_nan() && value.to_bits() != SIGN)
    }

    proptest! {
        #[test]
        fn text_keeps_its_order(a: String, b: String) {
            check_order(&a, &b, &bytes(&*a), &bytes(&*b))?;
        }

        #[test]
        fn bytes_keep_their_order(a: Vec<u8>, b: Vec<u8>) {
            check_order(&a, &b, &bytes(&*a), &bytes(&*b))?;
        }

        #[test]
        fn uuids_keep_their_order(a: u128, b: u128) {
            let (a, b) = (Uuid::from_u128(a), Uuid::from_u128(b));
            check_order(&a, &b, &bytes(a), &bytes(b))?;
        }

        #[test]
        fn bools_keep_their_order(a: bool, b: bool) {
            check_order(&a, &b, &bytes(a), &bytes(b))?;
        }

        #[test]
        fn unsigned_integers_keep_their_order(a in edgy(), b in edgy()) {
            check_order(&a, &b, &bytes(a), &bytes(b))?;
        }

        #[test]
        fn signed_integers_keep_their_order(a in edgy(), b in edgy()) {
            let (a, b) = (a.cast_signed(), b.cast_signed());
            check_order(&a, &b, &bytes(a), &bytes(b))?;
            check_order(&a, &b, &bytes(Part::Instant(a)), &bytes(Part::Instant(b)))?;
            check_order(&a, &b, &bytes(Part::Duration(a)), &bytes(Part::Duration(b)))?;
            prop_assert_eq!(read_signed(signed(a)), a);
        }

        #[test]
        fn narrow_integers_are_widened(a: i32, b: u32) {
            prop_assert_eq!(bytes(a), bytes(i64::from(a)));
            prop_assert_eq!(bytes(b), bytes(u64::from(b)));
        }

        #[test]
        fn floats_keep_their_order(a in number(), b in number()) {
            check_order(&a, &b, &bytes(a), &bytes(b))?;
        }

        #[test]
        fn tuples_of_names_and_numbers_keep_their_order(
            a in ("[\u{1}-\u{3}a\u{7f}-\u{80}\u{10ffff}]{0,3}", "[\u{1}-\u{3}a\u{ff}]{0,3}", edgy(), edgy()),
            b in ("[\u{1}-\u{3}a\u{7f}-\u{80}\u{10ffff}]{0,3}", "[\u{1}-\u{3}a\u{ff}]{0,3}", edgy(), edgy()),
        ) {
            let key = |of: &(String, String, u64, u64)| {
                encode(&[(&*of.0).into(), (&*of.1).into(), of.2.cast_signed().into(), of.3.into()], None).unwrap()
            };
            let value = |of: &(String, String, u64, u64)| (of.0.clone(), of.1.clone(), of.2.cast_signed(), of.3);
            check_order(&value(&a), &value(&b), &key(&a), &key(&b))?;
        }
    }
}
