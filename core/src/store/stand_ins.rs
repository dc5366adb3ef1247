//! What stands in for `redo` and `row_by_row` in a build without the feature `every-host`, which serves only hosts
//! whose commits are atomic, checked and consistent. [`Host::check`](super::host::Host::check) refuses all others, so
//! whatever is called here has nothing to do.

use alloc::rc::Rc;
use alloc::vec::Vec;

use uuid::Uuid;

use super::Inner;
use crate::error::{Error, ErrorCode, Result};
use crate::kv::{Batch, Commit, Durability, Put};
use crate::layout::redo::RedoPlace;
use crate::plan::{AttachedRows, PlannedSpace};

fn left_out<T>() -> Result<T> {
    Err(Error::new(ErrorCode::Unsupported, "this build serves hosts with atomic commits"))
}

impl Inner {
    pub(crate) async fn commit_by_redo(
        self: &Rc<Self>,
        _: &mut [PlannedSpace],
        _: Vec<AttachedRows>,
        _: Durability,
        _: &mut bool,
    ) -> Result<Commit> {
        left_out()
    }

    pub(crate) async fn resolve_pending(self: &Rc<Self>, _: &str, _: Uuid) -> Result {
        left_out()
    }

    pub(crate) async fn resolve_place(self: &Rc<Self>, _: &RedoPlace, _: Uuid) -> Result {
        left_out()
    }

    pub(crate) async fn finish_if_committed(&self, _: Uuid) -> Result {
        left_out()
    }

    pub(crate) async fn recover(self: &Rc<Self>) -> Result {
        Ok(())
    }

    pub(crate) async fn pending_transactions(&self) -> Result<usize> {
        Ok(0)
    }

    pub(crate) async fn commit_row_by_row(&self, _: &[PlannedSpace], _: Durability) -> Result<Commit> {
        left_out()
    }

    pub(crate) async fn commit_patch_row_by_row(&self, _: Batch, _: Put) -> Result<Commit> {
        left_out()
    }

    pub(crate) async fn sweep_blocks(&self, _: &str, _: &str, _: u64) -> Result {
        Ok(())
    }

    pub(crate) async fn sweep_commits(self: &Rc<Self>, _: &Rc<str>) -> Result {
        Ok(())
    }
}
