//! How far the commit rows of a space have been followed.

use crate::id::EntryId;

/// Where the chain of commit rows stands.
#[derive(Debug, Default)]
pub(super) struct Chain {
    /// The last id of the row before, and the totals that it states.
    pub(super) before: Option<(EntryId, u64, u64)>,
    /// A row is damaged: what is missing is not reported once more.
    pub(super) is_broken: bool,
}
