//! The mark of an import, in the head of the space that it writes, in the place of a stream's metadata.
//!
//! ```text
//!  0  [16]  the import's id
//! 16  u64   milliseconds of its last step
//! ```

use alloc::vec::Vec;

use uuid::Uuid;

/// Whose import it is, and when it last went on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ImportMark {
    pub(crate) id: Uuid,
    pub(crate) ms: u64,
}

impl ImportMark {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut mark = Vec::with_capacity(24);
        mark.extend_from_slice(self.id.as_bytes());
        mark.extend_from_slice(&self.ms.to_le_bytes());
        mark
    }

    /// `None` when it is malformed.
    pub(crate) fn decode(mark: &[u8]) -> Option<Self> {
        let (id, ms) = mark.split_first_chunk()?;
        Some(Self { id: Uuid::from_bytes(*id), ms: u64::from_le_bytes(ms.try_into().ok()?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_back_and_nothing_else_is_one() {
        let mark = ImportMark { id: Uuid::from_u128(7), ms: 1 << 40 };
        let bytes = mark.encode();
        assert_eq!(ImportMark::decode(&bytes), Some(mark));
        assert_eq!(ImportMark::decode(&bytes[..23]), None);
        assert_eq!(ImportMark::decode(&[&bytes[..], &[0]].concat()), None);
    }
}
