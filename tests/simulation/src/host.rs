//! The storage of a run: one disk, and a host on it for every instance.
//!
//! A call takes virtual time before and after it takes effect, so that the calls of several instances interleave. A
//! commit travels as a task of its own: when the instance that sent it dies, or gives up waiting, it may still apply.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use async_trait::async_trait;
use futures_channel::oneshot;
use futures_util::future::FutureExt;
use streamkit_core::{
    Batch, Bytes, Commit, Durability, Error, ErrorCode, HostLimits, Kv, MemoryKv, Result, ScanPage, ScanRange,
};

use crate::executor::Executor;
use crate::random::Random;
use crate::trace::Trace;

/// What goes wrong, in cases of a thousand calls.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// Fails before it applies, and says so.
    pub fail: u64,
    /// Applies; the reply is lost.
    pub lost: u64,
    /// The reply is lost, and the commit applies some time later, if its checks hold then.
    pub late: u64,
    /// Takes very long.
    pub slow: u64,
    /// The instance dies at this call.
    pub crash: u64,
    /// A read shows rows as they were, where the host may do that.
    pub stale: u64,
    /// Longest ordinary latency on either side of a call, in milliseconds.
    pub latency: u64,
}

type Value = Option<Bytes>;

/// What the instances share.
pub struct Disk {
    executor: Executor,
    random: Random,
    trace: Trace,
    kv: MemoryKv,
    limits: HostLimits,
    faults: Cell<Faults>,
    /// The group of the requests that are under way; another after every loss of power.
    network: Cell<u64>,
    /// How to undo the relaxed commits since the last strict one.
    unsynced: RefCell<Vec<Vec<(Bytes, Value)>>>,
    /// What every row held and since when, where reads may be stale.
    history: RefCell<BTreeMap<Bytes, Vec<(u64, Value)>>>,
    /// How old a stale read may be.
    staleness: u64,
    /// Every value that a segment's last sequence had, and since when.
    lasts: RefCell<BTreeMap<Bytes, Vec<(u64, u64)>>>,
    /// What the engine did that the host's contract forbids.
    violations: RefCell<Vec<String>>,
    commits: Cell<u64>,
}

const SEGMENT_HEADS: &[u8] = b"INV\0SEGMENTS\0";

impl Disk {
    /// An empty disk.
    pub fn new(
        executor: &Executor,
        random: &Random,
        trace: &Trace,
        limits: HostLimits,
        staleness: u64,
        network: u64,
    ) -> Rc<Self> {
        Rc::new(Self {
            executor: executor.clone(),
            random: random.fork("host"),
            trace: trace.clone(),
            kv: MemoryKv::with_limits(limits.clone()),
            limits,
            faults: Cell::default(),
            network: Cell::new(network),
            unsynced: RefCell::default(),
            history: RefCell::default(),
            staleness,
            lasts: RefCell::default(),
            violations: RefCell::default(),
            commits: Cell::new(0),
        })
    }

