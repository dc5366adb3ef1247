//! What a commit to a group leaves behind.

use alloc::rc::Rc;

use super::Kept;
use crate::kv::Bytes;
use crate::layout::group::GroupHead;
use crate::layout::space::SpaceHead;

/// A group as one commit left it: what the next call can begin with, if nobody else commits to the group meanwhile. The
/// stream is as that commit was planned from it.
#[derive(Debug, Clone)]
pub(crate) struct Left {
    pub(crate) head: GroupHead,
    /// What is known of the group besides.
    pub(crate) kept: Kept,
    /// The head of the stream's space.
    pub(crate) stream: Rc<SpaceHead>,
    /// That head as stored, where that is known.
    pub(crate) stream_row: Option<Bytes>,
}
