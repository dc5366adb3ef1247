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
const MOST_MEMBERS: usize = 2048;
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
    /// Something was learned since it was last remembered.
    learned: bool,
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
    pub(crate) fn has_learned(&self) -> bool {
        self.learned
    }

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
        self.learned = true;
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
        self.learned = true;
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
        self.learned = true;
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

    /// The same as it is remembered: without what is too much to keep, which is read again where it is
    /// needed.
    pub(crate) fn settled(mut self) -> Self {
        self.learned = false;
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
        self.limit_records();
        self
    }

    fn limit_records(&mut self) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::group_member::Looked;
    use crate::layout::group_page::Pending;

    fn id(n: u64) -> EntryId {
        EntryId::new(7, n)
    }

    fn page(ids: impl Iterator<Item = u64>) -> Rc<Records> {
        let record = Pending { attempts: 1, delivered_at: 0, deadline: 9, slot: 0 };
        Rc::new(ids.map(|n| (id(n), record)).collect())
    }

    fn first(kept: &Kept, session: u64, n: u64) -> Option<Option<EntryId>> {
        kept.floor(session, id(n)).map(|page| page.map(|(first, _)| first))
    }

    #[test]
    fn pages_are_known_as_far_as_they_were_seen() {
        let mut kept = Kept::default();
        assert_eq!(first(&kept, 1, 50), None);
        // Not up to the last that was delivered.
        kept.learn_floor(1, id(30), id(40), Some((id(20), page(20..35))));
        assert_eq!(first(&kept, 1, 30), None);
        kept.learn_floor(1, id(40), id(40), Some((id(20), page(20..35))));
        assert_eq!(first(&kept, 1, 99), Some(Some(id(20))));
        assert_eq!(first(&kept, 1, 19), None);
        assert_eq!(first(&kept, 2, 99), None);
        kept.set_page(1, id(20), &[page(25..35), page(36..40)]);
        assert_eq!(first(&kept, 1, 99), Some(Some(id(36))));
        assert_eq!(first(&kept, 1, 35), Some(Some(id(25))));
        // What came before the first page is not known, though the page is gone from there.
        assert_eq!(first(&kept, 1, 22), None);
        kept.learn_floor(1, id(22), id(40), Some((id(10), page(10..12))));
        assert_eq!(first(&kept, 1, 22), Some(Some(id(10))));
        assert_eq!(first(&kept, 1, 30), Some(Some(id(25))));
        kept.set_page(1, id(25), &[]);
        kept.set_page(1, id(36), &[]);
        assert_eq!(first(&kept, 1, 99), Some(Some(id(10))));
        kept.set_page(1, id(10), &[]);
        assert_eq!(first(&kept, 1, 99), None);
        kept.learn_floor(1, id(99), id(40), None);
        assert_eq!(first(&kept, 1, 0), Some(None));
    }

    #[test]
    fn what_is_set_aside_may_begin_after_all_that_was_delivered() {
        let mut kept = Kept::default();
        kept.learn_floor(ASIDE, id(50), id(40), None);
        assert_eq!(first(&kept, ASIDE, 50), None);
    }

    #[test]
    fn a_page_that_grows_into_what_is_known_is_forgotten_with_it() {
        let mut kept = Kept::default();
        kept.learn_floor(1, id(40), id(40), Some((id(20), page(20..35))));
        kept.set_page(1, id(5), &[page(5..9)]);
        assert_eq!(first(&kept, 1, 30), Some(Some(id(20))));
        kept.set_page(1, id(5), &[page(5..25)]);
        assert_eq!(first(&kept, 1, 30), None);
    }

    #[test]
    fn no_timer_is_missed() {
        let mut kept = Kept::default();
        kept.set_timer(0, 5);
        assert!(!kept.is_quiet(0, 1), "nothing is known");
        kept.learn_quiet(0, 100);
        assert!(kept.is_quiet(0, 99) && !kept.is_quiet(0, 100) && !kept.is_quiet(1, 1));
        kept.set_timer(1, 5);
        kept.set_timer(0, 50);
        assert!(kept.is_quiet(0, 49) && !kept.is_quiet(0, 50) && !kept.is_quiet(1, 1));
        kept.set_timer(0, 70);
        assert!(!kept.is_quiet(0, 50));
    }

    #[test]
    fn sessions_are_known_of_whom_they_were_all_seen() {
        let row = MemberRow { ended: None, heard: 1, pending: 0, timer: 2, looked: Looked::default() };
        let (a, b): (Rc<str>, Rc<str>) = (Rc::from("a"), Rc::from("b"));
        let mut kept = Kept::default();
        kept.set_session(1, &a, Some(row));
        assert_eq!(kept.sessions(Some("a")), None);
        kept.learn_sessions(Some("a"), [(1, &a, row)].into_iter());
        kept.set_session(2, &a, Some(row));
        kept.set_session(3, &b, Some(row));
        let sessions = |of| kept.sessions(of).map(|all| all.iter().map(|one| one.0).collect::<Vec<_>>());
        assert_eq!(
            (sessions(Some("a")), sessions(Some("b")), sessions(None)),
            (Some([1, 2].to_vec()), None, None)
        );
        kept.learn_sessions(None, [(1, &a, row), (2, &a, row), (3, &b, row)].into_iter());
        kept.set_session(1, &a, None);
        let sessions = |of| kept.sessions(of).map(|all| all.iter().map(|one| one.0).collect::<Vec<_>>());
        assert_eq!((sessions(Some("a")), sessions(None)), (Some([2].to_vec()), Some([2, 3].to_vec())));
        assert_eq!(sessions(Some("c")), Some(Vec::new()));
    }

    #[test]
    fn it_stays_small() {
        let row = MemberRow { ended: None, heard: 1, pending: 0, timer: 2, looked: Looked::default() };
        let mut kept = Kept::default();
        let name: Rc<str> = Rc::from("a");
        let sessions: Vec<u64> = (0..3000).collect();
        kept.learn_sessions(None, sessions.iter().map(|session| (*session, &name, row)));
        for session in 1..5 {
            kept.learn_floor(session, id(0), id(0), None);
            let pages: Vec<Rc<Records>> = (0..8).map(|n| page(n * 100..n * 100 + 90)).collect();
            kept.set_page(session, id(0), &pages);
        }
        for lane in 0..100 {
            kept.learn_quiet(lane, 9);
        }
        let kept = kept.settled();
        let records: usize =
            kept.pages.values().flat_map(|known| known.pages.values()).map(|page| page.len()).sum();
        assert!(records <= MOST_RECORDS && records > MOST_RECORDS / 2, "{records}");
        assert!(kept.members.is_empty() && kept.quiet.is_empty() && !kept.everyone);
        // The latest are kept, and what is not is not known.
        assert_eq!(first(&kept, 1, 799), Some(Some(id(700))));
        assert_eq!(first(&kept, 1, 50), None);
    }
}
