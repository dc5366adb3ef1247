//! Reading a space as one timeline.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use super::super::{Call, Inner, Row, Store};
use super::density::Density;
use super::page::{Filling, Page, Tier, USUAL_BYTES, USUAL_ENTRIES, place};
use super::segment::check_times;
use crate::error::{Error, Result};
use crate::id::{EntryId, MAX_INTEGER};
use crate::kv::Atomicity;
use crate::layout::commit::{self, Item, Names};
use crate::layout::space::SpaceHead;
use crate::layout::stream::StreamMeta;
use crate::layout::{KeyRange, Voids};
use crate::name::check_name;

/// Most rows that one page looks at.
const MOST_ROWS: usize = 1024;

/// About what a commit row takes at most for an entry that stands in it.
const ENTRY_ROW_BYTES: usize = commit::INLINE_BYTES + 256;

/// Only a full build reads from heads that were seen before.
const EVERY_HOST: bool = cfg!(feature = "every-host");

/// What to read of a space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpaceRead {
    /// The space.
    pub space: String,
    /// The last id already handled; [`EntryId::ZERO`]: none.
    pub after: EntryId,
    /// The earliest milliseconds wanted.
    pub min_timestamp: Option<u64>,
    /// The latest milliseconds wanted.
    pub max_timestamp: Option<u64>,
    /// Most entries of the page; at least 1.
    pub max_entries: u64,
    /// Most bytes of entries, give or take one run.
    pub max_bytes: usize,
}

impl SpaceRead {
    /// All of a space from its beginning, in pages of about 1 MiB.
    pub fn new(space: impl Into<String>) -> Self {
        Self {
            space: space.into(),
            after: EntryId::ZERO,
            min_timestamp: None,
            max_timestamp: None,
            max_entries: USUAL_ENTRIES,
            max_bytes: USUAL_BYTES,
        }
    }
}

/// For a caller that reads on from a head which it has read already (groups): pages go as far as that head and no
/// further, and leave here what they met, for the next page to begin with.
#[derive(Debug)]
pub(crate) struct SeenSpace<'h> {
    head: &'h SpaceHead,
    /// Most rows that a page asks for at once.
    pub(crate) most_rows: u64,
    /// Rows that pages looked at; the caller sets it back.
    pub(crate) rows: u64,
    /// The run in the middle of which the last page stopped, if its entries stand in blocks.
    pub(crate) stopped_in: Option<Box<Item>>,
}

impl<'h> SeenSpace<'h> {
    pub(crate) fn new(head: &'h SpaceHead) -> Self {
        Self { head, most_rows: u64::MAX, rows: 0, stopped_in: None }
    }

    fn stop_in(&mut self, item: &Item, reached: EntryId) {
        let more = reached < item.last_id() && item.inline.is_none();
        self.stopped_in = more.then(|| Box::new(item.clone()));
    }
}

/// How many commit rows a page asks for, `likely` of them if it has room, and how many bytes.
fn row_limits(read: &SpaceRead, likely: u64) -> (usize, usize) {
    // Each row holds at least one wanted entry, so the page needs no more rows than entries.
    let most = usize::try_from(likely.min(read.max_entries)).unwrap_or(MOST_ROWS).clamp(1, MOST_ROWS);
    // Merged rows are larger than rows of one entry: bytes bound them.
    let bytes = usize::try_from(read.max_entries).unwrap_or(usize::MAX).saturating_mul(ENTRY_ROW_BYTES);
    (most, bytes.clamp(1, read.max_bytes.max(1)))
}

impl Store {
    /// One page of a space, in id order. [`Page::passed`] is what the next one comes after.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for the name and bounds; `CORRUPT` when a row is damaged, with its key;
    /// `UNAVAILABLE` when the host fails.
    pub async fn read_space(&self, read: SpaceRead) -> Result<Page> {
        self.inner.check_open()?;
        check_name("space", &read.space)?;
        check_times(read.min_timestamp, read.max_timestamp)?;
        self.inner.read_space(read, None).await
    }
}

