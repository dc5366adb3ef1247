//! A store in a file, embedded in a program of many threads:
//!
//!     cargo run --package streamkit-core --example embedded [file]
//!
//! Three parts: a host ([`LogFile`]), what stands for time, chance and tasks ([`Tokio`]), and a handle by which any
//! thread reaches the store, which stays on its own ([`Handle`]).
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a program has a clock and threads; it is the engine that has none"
)]

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::StreamExt;
use futures::channel::{mpsc, oneshot};
use futures::executor::block_on;
use streamkit_core::{
    Batch, Bytes, Check, Clock, Commit, Crc32c, Durability, Entropy, EntryId, Env, Error, ErrorCode,
    GroupRead, HostLimits, Kv, LocalBoxFuture, LocalFutureObj, LocalSpawn, NewRecords, OpenOptions, Put,
    RecordFrame, Result, ScanPage, ScanRange, SpaceRead, SpawnError, Store, StreamAppend, Timer,
    WriteOptions, async_trait,
};

/// A host for data that fits memory: all rows in a map, and every commit at the end of a log, from which the map is
/// made again. The log only grows, and only one program may have it open.
///
/// ```text
/// commit   u32 length of the body, u32 CRC-32C of the body, body
/// body     u32 deletes, deletes x { key } | puts x { key, value }, each as u32 length, bytes
/// ```
struct LogFile {
    rows: RefCell<BTreeMap<Bytes, Bytes>>,
    log: RefCell<File>,
    /// Nobody knows what the log ends with any more: it has to be opened again.
    failed: Cell<bool>,
    limits: HostLimits,
}

impl LogFile {
    fn open(path: &Path) -> io::Result<Self> {
        let mut log = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
        // The name of a new file must survive power loss as well.
        #[cfg(unix)]
        File::open(path.canonicalize()?.parent().unwrap_or(path))?.sync_all()?;
        let mut bytes = Vec::new();
        log.read_to_end(&mut bytes)?;
        let mut rows = BTreeMap::new();
        let mut rest = bytes.as_slice();
        while let Some((batch, after)) = decode(rest) {
            apply(&mut rows, batch);
            rest = after;
        }
        // What a crash left unfinished was never answered, or relaxed: it goes, with everything after it.
        log.set_len((bytes.len() - rest.len()) as u64)?;
        log.seek(SeekFrom::End(0))?;
        let limits = HostLimits { shared: false, ..HostLimits::default() };
        Ok(Self { rows: rows.into(), log: log.into(), failed: Cell::new(false), limits })
    }

    fn check(&self) -> Result {
        if self.failed.get() {
            return Err(Error::unavailable("the log could not be written: open it again").retryable(false));
        }
        Ok(())
    }

    fn write(&self, commit: &[u8], durability: Durability) -> io::Result<()> {
        let mut log = self.log.borrow_mut();
        log.write_all(commit)?;
        if durability == Durability::Strict { log.sync_data() } else { Ok(()) }
    }
}

#[async_trait(?Send)]
impl Kv for LogFile {
    fn name(&self) -> &str {
        "log file"
    }

    fn limits(&self) -> &HostLimits {
        &self.limits
    }

    async fn get(&self, keys: Vec<Bytes>) -> Result<Vec<Option<Bytes>>> {
        self.check()?;
        let rows = self.rows.borrow();
        Ok(keys.iter().map(|key| rows.get(key).cloned()).collect())
    }

    async fn scan(&self, range: ScanRange) -> Result<ScanPage> {
        self.check()?;
        let mut page = ScanPage::default();
        // BTreeMap panics on a range that ends before it starts.
        if range.start >= range.end {
            return Ok(page);
        }
        let rows = self.rows.borrow();
        let mut found = rows.range::<[u8], _>((Bound::Included(&*range.start), Bound::Excluded(&*range.end)));
        let mut bytes = 0;
        while let Some((key, value)) = if range.reverse { found.next_back() } else { found.next() } {
            let is_full = bytes >= range.max_bytes && !range.keys_only && !page.pairs.is_empty();
            page.more = is_full || page.pairs.len() == range.limit;
            if page.more {
                break;
            }
            let value = if range.keys_only { Bytes::new() } else { value.clone() };
            bytes += value.len();
            page.pairs.push((key.clone(), value.into()));
        }
        Ok(page)
    }

    // Nothing is awaited, so nothing comes between the checks and the writing.
    async fn commit(&self, batch: Batch) -> Result<Commit> {
        self.check()?;
        self.limits.check_batch(&batch)?;
        let mut rows = self.rows.borrow_mut();
        for (check, Check { key, value }) in batch.checks.iter().enumerate() {
            let current = rows.get(key);
            if current != value.as_ref() {
                return Ok(Commit::Refused { check, current: current.cloned() });
            }
        }
        self.write(&encode(&batch), batch.durability).map_err(|error| {
            self.failed.set(true);
            Error::unknown(error.to_string())
        })?;
        apply(&mut rows, batch);
        Ok(Commit::Applied)
    }
}

