//! Waiting for something to change: take the epoch, read, and wait only while it is unchanged.
//!
//! What this instance writes wakes who waits for a space it wrote to, or for a lease it changed. A hint of another instance says nothing
//! of spaces, and wakes all.

use alloc::rc::Rc;
use alloc::vec::Vec;

use futures_channel::oneshot;
use futures_util::future::{Either, select};

use super::{Inner, Store};
use crate::error::{Error, ErrorCode, Result};

/// Changes of which the space is remembered: between the epoch that a reader takes and its wait there is one
/// read, and who comes later than that looks once more for nothing.
const REMEMBERED: usize = 64;

/// As many waits as that may have been given up without being taken off the list.
const FEW: usize = 32;

/// Who waits, and how often something has happened.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    /// Goes up whenever something may have changed.
    epoch: u64,
    /// Up to this epoch, anything may have changed.
    anything: u64,
    /// Later epochs, ascending, and the spaces that changed with them.
    recent: Vec<(u64, Rc<str>)>,
    waiting: Vec<Waiter>,
    /// How long the list may be until it is looked through for waits that were given up.
    enough: usize,
}

#[derive(Debug)]
struct Waiter {
    /// What `Store::cancel` knows the wait by.
    tag: u64,
    /// What it waits for; `None`: anything.
    space: Option<Rc<str>>,
    woken: oneshot::Sender<Result>,
}

impl Waiters {
    fn changed(&mut self) -> Vec<Waiter> {
        self.epoch += 1;
        self.anything = self.epoch;
        self.recent.clear();
        core::mem::take(&mut self.waiting)
    }

    fn changed_in(&mut self, spaces: &[Rc<str>]) -> Vec<Waiter> {
        self.epoch += 1;
        for space in spaces {
            if self.recent.len() == REMEMBERED {
                self.anything = self.recent.remove(0).0;
            }
            self.recent.push((self.epoch, Rc::clone(space)));
        }
        let concerned = |waiter: &Waiter| waiter.space.as_ref().is_none_or(|space| spaces.contains(space));
        let (woken, waiting) = core::mem::take(&mut self.waiting).into_iter().partition(concerned);
        self.waiting = waiting;
        woken
    }

    /// Whether a space may have changed, or for `None` anything, after that epoch.
    fn has_changed(&self, space: Option<&str>, since: u64) -> bool {
        let Some(space) = space else {
            return self.epoch != since;
        };
        let mut later = self.recent.iter().rev().take_while(|(epoch, _)| *epoch > since);
        self.anything > since || later.any(|(_, name)| **name == *space)
    }

    fn add(&mut self, waiter: Waiter) {
        if self.waiting.len() >= self.enough {
            self.waiting.retain(|one| !one.woken.is_canceled());
            self.enough = FEW.max(self.waiting.len() * 2);
        }
        self.waiting.push(waiter);
    }
}

fn wake(waiters: Vec<Waiter>) {
    for waiter in waiters {
        let _ = waiter.woken.send(Ok(()));
    }
}

impl Inner {
    /// Something may have changed: wakes everybody that waits.
    pub(crate) fn changed(&self) {
        let woken = self.waiters.borrow_mut().changed();
        wake(woken);
    }

    /// Something may have changed in these spaces: wakes who waits for one of them, or for anything.
    pub(crate) fn changed_in(&self, spaces: &[Rc<str>]) {
        let woken = self.waiters.borrow_mut().changed_in(spaces);
        wake(woken);
    }

    pub(crate) fn end_waits(&self) {
        let woken = core::mem::take(&mut self.waiters.borrow_mut().waiting);
        for waiter in woken {
            let _ = waiter.woken.send(Err(Error::new(ErrorCode::Closed, "the store was closed")));
        }
    }

    pub(crate) fn cancel_wait(&self, tag: u64) -> bool {
        let mut waiters = self.waiters.borrow_mut();
        // Of those whose future was dropped there may be some still.
        let waits = |waiter: &Waiter| waiter.tag == tag && !waiter.woken.is_canceled();
        let found = waiters.waiting.iter().position(waits);
        let Some(position) = found else {
            return false;
        };
        let waiter = waiters.waiting.swap_remove(position);
        let _ = waiter.woken.send(Err(Error::new(ErrorCode::Aborted, "the wait was taken back")));
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

    /// Waits until something may have changed since `epoch`, `timeout` milliseconds have passed, or it is
    /// time to look because the host is shared. Then read again. `space`: the space whose entries, groups
    /// and settings matter, or a NUL and the key of a lease; `None`: whatever changes. `tag`: what
    /// [`Store::cancel`] knows this wait by; 0: nothing.
    ///
    /// # Errors
    /// `CLOSED` when the store is closed meanwhile, `ABORTED` when the wait is cancelled.
    pub async fn wait(&self, space: Option<&str>, epoch: u64, timeout: Option<u64>, tag: u64) -> Result {
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
            if waiters.has_changed(space, epoch) {
                return Ok(());
            }
            waiters.add(Waiter { tag, space: space.map(Rc::from), woken: sender });
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
