//! Transactions over several spaces on hosts that commit one space at a time.
//!
//! 1. The redo record is written: header first (*preparing*), then the parts. A part without a header
//!    is therefore always a leftover, and may be removed by anyone.
//! 2. Every space head, in key order, is set *pending* on the record, each by its check.
//! 3. The header is turned to *committed*, by its check: the commit point.
//! 4. Each space's share is applied in one commit that checks the head pending on this record, so that
//!    whoever wakes late changes nothing.
//! 5. The record is removed.
//!
//! Whoever meets a pending head finishes a committed transaction, gives up one that stays *preparing*
//! by removing its header, and clears a head whose record is gone.

use alloc::rc::Rc;
use alloc::vec::Vec;

use uuid::Uuid;

use super::Inner;
use super::commit::NO_CHECK;
use crate::error::{Detail, Error, ErrorCode, Result};
use crate::kv::{Batch, Bytes, Check, Commit, Durability, Put};
use crate::layout::redo::{self, ABANDONED_AFTER, RedoHeader, RedoPlace, RedoShare, RedoState};
use crate::plan::{AttachedRows, PlannedSpace};
use crate::sorted::SortedSet;

/// Pause between two looks at a transaction that is being prepared, in milliseconds.
const LOOK_AGAIN: u64 = 50;
/// Tries at one step whose replies get lost.
const TRIES: u32 = 6;

/// What became of one checked write.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Done,
    /// The row is not what was checked: its current value.
    Lost(Option<Bytes>),
}

impl Inner {
    /// Commits the plans of several spaces, all or none. `unfinished` is set where it has happened, but
    /// not all of it stands in its rows yet.
    pub(crate) async fn commit_by_redo(
        self: &Rc<Self>,
        spaces: &mut [PlannedSpace],
        attached: Vec<AttachedRows>,
        durability: Durability,
        unfinished: &mut bool,
    ) -> Result<Commit> {
        for planned in spaces.iter_mut() {
            // The head goes two revisions on: one for the mark, one for the share.
            planned.head.revision = planned.head.revision.wrapping_add(1);
            planned.head_row.value = planned.head.encode();
        }
        let id = self.uuid(self.env.clock.now());
        let mut shares: Vec<RedoShare> = spaces.iter().map(share).collect();
        shares.extend(attached.into_iter().map(share_of_group));
        let body = redo::encode_body(&shares);
        let part_bytes = self.sizes.row_bytes.min(self.sizes.batch_bytes / 2).max(1024);
        let parts: Vec<&[u8]> = body.chunks(part_bytes).collect();
        let mut header = RedoHeader {
            state: RedoState::Preparing,
            nonce: self.nonce(),
            parts: u32::try_from(parts.len())
                .map_err(|_| Error::limit("parts of a transaction", u32::MAX.into(), u64::MAX))?,
            places: shares.iter().map(|share| share.place.clone()).collect(),
        };
        let preparing = header.encode();
        let header_key = redo::key(id, 0);
        self.write_record(id, &preparing, &parts, durability).await?;

        let mut pending: Vec<&RedoPlace> = Vec::new();
        for (index, share) in shares.iter().enumerate() {
            let head = share.place.with_pending(share.base.as_deref(), id, self.nonce())?;
            match self.replace(&share.place.key(), share.base.clone(), head, durability).await {
                Ok(Step::Done) => pending.push(&share.place),
                Ok(Step::Lost(current)) => {
                    self.give_up_record(id, &preparing, &pending).await;
                    return Ok(Commit::Refused { check: index, current });
                }
                Err(error) => {
                    pending.push(&share.place);
                    self.give_up_record(id, &preparing, &pending).await;
                    return Err(error.with("applied", Detail::Flag(false)));
                }
            }
        }

        header.state = RedoState::Committed;
        let committed = header.encode();
        match self.replace(&header_key, Some(preparing.clone()), committed.clone(), durability).await? {
            Step::Done => {}
            Step::Lost(_) => {
                // Somebody gave this transaction up while it was being prepared.
                self.give_up_record(id, &preparing, &pending).await;
                return Ok(Commit::Refused { check: NO_CHECK, current: None });
            }
        }
        if self.apply_shares(id, &shares).await.is_err() {
            // It has happened; who reads one of its spaces finishes it, and so does this.
            *unfinished = true;
            let inner = Rc::clone(self);
            self.spawn_background(async move {
                let _ = inner.finish_record(id).await;
            });
        } else {
            let _ = self.remove_record(id).await;
        }
        Ok(Commit::Applied)
    }

