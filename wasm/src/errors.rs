//! Errors of the core as plain objects `{ code, message, details, retryable }`.

use js_sys::Object;
use streamkit_core::{Detail, Error, ErrorCode};
use wasm_bindgen::JsValue;

use crate::numbers::number;
use crate::objects::set;

/// Whether a code says by itself that the same call may succeed later.
pub(crate) const fn is_retryable(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::Conflict | ErrorCode::Unavailable)
}

/// The error as JavaScript gets it. What follows from the code is left out.
pub(crate) fn error_object(error: &Error) -> JsValue {
    let object = Object::new();
    set(&object, "code", &error.code().as_str().into());
    set(&object, "message", &error.message().into());
    if !error.details().is_empty() {
        let details = Object::new();
        for (name, detail) in error.details() {
            set(&details, name, &detail_value(detail));
        }
        set(&object, "details", &details);
    }
    if error.is_retryable() != is_retryable(error.code()) {
        set(&object, "retryable", &error.is_retryable().into());
    }
    object.into()
}

/// The result of a call that throws.
#[cfg(feature = "full")]
pub(crate) fn thrown<T>(result: streamkit_core::Result<T>) -> Result<T, JsValue> {
    result.map_err(|error| error_object(&error))
}

fn detail_value(detail: &Detail) -> JsValue {
    match detail {
        Detail::Number(value) => number(*value).into(),
        Detail::Text(text) => text.as_str().into(),
        Detail::Flag(flag) => (*flag).into(),
        _ => JsValue::UNDEFINED,
    }
}
