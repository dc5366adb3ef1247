//! Mistakes in how much of a range a page has.

use streamkit_core::{Bytes, Kv, ScanPage, ScanRange};

use super::{Broken, broken};
use crate::altered::scanning;

const LIMIT: &str = "scan stops at the limit, and `more` is exact";
const MAX_BYTES: &str = "scan stops at max_bytes of values, after at least one pair";

pub(super) const BROKEN: &[Broken] = &[
    broken(
        "reverse turns the first page round",
        |inner| {
            scanning(inner, |kv, range| {
                Box::pin(async move {
                    let reverse = range.reverse;
                    let mut page = kv.scan(ScanRange { reverse: false, ..range }).await?;
                    if reverse {
                        page.pairs.reverse();
                    }
                    Ok(page)
                })
            })
        },
        &[LIMIT, "pages join without a gap or a double, in both directions"],
    ),
    broken(
        "there is never more",
        |inner| {
            scanning(inner, |kv, range| {
                Box::pin(async move { Ok(ScanPage { more: false, ..kv.scan(range).await? }) })
            })
        },
        &[LIMIT, "pages join without a gap or a double, in both directions"],
    ),
    broken(
        "there is more whenever the page is full",
        |inner| {
            scanning(inner, |kv, range| {
                Box::pin(async move {
                    let limit = range.limit;
                    let page = kv.scan(range).await?;
                    Ok(ScanPage { more: page.more || page.pairs.len() == limit, ..page })
                })
            })
        },
        &[LIMIT, "rows beyond the range are not more"],
    ),
    broken(
        "rows beyond the range are more",
        |inner| {
            scanning(inner, |kv, range| {
                Box::pin(async move {
                    let page = kv.scan(range).await?;
                    Ok(ScanPage { more: page.more || kv.len() > page.pairs.len(), ..page })
                })
            })
        },
        &["rows beyond the range are not more"],
    ),
    broken(
        "one pair too many",
        |inner| {
            scanning(inner, |kv, range| kv.scan(ScanRange { limit: range.limit.saturating_add(1), ..range }))
        },
        &[LIMIT],
    ),
    broken(
        "max_bytes is not known",
        |inner| scanning(inner, |kv, range| kv.scan(ScanRange { max_bytes: usize::MAX, ..range })),
        &[MAX_BYTES, "max_bytes counts values only"],
    ),
    broken(
        "a page goes on for one pair after max_bytes",
        |inner| {
            scanning(inner, |kv, range| {
                Box::pin(async move {
                    let page = kv.scan(range.clone()).await?;
                    let limit = range.limit.min(page.pairs.len() + 1);
                    kv.scan(ScanRange { limit, max_bytes: usize::MAX, ..range }).await
                })
            })
        },
        &[MAX_BYTES],
    ),
    broken(
        "a pair that is larger than max_bytes is never given",
        |inner| {
            scanning(inner, |kv, range| {
                Box::pin(async move {
                    let max_bytes = range.max_bytes;
                    let page = kv.scan(range).await?;
                    let first = page.pairs.first().map_or(0, |(_, value)| value.len());
                    Ok(if first > max_bytes { ScanPage { pairs: Vec::new(), more: true } } else { page })
                })
            })
        },
        &[MAX_BYTES],
    ),
    broken(
        "max_bytes counts keys as well",
        |inner| {
            scanning(inner, |kv, range| {
                let max_bytes = if range.max_bytes < 10 { 0 } else { range.max_bytes };
                kv.scan(ScanRange { max_bytes, ..range })
            })
        },
        &["max_bytes counts values only"],
    ),
    broken(
        "keys only come with values",
        |inner| scanning(inner, |kv, range| kv.scan(ScanRange { keys_only: false, ..range })),
        &["scan of keys only gives no values", "max_bytes means nothing to a scan of keys only"],
    ),
    broken(
        "keys only are bounded by max_bytes of values",
        |inner| {
            scanning(inner, |kv, range| {
                Box::pin(async move {
                    let keys_only = range.keys_only;
                    let mut page = kv.scan(ScanRange { keys_only: false, ..range }).await?;
                    if keys_only {
                        page.pairs.iter_mut().for_each(|(_, value)| *value = Bytes::new().into());
                    }
                    Ok(page)
                })
            })
        },
        &["max_bytes means nothing to a scan of keys only"],
    ),
    broken(
        "a page ends after a thousand rows",
        |inner| {
            scanning(inner, |kv, range| {
                Box::pin(async move {
                    let page = kv.scan(ScanRange { limit: range.limit.min(1000), ..range }).await?;
                    Ok(ScanPage { more: page.more && range.limit <= 1000, ..page })
                })
            })
        },
        &["a page may hold many rows"],
    ),
    broken(
        "the edges of a range are cut to the longest key",
        |inner| {
            scanning(inner, |kv, mut range| {
                range.start.truncate(kv.limits().max_key_bytes);
                range.end.truncate(kv.limits().max_key_bytes);
                kv.scan(range)
            })
        },
        &["the edges of a range may be longer than any key"],
    ),
    broken(
        "the largest limit wraps round",
        |inner| {
            scanning(inner, |kv, range| {
                Box::pin(async move {
                    let mut page =
                        kv.scan(ScanRange { limit: range.limit.wrapping_add(1).max(1), ..range }).await?;
                    page.more |= page.pairs.len() > range.limit;
                    page.pairs.truncate(range.limit);
                    Ok(page)
                })
            })
        },
        &["the largest limit is no more than a limit"],
    ),
];
