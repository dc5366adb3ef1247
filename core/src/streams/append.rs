//! Appending to a stream: the partition is chosen, and checked again in the commit itself.

use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};

use futures_util::FutureExt;
use futures_util::future::{join, poll_fn};

use super::{not_found, partition_of_key};
use crate::codec::RecordFrame;
use crate::error::{Error, ErrorCode, Result};
use crate::id::EntryId;
use crate::layout::space;
use crate::layout::stream::StreamMeta;
use crate::name::check_name;
use crate::plan::{StreamWrite, Written};
use crate::store::{Answer, Inner, NewRecords, Store, Tagged, WriteOptions, lock_key, went_away};

/// The metadata under which a record keeps the key that chose its partition.
pub const PARTITION_KEY: &str = "partition-key";
/// Tries against others that delete and create the same stream.
const TRIES: u32 = 8;

/// Records for one partition of a stream.
#[derive(Debug, Clone)]
pub struct StreamAppend {
    /// The stream; made with one partition where there is none.
    pub stream: String,
    /// The records, encoded.
    pub records: RecordFrame,
    /// The partition. Not together with a key.
    pub partition: Option<u32>,
    /// The key that chooses the partition. Every record carries it in its metadata, under
    /// [`PARTITION_KEY`]; without a key none does.
    pub partition_key: Option<String>,
}

impl StreamAppend {
    /// Records for the stream's first partition.
    pub fn new(stream: impl Into<String>, records: RecordFrame) -> Self {
        Self { stream: stream.into(), records, partition: None, partition_key: None }
    }
}

/// What an append to a stream made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamAppended {
    /// The id of the first record.
    pub first_id: EntryId,
    /// The id of the last record.
    pub last_id: EntryId,
    /// The partition that they are in.
    pub partition: u32,
}

impl StreamAppended {
    /// How many records there are.
    pub const fn count(&self) -> u64 {
        self.last_id.n - self.first_id.n + 1
    }
}

impl Store {
    /// Appends records to one partition of a stream, all of them or none, and applies the stream's
    /// retention.
    ///
    /// # Errors
    /// Like [`Store::append`]; `INVALID_ARGUMENT` also for a partition that the stream does not have, and
    /// for records whose [`PARTITION_KEY`] is not the one given.
    pub async fn append_to_stream(
        &self,
        append: StreamAppend,
        options: WriteOptions,
    ) -> Result<StreamAppended> {
        self.inner.check_open()?;
        append.check()?;
        let _tagged = Tagged::begin(&self.inner, options.tag);
        let name = Rc::<str>::from(&*append.stream);
        // The lock is asked for before anything is looked up: so appends to a stream are queued in the order of the
        // calls.
        let lock = lock_key(&self.inner, space::key(&name));
        let mut cached = self.inner.cached_meta(&name)?;
        let (mut lock, mut looked_up) = match cached {
            Some(_) => (Some(lock.boxed_local().await), None),
            None => {
                let (lock, head) = join(lock, self.inner.stream_head(&name)).boxed_local().await;
                (Some(lock), Some(head?.1))
            }
        };
        for _ in 0..TRIES {
            let meta = match cached.or_else(|| looked_up.take()) {
                Some(meta) => meta,
                None => self.inner.stream_head(&name).boxed_local().await?.1,
            };
            let partition = match choose(&append, &meta) {
                Ok(partition) => partition,
                // What the cache knows may be of a stream that was deleted since.
                Err(_) if cached.take().is_some() => continue,
                Err(error) => return Err(error),
            };
            let (records, stream) = append.write(partition, &meta);
            let mut writing = self.write_one(records, Some(stream), options.clone()).boxed_local();
            let written = poll_fn(|context| {
                let written = writing.as_mut().poll(context);
                lock = None;
                written
            });
            match written.await {
                Ok(Written { first_id, last_id, .. }) => {
                    self.inner.retain_after_append(&name).await;
                    return Ok(StreamAppended { first_id, last_id, partition });
                }
                Err(error) if error.code() == ErrorCode::Conflict => {
                    let now = self.inner.stream_head(&name).boxed_local().await?.1;
                    if (now.partitions, now.epoch) == (meta.partitions, meta.epoch) {
                        return Err(error);
                    }
                    cached = Some(now);
                }
                Err(error) => return Err(error),
            }
        }
        Err(not_found(&name).retryable(true))
    }

