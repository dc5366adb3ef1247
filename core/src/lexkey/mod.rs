//! Keys whose byte order is the order of what they hold.
//!
//! A key is a concatenation of encoded parts with one 0x00 between neighbours and none after the last:
//!
//! | part | bytes |
//! |---|---|
//! | text | its UTF-8 bytes as they are |
//! | bytes, another key | as they are |
//! | UUID | 16 bytes, network order |
//! | bool | false 00, true 01 |
//! | signed integer, instant (ns), duration (ns) | i64, sign bit flipped, 8 bytes big-endian |
//! | unsigned integer | u64, 8 bytes big-endian |
//! | float | f64; NaN is 7ff8000000000001; below 0 all bits inverted, else the sign bit flipped; 8 bytes big-endian |
//! | nil | 00 |
//! | end | ff |
//!
//! 0x00 is not escaped: what varies in length and is followed by another part must not hold it.

mod hex;
mod key;
mod part;
mod range;
mod reader;
mod writer;

pub use hex::{from_hex, to_hex};
pub use key::LexKey;
pub use part::Part;
pub use range::{PrimaryKey, RangeKey};
pub use reader::KeyReader;
pub use writer::KeyWriter;

/// What stands between neighbouring parts.
const SEPARATOR: u8 = 0x00;

/// What sorts after every continuation of a key.
const END: u8 = 0xff;
