//! Mistakes that calls at once bring out.

use streamkit_core::{Batch, Commit, Kv};

use super::{Broken, SNAPSHOT, broken};
use crate::altered::{committing, scanning};
use crate::turn::turn;

pub(super) const BROKEN: &[Broken] = &[
    broken(
        "a batch is applied row by row",
        |inner| {
            committing(inner, |kv, batch| {
                Box::pin(async move {
                    let answer = kv.commit(Batch { puts: Vec::new(), ..batch.clone() }).await?;
                    if answer != Commit::Applied {
                        return Ok(answer);
                    }
                    for put in batch.puts {
                        turn().await;
                        kv.commit(Batch { puts: vec![put], ..Batch::default() }).await?;
                    }
                    Ok(answer)
                })
            })
        },
        &[SNAPSHOT, "a commit that is dropped applies whole or not at all"],
    ),
    broken(
        "a scan goes on in the direction of another one",
        |inner| {
            scanning(inner, |kv, mut range| {
                Box::pin(async move {
                    kv.overwrite(b"~", Some(vec![u8::from(range.reverse)]));
                    turn().await;
                    range.reverse = kv.snapshot().get(&b"~"[..]) == Some(&vec![1]);
                    kv.scan(range).await
                })
            })
        },
        &["reads at once are answered as each would be alone"],
    ),
    broken(
        "of commits at once only the last is applied",
        |inner| {
            committing(inner, |kv, batch| {
                Box::pin(async move {
                    let before = kv.snapshot();
                    turn().await;
                    kv.restore(before);
                    kv.commit(batch).await
                })
            })
        },
        &["commits at once are all applied"],
    ),
];
