//! Mistakes in which rows a range has.

use streamkit_core::{Bytes, Error, Kv, MemoryKv, Result, ScanPage, ScanRange};

use super::{Broken, MODEL, broken};
use crate::altered::scanning;

fn after(mut key: Bytes) -> Bytes {
    key.push(0);
    key
}

fn signed(key: &[u8]) -> Bytes {
    key.iter().map(|byte| byte ^ 0x80).collect()
}

/// A key whose digits have their place by how many there are, where it ends in digits and these begin no word.
fn as_number(key: &[u8]) -> Bytes {
    let digits = key.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (word, number) = key.split_at(key.len() - digits);
    let padding = vec![b'0'; 20_usize.saturating_sub(digits)];
    if digits == 0 { key.to_vec() } else { [word, &padding, number].concat() }
}

/// A page of rows in the order of what is made of their keys.
async fn ordered(kv: &MemoryKv, range: ScanRange, order: fn(&[u8]) -> Bytes) -> Result<ScanPage> {
    let page = kv.scan(range.clone()).await?;
    let whole = ScanRange { reverse: false, limit: usize::MAX, max_bytes: usize::MAX, ..range };
    let mut pairs = kv.scan(whole).await?.pairs;
    pairs.sort_by_key(|(key, _)| order(key));
    if range.reverse {
        pairs.reverse();
    }
    pairs.truncate(page.pairs.len());
    Ok(ScanPage { pairs, ..page })
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
        "keys order without their case",
        |inner| scanning(inner, |kv, range| Box::pin(ordered(kv, range, |key| key.to_ascii_lowercase()))),
        &["scan gives unsigned byte order", "scan in reverse gives the same, backwards"],
    ),
    broken(
        "digits in keys order as numbers",
        |inner| scanning(inner, |kv, range| Box::pin(ordered(kv, range, as_number))),
        &["scan gives unsigned byte order", "scan in reverse gives the same, backwards"],
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
