//! Committing: one checked commit against the group's head. A lost reply is looked up by its nonce.

use alloc::string::String;
use alloc::vec::Vec;

use futures_util::FutureExt;

use super::Group;
use super::plan::{Draft, GroupPlan};
use crate::error::{Error, ErrorCode, Result};
use crate::kv::{Batch, Bytes, Commit, Durability};
use crate::layout::group::{self, GroupHead, NONCES};
use crate::plan::AttachedRows;

/// Races that one call may lose.
pub(super) const MOST_LOST: u32 = 32;
/// Lost replies that one commit may meet before its caller is told that nobody knows.
const MOST_UNCLEAR: u32 = 4;

/// What became of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Committed {
    Done,
    /// The head is another one by now: plan again.
    Lost,
}

/// How the tries of one call go: each loads the group, plans, and commits or finds that there is nothing to commit.
#[derive(Debug, Default)]
pub(super) struct Tries {
    /// Races lost in a row.
    lost: u32,
    /// Whether the present try may take remembered heads for the stored ones. It stays set until the try commits, whose
    /// checks then decide, or until the heads are read after all. So where it is still set when a try ends, the try
    /// has an answer that nothing vouches for, and must be made again.
    unread: bool,
    /// Something was committed: what fails after it has not failed without a trace.
    wrote: bool,
    /// The group's own affairs and what is asked for did not fit one commit together: the next try does
    /// the affairs alone, if there are any.
    pub(super) apart: bool,
}

impl Tries {
    /// `unread`: whether the first of them may be planned from remembered heads.
    pub(super) fn unread(unread: bool) -> Self {
        Self { unread, ..Self::default() }
    }

    pub(super) fn may_be_unread(&self) -> bool {
        self.unread
    }

    /// Whether the try was planned from remembered heads that no commit has checked. From here on heads are read.
    pub(super) fn take_unread(&mut self) -> bool {
        core::mem::take(&mut self.unread)
    }

    /// A race was won.
    pub(super) fn won(&mut self) {
        self.lost = 0;
        self.wrote = true;
    }

    /// What the call failed with.
    pub(super) fn failed_with(&self, error: Error) -> Error {
        if self.wrote { error.after_write() } else { error }
    }
}

impl Group {
    /// Whether a plan fits one commit of the host.
    pub(super) fn fits(&self, plan: &GroupPlan) -> bool {
        let sizes = &self.inner().sizes;
        let (ops, bytes) = plan.cost();
        ops <= sizes.batch_ops && bytes <= sizes.batch_bytes
    }

    /// Whether what a draft comes to leaves room for letters in the same commit.
    pub(super) fn leaves_room(&self, draft: &Draft) -> bool {
        let sizes = &self.inner().sizes;
        let (ops, bytes) = draft.clone().finish(0).map_or((0, 0), |plan| plan.cost());
        ops <= sizes.batch_ops / 2 && bytes <= sizes.batch_bytes / 4
    }

    /// Commits a plan. A try whose reply was lost is handed over again as it is: whichever applies, it is
    /// the same.
    pub(super) async fn commit(&self, plan: GroupPlan, durability: Durability) -> Result<Committed> {
        if !self.fits(&plan) {
            let (ops, bytes) = plan.cost();
            let sizes = &self.inner().sizes;
            return Err(if ops > sizes.batch_ops {
                Error::limit("operations of one commit", sizes.batch_ops as u64, ops as u64)
            } else {
                Error::limit("bytes of one commit", sizes.batch_bytes as u64, bytes as u64)
            });
        }
        self.inner().check_running(self.tag)?;
        let base = plan.check.value.clone();
        let unread = plan.stream_check.is_some();
        let mut checks = Vec::from([plan.check]);
        checks.extend(plan.stream_check);
        let mut batch = Batch { checks, deletes: plan.deletes, puts: plan.puts, durability };
        match self.hand_over(&batch, MOST_UNCLEAR + 1).boxed_local().await? {
            (Commit::Applied, _) => {
                if let Some(head) = batch.puts.pop() {
                    self.remember(head.key, head.value, plan.left, unread);
                }
                Ok(Committed::Done)
            }
            (Commit::Refused { .. }, None) => Ok(Committed::Lost),
            (Commit::Refused { check: 0, current }, Some(unclear)) => {
                self.lost_or_done(base.as_ref(), current.as_ref(), plan.nonce, unclear)
            }
            // The stream's head has changed, with which no try of this commit applies any more.
            (Commit::Refused { .. }, Some(unclear)) => {
                let current = self.inner().host.get_one(group::key(&self.stream, &self.name)).await;
                match current {
                    Ok(current) => self.lost_or_done(base.as_ref(), current.as_ref(), plan.nonce, unclear),
                    Err(_) => Err(unclear),
                }
            }
        }
    }

