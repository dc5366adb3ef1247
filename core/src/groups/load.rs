//! Loading what a plan needs. The head is read before anything under it: what changes in between makes
//! the commit's check of the head fail.

use alloc::rc::Rc;
use alloc::vec::Vec;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::Group;
use super::commit::Tries;
use super::entries::in_order;
use super::plan::{Affairs, Draft};
use crate::error::{Error, ErrorCode, Result};
use crate::id::{EntryId, check_time};
use crate::kv::Bytes;
use crate::layout::group::GroupHead;
use crate::layout::group_member::MemberRow;
use crate::layout::group_slots::SLOTS_OF_ROW;
use crate::layout::redo::RedoPlace;
use crate::layout::space::SpaceHead;
use crate::layout::stream::StreamMeta;
use crate::layout::{KeyRange, group, group_member, group_page, group_slots, space as space_row, successor};
use crate::store::{Part, Row, decode_head};

/// Tries at finishing what another instance left in the head.
const MOST_PENDING: u32 = 16;
/// Rows of one scan.
pub(super) const SCAN_ROWS: usize = 512;

/// A group as it is stored.
pub(super) struct Opened {
    /// The group; `None`: there is none.
    pub(super) draft: Option<Draft>,
    /// The head of a group that went with its stream: it counts as none, and the next one replaces it.
    pub(super) stale: Option<(Bytes, GroupHead)>,
    /// The head of the stream's space.
    pub(super) space: Rc<SpaceHead>,
    /// The epoch of the stream.
    pub(super) epoch: u64,
}

impl Group {
    /// The group as the host has it now.
    pub(super) async fn load(&self) -> Result<Opened> {
        let inner = self.inner();
        let key = group::key(&self.stream, &self.name);
        let space_key = space_row::key(&self.stream);
        for attempt in 0..MOST_PENDING {
            let keys = Vec::from([key.clone(), space_key.clone()]);
            let mut rows = inner.host.get(keys).await?.into_iter();
            let row = rows.next().flatten();
            let mut space_row = rows.next().flatten();
            let mut space = decode_head(space_row.as_deref(), &space_key)?;
            if !space.pending.is_nil() {
                // What has been committed there must be seen.
                space = inner.fresh_head(&self.stream).boxed_local().await?;
                space_row = None;
            }
            let epoch = StreamMeta::of(&self.stream, &space)?.epoch;
            let space = Rc::new(space);
            let head = match &row {
                Some(row) => GroupHead::decode(row).map_err(|error| error.at_key(&key))?,
                None => return Ok(Opened { draft: None, stale: None, space, epoch }),
            };
            if !head.transaction.is_nil() {
                let place = RedoPlace { space: (*self.stream).into(), group: Some((*self.name).into()) };
                inner.resolve_place(&place, head.transaction).await?;
                inner.pause(attempt).await;
                continue;
            }
            if head.epoch != epoch {
                let stale = row.map(|row| (row, head));
                return Ok(Opened { draft: None, stale, space, epoch });
            }
            let draft = self.draft(row, head, Rc::clone(&space), space_row)?;
            return Ok(Opened { draft: Some(draft), stale: None, space, epoch });
        }
        Err(Error::new(ErrorCode::Conflict, "another instance's transaction keeps the group; try again"))
    }

    /// What a commit is planned from: the rows of both heads, and what they say.
    pub(super) fn draft(
        &self,
        row: Option<Bytes>,
        head: GroupHead,
        stream: Rc<SpaceHead>,
        stream_row: Option<Bytes>,
    ) -> Result<Draft> {
        let mut draft = Draft::new(&self.stream, &self.name, row, head, self.page_records());
        draft.affairs = Affairs::up_to(self.room_for_affairs());
        draft.now = check_time(self.inner().env.clock.now())?;
        draft.trimmed = stream.trimmed;
        draft.stream = stream;
        draft.stream_row = stream_row;
        Ok(draft)
    }

    /// The group with what is known of it: as it is remembered, where the tries allow that and it has
    /// mostly held; else as the host has it now.
    pub(super) async fn load_or_recall(&self, tries: &mut Tries) -> Result<Option<Draft>> {
        if tries.may_be_unread()
            && let Some(draft) = self.recall_whole()?
        {
            return Ok(Some(draft));
        }
        tries.take_unread();
        let mut draft = self.load().boxed_local().await?.draft;
        if let Some(draft) = &mut draft {
            self.recall(draft);
        }
        Ok(draft)
    }

    /// The group, which must exist.
    pub(super) async fn load_existing(&self) -> Result<(Draft, Rc<SpaceHead>)> {
        let opened = self.load().boxed_local().await?;
        let draft = opened.draft.ok_or_else(|| self.not_found())?;
        Ok((draft, opened.space))
    }

