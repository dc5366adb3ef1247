//! A group while a commit to it is being planned: what was loaded of it, what becomes of it, and the rows
//! that differ.

use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::vec::Vec;

use super::affairs::{Affairs, PAGE_OPS, SESSION_OPS};
use super::kept::Kept;
use super::left::Left;
use crate::id::EntryId;
use crate::kv::{Bytes, Check, Put};
use crate::layout::group::{GroupHead, GroupMode, Place};
use crate::layout::group_member::MemberRow;
use crate::layout::group_page::{NEVER, Pending, Records};
use crate::layout::group_slots::{SLOTS_OF_ROW, Slots, Taker};
use crate::layout::group_timer::{Timer, TimerRow};
use crate::layout::space::SpaceHead;
use crate::layout::{group, group_member, group_page, group_slots, group_timer, space as space_row};

/// The session under which records stand that were set aside.
pub(crate) const ASIDE: u64 = 0;

/// A session, as it was loaded and as it will be; `None`: there is none.
#[derive(Debug, Clone)]
pub(crate) struct HeldMember {
    pub(crate) consumer: Rc<str>,
    before: Option<MemberRow>,
    pub(crate) now: Option<MemberRow>,
}

/// A page, by the first id that it had when it was loaded: it answers for all ids from there up to the
/// next page of its session.
#[derive(Debug, Clone)]
struct HeldPage {
    before: Option<Rc<Records>>,
    now: Rc<Records>,
}

#[derive(Debug, Clone)]
struct HeldSlots {
    before: Option<Slots>,
    now: Slots,
}

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

/// What was loaded of a group, and what becomes of it.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) space: Rc<str>,
    pub(crate) group: Rc<str>,
    /// The head as it was loaded, as stored; `None`: there was none.
    base: Option<Bytes>,
    /// The head as it will be.
    pub(crate) head: GroupHead,
    /// The head as it was loaded.
    before: GroupHead,
    /// The host's time.
    pub(crate) now: u64,
    /// The head of the stream's space: of the moment of the group's head, or later.
    pub(crate) stream: Rc<SpaceHead>,
    /// That head as stored; `None` where it is not known byte for byte.
    pub(crate) stream_row: Option<Bytes>,
    /// Both heads are remembered ones that were not read: the commit checks both.
    pub(crate) unread: bool,
    /// Records up to here are trimmed.
    pub(crate) trimmed: EntryId,
    /// The group's own affairs in this commit.
    pub(crate) affairs: Affairs,
    /// Most records of a page.
    page_records: usize,
    pub(super) members: BTreeMap<u64, HeldMember>,
    pages: BTreeMap<(u64, EntryId), HeldPage>,
    slots: BTreeMap<u64, HeldSlots>,
    /// What is known as of the head that was loaded.
    pub(crate) kept: Kept,
}

impl Draft {
    pub(crate) fn new(
        space: &Rc<str>,
        group: &Rc<str>,
        base: Option<Bytes>,
        head: GroupHead,
        page_records: usize,
    ) -> Self {
        Self {
            space: Rc::clone(space),
            group: Rc::clone(group),
            base,
            before: head.clone(),
            head,
            now: 0,
            stream: Rc::new(SpaceHead::EMPTY),
            stream_row: None,
            unread: false,
            trimmed: EntryId::ZERO,
            affairs: Affairs::ALL,
            page_records: page_records.max(1),
            members: BTreeMap::new(),
            pages: BTreeMap::new(),
            slots: BTreeMap::new(),
            kept: Kept::default(),
        }
    }

