//! Reading as a consumer: what is due first, then new records.

mod aside;
mod by_key;
mod due;
mod left_behind;
mod shared;

use futures_util::FutureExt;
use futures_util::future::{Either, select};

use super::Group;
use super::commit::{Committed, Tries};
use super::members::end_silent;
use super::options::{Deliveries, GroupRead, MOST_RECORDS, Mark, check_number};
use super::plan::Draft;
use crate::error::{Error, Result};
use crate::id::{EntryId, MAX_MS};
use crate::kv::Durability;
use crate::layout::GroupMode;
use crate::layout::group_page::NEVER;
use crate::store::PageRun;
use left_behind::Passed;

/// Bytes of the records of one read, give or take one.
const READ_BYTES: usize = 8 << 20;

/// What one try gave.
enum Attempt {
    /// Records; where there are none, after how many milliseconds to look again at the latest.
    Got(Deliveries, Option<u64>),
    /// The group's own affairs came first, or somebody else was faster.
    Again,
    /// More than one commit takes; with own affairs of the group among it, or without.
    TooMuch { with_affairs: bool },
}

/// A record about to be delivered.
struct Given {
    id: EntryId,
    slot: u64,
    attempts: u64,
    /// It was set aside before.
    aside: bool,
    entry: PageRun,
}

impl Group {
    /// Reads as a consumer: records that are due again first, by (deadline, id), then new ones. Creates
    /// the group and joins the consumer where needed. What is given is the consumer's until it is
    /// acknowledged, or due again.
    ///
    /// A consumer that stands by in an exclusive group waits out `block` and gets nothing, unless it is
    /// promoted meanwhile.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`; `GROUP_LOCKED` when an exclusive group is held and no more may stand by;
    /// `NOT_FOUND` when the group, or its stream, is deleted while the read waits;
    /// `CORRUPT` when a record cannot be read, which is then not passed over; `ABORTED` when the wait was
    /// cancelled; otherwise like [`Group::create`].
    pub async fn read(&self, consumer: &str, read: GroupRead) -> Result<Deliveries> {
        check_number("block", read.block.unwrap_or(0), 0, MAX_MS)?;
        let mut end = match read.block {
            None | Some(0) => None,
            Some(ms) => Some(self.inner().env.timer.sleep(ms)),
        };
        let mut first = true;
        loop {
            let epoch = self.store.epoch();
            let (got, next) = self.read_once(consumer, read, first).boxed_local().await?;
            first = false;
            if !got.marks.is_empty() || read.block.is_none() {
                return Ok(got);
            }
            let woken = core::pin::pin!(self.store.wait(Some(&self.stream), epoch, next, self.tag));
            match &mut end {
                None => woken.await?,
                // The end first: others may keep the group moving for ever.
                Some(end) => match select(end, woken).await {
                    Either::Left(((), _)) => return Ok(Deliveries::default()),
                    Either::Right((woken, _)) => woken?,
                },
            }
        }
    }

    /// One step of a read that waits for itself: what there is now, and where that is nothing, after how
    /// many milliseconds to look again at the latest, whether anything changes or not. `first`: it is the
    /// first step, by which the consumer is heard of in any case.
    ///
    /// # Errors
    /// Like [`Group::read`].
    pub async fn read_once(
        &self,
        consumer: &str,
        read: GroupRead,
        first: bool,
    ) -> Result<(Deliveries, Option<u64>)> {
        let _run = self.check()?;
        self.check_consumer(consumer)?;
        check_number("limit", read.limit, 1, MOST_RECORDS)?;
        self.read_now(consumer, read, first).boxed_local().await
    }

    async fn read_now(
        &self,
        consumer: &str,
        read: GroupRead,
        first: bool,
    ) -> Result<(Deliveries, Option<u64>)> {
        let _lock = self.lock().boxed_local().await;
        // A later step of a read that waits mostly finds nothing. What it finds in remembered heads would have to be
        // looked at again, so it begins with reading them.
        let mut tries = Tries::unread(first);
        let got = self.attempts(consumer, read, first, &mut tries).boxed_local().await;
        got.map_err(|error| tries.failed_with(error))
    }

    async fn attempts(
        &self,
        consumer: &str,
        read: GroupRead,
        first: bool,
        tries: &mut Tries,
    ) -> Result<(Deliveries, Option<u64>)> {
        let mut passed = Passed::default();
        let mut limit = read.limit;
        let mut was_apart = false;
        loop {
            self.inner().check_open()?;
            let some = GroupRead { limit, ..read };
            let attempt = self.attempt(consumer, some, first, tries, &mut passed).boxed_local().await;
            if tries.take_unread() {
                // Nothing was committed: what was not read may be otherwise.
                continue;
            }
            let attempt = match attempt {
                Err(error) if error.detail("moved").is_some() => {
                    self.lost(tries).boxed_local().await?;
                    continue;
                }
                attempt => attempt?,
            };
            match attempt {
                Attempt::Got(got, next) => return Ok((got, next)),
                Attempt::Again => {}
                Attempt::TooMuch { with_affairs: true } => {
                    tries.apart = true;
                    if was_apart {
                        // The affairs were done, and others have made as many again: fewer records leave room for them.
                        limit = (limit / 2).max(1);
                    }
                    was_apart = true;
                }
                Attempt::TooMuch { .. } if limit > 1 => limit /= 2,
                Attempt::TooMuch { .. } => {
                    let limit = self.inner().sizes.batch_ops as u64;
                    return Err(Error::limit("operations of one commit", limit, limit + 1));
                }
            }
        }
    }

