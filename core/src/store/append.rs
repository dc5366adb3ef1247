//! Appending: what callers hand in, checked before it queues.

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use futures_channel::oneshot;
use uuid::Uuid;

use super::answer::{Answer, went_away};
use super::queue::{Job, Outcome, Reply};
use super::running::Tagged;
use super::{Inner, Store};
use crate::codec::{ENTRY_LENGTHS, RecordFrame};
use crate::error::{Error, ErrorCode, Result};
use crate::id::{EntryId, MAX_INTEGER};
use crate::kv::{Atomicity, Durability};
use crate::name::check_name;
use crate::plan::{
    Attached, COMMIT_RECORDS, GUARDED_WRITES, LeaseHold, StreamWrite, Write, WriteRequest, Written,
};
use crate::sorted::SortedMap;
use crate::status::SegmentStatus;

/// Records for one segment.
#[derive(Debug, Clone)]
pub struct NewRecords {
    /// The space; created by its first entry.
    pub space: String,
    /// The segment; created by its first entry.
    pub segment: String,
    /// The records, encoded.
    pub records: RecordFrame,
    /// The segment's last sequence as the caller knows it; 0: empty. Not together with sequences in
    /// the records, which frames of [`RecordFrame::parse`] may have.
    pub expected: Option<u64>,
}

impl NewRecords {
    /// Records for a segment, whatever its last sequence is.
    pub fn new(space: impl Into<String>, segment: impl Into<String>, records: RecordFrame) -> Self {
        Self { space: space.into(), segment: segment.into(), records, expected: None }
    }

    /// The same, if the segment's last sequence is this one; 0: if it is empty.
    #[must_use]
    pub fn expecting(self, last_sequence: u64) -> Self {
        Self { expected: Some(last_sequence), ..self }
    }
}

/// Proof of holding a lease, as [`Store::acquire_lease`] gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseProof {
    /// The lease's key.
    pub key: String,
    /// Who holds it.
    pub holder: String,
    /// The fencing token of this acquisition.
    pub token: u64,
}

/// How to write.
#[derive(Debug, Clone, Default)]
pub struct WriteOptions {
    /// The caller's TRX id, which makes a retry safe until the entries are trimmed.
    pub trx_id: Option<Uuid>,
    /// The number that the TRX must get: the segment's last and one.
    pub trx_number: Option<u64>,
    /// Commit only while this lease is held.
    pub lease: Option<LeaseProof>,
    /// What the write must survive; `None`: as the store was opened.
    pub durability: Option<Durability>,
    /// What [`Store::cancel`] knows this write by; 0: nothing. No other call under way has the same.
    pub tag: u64,
}

/// What a write made, and where its segment stands now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Appended {
    /// The segment after the write.
    pub status: SegmentStatus,
    /// The id of the first record written.
    pub first_id: EntryId,
    /// The id of the last record written.
    pub last_id: EntryId,
}

impl Appended {
    /// The same as what [`Store::append_then`] gives, with the names that it was called with.
    pub fn of(space: &str, segment: &str, written: &Written) -> Self {
        let Written { first_id, last_id, .. } = *written;
        Self { status: written.status(space, segment), first_id, last_id }
    }
}

/// Removes a request whose caller went away before it was handed to the host.
struct Withdraw<'i> {
    inner: &'i Inner,
    order: u64,
}

impl Drop for Withdraw<'_> {
    fn drop(&mut self) {
        let withdrawn = self.inner.queue.borrow_mut().withdraw(self.order);
        drop(withdrawn);
    }
}

impl Store {
    /// Appends records to one segment, all of them or none.
    ///
    /// Dropping the future before the commit is handed to the host stores nothing.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`, `LIMIT_EXCEEDED` before anything is written; `SEQUENCE_MISMATCH`,
    /// `TRX_*`, `LEASE_LOST`, `CONFLICT` when the store's state refuses it; `UNAVAILABLE`,
    /// `QUOTA_EXCEEDED` when the host fails.
    pub async fn append(&self, records: NewRecords, options: WriteOptions) -> Result<Appended> {
        let (space, segment) = (records.space.clone(), records.segment.clone());
        let written = self.write_one(records, None, options).await?;
        Ok(Appended::of(&space, &segment, &written))
    }