fn apply(rows: &mut BTreeMap<Bytes, Bytes>, batch: Batch) {
    for key in batch.deletes {
        rows.remove(&key);
    }
    for Put { key, value } in batch.puts {
        rows.insert(key, value);
    }
}

fn encode(batch: &Batch) -> Vec<u8> {
    let put = |body: &mut Vec<u8>, bytes: &[u8]| {
        body.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        body.extend_from_slice(bytes);
    };
    let mut body = (batch.deletes.len() as u32).to_le_bytes().to_vec();
    for key in &batch.deletes {
        put(&mut body, key);
    }
    for Put { key, value } in &batch.puts {
        put(&mut body, key);
        put(&mut body, value);
    }
    let header = [body.len() as u32, Crc32c::of(&body)].map(u32::to_le_bytes);
    [header.as_flattened(), &body].concat()
}

/// The first commit of a log, and what comes after it; `None` where there is no whole one.
fn decode(log: &[u8]) -> Option<(Batch, &[u8])> {
    fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
        let (number, rest) = bytes.split_first_chunk()?;
        Some((u32::from_le_bytes(*number), rest))
    }
    fn part(bytes: &[u8]) -> Option<(Bytes, &[u8])> {
        let (length, rest) = number(bytes)?;
        let (part, rest) = rest.split_at_checked(length as usize)?;
        Some((part.to_vec(), rest))
    }
    let (length, rest) = number(log)?;
    let (sum, rest) = number(rest)?;
    let (body, after) = rest.split_at_checked(length as usize)?;
    if Crc32c::of(body) != sum {
        return None;
    }
    let mut batch = Batch::default();
    let (deletes, mut body) = number(body)?;
    for _ in 0..deletes {
        let (key, rest) = part(body)?;
        batch.deletes.push(key);
        body = rest;
    }
    while !body.is_empty() {
        let (key, rest) = part(body)?;
        let (value, rest) = part(rest)?;
        batch.puts.push(Put { key, value });
        body = rest;
    }
    Some((batch, after))
}

/// This process, as the engine sees it from a thread that runs a `LocalSet`.
struct Tokio;

impl Clock for Tokio {
    fn now(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64)
    }
}

impl Entropy for Tokio {
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the system has randomness");
    }
}

impl Timer for Tokio {
    fn sleep(&self, ms: u64) -> LocalBoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(Duration::from_millis(ms)))
    }
}

impl LocalSpawn for Tokio {
    fn spawn_local_obj(&self, task: LocalFutureObj<'static, ()>) -> Result<(), SpawnError> {
        tokio::task::spawn_local(task);
        Ok(())
    }
}

type Job = Box<dyn FnOnce(Store) -> LocalBoxFuture<'static, ()> + Send>;
type Ended = std::result::Result<(), Box<dyn StdError + Send + Sync>>;

/// The way to a store on a thread of its own, for any thread. The store is closed once the last handle is gone.
#[derive(Clone)]
struct Handle(mpsc::UnboundedSender<Job>);

impl Handle {
    /// Opens a store, on a thread that ends when the store is closed.
    fn open(path: PathBuf) -> (Self, JoinHandle<Ended>) {
        let (sender, mut jobs) = mpsc::unbounded::<Job>();
        let run = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
            tokio::task::LocalSet::new().block_on(&runtime, async {
                let env = Env::new(Rc::new(LogFile::open(&path)?), Rc::new(Tokio));
                let store = Store::open(env, OpenOptions::default()).await?;
                while let Some(job) = jobs.next().await {
                    tokio::task::spawn_local(job(store.clone()));
                }
                store.close().await;
                Ok(())
            })
        };
        (Self(sender), thread::spawn(run))
    }

    /// What `call` makes of the store. It runs on the store's thread, beside other calls, which share commits with it.
    async fn call<T, C, F>(&self, call: C) -> Result<T>
    where
        T: Send + 'static,
        C: FnOnce(Store) -> F + Send + 'static,
        F: Future<Output = Result<T>> + 'static,
    {
        let (sender, answer) = oneshot::channel();
        let job: Job = Box::new(|store| {
            Box::pin(async move {
                let _ = sender.send(call(store).await);
            })
        });
        let gone = || Error::new(ErrorCode::Closed, "the store's thread has ended");
        self.0.unbounded_send(job).map_err(|_| gone())?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }
}

/// Appends to a segment that several count in, each number once: where another was faster, the store says so.
async fn count_up(store: Store, by: u64) -> Result {
    for _ in 0..by {
        loop {
            let status = store.segment_status("counters", "shared").await?;
            let last = status.map_or(0, |status| status.last_sequence);
            let next = RecordFrame::of([(last + 1).to_string()])?;
            let records = NewRecords::new("counters", "shared", next).expecting(last);
            match store.append(records, WriteOptions::default()).await {
                Err(error) if error.code() == ErrorCode::SequenceMismatch => {}
                answer => break drop(answer?),
            }
        }
    }
    Ok(())
}

