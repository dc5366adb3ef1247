//! What the standard library would bring.

use alloc::boxed::Box;
use alloc::string::ToString;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, Ordering};

use talc::wasm::{WasmDynamicTalc, new_wasm_dynamic_allocator};

use crate::panics::MESSAGE;

#[global_allocator]
static ALLOCATOR: WasmDynamicTalc = new_wasm_dynamic_allocator();

static PANICKING: AtomicBool = AtomicBool::new(false);

/// Keeps the message, and ends the instance.
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    // Making the message may panic as well, where there is no memory left.
    if !PANICKING.swap(true, Ordering::Relaxed) {
        let _ = MESSAGE.set(Box::new(info.to_string()));
    }
    core::arch::wasm32::unreachable()
}
