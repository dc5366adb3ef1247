//! Bytes that are shared, not copied, on their way from a host's row to a reader, or from a caller's
//! frame to a block.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use crate::kv::{Buffer, Origin, Value};

/// From here on bytes are lent.
const LENT_BYTES: usize = 16 << 10;

/// A range of a buffer that several hold.
#[derive(Clone)]
pub(crate) struct SharedBytes {
    buffer: Rc<Buffer>,
    range: Range<usize>,
}

impl SharedBytes {
    pub(crate) fn bytes(&self) -> &[u8] {
        self.buffer.bytes.get(self.range.clone()).unwrap_or_default()
    }

    pub(crate) fn len(&self) -> usize {
        self.range.len()
    }

    /// A part, by offsets within these bytes; what lies outside them holds nothing.
    pub(crate) fn part(&self, range: Range<usize>) -> Self {
        let start = self.range.start;
        Self { buffer: Rc::clone(&self.buffer), range: start + range.start..start + range.end }
    }

    /// Where these bytes begin in the buffer.
    pub(crate) fn start(&self) -> usize {
        self.range.start
    }

    /// Whether two are of one buffer.
    pub(crate) fn is_beside(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.buffer, &other.buffer)
    }

    /// Whether the host's copy can stand for so many bytes of the buffer: they are half of it or more, so who keeps them
    /// may as well keep all of it, and enough that a copy costs more than a list.
    pub(crate) fn is_lendable(&self, bytes: usize) -> bool {
        bytes >= LENT_BYTES && bytes * 2 >= self.buffer.bytes.len()
    }

    /// Where the host has the buffer: for whoever asks first, and wants so many bytes of it.
    pub(crate) fn take_origin(&self, bytes: usize) -> Option<Origin> {
        if self.is_lendable(bytes) { self.buffer.origin.take() } else { None }
    }

    /// Lets go of what the host has.
    pub(crate) fn forget_origin(&self) {
        self.buffer.origin.take();
    }
}

impl From<Value> for SharedBytes {
    fn from(value: Value) -> Self {
        let range = 0..value.len();
        Self { buffer: value.0, range }
    }
}

impl From<Vec<u8>> for SharedBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Value::from(bytes).into()
    }
}

impl PartialEq for SharedBytes {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for SharedBytes {}

impl fmt::Debug for SharedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes().fmt(f)
    }
}
