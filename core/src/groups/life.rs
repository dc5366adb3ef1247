//! Creating and deleting groups, and sweeping what they leave.

use alloc::format;
use alloc::vec::Vec;

use futures_util::FutureExt;
use uuid::Uuid;

use super::Group;
use super::commit::{Committed, Tries};
use super::load::Opened;
use super::options::{GroupInfo, GroupOptions, GroupStart};
use super::plan::Draft;
use crate::error::{Error, ErrorCode, Result};
use crate::id::{EntryId, MAX_MS};
use crate::kv::{Batch, Bytes, Check, Commit, Durability};
use crate::layout::KeyRange;
use crate::layout::group::{self, GroupHead};
use crate::layout::space::SpaceHead;
use crate::layout::stream::StreamMeta;
use crate::name::check_name;
use crate::store::{Store, lock_key};

/// Rows that one step of a sweep removes.
const SWEEP_ROWS: usize = 256;
/// How often the removal of a head is handed over while replies are lost.
const REMOVAL_TRIES: u32 = 4;

impl Group {
    /// Creates the group. Its stream need not exist yet.
    ///
    /// # Errors
    /// `ALREADY_EXISTS`; `INVALID_ARGUMENT` for names and options; `UNSUPPORTED` on hosts without atomic,
    /// checked commits; `CONFLICT`, `UNAVAILABLE`, `QUOTA_EXCEEDED` as for writes.
    pub async fn create(&self, options: &GroupOptions) -> Result<GroupInfo> {
        let _run = self.check()?;
        let dead_letters = options.check(&self.stream, &self.name)?;
        {
            let _lock = self.lock().boxed_local().await;
            self.create_group(options, &dead_letters, true).boxed_local().await?;
        }
        self.info().await.map_err(Error::after_write)
    }

    /// Deletes the group with all that is pending in it. Its dead letters stay.
    ///
    /// # Errors
    /// `NOT_FOUND`; otherwise like [`Group::create`].
    pub async fn delete(&self) -> Result {
        let _run = self.check()?;
        let _lock = self.lock().boxed_local().await;
        let mut tries = Tries::default();
        loop {
            let (draft, _) = self.load_existing().boxed_local().await?;
            let batch = self.removal(draft.base().cloned());
            self.inner().check_running(self.tag)?;
            if self.remove_head(batch, draft.head.life).await? == Committed::Done {
                break;
            }
            self.lost(&mut tries).boxed_local().await?;
        }
        self.wake();
        // The group is gone; what it leaves is swept by whoever comes if this fails.
        let _ = self.sweep_lives().boxed_local().await;
        Ok(())
    }

    /// What removes the head, if it is still this one.
    fn removal(&self, head: Option<Bytes>) -> Batch {
        let key = group::key(&self.stream, &self.name);
        Batch {
            checks: Vec::from([Check { key: key.clone(), value: head }]),
            deletes: Vec::from([key]),
            puts: Vec::new(),
            durability: self.durability(),
        }
    }

    async fn remove_head(&self, batch: Batch, life: u64) -> Result<Committed> {
        match self.hand_over(&batch, REMOVAL_TRIES).boxed_local().await? {
            (Commit::Applied, _) => Ok(Committed::Done),
            (Commit::Refused { current, .. }, unclear) => {
                let same = match &current {
                    Some(row) => GroupHead::decode(row)?.life == life,
                    None => false,
                };
                // Gone, or another by now: where a reply was lost, it was this that removed it.
                let done = unclear.is_some() && !same;
                Ok(if done { Committed::Done } else { Committed::Lost })
            }
        }
    }

    /// Creates the group as a reader does that finds none.
    pub(super) async fn create_default(&self, tries: &mut Tries) -> Result {
        let options = GroupOptions::default();
        let dead_letters = options.check(&self.stream, &self.name)?;
        self.create_group(&options, &dead_letters, false).boxed_local().await?;
        tries.won();
        Ok(())
    }

    async fn create_group(&self, options: &GroupOptions, dead_letters: &str, alone: bool) -> Result {
        let mut tries = Tries::default();
        loop {
            let Opened { draft, stale, space, epoch } = self.load().boxed_local().await?;
            if draft.is_some() {
                return if alone { Err(self.exists()) } else { Ok(()) };
            }
            let life = self.inner().nonce();
            let head = self.new_head(options, dead_letters, &space, epoch, life);
            let had = stale.is_some();
            let base = stale.map(|(row, _)| row);
            let plan = Draft::new(&self.stream, &self.name, base, head, self.page_records())
                .anew(self.inner().nonce());
            match self.commit(plan, self.durability()).boxed_local().await? {
                Committed::Done => {
                    self.wake();
                    if had || self.has_rows().boxed_local().await.unwrap_or(false) {
                        let _ = self.sweep_lives().boxed_local().await;
                    }
                    return Ok(());
                }
                Committed::Lost => self.lost(&mut tries).boxed_local().await?,
            }
        }
    }

