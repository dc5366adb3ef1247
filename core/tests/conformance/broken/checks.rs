//! Mistakes in checks, and in what is said of them.

use streamkit_core::{Batch, Check, Commit, Durability, Error, ErrorCode, Kv, MemoryKv};

use super::{Broken, MODEL, broken, checking, roomy, value_of};
use crate::altered::committing;
use crate::turn::turn;

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

const OTHER_VALUE: &str = "a check fails for another value, and says which is there";
const NOTHING_APPLIED: &str = "a failed check refuses everything and says which it was";

pub(super) const BROKEN: &[Broken] = &[
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
        "a check for an empty value never holds",
        |inner| {
            committing(inner, |kv, batch| {
                Box::pin(async move {
                    for (check, Check { key, value }) in batch.checks.iter().enumerate() {
                        if value.as_ref().is_some_and(|value| value.is_empty()) {
                            return Ok(Commit::Refused { check, current: value_of(kv, key) });
                        }
                    }
                    kv.commit(batch).await
                })
            })
        },
        &["a check holds for the value that is there"],
    ),
    broken(
        "a check compares the first piece of a large value",
        |inner| {
            committing(roomy(&inner), |kv, batch| {
                kv.commit(comparing(kv, batch, |a, b| {
                    a.len() == b.len() && a.len() > 65_536 && a[..65_536] == b[..65_536]
                }))
            })
        },
        &["a check compares all of a large value"],
    ),
    broken(
        "a failed check gives the first piece of a large value",
        |inner| {
            committing(roomy(&inner), |kv, batch| {
                Box::pin(async move {
                    let mut answer = kv.commit(batch).await?;
                    if let Commit::Refused { current: Some(current), .. } = &mut answer {
                        current.truncate(65_536);
                    }
                    Ok(answer)
                })
            })
        },
        &["a check compares all of a large value"],
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
];
