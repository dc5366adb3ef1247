//! Creating, altering and deleting streams: each is one checked commit of the space's head.

use alloc::boxed::Box;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use super::info::StreamInfo;
use super::not_found;
use crate::error::{Detail, Error, ErrorCode, Result};
use crate::id::{MAX_INTEGER, check_time};
use crate::kv::Durability;
use crate::layout::Retention;
use crate::layout::space::SpaceHead;
use crate::layout::stream::StreamMeta;
use crate::name::check_name;
use crate::store::{Inner, Job, Patch, Store, Tagged};

/// Most partitions of a stream: each is a segment with a head of its own.
pub const MOST_PARTITIONS: u32 = 65_536;
/// Bytes of the longest name of a partition's segment.
const LONGEST_PARTITION: usize = 5;
/// Tries of a change of which nobody knows whether it applied. In each the host was asked several times, and waited for.
const TRIES: u32 = 2;

fn exists_already(name: &str) -> Error {
    Error::new(ErrorCode::AlreadyExists, format!("name: there is a stream \"{name}\" already"))
}

fn not_empty(name: &str, records: u64) -> Error {
    let holds: String = if records == 1 { "a record".into() } else { format!("{records} records") };
    Error::new(
        ErrorCode::NotEmpty,
        format!("name: the stream \"{name}\" holds {holds}: only force deletes it"),
    )
}

fn check_retention(retention: Retention) -> Result {
    let bounds = [
        ("retention.maxAge", retention.max_age),
        ("retention.maxCount", retention.max_count),
        ("retention.maxBytes", retention.max_bytes),
    ];
    for (name, bound) in bounds {
        if bound.is_some_and(|bound| bound == 0 || bound > MAX_INTEGER) {
            return Err(Error::invalid(format!("{name}: must be from 1 to 2^53 - 1")));
        }
    }
    Ok(())
}

impl Store {
    /// Creates a stream. A space that is no stream becomes one, with what it holds.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`; `ALREADY_EXISTS`; `CONFLICT` while an import into the space has not ended;
    /// `UNAVAILABLE` when the host fails.
    pub async fn create_stream(
        &self,
        name: &str,
        partitions: u32,
        retention: Retention,
    ) -> Result<StreamInfo> {
        self.inner.check_open()?;
        let _tagged = Tagged::begin(&self.inner, self.tag);
        check_name("name", name)?;
        if partitions == 0 || partitions > MOST_PARTITIONS {
            return Err(Error::invalid(format!("partitions: must be from 1 to {MOST_PARTITIONS}")));
        }
        check_retention(retention)?;
        self.inner.sizes.check_key(name.len(), LONGEST_PARTITION)?;
        let now = check_time(self.inner.env.clock.now())?;
        let text = Rc::<str>::from(name);
        let edit = move |head: &mut SpaceHead| {
            if head.importing {
                let message = format!("name: an import into \"{text}\" has not ended");
                return Err(Error::new(ErrorCode::Conflict, message).with("importing", Detail::Flag(true)));
            }
            let meta = StreamMeta::of(&text, head)?;
            if meta.is_stream() {
                return Err(exists_already(&text));
            }
            head.metadata = StreamMeta { partitions, retention, created_at: now, ..meta }.encode();
            head.deleted = false;
            Ok(())
        };
        match self.inner.edit_stream(name, edit.clone(), self.tag).await {
            Err(error) if error.detail("importing").is_some() => {
                self.inner.clear_abandoned(&Rc::from(name)).await?;
                self.inner.edit_stream(name, edit, self.tag).await?;
            }
            result => result?,
        }
        self.stream(name).await.map_err(Error::after_write)
    }

