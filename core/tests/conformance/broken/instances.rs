//! Mistakes of several instances on the same data.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use streamkit_core::{Bytes, Check, Commit, Error, ErrorCode, Kv, MemoryKv, Result};

use super::{Broken, broken, checking, value_of};
use crate::altered::{Minding, committing, getting, minding, plain, same};

pub(super) const BROKEN: &[Broken] = &[
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
    broken(
        "all instances end with the first",
        |inner| {
            let ends = minding(inner.clone(), EndsAll(inner));
            Rc::new(Minding { get: |host, keys| Box::pin(until_ended(&host.kv, keys)), ..ends })
        },
        &["dropping one instance leaves the other as it is"],
    )
    .beside(|inner| getting(inner, |kv, keys| Box::pin(until_ended(kv, keys))))
    .again(|inner| {
        inner.overwrite(b"\xff\xff\xff", None);
        same(inner)
    }),
    broken("a second instance takes a row for there that another deleted", same, &[WHOEVER_WROTE]).beside(
        |inner| {
            Rc::new(Minding {
                commit: |host: &Minding<RefCell<BTreeMap<Bytes, Bytes>>>, batch| {
                    Box::pin(async move {
                        for (check, Check { key, value }) in batch.checks.iter().enumerate() {
                            let known = host.mind.borrow().get(key).cloned();
                            if value.is_none() && known.is_some() {
                                return Ok(Commit::Refused { check, current: known });
                            }
                        }
                        let answer = host.kv.commit(batch.clone()).await?;
                        if answer == Commit::Applied {
                            let puts = batch.puts.into_iter().map(|put| (put.key, put.value));
                            host.mind.borrow_mut().extend(puts);
                        }
                        Ok(answer)
                    })
                },
                ..minding(inner, RefCell::default())
            })
        },
    ),
    broken("a check goes by how often a row was written since it was seen", same, &[WHOEVER_WROTE])
        .beside(|inner| {
            Rc::new(Minding {
                get: |host: &Minding<RefCell<BTreeMap<Bytes, Bytes>>>, keys| {
                    Box::pin(async move {
                        for key in &keys {
                            host.mind.borrow_mut().insert(key.clone(), writes_of(&host.kv, key));
                        }
                        host.kv.get(keys).await
                    })
                },
                commit: |host, batch| {
                    Box::pin(async move {
                        for (check, Check { key, .. }) in batch.checks.iter().enumerate() {
                            let seen = host.mind.borrow().get(key).cloned();
                            if seen.is_some_and(|seen| seen != writes_of(&host.kv, key)) {
                                return Ok(Commit::Refused { check, current: value_of(&host.kv, key) });
                            }
                        }
                        host.kv.commit(batch).await
                    })
                },
                ..minding(inner, RefCell::default())
            })
        })
        .first(|inner| {
            committing(inner, |kv, batch| {
                for put in &batch.puts {
                    let writes = [writes_of(kv, &put.key).as_slice(), b"w"].concat();
                    kv.overwrite(&[b"\xff\xff\xff", put.key.as_slice()].concat(), Some(writes));
                }
                kv.commit(batch)
            })
        }),
    broken(
        "a host that can be open twice says that it is not shared",
        |inner| {
            let mut host = plain(inner);
            host.limits.shared = false;
            Rc::new(host)
        },
        &["a host that can be open twice says that it is shared"],
    ),
];

const WHOEVER_WROTE: &str = "a check goes by what is there, and not by who wrote it or how often";

/// Says in the data, where it is beyond all rows, that this instance has ended.
struct EndsAll(MemoryKv);

impl Drop for EndsAll {
    fn drop(&mut self) {
        self.0.overwrite(b"\xff\xff\xff", Some(Bytes::new()));
    }
}

async fn until_ended(kv: &MemoryKv, keys: Vec<Bytes>) -> Result<Vec<Option<Bytes>>> {
    if value_of(kv, b"\xff\xff\xff").is_some() {
        return Err(Error::new(ErrorCode::Closed, "closed"));
    }
    kv.get(keys).await
}

/// As many bytes as the row was written times by the first instance.
fn writes_of(kv: &MemoryKv, key: &[u8]) -> Bytes {
    value_of(kv, &[b"\xff\xff\xff", key].concat()).unwrap_or_default()
}
