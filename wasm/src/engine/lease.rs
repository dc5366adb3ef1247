//! Leases.

use alloc::string::String;

use js_sys::Promise;
use streamkit_core::LeaseProof;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::Engine;
use crate::numbers::{integer, number};
use crate::promise::promise_or_refusal;

#[wasm_bindgen]
impl Engine {
    /// Acquires a lease for so many milliseconds. Gives its fencing token.
    #[wasm_bindgen(js_name = leaseAcquire, unchecked_return_type = "Promise<number>")]
    pub fn lease_acquire(&self, key: String, holder: String, ttl: f64, tag: f64) -> Promise {
        let arguments = || Ok((self.tagged(tag)?, integer("ttl", ttl)?));
        promise_or_refusal(arguments().map(|(store, ttl)| async move {
            let proof = store.acquire_lease(&key, &holder, ttl).await?;
            Ok(number(proof.token).into())
        }))
    }

    /// Extends a lease to so many milliseconds from now.
    #[wasm_bindgen(js_name = leaseRenew, unchecked_return_type = "Promise<void>")]
    pub fn lease_renew(&self, key: String, holder: String, token: f64, ttl: f64) -> Promise {
        let arguments = || {
            let token = integer("token", token)?;
            Ok((LeaseProof { key, holder, token }, integer("ttl", ttl)?))
        };
        promise_or_refusal(arguments().map(|(proof, ttl)| {
            let store = self.store.clone();
            async move { store.renew_lease(&proof, ttl).await.map(|()| JsValue::UNDEFINED) }
        }))
    }

    /// Gives a lease back.
    #[wasm_bindgen(js_name = leaseRelease, unchecked_return_type = "Promise<void>")]
    pub fn lease_release(&self, key: String, holder: String, token: f64) -> Promise {
        promise_or_refusal(integer("token", token).map(|token| {
            let store = self.store.clone();
            let proof = LeaseProof { key, holder, token };
            async move { store.release_lease(&proof).await.map(|()| JsValue::UNDEFINED) }
        }))
    }
}
