//! Records that are trimmed: they are dropped wherever they are met.

use alloc::vec::Vec;

use super::{ASIDE, Draft, HeldPage};
use crate::groups::plan::affairs::{PAGE_OPS, SESSION_OPS};
use crate::id::EntryId;
use crate::layout::group::GroupMode;
use crate::layout::group_slots::SLOTS_OF_ROW;

impl Draft {
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
}
