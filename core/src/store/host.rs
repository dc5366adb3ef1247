//! Calls to the host, guarded: a deadline for each, and nothing believed that breaks the contract.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;
#[cfg(feature = "compression")]
use core::cell::Cell;
use core::future::Future;
use core::pin::Pin;

use futures_util::future::{Either, select};
use futures_util::poll;

#[cfg(feature = "compression")]
use super::shrinkage::Shrinkage;
use crate::env::Env;
use crate::error::{Error, ErrorCode, Result};
use crate::kv::{Atomicity, Batch, Bytes, Commit, HostLimits, ScanRange, Value};
#[cfg(not(feature = "compression"))]
use crate::layout::expanded_bytes;
use crate::layout::{KeyRange, successor};

const EVERY_HOST: bool = cfg!(feature = "every-host");

/// Rows read one by one after one of them could not be read.
const MOST_ALONE: usize = 64;

/// Boxed, so that its code is there once: what is not would be compiled into every crate that polls it.
pub(crate) type Call<'c, T> = Pin<Box<dyn Future<Output = Result<T>> + 'c>>;
/// A key and its value.
pub(crate) type Row = (Bytes, Value);
/// Some of a range, and the range of the rest; `None`: that was all.
pub(crate) type Part<T> = (Vec<T>, Option<KeyRange>);

/// The host behind its guard.
#[derive(Debug)]
pub(crate) struct Host {
    env: Env,
    timeout: u64,
    #[cfg(feature = "compression")]
    shrinkage: Cell<Shrinkage>,
}

impl Host {
    pub(crate) fn new(env: Env, timeout: u64) -> Self {
        Self {
            env,
            timeout,
            #[cfg(feature = "compression")]
            shrinkage: Cell::default(),
        }
    }

    pub(crate) fn limits(&self) -> &HostLimits {
        self.env.kv.limits()
    }

    /// What one commit covers. A build for hosts that can do everything has no code for the others.
    pub(crate) fn atomic(&self) -> Atomicity {
        if EVERY_HOST { self.limits().atomic } else { Atomicity::Store }
    }

    /// Whether checks are honoured.
    pub(crate) fn has_checks(&self) -> bool {
        !EVERY_HOST || self.limits().checks
    }

    /// Whether reads see the latest write, and one get is one snapshot.
    pub(crate) fn is_consistent(&self) -> bool {
        !EVERY_HOST || self.limits().consistent
    }

    /// Whether commits are atomic and checked, and reads see them: nothing is lost or done twice unseen.
    pub(crate) fn is_exact(&self) -> bool {
        self.atomic() != Atomicity::None && self.has_checks() && self.is_consistent()
    }

    /// Whether this build can do with the host.
    pub(crate) fn check(&self) -> Result {
        let limits = self.limits();
        let whole = limits.atomic == Atomicity::Store && limits.checks && limits.consistent;
        if EVERY_HOST || whole {
            return Ok(());
        }
        Err(Error::new(
            ErrorCode::Unsupported,
            "this build serves hosts with atomic, checked, consistent commits",
        ))
    }

    /// A reply in hand costs no timer.
    async fn guard<T>(&self, what: &str, mut call: Call<'_, T>) -> Result<T> {
        if let core::task::Poll::Ready(reply) = poll!(&mut call) {
            return reply;
        }
        if self.timeout == 0 {
            return call.await;
        }
        match select(call, self.env.timer.sleep(self.timeout)).await {
            Either::Left((reply, _)) => reply,
            Either::Right(((), _)) => Err(Error::unknown(format!(
                "host {}: {what} took longer than {} ms",
                self.env.kv.name(),
                self.timeout
            ))),
        }
    }

    fn broken(&self, rule: &str) -> Error {
        Error::unavailable(format!("host {}: {rule}", self.env.kv.name()))
    }