impl Inner {
    /// One page: as far as the head goes that the caller brings, else the one that is stored now.
    pub(crate) async fn read_space(
        &self,
        read: SpaceRead,
        mut seen: Option<&mut SeenSpace<'_>>,
    ) -> Result<Page> {
        let mut head = match &seen {
            Some(seen) if EVERY_HOST => seen.head.clone(),
            _ => self.fresh_head(&read.space).await?,
        };
        // What is trimmed is passed.
        let after = read.after.max(head.trimmed);
        let mut filling = Filling::new(read.max_entries, read.max_bytes, (after.ms, after.n));
        filling.page.stream = StreamMeta::is_stream_at(&head);
        // What is being imported is as old as it was where it was exported.
        let beyond = !head.importing && read.max_timestamp.is_some_and(|most| head.last_id.ms > most);
        let before_min = EntryId::new(read.min_timestamp.unwrap_or(0), 0).before();
        let mut passed = after.max(before_min);
        let last = read
            .max_timestamp
            .map_or(head.last_id, |most| head.last_id.min(EntryId { ms: most, n: MAX_INTEGER }));
        if !head.is_visible() || passed >= last {
            return Ok(filling.end(beyond));
        }
        // Where rows are merged, a row that holds wanted entries may have been joined, since the head was read, to
        // one that ends beyond the head's last id.
        let merges = self.host.atomic() != Atomicity::None;
        let range = commit::range(&read.space, passed, if merges { EntryId::MAX } else { head.last_id });
        let mut density = Density::of(&read.space);
        let likely = match &seen {
            Some(seen) if EVERY_HOST => seen.most_rows,
            _ => self.density.get().rows_of(read.max_entries, passed, &density),
        };
        let limits = row_limits(&read, likely);
        let (rows, more) = self.commit_rows(range, &read.space, limits, &head.voids).await?;
        let space: Rc<str> = Rc::from(&*read.space);
        let mut names = Names::remembered();
        for (row_last, (key, value)) in rows {
            let row =
                commit::decode_sharing(value, row_last, &mut names).map_err(|error| error.at_key(&key))?;
            // A caller that brings a head keeps its own count: it reads in another place than the readers whom the
            // hint serves.
            if EVERY_HOST && let Some(seen) = &mut seen {
                seen.rows += 1;
            } else {
                density.add(row.items.iter().map(|item| item.count).sum(), (row.previous, row_last));
                self.density.set(density);
            }
            if row.previous > passed {
                if !self.host.is_consistent() {
                    // Not visible yet: what follows is shown once it can be shown in order.
                    filling.page.tail = true;
                    return Ok(filling.page);
                }
                head = self.fresh_head(&read.space).await?;
                if row.previous > head.trimmed.max(before_min) {
                    return Err(Error::corrupt(alloc::format!(
                        "commit row: what was committed before {} is missing",
                        row.previous
                    ))
                    .at_key(&key));
                }
                passed = passed.max(head.trimmed);
                // The bound may have passed all rows at hand. The page then shows nothing, and still moves the reader
                // on.
                filling.page.next = (passed.ms, passed.n);
            }
            for item in &row.items {
                if item.last_id() <= passed {
                    continue;
                }
                if item.first_id > last {
                    return Ok(filling.end(beyond));
                }
                // What is inline needs no call that may wait.
                let shown = match &item.inline {
                    Some(run) => {
                        let shown = filling.show(&item.segment, run, (passed, last), Tier::Warm);
                        shown.map(|shown| shown.or(Some(passed)))
                    }
                    None => self.show_blocks(&space, item, passed, last, &head, &mut filling).await,
                };
                let Some(reached) = shown.map_err(|error| error.at_key(&key))? else {
                    filling.page.tail = true;
                    return Ok(filling.page);
                };
                passed = reached;
                filling.page.next = (passed.ms, passed.n);
                if filling.room() == 0 {
                    filling.page.done = beyond && passed >= last;
                    if EVERY_HOST && let Some(seen) = seen {
                        seen.stop_in(item, passed);
                    }
                    return Ok(filling.page);
                }
                if passed < item.last_id().min(last) {
                    // The rest of the item is not visible yet.
                    filling.page.tail = true;
                    return Ok(filling.page);
                }
            }
        }
        // Where rows may not be visible yet, the last ones before the bound may be among them.
        let is_all = passed >= last || self.host.is_consistent();
        Ok(if more { filling.page } else { filling.end(beyond && is_all) })
    }

