//! Dead letters: records that had their last delivery go to a stream of their own, and come back from
//! there.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use futures_util::FutureExt;

use super::Group;
use super::commit::{Committed, Tries};
use super::entries::in_order;
use super::options::{check_number, usual_dead_letters};
use super::plan::{Draft, Taken};
use crate::codec::{EntryView, RecordFrame, encode_entry_body, encode_record_frame};
use crate::error::{Detail, Error, ErrorCode, Result};
use crate::id::{EntryId, MAX_INTEGER};
use crate::plan::{Attached, StreamWrite, TrimTo};
use crate::store::{NewRecords, Page, PageRun, SeenSpace, SpaceRead, WriteOptions};
use crate::streams::{PARTITION_KEY, partition_of_key};

/// Most letters of one commit.
pub(super) const MOST_DEAD: usize = 64;
/// Most letters that one commit of a replay puts back.
const MOST_REPLAYED: u64 = 256;
/// What a letter says of where it is from, under these keys of its metadata.
const ORIGIN: [&str; 5] = ["origin-stream", "origin-group", "origin-segment", "origin-id", "origin-attempts"];
/// Whose letter it is, the first of them say: without these there are none.
const OWNER: usize = 2;
/// A letter's own metadata of such a name stands under the name with this before it.
const OWN: &str = "origin-";

/// A record on its way to the dead-letter stream.
pub(super) struct Letter {
    pub(super) taken: Taken,
    /// `None`: it is trimmed.
    body: Option<Vec<u8>>,
}

impl Group {
    /// The letters of records that are dead, as many as fit one commit; at least one. Those of the lowest
    /// ids, in their order.
    pub(super) async fn letters(&self, draft: &Draft, dead: &[Taken]) -> Result<Vec<Letter>> {
        let sizes = &self.inner().sizes;
        let room = (sizes.commit_bytes / 2).min(sizes.shared_bytes / 2);
        let ids = in_order(dead.iter().map(|one| one.id));
        let mut found = self.read_ids(&draft.stream, &ids, room).boxed_local().await?;
        let mut letters = Vec::new();
        let mut bytes = 0;
        for taken in ids.iter().filter_map(|id| dead.iter().find(|one| one.id == *id)) {
            let body = match found.take(taken.id) {
                Some(one) => Some(self.letter(taken, &one)?),
                None if found.stopped_before(taken.id) => break,
                None => None,
            };
            // What it says of its origin takes room too.
            bytes += body.as_ref().map_or(0, Vec::len);
            if !letters.is_empty() && bytes > sizes.commit_bytes / 2 {
                break;
            }
            letters.push(Letter { taken: *taken, body });
        }
        Ok(letters)
    }

    fn letter(&self, taken: &Taken, one: &PageRun) -> Result<Vec<u8>> {
        let entry = one.entries().next().ok_or_else(|| Error::corrupt("entry: it is not there"))?;
        let mut metadata: BTreeMap<String, String> = BTreeMap::new();
        for (key, value) in entry.content.metadata() {
            let key = if is_origin(key) { format!("{OWN}{key}") } else { String::from(key) };
            metadata.insert(key, value.into());
        }
        let origin = [
            String::from(&*self.stream),
            String::from(&*self.name),
            String::from(&*one.segment),
            taken.id.to_string(),
            taken.record.attempts.to_string(),
        ];
        metadata.extend(ORIGIN.iter().map(|key| String::from(*key)).zip(origin));
        // Near the largest record, what fits of its origin: the record itself comes first.
        for dropped in ORIGIN.iter().skip(OWNER).rev().map(Some).chain([None]) {
            let body = encode_entry_body(entry.content.payload(), &metadata)?;
            if body.len() <= self.inner().sizes.record_bytes {
                return Ok(body);
            }
            if let Some(key) = dropped {
                metadata.remove(*key);
            }
        }
        let own = entry.content.metadata().map(|(key, value)| (key.into(), value.into())).collect();
        encode_entry_body(entry.content.payload(), &own)
    }

