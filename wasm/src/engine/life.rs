//! Opening, closing, and what a store is.

use alloc::string::String;
use alloc::string::ToString;

use js_sys::Promise;
use streamkit_core::Store;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::Engine;
use super::options::read_options;
use crate::bridge::Bridge;
use crate::env::environment;
use crate::numbers::number;
use crate::objects::object;
use crate::promise::promise;

#[wasm_bindgen]
impl Engine {
    /// Opens the store on a host, with options `{ storeId?, durability, compression, hostTimeout,
    /// pollInterval, autoCompact }`.
    #[wasm_bindgen(unchecked_return_type = "Promise<Engine>")]
    pub fn open(bridge: Bridge, options: JsValue) -> Promise {
        promise(async move {
            let options = read_options(&options)?;
            let store = Store::open(environment(&bridge)?, options).await?;
            Ok(Self { store }.into())
        })
    }

    /// The store's id.
    #[must_use]
    pub fn id(&self) -> String {
        self.store.id().to_string()
    }

    /// `{ maxRecordBytes, maxCommitBytes, maxCommitRecords }`.
    #[must_use]
    pub fn limits(&self) -> JsValue {
        let limits = self.store.limits();
        let size = |size: usize| number(u64::try_from(size).unwrap_or(u64::MAX)).into();
        object(&[
            ("maxRecordBytes", size(limits.max_record_bytes)),
            ("maxCommitBytes", size(limits.max_commit_bytes)),
            ("maxCommitRecords", size(limits.max_commit_records)),
        ])
    }

    /// Refuses what comes from now on, ends waits, and completes once the writes under way are
    /// settled.
    #[wasm_bindgen(unchecked_return_type = "Promise<void>")]
    pub fn close(&self) -> Promise {
        let store = self.store.clone();
        promise(async move {
            store.close().await;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// Panics, to try what happens then.
    ///
    /// # Panics
    /// Always.
    #[expect(clippy::panic, reason = "that is what it is for")]
    pub fn trap(&self) {
        panic!("trap: asked for");
    }
}
