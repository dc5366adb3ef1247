//! Acknowledging, giving back, and asking for more time.

use alloc::vec::Vec;

use super::{Draft, Taken};
use crate::id::{EntryId, MAX_INTEGER};

/// What a consumer says about records pending for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settle {
    /// Done with.
    Ack,
    /// Due again after so many milliseconds; after the last delivery it is dead.
    Nack(u64),
    /// Due after so many milliseconds from now.
    Touch(u64),
}

/// What it came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Settled {
    /// How many were pending for the consumer.
    pub(crate) count: u64,
    /// Those that are dead now; taken off already.
    pub(crate) dead: Vec<Taken>,
    /// Those that would have been too many dead at once.
    pub(crate) left: Vec<EntryId>,
    /// Some are due earlier than they were.
    pub(crate) earlier: bool,
}

impl Draft {
    /// Settles records of these sessions of a consumer: the ids in their order, each once. The pages that
    /// answer for them are loaded. At most `most_dead` die; further ones are left, and not counted.
    pub(crate) fn settle(
        &mut self,
        sessions: &[u64],
        ids: &[EntryId],
        how: Settle,
        most_dead: usize,
    ) -> Settled {
        let mut settled = Settled::default();
        // What is trimmed is not pending, though it may be there still.
        let ids = ids.get(ids.partition_point(|id| *id <= self.trimmed)..).unwrap_or_default();
        if how == Settle::Ack {
            settled.count = sessions.iter().map(|session| self.remove_all(*session, ids)).sum();
            return settled;
        }
        for id in ids {
            let found = sessions.iter().find_map(|session| Some((*session, *self.find(*session, *id)?)));
            let Some((session, mut record)) = found else {
                continue;
            };
            match how {
                // All at once, above.
                Settle::Ack => {}
                Settle::Nack(_) if self.is_exhausted(&record) => {
                    if settled.dead.len() >= most_dead {
                        settled.left.push(*id);
                        continue;
                    }
                    settled.dead.extend(self.take_due(session, *id));
                }
                Settle::Nack(delay) => {
                    record.deadline = self.now.saturating_add(delay).min(MAX_INTEGER);
                    self.put(session, *id, record);
                }
                Settle::Touch(extend) => {
                    let deadline = self.now.saturating_add(extend).min(MAX_INTEGER);
                    settled.earlier |= deadline < record.deadline;
                    record.deadline = deadline;
                    self.put(session, *id, record);
                }
            }
            settled.count += 1;
        }
        settled
    }
}
