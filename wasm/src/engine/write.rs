//! Appending.

use alloc::string::String;
use alloc::vec::Vec;

use js_sys::Promise;
use streamkit_core::{Durability, Error, LeaseProof, NewRecords, RecordFrame, Result, WriteOptions};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::call::Call;
use super::inventory::status_numbers;
use super::{Engine, numbers_out, uuid};
use crate::frames::read_writes;
use crate::numbers::{integer, integer_unless_negative, integer_unless_zero};
use crate::objects::Fields;
use crate::promise::promise_or_refusal;

fn read_lease(value: &JsValue) -> Result<Option<LeaseProof>> {
    if value.is_undefined() {
        return Ok(None);
    }
    let fields = Fields::new("lease", value);
    Ok(Some(LeaseProof {
        key: fields.text("key")?,
        holder: fields.text("holder")?,
        token: integer("lease.fencingToken", fields.number("fencingToken")?)?,
    }))
}

pub(super) fn read_options(
    trx_id: Option<String>,
    trx_number: f64,
    lease: &JsValue,
    durability: f64,
    tag: f64,
) -> Result<WriteOptions> {
    Ok(WriteOptions {
        trx_id: trx_id.map(|id| uuid("trx.id", &id)).transpose()?,
        trx_number: integer_unless_zero("trx.number", trx_number)?,
        lease: read_lease(lease)?,
        durability: match integer("durability", durability)? {
            0 => None,
            1 => Some(Durability::Strict),
            2 => Some(Durability::Relaxed),
            _ => return Err(Error::invalid("durability: must be 0, 1 or 2")),
        },
        tag: integer("tag", tag)?,
    })
}

#[wasm_bindgen]
impl Engine {
    /// Appends a record frame to a segment. `expected`: its last sequence as the caller knows it, -1
    /// for none; `trx_number`: 0 for none; `durability`: 0 as the store was opened, 1 strict, 2
    /// relaxed; `tag`: what [`Engine::cancel`] knows it by, 0 for nothing. `call` is told first sequence,
    /// its milliseconds, last sequence and its milliseconds of the segment as it stands then.
    #[expect(clippy::too_many_arguments, reason = "a call passes no objects: they cost more")]
    pub fn append(
        &self,
        space: String,
        segment: String,
        frame: Vec<u8>,
        expected: f64,
        trx_id: Option<String>,
        trx_number: f64,
        lease: &JsValue,
        durability: f64,
        tag: f64,
        call: Call,
    ) {
        let arguments = || {
            let records = NewRecords {
                space,
                segment,
                records: RecordFrame::parse(frame)?,
                expected: integer_unless_negative("expectedSequence", expected)?,
            };
            Ok((records, read_options(trx_id, trx_number, lease, durability, tag)?))
        };
        match arguments() {
            Ok((records, options)) => {
                self.store.append_then(records, options, move |written| {
                    call.settle(written.map(|made| {
                        [made.first_sequence, made.first_ms, made.last_sequence, made.last_ms, 0]
                    }));
                });
            }
            Err(error) => call.settle(Err(error)),
        }
    }

    /// Appends to several segments, all of it or none. Four numbers a write, as of
    /// [`Engine::append`], in the order given.
    #[wasm_bindgen(unchecked_return_type = "Promise<Float64Array>")]
    pub fn transact(
        &self,
        frame: &[u8],
        trx_id: Option<String>,
        trx_number: f64,
        lease: &JsValue,
        durability: f64,
        tag: f64,
    ) -> Promise {
        let arguments = || {
            let writes = read_writes(frame)?;
            Ok((writes, read_options(trx_id, trx_number, lease, durability, tag)?))
        };
        promise_or_refusal(arguments().map(|(writes, options)| {
            let store = self.store.clone();
            async move {
                let appended = store.transact(writes, options).await?;
                let numbers = appended.iter().flat_map(|one| status_numbers(&one.status));
                Ok(numbers_out(&numbers.collect::<Vec<f64>>()))
            }
        }))
    }

    /// Takes back a write that is queued, or ends a wait. Of no effect on a write that was handed to
    /// the host.
    pub fn cancel(&self, tag: f64) {
        if let Ok(tag) = integer("tag", tag) {
            self.store.cancel(tag);
        }
    }
}