    /// Like [`Store::append`], but calls `then` with what the future would give: for callers that have a
    /// way of their own to wait, and many appends in flight.
    ///
    /// `then` is called once: with `UNAVAILABLE`, and `applied: "unknown"`, where the store goes away before;
    /// with what is refused at once, before this returns. It is called from within the store, and must not call it.
    pub fn append_then(
        &self,
        records: NewRecords,
        options: WriteOptions,
        then: impl FnOnce(Result<Written>) + 'static,
    ) {
        self.write_one_then(records, None, options, then);
    }

    /// Like [`Store::append`]; with a stream, where the segment is a partition of it.
    ///
    /// # Errors
    /// `CONFLICT` as well, where the stream is another one by now.
    pub(crate) async fn write_one(
        &self,
        records: NewRecords,
        stream: Option<StreamWrite>,
        options: WriteOptions,
    ) -> Result<Written> {
        let tag = options.tag;
        let request = self.inner.single_request(records, stream, options)?;
        let _tagged = Tagged::begin(&self.inner, tag);
        only(self.inner.submit(Job::Write(request), tag).await)
    }

    /// Like `write_one`, but calls `then` with what the future would give: see [`Store::append_then`].
    pub(crate) fn write_one_then(
        &self,
        records: NewRecords,
        stream: Option<StreamWrite>,
        options: WriteOptions,
        then: impl FnOnce(Result<Written>) + 'static,
    ) {
        let tag = options.tag;
        let request = match self.inner.single_request(records, stream, options) {
            Ok(request) => request,
            Err(error) => return then(Err(error)),
        };
        let tagged = Tagged::begin(&self.inner, tag);
        let answer = Answer::new(move |outcome| {
            drop(tagged);
            then(only(outcome));
        });
        self.inner.enqueue(Job::Write(request), tag, Reply::Told(answer));
    }

    /// Appends to several segments of any number of spaces, all of it or none, with one TRX id. A
    /// segment named twice gets the records of both, in order. One reply a write, in the order given.
    ///
    /// # Errors
    /// Like [`Store::append`]; `UNSUPPORTED` over several spaces where the host commits single rows.
    pub async fn transact(&self, writes: Vec<NewRecords>, options: WriteOptions) -> Result<Vec<Appended>> {
        let _tagged = Tagged::begin(&self.inner, options.tag);
        self.write_attached(writes, None, options, Attached::default()).await
    }

    /// The same store, for one call that [`Store::cancel`] knows by this tag: creating, altering, deleting or
    /// trimming a stream, or acquiring a lease. Taken back before its commit is handed to the host it stores nothing.
    #[must_use]
    pub fn tagged(&self, tag: u64) -> Self {
        Self { inner: Rc::clone(&self.inner), tag }
    }

    /// Takes back a write or a wait known by this tag. Without effect once it was handed to the
    /// host; says whether there is such a call.
    pub fn cancel(&self, tag: u64) -> bool {
        tag != 0
            && (self.inner.cancel_queued(tag)
                || self.inner.cancel_wait(tag)
                || self.inner.cancel_running(tag))
    }

    /// Writes, and changes what is attached in the same commit.
    pub(crate) async fn write_attached(
        &self,
        writes: Vec<NewRecords>,
        stream: Option<StreamWrite>,
        options: WriteOptions,
        attached: Attached,
    ) -> Result<Vec<Appended>> {
        let inner = &self.inner;
        let tag = options.tag;
        inner.check_open()?;
        let (mut writes, positions) = inner.check_writes(writes)?;
        for write in &mut writes {
            write.stream = stream;
        }
        let mut request = inner.request(writes, options)?;
        request.attached = attached;
        let named: Vec<(Rc<str>, Rc<str>)> =
            request.writes.iter().map(|write| (Rc::clone(&write.space), Rc::clone(&write.segment))).collect();
        let written = inner.submit(Job::Write(request), tag).await?.written();
        let reply = |position: &usize| {
            let (space, segment) = named.get(*position)?;
            Some(Appended::of(space, segment, written.get(*position)?))
        };
        positions.iter().map(|position| reply(position).ok_or_else(no_reply)).collect()
    }
}

/// What the one write of a request made.
fn only(outcome: Result<Outcome>) -> Result<Written> {
    outcome?.written().into_iter().next().ok_or_else(no_reply)
}

