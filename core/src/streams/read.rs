//! Reading a stream in pages: all of it in id order, or one partition.

use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::append::check_partition;
use super::partition_of_key;
use crate::error::Result;
use crate::id::EntryId;
use crate::layout::block::Block;
use crate::layout::space::SpaceHead;
use crate::layout::stream::StreamMeta;
use crate::name::check_name;
use crate::store::{Inner, Page, PageRun, SegmentRead, SpaceRead, Store, USUAL_BYTES, USUAL_ENTRIES};

/// Which partitions of a stream to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartitionChoice {
    /// All of them, merged in id order.
    All,
    /// One.
    Number(u32),
    /// The one that this key chooses.
    Key(String),
}

/// What to read of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamRead {
    /// The stream.
    pub stream: String,
    /// Which partitions.
    pub partitions: PartitionChoice,
    /// The last id already handled; [`EntryId::ZERO`]: none.
    pub after: EntryId,
    /// The last id wanted.
    pub last: Option<EntryId>,
    /// A partition, and a sequence in it such that nothing before it is above `after`: where the last page
    /// ended. Spares the search for it.
    pub from: Option<(u32, u64)>,
    /// Most entries of the page; at least 1.
    pub max_entries: u64,
    /// Most bytes of entries, give or take one block.
    pub max_bytes: usize,
}

impl StreamRead {
    /// All of a stream from its beginning, in pages of about 1 MiB.
    pub fn new(stream: impl Into<String>) -> Self {
        Self {
            stream: stream.into(),
            partitions: PartitionChoice::All,
            after: EntryId::ZERO,
            last: None,
            from: None,
            max_entries: USUAL_ENTRIES,
            max_bytes: USUAL_BYTES,
        }
    }
}

impl Store {
    /// One page of a stream, in id order. `next` is the last id passed. A stream that does not exist reads
    /// as empty; a space that is no stream as the space.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for the name, and for a partition that the stream does not have; `CORRUPT` when a
    /// row is damaged, with its key; `UNAVAILABLE` when the host fails.
    pub async fn read_stream(&self, read: StreamRead) -> Result<Page> {
        self.inner.check_open()?;
        check_name("name", &read.stream)?;
        let passed = (read.after.ms, read.after.n);
        if read.last.is_some_and(|last| last <= read.after) {
            return Ok(Page { next: passed, done: true, ..Page::default() });
        }
        let page = match &read.partitions {
            PartitionChoice::All => self.inner.read_all(&read).await?,
            chosen => {
                let (head, meta) = self.inner.stream_head(&read.stream).await?;
                match partition(chosen, &meta)? {
                    Some(partition) if head.is_visible() => {
                        self.inner.read_partition(&read, partition, &head).await?
                    }
                    _ => {
                        let beyond = self.inner.is_beyond(&read, &head);
                        Page { next: passed, done: beyond, tail: !beyond, ..Page::default() }
                    }
                }
            }
        };
        bounded(page, &read)
    }
}

fn partition(chosen: &PartitionChoice, meta: &StreamMeta) -> Result<Option<u32>> {
    match chosen {
        PartitionChoice::All => Ok(None),
        PartitionChoice::Key(key) => Ok(Some(partition_of_key(key, meta.partitions))),
        PartitionChoice::Number(number) if meta.is_stream() => {
            check_partition(*number, meta.partitions).map(Some)
        }
        PartitionChoice::Number(number) => Ok(Some(*number)),
    }
}

/// The page without what lies outside of the bounds, going on after the last id passed.
fn bounded(page: Page, read: &StreamRead) -> Result<Page> {
    let last = read.last.unwrap_or(EntryId::MAX);
    // What was trimmed is passed as well.
    let mut passed = read.after.max(EntryId::new(page.next.0, page.next.1));
    let mut done = page.done;
    let mut runs = Vec::with_capacity(page.runs.len());
    for one in page.runs {
        done |= one.run.last_id() > last;
        if let Some(run) = one.run.between(read.after, last)? {
            passed = passed.max(run.last_id());
            runs.push(PageRun { run, ..one });
        }
    }
    done |= passed >= last;
    Ok(Page { runs, next: (passed.ms, passed.n), done, tail: page.tail && !done, stream: true })
}

impl Inner {
    async fn read_all(self: &Rc<Self>, read: &StreamRead) -> Result<Page> {
        let read = SpaceRead {
            space: read.stream.clone(),
            after: read.after,
            min_timestamp: None,
            max_timestamp: read.last.map(|last| last.ms),
            max_entries: read.max_entries,
            max_bytes: read.max_bytes,
        };
        self.read_space(read, None).await
    }

    /// Whether a stream has come to the last id wanted: whatever is appended from now on has a higher id than all
    /// that is committed.
    fn is_beyond(&self, read: &StreamRead, seen: &SpaceHead) -> bool {
        let is_whole = self.host.is_consistent() && !seen.importing;
        is_whole && read.last.is_some_and(|last| last <= seen.last_id)
    }

    async fn read_partition(
        self: &Rc<Self>,
        read: &StreamRead,
        partition: u32,
        seen: &SpaceHead,
    ) -> Result<Page> {
        let (space, segment) = (&*read.stream, partition.to_string());
        let after = read.after.max(seen.trimmed);
        let beyond = self.is_beyond(read, seen);
        let tail = Page { done: beyond, tail: !beyond, ..Page::default() };
        let known = read.from.filter(|(known, _)| *known == partition);
        let mut from = match known {
            Some((_, sequence)) => sequence,
            None if after == EntryId::ZERO => 1,
            None => match self.first_sequence_above(space, &segment, after).await? {
                Some(sequence) => sequence,
                None => return Ok(tail),
            },
        };
        // What was trimmed and not collected yet makes pages without entries, and what was not shown yet may turn out
        // to be below what is wanted.
        loop {
            let mut page = self
                .read_segment(SegmentRead {
                    space: read.stream.clone(),
                    segment: segment.clone(),
                    from,
                    max_sequence: None,
                    min_timestamp: None,
                    max_timestamp: read.last.map(|last| last.ms),
                    max_entries: read.max_entries,
                    max_bytes: read.max_bytes,
                })
                .await?;
            if page.done || page.tail || page.runs().last().is_some_and(|one| one.run.last_id() > after) {
                page.done |= page.tail && beyond;
                // That is a sequence, not an id.
                page.next = (0, 0);
                return Ok(page);
            }
            from = page.next.0;
        }
    }

    /// A sequence of a segment such that nothing before it is above an id; `None` where nothing is above it at all.
    async fn first_sequence_above(&self, space: &str, segment: &str, after: EntryId) -> Result<Option<u64>> {
        let (head, state) = self.fresh_segment(space, segment).await?;
        if state.last_sequence == 0 || state.last_id <= after {
            return Ok(None);
        }
        if let Some(named) = self.sequence_after((space, segment), after, &head).await? {
            return Ok(Some(named));
        }
        let (low, found) = self.block_after(space, segment, state.last_sequence, after, &head.voids).await?;
        Ok(found.and_then(|found| match first_after(&found, after) {
            // What lies between may not be shown yet: reading the segment tells.
            Some(first) if first == found.first_sequence && !self.host.is_consistent() => Some(low),
            first => first,
        }))
    }
}

/// The sequence of a block's first entry above an id.
fn first_after(found: &Block, after: EntryId) -> Option<u64> {
    let run = found.runs.iter().find(|run| run.last_id() > after)?;
    let skipped = if run.first_id > after { 0 } else { after.n - run.first_id.n + 1 };
    Some(run.first_sequence + skipped)
}
