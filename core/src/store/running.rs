//! Calls under way: they can be taken back by their tags before a commit of theirs is handed to the host, and
//! closing waits for those of several steps.

use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;

use super::Inner;
use crate::error::{Error, ErrorCode, Result};

/// The tags of calls under way, and whether each was taken back.
pub(crate) type Running = Vec<(u64, bool)>;

/// Makes a call known by its tag until this is dropped. It may lie in the store's own queue, so it keeps no store
/// alive.
#[must_use]
pub(crate) struct Tagged {
    inner: Weak<Inner>,
    tag: u64,
}

impl Tagged {
    /// `tag`: what [`Store::cancel`](super::Store::cancel) knows the call by; 0: nothing.
    pub(crate) fn begin(inner: &Rc<Inner>, tag: u64) -> Self {
        let mut running = inner.running.borrow_mut();
        // A call that is part of another one is known by that one.
        let tag = if running.iter().any(|(known, _)| *known == tag) { 0 } else { tag };
        if tag != 0 {
            running.push((tag, false));
        }
        drop(running);
        Self { inner: Rc::downgrade(inner), tag }
    }
}

impl Drop for Tagged {
    fn drop(&mut self) {
        let Some(inner) = self.inner.upgrade().filter(|_| self.tag != 0) else {
            return;
        };
        let mut running = inner.running.borrow_mut();
        if let Some(position) = running.iter().position(|(tag, _)| *tag == self.tag) {
            running.swap_remove(position);
        }
    }
}

/// A call that closing waits for; it ends when this is dropped.
#[must_use]
pub(crate) struct Run {
    inner: Rc<Inner>,
    _tagged: Tagged,
}

impl Run {
    /// `tag`: as of [`Tagged::begin`].
    pub(crate) fn begin(inner: &Rc<Inner>, tag: u64) -> Self {
        inner.background.set(inner.background.get() + 1);
        Self { inner: Rc::clone(inner), _tagged: Tagged::begin(inner, tag) }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.inner.background.set(self.inner.background.get() - 1);
        self.inner.drained();
    }
}

impl Inner {
    /// Takes a call back before its next commit; whether there is such a call.
    pub(crate) fn cancel_running(&self, tag: u64) -> bool {
        let mut running = self.running.borrow_mut();
        let found = running.iter_mut().find(|(known, _)| *known == tag);
        found.is_some_and(|(_, cancelled)| {
            *cancelled = true;
            true
        })
    }

    /// Before a commit of a call that has a tag.
    pub(crate) fn check_running(&self, tag: u64) -> Result {
        if self.running.borrow().contains(&(tag, true)) {
            return Err(Error::new(ErrorCode::Aborted, "the request was taken back"));
        }
        Ok(())
    }
}
