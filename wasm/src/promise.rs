//! Futures of the core as promises.

use alloc::boxed::Box;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use js_sys::Promise;
use streamkit_core::Result;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::future_to_promise;

use crate::errors::error_object;

type Call = Pin<Box<dyn Future<Output = Result<JsValue>>>>;

/// Starts the future at once, so that what the caller does next finds it under way: a write is queued
/// and can be cancelled. One that has its result right away costs no task.
pub(crate) fn promise(future: impl Future<Output = Result<JsValue>> + 'static) -> Promise {
    start(Box::pin(future))
}

// Not generic: the machinery of promises is in the module once.
fn start(mut call: Call) -> Promise {
    // Whoever waits is told again by the task below, which polls once more with a waker of its own.
    match call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(value)) => Promise::resolve(&value),
        Poll::Ready(Err(error)) => Promise::reject(&error_object(&error)),
        Poll::Pending => future_to_promise(async move { call.await.map_err(|error| error_object(&error)) }),
    }
}

/// A promise that the arguments of a call are refused with.
pub(crate) fn promise_or_refusal<F>(future: Result<F>) -> Promise
where
    F: Future<Output = Result<JsValue>> + 'static,
{
    match future {
        Ok(future) => promise(future),
        Err(error) => Promise::reject(&error_object(&error)),
    }
}
