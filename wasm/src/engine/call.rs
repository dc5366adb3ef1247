//! Calls that are made by the thousand: they bring what is to be told, and have no promise each.

use streamkit_core::Result;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::errors::error_object;
use crate::numbers::number;

#[wasm_bindgen]
extern "C" {
    /// A call that waits for its answer. What is told must not call this module: it is called from within.
    #[derive(Debug)]
    pub type Call;

    /// Five numbers, of which a call may use fewer. Not caught, as nothing in there throws.
    #[wasm_bindgen(method)]
    fn answer(this: &Call, a: f64, b: f64, c: f64, d: f64, e: f64);

    #[wasm_bindgen(method)]
    fn refuse(this: &Call, error: &JsValue);
}

impl Call {
    /// Tells what became of it.
    pub(super) fn settle(&self, result: Result<[u64; 5]>) {
        match result {
            Ok(numbers) => {
                let [a, b, c, d, e] = numbers.map(number);
                self.answer(a, b, c, d, e);
            }
            Err(error) => self.refuse(&error_object(&error)),
        }
    }
}