    /// Like [`Store::append_to_stream`], but calls `then` with what the future would give: see
    /// [`Store::append_then`].
    pub fn append_to_stream_then(
        &self,
        append: StreamAppend,
        options: WriteOptions,
        then: impl FnOnce(Result<StreamAppended>) + 'static,
    ) {
        let (partition, meta) = match self.known_partition(&append) {
            Ok(Some(known)) => known,
            Ok(None) => {
                let (store, answer) = (self.clone(), Answer::new(then));
                self.inner.start(async move {
                    answer.give(store.append_to_stream(append, options).await);
                });
                return;
            }
            Err(error) => return then(Err(error)),
        };
        let tagged = Tagged::begin(&self.inner, options.tag);
        let (records, stream) = append.write(partition, &meta);
        // The callback lies in the store's own queue: with a strong reference the store would keep itself alive.
        let inner = Rc::downgrade(&self.inner);
        self.write_one_then(records, Some(stream), options.clone(), move |written| {
            let Some(inner) = inner.upgrade() else {
                return then(Err(went_away()));
            };
            match written {
                Ok(Written { first_id, last_id, .. }) => {
                    let appended = StreamAppended { first_id, last_id, partition };
                    if !inner.may_exceed(&append.stream) {
                        return then(Ok(appended));
                    }
                    // What more there is to do is done later: this is called from within the store.
                    let answer = Answer::new(then).knowing(Ok(appended));
                    Rc::clone(&inner).spawn(async move {
                        let _answer = answer;
                        inner.retain_after_append(&Rc::from(append.stream)).await;
                    });
                }
                Err(error) if error.code() == ErrorCode::Conflict => {
                    let answer = Answer::new(then);
                    Rc::clone(&inner).spawn(async move {
                        let _tagged = tagged;
                        let store = Self { inner, tag: 0 };
                        answer.give(store.append_again(append, options, &meta, error).await);
                    });
                }
                Err(error) => then(Err(error)),
            }
        });
    }

    /// Where an append goes by what the cache knows of its stream, if it does.
    fn known_partition(&self, append: &StreamAppend) -> Result<Option<(u32, StreamMeta)>> {
        self.inner.check_open()?;
        append.check()?;
        // Somebody is looking the stream up, and was called before this: it is not overtaken.
        if self.inner.locks.borrow().is_locked(|| space::key(&append.stream)) {
            return Ok(None);
        }
        let cached = self.inner.cached_meta(&append.stream)?;
        // Where the cache would have it refused, the stream is looked up: it may be another one by now.
        Ok(cached.and_then(|meta| Some((choose(append, &meta).ok()?, meta))))
    }

    /// Once more after a conflict, where the stream is another one than that of `meta` by now.
    async fn append_again(
        &self,
        append: StreamAppend,
        options: WriteOptions,
        meta: &StreamMeta,
        conflict: Error,
    ) -> Result<StreamAppended> {
        let now = self.inner.stream_head(&append.stream).boxed_local().await?.1;
        if (now.partitions, now.epoch) == (meta.partitions, meta.epoch) {
            return Err(conflict);
        }
        self.append_to_stream(append, options).await
    }
}

impl StreamAppend {
    fn check(&self) -> Result {
        check_name("name", &self.stream)?;
        if self.partition.is_some() && self.partition_key.is_some() {
            return Err(Error::invalid("partition: not together with partitionKey"));
        }
        if self.partition_key.as_ref().is_some_and(String::is_empty) {
            return Err(Error::invalid("partitionKey: must not be empty"));
        }
        check_keys(&self.records, self.partition_key.as_deref())
    }

    /// What is to be written to a partition of the stream that `meta` is of.
    fn write(&self, partition: u32, meta: &StreamMeta) -> (NewRecords, StreamWrite) {
        let records = NewRecords {
            space: self.stream.clone(),
            segment: partition.to_string(),
            records: self.records.clone(),
            expected: None,
        };
        (records, StreamWrite { partitions: meta.partitions, epoch: meta.epoch })
    }
}

impl Inner {
    /// What the cache knows of a space as a stream; the commit checks it.
    fn cached_meta(&self, name: &str) -> Result<Option<StreamMeta>> {
        let cache = self.cache.borrow();
        cache.space(name).map(|known| StreamMeta::of(name, &known.head)).transpose()
    }
}

fn choose(append: &StreamAppend, meta: &StreamMeta) -> Result<u32> {
    let partitions = meta.partitions.max(1);
    match (&append.partition_key, append.partition) {
        (Some(key), _) => Ok(partition_of_key(key, partitions)),
        (None, Some(partition)) => check_partition(partition, partitions),
        (None, None) => Ok(0),
    }
}

pub(super) fn check_partition(partition: u32, partitions: u32) -> Result<u32> {
    if partition < partitions {
        return Ok(partition);
    }
    Err(Error::invalid(format!("partition: must be from 0 to {}, the stream's last", partitions - 1)))
}

/// Every record carries the key that was given, and none where there is none.
fn check_keys(records: &RecordFrame, key: Option<&str>) -> Result {
    for (record, index) in records.views().zip(0_u64..) {
        let own = record.metadata().find(|(name, _)| *name == PARTITION_KEY).map(|(_, value)| value);
        if own != key {
            return Err(Error::invalid(format!(
                "records[{index}].metadata: \"{PARTITION_KEY}\" is set by partitionKey alone"
            )));
        }
    }
    Ok(())
}
