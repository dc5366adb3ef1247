//! A bridge to a host in memory, and what tests do with an engine.

use js_sys::{Float64Array, Promise, Reflect, Uint8Array};
use streamkit_core::{encode_entry_body, encode_record_frame};
use streamkit_wasm::{Bridge, Engine};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen(module = "/tests/support/memory.js")]
extern "C" {
    #[derive(Clone)]
    pub(crate) type MemoryBridge;

    #[wasm_bindgen(constructor)]
    pub(crate) fn new() -> MemoryBridge;

    #[wasm_bindgen(method, setter)]
    pub(crate) fn set_later(this: &MemoryBridge, later: bool);

    #[wasm_bindgen(method, setter)]
    pub(crate) fn set_clock(this: &MemoryBridge, clock: &JsValue);

    #[wasm_bindgen(method, setter)]
    pub(crate) fn set_limits(this: &MemoryBridge, limits: &JsValue);

    #[wasm_bindgen(method, getter)]
    pub(crate) fn limits(this: &MemoryBridge) -> JsValue;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn commits(this: &MemoryBridge) -> u32;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn notified(this: &MemoryBridge) -> u32;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn started(this: &MemoryBridge) -> u32;

    #[wasm_bindgen(method)]
    pub(crate) fn running(this: &MemoryBridge) -> u32;

    #[wasm_bindgen(method)]
    pub(crate) fn fail(this: &MemoryBridge, call: &str, thrown: &JsValue, later: bool);

    #[wasm_bindgen(method)]
    pub(crate) fn say(this: &MemoryBridge, call: &str, answer: &JsValue);

    #[wasm_bindgen(method)]
    pub(crate) fn hang(this: &MemoryBridge, call: &str);

    #[wasm_bindgen(method)]
    pub(crate) fn heal(this: &MemoryBridge, call: &str);

    /// A call that keeps what it is told in a promise.
    type PromisedCall;

    #[wasm_bindgen(constructor)]
    fn new() -> PromisedCall;

    #[wasm_bindgen(method, getter)]
    fn promise(this: &PromisedCall) -> Promise;

    /// A value written in JavaScript.
    pub(crate) fn evaluate(text: &str) -> JsValue;
}

pub(crate) const OPTIONS: &str = r#"{ storeId: undefined, durability: "strict", compression: "auto",
    hostTimeout: 30000, pollInterval: 1000, autoCompact: true }"#;

pub(crate) async fn settled(promise: Promise) -> Result<JsValue, JsValue> {
    JsFuture::from(promise).await
}

/// What a promise rejects with.
pub(crate) async fn rejection(promise: Promise) -> JsValue {
    settled(promise).await.expect_err("the promise was expected to reject")
}

pub(crate) fn field(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).expect("an object")
}

pub(crate) fn text(object: &JsValue, name: &str) -> String {
    field(object, name).as_string().unwrap_or_default()
}

pub(crate) fn detail(error: &JsValue, name: &str) -> JsValue {
    field(&field(error, "details"), name)
}

pub(crate) async fn open_with(bridge: &MemoryBridge, options: &str) -> Result<Handle, JsValue> {
    let bridge: Bridge = bridge.clone().unchecked_into();
    let engine = settled(Engine::open(bridge, evaluate(options))).await?;
    Ok(Handle { engine: engine.unchecked_into() })
}

pub(crate) async fn open(bridge: &MemoryBridge) -> Handle {
    open_with(bridge, OPTIONS).await.expect("the store opens")
}

