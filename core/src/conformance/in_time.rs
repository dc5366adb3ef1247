//! Calls that must end.

use alloc::boxed::Box;
use alloc::format;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::task::Poll;

use async_trait::async_trait;
use futures_util::future::{Either, LocalBoxFuture, select};
use futures_util::poll;

use crate::env::Timer;
use crate::error::{Error, Result};
use crate::kv::{Batch, Bytes, Commit, HostLimits, Kv, ScanPage, ScanRange};

/// How long a call of a host, or of a factory, may take: as long as stores give it, unless they are told otherwise.
const ANSWER_MS: u64 = 30_000;

/// What a call gives, if that comes in time; without a timer, whenever it comes.
pub(super) async fn in_time<T>(
    timer: Option<&dyn Timer>,
    what: &str,
    mut call: LocalBoxFuture<'_, Result<T>>,
) -> Result<T> {
    let Some(timer) = timer else { return call.await };
    // An answer in hand costs no timer.
    if let Poll::Ready(answer) = poll!(&mut call) {
        return answer;
    }
    match select(call, timer.sleep(ANSWER_MS)).await {
        Either::Left((answer, _)) => answer,
        Either::Right(_) => {
            Err(Error::unavailable(format!("{what} is not answered within {} s", ANSWER_MS / 1000)))
        }
    }
}

/// A host all of whose calls end: one that never answers fails the case that asked, and not the whole run.
struct Ending {
    host: Rc<dyn Kv>,
    timer: Rc<dyn Timer>,
}

/// The host, its calls ending where there is a timer.
pub(super) fn ending(host: Rc<dyn Kv>, timer: Option<&Rc<dyn Timer>>) -> Rc<dyn Kv> {
    match timer {
        Some(timer) => Rc::new(Ending { host, timer: Rc::clone(timer) }),
        None => host,
    }
}

#[async_trait(?Send)]
impl Kv for Ending {
    fn name(&self) -> &str {
        self.host.name()
    }

    fn limits(&self) -> &HostLimits {
        self.host.limits()
    }

    async fn get(&self, keys: Vec<Bytes>) -> Result<Vec<Option<Bytes>>> {
        in_time(Some(&*self.timer), "get", self.host.get(keys)).await
    }

    async fn scan(&self, range: ScanRange) -> Result<ScanPage> {
        in_time(Some(&*self.timer), "scan", self.host.scan(range)).await
    }

    async fn commit(&self, batch: Batch) -> Result<Commit> {
        in_time(Some(&*self.timer), "commit", self.host.commit(batch)).await
    }
}
