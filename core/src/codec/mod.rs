//! How entries become bytes, and bytes entries again.
//!
//! All integers are little-endian. Every decoder takes any bytes: it checks lengths before it allocates, and answers
//! what it cannot read with `CORRUPT`.

mod bytes;
mod entry;
mod records;
mod transaction;
#[cfg_attr(not(feature = "compression"), path = "no_zstd.rs")]
pub(crate) mod zstd;

pub(crate) use bytes::{Reader, length8, length32, put_varint};
pub use entry::{Entry, Trx, decode_entry, encode_entry};
#[cfg(feature = "compression")]
pub use entry::{decode_compressed_entry, encode_compressed_entry};
pub(crate) use records::{ENTRY_LENGTHS, fit_entries, measure_entries, skip_entries};
pub use records::{
    EntryView, EntryViews, MetadataPairs, RecordFrame, encode_entry_body, encode_record_frame,
};
pub use streamkit_crc32c::Crc32c;
pub use transaction::{Transaction, decode_transaction, encode_transaction};
pub use zstd::Compressor;
#[cfg(feature = "compression")]
pub use zstd::Level;