/// The class as JavaScript has it: out of a promise comes an object, not the Rust value.
#[wasm_bindgen]
extern "C" {
    #[derive(Clone)]
    pub(crate) type EngineObject;

    #[wasm_bindgen(method)]
    pub(crate) fn id(this: &EngineObject) -> String;
    #[wasm_bindgen(method)]
    pub(crate) fn limits(this: &EngineObject) -> JsValue;
    #[wasm_bindgen(method)]
    pub(crate) fn epoch(this: &EngineObject) -> f64;
    #[wasm_bindgen(method)]
    pub(crate) fn hint(this: &EngineObject);
    #[wasm_bindgen(method)]
    pub(crate) fn cancel(this: &EngineObject, tag: f64);
    #[wasm_bindgen(method)]
    pub(crate) fn close(this: &EngineObject) -> Promise;
    #[wasm_bindgen(method)]
    pub(crate) fn health(this: &EngineObject) -> Promise;
    #[wasm_bindgen(method)]
    pub(crate) fn wait(this: &EngineObject, space: &str, epoch: f64, timeout: f64, tag: f64) -> Promise;
    #[wasm_bindgen(method, js_name = append)]
    fn append_told(
        this: &EngineObject,
        space: &str,
        segment: &str,
        frame: &[u8],
        expected: f64,
        trx_id: Option<String>,
        trx_number: f64,
        lease: &JsValue,
        durability: f64,
        tag: f64,
        call: &PromisedCall,
    );
    #[wasm_bindgen(method)]
    pub(crate) fn transact(
        this: &EngineObject,
        frame: &[u8],
        trx_id: Option<String>,
        trx_number: f64,
        lease: &JsValue,
        durability: f64,
        tag: f64,
    ) -> Promise;
    #[wasm_bindgen(method)]
    pub(crate) fn peek(this: &EngineObject, space: &str, segment: &str) -> Promise;
    #[wasm_bindgen(method, js_name = readSegment)]
    pub(crate) fn read_segment(
        this: &EngineObject,
        space: &str,
        segment: &str,
        from: f64,
        max_sequence: f64,
        min_timestamp: f64,
        max_timestamp: f64,
        max_entries: f64,
        max_bytes: f64,
    ) -> Promise;
    #[wasm_bindgen(method, js_name = readSpace)]
    pub(crate) fn read_space(
        this: &EngineObject,
        space: &str,
        after_ms: f64,
        after_n: f64,
        min_timestamp: f64,
        max_timestamp: f64,
        max_entries: f64,
        max_bytes: f64,
    ) -> Promise;
    #[wasm_bindgen(method)]
    pub(crate) fn spaces(
        this: &EngineObject,
        after: Option<String>,
        prefix: Option<String>,
        limit: f64,
    ) -> Promise;
    #[wasm_bindgen(method)]
    pub(crate) fn status(this: &EngineObject, space: &str, segment: &str) -> Promise;
    #[wasm_bindgen(method)]
    pub(crate) fn changes(
        this: &EngineObject,
        space: &str,
        segment: Option<String>,
        after_ms: f64,
        after_n: f64,
    ) -> Promise;
    #[wasm_bindgen(method, js_name = leaseAcquire)]
    pub(crate) fn lease_acquire(this: &EngineObject, key: &str, holder: &str, ttl: f64, tag: f64) -> Promise;
    #[wasm_bindgen(method)]
    pub(crate) fn exporter(this: &EngineObject, spaces: Option<Vec<String>>) -> JobObject;
    #[wasm_bindgen(method)]
    pub(crate) fn importer(this: &EngineObject) -> JobObject;
    #[wasm_bindgen(method)]
    pub(crate) fn compactor(this: &EngineObject, space: Option<String>) -> JobObject;
    #[wasm_bindgen(method)]
    pub(crate) fn verifier(this: &EngineObject) -> JobObject;

    /// Any of the long operations.
    pub(crate) type JobObject;

    #[wasm_bindgen(method)]
    pub(crate) fn next(this: &JobObject) -> Promise;
    #[wasm_bindgen(method)]
    pub(crate) fn push(this: &JobObject, bytes: &[u8]) -> Promise;
    #[wasm_bindgen(method)]
    pub(crate) fn finish(this: &JobObject) -> Promise;
    #[wasm_bindgen(method)]
    pub(crate) fn step(this: &JobObject) -> Promise;
    #[wasm_bindgen(method)]
    pub(crate) fn done(this: &JobObject) -> f64;
    #[wasm_bindgen(method, catch)]
    pub(crate) fn report(this: &JobObject) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method)]
    pub(crate) fn free(this: &JobObject);
}

impl EngineObject {
    /// An append whose answer is a promise of the status, or of the error.
    #[expect(clippy::too_many_arguments, reason = "as many as the call has")]
    pub(crate) fn append(
        &self,
        space: &str,
        segment: &str,
        frame: &[u8],
        expected: f64,
        trx_id: Option<String>,
        trx_number: f64,
        lease: &JsValue,
        durability: f64,
        tag: f64,
    ) -> Promise {
        let call = PromisedCall::new();
        self.append_told(space, segment, frame, expected, trx_id, trx_number, lease, durability, tag, &call);
        call.promise()
    }
}

pub(crate) struct Handle {
    pub(crate) engine: EngineObject,
}

impl Handle {
    /// Starts to append records of these payloads.
    pub(crate) fn start(&self, segment: &str, payloads: &[&str], tag: f64) -> Promise {
        let none = JsValue::UNDEFINED;
        self.engine.append("s", segment, &frame(payloads), -1.0, None, 0.0, &none, 0.0, tag)
    }

    pub(crate) async fn append(&self, segment: &str, payloads: &[&str]) -> Result<Vec<f64>, JsValue> {
        let status = settled(self.start(segment, payloads, 0.0)).await?;
        Ok(status.unchecked_into::<Float64Array>().to_vec())
    }

    pub(crate) fn start_page(&self, segment: &str) -> Promise {
        self.engine.read_segment("s", segment, 1.0, 0.0, -1.0, -1.0, 1000.0, f64::INFINITY)
    }

    pub(crate) async fn page(&self, segment: &str) -> Result<Vec<u8>, JsValue> {
        settled(self.start_page(segment)).await.map(bytes)
    }
}

pub(crate) fn bytes(value: JsValue) -> Vec<u8> {
    value.dyn_into::<Uint8Array>().expect("bytes").to_vec()
}

/// A record frame.
pub(crate) fn frame(payloads: &[&str]) -> Vec<u8> {
    let bodies: Vec<Vec<u8>> = payloads
        .iter()
        .map(|payload| encode_entry_body(payload.as_bytes(), &Default::default()).unwrap())
        .collect();
    encode_record_frame(&bodies, None).unwrap()
}

/// How often a payload is in a page. Take long ones: ids in a page are random bytes.
pub(crate) fn count(page: &[u8], payload: &str) -> usize {
    page.windows(payload.len()).filter(|window| *window == payload.as_bytes()).count()
}

/// Lets everything happen that is due.
pub(crate) async fn turn() {
    let promise = evaluate("new Promise((resolve) => setTimeout(resolve, 0))");
    settled(promise.unchecked_into()).await.unwrap();
}