/// Reads a space on from where somebody stopped, until there are `wanted` entries: those that are there at once, others
/// as they are written.
async fn follow(store: Store, mut after: EntryId, wanted: usize) -> Result<(Vec<String>, EntryId)> {
    let mut found = Vec::new();
    loop {
        let epoch = store.epoch();
        let read = SpaceRead { after, max_entries: 10, ..SpaceRead::new("counters") };
        let page = store.read_space(read).await?;
        let texts = page.entries().map(|entry| String::from_utf8_lossy(entry.content.payload()).into_owned());
        found.extend(texts);
        after = page.passed();
        if found.len() >= wanted {
            return Ok((found, after));
        }
        if page.tail {
            // Whatever was written since the epoch was taken ends the wait.
            store.wait(Some("counters"), epoch, None, 0).await?;
        }
    }
}

fn main() -> Ended {
    let scratch = std::env::temp_dir().join(format!("streamkit-embedded-{}.log", std::process::id()));
    let given = std::env::args_os().nth(1).map(PathBuf::from);
    let path = given.clone().unwrap_or_else(|| scratch.clone());

    let (store, thread) = Handle::open(path.clone());
    let before =
        block_on(store.call(|store| async move { store.segment_status("counters", "shared").await }))?;
    let before = before.map_or(0, |status| status.last_sequence);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| block_on(store.call(|store| count_up(store, 25))).expect("counts"));
        }
    });
    let wanted = before as usize + 100;
    let (found, bookmark) = block_on(store.call(move |store| follow(store, EntryId::ZERO, wanted)))?;
    let numbers: Vec<String> = (1..=wanted).map(|number| number.to_string()).collect();
    assert_eq!(found, numbers);
    println!("four threads have counted to {wanted}; read up to {bookmark}");

    // A reader that waits is answered by a write of another thread.
    let reader = store.clone();
    let reader = thread::spawn(move || block_on(reader.call(move |store| follow(store, bookmark, 1))));
    block_on(store.call(|store| count_up(store, 1)))?;
    let (found, _) = reader.join().expect("no panic")?;
    assert_eq!(found, [(wanted + 1).to_string()]);
    println!("and somebody who waited has read {found:?}");

    // A stream, and a group whose consumers share its records.
    let done = store.call(|store| async move {
        let append = StreamAppend::new("mails", RecordFrame::of(["to Ann", "to Bob"])?);
        store.append_to_stream(append, WriteOptions::default()).await?;
        let group = store.group("mails", "senders");
        let given = group.read("sender-1", GroupRead::default()).await?;
        let ids: Vec<EntryId> = given.page.entries().map(|entry| entry.id).collect();
        group.ack("sender-1", &ids).await
    });
    println!("{} mails were sent", block_on(done)?);

    // Nothing is lost, and nothing is wrong, when it is opened again.
    drop(store);
    thread.join().expect("no panic")?;
    let (store, thread) = Handle::open(path);
    let report = block_on(store.call(|store| async move {
        let mut verifier = store.verifier();
        while verifier.step().await? {}
        Ok(verifier.report())
    }))?;
    assert!(report.problems.is_empty(), "{report:?}");
    println!("{} entries are in the file, and none is damaged", report.entries);
    drop(store);
    thread.join().expect("no panic")?;
    if given.is_none() {
        std::fs::remove_file(scratch)?;
    }
    Ok(())
}

#[cfg(all(test, feature = "conformance"))]
mod tests {
    use streamkit_core::{KvFactory, conformance};

    use super::*;

    struct Files(PathBuf);

    impl Files {
        fn log(&self) -> Result<Rc<dyn Kv>> {
            let log = LogFile::open(&self.0).map_err(|error| Error::unavailable(error.to_string()))?;
            Ok(Rc::new(log))
        }
    }

    #[async_trait(?Send)]
    impl KvFactory for Files {
        async fn open(&mut self) -> Result<Rc<dyn Kv>> {
            File::create(&self.0).map_err(|error| Error::unavailable(error.to_string()))?;
            self.log()
        }

        async fn reopen(&mut self) -> Result<Option<Rc<dyn Kv>>> {
            self.log().map(Some)
        }
    }

    #[test]
    fn the_log_file_keeps_the_contract() {
        let path = std::env::temp_dir().join(format!("streamkit-conformance-{}.log", std::process::id()));
        let report = block_on(conformance(&mut Files(path.clone())));
        std::fs::remove_file(path).expect("the last log is removed");
        assert!(report.passed(), "{report}");
        let skipped: Vec<&str> = report.skipped().map(|(_, reason)| reason).collect();
        assert_eq!(skipped, ["there is no second instance"; 7]);
    }
}
