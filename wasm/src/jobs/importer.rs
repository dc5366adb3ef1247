//! Taking in what was given away.

use alloc::vec::Vec;

use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::{Job, Slot};
use crate::numbers::number;
use crate::objects::object;
use crate::promise::promise_or_refusal;

impl Job for streamkit_core::Importer {
    fn name(&self) -> &'static str {
        "importer"
    }

    fn progress(&self) -> (u64, Option<u64>) {
        (self.done(), None)
    }
}

/// Takes what an [`Exporter`](super::Exporter) gave.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Importer {
    slot: Slot<streamkit_core::Importer>,
}

impl Importer {
    pub(crate) fn new(job: streamkit_core::Importer) -> Self {
        Self { slot: Slot::new(job) }
    }
}

#[wasm_bindgen]
impl Importer {
    /// Takes the next bytes, however they are cut.
    #[wasm_bindgen(unchecked_return_type = "Promise<void>")]
    pub fn push(&self, bytes: Vec<u8>) -> Promise {
        self.slot.step(async move |job| job.push(&bytes).await.map(|()| JsValue::UNDEFINED))
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
