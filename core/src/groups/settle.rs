//! Acknowledging, giving back, and asking for more time.

use alloc::format;
use alloc::vec::Vec;

use futures_util::FutureExt;

use super::Group;
use super::commit::{Committed, Tries};
use super::dead::MOST_DEAD;
use super::entries::in_order;
use super::members::end_silent;
use super::options::{MOST_RECORDS, check_number};
use super::plan::{Draft, Settle, Taken};
use crate::error::{Error, Result};
use crate::id::{EntryId, MAX_MS};
use crate::layout::GroupMode;

impl Group {
    /// Acknowledges records: they never come back. How many were pending for the consumer. At most
    /// 1,000 ids a call; without any, nothing is done.
    ///
    /// # Errors
    /// `NOT_FOUND` when there is no such group; `INVALID_ARGUMENT`; otherwise like [`Group::create`].
    pub async fn ack(&self, consumer: &str, ids: &[EntryId]) -> Result<u64> {
        self.settle(consumer, ids, Settle::Ack).await
    }

    /// Gives records back: they are due again after `delay` milliseconds. After their last delivery they
    /// go to the dead-letter stream at once. How many were pending for the consumer.
    ///
    /// # Errors
    /// Like [`Group::ack`], and those of [`Store::append`](crate::Store::append) to the dead-letter
    /// stream. Where many records die, an error may come after some of them.
    pub async fn nack(&self, consumer: &str, ids: &[EntryId], delay: u64) -> Result<u64> {
        check_number("delay", delay, 0, MAX_MS)?;
        self.settle(consumer, ids, Settle::Nack(delay)).await
    }

    /// Asks for more time: the records are due in `extend` milliseconds from now, also where nothing is due
    /// by time otherwise. How many were pending for the consumer.
    ///
    /// # Errors
    /// Like [`Group::ack`].
    pub async fn touch(&self, consumer: &str, ids: &[EntryId], extend: u64) -> Result<u64> {
        check_number("extend", extend, 0, MAX_MS)?;
        self.settle(consumer, ids, Settle::Touch(extend)).await
    }

    async fn settle(&self, consumer: &str, ids: &[EntryId], how: Settle) -> Result<u64> {
        let _run = self.check()?;
        self.check_consumer(consumer)?;
        if ids.is_empty() {
            return Ok(0);
        }
        if ids.len() as u64 > MOST_RECORDS {
            return Err(Error::limit("ids", MOST_RECORDS, ids.len() as u64));
        }
        if let Some(id) = ids.iter().find(|id| !id.in_bounds()) {
            return Err(Error::invalid(format!("ids: {id} is above the largest id")));
        }
        let _lock = self.lock().boxed_local().await;
        let mut tries = Tries::unread(true);
        let settled = self.settle_all(consumer, ids, how, &mut tries).boxed_local().await;
        settled.map_err(|error| tries.failed_with(error))
    }

    async fn settle_all(
        &self,
        consumer: &str,
        ids: &[EntryId],
        how: Settle,
        tries: &mut Tries,
    ) -> Result<u64> {
        let mut rest = in_order(ids.iter().copied());
        let mut count = 0;
        // How many ids a commit is tried with.
        let mut most = rest.len();
        while !rest.is_empty() {
            let some: Vec<EntryId> = rest.iter().copied().take(most).collect();
            let step = self.settle_some(consumer, &some, how, tries).boxed_local().await;
            if tries.take_unread() {
                // Nothing was committed: what was not read may be otherwise.
                continue;
            }
            match step? {
                Step::Done(settled, left) => {
                    count += settled;
                    rest.drain(..some.len());
                    rest.splice(..0, left);
                }
                Step::Again => {}
                Step::TooMuch => most = (most / 2).max(1),
            }
        }
        Ok(count)
    }

