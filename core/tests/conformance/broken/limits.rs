//! Mistakes in limits.

use std::rc::Rc;

use streamkit_core::{Batch, Bytes, Error, ErrorCode, HostLimits, Kv, MemoryKv, Put};

use super::{Broken, broken, checking};
use crate::altered::{Altered, Minding, committing, minding, plain};

/// A host that heeds other limits than it says.
fn heeding(inner: &MemoryKv, change: fn(&mut HostLimits)) -> Rc<dyn Kv> {
    let stated = inner.limits().clone();
    let mut inner = inner.clone();
    let mut heeded = stated.clone();
    change(&mut heeded);
    inner.set_limits(heeded);
    Rc::new(Altered { limits: stated, ..plain(inner) })
}

pub(super) const BROKEN: &[Broken] = &[
    broken(
        "limits are not enforced",
        |inner| heeding(&inner, |limits| *limits = HostLimits::default()),
        &[
            "a key of one byte more is refused",
            "a value of one byte more is refused",
            "a commit of one operation more is refused",
            "a commit of one byte more is refused",
            "a commit whose last operation is beyond a limit leaves nothing",
        ],
    ),
    broken(
        "keys may be one byte longer",
        |inner| heeding(&inner, |limits| limits.max_key_bytes += 1),
        &["a key of one byte more is refused"],
    ),
    broken(
        "keys must be one byte shorter",
        |inner| heeding(&inner, |limits| limits.max_key_bytes -= 1),
        &["a key of max_key_bytes is kept"],
    ),
    broken(
        "values may be one byte longer",
        |inner| heeding(&inner, |limits| limits.max_value_bytes += 1),
        &["a value of one byte more is refused"],
    ),
    broken(
        "values must be one byte shorter",
        |inner| heeding(&inner, |limits| limits.max_value_bytes -= 1),
        &["a value of max_value_bytes is kept"],
    ),
    broken(
        "one operation more is taken",
        |inner| heeding(&inner, |limits| limits.max_batch_ops += 1),
        &["a commit of one operation more is refused"],
    ),
    broken(
        "one operation less is taken",
        |inner| heeding(&inner, |limits| limits.max_batch_ops -= 1),
        &["a commit of max_batch_ops operations is applied"],
    ),
    broken(
        "one byte more is taken",
        |inner| heeding(&inner, |limits| limits.max_batch_bytes += 1),
        &["a commit of one byte more is refused"],
    ),
    broken(
        "one byte less is taken",
        |inner| heeding(&inner, |limits| limits.max_batch_bytes -= 1),
        &["a commit of max_batch_bytes is applied"],
    ),
    broken(
        "what is too large is refused as something else",
        |inner| {
            committing(inner, |kv, batch| {
                Box::pin(async move {
                    kv.commit(batch).await.map_err(|error| match error.code() {
                        ErrorCode::LimitExceeded => Error::unavailable("too large"),
                        _ => error,
                    })
                })
            })
        },
        &["a key of one byte more is refused", "a commit of one byte more is refused"],
    ),
    broken(
        "what comes before something too large is applied",
        |inner| {
            committing(inner, |kv, batch| {
                Box::pin(async move {
                    let answer = kv.commit(batch.clone()).await;
                    if answer.is_err() {
                        let puts = batch.puts.into_iter().take(1).collect();
                        kv.commit(Batch { checks: Vec::new(), puts, ..batch }).await?;
                    }
                    answer
                })
            })
        },
        &["a commit whose last operation is beyond a limit leaves nothing"],
    ),
    broken(
        "checks do not count",
        |inner| {
            let mut free = inner.clone();
            free.set_limits(HostLimits::default());
            Rc::new(Minding {
                commit: |host: &Minding<MemoryKv>, batch| {
                    Box::pin(async move {
                        host.kv.limits().check_batch(&checking(batch.clone(), |_| false))?;
                        host.mind.commit(batch).await
                    })
                },
                ..minding(inner, free)
            })
        },
        &[
            "a check of a longer key is refused",
            "a check of a longer value is refused",
            "checks count as operations of a commit",
            "checks count as bytes of a commit",
        ],
    ),
    broken(
        "bytes of keys are counted as those of their text",
        |inner| {
            committing(inner, |kv, batch| {
                Box::pin(async move {
                    let most = kv.limits().max_key_bytes;
                    let is_long = |key: &Bytes| {
                        let text: String = key.iter().copied().map(char::from).collect();
                        key.len() <= most && text.len() > most
                    };
                    if batch.puts.iter().any(|put| is_long(&put.key)) {
                        return Err(Error::unavailable("the index takes no such key"));
                    }
                    kv.commit(batch).await
                })
            })
        },
        &["a key of max_key_bytes is kept"],
    ),
    broken(
        "values are compressed, and must be smaller then",
        |inner| {
            committing(inner, |kv, batch| {
                Box::pin(async move {
                    for put in &batch.puts {
                        let stored = zstd::encode_all(&*put.value, 1).expect("memory takes what there is");
                        if put.value.len() == kv.limits().max_value_bytes && stored.len() >= put.value.len() {
                            return Err(Error::unavailable("the column is full"));
                        }
                    }
                    kv.commit(batch).await
                })
            })
        },
        &["a value of max_value_bytes is kept"],
    ),
    broken(
        "values are looked at when their turn comes",
        |inner| {
            committing(inner, |kv, batch| {
                Box::pin(async move {
                    let most = kv.limits().max_value_bytes;
                    let before = batch.puts.iter().take_while(|put| put.value.len() <= most);
                    let before: Vec<Put> = before.cloned().collect();
                    if !before.is_empty() && before.len() < batch.puts.len() {
                        kv.commit(Batch { puts: before, ..batch.clone() }).await?;
                    }
                    kv.commit(batch).await
                })
            })
        },
        &["a commit whose last value is beyond a limit leaves nothing"],
    ),
    broken(
        "keys of deletes are looked at when their turn comes",
        |inner| {
            committing(inner, |kv, batch| {
                Box::pin(async move {
                    let most = kv.limits().max_key_bytes;
                    let before = batch.deletes.iter().take_while(|key| key.len() <= most);
                    let before: Vec<Bytes> = before.cloned().collect();
                    if !before.is_empty() && before.len() < batch.deletes.len() {
                        kv.commit(Batch { deletes: before, ..Batch::default() }).await?;
                    }
                    kv.commit(batch).await
                })
            })
        },
        &["a commit whose last operation is beyond a limit leaves nothing"],
    ),
    broken(
        "limits are nonsense",
        |inner| {
            let mut host = plain(inner);
            host.limits.block_bytes = host.limits.max_value_bytes + 1;
            Rc::new(host)
        },
        &["limits are sane, and stay as they are"],
    ),
];
