//! Where an operation waits between its steps.

use alloc::rc::Rc;
use core::cell::{Cell, RefCell};

use streamkit_core::{Error, Result};

use crate::numbers::number;

/// An operation, and how far it was after its last step. While a step runs the operation is with the
/// step, so that a second call meets an empty place instead of a borrow.
#[derive(Debug)]
pub(crate) struct Slot<J> {
    shared: Rc<Shared<J>>,
}

#[derive(Debug)]
struct Shared<J> {
    what: &'static str,
    job: RefCell<Option<J>>,
    over: Cell<bool>,
    done: Cell<u64>,
    total: Cell<Option<u64>>,
}

impl<J> Clone for Slot<J> {
    fn clone(&self) -> Self {
        Self { shared: Rc::clone(&self.shared) }
    }
}

impl<J> Slot<J> {
    pub(crate) fn new(what: &'static str, job: J, total: Option<u64>) -> Self {
        Self {
            shared: Rc::new(Shared {
                what,
                job: RefCell::new(Some(job)),
                over: Cell::new(false),
                done: Cell::new(0),
                total: Cell::new(total),
            }),
        }
    }

    /// Takes the operation for a step.
    pub(crate) fn take(&self) -> Result<J> {
        self.shared.job.take().ok_or_else(|| self.refusal())
    }

    /// Takes the operation for its last step.
    pub(crate) fn take_for_good(&self) -> Result<J> {
        let job = self.take()?;
        self.shared.over.set(true);
        Ok(job)
    }

    /// Brings it back, with how far it is.
    pub(crate) fn put_back(&self, job: J, done: u64, total: Option<u64>) {
        self.shared.done.set(done);
        self.shared.total.set(total);
        self.shared.job.replace(Some(job));
    }

    /// Looks at the operation between two steps.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&J) -> T) -> Result<T> {
        self.shared.job.borrow().as_ref().map(look).ok_or_else(|| self.refusal())
    }

    fn refusal(&self) -> Error {
        let what = self.shared.what;
        Error::invalid(if self.shared.over.get() {
            format!("{what}: is finished")
        } else {
            format!("{what}: the call before has not ended yet")
        })
    }

    pub(crate) fn done(&self) -> f64 {
        number(self.shared.done.get())
    }

    pub(crate) fn total(&self) -> Option<f64> {
        self.shared.total.get().map(number)
    }
}
