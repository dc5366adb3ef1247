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
use crate::error::{Detail, Error, ErrorCode, Result};
use crate::id::{EntryId, check_time};
use crate::kv::Bytes;
use crate::layout::group::GroupHead;
use crate::layout::group_member::MemberRow;
use crate::layout::group_slots::SLOTS_OF_ROW;
use crate::layout::group_timer::TimerRow;
use crate::layout::redo::RedoPlace;
use crate::layout::space::SpaceHead;
use crate::layout::stream::StreamMeta;
use crate::layout::{
    KeyRange, group, group_member, group_page, group_slots, group_timer, space as space_row, successor,
};
use crate::name::MAX_NAME_BYTES;
use crate::plan::LEAST_GROUP_OPS;
use crate::store::{Part, Row, decode_head};

/// Tries at finishing what another instance left in the head.
const MOST_PENDING: u32 = 16;
/// Rows of one scan.
const SCAN_ROWS: usize = 512;
/// What a record takes in a page at most: its own run, and its own delivery.
const MOST_RECORD_BYTES: usize = 48;
/// Records of a page where values may be large.
const PAGE_RECORDS: usize = 256;

/// Operations of one commit that are for a group's own affairs, however many it takes.
const MOST_AFFAIRS: usize = 1024;

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

/// A timer, and what it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Due {
    /// Its time, and the record that is due then; [`EntryId::ZERO`] for a session.
    pub(super) at: (u64, EntryId),
    pub(super) session: u64,
    pub(super) row: TimerRow,
}

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
    fn room_for_affairs(&self) -> usize {
        let sizes = &self.inner().sizes;
        let bytes_of_one = self.stream.len() + self.name.len() + 2 * MAX_NAME_BYTES + 128;
        let by_bytes = sizes.batch_bytes / 2 / bytes_of_one;
        (sizes.batch_ops / 2).min(by_bytes).clamp(LEAST_GROUP_OPS / 2, MOST_AFFAIRS) - 4
    }

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
            let epoch = StreamMeta::read(&space)?.epoch;
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

    /// Loads the sessions and pages that timers name, in one go.
    async fn load_named(&self, draft: &mut Draft, timers: &[Due]) -> Result {
        let mut members: Vec<(Bytes, &Due)> = Vec::new();
        let mut pages: Vec<Bytes> = Vec::new();
        for due in timers {
            let known = |other: &(Bytes, &Due)| other.1.session == due.session;
            if draft.member(due.session).is_none() && !members.iter().any(known) {
                members.push((group_member::key(&draft.place(), &due.row.consumer, due.session), due));
            }
            // A page has one timer.
            if let Some(first) = due.row.page.filter(|first| !draft.has_page(due.session, *first)) {
                pages.push(group_page::key(&draft.place(), due.session, first));
            }
        }
        let keys: Vec<Bytes> = members.iter().map(|(key, _)| key).chain(&pages).cloned().collect();
        let mut rows = self.inner().host.get(keys).await?.into_iter();
        for (key, due) in members {
            let row = rows.next().flatten().ok_or_else(|| missing(&key))?;
            let row = MemberRow::decode(&row).map_err(|error| error.at_key(&key))?;
            draft.add_member(due.session, &due.row.consumer, row);
        }
        for key in pages {
            let row = rows.next().flatten().ok_or_else(|| missing(&key))?;
            Self::take_page(draft, &key, &row)?;
        }
        Ok(())
    }

    /// Takes in a page; gives its first and its last id.
    fn take_page(draft: &mut Draft, key: &[u8], row: &[u8]) -> Result<(EntryId, EntryId)> {
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

    /// Some timers of a range, and the range of the rest.
    async fn timers(&self, draft: &Draft, range: KeyRange, limit: usize) -> Result<Part<Due>> {
        let place = draft.place();
        let (rows, rest) = self.rows(range, limit).await?;
        let mut timers = Vec::with_capacity(rows.len());
        for (key, row) in rows {
            let timer = group_timer::parse(&key, &place).ok_or_else(|| malformed(&key))?;
            let row = TimerRow::decode(&row).map_err(|error| error.at_key(&key))?;
            timers.push(Due { at: (timer.time, timer.id), session: timer.session, row });
        }
        Ok((timers, rest))
    }

    /// Loads pages with records that are due in a lane, until `wanted` of them are certain to be the
    /// first, or there are no more, or the commit has no room for what is met on the way. Sessions whose
    /// timers have come are looked at. Gives the (deadline, id) up to which the records due are certain: beyond it,
    /// pages that are not loaded may hold earlier ones than those that are.
    ///
    /// Timers come in order, in parts that grow. Each part is cut at the first timer that has not come; then the
    /// pages and sessions that the others name are loaded.
    pub(super) async fn load_due(
        &self,
        draft: &mut Draft,
        lane: u64,
        wanted: usize,
    ) -> Result<(u64, EntryId)> {
        if draft.kept.is_quiet(lane, draft.now) {
            draft.drop_trimmed();
            return Ok((u64::MAX, EntryId::MAX));
        }
        let mut range = group_timer::range_of(&draft.place(), lane);
        let mut bound = (u64::MAX, EntryId::MAX);
        // One page mostly holds all that is wanted.
        let mut most_timers = 1;
        let mut is_first_part = true;
        loop {
            let missing = wanted.saturating_sub(draft.due(bound).len()).clamp(1, SCAN_ROWS);
            if draft.affairs.is_any() {
                // Where there are affairs there are mostly more, and what the commit has no room for need not be read.
                most_timers = most_timers.min(draft.affairs.pages().max(1));
            }
            let (mut timers, mut rest) =
                self.timers(draft, range, missing.min(most_timers) + 1).boxed_local().await?;
            let come = timers.partition_point(|due| due.at.0 <= draft.now);
            let next_time = timers.get(come).map(|due| due.at.0);
            if next_time.is_some() {
                rest = None;
            }
            // Of a later part the same says nothing: timers before it have come.
            if is_first_part && come == 0 {
                draft.kept.learn_quiet(lane, next_time.unwrap_or(u64::MAX));
            }
            is_first_part = false;
            timers.truncate(come);
            most_timers = most_timers.saturating_mul(8);
            // What timers name is there as long as the head is the one that was read.
            if let Err(error) = self.load_named(draft, &timers).boxed_local().await {
                return Err(self.unless_stale(draft, error).await);
            }
            for due in timers.iter().filter(|due| due.row.page.is_none()) {
                let session = due.session;
                if !draft.look_at(session) {
                    // Whether it has ended is left to another commit, and so when its records are due.
                    bound = bound.min(due.at);
                    break;
                }
                let Some(ended) = draft.member(session).and_then(|row| row.ended) else {
                    continue;
                };
                let has_wanted = |draft: &Draft, reached: EntryId| {
                    let last = |id: EntryId| id > draft.trimmed && id <= reached;
                    draft.records_of(session).filter(|(id, _)| last(*id)).count() >= wanted
                };
                let enough = |draft: &Draft, reached: EntryId| {
                    has_wanted(draft, reached) || draft.trimmed_pages(session) > draft.affairs.pages()
                };
                if let Some(reached) =
                    self.load_pages(draft, session, EntryId::ZERO, enough).boxed_local().await?
                {
                    // All its records are due since it ended. Those that are not loaded have higher ids.
                    bound = bound.min((ended, reached));
                    if !has_wanted(draft, reached) {
                        draft.affairs.leave_some();
                    }
                }
            }
            draft.drop_trimmed();
            let certain = match (&rest, timers.last()) {
                (Some(_), Some(last)) => bound.min(last.at),
                _ => bound,
            };
            match rest {
                Some(rest) if draft.due(certain).len() < wanted && !draft.affairs.are_left() => range = rest,
                _ => return Ok(certain),
            }
        }
    }

    /// Damage that is seen while others change the group is none: `CONFLICT` then.
    async fn unless_stale(&self, draft: &Draft, error: Error) -> Error {
        let key = group::key(&self.stream, &self.name);
        match self.inner().host.get_one(key).await {
            Ok(row) if row.as_ref() == draft.base() => error,
            Ok(_) => Error::new(ErrorCode::Conflict, "group: another one changed it")
                .with("moved", Detail::Flag(true)),
            Err(failed) => failed,
        }
    }

    /// When the next timer of a lane comes that has not come yet.
    pub(super) async fn next_timer(&self, draft: &Draft, lane: u64) -> Result<Option<u64>> {
        let place = draft.place();
        let mut range = group_timer::range_of(&place, lane);
        range.start = group_timer::after(&place, lane, draft.now);
        let first = self.inner().host.first_row(range).boxed_local().await?;
        Ok(first.and_then(|(key, _)| group_timer::parse(&key, &place)).map(|timer| timer.time))
    }

    pub(super) fn not_found(&self) -> Error {
        Error::new(
            ErrorCode::NotFound,
            alloc::format!("group: \"{}\" has no group \"{}\"", self.stream, self.name),
        )
    }

    pub(super) fn inner(&self) -> &Rc<crate::store::Inner> {
        &self.store.inner
    }
}

fn missing(key: &[u8]) -> Error {
    Error::corrupt("group row: a timer names it, and it is not there").at_key(key)
}

fn malformed(key: &[u8]) -> Error {
    Error::corrupt("group row: its key is malformed").at_key(key)
}
