//! Reading in pages.

use alloc::string::String;

use js_sys::Promise;
use streamkit_core::{EntryId, Result, SegmentRead, SpaceRead};
use wasm_bindgen::prelude::wasm_bindgen;

use super::{Engine, page_out};
use crate::numbers::{bound, integer, integer_unless_negative, integer_unless_zero, size};
use crate::promise::{promise, promise_or_refusal};

#[wasm_bindgen]
impl Engine {
    /// The latest entry of a segment: a page of one entry, or an empty one.
    #[wasm_bindgen(unchecked_return_type = "Promise<Uint8Array | Uint8Array[]>")]
    pub fn peek(&self, space: String, segment: String) -> Promise {
        let store = self.store.clone();
        promise(async move {
            let page = store.peek(&space, &segment).await?;
            Ok(page_out(&[], &page))
        })
    }

    /// A page of a segment from a sequence on. `max_sequence`: 0 for none; timestamps: -1 for none.
    #[wasm_bindgen(js_name = readSegment, unchecked_return_type = "Promise<Uint8Array | Uint8Array[]>")]
    #[expect(clippy::too_many_arguments, reason = "a call passes no objects: they cost more")]
    pub fn read_segment(
        &self,
        space: String,
        segment: String,
        from_sequence: f64,
        max_sequence: f64,
        min_timestamp: f64,
        max_timestamp: f64,
        max_entries: f64,
        max_bytes: f64,
    ) -> Promise {
        let read = || -> Result<SegmentRead> {
            Ok(SegmentRead {
                space,
                segment,
                from: integer("fromSequence", from_sequence)?,
                max_sequence: integer_unless_zero("maxSequence", max_sequence)?,
                min_timestamp: integer_unless_negative("minTimestamp", min_timestamp)?,
                max_timestamp: integer_unless_negative("maxTimestamp", max_timestamp)?,
                max_entries: bound("maxEntries", max_entries)?,
                max_bytes: size("maxBytes", max_bytes)?,
            })
        };
        promise_or_refusal(read().map(|read| {
            let store = self.store.clone();
            async move { Ok(page_out(&[], &store.read_segment(read).await?)) }
        }))
    }

    /// A page of a space after an id, (0, 0) for the beginning. Timestamps: -1 for none.
    #[wasm_bindgen(js_name = readSpace, unchecked_return_type = "Promise<Uint8Array | Uint8Array[]>")]
    #[expect(clippy::too_many_arguments, reason = "a call passes no objects: they cost more")]
    pub fn read_space(
        &self,
        space: String,
        after_ms: f64,
        after_n: f64,
        min_timestamp: f64,
        max_timestamp: f64,
        max_entries: f64,
        max_bytes: f64,
    ) -> Promise {
        let read = || -> Result<SpaceRead> {
            Ok(SpaceRead {
                space,
                after: EntryId { ms: integer("afterMs", after_ms)?, n: integer("afterN", after_n)? },
                min_timestamp: integer_unless_negative("minTimestamp", min_timestamp)?,
                max_timestamp: integer_unless_negative("maxTimestamp", max_timestamp)?,
                max_entries: bound("maxEntries", max_entries)?,
                max_bytes: size("maxBytes", max_bytes)?,
            })
        };
        promise_or_refusal(read().map(|read| {
            let store = self.store.clone();
            async move { Ok(page_out(&[], &store.read_space(read).await?)) }
        }))
    }
}
