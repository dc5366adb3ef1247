//! In groups by key: what ended sessions left behind in slots that are this session's now.

use alloc::vec::Vec;

use futures_util::FutureExt;

use crate::error::Result;
use crate::groups::Group;
use crate::groups::load::SCAN_ROWS;
use crate::groups::plan::{Draft, owner};
use crate::id::EntryId;
use crate::layout::group_member::Looked;
use crate::layout::group_page::{self, Pending};

/// Scans of an ended session's pages, each longer than the last, in one read by key.
const MOST_SCANS: usize = 4;

/// How far one call has looked, in groups by key, through sessions that ended. The consumer's row has a place for one
/// such session only, and is written only by a commit that gives something. This is for all of them, and lasts for
/// one call: so its next try goes on where the last one found nothing.
#[derive(Debug, Default)]
pub(super) struct Passed {
    /// Life and generation of the group when that was found: with another one keys belong to others.
    of: (u64, u64),
    sessions: Vec<(u64, EntryId)>,
}

impl Passed {
    fn upto(&self, of: (u64, u64), session: u64) -> EntryId {
        let known = self.sessions.iter().find(|(known, _)| self.of == of && *known == session);
        known.map_or(EntryId::ZERO, |(_, upto)| *upto)
    }

    fn note(&mut self, of: (u64, u64), session: u64, upto: EntryId) {
        if self.of != of {
            *self = Self { of, sessions: Vec::new() };
        }
        self.sessions.retain(|(known, _)| *known != session);
        self.sessions.push((session, upto));
    }
}

impl Group {
    /// Loads what is trimmed of the pages of other living sessions that stand in slots of this one, and drops it: a
    /// session that has what is trimmed alone may never look at it again, and no other would.
    pub(super) async fn drop_trimmed_of_others(
        &self,
        draft: &mut Draft,
        session: u64,
        owners: &[u64],
    ) -> Result {
        if draft.trimmed == EntryId::ZERO {
            return Ok(());
        }
        for other in draft.in_the_way(session, owners) {
            let range = group_page::range_upto(&draft.place(), other, draft.trimmed);
            let most = draft.affairs.pages().clamp(1, SCAN_ROWS);
            let (rows, rest) = self.rows(range, most).boxed_local().await?;
            for (key, row) in &rows {
                Self::take_page(draft, key, row)?;
            }
            if rest.is_some() {
                draft.affairs.leave_some();
            }
        }
        draft.drop_trimmed();
        Ok(())
    }

    /// Loads records of ended sessions that are this one's now: of each slot that is its own, from the
    /// session that took it over last. Gives whether some session gave nothing so far and has more pages to look
    /// through: then finding nothing is no reason to wait.
    pub(super) async fn load_left_behind(
        &self,
        draft: &mut Draft,
        session: u64,
        owners: &[u64],
        wanted: usize,
        passed: &mut Passed,
    ) -> Result<bool> {
        let mine = |slot: u64| owner(owners, slot) == session;
        let generation = draft.head.generation;
        let of = (draft.head.life, generation);
        let mut unfinished = false;
        for (from, slots) in draft.left_behind(session, owners) {
            let looked = draft.member(session).map(|row| row.looked).unwrap_or_default();
            let known = looked.generation == generation && looked.session == from;
            let start = if known { looked.upto } else { EntryId::ZERO };
            let begin = passed.upto(of, from).max(start);
            let mut scans = 0;
            let more = self
                .load_pages(draft, from, begin, |draft, reached| {
                    scans += 1;
                    let ready = draft
                        .records_of(from)
                        .filter(|(id, record)| *id <= reached && slots.binary_search(&record.slot).is_ok());
                    ready.count() >= wanted || scans > MOST_SCANS
                })
                .boxed_local()
                .await?;
            let is_ready = |record: &Pending| slots.binary_search(&record.slot).is_ok();
            if let Some(reached) = more
                && !draft.records_of(from).any(|(_, record)| is_ready(record))
            {
                unfinished |= reached > begin;
                passed.note(of, from, reached);
            }
            if begin > start {
                // It began beyond what the row says: records in between are not loaded, so the row cannot be moved on.
                continue;
            }
            // The row may pass what is not for this consumer at all, but no record of its slots: also not one that it
            // may only take later, because another session has earlier ones of the slot.
            let first = draft.records_of(from).find(|(id, record)| *id > start && mine(record.slot));
            let upto = first.map(|(id, _)| id.before()).or(more).unwrap_or(start).max(start);
            if let Some(row) = draft.member_mut(session)
                && upto > start
            {
                row.looked = Looked { generation, session: from, upto };
            }
        }
        draft.drop_trimmed();
        Ok(unfinished)
    }
}
