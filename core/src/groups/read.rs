//! Reading as a consumer: what is due first, then new records.

use alloc::vec::Vec;

use futures_util::FutureExt;
use futures_util::future::{Either, select};

use super::Group;
use super::commit::{Committed, Tries};
use super::dead::MOST_DEAD;
use super::entries::{in_order, singles, slot_of};
use super::members::end_silent;
use super::options::{Deliveries, GroupRead, MOST_RECORDS, Mark, check_number};
use super::plan::{ASIDE, Draft, Offer, Place, Taken, assign};
use crate::error::{Error, Result};
use crate::id::{EntryId, MAX_MS};
use crate::kv::Durability;
use crate::layout::GroupMode;
use crate::layout::group_member::Looked;
use crate::layout::group_page::{NEVER, Pending};
use crate::store::{Page, PageRun};

/// Bytes of the records of one read, give or take one.
const READ_BYTES: usize = 8 << 20;
/// Most records that are set aside for others: then the cursor stops.
pub(super) const MOST_ASIDE: u64 = 1024;
/// New records that one step of a read by key looks at.
const LOOK_AHEAD: u64 = 256;
/// Scans of an ended session's pages, each longer than the last, in one read by key.
const MOST_SCANS: usize = 4;

/// What one try gave.
enum Attempt {
    /// Records; where there are none, after how many milliseconds to look again at the latest.
    Got(Deliveries, Option<u64>),
    /// The group's own affairs came first, or somebody else was faster.
    Again,
    /// More than one commit takes; with own affairs of the group among it, or without.
    TooMuch { with_affairs: bool },
}

/// How far one call has looked, in groups by key, through sessions that ended. The consumer's row has a place for one
/// such session only, and is written only by a commit that gives something. This is for all of them, and lasts for
/// one call: so its next try goes on where the last one found nothing.
#[derive(Debug, Default)]
struct Passed {
    /// Life and generation of the group when that was found: with another one keys belong to others.
    of: (u64, u64),
    sessions: Vec<(u64, EntryId)>,
}

impl Passed {
    fn upto(&self, of: (u64, u64), session: u64) -> EntryId {
        let known = self.sessions.iter().find(|(known, _)| self.of == of && *known == session);
        known.map_or(EntryId::ZERO, |(_, upto)| *upto)
    }

