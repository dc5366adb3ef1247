//! Options of opening.

use streamkit_core::{Compression, Durability, OpenOptions, Result};
use wasm_bindgen::JsValue;

use super::uuid;
use crate::numbers::duration;
use crate::objects::Fields;

const DURABILITIES: [(&str, Durability); 2] =
    [("strict", Durability::Strict), ("relaxed", Durability::Relaxed)];
const COMPRESSIONS: [(&str, Compression); 3] =
    [("auto", Compression::Auto), ("none", Compression::None), ("always", Compression::Always)];

pub(super) fn read_options(value: &JsValue) -> Result<OpenOptions> {
    let fields = Fields::new("options", value);
    let duration = |name: &str| duration(name, fields.number(name)?);
    Ok(OpenOptions {
        store_id: fields.text_if_any("storeId")?.map(|id| uuid("storeId", &id)).transpose()?,
        durability: fields.one_of("durability", &DURABILITIES)?,
        compression: fields.one_of("compression", &COMPRESSIONS)?,
        host_timeout: duration("hostTimeout")?,
        poll_interval: duration("pollInterval")?,
        auto_compact: fields.flag("autoCompact")?,
    })
}
