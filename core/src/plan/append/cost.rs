//! What a request adds to a commit, and whether the host takes that.

use alloc::vec::Vec;

use super::Planner;
use crate::error::Error;
use crate::layout::RUN_HEADER_BYTES;
use crate::layout::segment::SEGMENT_HEAD_BYTES;
use crate::layout::space::SPACE_HEAD_BYTES;
use crate::layout::stream::STREAM_META_BYTES;
use crate::layout::trx::TRX_ROW_BYTES;
use crate::plan::sizes::{KEY_BYTES, ROW_BYTES};
use crate::plan::{AttachedRows, Write, WriteRequest};

/// What a plan counts for an item of a commit row besides its segment's name and an inline run.
const ITEM_BYTES: usize = 64;
/// What a plan counts for the check of a lease: two names, and the numbers of its row.
const LEASE_BYTES: usize = 512;
/// What a plan counts for a space head, checked and written, beyond its fixed fields.
const HEADS_SPARE_BYTES: usize = 256;

impl Planner<'_> {
    /// Whether the share of each space fits a commit of its own.
    pub(super) fn fits_by_space(&self, request: &WriteRequest) -> bool {
        self.shares(request).all(|share| self.fits(share))
    }

    /// What the share of each space costs.
    fn shares<'r>(&'r self, request: &'r WriteRequest) -> impl Iterator<Item = (usize, usize)> + 'r {
        let is_first =
            |(n, one): &(usize, &Write)| request.writes.iter().take(*n).all(|write| write.space != one.space);
        let spaces = request.writes.iter().enumerate().filter(is_first).map(|(_, one)| &*one.space);
        spaces.map(|space| self.cost_of(request, Some(space)))
    }

    fn fits(&self, (ops, bytes): (usize, usize)) -> bool {
        ops <= self.sizes.batch_ops && bytes <= self.sizes.batch_bytes
    }

    /// Which limit of the host a request is beyond that does not fit an empty commit.
    pub(super) fn beyond_host(&self, request: &WriteRequest) -> Error {
        let share = if self.apart { self.shares(request).find(|share| !self.fits(*share)) } else { None };
        let (ops, bytes) = share.unwrap_or_else(|| self.cost(request));
        if ops > self.sizes.batch_ops {
            return Error::limit("rows of one commit", self.sizes.batch_ops as u64, ops as u64);
        }
        Error::limit("bytes of one commit with its rows' own", self.sizes.batch_bytes as u64, bytes as u64)
    }

    /// Operations and bytes that a request adds to the commit, counted so that they are never too few.
    pub(super) fn cost(&self, request: &WriteRequest) -> (usize, usize) {
        self.cost_of(request, None)
    }

    /// The same; with `only`, of what it writes to that space.
    fn cost_of(&self, request: &WriteRequest, only: Option<&str>) -> (usize, usize) {
        let (mut ops, mut bytes) = (0, 0);
        // What the request adds to the commit row of each space.
        let mut items: Vec<(&str, usize)> = Vec::new();
        for write in request.writes.iter().filter(|write| only.is_none_or(|space| *write.space == *space)) {
            let key = write.space.len() + write.segment.len() + KEY_BYTES;
            let run = write.entries.len() + RUN_HEADER_BYTES;
            let draft = self.spaces.get(&write.space);
            let segment = draft.and_then(|draft| draft.segments.get(&write.segment));
            let before = segment.map_or(0, |segment| segment.bytes);
            // Its blocks.
            let rows = self.sizes.rows_of(before + run) - self.sizes.rows_of(before);
            ops += rows;
            bytes += run + rows * (key + ROW_BYTES);
            // The segment head.
            if segment.is_none() {
                ops += 1;
                bytes += key + SEGMENT_HEAD_BYTES;
            }
            if request.trx_supplied {
                ops += 1;
                bytes += key + TRX_ROW_BYTES;
            }
            let earlier = items.iter_mut().rev().find(|(space, _)| *space == &*write.space);
            // The space head: its check, its row, and a row to spare. It is in the commit twice, as checked and as written.
            if draft.is_none() && earlier.is_none() {
                ops += 3;
                bytes += 3 * key + 2 * (SPACE_HEAD_BYTES + STREAM_META_BYTES) + HEADS_SPARE_BYTES;
            }
            // What it adds to commit rows.
            let inline = if run <= self.sizes.inline_bytes { run } else { 0 };
            let item = write.segment.len() + ITEM_BYTES + inline;
            let before = draft.map_or(0, |draft| draft.item_bytes)
                + earlier.as_ref().map_or(0, |(_, earlier)| *earlier);
            let rows = self.sizes.rows_of(before + item) - self.sizes.rows_of(before);
            ops += rows;
            bytes += item + rows * (key + ROW_BYTES);
            match earlier {
                Some((_, earlier)) => *earlier += item,
                // A request of one write, as most are, needs no list.
                None if request.writes.len() > 1 => items.push((&write.space, item)),
                None => {}
            }
        }
        if request.lease().is_some() {
            ops += 1;
            bytes += LEASE_BYTES;
        }
        if let Some(rows) = request.rows() {
            ops += 1 + rows.deletes.len() + rows.puts.len();
            bytes += rows.bytes();
        }
        if let Some(trim) = request.trim() {
            ops += 2;
            bytes += 2 * (trim.space.len() + KEY_BYTES + SPACE_HEAD_BYTES) + HEADS_SPARE_BYTES;
        }
        (ops, bytes)
    }
}

impl AttachedRows {
    /// Bytes of keys and values.
    fn bytes(&self) -> usize {
        let checked = self.check.key.len() + self.check.value.as_ref().map_or(0, Vec::len);
        let deleted: usize = self.deletes.iter().map(Vec::len).sum();
        let put: usize = self.puts.iter().map(|put| put.key.len() + put.value.len()).sum();
        checked + deleted + put
    }
}
