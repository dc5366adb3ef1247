//! Leases: one checked row each. Expiry is by the holder's clock; others wait a margin longer for
//! clocks that differ; the fencing token grows with every acquisition and is never given twice.

use alloc::format;
use alloc::rc::Rc;
use alloc::vec::Vec;

use super::append::LeaseProof;
use super::{Inner, Store, Tagged};
use crate::error::{Detail, Error, ErrorCode, Result};
use crate::id::{MAX_INTEGER, MAX_MS, check_time};
use crate::kv::{Batch, Check, Commit, Durability, Put};
use crate::layout::lease::{self, LeaseRow};
use crate::name::check_name;

/// How much longer than its time a lease is left to its holder, in milliseconds: clocks of different
/// machines differ.
const SKEW_MARGIN: u64 = 250;
/// Races that one call may lose.
const TRIES: u32 = 32;
/// Replies that may be lost in a row before the host counts as one that does not answer.
const MOST_UNCLEAR: usize = 3;

/// What is to become of a lease row, given what it is and the time.
type Decide<'d> = dyn Fn(Option<&LeaseRow>, u64) -> Result<LeaseRow> + 'd;

impl Store {
    /// Acquires a lease for `ttl` milliseconds. A holder that has it gets it anew, with a new token.
    ///
    /// # Errors
    /// `LEASE_NOT_ACQUIRED` with details `holder` and `expires` when another holder has it;
    /// `UNSUPPORTED` on hosts without checks; `INVALID_ARGUMENT` for names and a `ttl` of 0, and like
    /// `LIMIT_EXCEEDED` for a clock that fails; `CONFLICT` when too many others change it at once; `CORRUPT` when
    /// it is damaged; `ABORTED` when it was taken back; `UNAVAILABLE` when the host fails; `CLOSED`.
    pub async fn acquire_lease(&self, key: &str, holder: &str, ttl: u64) -> Result<LeaseProof> {
        check(key, holder, ttl)?;
        let decide = |row: Option<&LeaseRow>, now: u64| {
            let now = check_time(now)?;
            if let Some(row) = row
                && row.holder != holder
                && row.expires > 0
                && row.expires.saturating_add(SKEW_MARGIN) > now
            {
                return Err(Error::new(
                    ErrorCode::LeaseNotAcquired,
                    format!("lease: \"{key}\" is held by \"{}\"", row.holder),
                )
                .with("key", Detail::Text(key.into()))
                .with("holder", Detail::Text(row.holder.clone()))
                .with("expires", Detail::Number(row.expires)));
            }
            let token = row.map_or(0, |row| row.token);
            if token >= MAX_INTEGER {
                return Err(Error::limit("fencing token", MAX_INTEGER, token.saturating_add(1)));
            }
            Ok(LeaseRow {
                token: token + 1,
                expires: now.saturating_add(ttl).min(MAX_MS),
                nonce: 0,
                holder: holder.into(),
            })
        };
        // Strict: a token that went back with the power would be given twice.
        let _tagged = Tagged::begin(&self.inner, self.tag);
        let row = self.inner.change_lease(key, &decide, Durability::Strict, self.tag).await?;
        Ok(LeaseProof { key: key.into(), holder: holder.into(), token: row.token })
    }

    /// Extends a lease to `ttl` milliseconds from now; one that has expired, too, as long as nobody else has it.
    ///
    /// # Errors
    /// `LEASE_LOST` when it is no longer held; else like [`Store::acquire_lease`].
    pub async fn renew_lease(&self, proof: &LeaseProof, ttl: u64) -> Result {
        check(&proof.key, &proof.holder, ttl)?;
        let decide = |row: Option<&LeaseRow>, now: u64| {
            let now = check_time(now)?;
            let row = held(row, proof)?;
            Ok(LeaseRow { expires: now.saturating_add(ttl).min(MAX_MS), ..row.clone() })
        };
        self.inner.change_lease(&proof.key, &decide, Durability::Relaxed, 0).await.map(drop)
    }

    /// Gives a lease back.
    ///
    /// # Errors
    /// Like [`Store::renew_lease`]: one that is no longer held is left alone, and `LEASE_LOST`.
    pub async fn release_lease(&self, proof: &LeaseProof) -> Result {
        check(&proof.key, &proof.holder, 1)?;
        let decide = |row: Option<&LeaseRow>, _: u64| {
            let row = held(row, proof)?;
            Ok(LeaseRow { expires: 0, ..row.clone() })
        };
        self.inner.change_lease(&proof.key, &decide, Durability::Relaxed, 0).await.map(drop)
    }
}

/// What a wait for a lease waits for: no space has such a name.
fn scope(key: &str) -> Rc<str> {
    Rc::from(format!("\0{key}"))
}

fn check(key: &str, holder: &str, ttl: u64) -> Result {
    check_name("key", key)?;
    check_name("holder", holder)?;
    if ttl == 0 || ttl > MAX_MS {
        return Err(Error::invalid("ttl: must be from 1 to 2^48 - 1 milliseconds"));
    }
    Ok(())
}

fn held<'r>(row: Option<&'r LeaseRow>, proof: &LeaseProof) -> Result<&'r LeaseRow> {
    row.filter(|row| row.token == proof.token && row.holder == proof.holder && row.expires > 0).ok_or_else(
        || {
            Error::new(
                ErrorCode::LeaseLost,
                format!("lease: \"{}\" no longer holds \"{}\"", proof.holder, proof.key),
            )
            .with("key", Detail::Text(proof.key.clone()))
        },
    )
}

impl Inner {
    async fn change_lease(
        &self,
        key: &str,
        decide: &Decide<'_>,
        durability: Durability,
        tag: u64,
    ) -> Result<LeaseRow> {
        self.check_open()?;
        if !self.host.has_checks() {
            return Err(Error::new(
                ErrorCode::Unsupported,
                "lease: this host honours no checks, so nobody can hold one",
            ));
        }
        let row_key = lease::key(key);
        // Any try whose reply was lost may be the one that applied, be it late.
        let mut nonces = Vec::new();
        let mut unclear = None;
        for attempt in 0..TRIES {
            let stored = match self.host.get_one(row_key.clone()).await {
                Ok(stored) => stored,
                Err(error) => return Err(unclear.unwrap_or(error)),
            };
            let known = match &stored {
                Some(row) => Some(LeaseRow::decode(row).map_err(|error| error.at_key(&row_key))?),
                None => None,
            };
            if let Some(known) = &known
                && nonces.contains(&known.nonce)
            {
                return Ok(known.clone());
            }
            if nonces.len() >= MOST_UNCLEAR {
                break;
            }
            let mut next = decide(known.as_ref(), self.env.clock.now())?;
            next.nonce = self.nonce();
            let batch = Batch {
                checks: Vec::from([Check { key: row_key.clone(), value: stored }]),
                deletes: Vec::new(),
                puts: Vec::from([Put { key: row_key.clone(), value: next.encode() }]),
                durability,
            };
            self.check_running(tag).map_err(|error| unclear.clone().unwrap_or(error))?;
            match self.host.commit(batch).await {
                Ok(Commit::Applied) => {
                    self.changed_in(&[scope(key)]);
                    self.env.notify.notify();
                    return Ok(next);
                }
                Ok(Commit::Refused { .. }) => {}
                Err(error) if error.may_have_applied() => {
                    nonces.push(next.nonce);
                    unclear = Some(error);
                }
                Err(error) => return Err(unclear.unwrap_or(error)),
            }
            self.pause(attempt).await;
        }
        Err(unclear.unwrap_or_else(|| Error::new(ErrorCode::Conflict, "lease: too many others changed it")))
    }
}
