//! Work on all that is stored, with a report.

use alloc::boxed::Box;

use js_sys::{Array, Promise};
use streamkit_core::{CompactReport, Compactor, Result, Verifier, VerifyReport};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::{Job, Slot};
use crate::errors::thrown;
use crate::numbers::number;
use crate::objects::object;

#[derive(Debug)]
enum Work {
    Compact(Box<Compactor>),
    Verify(Box<Verifier>),
}

impl Work {
    async fn step(&mut self) -> Result<bool> {
        match self {
            Self::Compact(job) => job.step().await,
            Self::Verify(job) => job.step().await,
        }
    }

    fn report(&self) -> JsValue {
        match self {
            Self::Compact(job) => compact_report(&job.report()),
            Self::Verify(job) => verify_report(&job.report()),
        }
    }
}

impl Job for Work {
    fn name(&self) -> &'static str {
        match self {
            Self::Compact(_) => "compactor",
            Self::Verify(_) => "verifier",
        }
    }

    fn progress(&self) -> (u64, Option<u64>) {
        match self {
            Self::Compact(job) => (job.done(), job.total()),
            Self::Verify(job) => (job.done(), job.total()),
        }
    }
}

/// Merges small rows, or checks what is stored, some at each step.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Stepper {
    slot: Slot<Work>,
}

impl Stepper {
    pub(crate) fn compact(job: Compactor) -> Self {
        Self { slot: Slot::new(Work::Compact(Box::new(job))) }
    }

    pub(crate) fn verify(job: Verifier) -> Self {
        Self { slot: Slot::new(Work::Verify(Box::new(job))) }
    }
}

#[wasm_bindgen]
impl Stepper {
    /// One step. Says whether there is more to do.
    #[wasm_bindgen(unchecked_return_type = "Promise<boolean>")]
    pub fn step(&self) -> Promise {
        self.slot.step(async |work| work.step().await.map(JsValue::from))
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

    /// Of merging: `{ blocksBefore, blocksAfter, bytesBefore, bytesAfter }`. Of checking: `{ entries, segments,
    /// spaces, problems: { code, message, key }[] }`.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` while a step is running.
    pub fn report(&self) -> Result<JsValue, JsValue> {
        thrown(self.slot.with(Work::report))
    }
}

fn compact_report(report: &CompactReport) -> JsValue {
    object(&[
        ("blocksBefore", number(report.blocks_before).into()),
        ("blocksAfter", number(report.blocks_after).into()),
        ("bytesBefore", number(report.bytes_before).into()),
        ("bytesAfter", number(report.bytes_after).into()),
    ])
}

fn verify_report(report: &VerifyReport) -> JsValue {
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
