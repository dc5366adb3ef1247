//! Rows of a group that are known as of one of its heads, so that they need not be read again.
//!
//! No row of a group changes without a new head, and no head comes twice: its revision goes up, and it names
//! the nonces of its latest rewrites. So what is known as of a head is what is stored for as long as that
//! head is. What is read while a commit is being planned may be newer than the head that it is planned from;
//! then that commit is refused, and what was learned goes with it.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::rc::Rc;
use alloc::vec::Vec;

use super::ASIDE;
use crate::id::EntryId;
use crate::layout::group_member::MemberRow;
use crate::layout::group_page::Records;

/// Most sessions that are kept of a group.
const MOST_MEMBERS: usize = 256;
/// Most records in the pages that are kept of a group.
const MOST_RECORDS: usize = 1024;
/// Most sessions of which pages are kept, and most lanes of timers.
const MOST_KINDS: usize = 32;

/// What is known of a group besides its head.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept {
    members: BTreeMap<u64, (Rc<str>, MemberRow)>,
    /// The consumers all of whose sessions are known.
    whole: BTreeSet<Rc<str>>,
    /// All sessions are known.
    everyone: bool,
    /// Per lane a time before which no timer stands.
    quiet: BTreeMap<u64, u64>,
    pages: BTreeMap<u64, KeptPages>,
}

/// Pages of one session.
#[derive(Debug, Clone, Default)]
struct KeptPages {
    /// All pages that begin here or later are known; [`EntryId::ZERO`]: all that there are.
    from: EntryId,
    pages: BTreeMap<EntryId, Rc<Records>>,
}

/// A page by its first id.
pub(crate) type KeptPage = (EntryId, Rc<Records>);

impl Kept {
    // ---------------------------------------------------------------- sessions

    fn knows(&self, consumer: &str) -> bool {
        self.everyone || self.whole.contains(consumer)
    }

    /// The sessions of a consumer, or of all; `None`: they are not all known.
    pub(crate) fn sessions(&self, of: Option<&str>) -> Option<Vec<(u64, Rc<str>, MemberRow)>> {
        let known = of.map_or(self.everyone, |consumer| self.knows(consumer));
        known.then(|| {
            let wanted = |consumer: &str| of.is_none_or(|of| of == consumer);
            let members = self.members.iter().filter(|(_, (consumer, _))| wanted(consumer));
            members.map(|(session, (consumer, row))| (*session, Rc::clone(consumer), *row)).collect()
        })
    }

    /// Takes in all sessions of a consumer, or of all.
    pub(crate) fn learn_sessions<'m>(
        &mut self,
        of: Option<&str>,
        sessions: impl Iterator<Item = (u64, &'m Rc<str>, MemberRow)>,
    ) {
        match of {
            Some(consumer) => drop(self.whole.insert(Rc::from(consumer))),
            None => self.everyone = true,
        }
        self.members.extend(sessions.map(|(session, consumer, row)| (session, (Rc::clone(consumer), row))));
    }

    /// What became of a session.
    pub(crate) fn set_session(&mut self, session: u64, consumer: &Rc<str>, row: Option<MemberRow>) {
        match row.filter(|_| self.knows(consumer)) {
            Some(row) => drop(self.members.insert(session, (Rc::clone(consumer), row))),
            None => drop(self.members.remove(&session)),
        }
    }

    // ---------------------------------------------------------------- timers

    /// Whether no timer of a lane has come.
    pub(crate) fn is_quiet(&self, lane: u64, now: u64) -> bool {
        self.quiet.get(&lane).is_some_and(|until| now < *until)
    }

    /// No timer of the lane stands before this time.
    pub(crate) fn learn_quiet(&mut self, lane: u64, until: u64) {
        self.quiet.insert(lane, until);
    }

    /// A timer was set.
    pub(crate) fn set_timer(&mut self, lane: u64, time: u64) {
        if let Some(until) = self.quiet.get_mut(&lane) {
            *until = time.min(*until);
        }
    }

    // ---------------------------------------------------------------- pages

    /// The page of a session that answers for an id; `None`: it is not known which.
    pub(crate) fn floor(&self, session: u64, id: EntryId) -> Option<Option<KeptPage>> {
        let known = self.pages.get(&session).filter(|known| known.from <= id)?;
        let page = known.pages.range(..=id).next_back().map(|(first, page)| (*first, Rc::clone(page)));
        (page.is_some() || known.from == EntryId::ZERO).then_some(page)
    }

    /// Takes in the page that answers for an id, or that there is none. `last`: no page of a consumer's
    /// session begins after it.
    pub(crate) fn learn_floor(&mut self, session: u64, id: EntryId, last: EntryId, page: Option<KeptPage>) {
        let to_the_end = session != ASIDE && id >= last;
        // What lies between an id and the pages that are known from a later one on is not known.
        if !to_the_end && self.pages.get(&session).is_none_or(|known| known.from > id) {
            return;
        }
        let known = self.pages.entry(session).or_default();
        known.from = page.as_ref().map_or(EntryId::ZERO, |(first, _)| *first);
        known.pages.extend(page);
    }

    /// What became of a page: the pages that it is now, in order, each by its first id.
    pub(crate) fn set_page(&mut self, session: u64, first: EntryId, now: &[Rc<Records>]) {
        let Some(known) = self.pages.get_mut(&session) else {
            return;
        };
        let ids = |page: &Rc<Records>| Some((*page.keys().next()?, *page.keys().next_back()?));
        if first < known.from {
            if now.iter().filter_map(ids).any(|(_, last)| last >= known.from) {
                self.pages.remove(&session);
            }
            return;
        }
        known.pages.remove(&first);
        known.pages.extend(now.iter().filter_map(|page| Some((ids(page)?.0, Rc::clone(page)))));
    }

    // ---------------------------------------------------------------- bounds

    /// Forgets what is too much to keep: it is read again where it is needed.
    pub(crate) fn limit(&mut self) {
        if self.members.len() > MOST_MEMBERS || self.whole.len() > MOST_MEMBERS {
            self.members.clear();
            self.whole.clear();
            self.everyone = false;
        }
        if self.quiet.len() > MOST_KINDS {
            self.quiet.clear();
        }
        if self.pages.len() > MOST_KINDS {
            self.pages.clear();
        }
        let count = |known: &KeptPages| known.pages.values().map(|page| page.len()).sum::<usize>();
        let mut records: usize = self.pages.values().map(count).sum();
        while records > MOST_RECORDS {
            // The oldest pages of whoever has the most.
            let Some(largest) = self.pages.values_mut().max_by_key(|known| count(known)) else {
                return;
            };
            let Some((first, page)) = largest.pages.pop_first() else {
                return;
            };
            records -= page.len();
            let next = largest.pages.keys().next().copied();
            largest.from = next.unwrap_or(EntryId { n: first.n + 1, ..first });
        }
    }
}
