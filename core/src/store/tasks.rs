//! Tasks of the store's executor.

use alloc::boxed::Box;
use alloc::rc::Rc;
#[cfg(feature = "every-host")]
use alloc::rc::Weak;
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
        #[cfg(feature = "every-host")]
        let task = watched(task, Watch(Rc::downgrade(self)));
        let task = LocalFutureObj::new(Box::new(task));
        if self.env.spawn.spawn_local_obj(task).is_err() {
            self.strand();
        }
    }

    /// Nothing will ever run again: whoever waits must hear of it.
    fn strand(&self) {
        self.closed.set(true);
        let waiting = self.queue.borrow_mut().drain();
        for ticket in waiting {
            ticket.settle(Err(Error::new(ErrorCode::Closed, "the executor has shut down")));
        }
        self.end_waits();
        self.stranded.set(true);
        self.drained();
    }
}

/// Closes the store when it is dropped before the task that it is part of has ended: what the queue and the closing of
/// the store count on would never come.
#[cfg(feature = "every-host")]
struct Watch(Weak<Inner>);

#[cfg(feature = "every-host")]
impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(inner) = self.0.upgrade() {
            inner.strand();
        }
    }
}

/// The task with its watch, which is dropped after it, whether it has begun or not: a store that only the task kept
/// alive is gone by then.
#[cfg(feature = "every-host")]
async fn watched(task: impl Future<Output = ()>, mut watch: Watch) {
    task.await;
    watch.0 = Weak::new();
}