    fn new_head(
        &self,
        options: &GroupOptions,
        dead_letters: &str,
        space: &SpaceHead,
        epoch: u64,
        life: u64,
    ) -> GroupHead {
        let cursor = match options.start {
            GroupStart::Beginning => EntryId::ZERO,
            GroupStart::End => space.last_id,
            GroupStart::At(id) => id.before(),
        };
        GroupHead {
            mode: options.mode,
            revision: 0,
            life,
            epoch,
            transaction: Uuid::nil(),
            created_at: self.inner().env.clock.now().min(MAX_MS),
            ack_timeout: options.ack_timeout,
            max_deliver: options.max_deliver,
            consumer_timeout: options.consumer_timeout,
            max_standbys: options.max_standbys,
            slots: options.slots,
            cursor,
            delivered: EntryId::ZERO,
            pending: 0,
            trimmed_pending: 0,
            skipped: 0,
            members: 0,
            last_session: 0,
            holder: 0,
            generation: 0,
            dead_letters: dead_letters.into(),
            nonces: Vec::new(),
        }
    }

    fn exists(&self) -> Error {
        Error::new(
            ErrorCode::AlreadyExists,
            format!("group: \"{}\" has a group \"{}\" already", self.stream, self.name),
        )
    }

    pub(super) async fn lock(&self) -> crate::store::KeyLock {
        lock_key(self.inner(), group::key(&self.stream, &self.name)).await
    }

    /// Whether rows stand there besides the head.
    async fn has_rows(&self) -> Result<bool> {
        let range = group::range_of_rows(&self.stream, &self.name);
        let (keys, _) = self.inner().host.keys(range, 1).boxed_local().await?;
        Ok(!keys.is_empty())
    }

    /// Removes the rows of all lives of the group but the one that lasts. Rows are looked at before the
    /// head: a life that has rows, and is not the head's afterwards, is over for good.
    async fn sweep_lives(&self) -> Result {
        let most = self.inner().sizes.batch_ops.min(SWEEP_ROWS).min(self.inner().sizes.batch_bytes / 512);
        let mut left = Some(group::range_of_rows(&self.stream, &self.name));
        while let Some(range) = left {
            let (keys, rest) = self.inner().host.keys(range, most.max(1)).await?;
            if keys.is_empty() {
                break;
            }
            let lasts = self.stored_head().boxed_local().await?.map(|(_, head)| head.life);
            let is_over = |key: &Bytes| {
                let life = group::life_in(key, &self.stream, &self.name);
                life.is_some() && life != lasts
            };
            let deletes: Vec<Bytes> = keys.into_iter().filter(is_over).collect();
            if !deletes.is_empty() {
                let batch = Batch { deletes, durability: Durability::Relaxed, ..Batch::default() };
                self.inner().host.commit(batch).await?;
            }
            left = rest;
        }
        Ok(())
    }

    async fn stored_head(&self) -> Result<Option<(Bytes, GroupHead)>> {
        let key = group::key(&self.stream, &self.name);
        let Some(row) = self.inner().host.get_one(key.clone()).await? else {
            return Ok(None);
        };
        let head = GroupHead::decode(&row).map_err(|error| error.at_key(&key))?;
        Ok(Some((row, head)))
    }
}

impl Store {
    /// Removes what groups of a stream left that were deleted, or went with their stream.
    ///
    /// Nobody needs to call this for correctness; it gives room back.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for the name; `UNSUPPORTED` on hosts without atomic, checked commits;
    /// `UNAVAILABLE` when the host fails.
    pub async fn sweep_groups(&self, stream: &str) -> Result {
        self.inner.check_open()?;
        check_name("stream", stream)?;
        let epoch = StreamMeta::of(stream, &self.inner.fresh_head(stream).await?)?.epoch;
        let mut range = group::range_of_space(stream);
        while let Some(group) = self.next_group(stream, &mut range).await? {
            group.check_host()?;
            group.sweep(epoch).boxed_local().await?;
        }
        Ok(())
    }

    /// Whether a stream has groups of this epoch.
    pub(crate) async fn has_groups(&self, stream: &str, epoch: u64) -> Result<bool> {
        let mut range = group::range_of_space(stream);
        while let Some(group) = self.next_group(stream, &mut range).await? {
            if group.stored_head().boxed_local().await?.is_some_and(|(_, head)| head.epoch == epoch) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The first group that has rows in a range, which then begins after all of them.
    async fn next_group(&self, stream: &str, range: &mut KeyRange) -> Result<Option<Group>> {
        let (keys, _) = self.inner.host.keys(range.clone(), 1).await?;
        let Some(name) = keys.first().and_then(|key| group::name_in(key, stream)) else {
            return Ok(None);
        };
        range.start = group::range_of_rows(stream, name).end;
        Ok(Some(self.group(stream, name)))
    }
}

impl Group {
    /// Removes the head if it is of an earlier epoch, and the rows of all lives that are over.
    async fn sweep(&self, epoch: u64) -> Result {
        if let Some((row, head)) = self.stored_head().boxed_local().await?
            && head.epoch < epoch
            && head.transaction.is_nil()
        {
            self.inner().host.commit(self.removal(Some(row))).await?;
        }
        self.sweep_lives().boxed_local().await
    }
}
