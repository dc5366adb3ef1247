//! Mistakes that a host can make, and the cases that tell.

use streamkit_core::{
    Batch, Bytes, Check, Commit, Durability, Error, ErrorCode, HostLimits, Kv, MemoryKv, Put, Result,
    ScanPage, ScanRange,
};

use crate::altered::{Altered, Make, committing, getting, same, scanning, turn};

/// A host that breaks a rule.
pub(crate) struct Broken {
    pub(crate) what: &'static str,
    pub(crate) first: Make,
    /// A second instance that is not made like the first.
    pub(crate) second: Option<Make>,
    /// A host on the same data again that is not made like the first.
    pub(crate) again: Option<Make>,
    /// Cases that must fail.
    pub(crate) fails: &'static [&'static str],
}

const fn broken(what: &'static str, first: Make, fails: &'static [&'static str]) -> Broken {
    Broken { what, first, second: None, again: None, fails }
}

fn value_of(kv: &MemoryKv, key: &[u8]) -> Option<Bytes> {
    kv.snapshot().remove(key)
}

fn after(mut key: Bytes) -> Bytes {
    key.push(0);
    key
}

/// The batch with only those checks that are not left out.
fn checking(mut batch: Batch, made: impl Fn(&Check) -> bool) -> Batch {
    batch.checks.retain(made);
    batch
}

/// The batch, its checks holding for whatever is taken for the same value.
fn comparing(kv: &MemoryKv, mut batch: Batch, alike: fn(&[u8], &[u8]) -> bool) -> Batch {
    for Check { key, value } in &mut batch.checks {
        let current = value_of(kv, key);
        if let (Some(expected), Some(current)) = (value, current)
            && alike(&current, expected)
        {
            *expected = current;
        }
    }
    batch
}

/// A host that heeds other limits than it says.
fn heeding(inner: &MemoryKv, change: fn(&mut HostLimits)) -> Altered {
    let stated = inner.limits().clone();
    let mut inner = inner.clone();
    let mut heeded = stated.clone();
    change(&mut heeded);
    inner.set_limits(heeded);
    Altered { limits: stated, ..same(inner) }
}

/// Where it is kept that a row was deleted, beyond all others.
fn gone(key: &[u8]) -> Bytes {
    [b"GONE", key].concat()
}

fn signed(key: &[u8]) -> Bytes {
    key.iter().map(|byte| byte ^ 0x80).collect()
}

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
const OTHER_VALUE: &str = "a check fails for another value, and says which is there";
const NOTHING_APPLIED: &str = "a failed check refuses everything and says which it was";
const LIMIT: &str = "scan stops at the limit, and `more` is exact";
const MAX_BYTES: &str = "scan stops at max_bytes of values, after at least one pair";
const DELETES: &str = "a delete removes, and of nothing is no error";
const MODEL: &str = "commits, scans and gets of all kinds agree with a map";
const SNAPSHOT: &str = "one get is one snapshot";

pub(crate) const BROKEN: &[Broken] = &[
    // Reading.
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
        "get takes each key at another moment",
        |inner| getting(inner, |kv, keys| Box::pin(one_by_one(kv, keys))),
        &[SNAPSHOT],
    ),
    broken(
        "keys are kept without their case",
        |inner| Altered {
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
            ..same(inner)
        },
        &["keys that are alike but for their bytes are different rows"],
    ),
    // Values.
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
    // Ranges.
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
    // Pages.
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
    // Commits.
    broken(
        "deletes are forgotten when there are puts",
        |inner| {
            committing(inner, |kv, mut batch| {
                if !batch.puts.is_empty() {
                    batch.deletes.clear();
                }
                kv.commit(batch)
            })
        },
        &["a commit applies its deletes and its puts"],
    ),
    broken(
        "strict commits forget deletes when there are puts",
        |inner| {
            committing(inner, |kv, mut batch| {
                if batch.durability == Durability::Strict && !batch.puts.is_empty() {
                    batch.deletes.clear();
                }
                kv.commit(batch)
            })
        },
        &["deletes and puts apply together with either durability"],
    ),
    broken(
        "a delete takes everything that begins with its key",
        |inner| {
            committing(inner, |kv, mut batch| {
                let rows = kv.snapshot();
                let taken = |key: &Bytes| batch.deletes.iter().any(|begin| key.starts_with(begin));
                batch.deletes = rows.into_keys().filter(taken).collect();
                kv.commit(batch)
            })
        },
        &[DELETES],
    ),
    broken(
        "a delete of nothing is an error",
        |inner| {
            committing(inner, |kv, batch| {
                Box::pin(async move {
                    if batch.deletes.iter().any(|key| value_of(kv, key).is_none()) {
                        return Err(Error::new(ErrorCode::NotFound, "no such row"));
                    }
                    kv.commit(batch).await
                })
            })
        },
        &[DELETES],
    ),
    broken(
        "a deleted row stays as an empty one",
        |inner| {
            committing(inner, |kv, mut batch| {
                let empty = batch.deletes.drain(..).map(|key| Put { key, value: Bytes::new() });
                batch.puts.extend(empty);
                kv.commit(batch)
            })
        },
        &[DELETES],
    ),
    broken(
        "a row that was deleted is never seen again",
        |inner| Altered {
            get: |kv, keys| {
                Box::pin(async move {
                    let mut found = kv.get(keys.clone()).await?;
                    for (value, key) in found.iter_mut().zip(&keys) {
                        value.take_if(|_| value_of(kv, &gone(key)).is_some());
                    }
                    Ok(found)
                })
            },
            commit: |kv, batch| {
                batch.deletes.iter().for_each(|key| kv.overwrite(&gone(key), Some(Bytes::new())));
                kv.commit(batch)
            },
            ..same(inner)
        },
        &["what was deleted can be written again"],
    ),
    broken(
        "a commit deletes ten rows at most",
        |inner| {
            committing(inner, |kv, mut batch| {
                batch.deletes.truncate(10);
                kv.commit(batch)
            })
        },
        &["a commit may delete many rows"],
    ),
    broken(
        "strict commits are not made",
        |inner| {
            committing(inner, |kv, batch| {
                Box::pin(async move {
                    if batch.durability == Durability::Strict {
                        return Ok(Commit::Applied);
                    }
                    kv.commit(batch).await
                })
            })
        },
        &["either durability is taken"],
    ),
    broken(
        "relaxed commits come after the strict ones that follow them",
        |inner| {
            committing(inner, |kv, mut batch| {
                if batch.durability == Durability::Strict {
                    batch.puts.retain(|put| value_of(kv, &put.key).is_none());
                }
                kv.commit(batch)
            })
        },
        &["commits of either durability follow each other"],
    ),
    broken(
        "an empty commit is an error",
        |inner| {
            committing(inner, |kv, batch| {
                Box::pin(async move {
                    if batch.checks.is_empty() && batch.deletes.is_empty() && batch.puts.is_empty() {
                        return Err(Error::invalid("nothing to do"));
                    }
                    kv.commit(batch).await
                })
            })
        },
        &["an empty commit applies"],
    ),
    // Checks.
    broken(
        "checks are ignored",
        |inner| committing(inner, |kv, batch| kv.commit(checking(batch, |_| false))),
        &[
            OTHER_VALUE,
            "of commits at once with the same check one wins",
            "counting by checks loses nothing",
            "two instances check against each other",
            "a host that was reopened makes checks against what is there",
        ],
    ),
    broken(
        "checks for absence are ignored",
        |inner| committing(inner, |kv, batch| kv.commit(checking(batch, |check| check.value.is_some()))),
        &["a check for absence fails for what is there, be it empty"],
    ),
    broken(
        "an empty value passes a check for absence",
        |inner| {
            committing(inner, |kv, batch| {
                let is_empty = |key: &[u8]| value_of(kv, key).is_some_and(|value| value.is_empty());
                kv.commit(checking(batch, |check| check.value.is_some() || !is_empty(&check.key)))
            })
        },
        &["a check for absence fails for what is there, be it empty"],
    ),
    broken(
        "only the first check is made",
        |inner| {
            committing(inner, |kv, mut batch| {
                batch.checks.truncate(1);
                kv.commit(batch)
            })
        },
        &[NOTHING_APPLIED],
    ),
    broken(
        "only four checks are made",
        |inner| {
            committing(inner, |kv, mut batch| {
                batch.checks.truncate(4);
                kv.commit(batch)
            })
        },
        &["of many checks all are made"],
    ),
    broken(
        "checks of long keys are not made",
        |inner| committing(inner, |kv, batch| kv.commit(checking(batch, |check| check.key.len() <= 255))),
        &["a check may be of the longest keys"],
    ),
    broken(
        "strict commits make no checks",
        |inner| {
            committing(inner, |kv, batch| {
                let relaxed = batch.durability == Durability::Relaxed;
                kv.commit(checking(batch, |_| relaxed))
            })
        },
        &["checks are made alike whatever the durability, and of deletes alone"],
    ),
    broken(
        "commits of deletes alone make no checks",
        |inner| {
            committing(inner, |kv, batch| {
                let other = !batch.puts.is_empty() || batch.deletes.is_empty();
                kv.commit(checking(batch, |_| other))
            })
        },
        &["checks are made alike whatever the durability, and of deletes alone"],
    ),
    broken(
        "a check compares the beginning",
        |inner| committing(inner, |kv, batch| kv.commit(comparing(kv, batch, |a, b| a.starts_with(b)))),
        &[OTHER_VALUE],
    ),
    broken(
        "a check compares lengths",
        |inner| committing(inner, |kv, batch| kv.commit(comparing(kv, batch, |a, b| a.len() == b.len()))),
        &[OTHER_VALUE, "a check compares all of a large value"],
    ),
    broken(
        "a check compares the first four thousand bytes",
        |inner| {
            committing(inner, |kv, batch| {
                kv.commit(comparing(kv, batch, |a, b| {
                    a.len() == b.len() && a.iter().zip(b).take(4000).all(|(a, b)| a == b)
                }))
            })
        },
        &["a check compares all of a large value"],
    ),
    broken(
        "a check compares text",
        |inner| {
            committing(inner, |kv, batch| {
                kv.commit(comparing(kv, batch, |a, b| {
                    String::from_utf8_lossy(a) == String::from_utf8_lossy(b)
                }))
            })
        },
        &["a check compares bytes, and not what they may mean"],
    ),
    broken(
        "checks are made after the writes",
        |inner| {
            committing(inner, |kv, batch| {
                Box::pin(async move {
                    for (check, Check { key, value }) in batch.checks.iter().enumerate() {
                        let put = batch.puts.iter().find(|put| put.key == *key);
                        let current = match put {
                            Some(put) => Some(put.value.clone()),
                            None if batch.deletes.contains(key) => None,
                            None => value_of(kv, key),
                        };
                        if current != *value {
                            return Ok(Commit::Refused { check, current });
                        }
                    }
                    kv.commit(Batch { checks: Vec::new(), ..batch }).await
                })
            })
        },
        &["checks see the state before the commit's own writes"],
    ),
    broken(
        "checks and writes are two steps",
        |inner| {
            committing(inner, |kv, batch| {
                Box::pin(async move {
                    let checks = Batch { deletes: Vec::new(), puts: Vec::new(), ..batch.clone() };
                    let answer = kv.commit(checks).await?;
                    if answer != Commit::Applied {
                        return Ok(answer);
                    }
                    turn().await;
                    kv.commit(Batch { checks: Vec::new(), ..batch }).await
                })
            })
        },
        &[
            "of commits at once with the same check one wins",
            "counting by checks loses nothing",
            "two instances check against each other",
            "two instances that count by checks lose nothing",
        ],
    ),
    broken(
        "a failed check gives no current value",
        |inner| {
            committing(inner, |kv, batch| {
                Box::pin(async move {
                    Ok(match kv.commit(batch).await? {
                        Commit::Refused { check, .. } => Commit::Refused { check, current: None },
                        Commit::Applied => Commit::Applied,
                    })
                })
            })
        },
        &[OTHER_VALUE],
    ),
    broken(
        "a failed check is always the first",
        |inner| {
            committing(inner, |kv, batch| {
                Box::pin(async move {
                    Ok(match kv.commit(batch).await? {
                        Commit::Refused { current, .. } => Commit::Refused { check: 0, current },
                        Commit::Applied => Commit::Applied,
                    })
                })
            })
        },
        &[NOTHING_APPLIED],
    ),
    broken(
        "the last failed check is named",
        |inner| {
            committing(inner, |kv, mut batch| {
                Box::pin(async move {
                    let count = batch.checks.len();
                    batch.checks.reverse();
                    Ok(match kv.commit(batch).await? {
                        Commit::Refused { check, current } => {
                            Commit::Refused { check: count - 1 - check, current }
                        }
                        Commit::Applied => Commit::Applied,
                    })
                })
            })
        },
        &["of several failed checks the first is named"],
    ),
    broken(
        "a failed check is an error",
        |inner| {
            committing(inner, |kv, batch| {
                Box::pin(async move {
                    match kv.commit(batch).await? {
                        Commit::Refused { .. } => Err(Error::new(ErrorCode::Conflict, "lost")),
                        Commit::Applied => Ok(Commit::Applied),
                    }
                })
            })
        },
        &[OTHER_VALUE],
    ),
    broken(
        "a refused batch applies its deletes",
        |inner| {
            committing(inner, |kv, batch| {
                Box::pin(async move {
                    let answer = kv.commit(batch.clone()).await?;
                    if answer != Commit::Applied {
                        kv.commit(Batch { checks: Vec::new(), puts: Vec::new(), ..batch }).await?;
                    }
                    Ok(answer)
                })
            })
        },
        &[NOTHING_APPLIED, MODEL],
    ),
    // Limits.
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
            let mut host = same(inner);
            host.limits.block_bytes = host.limits.max_value_bytes + 1;
            host
        },
        &["limits are sane, and stay as they are"],
    ),
    // Calls at once.
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
        "a scan reads keys, then values",
        |inner| {
            scanning(inner, |kv, range| {
                Box::pin(async move {
                    let mut page = kv.scan(range.clone()).await?;
                    if range.keys_only {
                        return Ok(page);
                    }
                    turn().await;
                    let keys = page.pairs.iter().map(|(key, _)| key.clone()).collect();
                    let values: Vec<Bytes> = kv.get(keys).await?.into_iter().flatten().collect();
                    page.pairs.truncate(values.len());
                    for ((_, value), found) in page.pairs.iter_mut().zip(values) {
                        *value = found.into();
                    }
                    Ok(page)
                })
            })
        },
        &["keys and values of a scan belong together, whatever is written meanwhile"],
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
    // Instances.
    Broken {
        second: Some(|inner| same(MemoryKv::with_limits(inner.limits().clone()))),
        ..broken(
            "a second instance has data of its own",
            same,
            &[
                "a second instance sees what the first wrote",
                "two instances check against each other",
                "two instances that count by checks lose nothing",
                "dropping one instance leaves the other as it is",
            ],
        )
    },
    Broken {
        second: Some(|inner| {
            let opened = MemoryKv::with_limits(inner.limits().clone());
            opened.restore(inner.snapshot());
            same(opened)
        }),
        ..broken(
            "a second instance reads what was there when it was opened",
            same,
            &["a second instance sees what the first wrote"],
        )
    },
    Broken {
        second: Some(|inner| committing(inner, |kv, batch| kv.commit(checking(batch, |_| false)))),
        ..broken("a second instance makes no checks", same, &["two instances check against each other"])
    },
    Broken {
        again: Some(|inner| same(MemoryKv::with_limits(inner.limits().clone()))),
        ..broken(
            "nothing is there after reopening",
            same,
            &[
                "what was written is there after reopening",
                "a host that was reopened makes checks against what is there",
            ],
        )
    },
    Broken {
        again: Some(|inner| {
            let rows = inner.snapshot().into_iter().filter(|(key, _)| !key.ends_with(b"\0x")).collect();
            inner.restore(rows);
            same(inner)
        }),
        ..broken(
            "relaxed commits that no strict one follows are gone after reopening",
            same,
            &["what was written is there after reopening"],
        )
    },
];

async fn one_by_one(kv: &MemoryKv, keys: Vec<Bytes>) -> Result<Vec<Option<Bytes>>> {
    let mut values = Vec::new();
    for key in keys {
        values.push(value_of(kv, &key));
        turn().await;
    }
    Ok(values)
}
