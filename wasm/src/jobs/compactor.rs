//! Merging.

use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::{Job, Slot};
use crate::errors::thrown;
use crate::numbers::number;
use crate::objects::object;

impl Job for streamkit_core::Compactor {
    const NAME: &'static str = "compactor";

    fn progress(&self) -> (u64, Option<u64>) {
        (self.done(), self.total())
    }
}

/// Merges small rows, some at each step.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Compactor {
    slot: Slot<streamkit_core::Compactor>,
}

impl Compactor {
    pub(crate) fn new(job: streamkit_core::Compactor) -> Self {
        Self { slot: Slot::new(job) }
    }
}

#[wasm_bindgen]
impl Compactor {
    /// One step. Says whether there is more to do.
    #[wasm_bindgen(unchecked_return_type = "Promise<boolean>")]
    pub fn step(&self) -> Promise {
        self.slot.step(async |job| job.step().await.map(JsValue::from))
    }

    /// How much is done.
    #[must_use]
    pub fn done(&self) -> f64 {
        self.slot.done()
    }

    /// How much there is to do, as far as is known.
    #[must_use]
    pub fn total(&self) -> Option<f64> {
        self.slot.total()
    }

    /// `{ blocksBefore, blocksAfter, bytesBefore, bytesAfter }`.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` while a step is running.
    pub fn report(&self) -> Result<JsValue, JsValue> {
        let report = thrown(self.slot.with(streamkit_core::Compactor::report))?;
        Ok(object(&[
            ("blocksBefore", number(report.blocks_before).into()),
            ("blocksAfter", number(report.blocks_after).into()),
            ("bytesBefore", number(report.bytes_before).into()),
            ("bytesAfter", number(report.bytes_after).into()),
        ]))
    }
}
