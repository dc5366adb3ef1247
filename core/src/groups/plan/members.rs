//! Joining, leaving, being heard of, falling silent, and who holds an exclusive group.

use alloc::format;

use super::Draft;
use super::affairs::SESSION_OPS;
use crate::error::{Error, ErrorCode, Result};
use crate::layout::group::GroupMode;
use crate::layout::group_member::{Looked, MemberRow};
use crate::layout::group_page::NEVER;

impl Draft {
    /// When a session that is heard of now ends for silence.
    fn silent_at(&self, heard: u64) -> u64 {
        // A timer must stay below the largest integer of a row.
        heard.saturating_add(self.head.consumer_timeout).min(crate::id::MAX_INTEGER)
    }

    /// When a session ended, or will for silence.
    pub(crate) fn end_of(&self, row: &MemberRow) -> u64 {
        row.ended.unwrap_or_else(|| self.silent_at(row.heard))
    }

    /// Whether a session that has not ended should have, for silence.
    pub(crate) fn is_silent(&self, session: u64) -> bool {
        self.member(session).is_some_and(|row| row.ended.is_none() && self.silent_at(row.heard) <= self.now)
    }

    /// Whether an exclusive group is held, and no more may stand by: for certain where all sessions are
    /// loaded, for one that fell silent counts until somebody has looked.
    pub(crate) fn is_full(&self) -> bool {
        let silent = self.members().filter(|(session, ..)| self.is_silent(*session)).count() as u64;
        let last = self.head.members.saturating_sub(silent);
        let is_held = self.head.mode == GroupMode::Exclusive && self.head.holder != 0;
        is_held && self.head.max_standbys.is_some_and(|most| last > most)
    }

    /// Gives a consumer a session, or hears of the one that it has. All its sessions are loaded.
    pub(crate) fn join(&mut self, consumer: &str) -> Result {
        if let Some(session) = self.active_session(consumer) {
            self.hear(session);
            return Ok(());
        }
        let waits = self.head.mode == GroupMode::Exclusive && self.head.holder != 0;
        if let Some(most) = self.head.max_standbys
            && self.is_full()
        {
            return Err(Error::new(
                ErrorCode::GroupLocked,
                format!("consumer: \"{}\" is held, and {most} may stand by", self.group),
            ));
        }
        self.head.last_session += 1;
        let session = self.head.last_session;
        let row = MemberRow {
            ended: None,
            heard: self.now,
            pending: 0,
            timer: self.silent_at(self.now),
            looked: Looked::default(),
        };
        self.insert_member(session, consumer, row);
        self.head.members += 1;
        self.head.generation += 1;
        if self.head.mode == GroupMode::Exclusive && !waits {
            self.head.holder = session;
        }
        Ok(())
    }

    /// Notes that a consumer was heard of. Its timer stays where it is: it looks again when it fires.
    pub(crate) fn hear(&mut self, session: u64) {
        let now = self.now;
        let silent_at = self.silent_at(now);
        if let Some(row) = self.member_mut(session)
            && row.ended.is_none()
        {
            row.heard = now;
            // A clock that was set back.
            row.timer = row.timer.min(silent_at);
        }
    }

    /// Ends a session: what is pending under it is due. Where it holds an exclusive group, all sessions
    /// are loaded.
    pub(crate) fn end(&mut self, session: u64, at: u64) {
        let Some(held) = self.members.get_mut(&session) else {
            return;
        };
        let Some(row) = held.now.as_mut().filter(|row| row.ended.is_none()) else {
            return;
        };
        if row.pending == 0 {
            held.now = None;
        } else {
            row.ended = Some(at);
            row.heard = at;
            row.timer = at;
        }
        self.head.members = self.head.members.saturating_sub(1);
        self.head.generation += 1;
        if self.head.holder == session {
            self.head.holder = self.longest_waiting();
        }
    }

    /// The oldest session that has not ended nor fallen silent; 0: none.
    fn longest_waiting(&self) -> u64 {
        self.members()
            .find(|(session, _, row)| row.ended.is_none() && !self.is_silent(*session))
            .map_or(0, |(session, ..)| session)
    }

    /// Ends a session for silence, if the commit has room for that; whether it has.
    pub(crate) fn end_silent(&mut self, session: u64) -> bool {
        let Some(at) = self.member(session).map(|row| self.end_of(row)) else {
            return true;
        };
        let fits = self.affairs.spend(SESSION_OPS);
        if fits {
            self.end(session, at);
        }
        fits
    }

    /// Looks at a session whose timer has come: ends it for silence, or moves the timer on. Whether the
    /// commit has room for that.
    pub(crate) fn look_at(&mut self, session: u64) -> bool {
        if self.is_silent(session) {
            return self.end_silent(session);
        }
        let Some(row) = self.member(session).filter(|row| row.ended.is_none()) else {
            return true;
        };
        let silent_at = self.silent_at(row.heard);
        if row.timer == silent_at {
            return true;
        }
        let fits = self.affairs.spend(SESSION_OPS);
        if let Some(row) = self.member_mut(session).filter(|_| fits) {
            row.timer = silent_at;
        }
        fits
    }

    /// In an exclusive group without holder, the one that waits longest gets it. All sessions are
    /// loaded.
    pub(crate) fn promote(&mut self) {
        if self.head.mode == GroupMode::Exclusive && self.head.holder == 0 {
            self.head.holder = self.longest_waiting();
        }
    }

    /// The deadline of a record delivered now.
    pub(crate) fn deadline(&self) -> u64 {
        match self.head.ack_timeout {
            0 => NEVER,
            timeout => self.now.saturating_add(timeout).min(crate::id::MAX_INTEGER),
        }
    }
}
