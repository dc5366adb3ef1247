//! Mistakes in what get answers.

use std::rc::Rc;

use streamkit_core::{Batch, Bytes, Check, Kv, Put, ScanPage, Value};

use super::{Broken, MODEL, broken};
use crate::altered::{Altered, committing, getting, plain, scanning};

fn lower(mut batch: Batch) -> Batch {
    for Check { key, .. } in &mut batch.checks {
        key.make_ascii_lowercase();
    }
    for key in &mut batch.deletes {
        key.make_ascii_lowercase();
    }
    for Put { key, .. } in &mut batch.puts {
        key.make_ascii_lowercase();
    }
    batch
}

const LONG_KEYS: &str = "long keys that differ at their end are different rows, in order";
const GET_ORDER: &str = "get answers in the order asked, and nothing for what is not there";

pub(super) const BROKEN: &[Broken] = &[
    broken(
        "get answers in key order",
        |inner| {
            getting(inner, |kv, mut keys| {
                keys.sort();
                kv.get(keys)
            })
        },
        &[GET_ORDER, MODEL],
    ),
    broken(
        "get leaves out what is not there",
        |inner| {
            getting(inner, |kv, keys| {
                Box::pin(async move {
                    let mut found = kv.get(keys).await?;
                    found.retain(Option::is_some);
                    Ok(found)
                })
            })
        },
        &[GET_ORDER, "an empty host holds nothing"],
    ),
    broken(
        "an empty value is taken for none",
        |inner| {
            getting(inner, |kv, keys| {
                Box::pin(async move {
                    let found = kv.get(keys).await?;
                    Ok(found.into_iter().map(|value| value.filter(|bytes| !bytes.is_empty())).collect())
                })
            })
        },
        &[GET_ORDER],
    ),
    broken(
        "get answers the first hundred keys",
        |inner| {
            getting(inner, |kv, keys| {
                Box::pin(async move {
                    let count = keys.len();
                    let mut found = kv.get(keys.into_iter().take(100).collect()).await?;
                    found.resize(count, None);
                    Ok(found)
                })
            })
        },
        &["get of many keys answers all of them"],
    ),
    broken(
        "keys are kept without their case",
        |inner| {
            Rc::new(Altered {
                get: |kv, mut keys| {
                    keys.iter_mut().for_each(|key| key.make_ascii_lowercase());
                    kv.get(keys)
                },
                scan: |kv, mut range| {
                    range.start.make_ascii_lowercase();
                    range.end.make_ascii_lowercase();
                    kv.scan(range)
                },
                commit: |kv, batch| kv.commit(lower(batch)),
                ..plain(inner)
            })
        },
        &["keys that are alike but for their bytes are different rows"],
    ),
    broken(
        "keys are told apart by their first 255 bytes",
        |inner| {
            committing(inner, |kv, mut batch| {
                let alike = |one: &Bytes, other: &Bytes| {
                    one != other && one.len() > 255 && one.get(..255) == other.get(..255)
                };
                let taken = |key: &Bytes| batch.puts.iter().any(|put| alike(&put.key, key));
                batch.deletes.extend(kv.snapshot().into_keys().filter(taken).collect::<Vec<_>>());
                kv.commit(batch)
            })
        },
        &[LONG_KEYS],
    ),
    broken(
        "keys order by their first 255 bytes",
        |inner| {
            scanning(inner, |kv, range| {
                Box::pin(async move {
                    let mut page = kv.scan(range).await?;
                    let is_long = |pair: &(Bytes, Value)| pair.0.len() > 255;
                    if page.pairs.iter().all(is_long) {
                        page.pairs.reverse();
                    }
                    Ok(page)
                })
            })
        },
        &[LONG_KEYS],
    ),
    broken(
        "a range without a start is empty",
        |inner| {
            scanning(inner, |kv, range| {
                Box::pin(async move {
                    if range.start.is_empty() { Ok(ScanPage::default()) } else { kv.scan(range).await }
                })
            })
        },
        &["a key may begin with any byte"],
    ),
];
