//! Mistakes in how values are kept.

use streamkit_core::{Kv, ScanRange};

use super::{Broken, LARGE, broken, value_of};
use crate::altered::{committing, scanning};

pub(super) const BROKEN: &[Broken] = &[
    broken(
        "long values are cut",
        |inner| {
            committing(inner, |kv, mut batch| {
                batch.puts.iter_mut().for_each(|put| put.value.truncate(4096));
                kv.commit(batch)
            })
        },
        &["a value of max_value_bytes is kept", "a value of any size may take the place of any other"],
    ),
    broken(
        "a shorter value keeps the end of the one before",
        |inner| {
            committing(inner, |kv, mut batch| {
                for put in &mut batch.puts {
                    let before = value_of(kv, &put.key).unwrap_or_default();
                    put.value.extend_from_slice(before.get(put.value.len()..).unwrap_or_default());
                }
                kv.commit(batch)
            })
        },
        &["a value of any size may take the place of any other", "a put replaces"],
    ),
    broken(
        "large rows are not deleted",
        |inner| {
            committing(inner, |kv, mut batch| {
                batch.deletes.retain(|key| value_of(kv, key).is_none_or(|value| value.len() < 4096));
                kv.commit(batch)
            })
        },
        &["a value of any size can be deleted"],
    ),
    broken(
        "large rows come after small ones",
        |inner| {
            scanning(inner, |kv, range| {
                Box::pin(async move {
                    let mut page = kv.scan(range).await?;
                    page.pairs.sort_by_key(|(_, value)| value.len() > 4096);
                    Ok(page)
                })
            })
        },
        &["rows of all sizes come in the order of their keys"],
    ),
    broken(
        "large rows do not count for max_bytes",
        |inner| {
            scanning(inner, |kv, range| {
                Box::pin(async move {
                    let page = kv.scan(range.clone()).await?;
                    let last = page.pairs.last().is_some_and(|(_, value)| value.len() > LARGE);
                    if !last || !page.more {
                        return Ok(page);
                    }
                    kv.scan(ScanRange { max_bytes: usize::MAX, ..range }).await
                })
            })
        },
        &["rows of all sizes come in the order of their keys"],
    ),
    broken(
        "large rows of later pages have each other's values",
        |inner| {
            scanning(inner, |kv, range| {
                Box::pin(async move {
                    let is_later = range.start.last() == Some(&0);
                    let mut page = kv.scan(range).await?;
                    if is_later && page.pairs.iter().all(|(_, value)| value.len() > 4096) {
                        let values: Vec<_> =
                            page.pairs.iter().rev().map(|(_, value)| value.clone()).collect();
                        for ((_, value), other) in page.pairs.iter_mut().zip(values) {
                            *value = other;
                        }
                    }
                    Ok(page)
                })
            })
        },
        &["pages of large rows join, however often they are read"],
    ),
];
