//! Writing keys of our own layout, quickly.

use alloc::vec::Vec;

use uuid::Uuid;

use super::SEPARATOR;
use super::part::signed;

/// Appends parts to a key, with the separators between them, in one allocation where the capacity suffices.
///
/// ```
/// use streamkit_core::KeyWriter;
///
/// let key = KeyWriter::with_capacity(32).text("DAT").text("orders").u64(7).finish();
/// assert_eq!(key, b"DAT\0orders\0\0\0\0\0\0\0\0\x07");
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct KeyWriter {
    key: Vec<u8>,
    continued: bool,
}

impl KeyWriter {
    /// An empty key with room for this many bytes, separators included.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { key: Vec::with_capacity(bytes), continued: false }
    }

    /// Goes on after the parts that `prefix` encodes.
    pub const fn after(prefix: Vec<u8>) -> Self {
        Self { key: prefix, continued: true }
    }

    /// Appends a text; without 0x00 unless it comes last.
    pub fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    /// Appends an unsigned integer: 8 bytes.
    pub fn u64(self, value: u64) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    /// Appends a signed integer: 8 bytes.
    pub fn i64(self, value: i64) -> Self {
        self.bytes(&signed(value))
    }

    /// Appends a UUID: 16 bytes.
    pub fn uuid(self, uuid: Uuid) -> Self {
        self.bytes(uuid.as_bytes())
    }

    /// Appends bytes as they are; without 0x00 unless they come last or have a fixed length.
    #[inline]
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        if self.continued {
            self.key.push(SEPARATOR);
        }
        self.continued = true;
        self.key.extend_from_slice(bytes);
        self
    }

    /// The key.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.key
    }

    /// The half-open range of all keys that continue this one with a further part, and of no other:
    /// `[key 00, key 01)`. A neighbour whose name begins with this one's is outside.
    #[must_use]
    pub fn children(self) -> (Vec<u8>, Vec<u8>) {
        let mut end = Vec::with_capacity(self.key.len().saturating_add(1));
        end.extend_from_slice(&self.key);
        end.push(SEPARATOR + 1);
        let mut start = self.key;
        start.push(SEPARATOR);
        (start, end)
    }
}
