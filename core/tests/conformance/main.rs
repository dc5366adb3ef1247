//! What the conformance suite says of hosts that are right, and that it finds every mistake.

mod altered;
mod broken;
#[path = "../common/turn.rs"]
mod turn;

use altered::{Altered, Factory, Make, committing, plain, same, small};
use broken::{BROKEN, Broken};
use futures::executor::block_on;
use std::collections::{BTreeMap, BTreeSet};
use std::future::{pending, ready};
use std::rc::Rc;
use streamkit_core::{
    Atomicity, ConformanceReport, FaultPlan, FaultyKv, HostLimits, Kv, KvFactory, LocalBoxFuture, MemoryKv,
    Result, Timer, async_trait, conformance,
};
use turn::turn;

fn skipped(report: &ConformanceReport) -> Vec<(&str, &str)> {
    report.skipped().collect()
}

#[test]
fn a_host_in_memory_passes_every_case() {
    for limits in [HostLimits::default(), small()] {
        let report = block_on(conformance(&mut Factory::new(limits, same)));
        assert!(report.passed(), "{report}");
        assert_eq!(skipped(&report), []);
        assert_eq!(report.host, "altered");
        let names: BTreeSet<&str> = report.cases.iter().map(|case| case.name).collect();
        assert_eq!(names.len(), report.cases.len(), "no two cases have one name");
    }
}

#[test]
fn a_case_that_a_capability_rules_out_is_skipped_with_the_reason() {
    let reasons = |limits: HostLimits| {
        let report = block_on(conformance(&mut Factory::new(limits, same)));
        assert!(report.passed(), "{report}");
        report.skipped().map(|(_, reason)| reason.to_string()).collect::<BTreeSet<_>>()
    };
    let space = HostLimits { atomic: Atomicity::Space, ..small() };
    assert_eq!(reasons(space), BTreeSet::from(["one commit does not cover the whole store".into()]));

    let blind = reasons(HostLimits { checks: false, consistent: false, ..small() });
    assert_eq!(blind, BTreeSet::from(["reads may be stale".into(), "the host makes no checks".into()]));

    let single = HostLimits { atomic: Atomicity::None, max_batch_ops: 2, ..small() };
    let expected = [
        "one commit does not cover the whole store",
        "the case makes too many commits for a host that commits single rows",
        "the host commits single rows",
    ];
    assert_eq!(reasons(single), expected.map(String::from).into());

    let endless = HostLimits {
        max_key_bytes: usize::MAX,
        max_value_bytes: usize::MAX,
        max_batch_ops: usize::MAX,
        max_batch_bytes: usize::MAX,
        ..small()
    };
    let found = reasons(endless);
    for what in ["max_key_bytes", "max_value_bytes", "max_batch_ops", "max_batch_bytes"] {
        let reason = format!("{what} is {}: more than this suite tries", usize::MAX);
        assert!(found.contains(&reason), "{what}: {found:?}");
    }
}

/// A host that takes its time.
fn slow(inner: MemoryKv) -> Rc<dyn Kv> {
    Rc::new(Altered {
        get: |kv, keys| Box::pin(async move { between_turns(kv.get(keys)).await }),
        scan: |kv, range| Box::pin(async move { between_turns(kv.scan(range)).await }),
        commit: |kv, batch| Box::pin(async move { between_turns(kv.commit(batch)).await }),
        ..plain(inner)
    })
}

#[test]
fn a_host_that_takes_its_time_passes() {
    let report = block_on(conformance(&mut Factory::new(small(), slow)));
    assert!(report.passed(), "{report}");
    assert_eq!(skipped(&report), []);
}

#[test]
fn a_host_that_fails_by_plan_passes_while_nothing_is_planned() {
    let calm: Make = |inner| Rc::new(FaultyKv::new(Rc::new(inner), FaultPlan::default()));
    let classes = [
        small(),
        HostLimits { atomic: Atomicity::Space, ..small() },
        HostLimits { atomic: Atomicity::Space, checks: false, consistent: false, shared: false, ..small() },
        HostLimits { atomic: Atomicity::None, ..small() },
        HostLimits { atomic: Atomicity::None, checks: false, consistent: false, shared: false, ..small() },
    ];
    for limits in classes {
        let report = block_on(conformance(&mut Factory::new(limits, calm)));
        assert!(report.passed(), "{report}");
    }
}

/// Makes hosts that may have to be waited for.
struct Waiting(Factory, Rc<dyn Timer>);

#[async_trait(?Send)]
impl KvFactory for Waiting {
    async fn open(&mut self) -> Result<Rc<dyn Kv>> {
        self.0.open().await
    }

    async fn second(&mut self) -> Result<Option<Rc<dyn Kv>>> {
        self.0.second().await
    }

    async fn reopen(&mut self) -> Result<Option<Rc<dyn Kv>>> {
        if self.0.limits.checks { self.0.reopen().await } else { pending().await }
    }

    fn timer(&mut self) -> Option<Rc<dyn Timer>> {
        Some(Rc::clone(&self.1))
    }
}

/// Time that has passed before anybody looks.
struct Over;

impl Timer for Over {
    fn sleep(&self, ms: u64) -> LocalBoxFuture<'static, ()> {
        assert_eq!(ms, 30_000);
        Box::pin(ready(()))
    }
}

