//! Mistakes in what get answers.

use std::rc::Rc;

use streamkit_core::{Batch, Check, Kv, Put};

use super::{Broken, MODEL, broken};
use crate::altered::{Altered, getting, plain};

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
];