    /// What goes wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.faults.set(faults);
    }

    /// What goes wrong at present.
    pub fn faults(&self) -> Faults {
        self.faults.get()
    }

    /// Breaches of the host's contract.
    pub fn violations(&self) -> Vec<String> {
        self.violations.borrow().clone()
    }

    /// How many batches were applied.
    pub fn commits(&self) -> u64 {
        self.commits.get()
    }

    /// All pairs.
    pub fn snapshot(&self) -> BTreeMap<Bytes, Bytes> {
        self.kv.snapshot()
    }

    /// Least and most that a segment's last sequence was between two moments.
    pub fn last_between(&self, space: &str, segment: &str, from: u64, to: u64) -> (u64, u64) {
        let key = [SEGMENT_HEADS, space.as_bytes(), b"\0", segment.as_bytes()].concat();
        let lasts = self.lasts.borrow();
        let mut range: Option<(u64, u64)> = None;
        let mut before = 0;
        for (at, last) in lasts.get(&key).into_iter().flatten() {
            if *at < from {
                before = *last;
            } else if *at <= to {
                let (least, most) = range.unwrap_or((before, before));
                range = Some((least.min(*last), most.max(*last)));
            }
        }
        range.unwrap_or((before, before))
    }

    /// Drops everything under way, and of what was committed since the last strict commit a suffix.
    pub fn lose_power(&self, next_network: u64) {
        self.executor.kill(self.network.get());
        self.network.set(next_network);
        let mut unsynced = self.unsynced.borrow_mut();
        let kept = self.random.index(unsynced.len() + 1);
        self.trace.say(|| format!("power loss: {kept} of {} relaxed commits are kept", unsynced.len()));
        while unsynced.len() > kept {
            for (key, value) in unsynced.pop().into_iter().flatten() {
                self.note(&key, value.as_ref());
                self.kv.overwrite(&key, value);
            }
        }
        unsynced.clear();
    }

    fn note(&self, key: &[u8], value: Option<&Bytes>) {
        let now = self.executor.now();
        if key.starts_with(SEGMENT_HEADS) {
            let last = value.and_then(|row| row.get(1..9)?.try_into().ok()).map_or(0, u64::from_le_bytes);
            self.lasts.borrow_mut().entry(key.to_vec()).or_default().push((now, last));
        }
        if !self.limits.consistent {
            self.history.borrow_mut().entry(key.to_vec()).or_default().push((now, value.cloned()));
        }
    }

    fn now_get(&self, keys: Vec<Bytes>) -> Result<Vec<Value>> {
        self.kv.get(keys).now_or_never().unwrap_or_else(|| Err(Error::unavailable("memory")))
    }

    /// Applies a batch at this moment.
    fn apply(&self, batch: Batch) -> Result<Commit> {
        let keys: Vec<Bytes> =
            batch.deletes.iter().chain(batch.puts.iter().map(|put| &put.key)).cloned().collect();
        let before = self.now_get(keys.clone())?;
        let durability = batch.durability;
        let answer =
            self.kv.commit(batch).now_or_never().unwrap_or_else(|| Err(Error::unavailable("memory")));
        match &answer {
            Ok(Commit::Applied) => {
                self.commits.set(self.commits.get() + 1);
                let after = self.now_get(keys.clone())?;
                for (key, value) in keys.iter().zip(&after) {
                    self.note(key, value.as_ref());
                }
                let mut unsynced = self.unsynced.borrow_mut();
                if durability == Durability::Strict {
                    unsynced.clear();
                } else {
                    unsynced.push(keys.into_iter().zip(before).collect());
                }
            }
            Ok(Commit::Refused { .. }) => {}
            Err(error) => self.violations.borrow_mut().push(error.to_string()),
        }
        answer
    }

    /// A row as a read may show it.
    fn view(&self, versions: &[(u64, Value)]) -> Value {
        let at = self.executor.now().saturating_sub(self.random.below(self.staleness + 1));
        versions.iter().rev().find(|(since, _)| *since <= at).and_then(|(_, value)| value.clone())
    }

    fn get_stale(&self, keys: &[Bytes]) -> Vec<Value> {
        let history = self.history.borrow();
        keys.iter().map(|key| history.get(key).and_then(|versions| self.view(versions))).collect()
    }

    fn scan_stale(&self, range: &ScanRange) -> ScanPage {
        let history = self.history.borrow();
        let mut pairs: Vec<_> = history
            .range(range.start.clone()..range.end.clone())
            .filter_map(|(key, versions)| {
                Some((key.clone(), streamkit_core::Value::from(self.view(versions)?)))
            })
            .collect();
        if range.reverse {
            pairs.reverse();
        }
        let mut bytes = 0;
        let mut taken = 0;
        for (_, value) in &pairs {
            if taken == range.limit || (taken > 0 && !range.keys_only && bytes >= range.max_bytes) {
                break;
            }
            bytes += value.len();
            taken += 1;
        }
        let more = taken < pairs.len();
        pairs.truncate(taken);
        if range.keys_only {
            for (_, value) in &mut pairs {
                *value = Bytes::new().into();
            }
        }
        ScanPage { pairs, more }
    }
}

impl std::fmt::Debug for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Disk").field("kv", &self.kv).finish_non_exhaustive()
    }
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Served,
    Stale,
    Failed,
    Lost,
    Late,
    Slow,
    CrashBefore,
    CrashAfter,
}

/// The disk as one instance reaches it.
#[derive(Debug)]
pub struct SimHost {
    disk: Rc<Disk>,
    /// The instance's group: a crash kills it.
    group: u64,
    /// Its own writes are never stale to it.
    writer: bool,
    name: String,
}

impl SimHost {
    /// A host for the instance of this group.
    pub fn new(disk: &Rc<Disk>, group: u64, writer: bool) -> Self {
        Self { disk: Rc::clone(disk), group, writer, name: format!("sim-{group}") }
    }

    fn fate(&self, commit: bool) -> Fate {
        let disk = &self.disk;
        let faults = disk.faults.get();
        let crash_after = disk.random.chance(500);
        let mut at = disk.random.below(1000);
        let mut within = |rate: u64| {
            let hit = at < rate;
            at = if hit { u64::MAX } else { at - rate.min(at) };
            hit
        };
        if within(faults.crash) {
            return if crash_after { Fate::CrashAfter } else { Fate::CrashBefore };
        }
        if within(faults.fail) {
            return Fate::Failed;
        }
        if within(faults.lost) {
            return Fate::Lost;
        }
        if within(faults.slow) {
            return Fate::Slow;
        }
        if commit && within(faults.late) {
            return Fate::Late;
        }
        if !commit && !disk.limits.consistent && !self.writer && within(faults.stale) {
            return Fate::Stale;
        }
        Fate::Served
    }