    /// Finishes, gives up or clears the transaction that a space head is pending on. A transaction
    /// that is being prepared by somebody alive is waited for.
    pub(crate) async fn resolve_pending(self: &Rc<Self>, name: &str, id: Uuid) -> Result {
        self.resolve_place(&RedoPlace::of_space(name), id).await
    }

    /// The same for any place.
    pub(crate) async fn resolve_place(self: &Rc<Self>, place: &RedoPlace, id: Uuid) -> Result {
        let header_key = redo::key(id, 0);
        let mut seen: Option<Bytes> = None;
        let mut waited = 0;
        loop {
            let Some(row) = self.host.get_one(header_key.clone()).await? else {
                return self.clear_pending(place, id).await;
            };
            let header = RedoHeader::decode(&row).map_err(|error| error.at_key(&header_key))?;
            if header.state == RedoState::Committed {
                return self.finish_record(id).await;
            }
            if seen.as_ref() != Some(&row) {
                waited = 0;
                seen = Some(row.clone());
            }
            if waited >= ABANDONED_AFTER {
                let batch = Batch {
                    checks: Vec::from([Check { key: header_key.clone(), value: Some(row) }]),
                    deletes: Vec::from([header_key.clone()]),
                    ..Batch::default()
                };
                self.host.commit(batch).await?;
                continue;
            }
            self.env.timer.sleep(LOOK_AGAIN).await;
            waited += LOOK_AGAIN;
            if self.pending_on(place).await?.1 != id {
                return Ok(());
            }
        }
    }

    /// For readers: a committed transaction is finished, so that what was acknowledged is seen; one
    /// that is being prepared has not happened, and is not waited for.
    pub(crate) async fn finish_if_committed(&self, id: Uuid) -> Result {
        let header_key = redo::key(id, 0);
        if let Some(row) = self.host.get_one(header_key.clone()).await?
            && RedoHeader::decode(&row).map_err(|error| error.at_key(&header_key))?.state
                == RedoState::Committed
        {
            self.finish_record(id).await?;
        }
        Ok(())
    }

    /// Looks for what earlier instances left: finishes what was committed, removes parts without a
    /// header, and leaves what is being prepared to a task that gives its owner time.
    pub(crate) async fn recover(self: &Rc<Self>) -> Result {
        for id in self.records().await? {
            let header_key = redo::key(id, 0);
            let Some(row) = self.host.get_one(header_key.clone()).await? else {
                self.remove_record(id).await?;
                continue;
            };
            // A damaged record must not keep the store shut; its spaces report it.
            let Ok(header) = RedoHeader::decode(&row) else {
                continue;
            };
            if header.state == RedoState::Committed {
                match self.finish_record(id).await {
                    Err(error) if error.code() == ErrorCode::Corrupt => {}
                    finished => finished?,
                }
                continue;
            }
            let inner = Rc::clone(self);
            self.spawn(async move {
                let _ = inner.resolve_abandoned(id, &header).await;
            });
        }
        Ok(())
    }

    /// How many transactions are neither finished nor given up.
    pub(crate) async fn pending_transactions(&self) -> Result<usize> {
        Ok(self.records().await?.len())
    }

    async fn resolve_abandoned(self: &Rc<Self>, id: Uuid, header: &RedoHeader) -> Result {
        for place in &header.places {
            if self.pending_on(place).await?.1 == id {
                self.resolve_place(place, id).await?;
            }
        }
        // No head waits for it. Its owner, if it lives, still needs the header to commit: removing it
        // by its check, after the same patience, decides.
        let header_key = redo::key(id, 0);
        let Some(row) = self.host.get_one(header_key.clone()).await? else {
            return self.remove_record(id).await;
        };
        self.env.timer.sleep(ABANDONED_AFTER).await;
        match self.host.get_one(header_key).await? {
            // Whoever removed it may not have heard of it, and left the parts.
            None => return self.remove_record(id).await,
            Some(now) if now != row => return Ok(()),
            Some(_) => {}
        }
        match RedoHeader::decode(&row)?.state {
            RedoState::Committed => self.finish_record(id).await,
            RedoState::Preparing => {
                self.give_up_record(id, &row, &[]).await;
                Ok(())
            }
        }
    }

