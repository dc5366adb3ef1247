//! Calls of several steps: they can be taken back between two of them, by their tags, and closing waits
//! for them.

use alloc::rc::Rc;
use alloc::vec::Vec;

use super::Inner;
use crate::error::{Error, ErrorCode, Result};

/// The tags of such calls, and whether they were taken back. There are few at a time.
pub(crate) type Running = Vec<(u64, bool)>;

/// A call under way; it ends when this is dropped.
#[must_use]
pub(crate) struct Run {
    inner: Rc<Inner>,
    tag: u64,
}

impl Run {
    /// `tag`: what [`Store::cancel`](super::Store::cancel) knows the call by; 0: nothing.
    pub(crate) fn begin(inner: &Rc<Inner>, tag: u64) -> Self {
        inner.background.set(inner.background.get() + 1);
        if tag != 0 {
            inner.running.borrow_mut().push((tag, false));
        }
        Self { inner: Rc::clone(inner), tag }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.inner.running.borrow_mut().retain(|(tag, _)| *tag != self.tag);
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
