//! What the callers were told, and whether it can be true.
//!
//! A call whose reply was lost may have done anything that it was to do: where one could explain what is seen, nothing
//! is held against it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use streamkit_core::{Deliveries, EntryId, GroupMode};

/// A record that a read gave: id, payload, count, deadline.
pub(super) type Delivered = (EntryId, String, u64, Option<u64>);

/// The records that a read gave.
pub(super) fn listed(got: &Deliveries) -> Vec<Delivered> {
    got.page
        .entries()
        .zip(&got.marks)
        .map(|(entry, mark)| {
            let payload = String::from_utf8_lossy(entry.content.payload()).into_owned();
            (entry.id, payload, mark.delivery_count, mark.deadline)
        })
        .collect()
}

/// A delivery that was seen.
#[derive(Debug, Clone)]
struct Seen {
    consumer: String,
    /// When the call was made, and when its answer came.
    from: u64,
    to: u64,
    count: u64,
    /// On the clock of the instance.
    deadline: Option<u64>,
    /// Given back, touched, or given up since, for all that is known.
    free: bool,
}

/// When a call was made and answered, and whether its consumer was heard of by it.
type Call = (u64, u64, bool);

/// What is known of a record.
#[derive(Debug, Default)]
struct Record {
    seen: Option<Seen>,
    /// When an acknowledgement was answered that counted it.
    acked: Option<u64>,
    /// An acknowledgement was under way, with whatever end.
    may_be_acked: bool,
    /// The delivery that was read at most once.
    at_most_once: Option<u64>,
}

/// The books of a run.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) mode: GroupMode,
    pub(super) max_deliver: u64,
    pub(super) consumer_timeout: u64,
    /// No clock jumps, and nothing crashes: times can be held against the store.
    pub(super) steady: bool,
    records: RefCell<BTreeMap<EntryId, Record>>,
    /// Keys of payloads.
    keys: RefCell<BTreeMap<String, String>>,
    payloads: RefCell<BTreeMap<EntryId, String>>,
    /// Per consumer, when replies of reads were lost.
    lost_reads: RefCell<BTreeMap<String, Vec<(u64, u64)>>>,
    /// Per consumer its calls that ended: when they were made and answered, and whether it was heard of by them.
    calls: RefCell<BTreeMap<String, Vec<Call>>>,
    /// In an exclusive group: who got records last, by a call made and answered when.
    holder: RefCell<Option<(String, u64, u64)>>,
    /// The reply of a read was lost that acknowledged what it gave.
    lost_for_good: Cell<bool>,
    pub(super) delivered: Cell<usize>,
    pub(super) acked: Cell<usize>,
    pub(super) unclear: Cell<usize>,
    pub(super) replayed: Cell<u64>,
    /// A replay whose reply was lost.
    pub(super) replay_unclear: Cell<bool>,
}

impl Books {
    pub(super) fn new(mode: GroupMode, max_deliver: u64, consumer_timeout: u64, steady: bool) -> Self {
        Self {
            mode,
            max_deliver,
            consumer_timeout,
            steady,
            records: RefCell::default(),
            keys: RefCell::default(),
            payloads: RefCell::default(),
            lost_reads: RefCell::default(),
            calls: RefCell::default(),
            holder: RefCell::default(),
            lost_for_good: Cell::new(false),
            delivered: Cell::new(0),
            acked: Cell::new(0),
            unclear: Cell::new(0),
            replayed: Cell::new(0),
            replay_unclear: Cell::new(false),
        }
    }

    pub(super) fn key_of(&self, payload: &str, key: &str) {
        self.keys.borrow_mut().insert(payload.into(), key.into());
    }

    /// A call of a consumer has ended; where it succeeded, the consumer was heard of.
    pub(super) fn call(&self, consumer: &str, from: u64, to: u64, heard: bool) {
        self.calls.borrow_mut().entry(consumer.into()).or_default().push((from, to, heard));
    }

    /// The earliest moment at which a consumer that was heard of at `since` can have left for silence.
    fn earliest_end(&self, consumer: &str, since: u64) -> u64 {
        let calls = self.calls.borrow();
        let mut heard = since;
        for (from, to, ok) in calls.get(consumer).into_iter().flatten() {
            if *to > since && heard + self.consumer_timeout <= *to {
                break;
            }
            if *ok {
                heard = heard.max(*from);
            }
        }
        heard + self.consumer_timeout
    }

    /// The reply of a read was lost.
    pub(super) fn read_lost(&self, consumer: &str, from: u64, to: u64, no_ack: bool) {
        self.lost_for_good.set(self.lost_for_good.get() || no_ack);
        self.unclear.set(self.unclear.get() + 1);
        self.lost_reads.borrow_mut().entry(consumer.into()).or_default().push((from, to));
    }

    fn may_have_read(&self, consumer: &str) -> bool {
        self.lost_reads.borrow().contains_key(consumer)
    }

    /// What is about to be said about records is about to be done.
    pub(super) fn settling(&self, ids: &[EntryId], ack: bool) {
        let mut records = self.records.borrow_mut();
        for id in ids {
            let record = records.entry(*id).or_default();
            record.may_be_acked |= ack;
            if let Some(seen) = &mut record.seen {
                seen.free = true;
            }
        }
    }

