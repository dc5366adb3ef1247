//! Streamkit's engine: ordered event streams over any key-value host.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(feature = "every-host"),
    expect(
        dead_code,
        reason = "a row kind is compiled whole, also where this build lacks some of its users"
    )
)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod codec;
mod env;
mod error;
#[cfg(not(feature = "compression"))]
mod expander;
mod groups;
mod id;
mod kv;
mod layout;
mod lexkey;
mod name;
mod plan;
mod shared;
mod sorted;
mod status;
mod store;
mod streams;

pub use codec::{
    Compressor, Crc32c, Entry, EntryView, EntryViews, MetadataPairs, RecordFrame, Transaction, Trx,
    decode_entry, decode_transaction, encode_entry, encode_entry_body, encode_record_frame,
    encode_transaction,
};
#[cfg(feature = "compression")]
pub use codec::{Level, decode_compressed_entry, encode_compressed_entry};
pub use env::{Clock, Entropy, Env, NoNotify, Notify, Timer};
pub use error::{Detail, Error, ErrorCode, Result};
#[cfg(not(feature = "compression"))]
pub use expander::Expander;
pub use groups::{
    Consumer, Deliveries, Group, GroupInfo, GroupOptions, GroupRead, GroupStart, Mark, PendingRead,
    PendingRecord,
};
pub use id::{EntryId, MAX_INTEGER, MAX_MS};
pub use kv::{
    Atomicity, Batch, Bytes, Check, Commit, Durability, FaultPlan, FaultyKv, HostLimits, Kv, MemoryKv,
    Origin, Put, ScanPage, ScanRange, SplitMix64, Value,
};
#[cfg(feature = "compression")]
pub use layout::expand_row;
pub use layout::{GroupMode, Retention, Scope, scope_of};
pub use lexkey::{KeyReader, KeyWriter, LexKey, Part, PrimaryKey, RangeKey, from_hex, to_hex};
pub use name::{MAX_NAME_BYTES, check_name};
pub use plan::Written;
pub use status::SegmentStatus;
pub use store::{
    Appended, Changes, CompactReport, Compactor, Compression, EntryRef, Exporter, Health, ImportReport,
    Importer, LeaseProof, Listing, Names, NewRecords, OpenOptions, Page, PageFrame, PageRun, Problem,
    SegmentRead, SpaceRead, Store, StoreLimits, Tier, Verifier, VerifyReport, WriteOptions,
};
pub use streams::{
    MOST_PARTITIONS, PARTITION_KEY, PartitionChoice, StreamAppend, StreamAppended, StreamInfo, StreamList,
    StreamRead, Trim, Trimmed, partition_of_key,
};
