//! The exported class.

use alloc::format;
use alloc::vec::Vec;

mod call;
#[cfg(feature = "full")]
mod groups;
mod health;
mod inventory;
#[cfg(feature = "full")]
mod lease;
mod life;
#[cfg(feature = "full")]
mod maintenance;
mod options;
mod read;
#[cfg(feature = "full")]
mod streams;
mod wait;
mod write;

use js_sys::{Array, Float64Array, Uint8Array};
use streamkit_core::{Error, Page, PageFrame, Result, Store};
use uuid::Uuid;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

/// One store on one host. Numbers are JavaScript numbers; what can fail fails with a plain object
/// `{ code, message, details, retryable }`.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Engine {
    store: Store,
}

/// A UUID in its usual form.
fn uuid(argument: &str, text: &str) -> Result<Uuid> {
    // Other forms are read too, but one id must not have several names.
    let usual = text.len() == 36;
    Uuid::try_parse(text)
        .ok()
        .filter(|_| usual)
        .ok_or_else(|| Error::invalid(format!("{argument}: must be a UUID")))
}

/// Smaller pages are copied twice rather than piece by piece.
const SMALL_PAGE: usize = 8192;

/// Something and a page behind it, outside of this instance's memory: one buffer, or a list of it and the arrays of the
/// host that the page refers to.
pub(crate) fn page_out(before: &[u8], page: &Page) -> JsValue {
    let frame = page.lending_frame();
    let out = frame_out(before, &frame);
    let mut lent = frame.lent().filter_map(|origin| origin.downcast_ref::<Uint8Array>()).peekable();
    if lent.peek().is_none() {
        return out;
    }
    let list = Array::of1(&out);
    for array in lent {
        list.push(array);
    }
    list.into()
}

fn frame_out(before: &[u8], frame: &PageFrame<'_>) -> JsValue {
    let length = before.len() + frame.len();
    if length < SMALL_PAGE {
        let mut bytes = Vec::with_capacity(length);
        bytes.extend_from_slice(before);
        frame.write(&mut |piece| bytes.extend_from_slice(piece));
        return copied_out(&bytes);
    }
    let out = page_memory(offset(length));
    let mut at = 0;
    let mut put = |piece: &[u8]| {
        let end = at + offset(piece.len());
        out.subarray(at, end).copy_from(piece);
        at = end;
    };
    put(before);
    frame.write(&mut put);
    out.into()
}

#[wasm_bindgen]
extern "C" {
    /// So many bytes outside of this instance's memory, whatever is in them: every one is to be written.
    #[wasm_bindgen(js_name = pageMemory)]
    fn page_memory(length: u32) -> Uint8Array;
}

/// Nothing longer fits into the memory that this is compiled for.
fn offset(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Bytes as a copy of their own, outside of this instance's memory.
pub(crate) fn copied_out(bytes: &[u8]) -> JsValue {
    Uint8Array::from(bytes).into()
}

/// Numbers as an array outside of this instance's memory.
fn numbers_out(numbers: &[f64]) -> JsValue {
    Float64Array::from(numbers).into()
}
