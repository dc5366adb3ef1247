//! Mistakes in limits.

use std::rc::Rc;

use streamkit_core::{Batch, Error, ErrorCode, HostLimits, Kv, MemoryKv};

use super::{Broken, broken};
use crate::altered::{Altered, committing, plain};

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
        "limits are nonsense",
        |inner| {
            let mut host = plain(inner);
            host.limits.block_bytes = host.limits.max_value_bytes + 1;
            Rc::new(host)
        },
        &["limits are sane, and stay as they are"],
    ),
];
