//! Packing runs into rows of the size at which the host is at its best.

use alloc::vec::Vec;

use super::Sizes;
use crate::codec::fit_entries;
use crate::error::Result;
use crate::layout::commit::Item;
use crate::layout::{RUN_HEADER_BYTES, Run};

/// Cuts neighbouring runs of one segment into blocks of so many bytes. A run is cut between entries; an entry larger
/// than a row stands alone.
pub(crate) fn pack_blocks(runs: &[Run], row_bytes: usize) -> Result<Vec<Vec<Run>>> {
    let mut blocks = Vec::new();
    let mut block: Vec<Run> = Vec::new();
    let mut room = row_bytes;
    for run in runs {
        let mut rest = run.clone();
        loop {
            let length = rest.encoded_len();
            if length <= room {
                room -= length;
                block.push(rest);
                break;
            }
            let budget = room.saturating_sub(RUN_HEADER_BYTES);
            let mut fitting = fit_entries(rest.body.bytes(), budget)?;
            if fitting == 0 {
                if block.is_empty() {
                    fitting = 1;
                } else {
                    blocks.push(core::mem::take(&mut block));
                    room = row_bytes;
                    continue;
                }
            }
            if let Some(head) = rest.slice(0, fitting)? {
                block.push(head);
            }
            blocks.push(core::mem::take(&mut block));
            room = row_bytes;
            match rest.slice(fitting, u64::MAX)? {
                Some(tail) => rest = tail,
                None => break,
            }
        }
    }
    if !block.is_empty() {
        blocks.push(block);
    }
    Ok(blocks)
}

/// Spreads the items of a commit over rows. Items are small or references, and never cut.
pub(crate) fn pack_items(items: Vec<Item>, sizes: &Sizes) -> Vec<Vec<Item>> {
    let mut rows = Vec::new();
    let mut row = Vec::new();
    let mut room = sizes.row_bytes;
    for item in items {
        let length = item.encoded_len();
        if length > room && !row.is_empty() {
            rows.push(core::mem::take(&mut row));
            room = sizes.row_bytes;
        }
        room = room.saturating_sub(length);
        row.push(item);
    }
    if !row.is_empty() {
        rows.push(row);
    }
    rows
}