    async fn records(&self) -> Result<SortedSet<Uuid>> {
        let mut ids = SortedSet::new();
        let mut left = Some(redo::range());
        while let Some(range) = left {
            let (keys, rest) = self.host.keys(range, 1024).await?;
            ids.extend(keys.iter().filter_map(|key| redo::parse(key)).map(|(id, _)| id));
            left = rest;
        }
        Ok(ids)
    }

    async fn write_record(&self, id: Uuid, header: &[u8], parts: &[&[u8]], durability: Durability) -> Result {
        let header_key = redo::key(id, 0);
        if self.replace(&header_key, None, header.to_vec(), durability).await? != Step::Done {
            return Err(Error::unavailable("a transaction's id was there before"));
        }
        let mut n = 0;
        let mut batch = Batch { durability, ..Batch::default() };
        let mut bytes = 0;
        for part in parts {
            n += 1;
            let full = batch.puts.len() + 2 > self.sizes.batch_ops
                || bytes + part.len() + 128 > self.sizes.batch_bytes;
            if full && !batch.puts.is_empty() {
                let next = Batch { durability, ..Batch::default() };
                self.put_parts(core::mem::replace(&mut batch, next)).await?;
                bytes = 0;
            }
            bytes += part.len() + 64;
            batch.puts.push(Put { key: redo::key(id, n), value: part.to_vec() });
        }
        self.put_parts(batch).await
    }

    /// Parts may be written twice: they are the same.
    async fn put_parts(&self, batch: Batch) -> Result {
        let mut last = None;
        for attempt in 0..TRIES {
            match self.host.commit(batch.clone()).await {
                Ok(_) => return Ok(()),
                Err(error) if error.may_have_applied() => last = Some(error),
                Err(error) => return Err(error),
            }
            self.pause(attempt + 1).await;
        }
        Err(last
            .unwrap_or_else(|| Error::unavailable("a transaction's record could not be written"))
            .with("applied", Detail::Flag(false)))
    }

    /// Replaces one row by its check. A lost reply is looked up, for what is written is unique.
    async fn replace(
        &self,
        key: &[u8],
        from: Option<Bytes>,
        to: Bytes,
        durability: Durability,
    ) -> Result<Step> {
        let mut last = None;
        for attempt in 0..TRIES {
            let batch = Batch {
                checks: Vec::from([Check { key: key.to_vec(), value: from.clone() }]),
                deletes: Vec::new(),
                puts: Vec::from([Put { key: key.to_vec(), value: to.clone() }]),
                durability,
            };
            match self.host.commit(batch).await {
                Ok(Commit::Applied) => return Ok(Step::Done),
                Ok(Commit::Refused { current, .. }) => {
                    if current.as_ref() == Some(&to) {
                        return Ok(Step::Done);
                    }
                    return match last {
                        // It may have applied before, and gone on from there.
                        Some(error) if current != from => Err(error),
                        _ => Ok(Step::Lost(current)),
                    };
                }
                Err(error) if error.may_have_applied() => last = Some(error),
                Err(error) => return Err(last.unwrap_or(error)),
            }
            self.pause(attempt + 1).await;
        }
        Err(last.unwrap_or_else(|| Error::unavailable("a row could not be replaced")))
    }

    /// A place's head as it is stored, and the transaction that it waits for.
    async fn pending_on(&self, place: &RedoPlace) -> Result<(Option<Bytes>, Uuid)> {
        let key = place.key();
        let row = self.host.get_one(key.clone()).await?;
        let pending = place.pending(row.as_deref()).map_err(|error| error.at_key(&key))?;
        Ok((row, pending))
    }

    /// Takes the mark off a head whose record is gone.
    async fn clear_pending(&self, place: &RedoPlace, id: Uuid) -> Result {
        for attempt in 0..TRIES {
            let (row, pending) = self.pending_on(place).await?;
            if pending != id {
                return Ok(());
            }
            let head = place.with_pending(row.as_deref(), Uuid::nil(), self.nonce())?;
            if self.replace(&place.key(), row, head, Durability::Relaxed).await? == Step::Done {
                return Ok(());
            }
            self.pause(attempt).await;
        }
        Err(Error::unavailable("a space head could not be cleared"))
    }