    pub(crate) fn place(&self) -> Place<'_> {
        Place { space: &self.space, group: &self.group, life: self.head.life }
    }

    /// The head that it was planned from, as stored.
    pub(crate) fn base(&self) -> Option<&Bytes> {
        self.base.as_ref()
    }

    /// Whether a session began or ended, or the group is held by another one.
    pub(crate) fn has_moved(&self) -> bool {
        (self.head.generation, self.head.holder) != (self.before.generation, self.before.holder)
    }

    /// Whether that is news to consumers that wait: records are due, or belong to others now.
    pub(crate) fn is_news(&self) -> bool {
        let left_behind = self.members.values().any(|held| {
            held.before.is_some_and(|row| row.ended.is_none())
                && held.now.is_some_and(|row| row.ended.is_some())
        });
        match self.head.mode {
            GroupMode::Shared => left_behind,
            GroupMode::Exclusive => left_behind || self.head.holder != self.before.holder,
            GroupMode::KeyShared => self.has_moved(),
        }
    }

    // ---------------------------------------------------------------- what is loaded

    /// Takes in a session that was read; one that is known already stays as it is.
    pub(crate) fn add_member(&mut self, session: u64, consumer: &str, row: MemberRow) {
        self.members.entry(session).or_insert_with(|| HeldMember {
            consumer: Rc::from(consumer),
            before: Some(row),
            now: Some(row),
        });
    }

    /// Takes in the sessions of a consumer, or of all, as they are known; whether they are.
    pub(crate) fn recall_sessions(&mut self, of: Option<&str>) -> bool {
        let Some(sessions) = self.kept.sessions(of) else {
            return false;
        };
        for (session, consumer, row) in sessions {
            self.add_member(session, &consumer, row);
        }
        true
    }

    /// Notes that all sessions of a consumer, or of all, are loaded.
    pub(crate) fn learn_sessions(&mut self, of: Option<&str>) {
        let members = self.members.iter().filter(|(_, held)| of.is_none_or(|of| *held.consumer == *of));
        let loaded = members.filter_map(|(session, held)| Some((*session, &held.consumer, held.before?)));
        self.kept.learn_sessions(of, loaded);
    }

    /// Takes in a page that was read; one that is known already stays as it is.
    pub(crate) fn add_page(&mut self, session: u64, first: EntryId, records: Rc<Records>) {
        self.pages
            .entry((session, first))
            .or_insert_with(|| HeldPage { before: Some(Rc::clone(&records)), now: records });
    }

    /// Takes in the page that answers for an id as it is known, and gives its first and its last id;
    /// `None`: it is not known which.
    pub(crate) fn recall_floor(&mut self, session: u64, id: EntryId) -> Option<Option<(EntryId, EntryId)>> {
        let page = self.kept.floor(session, id)?;
        Some(page.map(|(first, records)| {
            self.add_page(session, first, records);
            (first, self.last_of_page(session, first).unwrap_or(first))
        }))
    }

    /// Notes which page answers for an id: the one that begins at `first`, which is loaded, or none.
    pub(crate) fn learn_floor(&mut self, session: u64, id: EntryId, first: Option<EntryId>) {
        let page = first.map(|first| Some((first, self.pages.get(&(session, first))?.before.clone()?)));
        // A record is delivered before it is pending.
        let last = self.before.delivered;
        match page {
            None => self.kept.learn_floor(session, id, last, None),
            Some(Some(page)) => self.kept.learn_floor(session, id, last, Some(page)),
            Some(None) => {}
        }
    }

    pub(crate) fn has_page(&self, session: u64, first: EntryId) -> bool {
        self.pages.contains_key(&(session, first))
    }

    /// The last id that a page held when it was read.
    pub(crate) fn last_of_page(&self, session: u64, first: EntryId) -> Option<EntryId> {
        self.pages.get(&(session, first))?.before.as_ref()?.keys().next_back().copied()
    }

    /// Takes in a row of slots; `None`: there was none.
    pub(crate) fn add_slots(&mut self, n: u64, slots: Option<Slots>) {
        let now = slots.clone().unwrap_or_default();
        self.slots.entry(n).or_insert(HeldSlots { before: slots, now });
    }

    /// Whether a page that is loaded has records that are trimmed.
    fn is_trimmed(&self, page: &HeldPage) -> bool {
        page.now.keys().next().is_some_and(|first| *first <= self.trimmed)
    }

    /// How many pages of a session that are loaded have records that are trimmed.
    pub(crate) fn trimmed_pages(&self, session: u64) -> usize {
        let pages = self.pages.range((session, EntryId::ZERO)..=(session, EntryId::MAX));
        pages.filter(|(_, page)| self.is_trimmed(page)).count()
    }

    /// Forgets what is trimmed of the pages that are loaded, as much as the commit has room for.
    pub(crate) fn drop_trimmed(&mut self) {
        let pages = self.pages.iter().filter(|(_, page)| self.is_trimmed(page));
        let pages: Vec<(u64, EntryId)> = pages.map(|(key, _)| *key).collect();
        let mut counted = None;
        let mut rows: Vec<u64> = Vec::new();
        for (session, first) in pages {
            let row = if counted == Some(session) { 0 } else { SESSION_OPS };
            if !self.affairs.spend(PAGE_OPS + row) {
                return;
            }
            counted = Some(session);
            let Some(page) = self.pages.get(&(session, first)) else {
                continue;
            };
            let gone = page.now.range(..=self.trimmed).map(|(id, record)| (*id, record.slot));
            for (id, slot) in gone.collect::<Vec<_>>() {
                let row = slot / SLOTS_OF_ROW;
                let is_counted = self.head.mode != GroupMode::KeyShared || session == ASIDE;
                if !is_counted && !rows.contains(&row) {
                    if !self.affairs.spend(1) {
                        return;
                    }
                    rows.push(row);
                }
                self.forget_trimmed(session, id);
            }
        }
    }

    /// Forgets a record that is trimmed.
    pub(crate) fn forget_trimmed(&mut self, session: u64, id: EntryId) {
        if self.remove(session, id).is_some() && session != ASIDE {
            self.head.trimmed_pending += 1;
        }
    }

    // ---------------------------------------------------------------- sessions

    pub(crate) fn member(&self, session: u64) -> Option<&MemberRow> {
        self.members.get(&session)?.now.as_ref()
    }

    pub(crate) fn member_mut(&mut self, session: u64) -> Option<&mut MemberRow> {
        self.members.get_mut(&session)?.now.as_mut()
    }

    /// The sessions that are loaded.
    pub(crate) fn members(&self) -> impl Iterator<Item = (u64, &HeldMember, &MemberRow)> {
        self.members.iter().filter_map(|(session, held)| Some((*session, held, held.now.as_ref()?)))
    }

    /// The sessions of a consumer that are loaded, the oldest first.
    pub(crate) fn sessions_of(&self, consumer: &str) -> Vec<u64> {
        self.members()
            .filter(|(_, held, _)| &*held.consumer == consumer)
            .map(|(session, ..)| session)
            .collect()
    }

    /// The session of a consumer that has not ended.
    pub(crate) fn active_session(&self, consumer: &str) -> Option<u64> {
        self.members()
            .find(|(_, held, row)| &*held.consumer == consumer && row.ended.is_none())
            .map(|(session, ..)| session)
    }

    /// Whose session it is.
    pub(crate) fn consumer_of(&self, session: u64) -> &str {
        self.members.get(&session).map_or("", |held| &*held.consumer)
    }

    pub(super) fn insert_member(&mut self, session: u64, consumer: &str, row: MemberRow) {
        self.members
            .insert(session, HeldMember { consumer: Rc::from(consumer), before: None, now: Some(row) });
    }

    /// When a record of a session is due: its deadline, or the end of the session before it.
    pub(crate) fn due_at(&self, session: u64, record: &Pending) -> u64 {
        let ended = self.member(session).and_then(|row| row.ended);
        record.deadline.min(ended.unwrap_or(NEVER))
    }

    // ---------------------------------------------------------------- records

    /// The records loaded under a session, in id order.
    pub(crate) fn records_of(&self, session: u64) -> impl Iterator<Item = (EntryId, &Pending)> {
        self.pages
            .range((session, EntryId::ZERO)..=(session, EntryId::MAX))
            .flat_map(|(_, page)| page.now.iter().map(|(id, record)| (*id, record)))
    }

    /// All records loaded under sessions.
    pub(crate) fn records(&self) -> impl Iterator<Item = (u64, EntryId, &Pending)> {
        self.pages
            .iter()
            .filter(|((session, _), _)| *session != ASIDE)
            .flat_map(|((session, _), page)| page.now.iter().map(|(id, record)| (*session, *id, record)))
    }

    pub(crate) fn find(&self, session: u64, id: EntryId) -> Option<&Pending> {
        self.floor(session, id)?.now.get(&id)
    }

    fn floor(&self, session: u64, id: EntryId) -> Option<&HeldPage> {
        self.pages.range((session, EntryId::ZERO)..=(session, id)).next_back().map(|(_, page)| page)
    }

    /// Takes a record off its session, with all that counts it.
    pub(crate) fn remove(&mut self, session: u64, id: EntryId) -> Option<Pending> {
        let (_, page) = self.pages.range_mut((session, EntryId::ZERO)..=(session, id)).next_back()?;
        page.now.get(&id)?;
        let record = Rc::make_mut(&mut page.now).remove(&id)?;
        if session == ASIDE {
            self.head.skipped = self.head.skipped.saturating_sub(1);
            return Some(record);
        }
        if self.head.mode == GroupMode::KeyShared {
            self.untake(session, record.slot);
        }
        self.count_removed(session, 1);
        Some(record)
    }

    /// So many records were taken off a session.
    fn count_removed(&mut self, session: u64, count: u64) {
        self.head.pending = self.head.pending.saturating_sub(count);
        if let Some(held) = self.members.get_mut(&session)
            && let Some(row) = &mut held.now
        {
            row.pending = row.pending.saturating_sub(count);
            if row.pending == 0 && row.ended.is_some() {
                held.now = None;
            }
        }
    }

    /// Takes those of these records off a consumer's session that it has, with all that counts them. The
    /// ids are in their order. How many they were.
    pub(crate) fn remove_all(&mut self, session: u64, ids: &[EntryId]) -> u64 {
        let (Some(first), Some(last)) = (ids.first(), ids.last()) else {
            return 0;
        };
        let is_asked = |id: &EntryId| ids.binary_search(id).is_ok();
        let mut removed = 0;
        let mut slots = Vec::new();
        for (_, page) in self.pages.range_mut((session, EntryId::ZERO)..=(session, *last)) {
            let mut asked = page.now.range(first..=last).filter(|(id, _)| is_asked(id)).peekable();
            if asked.peek().is_none() {
                continue;
            }
            let before = removed;
            for (_, record) in asked {
                removed += 1;
                slots.push(record.slot);
            }
            // What is left is mostly little: cheaper made anew than taken off one by one.
            let all = page.now.len() as u64 == removed - before;
            let left = page.now.iter().filter(|(id, _)| !all && !is_asked(id));
            page.now = Rc::new(left.map(|(id, record)| (*id, *record)).collect());
        }
        if self.head.mode == GroupMode::KeyShared {
            for slot in slots {
                self.untake(session, slot);
            }
        }
        if removed > 0 {
            self.count_removed(session, removed);
        }
        removed
    }

    /// Puts a record under a session, or changes it there. The page that answers for the id is loaded.
    pub(crate) fn put(&mut self, session: u64, id: EntryId, record: Pending) {
        let key = self
            .pages
            .range((session, EntryId::ZERO)..=(session, id))
            .next_back()
            .map_or((session, id), |(key, _)| *key);
        let page = self.pages.entry(key).or_insert_with(|| HeldPage { before: None, now: Rc::default() });
        if Rc::make_mut(&mut page.now).insert(id, record).is_some() {
            return;
        }
        if session == ASIDE {
            self.head.skipped += 1;
            return;
        }
        self.head.pending += 1;
        if let Some(row) = self.member_mut(session) {
            row.pending += 1;
        }
        if self.head.mode == GroupMode::KeyShared {
            self.take(session, record.slot);
        }
    }

    // ---------------------------------------------------------------- slots

    /// The sessions under which records of a slot are pending, in the order in which they took it over.
    pub(crate) fn takers(&self, slot: u64) -> &[Taker] {
        self.slots
            .get(&(slot / SLOTS_OF_ROW))
            .and_then(|held| held.now.iter().find(|(known, _)| *known == slot))
            .map(|(_, takers)| takers.as_slice())
            .unwrap_or_default()
    }

    /// All slots under which records are pending.
    pub(crate) fn slots_taken(&self) -> impl Iterator<Item = (u64, &[Taker])> {
        self.slots.values().flat_map(|held| held.now.iter().map(|(slot, takers)| (*slot, takers.as_slice())))
    }

    fn take(&mut self, session: u64, slot: u64) {
        let held = self
            .slots
            .entry(slot / SLOTS_OF_ROW)
            .or_insert_with(|| HeldSlots { before: None, now: Slots::new() });
        let at = held.now.partition_point(|(known, _)| *known < slot);
        if held.now.get(at).is_none_or(|(known, _)| *known != slot) {
            held.now.insert(at, (slot, Vec::new()));
        }
        let Some((_, takers)) = held.now.get_mut(at) else {
            return;
        };
        match takers.iter_mut().find(|taker| taker.session == session) {
            Some(taker) => taker.pending += 1,
            None => takers.push(Taker { session, pending: 1 }),
        }
    }

    fn untake(&mut self, session: u64, slot: u64) {
        if let Some(held) = self.slots.get_mut(&(slot / SLOTS_OF_ROW))
            && let Some((_, takers)) = held.now.iter_mut().find(|(known, _)| *known == slot)
        {
            if let Some(taker) = takers.iter_mut().find(|taker| taker.session == session) {
                taker.pending = taker.pending.saturating_sub(1);
            }
            takers.retain(|taker| taker.pending > 0);
            if takers.is_empty() {
                held.now.retain(|(known, _)| *known != slot);
            }
        }
    }

    // ---------------------------------------------------------------- rows

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

    /// The timer of a page: its earliest deadline.
    fn page_timer(&self, session: u64, records: &Records) -> Option<Timer> {
        if session == ASIDE {
            return None;
        }
        let lane = if self.head.mode == GroupMode::KeyShared { session } else { 0 };
        records
            .iter()
            .filter(|(_, record)| record.deadline != NEVER)
            .map(|(id, record)| Timer { lane, time: record.deadline, id: *id, session })
            .min()
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
        let timer = |session: u64, row: &MemberRow| {
            group_timer::key(&place, &Timer { lane: 0, time: row.timer, id: EntryId::ZERO, session })
        };
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