    async fn attempt(
        &self,
        consumer: &str,
        read: GroupRead,
        first: bool,
        tries: &mut Tries,
        passed: &mut Passed,
    ) -> Result<Attempt> {
        let Some(mut draft) = self.load_or_recall(tries).boxed_local().await? else {
            if !first {
                // It was there when the read began. Another one in its place would have other options, and give
                // again what was acknowledged.
                return Err(self.not_found());
            }
            self.create_default(tries).boxed_local().await?;
            return Ok(Attempt::Again);
        };
        self.load_for(&mut draft, consumer).boxed_local().await?;
        // What the group has to do first goes into the same commit where it fits: so every try that applies
        // is one that gives, however much consumers whose clocks differ end one another's sessions.
        end_silent(&mut draft, Some(consumer));
        if draft.active_session(consumer).is_none() {
            self.admit(&mut draft, consumer).boxed_local().await?;
        }
        let Some(session) = draft.active_session(consumer) else {
            return Ok(Attempt::Again);
        };
        if draft.affairs.are_left() {
            // Whose keys are whose is open until all have ended.
            return self.own_affairs(draft, tries).boxed_local().await;
        }
        if draft.head.mode == GroupMode::Exclusive && draft.head.holder != session {
            return self.nothing(draft, session, first, tries).boxed_local().await;
        }
        if draft.head.mode == GroupMode::KeyShared {
            self.attempt_by_key(draft, session, read, first, tries, passed).boxed_local().await
        } else {
            self.attempt_shared(draft, session, read, first, tries).boxed_local().await
        }
    }

    /// Commits what the group has to do before it can give anything, or as much of it as one commit takes.
    async fn own_affairs(&self, draft: Draft, tries: &mut Tries) -> Result<Attempt> {
        self.commit_affairs(draft, tries).boxed_local().await?;
        Ok(Attempt::Again)
    }

    /// There is nothing for the consumer: it was heard of all the same.
    async fn nothing(
        &self,
        mut draft: Draft,
        session: u64,
        first: bool,
        tries: &mut Tries,
    ) -> Result<Attempt> {
        let lanes =
            if draft.head.mode == GroupMode::KeyShared { [0, session].to_vec() } else { [0].to_vec() };
        let now = draft.now;
        let patience = (draft.head.consumer_timeout / 3).max(1);
        let heard = draft.member(session).map_or(0, |row| row.heard);
        let again = if first || heard.saturating_add(patience) <= now || heard > now {
            draft.hear(session);
            patience
        } else {
            heard + patience - now
        };
        let (moved, news) = (draft.has_moved(), draft.is_news());
        let mut next = again;
        if draft.head.mode != GroupMode::Shared {
            // Being heard of moves no timer, and nobody who waits here looks at that of another: who falls silent next
            // gives way then.
            let lasting = draft.members().filter(|(_, _, row)| row.ended.is_none());
            let ends = lasting.map(|(_, _, row)| draft.end_of(row).saturating_sub(now));
            next = ends.filter(|left| *left > 0).fold(next, u64::min);
        }
        for lane in lanes {
            if let Some(time) = self.next_timer(&draft, lane).boxed_local().await? {
                next = next.min(time.saturating_sub(now));
            }
        }
        if !draft.is_changed() {
            self.give_back(draft).boxed_local().await?;
        } else if let Some(plan) = draft.finish(self.inner().nonce()) {
            let durability = if moved { self.durability() } else { Durability::Relaxed };
            if self.try_commit(plan, durability, tries).boxed_local().await? == Committed::Lost {
                return Ok(Attempt::Again);
            }
            if news {
                self.wake();
            }
        }
        Ok(Attempt::Got(Deliveries::default(), Some(next.max(1))))
    }

    /// Commits a delivery.
    async fn give(
        &self,
        mut draft: Draft,
        session: u64,
        deliveries: Deliveries,
        wakes: bool,
        tries: &mut Tries,
    ) -> Result<Attempt> {
        draft.hear(session);
        let wakes = wakes || draft.is_news();
        let with_affairs = draft.affairs.is_any();
        let Some(plan) = draft.finish(self.inner().nonce()) else {
            return Ok(Attempt::Again);
        };
        if !self.fits(&plan) {
            return Ok(Attempt::TooMuch { with_affairs });
        }
        if self.try_commit(plan, self.durability(), tries).boxed_local().await? == Committed::Lost {
            return Ok(Attempt::Again);
        }
        if wakes {
            self.wake();
        }
        Ok(Attempt::Got(deliveries, None))
    }
}

fn mark(attempts: u64, deadline: u64) -> Mark {
    Mark { delivery_count: attempts, deadline: (deadline != NEVER).then_some(deadline) }
}
