//! Work on the whole store.

use alloc::string::String;
use alloc::vec::Vec;

use js_sys::Promise;
use streamkit_core::Result;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::Engine;
use crate::errors::thrown;
use crate::jobs::{Exporter, Importer, Stepper};
use crate::promise::promise;

#[wasm_bindgen]
impl Engine {
    /// An export of these spaces, or of all.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a name; `CLOSED`.
    pub fn exporter(&self, spaces: Option<Vec<String>>) -> Result<Exporter, JsValue> {
        thrown(self.store.exporter(spaces)).map(Exporter::new)
    }

    /// An import of what an exporter gave: of these spaces, or of all that there are.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a name.
    pub fn importer(&self, spaces: Option<Vec<String>>) -> Result<Importer, JsValue> {
        thrown(self.store.importer(spaces)).map(Importer::new)
    }

    /// Merges small rows of a space, or of all.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for the name; `CLOSED`.
    pub fn compactor(&self, space: Option<String>) -> Result<Stepper, JsValue> {
        thrown(self.store.compactor(space)).map(Stepper::compact)
    }

    /// Reads everything back and says what is wrong.
    #[must_use]
    pub fn verifier(&self) -> Stepper {
        Stepper::verify(self.store.verifier())
    }

    /// Finishes or gives up what other instances left unfinished.
    #[wasm_bindgen(unchecked_return_type = "Promise<void>")]
    pub fn recover(&self) -> Promise {
        let store = self.store.clone();
        promise(async move { store.recover().await.map(|()| JsValue::UNDEFINED) })
    }
}
