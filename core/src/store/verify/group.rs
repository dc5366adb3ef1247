//! What the rows of one group say of each other: counts in the head and in the rows of sessions, and the pages that are
//! counted.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;

use super::Problems;
use crate::layout::group::GroupHead;
use crate::layout::group_member::MemberRow;

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
    is_damaged: bool,
}

#[derive(Debug)]
struct Member {
    key: Vec<u8>,
    pending: u64,
    has_ended: bool,
}

#[derive(Debug)]
struct Pages {
    /// Of the first one.
    key: Vec<u8>,
    records: u64,
}

impl GroupCheck {
    pub(super) fn begin(key: Vec<u8>, row: Vec<u8>, head: GroupHead) -> Self {
        let (members, pages) = (BTreeMap::new(), BTreeMap::new());
        Self { key, row, looks: 1, head, members, pages, is_damaged: false }
    }

    /// The life of the rows that count: others are what an earlier group of that name left.
    pub(super) fn life(&self) -> u64 {
        self.head.life
    }

    pub(super) fn member(&mut self, key: Vec<u8>, session: u64, row: &MemberRow) {
        let member = Member { key, pending: row.pending, has_ended: row.ended.is_some() };
        self.members.insert(session, member);
    }

    pub(super) fn page(&mut self, key: Vec<u8>, session: u64, records: u64) {
        self.pages.entry(session).or_insert(Pages { key, records: 0 }).records += records;
    }

    /// A row cannot be read: if it is one of this group, what it would count is not known.
    pub(super) fn damaged(&mut self, key: &[u8]) {
        self.is_damaged |= key.strip_prefix(&*self.key).is_some_and(|rest| rest.first() == Some(&0));
    }

    /// What does not agree.
    pub(super) fn compare(&self) -> Problems {
        let mut problems = Problems::default();
        if self.is_damaged {
            return problems;
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
        problems
    }

    fn records_of(&self, session: u64) -> u64 {
        self.pages.get(&session).map_or(0, |pages| pages.records)
    }
}
