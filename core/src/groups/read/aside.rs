//! In groups by key: new records, and those that were set aside because they are for others, or not yet.

use alloc::vec::Vec;

use futures_util::FutureExt;

use super::{Given, READ_BYTES};
use crate::error::Result;
use crate::groups::Group;
use crate::groups::entries::{in_order, singles, slot_of};
use crate::groups::plan::{ASIDE, Draft, Offer};
use crate::id::EntryId;

/// Most records that are set aside for others: then the cursor stops.
const MOST_ASIDE: u64 = 1024;
/// New records that one step of a read by key looks at.
const LOOK_AHEAD: u64 = 256;

impl Group {
    /// Loads the records that were set aside.
    pub(super) async fn load_aside(&self, draft: &mut Draft) -> Result {
        if draft.head.skipped > 0 {
            self.load_pages(draft, ASIDE, EntryId::ZERO, |_, _| false).boxed_local().await?;
            draft.drop_trimmed();
        }
        Ok(())
    }

    /// Gives records that were set aside, in id order, where the consumer may have them.
    pub(super) async fn take_aside(
        &self,
        draft: &mut Draft,
        session: u64,
        owners: &[u64],
        wanted: usize,
        given: &mut Vec<Given>,
    ) -> Result {
        let room = wanted.saturating_sub(given.len());
        let taken: Vec<(EntryId, u64)> = draft
            .aside()
            .into_iter()
            .filter(|(_, slot)| draft.offer(session, *slot, owners) == Offer::Take)
            .take(room)
            .collect();
        let ids = in_order(taken.iter().map(|(id, _)| *id));
        let mut found = self.read_ids(&draft.stream, &ids, READ_BYTES).boxed_local().await?;
        for (id, slot) in taken {
            match found.take(id) {
                Some(entry) => given.push(Given { id, slot, attempts: 1, aside: true, entry }),
                None if found.stopped_before(id) => return Ok(()),
                None => drop(draft.remove(ASIDE, id)),
            }
        }
        Ok(())
    }

    /// Goes on from the cursor: gives what the consumer may have, and finds what is to be set aside.
    pub(super) async fn look_ahead(
        &self,
        draft: &mut Draft,
        session: u64,
        owners: &[u64],
        wanted: usize,
        given: &mut Vec<Given>,
    ) -> Result<Vec<(EntryId, u64)>> {
        let mut aside = Vec::new();
        let taken = in_order(given.iter().filter(|one| one.aside).map(|one| one.id));
        // Slots of which a record stays aside, so that what follows must too.
        let mut waiting = Vec::new();
        waiting.resize(usize::try_from(draft.head.slots).unwrap_or_default(), false);
        for (_, slot) in draft.aside().into_iter().filter(|(id, _)| taken.binary_search(id).is_err()) {
            if let Some(flag) = usize::try_from(slot).ok().and_then(|slot| waiting.get_mut(slot)) {
                *flag = true;
            }
        }
        let most = self.most_aside();
        let has_room = |draft: &Draft, more: usize| {
            more < most && draft.head.skipped.saturating_add(more as u64) < MOST_ASIDE
        };
        let mut bytes = READ_BYTES;
        while given.len() < wanted && bytes > 0 {
            if !has_room(draft, aside.len()) {
                break;
            }
            let page =
                self.read_after(&draft.stream, draft.head.cursor, LOOK_AHEAD, bytes).boxed_local().await?;
            if page.is_empty() {
                break;
            }
            for entry in singles(&page)? {
                if !has_room(draft, aside.len()) || given.len() >= wanted {
                    return Ok(aside);
                }
                let id = entry.run.first_id;
                let slot = slot_of(&entry, draft.head.slots);
                bytes = bytes.saturating_sub(entry.run.body.len());
                if draft.offer(session, slot, owners) == Offer::Take && !waits(&waiting, slot) {
                    given.push(Given { id, slot, attempts: 1, aside: false, entry });
                } else {
                    // What follows of the slot is set aside for the same reason: nothing here changes whose it is.
                    aside.push((id, slot));
                }
                draft.head.cursor = id;
            }
        }
        Ok(aside)
    }
}

/// Whether records of a slot have to wait.
fn waits(waiting: &[bool], slot: u64) -> bool {
    usize::try_from(slot).ok().and_then(|slot| waiting.get(slot)).copied().unwrap_or(false)
}
