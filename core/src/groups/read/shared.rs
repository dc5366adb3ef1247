//! Reading in a shared group, or as the holder of an exclusive one: due records first, then new ones, in id order.

use alloc::vec::Vec;

use futures_util::FutureExt;

use super::{Attempt, READ_BYTES, mark};
use crate::error::Result;
use crate::groups::Group;
use crate::groups::commit::Tries;
use crate::groups::options::{Deliveries, GroupRead};
use crate::groups::plan::Draft;
use crate::id::EntryId;
use crate::store::{Page, PageRun};

impl Group {
    pub(super) async fn attempt_shared(
        &self,
        mut draft: Draft,
        session: u64,
        read: GroupRead,
        first: bool,
        tries: &mut Tries,
    ) -> Result<Attempt> {
        let wanted = usize::try_from(read.limit).unwrap_or(usize::MAX);
        let bound = self.load_due(&mut draft, 0, wanted).boxed_local().await?;
        let mut due = draft.due(bound);
        due.truncate(wanted);
        if tries.apart && draft.affairs.is_any() {
            return self.own_affairs(draft, tries).boxed_local().await;
        }
        if let Some(done) = self.bury_exhausted(&draft, &due, tries).boxed_local().await? {
            return Ok(done);
        }
        let given = self.take(&mut draft, &due).boxed_local().await?;
        // What was not looked at may be due, before all that is new.
        let all_seen = !draft.affairs.are_left();
        if given.is_empty() && !all_seen {
            return self.own_affairs(draft, tries).boxed_local().await;
        }
        let bytes = READ_BYTES.saturating_sub(given.iter().map(|one| one.entry.run.body.len()).sum());
        let rest = read.limit - given.len() as u64;
        let mut fresh = Page::default();
        if rest > 0 && bytes > 0 && all_seen {
            fresh = self.read_after(&draft.stream, draft.head.cursor, rest, bytes).boxed_local().await?;
        }
        if given.is_empty() && fresh.is_empty() {
            return self.nothing(draft, session, first, tries).boxed_local().await;
        }
        let ids: Vec<EntryId> = fresh.ids().collect();
        if let Some(last) = ids.last() {
            draft.head.cursor = *last;
        }
        let all = given.iter().map(|one| one.id).chain(ids.iter().copied()).collect::<Vec<_>>();
        if !read.no_ack {
            self.load_floors(&mut draft, session, &all).boxed_local().await?;
        }
        let mut marks = Vec::with_capacity(all.len());
        for one in &given {
            let deadline = draft.deliver(session, one.id, 0, one.attempts, read.no_ack);
            marks.push(mark(one.attempts, deadline));
        }
        for id in ids {
            let deadline = draft.deliver(session, id, 0, 1, read.no_ack);
            marks.push(mark(1, deadline));
        }
        let mut runs: Vec<PageRun> = given.into_iter().map(|one| one.entry).collect();
        runs.append(&mut fresh.runs);
        self.give(draft, session, Deliveries::new(runs, marks), false, tries).boxed_local().await
    }
}
