//! Keys of two parts, partition and row, and ranges over them.

use super::part::signed;
use super::{END, LexKey, SEPARATOR};
use crate::error::{Error, Result};

/// A key that is a partition and a row: partition, 0x00, row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PrimaryKey {
    /// What rows are kept together by; without 0x00 if it is to be decoded again.
    pub partition: LexKey,
    /// What tells the rows of a partition apart.
    pub row: LexKey,
}

impl PrimaryKey {
    /// The key of this row in this partition.
    pub const fn new(partition: LexKey, row: LexKey) -> Self {
        Self { partition, row }
    }

    /// Its bytes as one key.
    pub fn encode(&self) -> LexKey {
        let (partition, row) = (self.partition.as_bytes(), self.row.as_bytes());
        LexKey::from_bytes([partition, &[SEPARATOR], row].concat())
    }

    /// The partition and row of an encoded key, split at its first 0x00.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` where the key holds no 0x00.
    pub fn decode(key: &[u8]) -> Result<Self> {
        let mut parts = key.splitn(2, |byte| *byte == SEPARATOR);
        match (parts.next(), parts.next()) {
            (Some(partition), Some(row)) => {
                Ok(Self::new(LexKey::from_bytes(partition), LexKey::from_bytes(row)))
            }
            _ => Err(Error::invalid("key: a primary key holds a 0x00 between partition and row")),
        }
    }
}

/// A range of rows of one partition, as the specification encodes it.
///
/// With an empty end it reaches into partitions whose key begins with this one's: behind the rows of `order-1` come
/// those of `order-10`. Where that may be, bound the end, or take the children of a key:
/// [`KeyWriter::children`](super::KeyWriter::children).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct RangeKey {
    /// The partition.
    pub partition: LexKey,
    /// The first row; empty: from the beginning.
    pub start: LexKey,
    /// The last row, with every row that continues it; empty: to the end.
    pub end: LexKey,
}

impl RangeKey {
    /// The rows from `start` to `end` of a partition.
    pub const fn new(partition: LexKey, start: LexKey, end: LexKey) -> Self {
        Self { partition, start, end }
    }

    /// The range that stands for all rows of a partition: no start, and the end `i64 255`.
    ///
    /// Its upper bound is above rows of ASCII text and of integers up to 255 encoded as `i64`, and not above all others;
    /// for all rows whatever, leave the end empty.
    pub fn full(partition: LexKey) -> Self {
        Self::new(partition, LexKey::default(), LexKey::from_bytes(signed(255)))
    }

    /// The lower and the upper bound, with the partition in front.
    pub fn with_partition(&self) -> (LexKey, LexKey) {
        self.bounds(self.partition.as_bytes())
    }

    /// The lower and the upper bound, without the partition but with the 0x00 that follows it.
    pub fn without_partition(&self) -> (LexKey, LexKey) {
        self.bounds(&[])
    }

    fn bounds(&self, partition: &[u8]) -> (LexKey, LexKey) {
        let lower = [partition, &[SEPARATOR], self.start.as_bytes()].concat();
        let upper = if self.end.is_empty() {
            [partition, &[END]].concat()
        } else {
            [partition, &[SEPARATOR], self.end.as_bytes(), &[END]].concat()
        };
        (LexKey::from_bytes(lower), LexKey::from_bytes(upper))
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::error::ErrorCode;

    #[test]
    fn vectors() {
        let key = PrimaryKey::new("partition".into(), "row".into());
        assert_eq!(key.encode().to_string(), "706172746974696f6e00726f77");
        let (lower, upper) = RangeKey::new("part".into(), "start".into(), "end".into()).with_partition();
        assert_eq!(lower.to_string(), "70617274007374617274");
        assert_eq!(upper.to_string(), "7061727400656e64ff");
    }

    #[test]
    fn empty_ends_leave_the_range_open() {
        let range = RangeKey::new("p".into(), LexKey::default(), LexKey::default());
        let text = |(lower, upper): (LexKey, LexKey)| (lower.to_string(), upper.to_string());
        assert_eq!(text(range.with_partition()), ("7000".into(), "70ff".into()));
        assert_eq!(text(range.without_partition()), ("00".into(), "ff".into()));
        let range = RangeKey::new("p".into(), "a".into(), "b".into());
        assert_eq!(text(range.without_partition()), ("0061".into(), "0062ff".into()));
    }

    #[test]
    fn the_full_range_ends_at_255() {
        let range = RangeKey::full("p".into());
        assert!(range.start.is_empty());
        assert_eq!(range.end.to_string(), "80000000000000ff");
        assert_eq!(range.with_partition().1.to_string(), "700080000000000000ffff");
    }

    #[test]
    fn a_primary_key_needs_its_separator() {
        assert_eq!(PrimaryKey::decode(b"abc").unwrap_err().code(), ErrorCode::InvalidArgument);
        assert_eq!(PrimaryKey::decode(b"").unwrap_err().code(), ErrorCode::InvalidArgument);
        assert_eq!(PrimaryKey::decode(&[0]).unwrap(), PrimaryKey::default());
    }

    proptest! {
        #[test]
        fn primary_keys_come_back(partition in proptest::collection::vec(1_u8.., 0..8), row: Vec<u8>) {
            let key = PrimaryKey::new(partition.into(), row.into());
            prop_assert_eq!(PrimaryKey::decode(key.encode().as_bytes()).unwrap(), key);
        }

        #[test]
        fn any_bytes_split_or_are_refused(bytes: Vec<u8>) {
            if let Ok(key) = PrimaryKey::decode(&bytes) {
                let encoded = key.encode();
                prop_assert_eq!(encoded.as_bytes(), &*bytes);
            }
        }

        #[test]
        fn a_range_holds_its_rows_and_no_other_partition(
            partition in "[a-c]{1,2}", other in "[a-c]{1,2}", start in "[a-c]{0,2}", end in "[a-c]{1,2}", row in "[a-c]{1,3}",
        ) {
            let range = RangeKey::new((&*partition).into(), (&*start).into(), (&*end).into());
            let (lower, upper) = range.with_partition();
            let key = PrimaryKey::new((&*other).into(), (&*row).into()).encode();
            let inside = key >= lower && key < upper;
            let expected = other == partition && row >= start && (row <= end || row.starts_with(&end));
            prop_assert_eq!(inside, expected);
        }
    }
}
