//! What is left to say after a panic: the instance is lost, but its last words can be asked for.

use core::cell::RefCell;
use std::panic;
use std::sync::Once;

use wasm_bindgen::prelude::wasm_bindgen;

std::thread_local! {
    static MESSAGE: RefCell<Option<String>> = const { RefCell::new(None) };
}

static HOOK: Once = Once::new();

/// Keeps the message of a panic.
pub(crate) fn record_panics() {
    HOOK.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let message = info.to_string();
            // Still borrowed only if a panic came while the message was being asked for.
            MESSAGE.with(|kept| {
                if let Ok(mut kept) = kept.try_borrow_mut() {
                    *kept = Some(message);
                }
            });
            others(info);
        }));
    });
}

/// The message of the panic that ended this instance, if one did.
#[wasm_bindgen(js_name = panicMessage)]
#[must_use]
pub fn panic_message() -> Option<String> {
    MESSAGE.with(|kept| kept.try_borrow().ok()?.clone())
}
