//! What is left to say after a panic: the instance is lost, but its last words can be asked for.

use alloc::boxed::Box;
use alloc::string::String;

use once_cell::race::OnceBox;
use wasm_bindgen::prelude::wasm_bindgen;

static MESSAGE: OnceBox<String> = OnceBox::new();

/// Keeps the message of a panic, and ends the instance.
#[cfg(feature = "standalone")]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    use alloc::string::ToString;
    use core::sync::atomic::{AtomicBool, Ordering};

    static PANICKING: AtomicBool = AtomicBool::new(false);
    // Making the message may panic as well, where there is no memory left.
    if !PANICKING.swap(true, Ordering::Relaxed) {
        let _ = MESSAGE.set(Box::new(info.to_string()));
    }
    core::arch::wasm32::unreachable()
}

/// The message of the panic that ended this instance, if one did.
#[wasm_bindgen(js_name = panicMessage)]
#[must_use]
pub fn panic_message() -> Option<String> {
    MESSAGE.get().cloned()
}
