//! Small plain objects: options that come in, reports and errors that go out. By hand, because a
//! library for any object weighs more than all of these.

use alloc::format;
use alloc::string::String;

use js_sys::{Object, Reflect};
use streamkit_core::{Error, Result};
use wasm_bindgen::JsValue;

/// A property; `undefined` where there is none, or nothing that could have any.
pub(crate) fn property(object: &JsValue, name: &str) -> JsValue {
    // Fails for what is no object, and where a getter or a proxy throws.
    Reflect::get(object, &JsValue::from_str(name)).unwrap_or(JsValue::UNDEFINED)
}

/// An object of these properties.
pub(crate) fn object(properties: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (name, value) in properties {
        set(&object, name, value);
    }
    object.into()
}

/// Sets a property of an object of our own, which takes any.
pub(crate) fn set(object: &Object, name: &str, value: &JsValue) {
    let _ = Reflect::set(object, &JsValue::from_str(name), value);
}

/// Reads the properties of an object that is an argument; errors name it and the property.
#[derive(Debug)]
pub(crate) struct Fields<'o> {
    argument: &'static str,
    object: &'o JsValue,
}

impl<'o> Fields<'o> {
    pub(crate) const fn new(argument: &'static str, object: &'o JsValue) -> Self {
        Self { argument, object }
    }

    fn bad(&self, name: &str, rule: &str) -> Error {
        Error::invalid(format!("{}.{name}: {rule}", self.argument))
    }

    pub(crate) fn number(&self, name: &str) -> Result<f64> {
        let value = property(self.object, name).as_f64();
        value.ok_or_else(|| self.bad(name, "must be a number"))
    }

    pub(crate) fn flag(&self, name: &str) -> Result<bool> {
        let value = property(self.object, name).as_bool();
        value.ok_or_else(|| self.bad(name, "must be true or false"))
    }

    pub(crate) fn text(&self, name: &str) -> Result<String> {
        let value = property(self.object, name).as_string();
        value.ok_or_else(|| self.bad(name, "must be a string"))
    }

    pub(crate) fn text_if_any(&self, name: &str) -> Result<Option<String>> {
        let value = property(self.object, name);
        if value.is_undefined() { Ok(None) } else { self.text(name).map(Some) }
    }

    /// What one of a few words stands for.
    pub(crate) fn one_of<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<T> {
        let word = self.text(name)?;
        let found = words.iter().find(|(known, _)| *known == word).map(|(_, meaning)| *meaning);
        found.ok_or_else(|| self.bad(name, "is none of the words that are known"))
    }
}
