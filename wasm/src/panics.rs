//! What is left to say after a panic: the instance is lost, but its last words can be asked for.

use alloc::string::String;

use once_cell::race::OnceBox;
use wasm_bindgen::prelude::wasm_bindgen;

pub(crate) static MESSAGE: OnceBox<String> = OnceBox::new();

/// The message of the panic that ended this instance, if one did.
#[wasm_bindgen(js_name = panicMessage)]
#[must_use]
pub fn panic_message() -> Option<String> {
    MESSAGE.get().cloned()
}