    fn note(&mut self, of: (u64, u64), session: u64, upto: EntryId) {
        if self.of != of {
            *self = Self { of, sessions: Vec::new() };
        }
        self.sessions.retain(|(known, _)| *known != session);
        self.sessions.push((session, upto));
    }
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
        let _turn = self.turn().boxed_local().await;
        // A later step of a read that waits mostly finds nothing. What it finds in remembered heads would have to be
        // looked at again, so it begins with reading them.
        let mut tries = Tries::unread(first);
        let mut passed = Passed::default();
        let mut limit = read.limit;
        let mut was_apart = false;
        loop {
            self.inner().check_open()?;
            let some = GroupRead { limit, ..read };
            let attempt = self.attempt(consumer, some, first, &mut tries, &mut passed).boxed_local().await;
            if tries.take_unread() {
                // Nothing was committed: what was not read may be otherwise.
                continue;
            }
            let attempt = match attempt {
                Err(error) if error.detail("moved").is_some() => {
                    self.lost(&mut tries).boxed_local().await?;
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
            self.create_default().boxed_local().await?;
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

    // ---------------------------------------------------------------- shared and exclusive

    async fn attempt_shared(
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
        let mut given = self.take(&mut draft, &due).boxed_local().await?;
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
        let mut page = Page::default();
        page.runs.extend(given.drain(..).map(|one| one.entry));
        page.runs.append(&mut fresh.runs);
        self.give(draft, session, Deliveries { page, marks }, false, tries).boxed_local().await
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

    /// Takes records that are due off their sessions, with their entries; those that are gone are counted
    /// as trimmed, and past the bytes of a read they stay where they are.
    async fn take(&self, draft: &mut Draft, due: &[Place]) -> Result<Vec<Given>> {
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let ids = in_order(due.iter().map(|(_, id, _)| *id));
        let mut found = self.read_ids(&draft.stream, &ids, READ_BYTES).boxed_local().await?;
        let mut given = Vec::with_capacity(due.len());
        for (_, id, from) in due {
            match found.take(*id) {
                Some(entry) => {
                    let taken = draft.take_due(*from, *id);
                    given.extend(taken.map(|Taken { id, record, .. }| Given {
                        id,
                        slot: record.slot,
                        attempts: record.attempts + 1,
                        aside: false,
                        entry,
                    }));
                }
                None if found.stopped_before(*id) => {}
                None => draft.forget_trimmed(*from, *id),
            }
        }
        Ok(given)
    }

    /// Buries records among what is due that had their last delivery, as many as one commit takes; `None`
    /// where there are none.
    async fn bury_exhausted(
        &self,
        draft: &Draft,
        due: &[Place],
        tries: &mut Tries,
    ) -> Result<Option<Attempt>> {
        let dead: Vec<Taken> = due
            .iter()
            .filter_map(|(_, id, from)| {
                let record = draft.find(*from, *id).filter(|record| draft.is_exhausted(record))?;
                Some(Taken { id: *id, from: *from, record: *record })
            })
            .take(MOST_DEAD)
            .collect();
        if dead.is_empty() {
            return Ok(None);
        }
        let mut letters = self.letters(draft, &dead).boxed_local().await?;
        let without = loop {
            let mut without = draft.clone();
            for letter in &letters {
                without.take_due(letter.taken.from, letter.taken.id);
            }
            if letters.len() == 1 || self.leaves_room(&without) {
                break without;
            }
            letters.truncate(letters.len() / 2);
        };
        if draft.affairs.is_any() && !self.leaves_room(&without) {
            return self.own_affairs(draft.clone(), tries).boxed_local().await.map(Some);
        }
        self.bury(without, letters, tries).boxed_local().await?;
        Ok(Some(Attempt::Again))
    }

    // ---------------------------------------------------------------- by key

    async fn attempt_by_key(
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
        let owners = self.owners(&draft);
        let bound = self.load_due(&mut draft, session, wanted).boxed_local().await?;
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
        let mut marks = Vec::with_capacity(given.len());
        let mut page = Page::default();
        for one in given {
            if one.aside {
                draft.remove(ASIDE, one.id);
            }
            let deadline = draft.deliver(session, one.id, one.slot, one.attempts, read.no_ack);
            marks.push(mark(one.attempts, deadline));
            page.runs.push(one.entry);
        }
        let nothing = marks.is_empty();
        let wakes = !aside.is_empty() || read.no_ack;
        let attempt =
            self.give(draft, session, Deliveries { page, marks }, wakes, tries).boxed_local().await?;
        // It gave nothing, but set records aside: the next try looks further.
        Ok(match attempt {
            Attempt::Got(..) if nothing => Attempt::Again,
            other => other,
        })
    }

    /// The session that each slot belongs to.
    fn owners(&self, draft: &Draft) -> Vec<u64> {
        let members: Vec<(u64, &str)> = draft
            .members()
            .filter(|(_, _, row)| row.ended.is_none())
            .map(|(session, held, _)| (session, &*held.consumer))
            .collect();
        assign(&members, draft.head.slots)
    }

    /// Loads records of ended sessions that are this one's now: of each slot that is its own, from the
    /// session that took it over last. Gives whether some session gave nothing so far and has more pages to look
    /// through: then finding nothing is no reason to wait.
    async fn load_left_behind(
        &self,
        draft: &mut Draft,
        session: u64,
        owners: &[u64],
        wanted: usize,
        passed: &mut Passed,
    ) -> Result<bool> {
        let mine = |slot: u64| {
            usize::try_from(slot)
                .ok()
                .and_then(|slot| owners.get(slot))
                .is_some_and(|owner| *owner == session)
        };
        // Per session the slots that are taken from it, in their order.
        let mut sources: Vec<(u64, Vec<u64>)> = Vec::new();
        for (slot, takers) in draft.slots_taken().filter(|(slot, _)| mine(*slot)) {
            let last = takers.iter().rev().find(|taker| taker.session != session);
            if let Some(taker) = last
                && draft.member(taker.session).is_some_and(|row| row.ended.is_some())
            {
                match sources.iter_mut().find(|(from, _)| *from == taker.session) {
                    Some((_, slots)) => slots.push(slot),
                    None => sources.push((taker.session, Vec::from([slot]))),
                }
            }
        }
        let generation = draft.head.generation;
        let of = (draft.head.life, generation);
        let mut unfinished = false;
        for (from, slots) in sources {
            let looked = draft.member(session).map(|row| row.looked).unwrap_or_default();
            let known = looked.generation == generation && looked.session == from;
            let start = if known { looked.upto } else { EntryId::ZERO };
            let begin = passed.upto(of, from).max(start);
            let mut scans = 0;
            let more = self
                .load_pages(draft, from, begin, |draft, reached| {
                    scans += 1;
                    let ready = draft
                        .records_of(from)
                        .filter(|(id, record)| *id <= reached && slots.binary_search(&record.slot).is_ok());
                    ready.count() >= wanted || scans > MOST_SCANS
                })
                .boxed_local()
                .await?;
            let is_ready = |record: &Pending| slots.binary_search(&record.slot).is_ok();
            if let Some(reached) = more
                && !draft.records_of(from).any(|(_, record)| is_ready(record))
            {
                unfinished |= reached > begin;
                passed.note(of, from, reached);
            }
            if begin > start {
                // It began beyond what the row says: records in between are not loaded, so the row cannot be moved on.
                continue;
            }
            // The row may pass what is not for this consumer at all, but no record of its slots: also not one that it
            // may only take later, because another session has earlier ones of the slot.
            let first = draft.records_of(from).find(|(id, record)| *id > start && mine(record.slot));
            let upto = first.map(|(id, _)| id.before()).or(more).unwrap_or(start).max(start);
            if let Some(row) = draft.member_mut(session)
                && upto > start
            {
                row.looked = Looked { generation, session: from, upto };
            }
        }
        draft.drop_trimmed();
        Ok(unfinished)
    }

    /// Loads the records that were set aside.
    async fn load_aside(&self, draft: &mut Draft) -> Result {
        if draft.head.skipped > 0 {
            self.load_pages(draft, ASIDE, EntryId::ZERO, |_, _| false).boxed_local().await?;
            draft.drop_trimmed();
        }
        Ok(())
    }

    /// Gives records that were set aside, in id order, where the consumer may have them.
    async fn take_aside(
        &self,
        draft: &mut Draft,
        session: u64,
        owners: &[u64],
        wanted: usize,
        given: &mut Vec<Given>,
    ) -> Result {
        let room = wanted.saturating_sub(given.len());
        let taken: Vec<(EntryId, u64)> = draft
            .aside()
            .into_iter()
            .filter(|(_, slot)| draft.offer(session, *slot, owners) == Offer::Take)
            .take(room)
            .collect();
        let ids = in_order(taken.iter().map(|(id, _)| *id));
        let mut found = self.read_ids(&draft.stream, &ids, READ_BYTES).boxed_local().await?;
        for (id, slot) in taken {
            match found.take(id) {
                Some(entry) => given.push(Given { id, slot, attempts: 1, aside: true, entry }),
                None if found.stopped_before(id) => return Ok(()),
                None => drop(draft.remove(ASIDE, id)),
            }
        }
        Ok(())
    }

    /// Goes on from the cursor: gives what the consumer may have, and finds what is to be set aside.
    async fn look_ahead(
        &self,
        draft: &mut Draft,
        session: u64,
        owners: &[u64],
        wanted: usize,
        given: &mut Vec<Given>,
    ) -> Result<Vec<(EntryId, u64)>> {
        let mut aside = Vec::new();
        let taken = in_order(given.iter().filter(|one| one.aside).map(|one| one.id));
        // Slots of which a record stays aside, so that what follows must too.
        let mut waiting = Vec::new();
        waiting.resize(usize::try_from(draft.head.slots).unwrap_or_default(), false);
        for (_, slot) in draft.aside().into_iter().filter(|(id, _)| taken.binary_search(id).is_err()) {
            wait_for(&mut waiting, slot);
        }
        let most = self.most_aside();
        let has_room = |draft: &Draft, more: usize| {
            more < most && draft.head.skipped.saturating_add(more as u64) < MOST_ASIDE
        };
        let mut bytes = READ_BYTES;
        while given.len() < wanted && bytes > 0 {
            if !has_room(draft, aside.len()) {
                break;
            }
            let page =
                self.read_after(&draft.stream, draft.head.cursor, LOOK_AHEAD, bytes).boxed_local().await?;
            if page.is_empty() {
                break;
            }
            for entry in singles(&page)? {
                if !has_room(draft, aside.len()) || given.len() >= wanted {
                    return Ok(aside);
                }
                let id = entry.run.first_id;
                let slot = slot_of(&entry, draft.head.slots);
                bytes = bytes.saturating_sub(entry.run.body.len());
                if draft.offer(session, slot, owners) == Offer::Take && !waits(&waiting, slot) {
                    given.push(Given { id, slot, attempts: 1, aside: false, entry });
                } else {
                    wait_for(&mut waiting, slot);
                    aside.push((id, slot));
                }
                draft.head.cursor = id;
            }
        }
        Ok(aside)
    }
}

/// Whether records of a slot have to wait.
fn waits(waiting: &[bool], slot: u64) -> bool {
    usize::try_from(slot).ok().and_then(|slot| waiting.get(slot)).copied().unwrap_or(false)
}

fn wait_for(waiting: &mut [bool], slot: u64) {
    if let Some(flag) = usize::try_from(slot).ok().and_then(|slot| waiting.get_mut(slot)) {
        *flag = true;
    }
}

fn mark(attempts: u64, deadline: u64) -> Mark {
    Mark { delivery_count: attempts, deadline: (deadline != NEVER).then_some(deadline) }
}
