//! Consumer groups: any number of consumers in any number of processes share the records of a stream, and
//! nothing is lost between them.
//!
//! # What a group is
//!
//! A *head* with the options, the cursor and the counters; *members*, the sessions of consumers; *pages*,
//! the records that were delivered and not acknowledged; and *timers*, which say what is due when. Every
//! operation is one commit that checks the head, which every commit rewrites: so the check covers all
//! rows of the group, as a space head does for its space. The head of the stream's space is not checked
//! where it was read: acknowledgements do not fight appends.
//!
//! **Life.** All rows but the head are keyed by the group's life, a number drawn at random when it is
//! created. Deleting is removing the head; what the life leaves is swept afterwards, in bounded steps, by
//! the call that deletes, by the next one that creates, or by [`Store::sweep_groups`]. A group carries the
//! epoch of its stream, which goes up when the stream is deleted: a group of another epoch is gone.
//!
//! **Sessions.** A consumer that joins gets a session with a new number; leaving, or not being heard of
//! for the consumer timeout, ends it. A session that ended stays while records are pending under it: they
//! are due since it ended, without any of them being touched. A consumer that joins again has a new
//! session beside the old one.
//!
//! **Pages.** What is pending under one session is one map from ids to deliveries (attempts, time,
//! deadline), cut into pages of at most 256 records that do not overlap. A page answers for all ids from
//! its first one up to the next page: so the page of an id is one reverse scan, one row. Ids of one append
//! are one run, and records that were delivered together name one delivery: a page is a few dozen bytes
//! where all goes well, and a few kibibytes at most. A record that is delivered again moves from the page
//! of one session to that of another, or changes in place.
//!
//! **Timers.** One row for each page, at its earliest (deadline, id), and one for each session: while it
//! lasts, at a moment not after the one at which it ends for silence (it is only looked at then, and moved
//! on: being heard of costs no row but the session's own); afterwards, at the moment at which it ended.
//! The timers in order give what is due in order: after n timers of pages, n records are certain.
//!
//! # What it costs
//!
//! A read of n records: the heads of the group and of the space, the consumer's sessions (in groups by key
//! those of all), at most n + 1
//! timers and the pages and sessions that they name, the commit rows of the n records, the pages that they
//! go to. An acknowledgement: the heads, the sessions, the pages that hold the ids. Neither depends on
//! how many records are pending, or how long the stream is.
//!
//! # Reading
//!
//! Due records first, by (deadline, id): a record's deadline is its own, or the end of its session where
//! that is earlier. A due record that has had its last delivery goes to the dead-letter stream instead, in
//! one commit with leaving its page. Then new records after the cursor. Records at or below the stream's
//! trim bound are dropped wherever they are met, and counted.
//!
//! *Own affairs*: sessions whose timers have come and fell silent are ended, and what is trimmed is
//! dropped, by the calls that meet them, in the same commit as what they are made for. A commit has room for
//! so many of them (`plan/affairs.rs`); where more are met, or where both do not fit one commit, they are
//! commits of their own first. What was not looked at for want of room is not given, nor anything that
//! comes after it.
//!
//! *Exclusive*: the head names the session that holds the group. When that ends, the oldest session that
//! has not fallen silent gets it, in the same commit. Until then nobody else's session matters: who stands
//! by loads its own and the holder's.
//!
//! *By key*: a record's slot is the hash of its key modulo the number of slots; the slots are spread over
//! the sessions by a function of their consumers' names (`plan/keys.rs`). A row of slots says under which
//! sessions records of each slot are pending. A new record goes to the session that its slot belongs to,
//! and only while no other session has records of the slot; what is passed over that way is set aside
//! under session 0, at most 1,024 records, then the cursor stops. Records set aside are offered before new
//! ones, in id order. What a session leaves behind goes to the sessions that its slots belong to by then,
//! slot by slot in id order, and never past an earlier record of the slot at another session; beside what it
//! has of its own by (deadline, id), where a record counts as due no earlier than those of its slot before
//! it. While a session lasts, its own records come back to it alone. Timers of pages stand in a lane of
//! their session, so that a read never passes over what is due for others; how far a consumer has looked
//! through an ended session is noted in its own row.
//!
//! # Races and lost replies
//!
//! A failed check: load and plan again. A lost reply: the same batch is handed over again, with the same
//! nonce; if the head carries the nonce, it applied, and if the head has moved on by fewer rewrites than
//! it remembers nonces of, it never did. Dead letters and replays touch two spaces: they are writes of the
//! store that carry the group's rows or a trim in the same commit, or, where one commit covers one space,
//! in the same redo record, for which the group's head waits as a space's head would.
//!
//! # What is remembered
//!
//! What a commit left behind is remembered with the head that it made (`plan/kept.rs`, `memory.rs`): the
//! next call of the same instance that finds this head stored reads of the group's rows only what it has
//! not seen. Where that head was still stored the last times, and that of the stream's space was the one
//! that is known, they are not read either: the commit checks both. Refused, or where the call comes to no
//! commit, it begins again with reading them; and after a refusal they must have held for more times
//! before they are taken for granted again. Joining and leaving always read the heads. A call that
//! changes nothing leaves what was known as it was.
//!
//! # Words in the code
//!
//! * *Session*: one stay of a consumer in the group; its row is a *member*. It is *silent* when its consumer was not
//!   heard of for the consumer timeout, and *ended* once a commit says so.
//! * *Draft* (`plan/draft/`): the group while one commit to it is planned, each row as it was loaded and as it will
//!   be. Finished, it is a *plan*: the rows that differ, the head, and what to check.
//! * *Kept* (`plan/kept.rs`): rows that are known as of a head; with that head, *left* by the commit that made it.
//! * *Floor* of an id: the page of a session that answers for it, the last one that begins at or below it.
//! * *Lane*: a list of timers in order. Lane 0 is everybody's; in groups by key each session's pages have one of
//!   their own.
//! * *Aside*: a new record that was passed over for the consumer of its key, under session 0 ([`plan::ASIDE`]).
//! * *Taker* of a slot: a session under which records of the slot are pending.
//! * *Affairs*: what the group does for itself, see above. A try that is *apart* does nothing else; one that is
//!   *unread* is planned from remembered heads that were not read again.
//! * *Dead*: a record that had its last delivery; a *letter* is that record on its way to the dead-letter stream.
//!
//! # Waiting
//!
//! A read that finds nothing waits for the store's epoch to move, for the next timer, for the time to be
//! heard of again, or for its end; nothing is polled.