fn no_reply() -> Error {
    Error::unknown("append: no reply")
}

impl Inner {
    /// Queues a job and waits for its outcome.
    pub(crate) async fn submit(self: &Rc<Self>, job: Job, tag: u64) -> Result<Outcome> {
        let (sender, reply) = oneshot::channel();
        let order = self.enqueue(job, tag, Reply::Waits(sender));
        let _withdraw = Withdraw { inner: self, order };
        reply.await.unwrap_or_else(|_| Err(went_away()))
    }

    /// Answers a request that waits, known by its tag, with `ABORTED`.
    fn cancel_queued(&self, tag: u64) -> bool {
        let order = self.queue.borrow().tagged(tag);
        // The answer may run code of the caller, which uses the queue.
        let withdrawn = order.and_then(|order| self.queue.borrow_mut().withdraw(order));
        let found = withdrawn.is_some();
        if let Some(ticket) = withdrawn {
            ticket.settle(Err(Error::new(ErrorCode::Aborted, "the request was taken back")));
        }
        found
    }

    /// Queues a job, and gives its place.
    fn enqueue(self: &Rc<Self>, job: Job, tag: u64, reply: Reply) -> u64 {
        let order = self.queue.borrow_mut().push(job, tag, reply);
        self.kick();
        order
    }

    /// The request of one write.
    fn single_request(
        &self,
        records: NewRecords,
        stream: Option<StreamWrite>,
        options: WriteOptions,
    ) -> Result<WriteRequest> {
        self.check_open()?;
        let write = Write { stream, ..self.check_records(records)? };
        self.check_size(write.entries.len())?;
        self.request(Vec::from([write]), options)
    }

    /// Checks what was handed in, and joins writes to the same segment. Gives for every write given
    /// the position of the one that it is part of.
    fn check_writes(&self, given: Vec<NewRecords>) -> Result<(Vec<Write>, Vec<usize>)> {
        if given.is_empty() {
            return Err(Error::invalid("writes: at least one is needed"));
        }
        let mut writes: Vec<Write> = Vec::with_capacity(given.len());
        let mut joined: Vec<Vec<u8>> = Vec::with_capacity(given.len());
        let mut positions = Vec::with_capacity(given.len());
        let mut known: SortedMap<(Rc<str>, Rc<str>), usize> = SortedMap::new();
        for one in given {
            let write = self.check_records(one)?;
            let name = (Rc::clone(&write.space), Rc::clone(&write.segment));
            let position = known.get(&name).copied().unwrap_or(writes.len());
            match (writes.get_mut(position), joined.get_mut(position)) {
                (Some(before), Some(joined)) => {
                    join(before, joined, write)?;
                    self.check_size(joined.len())?;
                }
                _ => {
                    self.check_size(write.entries.len())?;
                    known.insert(name, position);
                    writes.push(write);
                    joined.push(Vec::new());
                }
            }
            positions.push(position);
        }
        for (write, entries) in writes.iter_mut().zip(joined) {
            if !entries.is_empty() {
                write.entries = entries.into();
            }
        }
        Ok((writes, positions))
    }

    /// What one segment gets must fit one commit.
    fn check_size(&self, bytes: usize) -> Result {
        let most = self.sizes.commit_bytes;
        if bytes > most {
            return Err(Error::limit("bytes of one commit", most as u64, bytes as u64));
        }
        Ok(())
    }

    /// The host's time. Requests that are queued before the next round starts share one look at the clock: where a
    /// thousand are in flight, that many calls of the host's clock are felt.
    fn moment(&self) -> u64 {
        let queue = self.queue.borrow();
        let (scheduled, known) = (queue.scheduled, queue.moment);
        drop(queue);
        known.unwrap_or_else(|| {
            let now = self.env.clock.now();
            if scheduled {
                self.queue.borrow_mut().moment = Some(now);
            }
            now
        })
    }

