//! Looking at a group without changing it.

use alloc::vec::Vec;

use futures_util::FutureExt;

use super::Group;
use super::members::end_silent;
use super::options::{Consumer, GroupInfo, MOST_RECORDS, PendingRead, PendingRecord, check_number};
use super::plan::{ASIDE, Affairs, Draft, Place};
use crate::error::{Error, ErrorCode, Result};
use crate::id::EntryId;
use crate::kv::Bytes;
use crate::layout::group_page::NEVER;
use crate::layout::space::SpaceHead;
use crate::layout::{GroupMode, commit, group, group_page};

/// Tries at seeing a group of one moment.
const TRIES: u32 = 32;
/// Pages of one scan.
const SCAN_PAGES: usize = 256;

impl Group {
    /// What is known of the group.
    ///
    /// # Errors
    /// `NOT_FOUND` when there is no such group; `CONFLICT` when others kept changing it; `CORRUPT`;
    /// `UNSUPPORTED`; `UNAVAILABLE` when the host fails.
    pub async fn info(&self) -> Result<GroupInfo> {
        let _run = self.check()?;
        for attempt in 0..TRIES {
            let (draft, space) = self.load_existing().boxed_local().await?;
            let base = draft.base().cloned();
            let info = self.info_of(draft, &space).boxed_local().await;
            if self.is_still(base.as_ref()).boxed_local().await? {
                return info;
            }
            self.inner().pause(attempt).await;
        }
        Err(moving())
    }

    /// Records that were delivered and not acknowledged, in id order; without those that are trimmed.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`; otherwise like [`Group::info`].
    pub async fn pending(&self, read: &PendingRead) -> Result<Vec<PendingRecord>> {
        let _run = self.check()?;
        check_number("limit", read.limit, 1, MOST_RECORDS)?;
        if let Some(consumer) = &read.consumer {
            self.check_consumer(consumer)?;
        }
        if !read.after.in_bounds() {
            return Err(Error::invalid("after: must be an id, with ms below 2^48 and n below 2^53"));
        }
        for attempt in 0..TRIES {
            let (draft, _) = self.load_existing().boxed_local().await?;
            let base = draft.base().cloned();
            let listed = self.pending_of(draft, read).boxed_local().await;
            if self.is_still(base.as_ref()).boxed_local().await? {
                return listed;
            }
            self.inner().pause(attempt).await;
        }
        Err(moving())
    }

    /// Whether the head is the one that was read.
    async fn is_still(&self, base: Option<&Bytes>) -> Result<bool> {
        let row = self.inner().host.get_one(group::key(&self.stream, &self.name)).await?;
        Ok(row.as_ref() == base)
    }

    async fn pending_of(&self, mut draft: Draft, read: &PendingRead) -> Result<Vec<PendingRecord>> {
        match &read.consumer {
            Some(consumer) => self.load_sessions(&mut draft, consumer).boxed_local().await?,
            None => self.load_members(&mut draft).boxed_local().await?,
        }
        let most = usize::try_from(read.limit).unwrap_or(usize::MAX);
        let from = EntryId { n: read.after.n + 1, ..read.after };
        let least = from.max(EntryId { n: draft.trimmed.n + 1, ..draft.trimmed });
        let sessions: Vec<u64> =
            draft.members().filter(|(_, _, row)| row.pending > 0).map(|(session, ..)| session).collect();
        for session in &sessions {
            let enough = |draft: &Draft, reached: EntryId| {
                draft.records_of(*session).filter(|(id, _)| *id >= least && *id <= reached).count() >= most
            };
            self.load_pages(&mut draft, *session, least, enough).boxed_local().await?;
        }
        // Nothing of it is committed.
        draft.affairs = Affairs::ALL;
        end_silent(&mut draft, None);
        let records = draft.records().filter(|(_, id, _)| *id >= least);
        let mut places: Vec<Place> = records.map(|(session, id, _)| (0, id, session)).collect();
        places.sort_unstable();
        places.truncate(most);
        let listed = places.into_iter().filter_map(|(_, id, session)| {
            let record = draft.find(session, id)?;
            let deadline = draft.due_at(session, record);
            Some(PendingRecord {
                id,
                consumer: draft.consumer_of(session).into(),
                delivery_count: record.attempts,
                delivered_at: record.delivered_at,
                deadline: (deadline != NEVER).then_some(deadline),
            })
        });
        Ok(listed.collect())
    }