mod commit;
mod dead;
mod entries;
mod life;
mod limits;
mod list;
mod load;
mod members;
mod memory;
mod options;
mod plan;
mod read;
mod settle;
mod timers;

use alloc::rc::Rc;

pub use options::{
    Consumer, Deliveries, GroupInfo, GroupOptions, GroupRead, GroupStart, Mark, PendingRead, PendingRecord,
};

use crate::error::{Error, ErrorCode, Result};
use crate::layout::group::Place;
use crate::layout::group_member;
use crate::name::check_name;
use crate::store::{Inner, Run, Store};

/// A handle on a consumer group, which need not exist yet.
#[derive(Debug, Clone)]
pub struct Group {
    store: Store,
    stream: Rc<str>,
    name: Rc<str>,
    tag: u64,
}

impl Store {
    /// A handle on a group of a stream. Names are checked when it is used.
    pub fn group(&self, stream: &str, group: &str) -> Group {
        Group { store: self.clone(), stream: Rc::from(stream), name: Rc::from(group), tag: 0 }
    }
}

impl Group {
    /// The same group, whose calls [`Store::cancel`] knows by this tag, one at a time: a call that is taken
    /// back before a commit of it is handed to the host ends with `ABORTED`.
    #[must_use]
    pub fn tagged(mut self, tag: u64) -> Self {
        self.tag = tag;
        self
    }

    /// What every call begins with.
    fn check(&self) -> Result<Run> {
        self.inner().check_open()?;
        check_name("stream", &self.stream)?;
        check_name("group", &self.name)?;
        self.check_host()?;
        let place = Place { space: &self.stream, group: &self.name, life: 0 };
        let longest = group_member::key(&place, "", 0).len();
        self.check_key(longest)?;
        Ok(Run::begin(self.inner(), self.tag))
    }

    fn check_consumer(&self, consumer: &str) -> Result {
        check_name("consumer", consumer)?;
        let place = Place { space: &self.stream, group: &self.name, life: 0 };
        self.check_key(group_member::key(&place, consumer, 0).len())
    }

    fn check_key(&self, length: usize) -> Result {
        // Timers have the longest keys besides members.
        let length = length.max(self.stream.len() + self.name.len() + 64);
        let most = self.inner().sizes.key_bytes;
        if length > most {
            return Err(Error::limit(
                "bytes of a key made of stream, group and consumer",
                most as u64,
                length as u64,
            ));
        }
        Ok(())
    }

    pub(super) fn not_found(&self) -> Error {
        Error::new(
            ErrorCode::NotFound,
            alloc::format!("group: \"{}\" has no group \"{}\"", self.stream, self.name),
        )
    }

    pub(super) fn inner(&self) -> &Rc<Inner> {
        &self.store.inner
    }
}
