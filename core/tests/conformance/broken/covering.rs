//! Mistakes in what one commit covers.

use std::collections::BTreeSet;

use streamkit_core::{Batch, Bytes, Commit, Kv, MemoryKv, Result};

use super::{Broken, broken};
use crate::altered::committing;

pub(super) const BROKEN: &[Broken] =
    &[
        broken(
            "rows of a space are committed kind by kind",
            |inner| committing(inner, |kv, batch| Box::pin(in_parts(kv, batch, |words| words[0].to_vec()))),
            &["a commit covers the rows of a space, of whatever kind"],
        ),
        broken(
            "rows of a redo record are committed one by one",
            |inner| {
                committing(inner, |kv, batch| {
                    Box::pin(in_parts(kv, batch, |words| {
                        if words[0] == b"TXN" { words.concat() } else { Bytes::new() }
                    }))
                })
            },
            &["a commit covers the rows of a redo record"],
        ),
        broken(
            "spaces are committed one after the other, and all of the store is promised",
            |inner| {
                committing(inner, |kv, batch| {
                    Box::pin(in_parts(kv, batch, |words| words.get(2).copied().unwrap_or_default().to_vec()))
                })
            },
            &["a commit covers the rows of several spaces"],
        ),
    ];

/// What the words of a key have in common with those of others that are committed together.
type Part = fn(&[&[u8]]) -> Bytes;

/// Makes a commit in parts, one after the other.
async fn in_parts(kv: &MemoryKv, batch: Batch, part: Part) -> Result<Commit> {
    let part_of = |key: &Bytes| part(&key.split(|byte| *byte == 0).collect::<Vec<_>>());
    let keys = batch.checks.iter().map(|check| &check.key).chain(&batch.deletes);
    let parts: BTreeSet<Bytes> = keys.chain(batch.puts.iter().map(|put| &put.key)).map(part_of).collect();
    for part in parts {
        let mut some = batch.clone();
        some.checks.retain(|check| part_of(&check.key) == part);
        some.deletes.retain(|key| part_of(key) == part);
        some.puts.retain(|put| part_of(&put.key) == part);
        let failing = some.checks.clone();
        if let Commit::Refused { check, current } = kv.commit(some).await? {
            let check =
                batch.checks.iter().position(|one| *one == failing[check]).expect("it is one of them");
            return Ok(Commit::Refused { check, current });
        }
    }
    Ok(Commit::Applied)
}