    /// Some rows of a range, and the range of the rest.
    pub(super) fn rows(&self, range: KeyRange, limit: usize) -> LocalBoxFuture<'_, Result<Part<Row>>> {
        self.inner().host.rows(range, limit, usize::MAX).boxed_local()
    }

    /// Loads the sessions of one consumer.
    pub(super) async fn load_sessions(&self, draft: &mut Draft, consumer: &str) -> Result {
        if !draft.recall_sessions(Some(consumer)) {
            let range = group_member::range_of(&draft.place(), consumer);
            self.load_members_in(draft, range).boxed_local().await?;
            draft.learn_sessions(Some(consumer));
        }
        Ok(())
    }

    /// Loads all sessions.
    pub(super) async fn load_members(&self, draft: &mut Draft) -> Result {
        if !draft.recall_sessions(None) {
            let range = group_member::range(&draft.place());
            self.load_members_in(draft, range).boxed_local().await?;
            draft.learn_sessions(None);
        }
        Ok(())
    }

    async fn load_members_in(&self, draft: &mut Draft, range: KeyRange) -> Result {
        let mut left = Some(range);
        while let Some(range) = left {
            let (rows, rest) = self.rows(range, SCAN_ROWS).await?;
            for (key, row) in &rows {
                let (consumer, session) =
                    group_member::parse(key, &draft.place()).ok_or_else(|| malformed(key))?;
                let row = MemberRow::decode(row).map_err(|error| error.at_key(key))?;
                draft.add_member(session, &consumer, row);
            }
            left = rest;
        }
        Ok(())
    }

    /// Takes in a page; gives its first and its last id.
    pub(super) fn take_page(draft: &mut Draft, key: &[u8], row: &[u8]) -> Result<(EntryId, EntryId)> {
        let (session, first) = group_page::parse(key, &draft.place()).ok_or_else(|| malformed(key))?;
        if !draft.has_page(session, first) {
            let records = group_page::decode(row, first).map_err(|error| error.at_key(key))?;
            draft.add_page(session, first, Rc::new(records));
        }
        Ok((first, draft.last_of_page(session, first).unwrap_or(first)))
    }

    /// Loads the page of a session that answers for an id; gives its first and its last id.
    async fn load_floor(
        &self,
        draft: &mut Draft,
        session: u64,
        id: EntryId,
    ) -> Result<Option<(EntryId, EntryId)>> {
        if let Some(known) = draft.recall_floor(session, id) {
            return Ok(known);
        }
        let range = group_page::range_upto(&draft.place(), session, id);
        let row = self.inner().host.last_row(range).boxed_local().await?;
        let page = row.map(|(key, row)| Self::take_page(draft, &key, &row)).transpose()?;
        draft.learn_floor(session, id, page.map(|(first, _)| first));
        Ok(page)
    }

    /// Loads the pages of a session that answer for these ids: one scan for each, from the highest id
    /// down.
    pub(super) async fn load_floors(&self, draft: &mut Draft, session: u64, ids: &[EntryId]) -> Result {
        let mut ids = in_order(ids.iter().copied());
        while let Some(id) = ids.pop() {
            let Some((first, _)) = self.load_floor(draft, session, id).boxed_local().await? else {
                return Ok(());
            };
            ids.truncate(ids.partition_point(|id| *id < first));
        }
        Ok(())
    }

    /// Loads pages of a session from the one that answers for `from` on, until `enough` says so of what
    /// there is up to an id. Gives that id where there are more pages.
    pub(super) async fn load_pages(
        &self,
        draft: &mut Draft,
        session: u64,
        from: EntryId,
        mut enough: impl FnMut(&Draft, EntryId) -> bool,
    ) -> Result<Option<EntryId>> {
        // Other pages of the session may be loaded already: only what lies without a gap counts.
        let mut reached = from;
        if let Some((_, last)) = self.load_floor(draft, session, from).boxed_local().await? {
            reached = reached.max(last);
        }
        let mut range = group_page::range_of(&draft.place(), session);
        if from > EntryId::ZERO {
            range.start = successor(group_page::key(&draft.place(), session, from));
        }
        let mut limit = 4;
        while !enough(draft, reached) {
            let (rows, rest) = self.rows(range, limit).await?;
            for (key, row) in &rows {
                reached = reached.max(Self::take_page(draft, key, row)?.1);
            }
            let Some(rest) = rest else {
                return Ok(None);
            };
            range = rest;
            limit = (limit * 4).min(SCAN_ROWS);
        }
        Ok(Some(reached))
    }

    /// Loads all rows of slots.
    pub(super) async fn load_slots(&self, draft: &mut Draft) -> Result {
        let rows = draft.head.slots.div_ceil(SLOTS_OF_ROW);
        let keys: Vec<Bytes> = (0..rows).map(|n| group_slots::key(&draft.place(), n)).collect();
        let values = self.inner().host.get(keys.clone()).await?;
        for ((n, key), value) in (0..rows).zip(keys).zip(values) {
            let slots = match value {
                Some(row) => Some(group_slots::decode(&row, n).map_err(|error| error.at_key(&key))?),
                None => None,
            };
            draft.add_slots(n, slots);
        }
        Ok(())
    }
}

pub(super) fn malformed(key: &[u8]) -> Error {
    Error::corrupt("group row: its key is malformed").at_key(key)
}