    /// Commit rows of a range with the ids that they end with, and whether there are more: up to
    /// `(rows, bytes)`, at least one where there are any. What is void counts as not there.
    pub(crate) fn commit_rows<'c>(
        &'c self,
        range: KeyRange,
        space: &'c str,
        limits: (usize, usize),
        voids: &'c Voids,
    ) -> Call<'c, (Vec<(EntryId, Row)>, bool)> {
        Box::pin(async move {
            let mut found = Vec::new();
            let mut take = |row: Row| {
                let last = commit::last_id(&row.0, space)
                    .ok_or_else(|| Error::corrupt("commit row: its key is malformed").at_key(&row.0))?;
                if !voids.contains(last) {
                    found.push((last, row));
                }
                Ok(!found.is_empty())
            };
            let more = self.rows_until(range, None, limits, &mut take).await?;
            Ok((found, more))
        })
    }

    /// A page of entries of one commit, as far as it goes, and the head that was seen; `None` where it does
    /// not hold what comes next. At least `ahead` bytes of blocks are fetched at once. What a commit's
    /// entries are never changes, wherever they are merged to.
    pub(crate) async fn read_commit(
        &self,
        item: &Item,
        read: &SpaceRead,
        seen: &mut SeenSpace<'_>,
        ahead: usize,
    ) -> Result<Option<Page>> {
        let head = seen.head;
        let passed = read.after.max(head.trimmed);
        let begins = item.first_id.before() <= passed && passed < item.last_id();
        if !begins || !head.is_visible() || passed >= head.last_id || self.host.atomic() == Atomicity::None {
            return Ok(None);
        }
        let mut filling = Filling::new(read.max_entries, read.max_bytes, (passed.ms, passed.n));
        filling.fetch(ahead);
        let space: Rc<str> = Rc::from(&*read.space);
        let shown = self.show_blocks(&space, item, passed, head.last_id, head, &mut filling).await;
        let shown = shown.map_err(|error| error.at_key(&commit::key(&space, item.last_id())))?;
        if let Some(reached) = shown {
            filling.page.next = (reached.ms, reached.n);
            seen.stop_in(item, reached);
        }
        Ok(Some(filling.page))
    }

    /// Shows the entries above `passed` and not above `last` of an item that stands in blocks, as far as there
    /// is room. Gives the last id shown; `None` when an inconsistent host does not show the entries yet.
    async fn show_blocks(
        &self,
        space: &Rc<str>,
        item: &Item,
        passed: EntryId,
        last: EntryId,
        head: &SpaceHead,
        filling: &mut Filling,
    ) -> Result<Option<EntryId>> {
        let mut reached = passed;
        let item_last = item.last_id().min(last);
        while reached < item_last && filling.room() > 0 {
            let sequence = if reached < item.first_id {
                item.first_sequence
            } else {
                item.first_sequence + (reached.n - item.first_id.n) + 1
            };
            let ahead = filling.ahead(&item.segment, self.block_size.get());
            let found = self.block_at(space, &item.segment, sequence, ahead, &head.voids).await?;
            let run = found.as_ref().and_then(|(found, hot)| {
                let index = found.runs.partition_point(|run| run.last_sequence() < sequence);
                Some((found.runs.get(index)?, *hot))
            });
            let Some((run, hot)) = run else {
                let missing = self.missing_item(space, item, head).await?;
                // What was shown of the item so far is passed.
                return Ok(missing.or((reached > passed).then_some(reached)));
            };
            let offset = sequence - item.first_sequence;
            let expected = EntryId { ms: item.first_id.ms, n: item.first_id.n + offset };
            let inside = sequence - run.first_sequence;
            if run.first_id.ms != expected.ms || run.first_id.n + inside != expected.n {
                if !self.host.is_consistent() {
                    return Ok((reached > passed).then_some(reached));
                }
                return Err(Error::corrupt(alloc::format!(
                    "commit row: sequence {sequence} of {} has another id in its block",
                    place(space, &item.segment)
                )));
            }
            let tier = if hot { Tier::Hot } else { Tier::Warm };
            match filling.show(&item.segment, run, (reached, item_last), tier)? {
                Some(shown) => reached = shown,
                None => return Ok(Some(reached)),
            }
        }
        Ok(Some(reached))
    }

    /// A reference that nothing holds: trimmed meanwhile, not visible yet, or damage.
    async fn missing_item(&self, space: &str, item: &Item, head: &SpaceHead) -> Result<Option<EntryId>> {
        let again = self.fresh_head(space).await?;
        if again.trimmed >= item.last_id() && again.trimmed > head.trimmed {
            return Ok(Some(item.last_id()));
        }
        if !self.host.is_consistent() {
            return Ok(None);
        }
        Err(Error::corrupt(alloc::format!(
            "commit row: sequence {} of {} is in no block",
            item.first_sequence,
            place(space, &item.segment)
        )))
    }
}
