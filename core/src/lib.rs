//! Streamkit's engine: ordered event streams over any key-value host.
//!
//! A *store* has *spaces*, a space has *segments*, a segment has *entries* with the sequences 1, 2, 3 ... A space is
//! one timeline over its segments. Everything durable is rows of a key-value storage, the *host*, for which you
//! implement [`Kv`]; [`MemoryKv`] is one in memory. The engine has no clock, no randomness, no timers and no threads of
//! its own: [`Clock`], [`Entropy`], [`Timer`] and [`LocalSpawn`] stand for those, and one type may implement them all.
//! With tokio:
//!
//! ```
//! use std::rc::Rc;
//! use std::time::{Duration, SystemTime, UNIX_EPOCH};
//!
//! use streamkit_core::{
//!     Clock, EntryId, Entropy, Env, ErrorCode, LocalFutureObj, LocalBoxFuture, LocalSpawn, MemoryKv, NewRecords,
//!     OpenOptions, RecordFrame, Result, SegmentRead, SpaceRead, SpawnError, Store, Timer, WriteOptions,
//! };
//!
//! struct Tokio;
//!
//! impl Clock for Tokio {
//!     fn now(&self) -> u64 {
//!         SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64)
//!     }
//! }
//!
//! impl Entropy for Tokio {
//!     fn fill(&self, bytes: &mut [u8]) {
//!         getrandom::fill(bytes).expect("the system has randomness");
//!     }
//! }
//!
//! impl Timer for Tokio {
//!     fn sleep(&self, ms: u64) -> LocalBoxFuture<'static, ()> {
//!         Box::pin(tokio::time::sleep(Duration::from_millis(ms)))
//!     }
//! }
//!
//! impl LocalSpawn for Tokio {
//!     fn spawn_local_obj(&self, task: LocalFutureObj<'static, ()>) -> Result<(), SpawnError> {
//!         tokio::task::spawn_local(task);
//!         Ok(())
//!     }
//! }
//!
//! async fn orders() -> Result {
//!     let env = Env::new(Rc::new(MemoryKv::new()), Rc::new(Tokio));
//!     let store = Store::open(env, OpenOptions::default()).await?;
//!
//!     // `expecting`: only if the segment is where you think it is. 0: it is empty.
//!     let placed = NewRecords::new("orders", "order-17", RecordFrame::of(["placed"])?).expecting(0);
//!     let appended = store.append(placed.clone(), WriteOptions::default()).await?;
//!     assert_eq!(appended.status.last_sequence, 1);
//!     let again = store.append(placed, WriteOptions::default()).await.unwrap_err();
//!     assert_eq!(again.code(), ErrorCode::SequenceMismatch);
//!
//!     let page = store.read_segment(SegmentRead::new("orders", "order-17")).await?;
//!     for entry in page.entries() {
//!         assert_eq!((entry.sequence, entry.content.payload()), (1, &b"placed"[..]));
//!     }
//!
//!     // A space is read by id. What was passed is all that a reader keeps, as text if need be.
//!     let page = store.read_space(SpaceRead::new("orders")).await?;
//!     let bookmark = page.passed().to_string();
//!     let after: EntryId = bookmark.parse()?;
//!     let page = store.read_space(SpaceRead { after, ..SpaceRead::new("orders") }).await?;
//!     assert!(page.is_empty() && page.tail);
//!
//!     store.close().await;
//!     Ok(())
//! }
//!
//! # fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
//! let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
//! tokio::task::LocalSet::new().block_on(&runtime, orders())?;
//! # Ok(())
//! # }
//! ```
//!
//! `core/examples/embedded.rs` is a whole program: a host of its own over a file, and a store that other threads write
//! to.
//!
//! # Finding your way
//!
//! * Writing: [`Store::append`], [`Store::transact`]; how safely, [`WriteOptions`] and [`OpenOptions`].
//! * Reading: [`Store::read_segment`], [`Store::read_space`], page by page: while a [`Page`] is neither `tail` nor
//!   `done` there may be more. Following: take [`Store::epoch`], read to the tail, [`Store::wait`] with that epoch, and
//!   read on.
//! * What there is: [`Store::spaces`], [`Store::segments`], [`Store::segment_status`], [`Store::changes`].
//! * Streams, with partitions and retention: [`Store::create_stream`], [`Store::append_to_stream`],
//!   [`Store::read_stream`], [`Store::trim_stream`]; retention by age needs [`Store::sweep_streams`] now and then.
//! * Consumer groups: [`Store::group`] and the methods of [`Group`].
//! * Leases: [`Store::acquire_lease`]. Nobody renews one but you.
//! * [`Store::exporter`], [`Store::importer`], [`Store::compactor`], [`Store::verifier`]: jobs, step by step.
//!
//! What fails gives an [`Error`]: its [`ErrorCode`] says what to do. No input panics the engine.
//!
//! # Threads and executors
//!
//! A [`Store`] stays on the thread that opened it: it is not `Send`, and nor are its futures. In a program of many
//! threads, give it one of its own and send it requests, as the example does; or open the same storage once on each
//! thread, if its [`HostLimits::shared`] is true.
//!
//! Commits run as tasks of [`Env::spawn`], so these must be run while you await an answer. With tokio, everything
//! happens inside a `LocalSet`, also on a runtime of many threads. With the `futures` crate, use
//! `LocalPool::run_until`; its `block_on` runs no tasks, and would wait for ever. [`Store::close`] waits for what is
//! under way. Dropping a future is safe at any point: a write whose commit was not handed to the host yet is never
//! made.
//!
//! # Without an operating system
//!
//! The crate is `no_std`. It needs `alloc` and atomic compare-and-swap, for example `thumbv7em-none-eabihf`.
//!
//! # A storage of your own
//!
//! [`Kv`] says what a host promises. The feature `conformance` brings a suite that tries the rules of it, each a case
//! by name: `conformance`, for the tests of whoever writes a host. What your host's limits rule out is skipped, and
//! the report says why.
//!
//! ```
//! # #[cfg(feature = "conformance")]
//! # {
//! use std::rc::Rc;
//!
//! use streamkit_core::{Kv, KvFactory, MemoryKv, Result, async_trait, conformance};
//!
//! /// Makes the hosts to be tried; here, in memory.
//! #[derive(Default)]
//! struct Hosts(MemoryKv);
//!
//! #[async_trait(?Send)]
//! impl KvFactory for Hosts {
//!     async fn open(&mut self) -> Result<Rc<dyn Kv>> {
//!         self.0 = MemoryKv::new(); // fresh and empty
//!         Ok(Rc::new(self.0.clone()))
//!     }
//!
//!     // Where your host can do these; left out, their cases are skipped.
//!     async fn second(&mut self) -> Result<Option<Rc<dyn Kv>>> {
//!         Ok(Some(Rc::new(self.0.clone())))
//!     }
//!
//!     async fn reopen(&mut self) -> Result<Option<Rc<dyn Kv>>> {
//!         Ok(Some(Rc::new(self.0.clone())))
//!     }
//! }
//!
//! let report = futures::executor::block_on(conformance(&mut Hosts::default()));
//! assert!(report.passed(), "{report}");
//! assert_eq!(report.skipped().count(), 0);
//! # }
//! ```
//!
//! # Features
//!
//! All but `conformance` are on by default; each only adds.
//!
//! * `every-host`: hosts whose commits are not atomic over the store, not checked, or not seen at once; without it such
//!   a host is refused with `UNSUPPORTED` when it is opened. And executors that drop tasks which they took on; without
//!   it who waits for one of those waits for ever.
//! * `compression`: Zstandard. Without it nothing is compressed, and a row that is stored so is given to
//!   [`Env::expander`].
//! * `guarded-writes`: streams, consumer groups, and writes under a lease; and clearing away what trims and imports
//!   leave behind them. Without it, a lease that is given with a write is refused with `UNSUPPORTED`.
//! * `conformance`: the suite for hosts, see above.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(feature = "guarded-writes"),
    allow(rustdoc::broken_intra_doc_links, reason = "the text is about all features")
)]
#![cfg_attr(
    not(all(feature = "every-host", feature = "guarded-writes")),
    expect(
        dead_code,
        reason = "a row kind is compiled whole, also where this build lacks some of its users"
    )
)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod codec;
#[cfg(feature = "conformance")]
mod conformance;
mod env;
mod error;
mod expander;
#[cfg(feature = "guarded-writes")]
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
#[cfg(feature = "guarded-writes")]
mod streams;