    fn check_records(&self, given: NewRecords) -> Result<Write> {
        check_name("space", &given.space)?;
        check_name("segment", &given.segment)?;
        if given.expected.is_some_and(|expected| expected > MAX_INTEGER) {
            return Err(Error::invalid("expectedSequence: must be at most 2^53 - 1"));
        }
        let frame = given.records;
        self.sizes.check_key(given.space.len(), given.segment.len())?;
        if frame.count() == 0 {
            return Err(Error::invalid("records: at least one is needed"));
        }
        check_count(frame.count())?;
        if frame.largest() > self.sizes.record_bytes {
            return Err(Error::limit(
                "record bytes",
                (self.sizes.record_bytes - ENTRY_LENGTHS) as u64,
                (frame.largest() - ENTRY_LENGTHS) as u64,
            ));
        }
        if given.expected.is_some() && frame.sequences().is_some() {
            return Err(Error::invalid("expectedSequence: not together with a sequence in the records"));
        }
        let (entries, count, logical, sequences) = frame.into_parts();
        Ok(Write {
            space: Rc::from(given.space),
            segment: Rc::from(given.segment),
            entries,
            count,
            logical,
            expected: given.expected,
            sequences,
            stream: None,
        })
    }

    fn request(&self, writes: Vec<Write>, options: WriteOptions) -> Result<WriteRequest> {
        if options.trx_id.is_some_and(|id| id.is_nil()) {
            return Err(Error::invalid("trx.id: must not be the nil UUID"));
        }
        if options.trx_number.is_some_and(|number| number == 0 || number > MAX_INTEGER) {
            return Err(Error::invalid("trx.number: must be from 1 to 2^53 - 1"));
        }
        if options.trx_number.is_some() && options.trx_id.is_none() {
            return Err(Error::invalid("trx.id: is needed where trx.number is given"));
        }
        if !GUARDED_WRITES && options.lease.is_some() {
            return Err(Error::new(ErrorCode::Unsupported, "this build has no leases, streams and groups"));
        }
        if options.lease.is_some() && (self.host.atomic() != Atomicity::Store || !self.host.has_checks()) {
            return Err(Error::new(
                ErrorCode::Unsupported,
                "lease: this host cannot check a lease in the commit that it guards",
            ));
        }
        let mut spaces = writes.iter().map(|write| &write.space);
        let first = spaces.next();
        // Steps that belong together are told from those of others by checks.
        let in_steps = self.host.atomic() == Atomicity::Space && self.host.has_checks();
        let reaches_all = self.host.atomic() == Atomicity::Store || in_steps;
        if !reaches_all && spaces.any(|space| Some(space) != first) {
            return Err(Error::new(
                ErrorCode::Unsupported,
                "writes: this host cannot commit to several spaces at once",
            ));
        }
        Ok(WriteRequest {
            writes,
            trx_supplied: options.trx_id.is_some(),
            trx_id: options.trx_id.unwrap_or_else(|| self.uuid(self.moment())),
            trx_number: options.trx_number,
            lease: options.lease.map(|proof| LeaseHold {
                key: proof.key,
                holder: proof.holder,
                token: proof.token,
            }),
            durability: options.durability.unwrap_or(self.options.durability),
            attached: Attached::default(),
        })
    }
}

/// Makes one write of two to the same segment. The entries of all that became one lie in `joined`, so that each is
/// copied once.
fn join(before: &mut Write, joined: &mut Vec<u8>, after: Write) -> Result {
    if after
        .expected
        .is_some_and(|expected| before.expected.is_none_or(|base| base + before.count != expected))
    {
        return Err(Error::invalid(
            "writes: a segment is named twice, and its expected sequences do not follow each other",
        ));
    }
    check_count(before.count + after.count)?;
    if joined.is_empty() {
        joined.extend_from_slice(before.entries.bytes());
    }
    joined.extend_from_slice(after.entries.bytes());
    if before.sequences.is_some() || after.sequences.is_some() {
        // Of those that say nothing, any will do.
        let any = |count: u64| (0..count).map(|_| 0);
        let all = before.sequences.get_or_insert_with(|| any(before.count).collect());
        match after.sequences {
            Some(sequences) => all.extend(sequences),
            None => all.extend(any(after.count)),
        }
    }
    before.count += after.count;
    before.logical += after.logical;
    Ok(())
}

/// What a run's count and a page can name.
fn check_count(records: u64) -> Result {
    let limit = COMMIT_RECORDS as u64;
    if records > limit { Err(Error::limit("records of one commit", limit, records)) } else { Ok(()) }
}
