//! What a host allows a group.

use super::Group;
use crate::error::{Error, ErrorCode, Result};
use crate::name::MAX_NAME_BYTES;
use crate::plan::LEAST_GROUP_OPS;

/// What a record takes in a page at most: its own run, and its own delivery.
const MOST_RECORD_BYTES: usize = 48;
/// Records of a page where values may be large.
const PAGE_RECORDS: usize = 256;

/// Operations of one commit that are for a group's own affairs, however many it takes.
const MOST_AFFAIRS: usize = 1024;

impl Group {
    /// What a host must do for a group to be safe on it.
    pub(super) fn check_host(&self) -> Result {
        let host = &self.inner().host;
        let limits = host.limits();
        if !host.is_exact() {
            return Err(Error::new(
                ErrorCode::Unsupported,
                "group: this host has no atomic, checked, consistent commits, without which records would be lost",
            ));
        }
        if limits.max_batch_ops < LEAST_GROUP_OPS {
            return Err(Error::new(
                ErrorCode::Unsupported,
                alloc::format!(
                    "group: maxBatchOps of the host must be at least {LEAST_GROUP_OPS}, it is {}",
                    limits.max_batch_ops
                ),
            ));
        }
        Ok(())
    }

    /// Most records of a page on this host.
    pub(super) fn page_records(&self) -> usize {
        let room = self.inner().host.limits().max_value_bytes.saturating_sub(256);
        // Where commits are small, a page must leave room for a letter beside it.
        let room = room.min(self.inner().sizes.batch_bytes / 16);
        (room / MOST_RECORD_BYTES).clamp(8, PAGE_RECORDS)
    }

    /// Most records that one commit sets aside: they come after all that are, so each of its pages is one row.
    pub(super) fn most_aside(&self) -> usize {
        let sizes = &self.inner().sizes;
        (sizes.batch_bytes / 8 / MOST_RECORD_BYTES).min(sizes.batch_ops / 8 * self.page_records())
    }

    /// Operations of a commit that are for the group's own affairs: the rest is for what it is made for,
    /// the head and its checks.
    pub(super) fn room_for_affairs(&self) -> usize {
        let sizes = &self.inner().sizes;
        let bytes_of_one = self.stream.len() + self.name.len() + 2 * MAX_NAME_BYTES + 128;
        let by_bytes = sizes.batch_bytes / 2 / bytes_of_one;
        (sizes.batch_ops / 2).min(by_bytes).clamp(LEAST_GROUP_OPS / 2, MOST_AFFAIRS) - 4
    }
}
