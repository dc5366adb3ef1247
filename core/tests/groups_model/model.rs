//! A group as plainly as it can be said: one list of records that are pending, looked through every time.

use std::collections::BTreeMap;

use streamkit_core::{EntryId, GroupMode};

/// A record that is pending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pending {
    pub(crate) consumer: String,
    session: u64,
    pub(crate) attempts: u64,
    pub(crate) deadline: u64,
}

#[derive(Debug, Clone)]
struct Session {
    consumer: String,
    heard: u64,
    ended: Option<u64>,
}

/// The group, its stream and its dead letters.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) mode: GroupMode,
    pub(crate) ack_timeout: u64,
    pub(crate) max_deliver: u64,
    pub(crate) consumer_timeout: u64,
    pub(crate) max_standbys: Option<u64>,
    pub(crate) now: u64,
    /// The stream: ids and payloads, without what is trimmed.
    pub(crate) stream: BTreeMap<EntryId, String>,
    trimmed: EntryId,
    cursor: EntryId,
    pub(crate) pending: BTreeMap<EntryId, Pending>,
    pub(crate) trimmed_pending: u64,
    pub(crate) dead: Vec<String>,
    sessions: BTreeMap<u64, Session>,
    last_session: u64,
    holder: u64,
}

/// An id, and how often it was delivered.
pub(crate) type Given = (EntryId, u64);

impl Model {
    pub(crate) fn new(mode: GroupMode, now: u64) -> Self {
        Self {
            mode,
            ack_timeout: 30_000,
            max_deliver: 10,
            consumer_timeout: 30_000,
            max_standbys: None,
            now,
            stream: BTreeMap::new(),
            trimmed: EntryId::ZERO,
            cursor: EntryId::ZERO,
            pending: BTreeMap::new(),
            trimmed_pending: 0,
            dead: Vec::new(),
            sessions: BTreeMap::new(),
            last_session: 0,
            holder: 0,
        }
    }

    /// Whoever is silent for too long has left.
    pub(crate) fn look(&mut self) {
        loop {
            let silent = self
                .sessions
                .iter()
                .filter(|(_, one)| one.ended.is_none() && one.heard + self.consumer_timeout <= self.now)
                .map(|(session, one)| (one.heard + self.consumer_timeout, *session))
                .min();
            let Some((at, session)) = silent else { break };
            self.end(session, at);
        }
        let trimmed = self.trimmed;
        let before = self.pending.len();
        self.pending.retain(|id, _| *id > trimmed);
        self.trimmed_pending += (before - self.pending.len()) as u64;
    }

    fn end(&mut self, session: u64, at: u64) {
        self.sessions.get_mut(&session).expect("known").ended = Some(at);
        if self.holder == session {
            let next = self
                .sessions
                .iter()
                .find(|(_, one)| one.ended.is_none() && one.heard + self.consumer_timeout > self.now);
            self.holder = next.map_or(0, |(session, _)| *session);
        }
    }

    fn active(&self, consumer: &str) -> Option<u64> {
        self.sessions
            .iter()
            .find(|(_, one)| one.consumer == consumer && one.ended.is_none())
            .map(|(session, _)| *session)
    }

    fn hear(&mut self, consumer: &str) {
        if let Some(session) = self.active(consumer) {
            self.sessions.get_mut(&session).expect("known").heard = self.now;
        }
    }

    /// `false`: no more may stand by.
    pub(crate) fn join(&mut self, consumer: &str) -> bool {
        self.look();
        if self.active(consumer).is_some() {
            self.hear(consumer);
            return true;
        }
        let joined = self.sessions.values().filter(|one| one.ended.is_none()).count() as u64;
        let held = self.mode == GroupMode::Exclusive && self.holder != 0;
        if held && self.max_standbys.is_some_and(|most| joined > most) {
            return false;
        }
        self.last_session += 1;
        self.sessions
            .insert(self.last_session, Session { consumer: consumer.into(), heard: self.now, ended: None });
        if self.mode == GroupMode::Exclusive && !held {
            self.holder = self.last_session;
        }
        true
    }

    pub(crate) fn leave(&mut self, consumer: &str) {
        self.look();
        if let Some(session) = self.active(consumer) {
            self.end(session, self.now);
        }
    }

    pub(crate) fn deadline_of(&self, one: &Pending) -> u64 {
        one.deadline.min(self.sessions[&one.session].ended.unwrap_or(u64::MAX))
    }

    fn is_exhausted(&self, attempts: u64) -> bool {
        self.max_deliver > 0 && attempts >= self.max_deliver
    }

    fn bury(&mut self, id: EntryId) {
        self.pending.remove(&id);
        self.dead.push(self.stream[&id].clone());
    }

    /// What is due, by (deadline, id).
    fn due(&self) -> Vec<EntryId> {
        let places = self.pending.iter().map(|(id, one)| (self.deadline_of(one), *id));
        let mut due: Vec<(u64, EntryId)> = places.filter(|(at, _)| *at <= self.now).collect();
        due.sort_unstable();
        due.into_iter().map(|(_, id)| id).collect()
    }

    /// Joins as a reader; its session, if it may be given records. `None`: no more may stand by.
    fn reader(&mut self, consumer: &str) -> Option<Option<u64>> {
        let joined = self.join(consumer);
        let session = self.active(consumer).filter(|_| joined)?;
        Some((self.mode != GroupMode::Exclusive || self.holder == session).then_some(session))
    }