    fn latency(&self, fate: Fate) -> u64 {
        let most = self.disk.faults.get().latency;
        let ordinary = if most == 0 { 0 } else { self.disk.random.below(most + 1) };
        if fate == Fate::Slow { ordinary + self.disk.random.between(50, 1500) } else { ordinary }
    }

    async fn delay(&self, fate: Fate) {
        let ms = self.latency(fate);
        if ms > 0 {
            self.disk.executor.sleep(ms).await;
        }
    }

    fn say(&self, what: &str, fate: Fate) {
        self.disk.trace.say(|| format!("[{}] {what}: {fate:?}", self.group));
    }

    fn down(&self) -> Error {
        Error::unavailable("the call failed and did nothing")
    }

    /// A read: `serve` is given whether it may be stale.
    async fn read<T>(&self, what: &str, serve: impl FnOnce(bool) -> Result<T>) -> Result<T> {
        let fate = self.fate(false);
        self.say(what, fate);
        if fate == Fate::CrashBefore {
            self.disk.executor.kill(self.group);
        }
        self.delay(fate).await;
        let found = match fate {
            Fate::Failed | Fate::Lost => Err(self.down()),
            _ => serve(fate == Fate::Stale),
        };
        self.delay(Fate::Served).await;
        if fate == Fate::CrashAfter {
            self.disk.executor.kill(self.group);
        }
        found
    }
}

#[async_trait(?Send)]
impl Kv for SimHost {
    fn name(&self) -> &str {
        &self.name
    }

    fn limits(&self) -> &HostLimits {
        &self.disk.limits
    }

    async fn get(&self, keys: Vec<Bytes>) -> Result<Vec<Value>> {
        self.read("get", |stale| if stale { Ok(self.disk.get_stale(&keys)) } else { self.disk.now_get(keys) })
            .await
    }

    async fn scan(&self, range: ScanRange) -> Result<ScanPage> {
        self.read("scan", |stale| {
            if stale && range.start < range.end {
                Ok(self.disk.scan_stale(&range))
            } else {
                self.disk.kv.scan(range).now_or_never().unwrap_or_else(|| Err(self.down()))
            }
        })
        .await
    }

    async fn commit(&self, batch: Batch) -> Result<Commit> {
        let fate = self.fate(true);
        let disk = &self.disk;
        disk.trace.say(|| {
            let keys: BTreeSet<String> = batch.puts.iter().map(|put| readable(&put.key)).collect();
            format!("[{}] commit {:?} {keys:?}: {fate:?}", self.group, batch.durability)
        });
        if fate == Fate::CrashBefore {
            disk.executor.kill(self.group);
        }
        let (sender, reply) = oneshot::channel();
        let before = self.latency(fate);
        // Without checks a commit that lands late would overwrite what came after it: no protocol can bear that.
        let outlives = disk.limits.checks && disk.random.chance(500);
        let most = disk.random.pick(&[4, 20, 100, 2000]);
        let late = disk.random.between(1, most);
        let travelling = {
            let (disk, group) = (Rc::clone(disk), self.group);
            async move {
                if before > 0 {
                    disk.executor.sleep(before).await;
                }
                match fate {
                    Fate::Failed => {
                        let _ = sender.send(Err(Error::unavailable("the call failed and did nothing")));
                    }
                    Fate::Late => {
                        let _ =
                            sender.send(Err(Error::unknown("the reply was lost, and the commit is late")));
                        disk.executor.sleep(late).await;
                        let answer = disk.apply(batch);
                        disk.trace.say(|| format!("[{group}] late commit: {answer:?}"));
                    }
                    _ if disk.executor.is_dead(group) && !outlives => {}
                    _ => {
                        let answer = disk.apply(batch);
                        disk.trace.say(|| match &answer {
                            Ok(Commit::Applied) => format!("[{group}] applied"),
                            Ok(Commit::Refused { check, .. }) => {
                                format!("[{group}] refused at check {check}")
                            }
                            Err(error) => format!("[{group}] not applied: {error}"),
                        });
                        if fate == Fate::CrashAfter {
                            disk.executor.kill(group);
                        }
                        let _ = sender.send(match fate {
                            Fate::Lost => Err(Error::unknown("the reply was lost")),
                            _ => answer,
                        });
                    }
                }
            }
        };
        disk.executor.spawn(disk.network.get(), "request", travelling);
        let answer = reply.await.unwrap_or_else(|_| Err(Error::unknown("the request was lost")));
        self.delay(Fate::Served).await;
        answer
    }
}

/// A key for people.
pub fn readable(key: &[u8]) -> String {
    let parts = key.split(|byte| *byte == 0);
    let text = |part: &[u8]| match std::str::from_utf8(part) {
        Ok(text) if text.chars().all(|char| !char.is_control()) => text.to_owned(),
        _ => part.iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    parts.map(text).collect::<Vec<_>>().join("/")
}

/// Whether an error of a read or a write is one that faults explain.
pub fn is_fault(error: &Error) -> bool {
    matches!(error.code(), ErrorCode::Unavailable | ErrorCode::Closed)
}
