//! Merging small rows.

use alloc::rc::Rc;

use super::Inner;
use crate::plan::PlannedSpace;

/// Rows worth merging that this instance wrote.
#[derive(Debug, Default)]
pub(crate) struct SmallRows;

impl Inner {
    pub(crate) fn note_small_rows(self: &Rc<Self>, _planned: &PlannedSpace) {}
}
