//! Transactions over several spaces on hosts that commit one space at a time.

use alloc::rc::Rc;

use uuid::Uuid;

use super::Inner;
use crate::error::{Error, ErrorCode, Result};
use crate::kv::{Commit, Durability};
use crate::plan::PlannedSpace;

impl Inner {
    pub(crate) async fn commit_by_redo(
        self: &Rc<Self>,
        _spaces: &[PlannedSpace],
        _durability: Durability,
    ) -> Result<Commit> {
        Err(Error::new(ErrorCode::Unsupported, "redo"))
    }

    pub(crate) async fn resolve_pending(self: &Rc<Self>, _space: &str, _id: Uuid) -> Result {
        Ok(())
    }

    pub(crate) async fn recover(self: &Rc<Self>) -> Result {
        Ok(())
    }
}
