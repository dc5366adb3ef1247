//! What there is: spaces, segments, their statuses, and what changed since.

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Inner, Row, Store};
use crate::error::{Error, Result};
use crate::id::EntryId;
use crate::kv::Atomicity;
use crate::layout::segment::SegmentHead;
use crate::layout::space::SpaceHead;
use crate::layout::{KeyRange, commit, segment, space, successor};
use crate::name::check_name;
use crate::sorted::{SortedMap, SortedSet};
use crate::status::SegmentStatus;

/// Most rows of one look at an inventory.
const MOST_ROWS: usize = 1024;
const PAGE_BYTES: usize = 1 << 20;

/// Which names to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Only names after this one.
    pub after: Option<String>,
    /// Only names that begin with this.
    pub prefix: Option<String>,
    /// At most so many names, and no more than 1,024; 0 counts as 1. Default 1,000.
    pub limit: usize,
}

impl Default for Listing {
    fn default() -> Self {
        Self { after: None, prefix: None, limit: 1000 }
    }
}

impl Listing {
    /// What there is to look at of the keys of all names.
    fn within(&self, mut range: KeyRange, key_of: impl Fn(&str) -> Vec<u8>) -> KeyRange {
        if let Some(prefix) = self.prefix.as_ref().filter(|prefix| !prefix.is_empty()) {
            range.start = key_of(prefix);
            // No UTF-8 byte is 0xff: all names with the prefix, and only those, lie below it.
            range.end = range.start.clone();
            range.end.push(0xff);
        }
        if let Some(after) = &self.after {
            range.start = range.start.max(successor(key_of(after)));
        }
        range
    }

    /// How many rows one step looks at.
    fn rows(&self) -> usize {
        self.limit.clamp(1, MOST_ROWS)
    }
}

/// One step of a listing: names in byte order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
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
#[non_exhaustive]
pub struct Changes {
    /// The position to ask from next time.
    pub next: EntryId,
    /// Up to where the space is trimmed. What moves it may change the first entries of segments that are not named
    /// here.
    pub trimmed: EntryId,
    /// Segments that were appended to, as they stand now, in byte order.
    pub statuses: Vec<SegmentStatus>,
}

impl Store {
    /// Names of spaces, in byte order.
    ///
    /// # Errors
    /// `CORRUPT` when a head is damaged; `UNAVAILABLE` when the host fails.
    pub async fn spaces(&self, listing: Listing) -> Result<Names> {
        self.inner.check_open()?;
        let most = listing.rows();
        let mut limit = most;
        let mut left = Some(listing.within(space::range(), space::key));
        let mut names = Names::default();
        // Heads that nobody sees are passed over: where there is a name, one is given.
        while let Some(range) = left.take().filter(|_| names.names.is_empty()) {
            let (rows, rest) = self.inner.host.rows(range, limit, PAGE_BYTES).await?;
            names.more = rest.is_some();
            left = rest;
            limit = MOST_ROWS;
            for (key, row) in rows {
                if names.names.len() == most {
                    names.more = true;
                    break;
                }
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
        }
        Ok(names)
    }

    /// Names of a space's segments, in byte order.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for the name; `CORRUPT` when the space is damaged; `UNAVAILABLE` when the host fails;
    /// `CLOSED`.
    pub async fn segments(&self, space_name: &str, listing: Listing) -> Result<Names> {
        self.inner.check_open()?;
        check_name("space", space_name)?;
        let head = self.inner.fresh_head(space_name).await?;
        if !head.is_visible() {
            return Ok(Names::default());
        }
        let range = listing.within(segment::range(space_name), |name| segment::key(space_name, name));
        let (keys, rest) = self.inner.host.keys(range, listing.rows()).await?;
        let mut names = Names { more: rest.is_some(), ..Names::default() };
        for key in keys {
            let bad = || Error::corrupt("segment head: its key is malformed").at_key(&key);
            names.names.push(segment::name(&key, space_name).ok_or_else(bad)?);
        }
        if cfg!(feature = "every-host") {
            add_carried(&mut names, &head, &listing);
        }
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

    /// Statuses of the segments that were appended to since `after`; `None`: of all segments. Only of
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
        let mut changes = Changes { next: head.last_id, trimmed: head.trimmed, statuses: Vec::new() };
        if after == Some(head.last_id) {
            return Ok(changes);
        }
        let consistent = self.inner.host.is_consistent();
        let mut names: Vec<(Rc<str>, EntryId)> = Vec::new();
        match (segment_name, after) {
            (Some(name), _) if consistent || after.is_none() => {
                names.push((Rc::from(name), EntryId::ZERO));
            }
            (_, None) => {
                let all = self.inner.all_segments(space_name, &head).await?;
                names.extend(all.into_iter().map(|name| (name, EntryId::ZERO)));
            }
            (only, Some(after)) => {
                let (changed, reached) = self.inner.changed_since(space_name, after, &head).await?;
                if !consistent {
                    changes.next = reached;
                }
                names.extend(changed.into_iter().filter(|(name, _)| only.is_none_or(|only| *only == **name)));
            }
        }
        changes.statuses.reserve(names.len());
        for some in names.chunks(MOST_ROWS) {
            let keys = some.iter().map(|(name, _)| segment::key(space_name, name)).collect();
            let rows = self.inner.host.get(keys).await?;
            for ((name, last), row) in some.iter().zip(rows) {
                let state = match (head.carried(name), row) {
                    (Some(carried), _) => *carried,
                    (None, Some(row)) => SegmentHead::decode(&row)
                        .map_err(|error| error.at_key(&segment::key(space_name, name)))?,
                    (None, None) => SegmentHead::EMPTY,
                };
                if let Some(after) = after
                    && state.last_id < *last
                {
                    // Not visible yet: it is looked for again.
                    changes.next = after;
                }
                if state.last_sequence > 0 {
                    changes.statuses.push(self.inner.status(space_name, name, &head, &state).await?);
                }
            }
        }
        Ok(changes)
    }
}

/// Heads that the space head carries may not stand in a row of their own yet.
fn add_carried(names: &mut Names, head: &SpaceHead, listing: &Listing) {
    let upto = if names.more { names.names.last().cloned() } else { None };
    let stored = names.names.len();
    for (name, _) in &head.carried {
        let fits = listing.after.as_ref().is_none_or(|after| name > after)
            && listing.prefix.as_ref().is_none_or(|prefix| name.starts_with(&**prefix))
            && upto.as_ref().is_none_or(|upto| name <= upto);
        if fits && !names.names.contains(name) {
            names.names.push(name.clone());
        }
    }
    if names.names.len() > stored {
        let sorted: SortedSet<String> = core::mem::take(&mut names.names).into_iter().collect();
        names.names = sorted.into_iter().collect();
    }
    let limit = listing.limit.max(1);
    if names.names.len() > limit {
        names.names.truncate(limit);
        names.more = true;
    }
}

/// One step over the heads of spaces.
#[derive(Debug)]
pub(crate) struct Heads {
    pub(crate) rows: Vec<Row>,
    /// The last space looked at, where there are more.
    pub(crate) more: Option<String>,
}

impl Inner {
    /// Heads of the spaces that a listing is about, whatever is in them.
    pub(crate) async fn list_heads(&self, listing: &Listing) -> Result<Heads> {
        let range = listing.within(space::range(), space::key);
        let (rows, rest) = self.host.rows(range, listing.rows(), PAGE_BYTES).await?;
        let last = rows.last().and_then(|(key, _)| space::name(key));
        Ok(Heads { rows, more: last.filter(|_| rest.is_some()) })
    }

