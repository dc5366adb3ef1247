//! The commit of a patch: a change of a space that appends nothing.

use alloc::rc::Rc;
use alloc::vec::Vec;

use super::lost_replies::MOST_UNCLEAR;
use super::{Inner, Planned};
use crate::error::{Error, Result};
use crate::kv::{Atomicity, Batch, Check, Commit, Put};
use crate::layout::space;
use crate::store::queue::{Doubt, Job, Outcome, Patch, Ticket};

impl Inner {
    /// Commits a change of a space that appends nothing.
    pub(super) async fn commit_patch(self: &Rc<Self>, ticket: Ticket) {
        let Job::Patch(patch) = &ticket.job else {
            return;
        };
        let name = Rc::clone(&patch.space);
        let known = self.cache.borrow().space(&name).map(|known| (known.base.clone(), known.head.clone()));
        let (base, mut head) = known.unwrap_or((None, space::SpaceHead::EMPTY));
        let layout = head.layout;
        if let Err(error) = (patch.edit)(&mut head) {
            self.confirm(Vec::from([Planned { ticket, outcome: Err(error), part: false }])).await;
            return;
        }
        // Where only rows are moved, nobody sees anything else: who waits need not look.
        let is_seen = head.layout == layout;
        head.revision = head.revision.wrapping_add(1);
        head.nonce = self.nonce();
        let nonce = head.nonce;
        let key = space::key(&name);
        let head_row = head.encode();
        let result = self.commit_patched(patch, &key, base.clone(), head_row.clone()).await;
        match result {
            Ok(Commit::Applied) => {
                self.queue.borrow_mut().set_apart(&name, false);
                self.cache.borrow_mut().committed(&name, head_row, head, Vec::new(), patch.durability);
                if is_seen {
                    self.changed_in(&[name]);
                    self.env.notify.notify();
                }
                ticket.settle(Ok(Outcome::Patched));
            }
            Ok(Commit::Refused { current, .. }) => {
                // Never given: a request that lost its race is planned again, or answered with what it lost.
                let outcome = Err(Error::unavailable("not planned"));
                let planned = Planned { ticket, outcome, part: true };
                self.lost_race(Vec::from([planned]), Some(name), current).await;
            }
            Err(error) if error.may_have_applied() => {
                self.cache.borrow_mut().forget(&name);
                let mut ticket = ticket;
                ticket.unclear += 1;
                ticket.doubts.push(Doubt {
                    space: name,
                    base,
                    nonce,
                    witnesses: Vec::new(),
                    reply: Outcome::Patched,
                    error: error.clone(),
                });
                if ticket.unclear > MOST_UNCLEAR {
                    ticket.settle(Err(error));
                    return;
                }
                self.pause(ticket.unclear + 1).await;
                self.queue.borrow_mut().put_back(ticket);
            }
            Err(error) => ticket.settle(Err(error)),
        }
    }

    /// The commit of a patch: its rows, and the head last.
    async fn commit_patched(
        &self,
        patch: &Patch,
        key: &[u8],
        base: Option<Vec<u8>>,
        head_row: Vec<u8>,
    ) -> Result<Commit> {
        let head_put = Put { key: key.to_vec(), value: head_row };
        let mut batch = Batch {
            checks: Vec::new(),
            deletes: patch.deletes.clone(),
            puts: patch.puts.clone(),
            durability: patch.durability,
        };
        if self.host.atomic() == Atomicity::None {
            return self.commit_patch_row_by_row(batch, head_put).await;
        }
        if self.host.has_checks() {
            batch.checks.push(Check { key: key.to_vec(), value: base });
        }
        batch.puts.push(head_put);
        self.host.commit(batch).await
    }
}