    /// Gives a stream another retention. It is applied as the stream grows, and by the next sweep.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`; `NOT_FOUND`; `UNAVAILABLE` when the host fails.
    pub async fn alter_stream(&self, name: &str, retention: Retention) -> Result<StreamInfo> {
        self.inner.check_open()?;
        let _tagged = Tagged::begin(&self.inner, self.tag);
        check_name("name", name)?;
        check_retention(retention)?;
        let text = Rc::<str>::from(name);
        let edit = move |head: &mut SpaceHead| {
            let meta = StreamMeta::of(&text, head)?;
            if !meta.is_stream() {
                return Err(not_found(&text));
            }
            head.metadata = StreamMeta { retention, ..meta }.encode();
            Ok(())
        };
        let mut unclear = None;
        for _ in 0..TRIES {
            match self.inner.edit_stream(name, edit.clone(), self.tag).await {
                Ok(()) => return self.stream(name).await.map_err(Error::after_write),
                // The same again does no harm.
                Err(error) if error.may_have_applied() => unclear = Some(error),
                Err(error) => return Err(unclear.unwrap_or(error)),
            }
        }
        Err(unclear.unwrap_or_else(|| not_found(name)))
    }

    /// Deletes a stream: its records, its metadata and its groups. Its ids are never given again, nor its
    /// sequences. Of one that does not exist, the groups go that were created before it; a space that is no
    /// stream is left alone.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for the name; `NOT_EMPTY` unless forced; `UNAVAILABLE` when the host fails.
    pub async fn delete_stream(&self, name: &str, force: bool) -> Result {
        self.inner.check_open()?;
        let _tagged = Tagged::begin(&self.inner, self.tag);
        check_name("name", name)?;
        let (head, meta) = self.inner.stream_head(name).await?;
        let (existed, epoch) = (meta.is_stream(), meta.epoch);
        // Whatever a space holds that is no stream, or comes to hold, is nothing to delete.
        let is_other = |head: &SpaceHead| head.importing || head.is_visible();
        if !existed && (is_other(&head) || !self.has_groups(name, epoch).await?) {
            return Ok(());
        }
        let shared = Rc::<str>::from(name);
        let text = Rc::clone(&shared);
        let edit = move |head: &mut SpaceHead| {
            let meta = StreamMeta::of(&text, head)?;
            if meta.is_stream() != existed || meta.epoch != epoch || (!existed && is_other(head)) {
                return Err(not_found(&text));
            }
            let records = head.records - head.trimmed_records;
            if records > 0 && !force {
                return Err(not_empty(&text, records));
            }
            head.trimmed = head.last_id;
            head.trimmed_records = head.records;
            head.trimmed_bytes = head.bytes;
            head.metadata = StreamMeta { epoch: epoch + 1, ..StreamMeta::default() }.encode();
            head.deleted = true;
            Ok(())
        };
        let mut last = None;
        for _ in 0..TRIES {
            match self.inner.edit_stream(name, edit.clone(), self.tag).await {
                Err(error) if error.may_have_applied() => last = Some(error),
                // Another one deleted it meanwhile, or an earlier try did.
                Err(error) if error.code() == ErrorCode::NotFound => {
                    last = None;
                    break;
                }
                Err(error) => return Err(last.unwrap_or(error)),
                Ok(()) => {
                    last = None;
                    break;
                }
            }
        }
        if let Some(error) = last {
            return Err(error);
        }
        self.inner.collect_later(&shared);
        Ok(())
    }
}

impl Inner {
    /// Changes a space's head in a commit of its own, as durably as the store was opened.
    async fn edit_stream(
        self: &Rc<Self>,
        name: &str,
        edit: impl Fn(&mut SpaceHead) -> Result + 'static,
        tag: u64,
    ) -> Result {
        self.patch_head(&Rc::from(name), edit, self.options.durability, tag).await
    }

    pub(super) async fn patch_head(
        self: &Rc<Self>,
        name: &Rc<str>,
        edit: impl Fn(&mut SpaceHead) -> Result + 'static,
        durability: Durability,
        tag: u64,
    ) -> Result {
        self.check_running(tag)?;
        let patch = Patch {
            space: Rc::clone(name),
            edit: Box::new(edit),
            puts: Vec::new(),
            deletes: Vec::new(),
            durability,
        };
        self.submit(Job::Patch(patch), tag).await.map(drop)
    }
}
