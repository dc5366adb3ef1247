//! Waiting for something to change.

use alloc::string::String;

use js_sys::Promise;
use streamkit_core::Result;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::Engine;
use crate::numbers::{duration, integer, number};
use crate::promise::promise_or_refusal;

#[wasm_bindgen]
impl Engine {
    /// A number that moves whenever something may have changed. Take it, read, and wait with it.
    #[must_use]
    pub fn epoch(&self) -> f64 {
        number(self.store.epoch())
    }

    /// Waits until the space, after a NUL the lease, or for "" anything, may have changed since the epoch, it is
    /// time to look, or so many milliseconds have passed (-1: never). `tag`: what [`Engine::cancel`] knows it
    /// by, 0 for nothing.
    #[wasm_bindgen(unchecked_return_type = "Promise<void>")]
    pub fn wait(&self, space: String, epoch: f64, timeout: f64, tag: f64) -> Promise {
        let arguments = || -> Result<_> {
            let epoch = integer("epoch", epoch)?;
            let timeout = if timeout < 0.0 { None } else { Some(duration("timeout", timeout)?) };
            Ok((epoch, timeout, integer("tag", tag)?))
        };
        promise_or_refusal(arguments().map(|(epoch, timeout, tag)| {
            let store = self.store.clone();
            async move {
                let space = Some(&*space).filter(|space| !space.is_empty());
                store.wait(space, epoch, timeout, tag).await.map(|()| JsValue::UNDEFINED)
            }
        }))
    }

    /// Another instance may have written: wakes who waits.
    pub fn hint(&self) {
        self.store.hint();
    }
}
