//! Where an operation waits between its steps.

use alloc::format;
use alloc::rc::Rc;
use core::cell::{Cell, RefCell};

use js_sys::Promise;
use streamkit_core::{Error, Result};
use wasm_bindgen::JsValue;

use crate::numbers::number;
use crate::promise::promise_or_refusal;

/// An operation in steps.
pub(crate) trait Job: 'static {
    /// What it is called in messages.
    fn name(&self) -> &'static str;

    /// How much is done, and how much there is to do, as far as is known.
    fn progress(&self) -> (u64, Option<u64>);
}

/// An operation, and how far it was after its last step. While a step runs the operation is with the
/// step, so that a second call meets an empty place instead of a borrow.
#[derive(Debug)]
pub(crate) struct Slot<J> {
    shared: Rc<Shared<J>>,
}

#[derive(Debug)]
struct Shared<J> {
    name: &'static str,
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

impl<J: Job> Slot<J> {
    pub(crate) fn new(job: J) -> Self {
        let (done, total) = job.progress();
        Self {
            shared: Rc::new(Shared {
                name: job.name(),
                job: RefCell::new(Some(job)),
                over: Cell::new(false),
                done: Cell::new(done),
                total: Cell::new(total),
            }),
        }
    }

    /// Runs a step.
    pub(crate) fn step(&self, run: impl AsyncFnOnce(&mut J) -> Result<JsValue> + 'static) -> Promise {
        let slot = self.clone();
        promise_or_refusal(self.take().map(|mut job| async move {
            let answer = run(&mut job).await;
            slot.put_back(job);
            answer
        }))
    }

    /// Takes the operation for its last step.
    pub(crate) fn take_for_good(&self) -> Result<J> {
        let job = self.take()?;
        self.shared.over.set(true);
        Ok(job)
    }

    fn take(&self) -> Result<J> {
        self.shared.job.take().ok_or_else(|| self.refusal())
    }

    fn put_back(&self, job: J) {
        let (done, total) = job.progress();
        self.shared.done.set(done);
        self.shared.total.set(total);
        self.shared.job.replace(Some(job));
    }

    /// Looks at the operation between two steps.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&J) -> T) -> Result<T> {
        self.shared.job.borrow().as_ref().map(look).ok_or_else(|| self.refusal())
    }

    fn refusal(&self) -> Error {
        let what = self.shared.name;
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
