//! What is due: delivered again, or buried where that was the last delivery.

use alloc::vec::Vec;

use futures_util::FutureExt;

use super::{Attempt, Given, READ_BYTES};
use crate::error::Result;
use crate::groups::Group;
use crate::groups::commit::Tries;
use crate::groups::dead::MOST_DEAD;
use crate::groups::entries::in_order;
use crate::groups::plan::{Draft, Place, Taken};

impl Group {
    /// Takes records that are due off their sessions, with their entries; those that are gone are counted
    /// as trimmed, and past the bytes of a read they stay where they are.
    pub(super) async fn take(&self, draft: &mut Draft, due: &[Place]) -> Result<Vec<Given>> {
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let ids = in_order(due.iter().map(|(_, id, _)| *id));
        let mut found = self.read_ids(&draft.stream, &ids, READ_BYTES).boxed_local().await?;
        let mut given = Vec::with_capacity(due.len());
        for (_, id, from) in due {
            match found.take(*id) {
                Some(entry) => {
                    let taken = draft.take_due(*from, *id);
                    given.extend(taken.map(|Taken { id, record, .. }| Given {
                        id,
                        slot: record.slot,
                        attempts: record.attempts + 1,
                        aside: false,
                        entry,
                    }));
                }
                None if found.stopped_before(*id) => {}
                None => draft.forget_trimmed(*from, *id),
            }
        }
        Ok(given)
    }

    /// Buries records among what is due that had their last delivery, as many as one commit takes; `None`
    /// where there are none.
    pub(super) async fn bury_exhausted(
        &self,
        draft: &Draft,
        due: &[Place],
        tries: &mut Tries,
    ) -> Result<Option<Attempt>> {
        let dead: Vec<Taken> = due
            .iter()
            .filter_map(|(_, id, from)| {
                let record = draft.find(*from, *id).filter(|record| draft.is_exhausted(record))?;
                Some(Taken { id: *id, from: *from, record: *record })
            })
            .take(MOST_DEAD)
            .collect();
        if dead.is_empty() {
            return Ok(None);
        }
        let mut letters = self.letters(draft, &dead).boxed_local().await?;
        let without = loop {
            let mut without = draft.clone();
            for letter in &letters {
                without.take_due(letter.taken.from, letter.taken.id);
            }
            if letters.len() == 1 || self.leaves_room(&without) {
                break without;
            }
            letters.truncate(letters.len() / 2);
        };
        if draft.affairs.is_any() && !self.leaves_room(&without) {
            return self.own_affairs(draft.clone(), tries).boxed_local().await.map(Some);
        }
        self.bury(without, letters, tries).boxed_local().await?;
        Ok(Some(Attempt::Again))
    }
}
