//! From a draft to the rows of the next commit: those that differ.

use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::vec::Vec;

use super::{ASIDE, Draft, HeldPage};
use crate::groups::plan::kept::Kept;
use crate::groups::plan::left::Left;
use crate::kv::{Bytes, Check, Put};
use crate::layout::group_member::MemberRow;
use crate::layout::group_page::Records;
use crate::layout::group_timer::{Timer, TimerRow};
use crate::layout::{group, group_member, group_page, group_slots, group_timer, space as space_row};

/// The rows of the next commit.
#[derive(Debug, Clone)]
pub(crate) struct GroupPlan {
    /// The head that it was planned from.
    pub(crate) check: Check,
    pub(crate) deletes: Vec<Bytes>,
    /// The head comes last.
    pub(crate) puts: Vec<Put>,
    pub(crate) nonce: u64,
    /// The head of the stream's space, where neither head was read.
    pub(crate) stream_check: Option<Check>,
    /// What is known once this has applied.
    pub(crate) left: Left,
}

impl GroupPlan {
    /// What the commit takes of a host's limits: operations and bytes.
    pub(crate) fn cost(&self) -> (usize, usize) {
        let ops = 1 + usize::from(self.stream_check.is_some()) + self.deletes.len() + self.puts.len();
        let checks = [Some(&self.check), self.stream_check.as_ref()].into_iter().flatten();
        let checked: usize =
            checks.map(|check| check.key.len() + check.value.as_ref().map_or(0, Vec::len)).sum();
        let deleted: usize = self.deletes.iter().map(Vec::len).sum();
        let put: usize = self.puts.iter().map(|put| put.key.len() + put.value.len()).sum();
        (ops, checked + deleted + put)
    }
}

impl Draft {
    /// Whether a commit would change anything.
    pub(crate) fn is_changed(&self) -> bool {
        let is_same = |page: &HeldPage| page.before.as_ref().is_some_and(|before| *before == page.now);
        self.head != self.before
            || self.members.values().any(|held| held.before != held.now)
            || !self.pages.values().all(is_same)
            || self.slots.values().any(|held| held.before.as_deref().unwrap_or_default() != held.now)
    }

    /// What is known of a group that this changes nothing of: its head as stored, and the rest.
    pub(crate) fn unchanged(self) -> Option<(Bytes, Left)> {
        let left =
            Left { head: self.before, stream: self.stream, stream_row: self.stream_row, kept: self.kept };
        Some((self.base?, left))
    }

    /// The plan: the rows that differ, and the head; `None` when nothing does.
    pub(crate) fn finish(mut self, nonce: u64) -> Option<GroupPlan> {
        let mut rows: BTreeMap<Bytes, Option<Bytes>> = BTreeMap::new();
        let mut kept = core::mem::take(&mut self.kept);
        self.finish_members(&mut rows, &mut kept);
        self.finish_pages(&mut rows, &mut kept);
        for (n, held) in &self.slots {
            if held.before.as_ref() == Some(&held.now) || held.before.is_none() && held.now.is_empty() {
                continue;
            }
            let row = (!held.now.is_empty()).then(|| group_slots::encode(&held.now, *n));
            rows.insert(group_slots::key(&self.place(), *n), row);
        }
        if rows.is_empty() && self.head == self.before && self.base.is_some() {
            return None;
        }
        self.head.advance(nonce);
        let key = group::key(&self.space, &self.group);
        let mut deletes = Vec::new();
        let mut puts = Vec::new();
        for (key, row) in rows {
            match row {
                Some(value) => puts.push(Put { key, value }),
                None => deletes.push(key),
            }
        }
        puts.push(Put { key: key.clone(), value: self.head.encode() });
        let check = Check { key, value: self.base };
        let stream_check =
            self.unread.then(|| Check { key: space_row::key(&self.space), value: self.stream_row.clone() });
        let left =
            Left { head: self.head, stream: self.stream, stream_row: self.stream_row, kept: kept.settled() };
        Some(GroupPlan { check, stream_check, deletes, puts, nonce, left })
    }

