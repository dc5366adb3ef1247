//! What a host throws, as an error of the engine. One of the known codes keeps its code and its
//! facts; anything else may have been applied, for all that is known.

use alloc::format;

use streamkit_core::{Detail, Error, ErrorCode};
use wasm_bindgen::JsValue;

use crate::numbers::integer;
use crate::objects::property;

/// Facts that an error of a host may carry; others are not passed on.
const DETAILS: [&str; 10] =
    ["applied", "what", "limit", "actual", "key", "host", "rule", "argument", "expected", "capability"];

/// The error that a call of the host ends with.
pub(crate) fn host_error(host: &str, call: &str, thrown: &JsValue) -> Error {
    let message = thrown.as_string().or_else(|| property(thrown, "message").as_string());
    // ABORTED is between the engine and its caller: no host has a say in it.
    let code = property(thrown, "code")
        .as_string()
        .and_then(|code| ErrorCode::parse(&code))
        .filter(|code| *code != ErrorCode::Aborted);
    let Some(code) = code else {
        let message = message.as_deref().unwrap_or("it threw something that is no error");
        return Error::unknown(format!("host \"{host}\": {call} failed: {message}"))
            .with("host", Detail::Text(host.into()));
    };
    let mut error = Error::new(code, message.unwrap_or_else(|| code.as_str().into()));
    if code == ErrorCode::Unavailable {
        error = error.with("applied", Detail::Text("unknown".into()));
    }
    let details = property(thrown, "details");
    if details.is_object() {
        for name in DETAILS {
            if let Some(detail) = detail(&property(&details, name)) {
                error = error.with(name, detail);
            }
        }
    }
    match property(thrown, "retryable").as_bool() {
        Some(retryable) => error.retryable(retryable),
        None => error,
    }
}

fn detail(value: &JsValue) -> Option<Detail> {
    if let Some(flag) = value.as_bool() {
        return Some(Detail::Flag(flag));
    }
    if let Some(value) = value.as_f64() {
        return integer("detail", value).ok().map(Detail::Number);
    }
    value.as_string().map(Detail::Text)
}
