//! What there is: spaces, segments, their statuses, and what changed since.

use alloc::collections::BTreeSet;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Inner, Store};
use crate::error::{Error, Result};
use crate::id::EntryId;
use crate::kv::{Bytes, ScanRange};
use crate::layout::segment::SegmentHead;
use crate::layout::space::SpaceHead;
use crate::layout::{commit, segment, space};
use crate::name::check_name;
use crate::status::SegmentStatus;

/// Most rows of one look at an inventory.
const MOST_ROWS: usize = 1024;
const PAGE_BYTES: usize = 1 << 20;

/// Which names to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Only names after this one.
    pub after: Option<String>,
    /// Only names that begin with this.
    pub prefix: Option<String>,
    /// At most so many names; at least 1.
    pub limit: usize,
}

/// One step of a listing: names in byte order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// The names.
    pub names: Vec<String>,
    /// Whether there may be more after the last one looked at.
    pub more: bool,
    /// Where to go on: the last name looked at, shown or not.
    pub last: Option<String>,
}

/// What changed in a space since a position.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// The position to ask from next time.
    pub next: EntryId,
    /// Segments that changed, as they stand now, in byte order.
    pub statuses: Vec<SegmentStatus>,
}

impl Store {
    /// Names of spaces, in byte order.
    ///
    /// # Errors
    /// `CORRUPT` when a head is damaged; `UNAVAILABLE` when the host fails.
    pub async fn spaces(&self, listing: Listing) -> Result<Names> {
        self.inner.check_open()?;
        let range = space::range();
        let key_of = |name: &str| space::key(name);
        let rows = self.inner.list(range.start, range.end, &listing, key_of, false).await?;
        let mut names = Names { more: rows.more, ..Names::default() };
        for (key, row) in rows.pairs {
            let bad = || Error::corrupt("space head: its key is malformed").at_key(&key);
            let name = space::name(&key).ok_or_else(bad)?;
            let mut head = SpaceHead::decode(&row).map_err(|error| error.at_key(&key))?;
            if !head.is_visible() && !head.pending.is_nil() {
                // Its first entries may be those of a committed transaction.
                head = self.inner.fresh_head(&name).await?;
            }
            if head.is_visible() {
                names.names.push(name.clone());
            }
            names.last = Some(name);
        }
        Ok(names)
    }

    /// Names of a space's segments, in byte order.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for the name; `UNAVAILABLE` when the host fails.
    pub async fn segments(&self, space_name: &str, listing: Listing) -> Result<Names> {
        self.inner.check_open()?;
        check_name("space", space_name)?;
        let head = self.inner.fresh_head(space_name).await?;
        if !head.is_visible() {
            return Ok(Names::default());
        }
        let range = segment::range(space_name);
        let key_of = |name: &str| segment::key(space_name, name);
        let rows = self.inner.list(range.start, range.end, &listing, key_of, true).await?;
        let mut names = Names { more: rows.more, ..Names::default() };
        for (key, _) in rows.pairs {
            let bad = || Error::corrupt("segment head: its key is malformed").at_key(&key);
            names.names.push(segment::name(&key, space_name).ok_or_else(bad)?);
        }
        add_carried(&mut names, &head, &listing);
        names.last = names.names.last().cloned();
        Ok(names)
    }

    /// Where a segment stands; `None` when nothing was ever appended to it.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for names; `CORRUPT` when a head is damaged; `UNAVAILABLE` when the host
    /// fails.
    pub async fn segment_status(
        &self,
        space_name: &str,
        segment_name: &str,
    ) -> Result<Option<SegmentStatus>> {
        self.inner.check_open()?;
        check_name("space", space_name)?;
        check_name("segment", segment_name)?;
        let (head, state) = self.inner.fresh_segment(space_name, segment_name).await?;
        if !head.is_visible() || state.last_sequence == 0 {
            return Ok(None);
        }
        let status = self.inner.status(space_name, segment_name, &head, &state).await?;
        Ok(Some(status))
    }

    /// Statuses of the segments that changed since `after`; `None`: of all segments. Only of
    /// `segment_name` where one is given.
    ///
    /// # Errors
    /// Like [`Store::segment_status`].
    pub async fn changes(
        &self,
        space_name: &str,
        segment_name: Option<&str>,
        after: Option<EntryId>,
    ) -> Result<Changes> {
        self.inner.check_open()?;
        check_name("space", space_name)?;
        if let Some(name) = segment_name {
            check_name("segment", name)?;
        }
        let head = self.inner.fresh_head(space_name).await?;
        if !head.is_visible() {
            return Ok(Changes::default());
        }
        // What was trimmed beyond the position can no longer tell what changed.
        let after = after.filter(|after| *after >= head.trimmed && *after <= head.last_id);
        if after == Some(head.last_id) {
            return Ok(Changes { next: head.last_id, statuses: Vec::new() });
        }
        let names = match (segment_name, after) {
            (Some(name), _) => BTreeSet::from([Rc::from(name)]),
            (None, Some(after)) => self.inner.changed_since(space_name, after, &head).await?,
            (None, None) => self.inner.all_segments(space_name, &head).await?,
        };
        let mut statuses = Vec::with_capacity(names.len());
        let names: Vec<Rc<str>> = names.into_iter().collect();
        for some in names.chunks(MOST_ROWS) {
            let keys = some.iter().map(|name| segment::key(space_name, name)).collect();
            let rows = self.inner.host.get(keys).await?;
            for (name, row) in some.iter().zip(rows) {
                let state = match (head.carried(name), row) {
                    (Some(carried), _) => *carried,
                    (None, Some(row)) => SegmentHead::decode(&row)
                        .map_err(|error| error.at_key(&segment::key(space_name, name)))?,
                    (None, None) => continue,
                };
                statuses.push(self.inner.status(space_name, name, &head, &state).await?);
            }
        }
        Ok(Changes { next: head.last_id, statuses })
    }
}

