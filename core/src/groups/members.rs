//! Joining and leaving.

use alloc::vec::Vec;

use futures_util::FutureExt;

use super::Group;
use super::commit::{Committed, Tries};
use super::plan::{Draft, Place};
use crate::error::Result;
use crate::id::EntryId;
use crate::kv::Durability;
use crate::layout::GroupMode;

impl Group {
    /// Joins a consumer; creates the group where there is none. Joining twice is being heard of again.
    ///
    /// # Errors
    /// `GROUP_LOCKED` when an exclusive group is held and no more may stand by; otherwise like
    /// [`Group::create`].
    pub async fn join(&self, consumer: &str) -> Result {
        let _run = self.check()?;
        self.check_consumer(consumer)?;
        let _lock = self.lock().boxed_local().await;
        let mut tries = Tries::default();
        let joined = self.join_now(consumer, &mut tries).boxed_local().await;
        joined.map_err(|error| tries.failed_with(error))
    }

    async fn join_now(&self, consumer: &str, tries: &mut Tries) -> Result {
        loop {
            let Some(mut draft) = self.load_or_recall(tries).boxed_local().await? else {
                self.create_default(tries).boxed_local().await?;
                continue;
            };
            self.load_near(&mut draft, consumer).boxed_local().await?;
            end_silent(&mut draft, Some(consumer));
            self.admit(&mut draft, consumer).boxed_local().await?;
            if self.apply(draft, tries).boxed_local().await? == Committed::Done {
                return Ok(());
            }
        }
    }

    /// Ends a consumer's session: what is pending for it is due at once. A consumer that has not joined
    /// is left alone.
    ///
    /// # Errors
    /// `NOT_FOUND` when there is no such group; otherwise like [`Group::create`].
    pub async fn leave(&self, consumer: &str) -> Result {
        let _run = self.check()?;
        self.check_consumer(consumer)?;
        let _lock = self.lock().boxed_local().await;
        let mut tries = Tries::default();
        let left = self.leave_now(consumer, &mut tries).boxed_local().await;
        left.map_err(|error| tries.failed_with(error))
    }

    async fn leave_now(&self, consumer: &str, tries: &mut Tries) -> Result {
        loop {
            let draft = self.load_or_recall(tries).boxed_local().await?;
            let mut draft = draft.ok_or_else(|| self.not_found())?;
            self.load_near(&mut draft, consumer).boxed_local().await?;
            end_silent(&mut draft, Some(consumer));
            if let Some(session) = draft.active_session(consumer) {
                if draft.head.holder == session {
                    self.load_members(&mut draft).boxed_local().await?;
                }
                draft.end(session, draft.now);
            }
            if self.apply(draft, tries).boxed_local().await? == Committed::Done {
                return Ok(());
            }
        }
    }

    /// Loads the sessions that matter to a consumer's reads: all of them where each decides which keys are
    /// its own.
    pub(super) async fn load_for(&self, draft: &mut Draft, consumer: &str) -> Result {
        if draft.head.mode == GroupMode::KeyShared {
            self.load_members(draft).boxed_local().await
        } else {
            self.load_near(draft, consumer).boxed_local().await
        }
    }

    /// Loads the sessions of a consumer; in an exclusive group also the one that holds it, and all of them
    /// where another one is to hold it.
    pub(super) async fn load_near(&self, draft: &mut Draft, consumer: &str) -> Result {
        self.load_sessions(draft, consumer).boxed_local().await?;
        if draft.head.mode != GroupMode::Exclusive || draft.head.members == 0 {
            return Ok(());
        }
        let holder = draft.head.holder;
        if draft.member(holder).is_none()
            && let Some(name) = self.holder_name(draft.head.life, holder)
        {
            self.load_sessions(draft, &name).boxed_local().await?;
        }
        if draft.member(holder).is_none() || draft.is_silent(holder) {
            self.load_members(draft).boxed_local().await?;
        }
        if draft.member(holder).is_some() {
            self.note_holder(draft.head.life, holder, draft.consumer_of(holder));
        }
        Ok(())
    }

    /// Gives a consumer a session, or hears of the one that it has.
    pub(super) async fn admit(&self, draft: &mut Draft, consumer: &str) -> Result {
        if draft.active_session(consumer).is_none() && draft.is_full() {
            // Some may have fallen silent, and nobody has looked.
            self.load_members(draft).boxed_local().await?;
        }
        draft.join(consumer)
    }

    /// Commits what sessions came to, and wakes who waits for it.
    async fn apply(&self, draft: Draft, tries: &mut Tries) -> Result<Committed> {
        let (moved, news) = (draft.has_moved(), draft.is_news());
        let durability = if moved { self.durability() } else { Durability::Relaxed };
        let Some(plan) = draft.finish(self.inner().nonce()) else {
            return Ok(Committed::Done);
        };
        let committed = self.try_commit(plan, durability, tries).boxed_local().await?;
        if committed == Committed::Done && news {
            self.wake();
        }
        Ok(committed)
    }
}

/// Ends the loaded sessions that fell silent, the longest silent first, as many as the commit has room for:
/// all of them, or those that are in a consumer's way: its own, and the one that holds the group; in groups by
/// key all that have keys. Others end when their timers are met.
pub(super) fn end_silent(draft: &mut Draft, of: Option<&str>) {
    let by_key = draft.head.mode == GroupMode::KeyShared;
    let holder = draft.head.holder;
    let matters =
        |session: u64, consumer: &str| by_key || session == holder || of.is_none_or(|of| *consumer == *of);
    let mut silent: Vec<Place> = draft
        .members()
        .filter(|(session, held, _)| matters(*session, &held.consumer) && draft.is_silent(*session))
        .map(|(session, _, row)| (draft.end_of(row), EntryId::ZERO, session))
        .collect();
    silent.sort_unstable();
    for (_, _, session) in &silent {
        if !draft.end_silent(*session) {
            break;
        }
    }
    draft.promote();
}