/// Time that does not pass.
struct Still;

impl Timer for Still {
    fn sleep(&self, _: u64) -> LocalBoxFuture<'static, ()> {
        Box::pin(pending())
    }
}

#[test]
fn a_call_that_is_never_answered_fails_the_case_that_made_it() {
    let mute: Make = |inner| {
        committing(
            inner,
            |kv, batch| {
                if batch.deletes.is_empty() { kv.commit(batch) } else { Box::pin(pending()) }
            },
        )
    };
    let report = block_on(conformance(&mut Waiting(Factory::new(small(), mute), Rc::new(Over))));
    let failed: BTreeMap<_, _> = report.failed().collect();
    let late = "commit: UNAVAILABLE: commit is not answered within 30 s";
    assert_eq!(failed.get("a delete removes, and of nothing is no error"), Some(&late), "{report}");
    assert!(!failed.contains_key("a put replaces"), "{report}");

    let blind = HostLimits { checks: false, ..small() };
    let report = block_on(conformance(&mut Waiting(Factory::new(blind, same), Rc::new(Over))));
    let failed: Vec<_> = report.failed().collect();
    let late = "reopen: UNAVAILABLE: factory.reopen is not answered within 30 s";
    assert_eq!(failed.first(), Some(&("what was written is there after reopening", late)));
    assert!(failed.iter().all(|(_, message)| *message == late), "{report}");
}

#[test]
fn what_is_waited_for_in_time_passes() {
    let report = block_on(conformance(&mut Waiting(Factory::new(small(), slow), Rc::new(Still))));
    assert!(report.passed(), "{report}");
    assert_eq!(skipped(&report), []);
}

/// The call, some time after it was made, and its answer some time later.
async fn between_turns<T>(call: impl Future<Output = T>) -> T {
    turn().await;
    let answer = call.await;
    turn().await;
    turn().await;
    answer
}

/// Gives fresh hosts and nothing else.
struct Fresh(usize);

#[async_trait(?Send)]
impl KvFactory for Fresh {
    async fn open(&mut self) -> Result<Rc<dyn Kv>> {
        self.0 -= 1;
        if self.0 == 0 {
            return Err(streamkit_core::Error::unavailable("out of hosts"));
        }
        Ok(Rc::new(MemoryKv::with_limits(small())))
    }
}

#[test]
fn what_the_factory_does_not_supply_is_skipped_and_an_error_of_it_fails_the_case() {
    let report = block_on(conformance(&mut Fresh(usize::MAX)));
    assert!(report.passed(), "{report}");
    let (second, again) = ("there is no second instance", "the host cannot be reopened");
    assert_eq!(
        skipped(&report),
        [
            ("one get is one snapshot, whichever instance writes", second),
            ("a second instance sees what the first wrote", second),
            ("two instances check against each other", second),
            ("two instances that count by checks lose nothing", second),
            ("dropping one instance leaves the other as it is", second),
            ("a check goes by what is there, and not by who wrote it or how often", second),
            ("a host that can be open twice says that it is shared", second),
            ("what was written is there after reopening", again),
            ("rows of all kinds are there after reopening, however often", again),
            ("a host that was reopened makes checks against what is there", again),
            ("a commit that is given up with its host is there whole or not at all after reopening", again),
        ]
    );
    let last = report.cases.len();
    let report = block_on(conformance(&mut Fresh(last)));
    let failed: Vec<_> = report.failed().collect();
    assert_eq!(failed, [(report.cases[last - 1].name, "open: UNAVAILABLE: out of hosts")]);
    assert!(!report.passed());
    let text = report.to_string();
    assert!(text.starts_with("passed   an empty host holds nothing\n"), "{text}");
    assert!(
        text.contains("\nskipped  two instances check against each other: there is no second instance\n")
    );
    assert!(text.ends_with(&format!("\nmemory: {} passed, 1 failed, 11 skipped", last - 12)), "{text}");
}

#[test]
fn every_mistake_is_caught_by_a_case_of_that_name() {
    let mut missed = Vec::new();
    let mut telling = BTreeSet::new();
    let mut cases = BTreeSet::new();
    for Broken { what, first, second, again, fails } in BROKEN.iter().copied().flatten() {
        let mut factory = Factory::new(small(), *first);
        factory.second = second.unwrap_or(*first);
        factory.again = again.unwrap_or(*first);
        let report = block_on(conformance(&mut factory));
        let failed: BTreeSet<&str> = report.failed().map(|(name, _)| name).collect();
        assert!(!fails.is_empty(), "{what}");
        telling.extend(failed.iter().copied());
        cases.extend(report.cases.iter().map(|case| case.name));
        missed.extend(fails.iter().filter(|name| !failed.contains(*name)).map(|name| (*what, *name)));
    }
    assert!(missed.is_empty(), "mistakes, and cases that pass all the same: {missed:#?}");
    let idle: Vec<_> = cases.difference(&telling).collect();
    assert!(idle.is_empty(), "cases that no mistake fails: {idle:#?}");
}

#[test]
fn the_suite_does_the_same_each_time() {
    let run = || block_on(conformance(&mut Factory::new(small(), BROKEN[0][0].first)));
    assert_eq!(run(), run());
}
