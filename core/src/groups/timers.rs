//! Timers: what is due, and when to look again.

use alloc::vec::Vec;

use futures_util::FutureExt;

use super::Group;
use super::load::{SCAN_ROWS, malformed};
use super::plan::Draft;
use crate::error::{Detail, Error, ErrorCode, Result};
use crate::id::EntryId;
use crate::kv::Bytes;
use crate::layout::group_member::MemberRow;
use crate::layout::group_timer::TimerRow;
use crate::layout::{KeyRange, group, group_member, group_page, group_timer};
use crate::store::Part;

/// A timer, and what it names.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Due {
    /// Its time, and the record that is due then; [`EntryId::ZERO`] for a session.
    at: (u64, EntryId),
    session: u64,
    row: TimerRow,
}

impl Group {
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
            bound = self.load_ended(draft, &timers, wanted, bound).boxed_local().await?;
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

    /// Looks at the sessions that timers name, and loads records of those that have ended. Gives the bound of
    /// [`Group::load_due`], moved down to where these are not certain.
    async fn load_ended(
        &self,
        draft: &mut Draft,
        timers: &[Due],
        wanted: usize,
        mut bound: (u64, EntryId),
    ) -> Result<(u64, EntryId)> {
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
        Ok(bound)
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
}

fn missing(key: &[u8]) -> Error {
    Error::corrupt("group row: a timer names it, and it is not there").at_key(key)
}