    /// Commits a draft of which these records were taken off, and puts them into the dead-letter stream in
    /// the same commit.
    pub(super) async fn bury(
        &self,
        mut draft: Draft,
        letters: Vec<Letter>,
        tries: &mut Tries,
    ) -> Result<Committed> {
        let bodies: Vec<&Vec<u8>> = letters.iter().filter_map(|letter| letter.body.as_ref()).collect();
        draft.head.trimmed_pending += (letters.len() - bodies.len()) as u64;
        let stream = draft.head.dead_letters.clone();
        let frame = if bodies.is_empty() {
            None
        } else {
            Some(RecordFrame::parse(encode_record_frame(&bodies, None)?)?)
        };
        let Some(plan) = draft.finish(self.inner().nonce()) else {
            return Ok(Committed::Done);
        };
        let Some(records) = frame else {
            let committed = self.try_commit(plan, self.durability(), tries).boxed_local().await?;
            if committed == Committed::Done {
                self.wake();
            }
            return Ok(committed);
        };
        if plan.stream_check.is_some() {
            // With a write, nothing but the group's head is checked for the group.
            return Ok(Committed::Lost);
        }
        let meta = self.inner().stream_head(&stream).await?.1;
        let write = StreamWrite { partitions: meta.partitions, epoch: meta.epoch };
        let name: Rc<str> = Rc::from(&*stream);
        let records = NewRecords { space: stream, segment: "0".into(), records, expected: None };
        let attached = Attached { rows: Some(Box::new(self.attach(plan))), trim: None };
        let written = self
            .store
            .write_attached(Vec::from([records]), Some(write), self.write_options(), attached)
            .await;
        match written {
            Ok(_) => {
                tries.won();
                // The write wakes who waits for the letters. What else was given back is due, and keys are free.
                self.wake();
                self.inner().retain_after_append(&name).await;
                Ok(Committed::Done)
            }
            Err(error) if error.code() == ErrorCode::Conflict => {
                self.lost(tries).boxed_local().await?;
                Ok(Committed::Lost)
            }
            Err(error) => Err(error),
        }
    }

    fn write_options(&self) -> WriteOptions {
        WriteOptions { tag: self.tag, ..WriteOptions::default() }
    }

    /// Puts dead letters of this group back to the end of the stream, oldest first, each as it was and
    /// into the partition of its key, or that it came from, and takes them off the dead-letter stream in the same
    /// commit. At most `limit`, where given; else all that are there at the call. How many it put back.
    ///
    /// In a dead-letter stream that several groups share, it stops before the first letter of another; where
    /// the stream is not the usual one of this group, also before one that does not say where it is from.
    ///
    /// # Errors
    /// `NOT_FOUND` when there is no such group; otherwise those of [`Store::append`](crate::Store::append):
    /// what was put back until then stays put back.
    pub async fn replay(&self, limit: Option<u64>) -> Result<u64> {
        let _run = self.check()?;
        check_number("limit", limit.unwrap_or(1), 1, MAX_INTEGER)?;
        let _lock = self.lock().boxed_local().await;
        let mut tries = Tries::default();
        let replayed = self.replay_all(limit, &mut tries).boxed_local().await;
        replayed.map_err(|error| tries.failed_with(error))
    }

    async fn replay_all(&self, limit: Option<u64>, tries: &mut Tries) -> Result<u64> {
        let (draft, _) = self.load_existing().boxed_local().await?;
        let letters: Rc<str> = Rc::from(&*draft.head.dead_letters);
        let upto = self.inner().fresh_head(&letters).await?.last_id;
        let mut replayed = 0;
        loop {
            self.inner().check_open()?;
            let room = limit.map_or(u64::MAX, |limit| limit - replayed).min(MOST_REPLAYED);
            if room == 0 {
                return Ok(replayed);
            }
            match self.replay_some(&letters, upto, room, tries).boxed_local().await? {
                Some(0) => return Ok(replayed),
                Some(count) => replayed += count,
                None => {}
            }
        }
    }

