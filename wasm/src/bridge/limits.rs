//! The abilities of the host.

use streamkit_core::{Atomicity, HostLimits, Result};
use wasm_bindgen::JsValue;

use crate::numbers::size;
use crate::objects::Fields;

const ATOMICITIES: [(&str, Atomicity); 3] =
    [("store", Atomicity::Store), ("space", Atomicity::Space), ("none", Atomicity::None)];

pub(crate) fn read_limits(value: &JsValue) -> Result<HostLimits> {
    let fields = Fields::new("host.limits", value);
    let size = |name: &str| size(name, fields.number(name)?);
    Ok(HostLimits {
        max_key_bytes: size("maxKeyBytes")?,
        max_value_bytes: size("maxValueBytes")?,
        max_batch_ops: size("maxBatchOps")?,
        max_batch_bytes: size("maxBatchBytes")?,
        block_bytes: size("blockBytes")?,
        atomic: fields.one_of("atomic", &ATOMICITIES)?,
        checks: fields.flag("checks")?,
        consistent: fields.flag("consistent")?,
        shared: fields.flag("shared")?,
        compress: fields.flag("compress")?,
    })
}
