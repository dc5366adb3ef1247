//! A transaction with its entries in one piece.
//!
//! ```text
//! 16 trx id | 16 trx node | u64 trx number
//! u32 entries, entries x { u32 length, entry }
//! ```

use alloc::vec::Vec;

use super::bytes::{Reader, put_len_u32};
use super::entry::{MIN_ENTRY_BYTES, decode_entry, encoded_len, put_entry, put_trx, read_trx};
use super::{Entry, Trx};
use crate::error::Result;

/// What was written in one piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// What it is called.
    pub trx: Trx,
    /// Its entries, in the order given.
    pub entries: Vec<Entry>,
}

/// A transaction as bytes; equal transactions give equal bytes.
///
/// # Errors
///
/// `LIMIT_EXCEEDED` where a number is above its limit, or a count or length above 2^32 - 1.
pub fn encode_transaction(transaction: &Transaction) -> Result<Vec<u8>> {
    let entries = transaction.entries.iter().map(|entry| encoded_len(entry).saturating_add(4));
    let mut out = Vec::with_capacity(entries.fold(44, usize::saturating_add));
    put_trx(&mut out, &transaction.trx)?;
    put_len_u32(&mut out, transaction.entries.len(), "entries")?;
    for entry in &transaction.entries {
        put_len_u32(&mut out, encoded_len(entry), "entry")?;
        put_entry(&mut out, entry)?;
    }
    Ok(out)
}

/// The transaction that [`encode_transaction`] wrote.
///
/// # Errors
///
/// `CORRUPT` where `bytes` are anything else.
pub fn decode_transaction(bytes: &[u8]) -> Result<Transaction> {
    let mut reader = Reader::new(bytes);
    let trx = read_trx(&mut reader)?;
    let count = reader.count(4 + MIN_ENTRY_BYTES, "entries")?;
    let mut entries = Vec::with_capacity(count);
    for _ in 0..count {
        entries.push(decode_entry(reader.bytes_u32("entry")?)?);
    }
    reader.end("transaction")?;
    Ok(Transaction { trx, entries })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::codec::encode_entry;
    use crate::codec::entry::tests::any_entry;
    use crate::error::ErrorCode;
    use crate::id::MAX_INTEGER;

    fn any_transaction() -> impl Strategy<Value = Transaction> {
        (any::<u128>(), any::<u128>(), 0..=MAX_INTEGER, proptest::collection::vec(any_entry(), 0..4))
            .prop_map(|(id, node, number, entries)| Transaction {
                trx: Trx { id: Uuid::from_u128(id), node: Uuid::from_u128(node), number },
                entries,
            })
    }

    proptest! {
        #[test]
        fn transactions_come_back(transaction in any_transaction()) {
            let bytes = encode_transaction(&transaction).unwrap();
            prop_assert_eq!(decode_transaction(&bytes).unwrap(), transaction);
        }

        #[test]
        fn the_entries_are_whole(transaction in any_transaction()) {
            let mut expected = Vec::new();
            put_trx(&mut expected, &transaction.trx).unwrap();
            expected.extend(u32::try_from(transaction.entries.len()).unwrap().to_le_bytes());
            for entry in &transaction.entries {
                let entry = encode_entry(entry).unwrap();
                expected.extend(u32::try_from(entry.len()).unwrap().to_le_bytes());
                expected.extend(entry);
            }
            prop_assert_eq!(encode_transaction(&transaction).unwrap(), expected);
        }

        #[test]
        fn damage_never_panics_and_what_is_read_is_written_the_same(
            transaction in any_transaction(), cut: prop::sample::Index,
            damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        ) {
            let mut bytes = encode_transaction(&transaction).unwrap();
            prop_assert_eq!(
                decode_transaction(&bytes[..cut.index(bytes.len())]).unwrap_err().code(),
                ErrorCode::Corrupt
            );
            for (at, byte) in damage {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let mut result = None;
            let memory = allocation_counter::measure(|| result = Some(decode_transaction(&bytes)));
            prop_assert!(memory.bytes_total < u64::try_from(64 * bytes.len()).unwrap());
            if let Some(Ok(transaction)) = result {
                prop_assert_eq!(encode_transaction(&transaction).unwrap(), bytes);
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = decode_transaction(&bytes);
        }
    }
}
