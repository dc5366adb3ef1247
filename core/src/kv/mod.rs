//! The storage that a host supplies, and what it promises.

mod faulty;
mod limits;
mod memory;
mod random;
mod value;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use async_trait::async_trait;

pub use faulty::{FaultPlan, FaultyKv};
pub use limits::{Atomicity, HostLimits};
pub use memory::MemoryKv;
pub use random::SplitMix64;
pub(crate) use value::Buffer;
pub use value::{Origin, Value};

use crate::error::Result;

/// Bytes as a host stores them.
pub type Bytes = Vec<u8>;

/// How much a commit must survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Durability {
    /// The end of the process; power loss costs at most the last moments, never integrity.
    Relaxed,
    /// Power loss too.
    #[default]
    Strict,
}

/// A half-open range of keys, and how much of it to give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanRange {
    /// The first key that may be given.
    pub start: Bytes,
    /// The first key that may not.
    pub end: Bytes,
    /// From the top of the range downwards.
    pub reverse: bool,
    /// At most this many pairs; at least 1.
    pub limit: usize,
    /// Stop once the values reach this many bytes, or before the pair that would take them past it; at least one pair
    /// is given if there is one.
    pub max_bytes: usize,
    /// Leave the values out; `max_bytes` means nothing then.
    pub keys_only: bool,
}

/// What a scan gave.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScanPage {
    /// The pairs in the order asked for; values are empty where only keys were asked for.
    pub pairs: Vec<(Bytes, Value)>,
    /// Whether the range holds more pairs. Exact.
    pub more: bool,
}

/// A condition of a commit: the key holds exactly this value; `None`: it is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The key looked at.
    pub key: Bytes,
    /// What it must hold.
    pub value: Option<Bytes>,
}

/// A pair to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// The key.
    pub key: Bytes,
    /// Its new value.
    pub value: Bytes,
}

/// One commit: owned, handed over whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    /// Conditions on the state before.
    pub checks: Vec<Check>,
    /// Keys to remove, before any put.
    pub deletes: Vec<Bytes>,
    /// Pairs to store. No key is in two operations.
    pub puts: Vec<Put>,
    /// What the commit must survive once it is answered.
    pub durability: Durability,
}

impl Batch {
    /// All its keys, with what is stored or compared under them.
    fn rows(&self) -> impl Iterator<Item = (&Bytes, Option<&Bytes>)> {
        let checks = self.checks.iter().map(|check| (&check.key, check.value.as_ref()));
        let deletes = self.deletes.iter().map(|key| (key, None));
        let puts = self.puts.iter().map(|put| (&put.key, Some(&put.value)));
        checks.chain(deletes).chain(puts)
    }
}

/// The answer to a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Commit {
    /// Every check held and every operation was applied.
    Applied,
    /// A check failed and nothing was applied.
    Refused {
        /// Index of the failed check.
        check: usize,
        /// What its key holds.
        current: Option<Bytes>,
    },
}

/// An ordered key-value storage. Hints between instances on the same storage are not its business:
/// see [`Notify`](crate::Notify).
///
/// It is implemented under [`#[async_trait(?Send)]`](macro@crate::async_trait), as [`MemoryKv`] is. Calls may overlap:
/// a borrow of what several of them use must not live over an await. The feature `conformance` brings a suite that
/// tries the rules below.
///
/// Keys and values are bytes; keys order as unsigned bytes. An implementation promises:
///
/// * **Order and exactness.** `get` answers in the order asked, one answer a key. `scan` gives the
///   pairs of `[start, end)` in key order (from the top when `reverse`), never more than `limit`,
///   and stops once the values reach `max_bytes`, or before the pair that would take them past it, but
///   gives at least one pair if there is one. Where `end` is not above `start` there are none, and
///   either may be longer than any key. `more` is exact. What is written while a scan goes on, it may
///   show or not, row by row; every other row is as it is, and each value is whole and that of its key.
/// * **Atomicity.** `commit` applies every operation if every check holds, else none. Checks see
///   the state before; then deletes, then puts. A failed check is an answer ([`Commit::Refused`]),
///   not an error. How many rows one commit may cover is stated by [`HostLimits::atomic`]; whether
///   checks are honoured by [`HostLimits::checks`].
/// * **Limits.** A commit beyond one of the four sizes of [`HostLimits`] is refused whole with
///   `LIMIT_EXCEEDED`, whether or not the storage would take it: [`HostLimits::check_batch`].
/// * **Visibility.** Where [`HostLimits::consistent`], a read sees every commit that was answered
///   before it began, and one `get` is one snapshot. Elsewhere a read may show any older state, but to the only
///   instance that commits: from an older state it would give sequences out twice.
/// * **Durability.** Once `commit` has answered, its batch survives the end of the process; a
///   [`Durability::Strict`] one power loss too. A relaxed batch may be lost with the power, but only
///   whole and only with everything after it. Reads show a strict batch once it survives, whether or
///   not its answer gets through: whoever lost the answer looks, and believes what is there.
/// * **Failure.** An error whose code is `LIMIT_EXCEEDED`, `QUOTA_EXCEEDED` or `CLOSED`, or whose detail
///   `applied` is false, means that nothing was applied. After any other error the batch may have been
///   applied, now or a little later.
/// * **Answers.** Every call is answered, if only with an error: a store fails one that is not after
///   [`OpenOptions::host_timeout`](crate::OpenOptions::host_timeout), and must then find out what became of it.
/// * **Cancellation.** A future that is dropped leaves the storage as before or as after the call.
#[async_trait(?Send)]
pub trait Kv {
    /// A short name for messages.
    fn name(&self) -> &str;

    /// What the host can do; constant over its life.
    fn limits(&self) -> &HostLimits;

    /// The values of these keys, in the order asked.
    async fn get(&self, keys: Vec<Bytes>) -> Result<Vec<Option<Bytes>>>;

    /// A page of a range.
    async fn scan(&self, range: ScanRange) -> Result<ScanPage>;

    /// Applies a batch whole, or not at all.
    async fn commit(&self, batch: Batch) -> Result<Commit>;
}

impl fmt::Debug for dyn Kv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kv").field("name", &self.name()).finish()
    }
}
