//! Mistakes in what commits change.

use std::rc::Rc;

use streamkit_core::{Bytes, Commit, Durability, Error, ErrorCode, Kv, Put};

use super::{Broken, broken, value_of};
use crate::altered::{Altered, committing, plain};

/// Where it is kept that a row was deleted, beyond all others.
fn gone(key: &[u8]) -> Bytes {
    [b"GONE", key].concat()
}

const DELETES: &str = "a delete removes, and of nothing is no error";

pub(super) const BROKEN: &[Broken] = &[
    broken(
        "deletes are forgotten when there are puts",
        |inner| {
            committing(inner, |kv, mut batch| {
                if !batch.puts.is_empty() {
                    batch.deletes.clear();
                }
                kv.commit(batch)
            })
        },
        &["a commit applies its deletes and its puts"],
    ),
    broken(
        "strict commits forget deletes when there are puts",
        |inner| {
            committing(inner, |kv, mut batch| {
                if batch.durability == Durability::Strict && !batch.puts.is_empty() {
                    batch.deletes.clear();
                }
                kv.commit(batch)
            })
        },
        &["deletes and puts apply together with either durability"],
    ),
    broken(
        "a delete takes everything that begins with its key",
        |inner| {
            committing(inner, |kv, mut batch| {
                let rows = kv.snapshot();
                let taken = |key: &Bytes| batch.deletes.iter().any(|begin| key.starts_with(begin));
                batch.deletes = rows.into_keys().filter(taken).collect();
                kv.commit(batch)
            })
        },
        &[DELETES],
    ),
    broken(
        "a delete of nothing is an error",
        |inner| {
            committing(inner, |kv, batch| {
                Box::pin(async move {
                    if batch.deletes.iter().any(|key| value_of(kv, key).is_none()) {
                        return Err(Error::new(ErrorCode::NotFound, "no such row"));
                    }
                    kv.commit(batch).await
                })
            })
        },
        &[DELETES],
    ),
    broken(
        "a deleted row stays as an empty one",
        |inner| {
            committing(inner, |kv, mut batch| {
                let empty = batch.deletes.drain(..).map(|key| Put { key, value: Bytes::new() });
                batch.puts.extend(empty);
                kv.commit(batch)
            })
        },
        &[DELETES],
    ),
    broken(
        "a row that was deleted is never seen again",
        |inner| {
            Rc::new(Altered {
                get: |kv, keys| {
                    Box::pin(async move {
                        let mut found = kv.get(keys.clone()).await?;
                        for (value, key) in found.iter_mut().zip(&keys) {
                            value.take_if(|_| value_of(kv, &gone(key)).is_some());
                        }
                        Ok(found)
                    })
                },
                commit: |kv, batch| {
                    batch.deletes.iter().for_each(|key| kv.overwrite(&gone(key), Some(Bytes::new())));
                    kv.commit(batch)
                },
                ..plain(inner)
            })
        },
        &["what was deleted can be written again"],
    ),
    broken(
        "a commit deletes ten rows at most",
        |inner| {
            committing(inner, |kv, mut batch| {
                batch.deletes.truncate(10);
                kv.commit(batch)
            })
        },
        &["a commit may delete many rows"],
    ),
    broken(
        "strict commits are not made",
        |inner| {
            committing(inner, |kv, batch| {
                Box::pin(async move {
                    if batch.durability == Durability::Strict {
                        return Ok(Commit::Applied);
                    }
                    kv.commit(batch).await
                })
            })
        },
        &["either durability is taken"],
    ),
    broken(
        "relaxed commits come after the strict ones that follow them",
        |inner| {
            committing(inner, |kv, mut batch| {
                if batch.durability == Durability::Strict {
                    batch.puts.retain(|put| value_of(kv, &put.key).is_none());
                }
                kv.commit(batch)
            })
        },
        &["commits of either durability follow each other"],
    ),
    broken(
        "an empty commit is an error",
        |inner| {
            committing(inner, |kv, batch| {
                Box::pin(async move {
                    if batch.checks.is_empty() && batch.deletes.is_empty() && batch.puts.is_empty() {
                        return Err(Error::invalid("nothing to do"));
                    }
                    kv.commit(batch).await
                })
            })
        },
        &["an empty commit applies"],
    ),
];
