//! Mistakes that a host can make, and the cases that tell. The files are named as those of the cases are.

mod beside;
mod checks;
mod commits;
mod covering;
mod instances;
mod limits;
mod overlap;
mod pages;
mod ranges;
mod reading;
mod reopening;
mod values;

use futures::FutureExt;
use streamkit_core::{Batch, Bytes, Check, HostLimits, Kv, MemoryKv};

use crate::altered::Make;

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

/// The same data, with room for values that storages keep in pieces.
fn roomy(inner: &MemoryKv) -> MemoryKv {
    let mut inner = inner.clone();
    let limits = HostLimits { max_value_bytes: 300_000, max_batch_bytes: 1 << 20, ..inner.limits().clone() };
    inner.set_limits(limits);
    inner
}

impl Broken {
    const fn first(mut self, first: Make) -> Self {
        self.first = first;
        self
    }

    const fn beside(mut self, second: Make) -> Self {
        self.second = Some(second);
        self
    }

    const fn again(mut self, again: Make) -> Self {
        self.again = Some(again);
        self
    }
}

fn value_of(kv: &MemoryKv, key: &[u8]) -> Option<Bytes> {
    let found = kv.get(vec![key.to_vec()]).now_or_never().expect("memory answers at once");
    found.expect("memory does not fail").pop().flatten()
}

/// The batch with only those checks that are not left out.
fn checking(mut batch: Batch, made: impl Fn(&Check) -> bool) -> Batch {
    batch.checks.retain(made);
    batch
}

/// From here on a value is large, to hosts that keep such values in another way.
const LARGE: usize = 2000;

const MODEL: &str = "commits, scans and gets of all kinds agree with a map";
const SNAPSHOT: &str = "one get is one snapshot";

/// All of them, by subject.
pub(crate) const BROKEN: &[&[Broken]] = &[
    reading::BROKEN,
    values::BROKEN,
    ranges::BROKEN,
    pages::BROKEN,
    commits::BROKEN,
    covering::BROKEN,
    checks::BROKEN,
    limits::BROKEN,
    overlap::BROKEN,
    beside::BROKEN,
    instances::BROKEN,
    reopening::BROKEN,
];
