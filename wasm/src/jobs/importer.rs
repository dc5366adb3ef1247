//! Taking in what was given away.

use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::Slot;
use crate::numbers::number;
use crate::objects::object;
use crate::promise::promise_or_refusal;

/// Takes what an [`Exporter`](super::Exporter) gave.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Importer {
    slot: Slot<streamkit_core::Importer>,
}

impl Importer {
    pub(crate) fn new(job: streamkit_core::Importer) -> Self {
        Self { slot: Slot::new("importer", job, None) }
    }
}

#[wasm_bindgen]
impl Importer {
    /// Takes the next bytes, however they are cut.
    #[wasm_bindgen(unchecked_return_type = "Promise<void>")]
    pub fn push(&self, bytes: Vec<u8>) -> Promise {
        promise_or_refusal(self.slot.take().map(|mut job| {
            let slot = self.slot.clone();
            async move {
                let pushed = job.push(&bytes).await;
                let done = job.done();
                slot.put_back(job, done, None);
                pushed.map(|()| JsValue::UNDEFINED)
            }
        }))
    }

    /// Completes the import: `{ spaces, segments, entries }`.
    #[wasm_bindgen(unchecked_return_type = "Promise<{ spaces: number, segments: number, entries: number }>")]
    pub fn finish(&self) -> Promise {
        promise_or_refusal(self.slot.take_for_good().map(|job| async move {
            let stored = job.finish().await?;
            Ok(object(&[
                ("spaces", number(stored.spaces).into()),
                ("segments", number(stored.segments).into()),
                ("entries", number(stored.entries).into()),
            ]))
        }))
    }

    /// How many entries were taken in.
    #[must_use]
    pub fn done(&self) -> f64 {
        self.slot.done()
    }
}
