//! Reading everything back.

use js_sys::{Array, Promise};
use streamkit_core::VerifyReport;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::{Job, Slot};
use crate::errors::thrown;
use crate::numbers::number;
use crate::objects::object;

impl Job for streamkit_core::Verifier {
    const NAME: &'static str = "verifier";

    fn progress(&self) -> (u64, Option<u64>) {
        (self.done(), self.total())
    }
}

/// Checks what is stored, some at each step.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Verifier {
    slot: Slot<streamkit_core::Verifier>,
}

impl Verifier {
    pub(crate) fn new(job: streamkit_core::Verifier) -> Self {
        Self { slot: Slot::new(job) }
    }
}

#[wasm_bindgen]
impl Verifier {
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

    /// `{ entries, segments, spaces, problems: { code, message, key }[] }`.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` while a step is running.
    pub fn report(&self) -> Result<JsValue, JsValue> {
        thrown(self.slot.with(|job| write_report(&job.report())))
    }
}

fn write_report(report: &VerifyReport) -> JsValue {
    let problems: Array = report
        .problems
        .iter()
        .map(|problem| {
            object(&[
                ("code", problem.code.as_str().into()),
                ("message", problem.message.as_str().into()),
                ("key", problem.key.as_str().into()),
            ])
        })
        .collect();
    object(&[
        ("entries", number(report.entries).into()),
        ("segments", number(report.segments).into()),
        ("spaces", number(report.spaces).into()),
        ("problems", problems.into()),
    ])
}