    pub(crate) async fn status(
        &self,
        space_name: &str,
        segment_name: &str,
        head: &SpaceHead,
        state: &SegmentHead,
    ) -> Result<SegmentStatus> {
        let first = self.first_entry(space_name, segment_name, state, head.trimmed, &head.voids).await?;
        Ok(SegmentStatus {
            space: space_name.into(),
            segment: segment_name.into(),
            first_sequence: first.map_or(state.last_sequence + 1, |first| first.sequence),
            first_timestamp: first.map_or(0, |first| first.id.ms),
            last_sequence: state.last_sequence,
            last_timestamp: state.last_id.ms,
        })
    }

    /// Segments that the commit rows after a position name, with the last id in each; and how far these go, as rows may
    /// not be visible yet.
    async fn changed_since(
        &self,
        space_name: &str,
        after: EntryId,
        head: &SpaceHead,
    ) -> Result<(SortedMap<Rc<str>, EntryId>, EntryId)> {
        let mut names = SortedMap::new();
        let mut passed = after;
        'rows: while passed < head.last_id {
            // Beyond the last id too: rows that were merged since the head was read end after it.
            let merges = self.host.atomic() != Atomicity::None;
            let range = commit::range(space_name, passed, if merges { EntryId::MAX } else { head.last_id });
            let (rows, more) =
                self.commit_rows(range, space_name, (MOST_ROWS, PAGE_BYTES), &head.voids).await?;
            for (last, (key, row)) in rows {
                let row = commit::decode(row, last).map_err(|error| error.at_key(&key))?;
                if row.previous > passed && !self.host.is_consistent() {
                    break 'rows;
                }
                for item in row.items.iter().filter(|item| item.last_id() > passed) {
                    names.insert(Rc::clone(&item.segment), item.last_id().min(head.last_id));
                }
                passed = last;
            }
            if !more {
                break;
            }
        }
        Ok((names, passed.min(head.last_id)))
    }

    pub(crate) async fn all_segments(
        &self,
        space_name: &str,
        head: &SpaceHead,
    ) -> Result<SortedSet<Rc<str>>> {
        let mut names: SortedSet<Rc<str>> = head.carried.iter().map(|(name, _)| Rc::from(&**name)).collect();
        let mut left = Some(segment::range(space_name));
        while let Some(range) = left {
            let (keys, rest) = self.host.keys(range, MOST_ROWS).await?;
            for key in keys {
                let bad = || Error::corrupt("segment head: its key is malformed").at_key(&key);
                names.insert(Rc::from(segment::name(&key, space_name).ok_or_else(bad)?));
            }
            left = rest;
        }
        Ok(names)
    }
}
