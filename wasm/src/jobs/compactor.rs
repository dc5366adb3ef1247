//! Merging.

use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::Slot;
use crate::errors::thrown;
use crate::numbers::number;
use crate::objects::object;
use crate::promise::promise_or_refusal;

/// Merges small rows, some at each step.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Compactor {
    slot: Slot<streamkit_core::Compactor>,
}

impl Compactor {
    pub(crate) fn new(job: streamkit_core::Compactor) -> Self {
        let total = job.total();
        Self { slot: Slot::new("compactor", job, total) }
    }
}

#[wasm_bindgen]
impl Compactor {
    /// One step. Says whether there is more to do.
    #[wasm_bindgen(unchecked_return_type = "Promise<boolean>")]
    pub fn step(&self) -> Promise {
        promise_or_refusal(self.slot.take().map(|mut job| {
            let slot = self.slot.clone();
            async move {
                let more = job.step().await;
                let (done, total) = (job.done(), job.total());
                slot.put_back(job, done, total);
                more.map(JsValue::from)
            }
        }))
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