    /// One commit of a replay; `None`: somebody else was faster.
    async fn replay_some(
        &self,
        letters: &Rc<str>,
        upto: EntryId,
        most: u64,
        tries: &mut Tries,
    ) -> Result<Option<u64>> {
        let inner = self.inner();
        let head = inner.fresh_head(letters).await?;
        let trimmed = head.trimmed;
        let read = SpaceRead {
            space: (**letters).into(),
            after: trimmed,
            min_timestamp: None,
            max_timestamp: None,
            max_entries: most,
            max_bytes: (inner.sizes.commit_bytes / 4).max(1),
        };
        let page = inner.read_space(read, Some(&mut SeenSpace::new(&head))).await?;
        let meta = inner.stream_head(&self.stream).await?.1;
        let mut trim =
            TrimTo { space: Rc::clone(letters), from: trimmed, upto: trimmed, records: 0, bytes: 0 };
        let writes = self.returning(&page, upto, meta.partitions, &mut trim)?;
        let count = trim.records;
        if count == 0 {
            return Ok(Some(0));
        }
        let mut records = Vec::with_capacity(writes.len());
        for (segment, bodies) in writes {
            let frame = RecordFrame::parse(encode_record_frame(&bodies, None)?)?;
            records.push(NewRecords {
                space: (*self.stream).into(),
                segment,
                records: frame,
                expected: None,
            });
        }
        let write = StreamWrite { partitions: meta.partitions, epoch: meta.epoch };
        let attached = Attached { rows: None, trim: Some(Box::new(trim)) };
        match self.store.write_attached(records, Some(write), self.write_options(), attached).await {
            Ok(_) => {
                tries.won();
                inner.collect_later(letters);
                inner.retain_after_append(&self.stream).await;
                Ok(Some(count))
            }
            Err(error) if error.code() == ErrorCode::Conflict => {
                self.lost(tries).boxed_local().await?;
                Ok(None)
            }
            Err(error) => Err(error.with("replayed", Detail::Flag(false))),
        }
    }

    /// The first letters of a page that go back, partition by partition: up to one that is not this group's or comes
    /// after `upto`, and no more than one commit takes. `trim` is moved past them.
    fn returning(
        &self,
        page: &Page,
        upto: EntryId,
        partitions: u32,
        trim: &mut TrimTo,
    ) -> Result<Vec<(String, Vec<Vec<u8>>)>> {
        let mut writes: Vec<(String, Vec<Vec<u8>>)> = Vec::new();
        let mut taken = 0;
        // What does not say where it is from may be of any group that shares the stream.
        let is_ours = *trim.space == *usual_dead_letters(&self.stream, &self.name);
        for one in page.runs() {
            for entry in one.entries() {
                let (origin, metadata) = split_origin(&entry.content);
                let owner = origin.get(..OWNER).unwrap_or_default();
                let mine = owner == [Some(&*self.stream), Some(&*self.name)]
                    || is_ours && owner.iter().all(Option::is_none);
                if !mine || entry.id > upto {
                    return Ok(writes);
                }
                let key = metadata.get(PARTITION_KEY).map(String::as_str);
                let segment = partition(key, origin.get(OWNER).copied().flatten(), partitions);
                let body = encode_entry_body(entry.content.payload(), &metadata)?;
                taken += body.len();
                if trim.records > 0 && taken > self.inner().sizes.commit_bytes / 2 {
                    return Ok(writes);
                }
                let before = writes.iter().position(|(name, _)| *name == segment);
                match before.and_then(|at| Some((at + 1 == writes.len(), writes.get_mut(at)?))) {
                    Some((true, (_, bodies))) => bodies.push(body),
                    // Order is kept: a partition that was left is not gone back to.
                    Some((false, _)) => return Ok(writes),
                    None => writes.push((segment, Vec::from([body]))),
                }
                trim.upto = entry.id;
                trim.records += 1;
                trim.bytes += logical(&entry.content);
            }
        }
        Ok(writes)
    }
}