    /// Gives a transaction up that is not committed. Best effort: whoever meets what stays goes on.
    async fn give_up_record(&self, id: Uuid, preparing: &[u8], pending: &[&RedoPlace]) {
        let header_key = redo::key(id, 0);
        let batch = Batch {
            checks: Vec::from([Check { key: header_key.clone(), value: Some(preparing.to_vec()) }]),
            deletes: Vec::from([header_key.clone()]),
            ..Batch::default()
        };
        let removed = match self.host.commit(batch).await {
            Ok(Commit::Applied) => true,
            Ok(Commit::Refused { current, .. }) => current.is_none(),
            Err(_) => false,
        };
        if !removed {
            return;
        }
        for place in pending {
            let _ = self.clear_pending(place, id).await;
        }
        let _ = self.remove_record(id).await;
    }

    /// Applies what a committed record holds, and removes it.
    async fn finish_record(&self, id: Uuid) -> Result {
        let mut body = Vec::new();
        let mut header = None;
        let mut parts = 0_u32;
        let mut left = Some(redo::range_of(id));
        while let Some(range) = left {
            let (rows, rest) = self.host.rows(range, 1024, self.sizes.batch_bytes).await?;
            for (key, value) in rows {
                match redo::parse(&key) {
                    Some((_, 0)) => header = Some(RedoHeader::decode(&value).map_err(|e| e.at_key(&key))?),
                    Some((_, n)) if n == u64::from(parts) + 1 => {
                        body.extend_from_slice(&value);
                        parts += 1;
                    }
                    _ => {}
                }
            }
            left = rest;
        }
        let Some(header) = header else {
            // Another helper has finished it.
            return Ok(());
        };
        if header.state != RedoState::Committed {
            return Ok(());
        }
        let shares = if header.parts == parts {
            redo::decode_body(&body).map_err(|e| e.at_key(&redo::key(id, 1)))
        } else {
            Err(Error::corrupt("redo record: parts are missing").at_key(&redo::key(id, 0)))
        };
        let shares = match shares {
            Ok(shares) => shares,
            Err(error) => {
                // It is being removed by another helper, or a late request put back its header alone, or it was damaged
                // afterwards: then its spaces have been applied, and none waits for it.
                for place in &header.places {
                    if self.pending_on(place).await?.1 == id
                        && self.host.get_one(redo::key(id, 0)).await?.is_some()
                    {
                        return Err(error);
                    }
                }
                return self.remove_record(id).await;
            }
        };
        self.apply_shares(id, &shares).await?;
        self.remove_record(id).await
    }

    /// One commit a space, against the head that waits for this record: done before, it does nothing.
    async fn apply_shares(&self, id: Uuid, shares: &[RedoShare]) -> Result {
        for share in shares {
            let mut last = None;
            for attempt in 0..TRIES {
                let (row, pending) = self.pending_on(&share.place).await?;
                if pending != id {
                    last = None;
                    break;
                }
                let batch = Batch {
                    checks: Vec::from([Check { key: share.place.key(), value: row }]),
                    deletes: share.deletes.clone(),
                    puts: share.puts.clone(),
                    durability: Durability::Strict,
                };
                match self.host.commit(batch).await {
                    Ok(_) => {
                        last = None;
                        break;
                    }
                    Err(error) => last = Some(error),
                }
                self.pause(attempt + 1).await;
            }
            if let Some(error) = last {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Removes a record, the header first: parts without it may be removed by anyone.
    async fn remove_record(&self, id: Uuid) -> Result {
        loop {
            let limit = self.sizes.batch_ops.min(512);
            let (deletes, rest) = self.host.keys(redo::range_of(id), limit).await?;
            if deletes.is_empty() {
                return Ok(());
            }
            let batch = Batch { deletes, durability: Durability::Relaxed, ..Batch::default() };
            self.host.commit(batch).await?;
            if rest.is_none() {
                return Ok(());
            }
        }
    }
}

/// What a plan does to its space, as a share of a record.
fn share(planned: &PlannedSpace) -> RedoShare {
    RedoShare {
        place: RedoPlace::of_space(&planned.space),
        base: planned.check.value.clone(),
        deletes: Vec::new(),
        puts: planned.puts().cloned().collect(),
    }
}

/// What is attached, as a share of a record: rows of a group, whose head is checked.
fn share_of_group(rows: AttachedRows) -> RedoShare {
    RedoShare {
        place: RedoPlace { space: rows.space, group: Some(rows.group) },
        base: rows.check.value,
        deletes: rows.deletes,
        puts: rows.puts,
    }
}