    async fn info_of(&self, mut draft: Draft, space: &SpaceHead) -> Result<GroupInfo> {
        self.load_members(&mut draft).boxed_local().await?;
        let mut trimmed: Vec<(u64, u64)> = Vec::new();
        let sessions: Vec<u64> =
            draft.members().filter(|(_, _, row)| row.pending > 0).map(|(session, ..)| session).collect();
        for session in sessions {
            trimmed.push((session, self.trimmed_of(&draft, session).boxed_local().await?));
        }
        let aside = if draft.head.skipped > 0 {
            draft.head.skipped.saturating_sub(self.trimmed_of(&draft, ASIDE).boxed_local().await?)
        } else {
            0
        };
        let lag = self.lag(draft.head.cursor, space).boxed_local().await? + aside;
        let gone: u64 = trimmed.iter().map(|(_, count)| count).sum();
        // Nothing of it is committed.
        draft.affairs = Affairs::ALL;
        end_silent(&mut draft, None);
        let mut consumers: Vec<Consumer> = Vec::new();
        for (session, held, row) in draft.members() {
            let at = consumers.partition_point(|one| *one.name < *held.consumer);
            if consumers.get(at).is_none_or(|one| *one.name != *held.consumer) {
                consumers.insert(at, Consumer { name: (*held.consumer).into(), active: false, pending: 0 });
            }
            let Some(consumer) = consumers.get_mut(at) else {
                continue;
            };
            let gone = trimmed.iter().find(|(of, _)| *of == session).map_or(0, |(_, count)| *count);
            let holds = draft.head.mode != GroupMode::Exclusive || draft.head.holder == session;
            consumer.active |= row.ended.is_none() && holds;
            consumer.pending += row.pending.saturating_sub(gone);
        }
        // Who left, and whose last records were trimmed, is forgotten by the next that looks.
        let joined = |name: &str| draft.active_session(name).is_some();
        consumers.retain(|one| one.pending > 0 || joined(&one.name));
        Ok(GroupInfo {
            stream: (*self.stream).into(),
            group: (*self.name).into(),
            mode: draft.head.mode,
            consumers,
            pending: draft.head.pending.saturating_sub(gone),
            trimmed_pending: draft.head.trimmed_pending + gone,
            last_delivered: draft.head.delivered,
            lag,
            created_at: draft.head.created_at,
        })
    }

    /// How many of a session's records are trimmed.
    async fn trimmed_of(&self, draft: &Draft, session: u64) -> Result<u64> {
        let place = draft.place();
        let mut left = Some(group_page::range_upto(&place, session, draft.trimmed));
        let mut count = 0;
        while let Some(range) = left {
            let (rows, rest) = self.rows(range, SCAN_PAGES).await?;
            for (key, row) in &rows {
                let (_, first) = group_page::parse(key, &place)
                    .ok_or_else(|| Error::corrupt("group page: its key is malformed").at_key(key))?;
                let records = group_page::decode(row, first).map_err(|error| error.at_key(key))?;
                count += records.range(..=draft.trimmed).count() as u64;
            }
            left = rest;
        }
        Ok(count)
    }

    /// How many records of the stream come after the cursor: by the running totals of the commit row that
    /// the cursor is in, or of the first after it.
    async fn lag(&self, cursor: EntryId, space: &SpaceHead) -> Result<u64> {
        if !space.is_visible() || cursor >= space.last_id {
            return Ok(0);
        }
        if cursor <= space.trimmed {
            return Ok(space.records - space.trimmed_records);
        }
        let range = commit::range(&self.stream, cursor, EntryId::MAX);
        let found = self.inner().commit_rows(range, &self.stream, (1, 1), &space.voids).boxed_local();
        let Some((last, (key, row))) = found.await?.0.into_iter().next() else {
            return Ok(0);
        };
        let row = commit::decode(row, last).map_err(|error| error.at_key(&key))?;
        let later: u64 = row
            .items
            .iter()
            .filter(|item| item.last_id() > cursor)
            .map(|item| {
                let passed = cursor >= item.first_id && cursor.ms == item.first_id.ms;
                item.count - if passed { cursor.n - item.first_id.n + 1 } else { 0 }
            })
            .sum();
        Ok((space.records + later).saturating_sub(row.records))
    }
}

fn moving() -> Error {
    Error::new(ErrorCode::Conflict, "group: others kept changing it; try again")
}
