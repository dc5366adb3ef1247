//! Tasks of the store's executor.

use alloc::boxed::Box;
use alloc::rc::Rc;
use core::pin::Pin;
use core::task::{Context, Waker};

use futures_task::LocalFutureObj;

use super::Inner;
use crate::error::{Error, ErrorCode};

impl Inner {
    /// Runs a task. Its first step is taken before this returns, so that whatever the caller does next comes after it.
    pub(crate) fn start(self: &Rc<Self>, task: impl Future<Output = ()> + 'static) {
        let mut task: Pin<Box<dyn Future<Output = ()>>> = Box::pin(task);
        // Nobody is woken through this first waker: where the task waits, the executor polls it again with its own.
        if task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            self.spawn(task);
        }
    }

    /// Runs a task later. Where the executor takes no more tasks, the store is closed.
    pub(crate) fn spawn(self: &Rc<Self>, task: impl Future<Output = ()> + 'static) {
        let task = LocalFutureObj::new(Box::new(task));
        if self.env.spawn.spawn_local_obj(task).is_err() {
            // Nothing will ever run again: whoever waits must hear of it.
            self.closed.set(true);
            for ticket in self.queue.borrow_mut().drain() {
                ticket.settle(Err(Error::new(ErrorCode::Closed, "the executor has shut down")));
            }
            self.end_waits();
        }
    }
}