    /// An acknowledgement that counted every one of these.
    pub(super) fn acked(&self, ids: &[EntryId], at: u64) {
        self.acked.set(self.acked.get() + ids.len());
        let mut records = self.records.borrow_mut();
        for id in ids {
            records.entry(*id).or_default().acked = Some(at);
        }
    }

    /// A consumer is about to leave: what it holds is anybody's.
    pub(super) fn leaving(&self, consumer: &str) {
        for record in self.records.borrow_mut().values_mut() {
            if let Some(seen) = record.seen.as_mut().filter(|seen| seen.consumer == consumer) {
                seen.free = true;
            }
        }
        let mut holder = self.holder.borrow_mut();
        if holder.as_ref().is_some_and(|(name, ..)| name == consumer) {
            *holder = None;
        }
    }

    /// What a read gave.
    pub(super) fn delivered(
        &self,
        consumer: &str,
        (from, to): (u64, u64),
        got: &[Delivered],
        no_ack: bool,
        epoch: u64,
    ) -> Result<(), String> {
        self.delivered.set(self.delivered.get() + got.len());
        if self.mode == GroupMode::Exclusive && !got.is_empty() {
            self.holds(consumer, from, to)?;
        }
        for (id, payload, count, deadline) in got {
            let mut records = self.records.borrow_mut();
            let record = records.entry(*id).or_default();
            if record.acked.is_some_and(|acked| acked < from) {
                return Err(format!("{consumer} got {id}, which was acknowledged at {:?}", record.acked));
            }
            if record.at_most_once.is_some_and(|last| *count > last) {
                return Err(format!("{consumer} got {id}, which was read at most once before"));
            }
            if self.max_deliver > 0 && *count > self.max_deliver {
                return Err(format!("{consumer} got {id} for the {count}th time of {}", self.max_deliver));
            }
            if let Some(seen) = &record.seen {
                if *count <= seen.count && seen.to < from {
                    return Err(format!("{consumer} got {id} for the {count}th time after {seen:?}"));
                }
                let again = self.steady && !seen.free && seen.to < from;
                let gone = self.earliest_end(&seen.consumer, seen.from);
                let due = seen.deadline.map_or(u64::MAX, |deadline| deadline.saturating_sub(epoch)).min(gone);
                if again && to < due {
                    return Err(format!("{consumer} got {id} at {to}, but it is due at {due}: {seen:?}"));
                }
            }
            record.at_most_once = record.at_most_once.or(no_ack.then_some(*count));
            // A read may tell late of a delivery that others have followed.
            if record.seen.as_ref().is_none_or(|seen| seen.count <= *count) {
                record.seen = Some(Seen {
                    consumer: consumer.into(),
                    from,
                    to,
                    count: *count,
                    deadline: *deadline,
                    free: false,
                });
            }
            self.payloads.borrow_mut().insert(*id, payload.clone());
        }
        if self.mode == GroupMode::KeyShared {
            self.keys_in_order(consumer, from, got)?;
        }
        Ok(())
    }

    /// Nobody else may hold the group who was heard of lately.
    fn holds(&self, consumer: &str, from: u64, to: u64) -> Result<(), String> {
        let mut holder = self.holder.borrow_mut();
        if let Some((other, since, until)) = &*holder
            && other != consumer
            && self.steady
            && from > *until
            && to < self.earliest_end(other, *since)
        {
            return Err(format!(
                "{consumer} got records at {to}, while {other} held the group since {since}"
            ));
        }
        *holder = Some((consumer.into(), from, to));
        Ok(())
    }

    /// No record before an earlier one of its key that somebody else has, for all that is known.
    fn keys_in_order(&self, consumer: &str, from: u64, got: &[Delivered]) -> Result<(), String> {
        let keys = self.keys.borrow();
        let payloads = self.payloads.borrow();
        let records = self.records.borrow();
        for (id, payload, ..) in got {
            let key = keys.get(payload);
            for (earlier, record) in records.range(..*id) {
                let Some(seen) = &record.seen else { continue };
                let same = payloads.get(earlier).and_then(|payload| keys.get(payload)) == key;
                let settled = record.may_be_acked || record.at_most_once.is_some();
                let exhausted = self.max_deliver > 0;
                let elsewhere = seen.consumer != consumer && seen.to < from;
                let may_be_ours = self.may_have_read(consumer) || self.lost_for_good.get();
                let elsewhere = elsewhere && !may_be_ours;
                if same && !settled && !exhausted && elsewhere {
                    return Err(format!("{consumer} got {id} of {key:?} before {earlier}: {seen:?}"));
                }
            }
        }
        Ok(())
    }

    /// In the end: every record was delivered, or is explained otherwise.
    pub(super) fn all_were_seen(
        &self,
        stream: &BTreeMap<EntryId, String>,
        dead: &BTreeSet<EntryId>,
    ) -> Result<(), String> {
        let records = self.records.borrow();
        for id in dead {
            if let Some(acked) = records.get(id).and_then(|record| record.acked) {
                return Err(format!("{id} was acknowledged at {acked}, and is dead"));
            }
        }
        for id in stream.keys() {
            let seen = records.get(id).is_some_and(|record| record.seen.is_some());
            // Every delivery of it may have been lost until it was dead, and put back as another record.
            let lost = self.lost_for_good.get() || (self.max_deliver > 0 && self.unclear.get() > 0);
            let explained = dead.contains(id) || lost;
            if !seen && !explained {
                return Err(format!("{id} was never delivered"));
            }
        }
        Ok(())
    }
}