    pub(crate) fn get(&self, keys: Vec<Bytes>) -> Call<'_, Vec<Option<Bytes>>> {
        Box::pin(async move {
            let asked = keys.len();
            if asked == 0 {
                return Ok(Vec::new());
            }
            let values = self.guard("get", self.env.kv.get(keys)).await.map_err(Error::of_read)?;
            if values.len() != asked {
                return Err(self.broken("get must answer one value for each key"));
            }
            Ok(values)
        })
    }

    pub(crate) fn get_one(&self, key: Bytes) -> Call<'_, Option<Bytes>> {
        Box::pin(async move {
            let values = self.get(Vec::from([key])).await?;
            Ok(values.into_iter().next().flatten())
        })
    }

    /// Rows of a range from its start on, until there are `limit` or the values come to `max_bytes`; at
    /// least one where there are any. Compressed ones count as what they expand to, so that nobody expands what is
    /// read again with the rest, and the host is asked for about as many as these bytes hold.
    #[cfg(feature = "compression")]
    pub(crate) fn rows(&self, range: KeyRange, limit: usize, max_bytes: usize) -> Call<'_, Part<Row>> {
        Box::pin(async move {
            let KeyRange { start, end } = range;
            let stored = self.shrinkage.get().stored_of(max_bytes, &end);
            let asked = KeyRange { start, end: end.clone() };
            let (mut rows, mut rest) = self.stored_rows(asked, limit, stored).await?;
            let (kept, shrinkage) = Shrinkage::of(&rows, max_bytes, &end);
            // One row says little of the others.
            if limit > 1 {
                self.shrinkage.set(shrinkage);
            }
            if kept < rows.len() {
                rows.truncate(kept);
                rest = rows.last().map(|(key, _)| KeyRange { start: successor(key.clone()), end });
            }
            Ok((rows, rest))
        })
    }

    /// Rows of a range from its start on, until there are `limit` or the values come to `max_bytes`; at
    /// least one where there are any. They come expanded, and count as they are stored: few are compressed where this
    /// build is used.
    #[cfg(not(feature = "compression"))]
    pub(crate) fn rows(&self, range: KeyRange, limit: usize, max_bytes: usize) -> Call<'_, Part<Row>> {
        let page = self.stored_rows(range, limit, max_bytes);
        Box::pin(async move {
            let (mut rows, rest) = page.await?;
            for (_, row) in &mut rows {
                if expanded_bytes(row).is_some() {
                    let stored = core::mem::take(row).into_bytes();
                    *row = self.env.expander.expand(stored).await?.into();
                }
            }
            Ok((rows, rest))
        })
    }

    /// The same, where the host says of single rows that they are damaged: these come with what it says.
    pub(crate) async fn rows_or_damage(
        &self,
        range: KeyRange,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Part<(Bytes, Result<Value>)>> {
        match self.rows(range.clone(), limit, max_bytes).await {
            Err(error) if error.code() == ErrorCode::Corrupt => {}
            page => {
                let (rows, rest) = page?;
                return Ok((rows.into_iter().map(|(key, row)| (key, Ok(row))).collect(), rest));
            }
        }
        let end = range.end.clone();
        let (keys, mut rest) = self.keys(range, limit.min(MOST_ALONE)).await?;
        let mut rows = Vec::new();
        let mut bytes = 0;
        for key in keys {
            if bytes >= max_bytes {
                rest = Some(KeyRange { start: key, end });
                break;
            }
            match self.get_one(key.clone()).await {
                Ok(None) => {}
                Ok(Some(row)) => {
                    bytes += row.len();
                    rows.push((key, Ok(row.into())));
                }
                Err(error) if error.code() == ErrorCode::Corrupt => rows.push((key, Err(error))),
                Err(error) => return Err(error),
            }
        }
        Ok((rows, rest))
    }

    fn stored_rows(&self, range: KeyRange, limit: usize, max_bytes: usize) -> Call<'_, Part<Row>> {
        let KeyRange { start, end } = range;
        self.scan(ScanRange { start, end, reverse: false, limit, max_bytes, keys_only: false })
    }

    /// Keys of a range from its start on, at most `limit`; their values stay where they are.
    pub(crate) async fn keys(&self, range: KeyRange, limit: usize) -> Result<Part<Bytes>> {
        let KeyRange { start, end } = range;
        let range = ScanRange { start, end, reverse: false, limit, max_bytes: usize::MAX, keys_only: true };
        let (rows, rest) = self.scan(range).await?;
        Ok((rows.into_iter().map(|(key, _)| key).collect(), rest))
    }

    pub(crate) async fn first_row(&self, range: KeyRange) -> Result<Option<Row>> {
        let (rows, _) = self.rows(range, 1, 1).await?;
        Ok(rows.into_iter().next())
    }

    pub(crate) async fn last_row(&self, range: KeyRange) -> Result<Option<Row>> {
        let KeyRange { start, end } = range;
        let range = ScanRange { start, end, reverse: true, limit: 1, max_bytes: 1, keys_only: false };
        let (rows, _) = self.scan(range).await?;
        Ok(rows.into_iter().next())
    }

    /// Read downwards, a range has no rest that anyone goes on with: none is given.
    fn scan(&self, range: ScanRange) -> Call<'_, Part<Row>> {
        Box::pin(async move {
            let (start, end) = (range.start.clone(), range.end.clone());
            let (reverse, limit) = (range.reverse, range.limit);
            if start >= end {
                return Ok((Vec::new(), None));
            }
            let page = self.guard("scan", self.env.kv.scan(range)).await.map_err(Error::of_read)?;
            if page.pairs.len() > limit {
                return Err(self.broken("scan must not give more pairs than the limit"));
            }
            if page.more && page.pairs.is_empty() {
                return Err(self.broken("scan must give a pair when there are more"));
            }
            let inside = |key: &Bytes| *key >= start && *key < end;
            let ordered = page.pairs.iter().zip(page.pairs.iter().skip(1));
            let in_order = |((a, _), (b, _)): (&Row, &Row)| {
                if reverse { a > b } else { a < b }
            };
            if !page.pairs.iter().all(|(key, _)| inside(key)) || !ordered.into_iter().all(in_order) {
                return Err(self.broken("scan must give keys of its range, in order"));
            }
            let last = page.pairs.last().filter(|_| page.more && !reverse);
            let rest = last.map(|(key, _)| KeyRange { start: successor(key.clone()), end });
            Ok((page.pairs, rest))
        })
    }

    pub(crate) fn commit(&self, batch: Batch) -> Call<'_, Commit> {
        Box::pin(async move {
            let checks = batch.checks.len();
            let reply = self.guard("commit", self.env.kv.commit(batch)).await.map_err(in_doubt)?;
            match &reply {
                Commit::Refused { check, .. } if *check >= checks => {
                    Err(self.broken("commit must name one of the checks it was given"))
                }
                _ => Ok(reply),
            }
        })
    }
}

/// What a commit failed with: unless that says otherwise, it may have been applied.
fn in_doubt(error: Error) -> Error {
    let code = error.code();
    let refused = matches!(code, ErrorCode::LimitExceeded | ErrorCode::QuotaExceeded | ErrorCode::Closed);
    if refused || error.detail("applied").is_some() {
        return error;
    }
    error.in_doubt()
}
