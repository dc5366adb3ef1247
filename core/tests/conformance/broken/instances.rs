//! Mistakes of several instances on the same data.

use streamkit_core::{Kv, MemoryKv};

use super::{Broken, broken, checking};
use crate::altered::{committing, same};

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
