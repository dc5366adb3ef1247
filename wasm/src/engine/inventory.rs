//! What there is, and what changed.

use alloc::string::String;

use js_sys::Promise;
use streamkit_core::{EntryId, Listing, Result, SegmentStatus};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::{Engine, copied_out, numbers_out};
use crate::frames::{write_changes, write_names};
use crate::numbers::{integer, integer_unless_negative, number, size};
use crate::promise::{promise, promise_or_refusal};

fn listing(after: Option<String>, prefix: Option<String>, limit: f64) -> Result<Listing> {
    Ok(Listing { after, prefix, limit: size("limit", limit)? })
}

/// First sequence, its milliseconds, last sequence and its milliseconds.
pub(super) fn status_numbers(status: &SegmentStatus) -> [f64; 4] {
    [status.first_sequence, status.first_timestamp, status.last_sequence, status.last_timestamp].map(number)
}

#[wasm_bindgen]
impl Engine {
    /// Names of spaces after one, with a prefix, in byte order.
    #[wasm_bindgen(unchecked_return_type = "Promise<Uint8Array>")]
    pub fn spaces(&self, after: Option<String>, prefix: Option<String>, limit: f64) -> Promise {
        promise_or_refusal(listing(after, prefix, limit).map(|listing| {
            let store = self.store.clone();
            async move { Ok(copied_out(&write_names(&store.spaces(listing).await?))) }
        }))
    }

    /// Names of a space's segments, likewise.
    #[wasm_bindgen(unchecked_return_type = "Promise<Uint8Array>")]
    pub fn segments(
        &self,
        space: String,
        after: Option<String>,
        prefix: Option<String>,
        limit: f64,
    ) -> Promise {
        promise_or_refusal(listing(after, prefix, limit).map(|listing| {
            let store = self.store.clone();
            async move { Ok(copied_out(&write_names(&store.segments(&space, listing).await?))) }
        }))
    }

    /// First sequence, its milliseconds, last sequence and its milliseconds of a segment; `undefined`
    /// where nothing was ever appended to it.
    #[wasm_bindgen(unchecked_return_type = "Promise<Float64Array | undefined>")]
    pub fn status(&self, space: String, segment: String) -> Promise {
        let store = self.store.clone();
        promise(async move {
            let Some(status) = store.segment_status(&space, &segment).await? else {
                return Ok(JsValue::UNDEFINED);
            };
            Ok(numbers_out(&status_numbers(&status)))
        })
    }

    /// Statuses of the segments that changed since an id; `after_ms`: -1 for all segments.
    #[wasm_bindgen(unchecked_return_type = "Promise<Uint8Array>")]
    pub fn changes(&self, space: String, segment: Option<String>, after_ms: f64, after_n: f64) -> Promise {
        let after = || -> Result<Option<EntryId>> {
            let Some(ms) = integer_unless_negative("afterMs", after_ms)? else {
                return Ok(None);
            };
            let n = integer("afterN", after_n)?;
            Ok(Some(EntryId { ms, n }))
        };
        promise_or_refusal(after().map(|after| {
            let store = self.store.clone();
            async move {
                let changes = store.changes(&space, segment.as_deref(), after).await?;
                Ok(copied_out(&write_changes(&changes)))
            }
        }))
    }
}
