//! Mistakes in what reads show of what is written beside them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use futures::lock::Mutex;
use streamkit_core::{Bytes, Kv, MemoryKv, Result, ScanPage, ScanRange};

use super::{Broken, LARGE, SNAPSHOT, broken, value_of};
use crate::altered::{Minding, getting, minding, scanning};
use crate::turn::turn;

const LATEST: &str = "a read that begins after a commit sees it, whatever is still under way";

/// What a get of these keys found.
type Found = RefCell<BTreeMap<Vec<Bytes>, Vec<Option<Bytes>>>>;

pub(super) const BROKEN: &[Broken] = &[
    broken(
        "get takes each key at another moment",
        |inner| getting(inner, |kv, keys| Box::pin(one_by_one(kv, keys))),
        &[SNAPSHOT],
    ),
    broken(
        "get takes a hundred keys at a time",
        |inner| {
            getting(inner, |kv, keys| {
                Box::pin(async move {
                    let mut found = Vec::new();
                    for some in keys.chunks(100) {
                        found.extend(kv.get(some.to_vec()).await?);
                        turn().await;
                    }
                    Ok(found)
                })
            })
        },
        &[SNAPSHOT],
    ),
    broken(
        "get looks once more for what was not there",
        |inner| {
            getting(inner, |kv, keys| {
                Box::pin(async move {
                    let mut found = kv.get(keys.clone()).await?;
                    turn().await;
                    for (value, key) in found.iter_mut().zip(&keys) {
                        *value = value.take().or_else(|| value_of(kv, key));
                    }
                    Ok(found)
                })
            })
        },
        &[SNAPSHOT],
    ),
    broken(
        "an instance keeps its own commits out of a get, and no others",
        |inner| {
            Rc::new(Minding {
                get: |host: &Minding<Mutex<()>>, keys| {
                    Box::pin(async move {
                        let _alone = host.mind.lock().await;
                        one_by_one(&host.kv, keys).await
                    })
                },
                commit: |host, batch| {
                    Box::pin(async move {
                        let _alone = host.mind.lock().await;
                        host.kv.commit(batch).await
                    })
                },
                ..minding(inner, Mutex::new(()))
            })
        },
        &["one get is one snapshot, whichever instance writes"],
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
        "get reads large values in two pieces",
        |inner| {
            getting(inner, |kv, keys| {
                Box::pin(async move {
                    let found = kv.get(keys.clone()).await?;
                    turn().await;
                    let later = kv.get(keys).await?;
                    let pieces = found.into_iter().zip(later);
                    Ok(pieces.map(|(value, later)| Some(two_pieces(value?, later))).collect())
                })
            })
        },
        &["a large value is read whole, whatever is written meanwhile"],
    ),
    broken(
        "scan reads large values in two pieces",
        |inner| {
            scanning(inner, |kv, range| {
                Box::pin(async move {
                    let mut page = kv.scan(range).await?;
                    turn().await;
                    for (key, value) in &mut page.pairs {
                        let whole = std::mem::take(value).into_bytes();
                        *value = two_pieces(whole, value_of(kv, key)).into();
                    }
                    Ok(page)
                })
            })
        },
        &["a large value is read whole, whatever is written meanwhile"],
    ),
    broken(
        "a page is read by counting rows",
        |inner| scanning(inner, |kv, range| Box::pin(counted(kv, range))),
        &["rows that nobody writes are in every page, whatever is written beside them"],
    ),
    broken(
        "a get joins one of the same keys that is under way",
        |inner| {
            Rc::new(Minding {
                get: |host: &Minding<Found>, keys| {
                    Box::pin(async move {
                        let going = host.mind.borrow().get(&keys).cloned();
                        if let Some(found) = going {
                            return Ok(found);
                        }
                        let found = host.kv.get(keys.clone()).await?;
                        host.mind.borrow_mut().insert(keys.clone(), found.clone());
                        turn().await;
                        host.mind.borrow_mut().remove(&keys);
                        Ok(found)
                    })
                },
                ..minding(inner, Found::default())
            })
        },
        &[LATEST],
    ),
    broken(
        "a get remembers what it found, though a commit came between",
        |inner| {
            Rc::new(Minding {
                get: |host: &Minding<Found>, keys| {
                    Box::pin(async move {
                        let known = host.mind.borrow().get(&keys).cloned();
                        if let Some(found) = known {
                            return Ok(found);
                        }
                        let found = host.kv.get(keys.clone()).await?;
                        turn().await;
                        host.mind.borrow_mut().insert(keys, found.clone());
                        Ok(found)
                    })
                },
                commit: |host, batch| {
                    Box::pin(async move {
                        host.mind.borrow_mut().clear();
                        host.kv.commit(batch).await
                    })
                },
                ..minding(inner, Found::default())
            })
        },
        &[LATEST],
    ),
];

async fn one_by_one(kv: &MemoryKv, keys: Vec<Bytes>) -> Result<Vec<Option<Bytes>>> {
    let mut values = Vec::new();
    for key in keys {
        values.push(value_of(kv, &key));
        turn().await;
    }
    Ok(values)
}

/// The beginning of a value, and what is found later as the rest of it.
fn two_pieces(value: Bytes, later: Option<Bytes>) -> Bytes {
    match later {
        Some(later) if value.len().min(later.len()) > LARGE => [&value[..LARGE], &later[LARGE..]].concat(),
        _ => value,
    }
}

/// A page in steps of fifty rows, each from the place that the number of those before has.
async fn counted(kv: &MemoryKv, range: ScanRange) -> Result<ScanPage> {
    let mut found = ScanPage::default();
    loop {
        let limit = range.limit.min(found.pairs.len() + 50);
        let page = kv.scan(ScanRange { limit, ..range.clone() }).await?;
        found.pairs.extend(page.pairs.into_iter().skip(found.pairs.len()));
        found.more = page.more;
        if !page.more || limit == range.limit || found.pairs.len() < limit {
            return Ok(found);
        }
        turn().await;
    }
}
