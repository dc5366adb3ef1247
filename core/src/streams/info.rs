//! What a stream is, and which there are.

use alloc::string::String;
use alloc::vec::Vec;

use futures_util::future::join_all;

use super::not_found;
use crate::error::{Error, Result};
use crate::id::EntryId;
use crate::layout::Retention;
use crate::layout::space;
use crate::layout::space::SpaceHead;
use crate::layout::stream::StreamMeta;
use crate::name::check_name;
use crate::store::{Inner, Listing, Store};

/// Streams whose first ids are searched for at once, each by itself.
const AT_ONCE: usize = 32;
/// Streams whose segments' heads are read at once.
const HEADS_AT_ONCE: usize = 256;
/// Steps over heads before a listing gives what it has found: each looks at twice as many as the one before.
const MOST_STEPS: usize = 16;
/// Tries at seeing a stream of one moment while others trim it.
const TRIES: u32 = 8;

/// A stream as its head says.
pub(super) type FoundStream = (String, SpaceHead, StreamMeta);

/// A stream as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamInfo {
    /// Its name.
    pub name: String,
    /// Its partitions: the segments "0", "1" and so on.
    pub partitions: u32,
    /// The id of its first record; [`EntryId::ZERO`] when it holds none.
    pub first_id: EntryId,
    /// The id of its last record; [`EntryId::ZERO`] when it holds none.
    pub last_id: EntryId,
    /// Its records.
    pub count: u64,
    /// Bytes of their payloads and metadata.
    pub bytes: u64,
    /// How much it keeps.
    pub retention: Retention,
    /// Milliseconds at which it was created.
    pub created_at: u64,
}

/// One step of a listing: streams in byte order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamList {
    /// The streams.
    pub streams: Vec<StreamInfo>,
    /// Where to go on: the last space looked at, a stream or not; `None` at the end.
    pub rest: Option<String>,
}

impl Store {
    /// A stream as it stands.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for the name; `NOT_FOUND` for a space that is no stream; `CORRUPT` when a row is
    /// damaged; `UNAVAILABLE` when the host fails.
    pub async fn stream(&self, name: &str) -> Result<StreamInfo> {
        self.inner.check_open()?;
        check_name("name", name)?;
        self.inner.stream_info(name).await?.ok_or_else(|| not_found(name))
    }

    /// The last id that was given in a stream, also of records that were trimmed since, and of a stream that
    /// was deleted: what comes later has a higher one. [`EntryId::ZERO`] where there never was any.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for the name; `CORRUPT` when the head is damaged; `UNAVAILABLE` when the host
    /// fails.
    pub async fn stream_tail(&self, name: &str) -> Result<EntryId> {
        self.inner.check_open()?;
        check_name("name", name)?;
        Ok(self.inner.fresh_head(name).await?.last_id)
    }

    /// Streams in byte order of their names. A step may give none though more follow.
    ///
    /// # Errors
    /// `CORRUPT` when a row is damaged; `UNAVAILABLE` when the host fails.
    pub async fn streams(&self, listing: Listing) -> Result<StreamList> {
        self.inner.check_open()?;
        let (found, rest) = self.inner.find_streams(listing).await?;
        let mut list = StreamList { rest, ..StreamList::default() };
        for many in found.chunks(HEADS_AT_ONCE) {
            self.inner.learn_firsts(many).await?;
            for some in many.chunks(AT_ONCE) {
                let infos = some.iter().map(|(name, head, meta)| self.inner.describe(name, head, meta));
                for ((name, ..), described) in some.iter().zip(join_all(infos).await) {
                    match described? {
                        (info, true) => list.streams.push(info),
                        (_, false) => list.streams.extend(self.inner.stream_info(name).await?),
                    }
                }
            }
        }
        Ok(list)
    }
}

impl Inner {
    /// A stream as it stands; `None` for a space that is none.
    pub(super) async fn stream_info(&self, name: &str) -> Result<Option<StreamInfo>> {
        let mut seen = None;
        let mut tries = TRIES;
        loop {
            let (head, meta) = self.stream_head(name).await?;
            if !meta.is_stream() {
                return Ok(None);
            }
            let (info, is_whole) = self.describe(name, &head, &meta).await?;
            tries -= 1;
            // Where the head is still the same, nobody removed what is missing: reading it says so.
            if is_whole || tries == 0 || seen == Some(head.revision) {
                return Ok(Some(info));
            }
            seen = Some(head.revision);
        }
    }

    /// The streams that a listing is about, as many as it wants, and where to go on.
    async fn find_streams(&self, mut listing: Listing) -> Result<(Vec<FoundStream>, Option<String>)> {
        let wanted = listing.limit.max(1);
        let mut found = Vec::new();
        for _ in 0..MOST_STEPS {
            let heads = self.list_heads(&listing).await?;
            let mut rows = heads.rows.into_iter();
            while let Some((key, row)) = rows.next() {
                let name = space::name(&key)
                    .ok_or_else(|| Error::corrupt("space head: its key is malformed").at_key(&key))?;
                let head = SpaceHead::decode(&row).map_err(|error| error.at_key(&key))?;
                let meta = StreamMeta::of(&name, &head)?;
                if !meta.is_stream() {
                    continue;
                }
                found.push((name.clone(), head, meta));
                if found.len() >= wanted {
                    let more = rows.len() > 0 || heads.more.is_some();
                    return Ok((found, more.then_some(name)));
                }
            }
            listing.after = heads.more;
            if listing.after.is_none() {
                break;
            }
            // Behind many spaces that are none a few at a time would take long.
            listing.limit = listing.limit.max(1).saturating_mul(2);
        }
        Ok((found, listing.after))
    }

    /// A space's head as the host has it now, and what it is as a stream.
    pub(crate) async fn stream_head(&self, name: &str) -> Result<(SpaceHead, StreamMeta)> {
        let head = self.fresh_head(name).await?;
        let meta = StreamMeta::of(name, &head)?;
        Ok((head, meta))
    }

    /// A stream as of a head, and whether its first record was still there.
    async fn describe(&self, name: &str, head: &SpaceHead, meta: &StreamMeta) -> Result<(StreamInfo, bool)> {
        let count = head.records - head.trimmed_records;
        let (first_id, is_whole) = self.first_above(name, head.trimmed, head, None).await?;
        let info = StreamInfo {
            name: name.into(),
            partitions: meta.partitions,
            first_id,
            last_id: if count == 0 { EntryId::ZERO } else { head.last_id },
            count,
            bytes: head.bytes.saturating_sub(head.trimmed_bytes),
            retention: meta.retention,
            created_at: meta.created_at,
        };
        Ok((info, is_whole))
    }
}
