//! Reading the records that a group is about.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;

use futures_util::FutureExt;

use super::Group;
use super::plan::Place;
use crate::error::Result;
use crate::id::{EntryId, MAX_INTEGER};
use crate::layout::Run;
use crate::layout::commit::Item;
use crate::layout::space::SpaceHead;
use crate::store::{Page, PageRun, SeenSpace, SpaceRead};
use crate::streams::{PARTITION_KEY, partition_of_key};

/// Most records that one step reads.
const PAGE: u64 = 256;
/// What a record takes besides its bytes, give or take.
const RECORD_OVERHEAD: u64 = 32;
/// How much of blocks is fetched at once where reading goes on.
const AHEAD_BYTES: usize = 256 << 10;
/// The least that is fetched at once.
const LEAST_BYTES: usize = 4096;

impl Group {
    /// Records of the stream after an id, as far as this head of its space goes. A read of few fetches
    /// few: how much it fetches at once begins with what so many records of the stream take.
    pub(super) async fn read_after(
        &self,
        head: &SpaceHead,
        after: EntryId,
        entries: u64,
        bytes: usize,
    ) -> Result<Page> {
        let last = self.last_read();
        // A read that goes on where the last one ended is mostly followed by another that does: more is fetched ahead
        // for it.
        let ahead = if last.as_ref().is_some_and(|last| last.reached == after) { AHEAD_BYTES } else { 0 };
        let step = usize::try_from(usual_bytes(head).saturating_mul(entries)).unwrap_or(usize::MAX);
        let mut step = step.clamp(LEAST_BYTES, bytes.max(LEAST_BYTES));
        let mut seen = SeenSpace::new(head);
        seen.most_rows = last.as_ref().map_or(entries, |last| last.rows_of(entries));
        let mut commit = last.and_then(|last| last.commit);
        let mut all = Page::default();
        let (mut after, mut entries, mut bytes) = (after, entries, bytes);
        loop {
            let read = SpaceRead {
                space: (*self.stream).into(),
                after,
                min_timestamp: None,
                max_timestamp: None,
                max_entries: entries,
                max_bytes: step.min(bytes).max(1),
            };
            let mut page = self.read_page(read, &mut seen, commit.take(), ahead).boxed_local().await?;
            entries = entries.saturating_sub(page.len());
            let size: usize = page.runs.iter().map(|one| one.run.body.len()).sum();
            bytes = bytes.saturating_sub(size);
            let next = EntryId::new(page.next.0, page.next.1);
            // A page of what was trimmed meanwhile holds nothing, and goes on all the same.
            let ended = page.tail || page.is_empty() && next <= after;
            after = next;
            all.runs.append(&mut page.runs);
            if ended || entries == 0 || bytes == 0 {
                return Ok(all);
            }
            step = step.saturating_mul(4);
            seen.most_rows = seen.most_rows.saturating_mul(4);
        }
    }

    /// One page: of the commit that the last one stopped in, where that goes on, or of some rows.
    async fn read_page(
        &self,
        read: SpaceRead,
        seen: &mut SeenSpace<'_>,
        commit: Option<Box<Item>>,
        ahead: usize,
    ) -> Result<Page> {
        let known = match &commit {
            Some(item) => self.inner().read_commit(item, &read, seen, ahead).boxed_local().await?,
            None => None,
        };
        let page = match known {
            Some(page) => page,
            None => {
                seen.rows = 0;
                let page = self.inner().read_space(read, Some(seen)).boxed_local().await?;
                if seen.rows > 0 && !page.tail {
                    self.note_density(page.len(), seen.rows);
                }
                page
            }
        };
        self.note_reached(EntryId::new(page.next.0, page.next.1), seen.stopped_in.take());
        Ok(page)
    }

