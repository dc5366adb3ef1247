//! What a case is given, and how it ends.

use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use core::future::poll_fn;
use core::task::Poll;

use futures_util::future::LocalBoxFuture;

use super::KvFactory;
use super::in_time::{ending, in_time};
use crate::env::Timer;
use crate::kv::{Atomicity, HostLimits, Kv};

/// Why a case ended early.
#[derive(Debug)]
pub(super) enum Stop {
    Skipped(String),
    Failed(String),
}

pub(super) type Outcome<T = ()> = Result<T, Stop>;

/// One rule of the contract, tried on a host of its own.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) run: for<'a> fn(Setting<'a>) -> LocalBoxFuture<'a, Outcome>,
}

/// The cases of these functions by name.
macro_rules! cases {
    ($($name:literal => $run:ident,)*) => {
        &[$($crate::conformance::setting::Case {
            name: $name,
            run: |setting| alloc::boxed::Box::pin($run(setting)),
        }),*]
    };
}

/// Ends the case as failed, with this message, unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err($crate::conformance::setting::Stop::Failed(alloc::format!($($message)+)));
        }
    };
}

pub(super) use {cases, ensure};

/// The host under test, and whoever made it.
pub(super) struct Setting<'a> {
    pub(super) host: Rc<dyn Kv>,
    pub(super) factory: &'a mut dyn KvFactory,
    pub(super) timer: Option<Rc<dyn Timer>>,
}

impl<'a> Setting<'a> {
    /// Another instance on the same data; skips the case where there is none.
    pub(super) async fn second(&mut self) -> Outcome<Rc<dyn Kv>> {
        let opened = in_time(self.timer.as_deref(), "factory.second", self.factory.second()).await;
        let opened = opened.map_err(|error| Stop::Failed(format!("second: {error}")))?;
        let host = opened.ok_or_else(|| Stop::Skipped("there is no second instance".to_string()))?;
        Ok(ending(host, self.timer.as_ref()))
    }

    /// The data again, after this host was dropped; skips the case where that cannot be had.
    pub(super) async fn reopen(self) -> Outcome<Setting<'a>> {
        let Self { host, factory, timer } = self;
        drop(host);
        let opened = in_time(timer.as_deref(), "factory.reopen", factory.reopen()).await;
        let opened = opened.map_err(|error| Stop::Failed(format!("reopen: {error}")))?;
        let host = opened.ok_or_else(|| Stop::Skipped("the host cannot be reopened".to_string()))?;
        Ok(Setting { host: ending(host, timer.as_ref()), factory, timer })
    }
}

/// Skips the case unless the condition holds.
pub(super) fn needs(condition: bool, otherwise: &str) -> Outcome {
    if condition { Ok(()) } else { Err(Stop::Skipped(otherwise.to_string())) }
}

pub(super) fn needs_checks(limits: &HostLimits) -> Outcome {
    needs(limits.checks, "the host makes no checks")
}

pub(super) fn needs_batches(limits: &HostLimits) -> Outcome {
    needs(limits.atomic != Atomicity::None, "the host commits single rows")
}

pub(super) fn needs_whole_store(limits: &HostLimits) -> Outcome {
    needs(limits.atomic == Atomicity::Store, "one commit does not cover the whole store")
}

pub(super) fn needs_consistency(limits: &HostLimits) -> Outcome {
    needs(limits.consistent, "reads may be stale")
}

/// Hosts that commit single rows are slow at it.
pub(super) fn needs_quick_commits(limits: &HostLimits) -> Outcome {
    needs(
        limits.atomic != Atomicity::None,
        "the case makes too many commits for a host that commits single rows",
    )
}

/// Lets what is under way beside this go on.
pub(super) async fn turn() {
    let mut waited = false;
    poll_fn(|context| {
        if waited {
            return Poll::Ready(());
        }
        waited = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
