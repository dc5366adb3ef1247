//! Giving everything away.

use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::Slot;
use crate::engine::copied_out;
use crate::promise::promise_or_refusal;

/// Gives a store's content, a chunk at each step.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Exporter {
    slot: Slot<streamkit_core::Exporter>,
}

impl Exporter {
    pub(crate) fn new(job: streamkit_core::Exporter) -> Self {
        let total = job.total();
        Self { slot: Slot::new("exporter", job, total) }
    }
}

#[wasm_bindgen]
impl Exporter {
    /// The next chunk; `undefined` after the last.
    #[wasm_bindgen(unchecked_return_type = "Promise<Uint8Array | undefined>")]
    pub fn next(&self) -> Promise {
        promise_or_refusal(self.slot.take().map(|mut job| {
            let slot = self.slot.clone();
            async move {
                let chunk = job.next().await;
                let (done, total) = (job.done(), job.total());
                slot.put_back(job, done, total);
                Ok(chunk?.map_or(JsValue::UNDEFINED, |chunk| copied_out(&chunk)))
            }
        }))
    }

    /// How many entries were given.
    #[must_use]
    pub fn done(&self) -> f64 {
        self.slot.done()
    }

    /// How many there were when it began, once that is known.
    #[must_use]
    pub fn total(&self) -> Option<f64> {
        self.slot.total()
    }
}
