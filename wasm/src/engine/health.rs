//! How the store is.

use js_sys::{Array, Promise};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::Engine;
use crate::numbers::number;
use crate::objects::object;
use crate::promise::promise;

#[wasm_bindgen]
impl Engine {
    /// `{ pendingTransactions, warnings }`.
    #[wasm_bindgen(unchecked_return_type = "Promise<{ pendingTransactions: number, warnings: string[] }>")]
    pub fn health(&self) -> Promise {
        let store = self.store.clone();
        promise(async move {
            let health = store.health().await?;
            let warnings: Array = health.warnings.iter().map(|text| JsValue::from_str(text)).collect();
            let pending = u64::try_from(health.pending_transactions).unwrap_or(u64::MAX);
            Ok(object(&[("pendingTransactions", number(pending).into()), ("warnings", warnings.into())]))
        })
    }
}