    /// One commit: settles these ids, or as many of them as it takes.
    async fn settle_some(
        &self,
        consumer: &str,
        ids: &[EntryId],
        how: Settle,
        tries: &mut Tries,
    ) -> Result<Step> {
        let draft = self.load_or_recall(tries).boxed_local().await?;
        let mut draft = draft.ok_or_else(|| self.not_found())?;
        self.load_sessions(&mut draft, consumer).boxed_local().await?;
        if draft.active_session(consumer).is_some_and(|session| draft.is_silent(session)) {
            self.load_near(&mut draft, consumer).boxed_local().await?;
            end_silent(&mut draft, Some(consumer));
        }
        let active = draft.active_session(consumer);
        // Under a session that ended, records are due whatever is asked for.
        let sessions = match how {
            Settle::Touch(_) => active.into_iter().collect(),
            _ => draft.sessions_of(consumer),
        };
        for session in &sessions {
            if draft.member(*session).is_some_and(|row| row.pending > 0) {
                self.load_floors(&mut draft, *session, ids).boxed_local().await?;
            }
        }
        if draft.head.mode == GroupMode::KeyShared {
            self.load_slots(&mut draft).boxed_local().await?;
        }
        draft.drop_trimmed();
        if draft.affairs.are_left() || tries.apart && draft.affairs.is_any() {
            self.commit_affairs(draft, tries).boxed_local().await?;
            return Ok(Step::Again);
        }
        let with_affairs = draft.affairs.is_any();
        if let Some(session) = active {
            draft.hear(session);
        }
        let by_key = draft.head.mode == GroupMode::KeyShared;
        if matches!(how, Settle::Nack(_)) {
            // Only what is given back may be dead.
            let dead = draft.clone().settle(&sessions, ids, how, MOST_DEAD).dead;
            if !dead.is_empty() {
                return self.settle_with_dead(&draft, &sessions, ids, how, &dead, tries).boxed_local().await;
            }
        }
        let settled = draft.settle(&sessions, ids, how, 0);
        let news = draft.is_news();
        let Some(plan) = draft.finish(self.inner().nonce()) else {
            return Ok(Step::Done(settled.count, settled.left));
        };
        if !self.fits(&plan) && (ids.len() > 1 || with_affairs) {
            tries.apart = true;
            return Ok(Step::TooMuch);
        }
        if self.try_commit(plan, self.durability(), tries).boxed_local().await? == Committed::Lost {
            return Ok(Step::Again);
        }
        // An acknowledgement lets nobody go on but who waits for a key, more time nobody.
        let frees = by_key || matches!(how, Settle::Nack(_));
        if news || settled.earlier || settled.count > 0 && frees {
            self.wake();
        }
        Ok(Step::Done(settled.count, settled.left))
    }

    /// Gives records back some of which had their last delivery, and buries these in the same commit: as many as it has
    /// room for.
    async fn settle_with_dead(
        &self,
        draft: &Draft,
        sessions: &[u64],
        ids: &[EntryId],
        how: Settle,
        dead: &[Taken],
        tries: &mut Tries,
    ) -> Result<Step> {
        let mut letters = self.letters(draft, dead).boxed_local().await?;
        let (settled, rest) = loop {
            let mut rest = draft.clone();
            let settled = rest.settle(sessions, ids, how, letters.len());
            if self.leaves_room(&rest) {
                break (settled, rest);
            }
            if letters.len() > 1 {
                letters.truncate(letters.len() / 2);
            } else if ids.len() > 1 || draft.affairs.is_any() {
                tries.apart = true;
                return Ok(Step::TooMuch);
            } else {
                break (settled, rest);
            }
        };
        Ok(match self.bury(rest, letters, tries).boxed_local().await? {
            Committed::Done => Step::Done(settled.count, settled.left),
            Committed::Lost => Step::Again,
        })
    }
}

/// What one commit came to.
#[derive(Debug)]
enum Step {
    /// So many were settled; these are still to be.
    Done(u64, Vec<EntryId>),
    /// Somebody else was faster.
    Again,
    /// More than one commit takes: fewer ids next time, and the group's own affairs apart from them.
    TooMuch,
}
