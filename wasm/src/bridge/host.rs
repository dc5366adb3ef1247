//! The storage behind the bridge.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use async_trait::async_trait;
use js_sys::{Array, Promise, Uint8Array};
use streamkit_core::{Batch, Bytes, Commit, Detail, Error, HostLimits, Kv, Result, ScanPage, ScanRange};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use super::answers::{self, Broken};
use super::apart::Apart;
use super::limits::read_limits;
use super::thrown::host_error;
use super::{Bridge, requests};

/// A host that is written in JavaScript.
#[derive(Debug)]
pub(crate) struct JsHost {
    bridge: Bridge,
    name: String,
    limits: HostLimits,
}

impl JsHost {
    pub(crate) fn new(bridge: Bridge) -> Result<Self> {
        let name = bridge.name().as_string();
        let limits = read_limits(&bridge.limits())?;
        Ok(Self { bridge, name: name.ok_or_else(|| Error::invalid("host name: must be a string"))?, limits })
    }

    /// The answer of a call. One that is there already is used without waiting: an await costs more
    /// than the whole call of a host in memory.
    async fn answer(&self, call: &str, given: Result<JsValue, JsValue>) -> Result<Answer> {
        let given = match given {
            // Whether something is a promise is a question to JavaScript too, so bytes come first.
            Ok(value) => match Answer::read(value) {
                Ok(answer) => return Ok(answer),
                Err(other) if !other.is_object() => return Err(self.no_answer(call)),
                // Of another realm, or merely something with a `then`: resolve takes either.
                Err(other) => JsFuture::from(Promise::resolve(&other)).await,
            },
            Err(thrown) => Err(thrown),
        };
        let value = given.map_err(|thrown| host_error(&self.name, call, &thrown))?;
        Answer::read(value).map_err(|_| self.no_answer(call))
    }

    fn no_answer(&self, call: &str) -> Error {
        self.broken(call, "the answer must be a Uint8Array, or a list of them")
    }

    fn broken(&self, call: &str, rule: Broken) -> Error {
        Error::unknown(format!("host \"{}\": {call} answered wrongly: {rule}", self.name))
            .with("host", Detail::Text(self.name.clone()))
            .with("rule", Detail::Text(rule.into()))
    }
}

/// Something that a host may answer.
enum Answer {
    Bytes(Vec<u8>, Apart),
    Nothing,
}

impl Answer {
    fn read(value: JsValue) -> Result<Self, JsValue> {
        if value.is_undefined() {
            return Ok(Self::Nothing);
        }
        let value = match value.dyn_into::<Uint8Array>() {
            Ok(bytes) => return Ok(Self::Bytes(bytes.to_vec(), Apart::none())),
            Err(other) => other,
        };
        if !Array::is_array(&value) {
            return Err(value);
        }
        let list: Array = value.unchecked_into();
        match list.get(0).dyn_into::<Uint8Array>() {
            Ok(bytes) => Ok(Self::Bytes(bytes.to_vec(), Apart::new(list))),
            Err(_) => Err(list.into()),
        }
    }
}

#[async_trait(?Send)]
impl Kv for JsHost {
    fn name(&self) -> &str {
        &self.name
    }

    fn limits(&self) -> &HostLimits {
        &self.limits
    }

    async fn get(&self, keys: Vec<Bytes>) -> Result<Vec<Option<Bytes>>> {
        let given = self.bridge.get(&requests::get(&keys));
        match self.answer("get", given).await? {
            Answer::Bytes(bytes, mut apart) => {
                answers::get(&bytes, &mut apart, keys.len()).map_err(|rule| self.broken("get", rule))
            }
            Answer::Nothing => Err(self.no_answer("get")),
        }
    }

    async fn scan(&self, range: ScanRange) -> Result<ScanPage> {
        let given = self.bridge.scan(&requests::scan(&range));
        match self.answer("scan", given).await? {
            Answer::Bytes(bytes, mut apart) => {
                answers::scan(&bytes, &mut apart, range.keys_only).map_err(|rule| self.broken("scan", rule))
            }
            Answer::Nothing => Err(self.no_answer("scan")),
        }
    }

    async fn commit(&self, batch: Batch) -> Result<Commit> {
        let request = requests::commit(&batch);
        requests::apart(&batch).for_each(|value| self.bridge.lend(value));
        let given = self.bridge.commit(&request);
        // The host has what it needs, however long it takes.
        drop((request, batch));
        match self.answer("commit", given).await? {
            Answer::Nothing => Ok(Commit::Applied),
            Answer::Bytes(bytes, _) => answers::refusal(&bytes).map_err(|rule| self.broken("commit", rule)),
        }
    }
}

#[cfg(not(feature = "full"))]
#[async_trait(?Send)]
impl streamkit_core::Expander for JsHost {
    async fn expand(&self, row: Bytes) -> Result<Bytes> {
        let given = self.bridge.expand(&row);
        match self.answer("expand", given).await? {
            Answer::Bytes(row, _) => Ok(row),
            Answer::Nothing => Err(self.no_answer("expand")),
        }
    }
}