    /// The plan that creates the group.
    pub(crate) fn anew(mut self, nonce: u64) -> GroupPlan {
        self.head.advance(nonce);
        let key = group::key(&self.space, &self.group);
        let puts = Vec::from([Put { key: key.clone(), value: self.head.encode() }]);
        let check = Check { key, value: self.base };
        let left = Left { head: self.head, stream: self.stream, stream_row: None, kept: Kept::default() };
        GroupPlan { check, stream_check: None, deletes: Vec::new(), puts, nonce, left }
    }

    fn finish_members(&self, rows: &mut BTreeMap<Bytes, Option<Bytes>>, kept: &mut Kept) {
        let place = self.place();
        let timer =
            |session: u64, row: &MemberRow| group_timer::key(&place, &Timer::of_session(session, row.timer));
        for (session, held) in &self.members {
            if held.before == held.now {
                continue;
            }
            let key = group_member::key(&place, &held.consumer, *session);
            let moved = held.before.map(|row| row.timer) != held.now.map(|row| row.timer);
            if let Some(row) = held.before.filter(|_| moved) {
                rows.insert(timer(*session, &row), None);
            }
            if let Some(row) = held.now.filter(|_| moved) {
                let value = TimerRow { consumer: (*held.consumer).into(), page: None };
                rows.insert(timer(*session, &row), Some(value.encode()));
                kept.set_timer(0, row.timer);
            }
            rows.insert(key, held.now.map(|row| row.encode()));
            kept.set_session(*session, &held.consumer, held.now);
        }
    }

    fn finish_pages(&self, rows: &mut BTreeMap<Bytes, Option<Bytes>>, kept: &mut Kept) {
        let place = self.place();
        let mut written: Vec<(Bytes, Bytes)> = Vec::new();
        for ((session, first), held) in &self.pages {
            if held.before.as_ref() == Some(&held.now) {
                continue;
            }
            let chunks = self.chunks(&held.now);
            kept.set_page(*session, *first, &chunks);
            let stays = held.before.as_ref().is_some_and(|before| chunks.contains(before));
            if let Some(before) = &held.before
                && !stays
            {
                rows.insert(group_page::key(&place, *session, *first), None);
                if let Some(timer) = self.page_timer(*session, before) {
                    rows.insert(group_timer::key(&place, &timer), None);
                }
            }
            for chunk in chunks {
                let Some(first) = chunk.keys().next().copied() else {
                    continue;
                };
                if held.before.as_ref() == Some(&chunk) {
                    continue;
                }
                written.push((group_page::key(&place, *session, first), group_page::encode(&chunk)));
                if let Some(timer) = self.page_timer(*session, &chunk) {
                    kept.set_timer(timer.lane, timer.time);
                    let value = TimerRow { consumer: self.consumer_of(*session).into(), page: Some(first) };
                    written.push((group_timer::key(&place, &timer), value.encode()));
                }
            }
        }
        // After the deletes of all pages: a page may begin with the id that another one began with.
        for (key, value) in written {
            rows.insert(key, Some(value));
        }
    }

    /// The timer of a page: its earliest deadline.
    fn page_timer(&self, session: u64, records: &Records) -> Option<Timer> {
        if session == ASIDE {
            return None;
        }
        Timer::of_page(self.head.mode, session, records)
    }

    /// Records as pages that are not larger than they may be.
    fn chunks(&self, records: &Rc<Records>) -> Vec<Rc<Records>> {
        if records.len() <= self.page_records {
            return if records.is_empty() { Vec::new() } else { Vec::from([Rc::clone(records)]) };
        }
        let mut chunks: Vec<Records> = Vec::new();
        for (id, record) in &**records {
            match chunks.last_mut() {
                Some(chunk) if Records::len(chunk) < self.page_records => {
                    chunk.insert(*id, *record);
                }
                _ => chunks.push(Records::from([(*id, *record)])),
            }
        }
        chunks.into_iter().map(Rc::new).collect()
    }
}