    /// These records, each by itself, until `bytes` are reached; at least one. Those that are not there
    /// are trimmed. The ids are in their order.
    pub(super) async fn read_ids(
        &self,
        head: &SpaceHead,
        ids: &[EntryId],
        bytes: usize,
    ) -> Result<FoundEntries> {
        let mut wanted = ids;
        let mut found = FoundEntries { entries: Vec::new(), stopped: None };
        let mut taken = 0;
        while let Some(first) = wanted.first().copied() {
            // As many as lie close together are read at once.
            let near = wanted.iter().take_while(|id| id.ms == first.ms).count() as u64;
            let near = near.clamp(1, PAGE);
            let page = self.read_after(head, first.before(), near, bytes.max(1)).boxed_local().await?;
            let Some(last) = page.runs().last().map(|one| one.run.last_id()) else {
                // Nothing is left from here on.
                break;
            };
            for one in page.runs() {
                for id in wanted.iter().filter(|id| **id >= one.run.first_id && **id <= one.run.last_id()) {
                    if taken >= bytes && !found.entries.is_empty() {
                        found.stopped = Some(*id);
                        return Ok(found);
                    }
                    if let Some(alone) = single(one, *id)? {
                        taken += alone.run.body.len();
                        found.entries.push((*id, Some(alone)));
                    }
                }
            }
            let passed = wanted.iter().take_while(|id| **id <= last).count();
            wanted = wanted.get(passed..).unwrap_or_default();
        }
        Ok(found)
    }
}

/// What a record of the space takes, on average and with a quarter more.
fn usual_bytes(head: &SpaceHead) -> u64 {
    let bytes = head.bytes.saturating_sub(head.trimmed_bytes);
    let records = head.records.saturating_sub(head.trimmed_records);
    let average = bytes.checked_div(records).unwrap_or_default();
    average.saturating_add(average / 4).saturating_add(RECORD_OVERHEAD)
}

/// Records that were looked for one by one.
pub(super) struct FoundEntries {
    /// In id order.
    entries: Vec<(EntryId, Option<PageRun>)>,
    /// The first id that was not looked for.
    stopped: Option<EntryId>,
}

impl FoundEntries {
    /// Gives a record away, if it was found.
    pub(super) fn take(&mut self, id: EntryId) -> Option<PageRun> {
        let at = self.entries.binary_search_by_key(&id, |(found, _)| *found).ok()?;
        self.entries.get_mut(at)?.1.take()
    }

    /// Whether this record was not looked for.
    pub(super) fn stopped_before(&self, id: EntryId) -> bool {
        self.stopped.is_some_and(|stopped| id >= stopped)
    }
}

/// Ids in their order, each once.
pub(super) fn in_order(ids: impl IntoIterator<Item = EntryId>) -> Vec<EntryId> {
    let ids: Vec<EntryId> = ids.into_iter().collect();
    if ids.is_sorted_by(|one, next| one < next) {
        return ids;
    }
    let mut places: Vec<Place> = ids.into_iter().map(|id| (0, id, 0)).collect();
    places.sort_unstable();
    places.dedup();
    places.into_iter().map(|(_, id, _)| id).collect()
}

/// One record of a run.
fn single(one: &PageRun, id: EntryId) -> Result<Option<PageRun>> {
    let skip = id.n - one.run.first_id.n;
    let run = one.run.slice(skip, 1)?;
    Ok(run.map(|run| with_run(one, run)))
}

pub(super) fn with_run(one: &PageRun, run: Run) -> PageRun {
    PageRun { segment: Rc::clone(&one.segment), run, tier: one.tier }
}

/// Every record of a page by itself.
pub(super) fn singles(page: &Page) -> Result<Vec<PageRun>> {
    let mut all = Vec::new();
    for one in page.runs() {
        for n in 0..one.run.count {
            all.extend(one.run.slice(n, 1)?.map(|run| with_run(one, run)));
        }
    }
    Ok(all)
}

/// The slot of a record: of its key, or of its segment's name where it has none.
pub(super) fn slot_of(one: &PageRun, slots: u64) -> u64 {
    let key = one.entries().next().and_then(|entry| {
        entry.content.metadata().find(|(name, _)| *name == PARTITION_KEY).map(|(_, value)| value)
    });
    let slots = u32::try_from(slots.min(MAX_INTEGER)).unwrap_or(u32::MAX);
    u64::from(partition_of_key(key.unwrap_or(&one.segment), slots))
}