/// Heads that the space head carries may not stand in a row of their own yet.
fn add_carried(names: &mut Names, head: &SpaceHead, listing: &Listing) {
    let upto = if names.more { names.names.last().cloned() } else { None };
    for (name, _) in &head.carried {
        let fits = listing.after.as_ref().is_none_or(|after| name > after)
            && listing.prefix.as_ref().is_none_or(|prefix| name.starts_with(&**prefix))
            && upto.as_ref().is_none_or(|upto| name <= upto);
        if fits && !names.names.contains(name) {
            names.names.push(name.clone());
        }
    }
    names.names.sort_unstable();
    let limit = listing.limit.max(1);
    if names.names.len() > limit {
        names.names.truncate(limit);
        names.more = true;
    }
}

/// One step over the heads of spaces.
#[derive(Debug)]
pub(crate) struct Heads {
    pub(crate) rows: Vec<(Bytes, Bytes)>,
    /// The last space looked at, where there are more.
    pub(crate) more: Option<String>,
}

impl Inner {
    /// Heads of the spaces that a listing is about, whatever is in them.
    pub(crate) async fn list_heads(&self, listing: &Listing) -> Result<Heads> {
        let range = space::range();
        let page = self.list(range.start, range.end, listing, space::key, false).await?;
        let last = page.pairs.last().and_then(|(key, _)| space::name(key));
        Ok(Heads { rows: page.pairs, more: last.filter(|_| page.more) })
    }

    async fn list(
        &self,
        mut start: Vec<u8>,
        mut end: Vec<u8>,
        listing: &Listing,
        key_of: impl Fn(&str) -> Vec<u8>,
        keys_only: bool,
    ) -> Result<crate::kv::ScanPage> {
        if let Some(prefix) = listing.prefix.as_ref().filter(|prefix| !prefix.is_empty()) {
            start = key_of(prefix);
            // No UTF-8 byte is 0xff: all names with the prefix, and only those, lie below it.
            end = start.clone();
            end.push(0xff);
        }
        if let Some(after) = &listing.after {
            let mut from = key_of(after);
            from.push(0);
            start = start.max(from);
        }
        self.host
            .scan(ScanRange {
                start,
                end,
                reverse: false,
                limit: listing.limit.clamp(1, MOST_ROWS),
                max_bytes: PAGE_BYTES,
                keys_only,
            })
            .await
    }

    pub(crate) async fn status(
        &self,
        space_name: &str,
        segment_name: &str,
        head: &SpaceHead,
        state: &SegmentHead,
    ) -> Result<SegmentStatus> {
        let first = self.first_entry(space_name, segment_name, state, head.trimmed).await?;
        Ok(SegmentStatus {
            space: space_name.into(),
            segment: segment_name.into(),
            first_sequence: first.map_or(state.last_sequence + 1, |first| first.sequence),
            first_timestamp: first.map_or(0, |first| first.ms),
            last_sequence: state.last_sequence,
            last_timestamp: state.last_id.ms,
        })
    }

    /// Segments that the commit rows after a position name.
    async fn changed_since(
        &self,
        space_name: &str,
        after: EntryId,
        head: &SpaceHead,
    ) -> Result<BTreeSet<Rc<str>>> {
        let mut names = BTreeSet::new();
        let mut passed = after;
        while passed < head.last_id {
            // Beyond the last id too: rows that were merged since the head was read end after it.
            let range = commit::range(space_name, passed, EntryId::MAX);
            let page = self
                .host
                .scan(ScanRange {
                    start: range.start,
                    end: range.end,
                    reverse: false,
                    limit: MOST_ROWS,
                    max_bytes: PAGE_BYTES,
                    keys_only: false,
                })
                .await?;
            for (key, row) in page.pairs {
                let bad = || Error::corrupt("commit row: its key is malformed").at_key(&key);
                let last = commit::last_id(&key, space_name).ok_or_else(bad)?;
                let row = commit::decode(row, last).map_err(|error| error.at_key(&key))?;
                let later = row.items.iter().filter(|item| item.last_id() > passed);
                names.extend(later.map(|item| Rc::clone(&item.segment)));
                passed = last;
            }
            if !page.more {
                break;
            }
        }
        Ok(names)
    }

    pub(crate) async fn all_segments(&self, space_name: &str, head: &SpaceHead) -> Result<BTreeSet<Rc<str>>> {
        let range = segment::range(space_name);
        let mut names: BTreeSet<Rc<str>> = head.carried.iter().map(|(name, _)| Rc::from(&**name)).collect();
        let mut start = range.start;
        loop {
            let page = self
                .host
                .scan(ScanRange {
                    start,
                    end: range.end.clone(),
                    reverse: false,
                    limit: MOST_ROWS,
                    max_bytes: PAGE_BYTES,
                    keys_only: true,
                })
                .await?;
            let more = page.more;
            let mut last = Vec::new();
            for (key, _) in page.pairs {
                let bad = || Error::corrupt("segment head: its key is malformed").at_key(&key);
                names.insert(Rc::from(segment::name(&key, space_name).ok_or_else(bad)?));
                last = key;
            }
            if !more {
                return Ok(names);
            }
            last.push(0);
            start = last;
        }
    }
}
