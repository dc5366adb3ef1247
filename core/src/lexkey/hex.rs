//! The text form of keys.

use alloc::string::String;
use alloc::vec::Vec;

/// The bytes as lowercase hex, two digits a byte, without a prefix.
pub fn to_hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text
}

/// The bytes that `text` spells in lowercase hex; `None` where it is anything else.
///
/// Only what [`to_hex`] writes is read, so that equal keys have equal texts.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, odd) = text.as_bytes().as_chunks::<2>();
    if !odd.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some((value(*high)? << 4) | value(*low)?)).collect()
}

const fn digit(nibble: u8) -> char {
    (if nibble < 10 { b'0' + nibble } else { b'a' + (nibble - 10) }) as char
}

const fn value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_canonical_text_is_read() {
        assert_eq!(from_hex(""), Some(Vec::new()));
        assert_eq!(from_hex("00ff1a"), Some(alloc::vec![0, 255, 0x1a]));
        for text in ["0", "0x00", "FF", "fg", " 00", "00 ", "0\u{e9}", "\u{e9}"] {
            assert_eq!(from_hex(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn text_and_bytes_are_one_to_one(bytes: Vec<u8>) {
            let text = to_hex(&bytes);
            prop_assert_eq!(text.len(), bytes.len() * 2);
            prop_assert_eq!(from_hex(&text), Some(bytes));
        }

        #[test]
        fn whatever_is_read_is_written_the_same(text in "[0-9a-fA-F]{0,8}|.{0,8}") {
            if let Some(bytes) = from_hex(&text) {
                prop_assert_eq!(to_hex(&bytes), text);
            }
        }
    }
}
