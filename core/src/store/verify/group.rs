//! What the rows of one group say of each other: counts in the head, in the rows of sessions and in those of slots; the
//! pages that are counted; and a timer for each page and session.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Problems;
use crate::id::EntryId;
use crate::layout::GroupMode;
use crate::layout::group::{self, GroupHead, Place};
use crate::layout::group_member::MemberRow;
use crate::layout::group_page::Records;
use crate::layout::group_slots::{self, SLOTS_OF_ROW, Slots};
use crate::layout::group_timer::{self, Timer, TimerRow};

/// Pages of records that are set aside for the consumers of their keys stand under no session.
const SET_ASIDE: u64 = 0;

/// A group whose rows are being read.
#[derive(Debug)]
pub(super) struct GroupCheck {
    pub(super) key: Vec<u8>,
    /// The head as it was stored.
    pub(super) row: Vec<u8>,
    /// Looks at the group so far.
    pub(super) looks: u32,
    head: GroupHead,
    /// By session.
    members: BTreeMap<u64, Member>,
    pages: BTreeMap<u64, Pages>,
    /// The timers that pages have, and the first ids of these; without those that were found.
    timers: BTreeMap<Timer, EntryId>,
    /// By slot and session: records in pages, less those that rows of slots count.
    slots: BTreeMap<(u64, u64), u64>,
    /// What is wrong with single rows, if the group was not used meanwhile.
    found: Problems,
    is_damaged: bool,
}

#[derive(Debug)]
struct Member {
    key: Vec<u8>,
    consumer: String,
    pending: u64,
    has_ended: bool,
    /// Its timer, until that is found.
    timer: Option<u64>,
}

#[derive(Debug)]
struct Pages {
    /// Of the first one.
    key: Vec<u8>,
    records: u64,
}

impl GroupCheck {
    pub(super) fn begin(key: Vec<u8>, row: Vec<u8>, head: GroupHead) -> Self {
        Self {
            key,
            row,
            looks: 1,
            head,
            members: BTreeMap::new(),
            pages: BTreeMap::new(),
            timers: BTreeMap::new(),
            slots: BTreeMap::new(),
            found: Problems::default(),
            is_damaged: false,
        }
    }

    /// Whether a row counts that stands at a key of this life: others are what an earlier group of that name left.
    pub(super) fn has(&self, key: &[u8], life: u64) -> bool {
        life == self.head.life && self.is_beside(key)
    }

    fn is_beside(&self, key: &[u8]) -> bool {
        key.strip_prefix(&*self.key).is_some_and(|rest| rest.first() == Some(&0))
    }

    pub(super) fn member(&mut self, key: Vec<u8>, consumer: String, session: u64, row: &MemberRow) {
        let (has_ended, timer) = (row.ended.is_some(), Some(row.timer));
        let member = Member { key, consumer, pending: row.pending, has_ended, timer };
        if let Some(other) = self.members.insert(session, member) {
            self.found.damage("group member: its session is another consumer's", &other.key);
        }
    }

    pub(super) fn page(&mut self, key: Vec<u8>, session: u64, first: EntryId, records: &Records) {
        if session != SET_ASIDE {
            if let Some(timer) = Timer::of_page(self.head.mode, session, records) {
                self.timers.insert(timer, first);
            }
            if self.head.mode == GroupMode::KeyShared {
                for record in records.values() {
                    *self.slots.entry((record.slot, session)).or_default() += 1;
                }
            }
        }
        let pages = self.pages.entry(session).or_insert(Pages { key, records: 0 });
        pages.records += records.len() as u64;
    }

    /// Pages stand before the rows of slots.
    pub(super) fn slots(&mut self, key: &[u8], slots: &Slots) {
        for (slot, takers) in slots {
            for taker in takers {
                if self.slots.remove(&(*slot, taker.session)) != Some(taker.pending) {
                    self.found.damage("group slots: they count other records than there are", key);
                }
            }
        }
    }

    /// Pages and members stand before timers.
    pub(super) fn timer(&mut self, key: &[u8], timer: &Timer, row: &TimerRow) {
        let member = self.members.get_mut(&timer.session);
        let is_theirs = member.as_ref().is_none_or(|member| member.consumer == row.consumer);
        let is_right = match row.page {
            Some(first) => self.timers.remove(timer) == Some(first),
            None => member.is_some_and(|member| {
                let time = member.timer.take();
                time.is_some_and(|time| *timer == Timer::of_session(timer.session, time))
            }),
        };
        if !is_theirs || !is_right {
            self.found.damage("group timer: nothing is due then that it names", key);
        }
    }

    /// A row cannot be read: if it is one of this group, what it would count is not known.
    pub(super) fn damaged(&mut self, key: &[u8]) {
        self.is_damaged |= self.is_beside(key);
    }

    /// What does not agree.
    pub(super) fn compare(&mut self) -> Problems {
        let mut problems = core::mem::take(&mut self.found);
        if self.is_damaged {
            return Problems::default();
        }
        let mut count = |what: &str, said: u64, found: u64, key: &[u8]| {
            if said != found {
                problems.damage(format!("{what}: it counts {said}, and there are {found}"), key);
            }
        };
        let aside = self.records_of(SET_ASIDE);
        let pending: u64 = self.pages.values().map(|pages| pages.records).sum();
        let joined = self.members.values().filter(|member| !member.has_ended).count() as u64;
        count("group head: records pending", self.head.pending, pending - aside, &self.key);
        count("group head: records set aside", self.head.skipped, aside, &self.key);
        count("group head: consumers", self.head.members, joined, &self.key);
        for (session, member) in &self.members {
            count("group member: records pending", member.pending, self.records_of(*session), &member.key);
        }
        for (session, pages) in &self.pages {
            if *session != SET_ASIDE && !self.members.contains_key(session) {
                problems.damage("group page: its session is not there", &pages.key);
            }
        }
        self.compare_what_was_not_found(&mut problems);
        problems
    }

    fn compare_what_was_not_found(&self, problems: &mut Problems) {
        let Some((place, _)) = group::parse(&self.key) else {
            return;
        };
        let place = Place { life: self.head.life, ..place };
        let of_sessions = self.members.iter().filter_map(|(session, member)| Some((*session, member.timer?)));
        let of_sessions = of_sessions.map(|(session, time)| Timer::of_session(session, time));
        for timer in self.timers.keys().copied().chain(of_sessions) {
            problems.damage("group timer: it is missing", &group_timer::key(&place, &timer));
        }
        for (slot, _) in self.slots.keys() {
            let key = group_slots::key(&place, slot / SLOTS_OF_ROW);
            problems.damage("group slots: they count other records than there are", &key);
        }
    }

    fn records_of(&self, session: u64) -> u64 {
        self.pages.get(&session).map_or(0, |pages| pages.records)
    }
}