/// Whether a key of metadata is one that letters use, or one that was moved out of their way.
fn is_origin(key: &str) -> bool {
    let mut key = key;
    loop {
        if ORIGIN.contains(&key) {
            return true;
        }
        match key.strip_prefix(OWN) {
            Some(rest) => key = rest,
            None => return false,
        }
    }
}

/// What a letter says of its origin, and the record's own metadata.
fn split_origin<'e>(entry: &EntryView<'e>) -> ([Option<&'e str>; 5], BTreeMap<String, String>) {
    let mut origin = [None; ORIGIN.len()];
    let mut own = BTreeMap::new();
    let pairs: Vec<(&str, &str)> = entry.metadata().collect();
    let is_letter = ORIGIN.iter().take(OWNER).all(|key| pairs.iter().any(|(name, _)| name == key));
    for (key, value) in pairs {
        let place = ORIGIN.iter().position(|name| *name == key).filter(|_| is_letter);
        if let Some(place) = place.and_then(|place| origin.get_mut(place)) {
            *place = Some(value);
            continue;
        }
        let name = if is_letter && is_origin(key) { key.strip_prefix(OWN).unwrap_or(key) } else { key };
        own.insert(name.into(), value.into());
    }
    (origin, own)
}

/// The partition that a letter goes back to: that of its key, where it has one, for a key is in one partition
/// whatever became of the stream meanwhile; else where it came from, if the stream has it.
fn partition(key: Option<&str>, segment: Option<&str>, partitions: u32) -> String {
    if let Some(key) = key {
        return partition_of_key(key, partitions).to_string();
    }
    segment
        .and_then(|name| name.parse::<u32>().ok())
        .filter(|partition| *partition < partitions.max(1))
        .unwrap_or(0)
        .to_string()
}

fn logical(entry: &EntryView<'_>) -> u64 {
    let pairs: usize = entry.metadata().map(|(key, value)| key.len() + value.len()).sum();
    (entry.payload().len() + pairs) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_letters_own_metadata_comes_back(pairs in prop::collection::btree_map("(origin-)?(origin-)?(stream|id|group|x)", "[a-z]{0,3}", 0..6)) {
            let mut metadata: BTreeMap<String, String> = pairs
                .iter()
                .map(|(key, value)| (if is_origin(key) { format!("{OWN}{key}") } else { key.clone() }, value.clone()))
                .collect();
            metadata.extend(ORIGIN.iter().map(|key| (String::from(*key), String::from("0"))));
            let body = encode_entry_body(b"x", &metadata).expect("encodes");
            let (origin, own) = split_origin(&EntryView::parse(&body).expect("parses"));
            prop_assert_eq!(own, pairs);
            prop_assert!(origin.iter().all(|value| *value == Some("0")));
        }
    }

    #[test]
    fn letters_go_back_to_partitions_that_exist() {
        assert_eq!(partition(None, Some("3"), 4), "3");
        assert_eq!(partition(None, Some("3"), 3), "0");
        assert_eq!(partition(None, Some("x"), 3), "0");
        assert_eq!(partition(None, None, 0), "0");
    }

    #[test]
    fn letters_with_a_key_go_back_to_the_partition_of_the_key() {
        assert_eq!(partition(Some("order-12345"), Some("3"), 4), "3");
        // Of a stream that was made again with other partitions, and of a letter without its origin.
        assert_eq!(partition(Some("order-12345"), Some("3"), 2), "1");
        assert_eq!(partition(Some("carol"), None, 4), "2");
        assert_eq!(partition(Some("carol"), None, 0), "0");
    }
}
