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
        let _turn = self.turn().boxed_local().await;
        let mut tries = Tries::default();
        loop {
            let Some(mut draft) = self.load().boxed_local().await?.draft else {
                self.create_default().boxed_local().await?;
                continue;
            };
            self.load_for(&mut draft, consumer).boxed_local().await?;
            self.end_silent(&mut draft);
            draft.join(consumer)?;
            if self.apply(draft, &mut tries).boxed_local().await? == Committed::Done {
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
        let _turn = self.turn().boxed_local().await;
        let mut tries = Tries::default();
        loop {
            let (mut draft, _) = self.load_existing().boxed_local().await?;
            self.load_for(&mut draft, consumer).boxed_local().await?;
            self.end_silent(&mut draft);
            if let Some(session) = draft.active_session(consumer) {
                draft.end(session, draft.now);
            }
            if self.apply(draft, &mut tries).boxed_local().await? == Committed::Done {
                return Ok(());
            }
        }
    }

    /// Loads the sessions that matter to a consumer: all of them where they are about one another.
    pub(super) async fn load_for(&self, draft: &mut Draft, consumer: &str) -> Result {
        if draft.head.mode == GroupMode::Shared {
            self.load_sessions(draft, consumer).boxed_local().await
        } else {
            self.load_members(draft).boxed_local().await
        }
    }

    /// Ends the loaded sessions that fell silent, the longest silent first.
    pub(super) fn end_silent(&self, draft: &mut Draft) {
        let mut silent: Vec<Place> = draft
            .members()
            .filter(|(session, ..)| draft.is_silent(*session))
            .map(|(session, _, row)| (draft.end_of(row), EntryId::ZERO, session))
            .collect();
        silent.sort_unstable();
        for (at, _, session) in &silent {
            draft.end(*session, *at);
        }
        draft.promote();
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
