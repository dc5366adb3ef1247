//! Mistakes in which rows a range has.

use streamkit_core::{Bytes, Error, Kv, ScanRange};

use super::{Broken, MODEL, broken};
use crate::altered::scanning;

fn after(mut key: Bytes) -> Bytes {
    key.push(0);
    key
}

fn signed(key: &[u8]) -> Bytes {
    key.iter().map(|byte| byte ^ 0x80).collect()
}

pub(super) const BROKEN: &[Broken] = &[
    broken(
        "keys order as signed bytes",
        |inner| {
            scanning(inner, |kv, range| {
                Box::pin(async move {
                    let mut page = kv.scan(range).await?;
                    page.pairs.sort_by_key(|(key, _)| signed(key));
                    Ok(page)
                })
            })
        },
        &["scan gives unsigned byte order"],
    ),
    broken(
        "the end of a range is in it",
        |inner| scanning(inner, |kv, range| kv.scan(ScanRange { end: after(range.end), ..range })),
        &["a range is half-open at every edge", "a range in reverse is the same range", MODEL],
    ),
    broken(
        "the start of a range is not in it",
        |inner| scanning(inner, |kv, range| kv.scan(ScanRange { start: after(range.start), ..range })),
        &["a range is half-open at every edge", "a range in reverse is the same range"],
    ),
    broken(
        "in reverse the range is open at its start",
        |inner| {
            scanning(inner, |kv, mut range| {
                if range.reverse {
                    range.start.push(0);
                }
                kv.scan(range)
            })
        },
        &["a range in reverse is the same range"],
    ),
    broken(
        "in reverse a range of keys only includes its end",
        |inner| {
            scanning(inner, |kv, mut range| {
                if range.reverse && range.keys_only {
                    range.end.push(0);
                }
                kv.scan(range)
            })
        },
        &["a range of keys only is the same range"],
    ),
    broken(
        "reverse is not known",
        |inner| scanning(inner, |kv, range| kv.scan(ScanRange { reverse: false, ..range })),
        &["scan in reverse gives the same, backwards"],
    ),
    broken(
        "a range that ends before it begins is an error",
        |inner| {
            scanning(inner, |kv, range| {
                Box::pin(async move {
                    if range.start > range.end {
                        return Err(Error::invalid("bounds"));
                    }
                    kv.scan(range).await
                })
            })
        },
        &["a range that ends before it begins is empty"],
    ),
    broken(
        "a range is a prefix",
        |inner| {
            scanning(inner, |kv, mut range| {
                if !range.reverse {
                    range.start = range.end.clone();
                    range.start.pop();
                }
                kv.scan(range)
            })
        },
        &["a range under a name does not reach its neighbours"],
    ),
];