    /// Gives the host a batch until it answers, at most so many times. With the answer comes the error of a
    /// try that may have applied all the same.
    pub(super) async fn hand_over(&self, batch: &Batch, tries: u32) -> Result<(Commit, Option<Error>)> {
        let mut unclear = None;
        for attempt in 1..=tries {
            match self.inner().host.commit(batch.clone()).await {
                Ok(answer) => return Ok((answer, unclear)),
                Err(error) if error.may_have_applied() => unclear = Some(error),
                Err(error) => return Err(unclear.unwrap_or(error)),
            }
            if self.inner().check_running(self.tag).is_err() {
                // Nobody waits for it any more.
                break;
            }
            self.inner().pause(attempt).await;
        }
        Err(unclear.unwrap_or_else(|| Error::unknown("group: the commit could not be settled")))
    }

    /// The head is not the one planned from: it may carry this very commit.
    fn lost_or_done(
        &self,
        base: Option<&Bytes>,
        current: Option<&Bytes>,
        nonce: u64,
        unclear: Error,
    ) -> Result<Committed> {
        let key = group::key(&self.stream, &self.name);
        let decode = |row: &Bytes| GroupHead::decode(row).map_err(|error| error.at_key(&key));
        let base = base.map(decode).transpose()?;
        let Some(head) = current.map(decode).transpose()? else {
            // The group is gone, and with it the nonces that would tell whether this commit applied.
            return if base.is_none() { Ok(Committed::Lost) } else { Err(unclear) };
        };
        if head.nonces.contains(&nonce) {
            return Ok(Committed::Done);
        }
        let since = match &base {
            Some(base) if base.life == head.life => head.revision.wrapping_sub(base.revision),
            Some(_) => u64::MAX,
            None => head.revision,
        };
        // By half of what it remembers: a redo record rewrites the head twice, and notes one nonce.
        if since <= NONCES as u64 / 2 { Ok(Committed::Lost) } else { Err(unclear) }
    }

    /// Like [`Group::commit`]; losing a race too often is `CONFLICT`.
    pub(super) async fn try_commit(
        &self,
        plan: GroupPlan,
        durability: Durability,
        tries: &mut Tries,
    ) -> Result<Committed> {
        if plan.stream_check.is_some() && !self.fits(&plan) {
            // With heads that are read it has a check less, and may fit.
            return Ok(Committed::Lost);
        }
        let unread = tries.take_unread();
        let committed = self.commit(plan, durability).boxed_local().await?;
        match committed {
            Committed::Done => tries.won(),
            // Nobody need have been faster: what was planned from was older.
            Committed::Lost if unread => self.distrust(),
            Committed::Lost => self.lost(tries).boxed_local().await?,
        }
        Ok(committed)
    }

    /// Commits what the group has to do for itself.
    pub(super) async fn commit_affairs(&self, draft: Draft, tries: &mut Tries) -> Result {
        if let Some(plan) = draft.finish(self.inner().nonce())
            && self.try_commit(plan, self.durability(), tries).boxed_local().await? == Committed::Done
        {
            tries.apart = false;
            self.wake();
        }
        Ok(())
    }

    /// Another one was faster: wait a little, and give up after too many.
    pub(super) async fn lost(&self, tries: &mut Tries) -> Result {
        tries.lost += 1;
        if tries.lost > MOST_LOST {
            return Err(Error::new(ErrorCode::Conflict, "group: too many others changed it meanwhile"));
        }
        self.inner().pause(tries.lost).await;
        Ok(())
    }

    /// The rows of a plan, to go with a write.
    pub(super) fn attach(&self, plan: GroupPlan) -> AttachedRows {
        AttachedRows {
            space: String::from(&*self.stream),
            group: String::from(&*self.name),
            check: plan.check,
            deletes: plan.deletes,
            puts: plan.puts,
        }
    }

    /// Consumers that wait may have something to do.
    pub(super) fn wake(&self) {
        self.inner().changed_in(core::slice::from_ref(&self.stream));
        self.inner().env.notify.notify();
    }

    pub(super) fn durability(&self) -> Durability {
        self.inner().options.durability
    }
}
