//! Waiting for something to change: take the epoch, read, and wait only while it is unchanged.

use alloc::vec::Vec;

use futures_channel::oneshot;
use futures_util::future::{Either, select};

use super::{Inner, Store};
use crate::error::{Error, ErrorCode, Result};

/// Who waits, and how often something has happened.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    /// Goes up whenever something may have changed.
    epoch: u64,
    /// By the tags that `Store::cancel` knows the waits by.
    waiting: Vec<(u64, oneshot::Sender<Result>)>,
}

impl Inner {
    /// Something may have changed: wakes everybody that waits.
    pub(crate) fn changed(&self) {
        let woken = {
            let mut waiters = self.waiters.borrow_mut();
            waiters.epoch += 1;
            core::mem::take(&mut waiters.waiting)
        };
        for (_, waiter) in woken {
            let _ = waiter.send(Ok(()));
        }
    }

    pub(crate) fn end_waits(&self) {
        let woken = core::mem::take(&mut self.waiters.borrow_mut().waiting);
        for (_, waiter) in woken {
            let _ = waiter.send(Err(Error::new(ErrorCode::Closed, "the store was closed")));
        }
    }

    pub(crate) fn cancel_wait(&self, tag: u64) -> bool {
        let mut waiters = self.waiters.borrow_mut();
        let found = waiters.waiting.iter().position(|(known, _)| *known == tag);
        let Some(position) = found else {
            return false;
        };
        let (_, waiter) = waiters.waiting.swap_remove(position);
        let _ = waiter.send(Err(Error::new(ErrorCode::Aborted, "the wait was taken back")));
        true
    }
}

impl Store {
    /// A number that moves whenever something may have changed.
    pub fn epoch(&self) -> u64 {
        self.inner.waiters.borrow().epoch
    }

    /// Another instance may have written: wakes everybody that waits.
    pub fn hint(&self) {
        self.inner.changed();
    }

    /// Waits until the epoch is no longer `epoch`, `timeout` milliseconds have passed, or it is time
    /// to look because the host is shared. Then read again. `tag`: what [`Store::cancel`] knows this
    /// wait by; 0: nothing.
    ///
    /// # Errors
    /// `CLOSED` when the store is closed meanwhile, `ABORTED` when the wait is cancelled.
    pub async fn wait(&self, epoch: u64, timeout: Option<u64>, tag: u64) -> Result {
        self.inner.check_open()?;
        let limits = self.inner.host.limits();
        let poll = self.inner.options.poll_interval;
        let look = (limits.shared && poll > 0).then_some(poll);
        let after = match (timeout, look) {
            (Some(timeout), Some(look)) => Some(timeout.min(look)),
            (timeout, look) => timeout.or(look),
        };
        let (sender, woken) = oneshot::channel();
        {
            let mut waiters = self.inner.waiters.borrow_mut();
            if waiters.epoch != epoch {
                return Ok(());
            }
            waiters.waiting.retain(|(_, waiter)| !waiter.is_canceled());
            waiters.waiting.push((tag, sender));
        }
        let woken = async { woken.await.unwrap_or(Ok(())) };
        match after {
            None => woken.await,
            Some(ms) => {
                let woken = core::pin::pin!(woken);
                match select(woken, self.inner.env.timer.sleep(ms)).await {
                    Either::Left((result, _)) => result,
                    Either::Right(((), _)) => Ok(()),
                }
            }
        }
    }
}
