//! Large values of an answer, which stand apart from its buffer so that each is copied once.

use alloc::rc::Rc;

use js_sys::{Array, Uint8Array};
use streamkit_core::Value;
use wasm_bindgen::JsCast;

/// The list that an answer came in: its buffer, then the values that stand apart, in order.
pub(crate) struct Apart {
    list: Option<Array>,
    next: u32,
}

impl Apart {
    /// An answer that is one buffer.
    pub(crate) const fn none() -> Self {
        Self { list: None, next: 1 }
    }

    pub(crate) const fn new(list: Array) -> Self {
        Self { list: Some(list), next: 1 }
    }

    /// The next value, if there is one of this length. Whoever has it can have the host's array too.
    pub(crate) fn take(&mut self, length: u32) -> Option<Value> {
        let value = self.list.as_ref()?.get(self.next).dyn_into::<Uint8Array>().ok()?;
        self.next += 1;
        (value.length() == length).then(|| Value::with_origin(value.to_vec(), Rc::new(value)))
    }

    /// Whether every value was taken.
    pub(crate) fn is_at_end(&self) -> bool {
        self.list.as_ref().is_none_or(|list| self.next == list.length())
    }
}
