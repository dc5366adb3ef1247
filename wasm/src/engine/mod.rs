//! The exported class.

mod inventory;
mod lease;
mod life;
mod maintenance;
mod options;
mod read;
mod streams;
mod wait;
mod write;

use js_sys::Uint8Array;
use streamkit_core::{Error, Result, Store};
use uuid::Uuid;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

/// One store on one host. Numbers are JavaScript numbers; what can fail fails with a plain object
/// `{ code, message, details, retryable }`.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Engine {
    store: Store,
}

/// A UUID in its usual form.
fn uuid(argument: &str, text: &str) -> Result<Uuid> {
    // Other forms are read too, but one id must not have several names.
    let usual = text.len() == 36;
    Uuid::try_parse(text)
        .ok()
        .filter(|_| usual)
        .ok_or_else(|| Error::invalid(format!("{argument}: must be a UUID")))
}

/// Bytes as a copy of their own, outside of this instance's memory.
pub(crate) fn copied_out(bytes: &[u8]) -> JsValue {
    Uint8Array::from(bytes).into()
}