    /// `None`: no more may stand by.
    pub(crate) fn read(&mut self, consumer: &str, limit: usize, no_ack: bool) -> Option<Vec<Given>> {
        let Some(session) = self.reader(consumer)? else {
            return Some(Vec::new());
        };
        loop {
            let due = self.due();
            let first = due.iter().take(limit).copied();
            let mut dead: Vec<EntryId> =
                first.filter(|id| self.is_exhausted(self.pending[id].attempts)).take(64).collect();
            if dead.is_empty() {
                return Some(self.give(consumer, session, due, limit, no_ack));
            }
            dead.sort_unstable();
            for id in dead {
                self.bury(id);
            }
        }
    }

    /// A read that gave so many records after it had buried so many. `None`: it should not have.
    pub(crate) fn read_cut(
        &mut self,
        consumer: &str,
        given: usize,
        buried: usize,
        no_ack: bool,
    ) -> Option<Vec<Given>> {
        let session = self.reader(consumer)??;
        let mut due = self.due();
        let dead = |model: &Self, id: &EntryId| model.is_exhausted(model.pending[id].attempts);
        let gone: Vec<EntryId> = due.iter().filter(|id| dead(self, id)).take(buried).copied().collect();
        let left = due.iter().filter(|id| !gone.contains(id)).position(|id| dead(self, id));
        due.retain(|id| !gone.contains(id));
        if gone.len() < buried || left.is_some_and(|left| left < given) {
            return None;
        }
        for id in gone {
            self.bury(id);
        }
        Some(self.give(consumer, session, due, given, no_ack))
    }

    fn give(
        &mut self,
        consumer: &str,
        session: u64,
        due: Vec<EntryId>,
        most: usize,
        no_ack: bool,
    ) -> Vec<Given> {
        let mut given = Vec::new();
        for id in due.into_iter().take(most) {
            let one = self.pending.remove(&id).expect("pending");
            given.push((id, one.attempts + 1));
        }
        let after = self.cursor.max(self.trimmed);
        let fresh: Vec<EntryId> = self
            .stream
            .range((std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded))
            .map(|(id, _)| *id)
            .take(most - given.len())
            .collect();
        for id in fresh {
            given.push((id, 1));
            self.cursor = id;
        }
        if !no_ack {
            let deadline = if self.ack_timeout == 0 { u64::MAX } else { self.now + self.ack_timeout };
            for (id, attempts) in &given {
                let one = Pending { consumer: consumer.into(), session, attempts: *attempts, deadline };
                self.pending.insert(*id, one);
            }
        }
        given
    }

    fn mine(&self, consumer: &str, ids: &[EntryId], active_only: bool) -> Vec<EntryId> {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids.dedup();
        ids.retain(|id| {
            self.pending.get(id).is_some_and(|one| {
                one.consumer == consumer && (!active_only || self.sessions[&one.session].ended.is_none())
            })
        });
        ids
    }

    pub(crate) fn ack(&mut self, consumer: &str, ids: &[EntryId]) -> u64 {
        self.look();
        self.hear(consumer);
        let mine = self.mine(consumer, ids, false);
        for id in &mine {
            self.pending.remove(id);
        }
        mine.len() as u64
    }

    pub(crate) fn nack(&mut self, consumer: &str, ids: &[EntryId], delay: u64) -> u64 {
        self.look();
        self.hear(consumer);
        let mine = self.mine(consumer, ids, false);
        for id in &mine {
            if self.is_exhausted(self.pending[id].attempts) {
                self.bury(*id);
            } else {
                self.pending.get_mut(id).expect("pending").deadline = self.now + delay;
            }
        }
        mine.len() as u64
    }

    pub(crate) fn touch(&mut self, consumer: &str, ids: &[EntryId], extend: u64) -> u64 {
        self.look();
        self.hear(consumer);
        let mine = self.mine(consumer, ids, true);
        for id in &mine {
            let one = self.pending.get_mut(id).expect("pending");
            one.deadline = self.now + extend;
        }
        mine.len() as u64
    }

    pub(crate) fn trim(&mut self, before: EntryId) {
        let last = self.stream.range(..before).next_back().map(|(id, _)| *id);
        if let Some(last) = last {
            self.trimmed = last;
            self.stream.retain(|id, _| *id > last);
        }
    }

    pub(crate) fn lag(&self) -> u64 {
        let after = self.cursor.max(self.trimmed);
        let fresh = self.stream.range((std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded));
        fresh.count() as u64
    }

    /// Consumers that hold something or have joined: name, active, pending.
    pub(crate) fn consumers(&self) -> Vec<(String, bool, u64)> {
        let mut all: BTreeMap<String, (bool, u64)> = BTreeMap::new();
        for (session, one) in &self.sessions {
            let pending = self.pending.values().filter(|record| record.session == *session).count() as u64;
            if one.ended.is_some() && pending == 0 {
                continue;
            }
            let holds = self.mode != GroupMode::Exclusive || self.holder == *session;
            let known = all.entry(one.consumer.clone()).or_default();
            known.0 |= one.ended.is_none() && holds;
            known.1 += pending;
        }
        all.into_iter().map(|(name, (active, pending))| (name, active, pending)).collect()
    }
}
