//! The store's identity, which is settled when the store is opened, and never changes.

use alloc::format;
use alloc::vec::Vec;

use uuid::Uuid;

use super::Inner;
use super::host::Host;
use crate::error::{Error, ErrorCode, Result};
use crate::kv::{Batch, Check, Commit, Durability, Put};
use crate::layout::identity::{decode, encode, key};

/// Tries at writing the identity against others that open the same storage for the first time.
const TRIES: u32 = 8;

/// The id of the store that is there; writes `fresh`, or the one wanted, where there is none.
pub(super) async fn identify(host: &Host, wanted: Option<Uuid>, fresh: Uuid) -> Result<Uuid> {
    let mut last_error = None;
    for _ in 0..TRIES {
        if let Some(row) = host.get_one(key()).await? {
            let id = decode(&row).map_err(|error| error.at_key(&key()))?;
            return match wanted {
                Some(wanted) if wanted != id => {
                    Err(Error::occupied(format!("storeId: the host holds the store {id}, not {wanted}")))
                }
                _ => Ok(id),
            };
        }
        let id = wanted.unwrap_or(fresh);
        match host.commit(writing(host, None, id)).await {
            Ok(Commit::Applied) => return Ok(id),
            Ok(Commit::Refused { .. }) => {}
            Err(error) if error.may_have_applied() => last_error = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(last_error
        .unwrap_or_else(|| Error::new(ErrorCode::Conflict, "the store's identity could not be settled")))
}

/// The commit that writes an identity over the one that is there.
fn writing(host: &Host, over: Option<Vec<u8>>, id: Uuid) -> Batch {
    let mut batch = Batch { durability: Durability::Strict, ..Batch::default() };
    if host.has_checks() {
        batch.checks.push(Check { key: key(), value: over });
    }
    batch.puts.push(Put { key: key(), value: encode(id) });
    batch
}

impl Inner {
    /// Makes everything that is stored survive power loss: the identity is written once more, strictly, and what came
    /// before a commit is only lost together with it.
    pub(super) async fn flush(&self) -> Result {
        match self.host.commit(writing(&self.host, Some(encode(self.id)), self.id)).await? {
            Commit::Applied => Ok(()),
            Commit::Refused { .. } => Err(Error::unavailable("the host no longer holds this store")),
        }
    }
}
