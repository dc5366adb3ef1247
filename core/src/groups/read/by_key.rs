//! Reading in a group by key.

use alloc::vec::Vec;

use futures_util::FutureExt;

use super::{Attempt, Given, Passed, mark};
use crate::error::Result;
use crate::groups::Group;
use crate::groups::commit::Tries;
use crate::groups::options::{Deliveries, GroupRead};
use crate::groups::plan::{ASIDE, Draft};
use crate::id::EntryId;

impl Group {
    pub(super) async fn attempt_by_key(
        &self,
        mut draft: Draft,
        session: u64,
        read: GroupRead,
        first: bool,
        tries: &mut Tries,
        passed: &mut Passed,
    ) -> Result<Attempt> {
        let wanted = usize::try_from(read.limit).unwrap_or(usize::MAX);
        self.load_slots(&mut draft).boxed_local().await?;
        let owners = draft.owners();
        let bound = self.load_due(&mut draft, session, wanted).boxed_local().await?;
        self.drop_trimmed_of_others(&mut draft, session, &owners).boxed_local().await?;
        let more = loop {
            let trimmed = draft.head.trimmed_pending;
            let more =
                self.load_left_behind(&mut draft, session, &owners, wanted, passed).boxed_local().await?;
            if draft.head.trimmed_pending == trimmed || draft.affairs.are_left() {
                break more;
            }
            // Records that are trimmed have left their slots: now a session that had a slot before them may be the
            // one to take from.
            *passed = Passed::default();
        };
        self.load_aside(&mut draft).boxed_local().await?;
        let mut due = draft.due_by_key(session, &owners, bound);
        due.truncate(wanted);
        if tries.apart && draft.affairs.is_any() {
            return self.own_affairs(draft, tries).boxed_local().await;
        }
        if let Some(done) = self.bury_exhausted(&draft, &due, tries).boxed_local().await? {
            return Ok(done);
        }
        let mut given = self.take(&mut draft, &due).boxed_local().await?;
        let mut aside = Vec::new();
        // What was not looked at may be due, before all that is new.
        if !draft.affairs.are_left() {
            self.take_aside(&mut draft, session, &owners, wanted, &mut given).boxed_local().await?;
            aside = self.look_ahead(&mut draft, session, &owners, wanted, &mut given).boxed_local().await?;
        } else if given.is_empty() {
            return self.own_affairs(draft, tries).boxed_local().await;
        }
        if given.is_empty() && aside.is_empty() {
            return match more {
                true => self.own_affairs(draft, tries).boxed_local().await,
                false => self.nothing(draft, session, first, tries).boxed_local().await,
            };
        }
        if !read.no_ack {
            let ids: Vec<EntryId> = given.iter().map(|one| one.id).collect();
            self.load_floors(&mut draft, session, &ids).boxed_local().await?;
        }
        for (id, slot) in &aside {
            draft.set_aside(*id, *slot);
        }
        let deliveries = deliver(&mut draft, session, given, read.no_ack);
        let nothing = deliveries.marks.is_empty();
        let wakes = !aside.is_empty() || read.no_ack;
        let attempt = self.give(draft, session, deliveries, wakes, tries).boxed_local().await?;
        // It gave nothing, but set records aside: the next try looks further.
        Ok(match attempt {
            Attempt::Got(..) if nothing => Attempt::Again,
            other => other,
        })
    }
}

/// Makes records the session's; one that was set aside is so no more.
fn deliver(draft: &mut Draft, session: u64, given: Vec<Given>, no_ack: bool) -> Deliveries {
    let mut marks = Vec::with_capacity(given.len());
    let mut runs = Vec::with_capacity(given.len());
    for one in given {
        if one.aside {
            draft.remove(ASIDE, one.id);
        }
        let deadline = draft.deliver(session, one.id, one.slot, one.attempts, no_ack);
        marks.push(mark(one.attempts, deadline));
        runs.push(one.entry);
    }
    Deliveries::new(runs, marks)
}
