//! Bytes that are shared, not copied, on their way from a host's row to a reader, or from a caller's
//! frame to a block.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::ops::Range;

/// A range of a buffer that several hold.
#[derive(Debug, Clone)]
pub(crate) struct SharedBytes {
    buffer: Rc<Vec<u8>>,
    range: Range<usize>,
}

impl SharedBytes {
    pub(crate) fn bytes(&self) -> &[u8] {
        self.buffer.get(self.range.clone()).unwrap_or_default()
    }

    pub(crate) fn len(&self) -> usize {
        self.range.len()
    }

    /// A part, by offsets within these bytes; what lies outside them holds nothing.
    pub(crate) fn part(&self, range: Range<usize>) -> Self {
        let start = self.range.start;
        Self { buffer: Rc::clone(&self.buffer), range: start + range.start..start + range.end }
    }
}

impl From<Vec<u8>> for SharedBytes {
    fn from(bytes: Vec<u8>) -> Self {
        let range = 0..bytes.len();
        Self { buffer: Rc::new(bytes), range }
    }
}

impl PartialEq for SharedBytes {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for SharedBytes {}
