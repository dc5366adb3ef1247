//! The object that stands for the host, and for time, randomness and timers.

mod answers;
mod apart;
mod host;
mod limits;
mod requests;
mod thrown;

use wasm_bindgen::JsValue;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::wasm_bindgen;

pub(crate) use host::JsHost;

#[wasm_bindgen]
extern "C" {
    /// What an engine calls. Byte arrays that it passes are views of its memory: they are valid until the
    /// call returns, and what is lent until the commit after it has.
    #[derive(Debug, Clone)]
    pub type Bridge;

    #[wasm_bindgen(method, getter)]
    fn name(this: &Bridge) -> JsValue;

    #[wasm_bindgen(method, getter)]
    fn limits(this: &Bridge) -> JsValue;

    #[wasm_bindgen(method, catch)]
    fn get(this: &Bridge, keys: &[u8]) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn scan(this: &Bridge, range: &[u8]) -> Result<JsValue, JsValue>;

    /// The next of the values that stand apart in the commit that follows.
    #[wasm_bindgen(method)]
    fn lend(this: &Bridge, value: &[u8]);

    #[wasm_bindgen(method, catch)]
    fn commit(this: &Bridge, batch: &[u8]) -> Result<JsValue, JsValue>;

    /// Gives a promise.
    #[cfg(not(feature = "full"))]
    #[wasm_bindgen(method, catch)]
    fn expand(this: &Bridge, row: &[u8]) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    pub(crate) fn now(this: &Bridge) -> Result<JsValue, JsValue>;

    // Not caught: without randomness and timers nothing here is safe, and the instance had better end.
    #[wasm_bindgen(method)]
    pub(crate) fn fill(this: &Bridge, bytes: &mut [u8]);

    #[wasm_bindgen(method, js_name = startTimer)]
    pub(crate) fn start_timer(this: &Bridge, ms: f64, callback: &Closure<dyn FnMut()>) -> JsValue;

    #[wasm_bindgen(method, js_name = stopTimer)]
    pub(crate) fn stop_timer(this: &Bridge, handle: &JsValue);

    #[wasm_bindgen(method, catch)]
    pub(crate) fn notify(this: &Bridge) -> Result<(), JsValue>;
}
