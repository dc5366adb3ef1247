//! Mistakes that show when a host is opened again.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use streamkit_core::{Batch, Bytes, Commit, Kv, MemoryKv, Result};

use super::{Broken, LARGE, broken, value_of};
use crate::altered::{Minding, committing, getting, minding, same};
use crate::turn::turn;

const ALL_KINDS: &str = "rows of all kinds are there after reopening, however often";

pub(super) const BROKEN: &[Broken] = &[
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
    broken("empty values are gone after reopening", same, &[ALL_KINDS])
        .again(|inner| getting(inner, |kv, keys| Box::pin(kept(kv, keys, |value| !value.is_empty())))),
    broken("large values are gone after reopening", same, &[ALL_KINDS])
        .again(|inner| getting(inner, |kv, keys| Box::pin(kept(kv, keys, |value| value.len() <= LARGE)))),
    broken("values are text after reopening", same, &[ALL_KINDS]).again(|inner| {
        getting(inner, |kv, keys| {
            Box::pin(async move {
                let text = |value: Bytes| String::from_utf8_lossy(&value).into_owned().into_bytes();
                Ok(kv.get(keys).await?.into_iter().map(|value| value.map(text)).collect())
            })
        })
    }),
    broken(
        "a refused commit is applied by reopening",
        |inner| {
            committing(inner, |kv, batch| {
                Box::pin(async move {
                    let answer = kv.commit(batch.clone()).await?;
                    if answer != Commit::Applied
                        && let [put] = batch.puts.as_slice()
                    {
                        kv.overwrite(b"\xff\xff\xffkey", Some(put.key.clone()));
                        kv.overwrite(b"\xff\xff\xffvalue", Some(put.value.clone()));
                    }
                    Ok(answer)
                })
            })
        },
        &[ALL_KINDS],
    )
    .again(|inner| {
        if let Some(key) = value_of(&inner, b"\xff\xff\xffkey") {
            inner.overwrite(&key, value_of(&inner, b"\xff\xff\xffvalue"));
        }
        same(inner)
    }),
    broken(
        "what a commit that was given up has left is undone, by the instance that it was left by",
        |inner| {
            Rc::new(Minding {
                get: |host, keys| {
                    Box::pin(async move {
                        undo(host).await;
                        host.kv.get(keys).await
                    })
                },
                scan: |host, range| {
                    Box::pin(async move {
                        undo(host).await;
                        host.kv.scan(range).await
                    })
                },
                commit: |host, batch| Box::pin(by_halves(host, batch)),
                ..minding(inner, Halves::default())
            })
        },
        &["a commit that is given up with its host is there whole or not at all after reopening"],
    ),
];

async fn kept(kv: &MemoryKv, keys: Vec<Bytes>, keep: fn(&Bytes) -> bool) -> Result<Vec<Option<Bytes>>> {
    Ok(kv.get(keys).await?.into_iter().map(|value| value.filter(keep)).collect())
}

/// A commit that is made in two steps.
#[derive(Default)]
struct Halves {
    going: Cell<bool>,
    /// What the rows of the first step held before.
    before: RefCell<Vec<(Bytes, Option<Bytes>)>>,
}

/// Until it is dropped, by whoever is done or gives up.
struct Going<'a>(&'a Cell<bool>);

impl Drop for Going<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// Waits for the commit that is under way, and undoes one that was given up.
async fn undo(host: &Minding<Halves>) {
    while host.mind.going.get() {
        turn().await;
    }
    for (key, value) in host.mind.before.take() {
        host.kv.overwrite(&key, value);
    }
}

async fn by_halves(host: &Minding<Halves>, batch: Batch) -> Result<Commit> {
    undo(host).await;
    if !batch.checks.is_empty() || batch.deletes.is_empty() || batch.puts.is_empty() {
        return host.kv.commit(batch).await;
    }
    host.kv.limits().check_batch(&batch)?;
    host.mind.going.set(true);
    let _going = Going(&host.mind.going);
    let before = batch.deletes.iter().map(|key| (key.clone(), value_of(&host.kv, key)));
    host.mind.before.replace(before.collect());
    host.kv.commit(Batch { deletes: batch.deletes.clone(), ..Batch::default() }).await?;
    turn().await;
    host.mind.before.take();
    host.kv.commit(Batch { deletes: Vec::new(), ..batch }).await
}
