//! Mistakes in how much of a range a page has.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use streamkit_core::{Bytes, Kv, MemoryKv, ScanPage, ScanRange};

use super::{Broken, broken, value_of};
use crate::altered::{Minding, minding, scanning};

const LIMIT: &str = "scan stops at the limit, and `more` is exact";
const ROWS_BEFORE: &str = "rows that were deleted or replaced count for nothing";
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
    broken(
        "max_bytes counts what a row held first, if that was large",
        |inner| {
            Rc::new(Minding {
                scan: |host: &Minding<Sizes>, range| {
                    Box::pin(async move {
                        let page = host.kv.scan(ScanRange { max_bytes: usize::MAX, ..range.clone() }).await?;
                        let sizes = host.mind.borrow();
                        let values: BTreeMap<_, _> = page.pairs.iter().cloned().collect();
                        let size_of =
                            |key: &Bytes| values[key].len().max(sizes.get(key).copied().unwrap_or(0));
                        let room = if range.keys_only { usize::MAX } else { range.max_bytes };
                        Ok(cut(page, room, size_of))
                    })
                },
                commit: |host, batch| {
                    Box::pin(async move {
                        for put in &batch.puts {
                            let size = put.value.len();
                            let counted = if size > LARGE_TO_PAGES { size } else { 0 };
                            host.mind.borrow_mut().entry(put.key.clone()).or_insert(counted);
                        }
                        host.kv.commit(batch).await
                    })
                },
                ..minding(inner, Sizes::default())
            })
        },
        &[MAX_BYTES],
    ),
    broken(
        "a large row that was deleted beyond the page is more",
        |inner| {
            Rc::new(Minding {
                scan: |host: &Minding<RefCell<BTreeSet<Bytes>>>, range| {
                    Box::pin(async move {
                        let page = host.kv.scan(range.clone()).await?;
                        let Some((last, _)) = page.pairs.last() else { return Ok(page) };
                        let is_beyond = |key: &Bytes| if range.reverse { key < last } else { key > last };
                        let more = page.more || host.mind.borrow().iter().any(is_beyond);
                        Ok(ScanPage { more, ..page })
                    })
                },
                commit: |host, batch| {
                    Box::pin(async move {
                        let was_large = |key: &&Bytes| is_large(&host.kv, key);
                        host.mind.borrow_mut().extend(batch.deletes.iter().filter(was_large).cloned());
                        for put in &batch.puts {
                            host.mind.borrow_mut().remove(&put.key);
                        }
                        host.kv.commit(batch).await
                    })
                },
                ..minding(inner, RefCell::default())
            })
        },
        &[ROWS_BEFORE],
    ),
    broken(
        "a row in the place of a large one counts twice",
        |inner| {
            Rc::new(Minding {
                scan: |host: &Minding<Sizes>, range| {
                    Box::pin(async move {
                        let limit = range.limit;
                        let sizes = host.mind.borrow().clone();
                        let page = host.kv.scan(range).await?;
                        Ok(cut(page, limit, |key| sizes.get(key).copied().unwrap_or(1)))
                    })
                },
                commit: |host, batch| {
                    Box::pin(async move {
                        for put in &batch.puts {
                            if is_large(&host.kv, &put.key) {
                                host.mind.borrow_mut().insert(put.key.clone(), 2);
                            }
                        }
                        host.kv.commit(batch).await
                    })
                },
                ..minding(inner, Sizes::default())
            })
        },
        &[ROWS_BEFORE],
    ),
];

/// Rows of more bytes than that are large, to hosts that forget their size late.
const LARGE_TO_PAGES: usize = 64;

fn is_large(kv: &MemoryKv, key: &[u8]) -> bool {
    value_of(kv, key).is_some_and(|value| value.len() > LARGE_TO_PAGES)
}

/// How much each row counts.
type Sizes = RefCell<BTreeMap<Bytes, usize>>;

/// The beginning of a page that has room for so much, at least one row.
fn cut(mut page: ScanPage, room: usize, size_of: impl Fn(&Bytes) -> usize) -> ScanPage {
    let mut sum = 0_usize;
    let sums = page.pairs.iter().map(|(key, _)| {
        sum = sum.saturating_add(size_of(key));
        sum
    });
    let kept = sums.take_while(|sum| *sum <= room).count().max(1);
    page.more |= kept < page.pairs.len();
    page.pairs.truncate(kept);
    page
}
