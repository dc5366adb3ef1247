//! The latest entry of a segment.

use alloc::rc::Rc;
use alloc::vec::Vec;

use super::super::{Inner, Store};
use super::page::{Page, PageRun, Tier};
use crate::error::Result;
use crate::layout::segment::SegmentHead;
use crate::layout::space::SpaceHead;
use crate::layout::stream::StreamMeta;
use crate::layout::{segment as segment_row, space as space_row};
use crate::name::check_name;
use crate::store::load::decode_head;

/// Tries at seeing head and block of one moment, where the host gives no snapshots.
const TRIES: u32 = 4;

impl Store {
    /// The latest entry of a segment: a page of one entry, or an empty one.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for names; `CORRUPT` when a row is damaged; `UNAVAILABLE` when the host
    /// fails.
    pub async fn peek(&self, space: &str, segment: &str) -> Result<Page> {
        self.inner.check_open()?;
        check_name("space", space)?;
        check_name("segment", segment)?;
        for _ in 0..TRIES {
            let (head, state) = self.inner.fresh_segment(space, segment).await?;
            let empty = !head.is_visible()
                || state.last_sequence == 0
                || state.last_id <= head.trimmed
                || state.last_id > head.last_id;
            if empty {
                break;
            }
            let found = self.inner.next_block(space, segment, state.last_sequence, &head.voids).await?;
            let run = found.and_then(|found| {
                found.runs.into_iter().find(|run| run.last_sequence() >= state.last_sequence)
            });
            if let Some(run) = run
                && run.first_sequence <= state.last_sequence
                && let Some(run) = run.slice(state.last_sequence - run.first_sequence, 1)?
            {
                return Ok(Page {
                    next: (state.last_sequence + 1, 0),
                    runs: Vec::from([PageRun { segment: Rc::from(segment), run, tier: Tier::Warm }]),
                    done: true,
                    tail: false,
                    stream: StreamMeta::is_stream_at(&head),
                });
            }
        }
        Ok(Page { done: true, tail: true, ..Page::default() })
    }
}

impl Inner {
    /// Space head and segment head as the host has them now.
    pub(crate) async fn fresh_segment(&self, space: &str, segment: &str) -> Result<(SpaceHead, SegmentHead)> {
        let keys = Vec::from([space_row::key(space), segment_row::key(space, segment)]);
        let mut rows = self.host.get(keys.clone()).await?.into_iter();
        let mut head = decode_head(rows.next().flatten().as_deref(), &space_row::key(space))?;
        if !head.pending.is_nil() {
            self.finish_if_committed(head.pending).await?;
            rows = self.host.get(keys).await?.into_iter();
            head = decode_head(rows.next().flatten().as_deref(), &space_row::key(space))?;
        }
        let row = rows.next().flatten();
        let state = match (head.carried(segment), row) {
            (Some(carried), _) => *carried,
            (None, Some(row)) => {
                SegmentHead::decode(&row).map_err(|error| error.at_key(&segment_row::key(space, segment)))?
            }
            (None, None) => SegmentHead::EMPTY,
        };
        Ok((head, state))
    }
}
