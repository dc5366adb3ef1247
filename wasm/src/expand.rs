//! Reading what the light engine cannot.

use alloc::vec::Vec;

use wasm_bindgen::prelude::wasm_bindgen;

/// A stored row as it is without compression; a damaged one as it is.
#[wasm_bindgen(js_name = expandRow)]
#[must_use]
pub fn expand_row(row: Vec<u8>) -> Vec<u8> {
    streamkit_core::expand_row(row)
}