// What stands in signatures, or is needed to implement the traits.
#[doc(no_inline)]
pub use async_trait::async_trait;
#[doc(no_inline)]
pub use futures_task::{LocalFutureObj, LocalSpawn, SpawnError};
#[doc(no_inline)]
pub use futures_util::future::LocalBoxFuture;
#[doc(no_inline)]
pub use uuid::Uuid;

pub use codec::{
    Compressor, Crc32c, Entry, EntryView, EntryViews, MetadataPairs, RecordFrame, Transaction, Trx,
    decode_entry, decode_transaction, encode_entry, encode_entry_body, encode_record_frame,
    encode_transaction,
};
#[cfg(feature = "compression")]
pub use codec::{Level, decode_compressed_entry, encode_compressed_entry};
#[cfg(feature = "conformance")]
pub use conformance::{ConformanceCase, ConformanceOutcome, ConformanceReport, KvFactory, conformance};
pub use env::{Clock, Entropy, Env, NoNotify, Notify, Timer};
pub use error::{Detail, Error, ErrorCode, Result};
pub use expander::{Expander, NoExpander};
#[cfg(feature = "guarded-writes")]
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
#[cfg(feature = "guarded-writes")]
pub use streams::{
    MOST_PARTITIONS, PARTITION_KEY, PartitionChoice, StreamAppend, StreamAppended, StreamInfo, StreamList,
    StreamRead, Trim, Trimmed, partition_of_key,
};
