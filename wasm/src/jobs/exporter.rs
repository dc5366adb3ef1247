//! Giving everything away.

use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::{Job, Slot};
use crate::engine::copied_out;

impl Job for streamkit_core::Exporter {
    fn name(&self) -> &'static str {
        "exporter"
    }

    fn progress(&self) -> (u64, Option<u64>) {
        (self.done(), self.total())
    }
}

/// Gives a store's content, a chunk at each step.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Exporter {
    slot: Slot<streamkit_core::Exporter>,
}

impl Exporter {
    pub(crate) fn new(job: streamkit_core::Exporter) -> Self {
        Self { slot: Slot::new(job) }
    }
}

#[wasm_bindgen]
impl Exporter {
    /// The next chunk; `undefined` after the last.
    #[wasm_bindgen(unchecked_return_type = "Promise<Uint8Array | undefined>")]
    pub fn next(&self) -> Promise {
        self.slot.step(async |job| {
            let chunk = job.next().await?;
            Ok(chunk.map_or(JsValue::UNDEFINED, |chunk| copied_out(&chunk)))
        })
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
