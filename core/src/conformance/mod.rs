//! The contract of [`Kv`] as cases, each on a fresh host.

mod beside;
mod checks;
mod commits;
mod covering;
mod in_time;
mod instances;
mod limits;
mod model;
mod overlap;
mod pages;
mod ranges;
mod reading;
mod reopening;
mod report;
mod rows;
mod setting;
mod values;

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use async_trait::async_trait;

use in_time::{ending, in_time};
pub use report::{ConformanceCase, ConformanceOutcome, ConformanceReport};
use setting::{Case, Setting, Stop};

use crate::env::Timer;
use crate::error::Result;
use crate::kv::Kv;

/// Makes the hosts that [`conformance`] tries. Implemented under
/// [`#[async_trait(?Send)]`](macro@crate::async_trait), as [`Kv`] is.
#[async_trait(?Send)]
pub trait KvFactory {
    /// A fresh, empty host, one for each case; the hosts of the case before were dropped. An error fails the case.
    async fn open(&mut self) -> Result<Rc<dyn Kv>>;

    /// Another instance on the data of the last [`open`](Self::open), which goes on. `None`, unless implemented: the
    /// cases of several instances are skipped.
    async fn second(&mut self) -> Result<Option<Rc<dyn Kv>>> {
        Ok(None)
    }

    /// The data of the last [`open`](Self::open) again, after its host was dropped, and the one of the last `reopen`.
    /// `None`, unless implemented: the cases that reopen are skipped.
    async fn reopen(&mut self) -> Result<Option<Rc<dyn Kv>>> {
        Ok(None)
    }

    /// What tells that a call is not answered in time: within 30 seconds, for each call of a host and of this factory.
    /// `None`, unless implemented: a call that is never answered then keeps the suite waiting for ever.
    fn timer(&mut self) -> Option<Rc<dyn Timer>> {
        None
    }
}

/// Tries the rules of [`Kv`] on hosts of this factory, each a case of its own by name. It cuts no power and makes
/// nothing fail: what a commit survives, and what errors say of it, is left for tests of the host's own.
///
/// A case that a capability of the host rules out ([`HostLimits`](crate::HostLimits)) is skipped, with the reason, and
/// so is one that needs what the factory does not supply. Values and commits are tried up to the limits of the host
/// where these are at most 64 MiB, keys up to 1 MiB, operations up to 100,000 a commit.
///
/// Where reads may be stale, an instance must still see its own commits, as a store would otherwise not get far.
///
/// It runs under any executor, needs no clock and does the same each time. A call that is never answered is found out
/// where the factory supplies a [timer](KvFactory::timer), and fails the case that made it.
pub async fn conformance(factory: &mut dyn KvFactory) -> ConformanceReport {
    let mut report = ConformanceReport { host: String::new(), cases: Vec::new() };
    let groups = [
        reading::CASES,
        values::CASES,
        ranges::CASES,
        pages::CASES,
        commits::CASES,
        covering::CASES,
        checks::CASES,
        limits::CASES,
        overlap::CASES,
        beside::CASES,
        instances::CASES,
        reopening::CASES,
        model::CASES,
    ];
    for Case { name, run } in groups.into_iter().flatten() {
        let timer = factory.timer();
        let outcome = match in_time(timer.as_deref(), "factory.open", factory.open()).await {
            Ok(host) => {
                report.host = host.name().to_string();
                let host = ending(host, timer.as_ref());
                run(Setting { host, factory: &mut *factory, timer }).await
            }
            Err(error) => Err(Stop::Failed(alloc::format!("open: {error}"))),
        };
        let outcome = match outcome {
            Ok(()) => ConformanceOutcome::Passed,
            Err(Stop::Skipped(reason)) => ConformanceOutcome::Skipped(reason),
            Err(Stop::Failed(message)) => ConformanceOutcome::Failed(message),
        };
        report.cases.push(ConformanceCase { name, outcome });
    }
    report
}
