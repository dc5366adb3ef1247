//! One timer of the bridge as a future.

use alloc::rc::Rc;
use core::cell::{Cell, RefCell};
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use wasm_bindgen::JsValue;
use wasm_bindgen::closure::Closure;

use crate::bridge::Bridge;
use crate::numbers::number;

#[derive(Debug, Default)]
struct Alarm {
    rang: Cell<bool>,
    waiting: RefCell<Option<Waker>>,
}

impl Alarm {
    fn ring(&self) {
        self.rang.set(true);
        let waiting = self.waiting.take();
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }
}

/// Completes when the timer rings; dropped before, it stops the timer.
#[derive(Debug)]
pub(crate) struct Sleep {
    bridge: Bridge,
    handle: JsValue,
    alarm: Rc<Alarm>,
    /// What JavaScript calls; it lives until the timer has rung or is stopped.
    _callback: Closure<dyn FnMut()>,
}

impl Sleep {
    pub(crate) fn new(bridge: &Bridge, ms: u64) -> Self {
        let alarm = Rc::new(Alarm::default());
        let callback = Closure::new({
            let alarm = Rc::clone(&alarm);
            move || alarm.ring()
        });
        Self {
            bridge: bridge.clone(),
            handle: bridge.start_timer(number(ms), &callback),
            alarm,
            _callback: callback,
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.alarm.rang.get() {
            return Poll::Ready(());
        }
        self.alarm.waiting.replace(Some(context.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if !self.alarm.rang.get() {
            self.bridge.stop_timer(&self.handle);
        }
    }
}
