//! A host that fails as real ones do, the same way each time.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt;

use async_trait::async_trait;

use super::{Batch, Bytes, Commit, HostLimits, Kv, ScanPage, ScanRange, SplitMix64, Value};
use crate::error::{Error, Result};

/// What goes wrong, and how often. Rates are probabilities a call, 0 to 1; the default is that nothing does.
///
/// Chance is drawn from a [`SplitMix64`] of `seed`: the same calls in the same order meet the same faults.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FaultPlan {
    /// What chance is drawn from.
    pub seed: u64,
    /// Calls that do nothing and fail: `UNAVAILABLE`, `applied` false.
    pub fail_rate: f64,
    /// Calls that are served but whose answer is lost: `UNAVAILABLE`, `applied` "unknown" for commits.
    pub lost_reply_rate: f64,
    /// Commits whose answer is lost and that are applied only at the next call, or by [`FaultyKv::settle`].
    pub late_rate: f64,
    /// Reads that show rows as they were before the last commit through this host. Without effect where
    /// [`HostLimits::consistent`], as no such host may do that.
    pub stale_rate: f64,
    /// After this many calls every further call fails: the instance is dead. What is late then stays undone until
    /// [`FaultyKv::settle`].
    pub crash_after: Option<u64>,
    /// The last call before the crash is served, but its answer is lost.
    pub crash_loses_reply: bool,
}

/// A host in front of another that fails by plan.
///
/// Each instance has a plan of its own; wrap the same data several times for several instances.
pub struct FaultyKv {
    inner: Rc<dyn Kv>,
    state: RefCell<State>,
}

struct State {
    plan: FaultPlan,
    random: SplitMix64,
    calls: u64,
    dead: bool,
    late: VecDeque<Batch>,
    /// What rows held before the last commit to them.
    before: BTreeMap<Bytes, Option<Bytes>>,
    log: Vec<String>,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Served,
    Stale,
    Failed,
    ReplyLost,
    Late,
    Dead,
}

impl FaultyKv {
    /// `inner`, failing by `plan`.
    pub fn new(inner: Rc<dyn Kv>, plan: FaultPlan) -> Self {
        let state = State {
            random: SplitMix64::new(plan.seed),
            plan,
            calls: 0,
            dead: false,
            late: VecDeque::new(),
            before: BTreeMap::new(),
            log: Vec::new(),
        };
        Self { inner, state: RefCell::new(state) }
    }

    /// Goes on by another plan: from its seed, with calls counted from 0, alive again. What is late stays late.
    pub fn set_plan(&self, plan: FaultPlan) {
        let mut state = self.state.borrow_mut();
        state.random = SplitMix64::new(plan.seed);
        state.plan = plan;
        state.calls = 0;
        state.dead = false;
    }

    /// Lets every further call fail.
    pub fn crash(&self) {
        self.state.borrow_mut().dead = true;
    }

    /// Whether every further call fails.
    pub fn is_dead(&self) -> bool {
        let state = self.state.borrow();
        state.dead || state.plan.crash_after.is_some_and(|last| state.calls >= last)
    }

    /// How many calls there were since the plan was set.
    pub fn calls(&self) -> u64 {
        self.state.borrow().calls
    }

    /// One line a call: its number, what it was, what became of it.
    pub fn log(&self) -> Vec<String> {
        self.state.borrow().log.clone()
    }

    /// Applies the commits that are late, in their order, each if its checks still hold. Works after a crash too: a
    /// request may be under way longer than its sender lives.
    pub async fn settle(&self) {
        loop {
            let next = self.state.borrow_mut().late.pop_front();
            let Some(batch) = next else { return };
            let line = match self.apply(batch).await {
                Ok(Commit::Applied) => "late: applied",
                Ok(Commit::Refused { .. }) => "late: refused",
                Err(_) => "late: failed",
            };
            self.state.borrow_mut().log.push(line.into());
        }
    }

    /// Counts a call, decides on it, and writes it down. Every call draws the same number of times, so that one rate
    /// can be changed and the other faults stay where they were.
    fn begin(&self, what: &str, commit: bool) -> Fate {
        let consistent = self.inner.limits().consistent;
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        let (plan, random) = (&state.plan, &mut state.random);
        let [failed, lost, late, stale] =
            [plan.fail_rate, plan.lost_reply_rate, plan.late_rate, plan.stale_rate]
                .map(|rate| random.chance(rate));
        state.dead |= plan.crash_after.is_some_and(|last| state.calls >= last);
        let fate = if state.dead {
            Fate::Dead
        } else {
            state.calls = state.calls.saturating_add(1);
            if plan.crash_loses_reply && plan.crash_after == Some(state.calls) {
                Fate::ReplyLost
            } else if failed {
                Fate::Failed
            } else if late && commit {
                Fate::Late
            } else if lost {
                Fate::ReplyLost
            } else if stale && !commit && !consistent {
                Fate::Stale
            } else {
                Fate::Served
            }
        };
        state.log.push(format!("{} {what}: {fate:?}", state.calls));
        fate
    }

    /// Hands a batch on; where reads may be stale, remembers what it replaces.
    async fn apply(&self, batch: Batch) -> Result<Commit> {
        if self.inner.limits().consistent || self.state.borrow().plan.stale_rate <= 0.0 {
            return self.inner.commit(batch).await;
        }
        let keys: Vec<Bytes> =
            batch.deletes.iter().chain(batch.puts.iter().map(|put| &put.key)).cloned().collect();
        let values = self.inner.get(keys.clone()).await?;
        let answer = self.inner.commit(batch).await?;
        if answer == Commit::Applied {
            self.state.borrow_mut().before.extend(keys.into_iter().zip(values));
        }
        Ok(answer)
    }

    /// What the rows of a range looked like before the last commit to each; `page` where that would hide all of it.
    fn aged(&self, page: ScanPage, range: &ScanRange) -> ScanPage {
        let state = self.state.borrow();
        let mut rows: BTreeMap<Bytes, Value> = page.pairs.iter().cloned().collect();
        let last = page.pairs.last().map(|(key, _)| key).filter(|_| page.more);
        for (key, value) in &state.before {
            let in_range = *key >= range.start && *key < range.end;
            let in_page = last.is_none_or(|last| if range.reverse { key >= last } else { key <= last });
            if in_range && in_page {
                match value {
                    Some(_) if range.keys_only => rows.insert(key.clone(), Value::default()),
                    Some(value) => rows.insert(key.clone(), value.clone().into()),
                    None => rows.remove(key),
                };
            }
        }
        let mut pairs: Vec<(Bytes, Value)> = rows.into_iter().collect();
        if range.reverse {
            pairs.reverse();
        }
        let more = page.more || pairs.len() > range.limit;
        pairs.truncate(range.limit);
        // An empty page that says there is more would break the contract, not merely be old.
        if pairs.is_empty() && more { page } else { ScanPage { pairs, more } }
    }
}

fn down(name: &str) -> Error {
    Error::unavailable(format!("{name}: the call failed by plan and did nothing"))
}

fn lost(name: &str) -> Error {
    Error::unknown(format!("{name}: the answer was lost by plan"))
}

#[async_trait(?Send)]
impl Kv for FaultyKv {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn limits(&self) -> &HostLimits {
        self.inner.limits()
    }

    async fn get(&self, keys: Vec<Bytes>) -> Result<Vec<Option<Bytes>>> {
        let fate = self.begin(&format!("get {}", keys.len()), false);
        if fate == Fate::Dead {
            return Err(down(self.name()));
        }
        self.settle().await;
        match fate {
            Fate::Served | Fate::Late => self.inner.get(keys).await,
            Fate::Stale => {
                let mut values = self.inner.get(keys.clone()).await?;
                let state = self.state.borrow();
                for (key, value) in keys.iter().zip(&mut values) {
                    if let Some(before) = state.before.get(key) {
                        value.clone_from(before);
                    }
                }
                Ok(values)
            }
            // A read changes nothing, so a lost answer is a failure like any other.
            Fate::Failed | Fate::ReplyLost | Fate::Dead => Err(down(self.name())),
        }
    }

    async fn scan(&self, range: ScanRange) -> Result<ScanPage> {
        let fate = self.begin(&format!("scan {}", range.limit), false);
        if fate == Fate::Dead {
            return Err(down(self.name()));
        }
        self.settle().await;
        match fate {
            Fate::Served | Fate::Late => self.inner.scan(range).await,
            Fate::Stale => {
                let page = self.inner.scan(range.clone()).await?;
                Ok(self.aged(page, &range))
            }
            Fate::Failed | Fate::ReplyLost | Fate::Dead => Err(down(self.name())),
        }
    }

    async fn commit(&self, batch: Batch) -> Result<Commit> {
        let what = format!(
            "commit {} checks, {} deletes, {} puts",
            batch.checks.len(),
            batch.deletes.len(),
            batch.puts.len()
        );
        let fate = self.begin(&what, true);
        if fate == Fate::Dead {
            return Err(down(self.name()));
        }
        self.settle().await;
        match fate {
            Fate::Served | Fate::Stale => self.apply(batch).await,
            Fate::Failed | Fate::Dead => Err(down(self.name())),
            Fate::ReplyLost => {
                let _ = self.apply(batch).await;
                Err(lost(self.name()))
            }
            Fate::Late => {
                self.state.borrow_mut().late.push_back(batch);
                Err(lost(self.name()))
            }
        }
    }
}

impl fmt::Debug for FaultyKv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.borrow();
        f.debug_struct("FaultyKv")
            .field("inner", &self.inner)
            .field("plan", &state.plan)
            .field("calls", &state.calls)
            .field("late", &state.late.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use futures::executor::block_on;
    use proptest::prelude::*;

    use super::*;
    use crate::error::ErrorCode;
    use crate::kv::{Check, MemoryKv, Put};

    fn put(key: u8, value: u8) -> Batch {
        Batch { puts: vec![Put { key: vec![key], value: vec![value] }], ..Batch::default() }
    }

    fn faulty(memory: &MemoryKv, plan: FaultPlan) -> FaultyKv {
        FaultyKv::new(Rc::new(memory.clone()), plan)
    }

    fn all(reverse: bool) -> ScanRange {
        ScanRange { start: vec![0], end: vec![255], reverse, limit: 3, max_bytes: 1000, keys_only: false }
    }

    fn get(kv: &dyn Kv, key: u8) -> Option<u8> {
        block_on(kv.get(vec![vec![key]])).unwrap()[0].as_ref().map(|value| value[0])
    }

    #[test]
    fn without_a_plan_nothing_fails() {
        let memory = MemoryKv::new();
        let kv = faulty(&memory, FaultPlan::default());
        assert_eq!(block_on(kv.commit(put(1, 2))).unwrap(), Commit::Applied);
        assert_eq!(get(&kv, 1), Some(2));
        assert_eq!(block_on(kv.scan(all(false))).unwrap().pairs, [(vec![1], vec![2].into())]);
        assert_eq!((kv.name(), kv.limits(), kv.calls()), ("memory", memory.limits(), 3));
        assert_eq!(
            kv.log(),
            ["1 commit 0 checks, 0 deletes, 1 puts: Served", "2 get 1: Served", "3 scan 3: Served"]
        );
        assert!(format!("{kv:?}").starts_with("FaultyKv { inner: Kv { name: \"memory\" }"));
    }

    #[test]
    fn a_failed_call_did_nothing() {
        let memory = MemoryKv::new();
        let kv = faulty(&memory, FaultPlan { fail_rate: 1.0, ..FaultPlan::default() });
        let error = block_on(kv.commit(put(1, 2))).unwrap_err();
        assert_eq!((error.code(), error.may_have_applied()), (ErrorCode::Unavailable, false));
        assert!(memory.is_empty());
        assert!(!block_on(kv.scan(all(false))).unwrap_err().may_have_applied());
        assert!(block_on(kv.get(vec![])).is_err());
    }

    #[test]
    fn a_lost_reply_was_applied() {
        let memory = MemoryKv::new();
        let kv = faulty(&memory, FaultPlan { lost_reply_rate: 1.0, ..FaultPlan::default() });
        let error = block_on(kv.commit(put(1, 2))).unwrap_err();
        assert_eq!((error.code(), error.may_have_applied()), (ErrorCode::Unavailable, true));
        assert_eq!(memory.len(), 1);
        assert!(!block_on(kv.get(vec![])).unwrap_err().may_have_applied());
    }

    #[test]
    fn a_late_commit_applies_at_the_next_call_if_it_still_may() {
        let memory = MemoryKv::new();
        let kv = faulty(&memory, FaultPlan { late_rate: 1.0, ..FaultPlan::default() });
        let mut batch = put(1, 2);
        batch.checks = vec![Check { key: vec![1], value: None }];
        assert!(block_on(kv.commit(batch.clone())).unwrap_err().may_have_applied());
        assert!(memory.is_empty());
        assert_eq!(get(&kv, 1), Some(2));
        batch.puts[0].value = vec![3];
        assert!(block_on(kv.commit(batch.clone())).is_err());
        kv.crash();
        assert!(kv.is_dead());
        assert!(!block_on(kv.commit(batch)).unwrap_err().may_have_applied());
        block_on(kv.settle());
        assert_eq!(get(&memory, 1), Some(2));
        assert_eq!(kv.log()[1..3], ["2 get 1: Served", "late: applied"]);
        assert_eq!(kv.log().last().unwrap(), "late: refused");
    }

    #[test]
    fn after_the_crash_every_call_fails() {
        let memory = MemoryKv::new();
        for loses in [false, true] {
            let plan = FaultPlan { crash_after: Some(2), crash_loses_reply: loses, ..FaultPlan::default() };
            let kv = faulty(&memory, plan);
            block_on(kv.commit(put(1, 1))).unwrap();
            assert!(!kv.is_dead());
            assert_eq!(block_on(kv.commit(put(2, 1))).is_err(), loses);
            assert_eq!(get(&memory, 2), Some(1));
            assert!(kv.is_dead());
            assert!(block_on(kv.get(vec![])).is_err());
            assert!(!block_on(kv.commit(put(3, 1))).unwrap_err().may_have_applied());
            assert_eq!((get(&memory, 3), kv.calls()), (None, 2));
            kv.set_plan(FaultPlan::default());
            block_on(kv.get(vec![])).unwrap();
        }
    }

    #[test]
    fn stale_reads_show_what_was_before() {
        let limits = HostLimits { consistent: false, ..HostLimits::default() };
        let memory = MemoryKv::with_limits(limits);
        let kv = faulty(&memory, FaultPlan { stale_rate: 1.0, ..FaultPlan::default() });
        for key in [1, 2, 3] {
            memory.overwrite(&[key], Some(vec![0]));
        }
        let mut batch = put(1, 9);
        batch.deletes = vec![vec![2]];
        batch.puts.push(Put { key: vec![4], value: vec![9] });
        block_on(kv.commit(batch)).unwrap();
        assert_eq!([get(&kv, 1), get(&kv, 2), get(&kv, 3), get(&kv, 4)], [Some(0), Some(0), Some(0), None]);
        let page = block_on(kv.scan(all(false))).unwrap();
        assert_eq!(
            page.pairs,
            [(vec![1], vec![0].into()), (vec![2], vec![0].into()), (vec![3], vec![0].into())]
        );
        let page = block_on(kv.scan(all(true))).unwrap();
        assert_eq!(
            page.pairs,
            [(vec![3], vec![0].into()), (vec![2], vec![0].into()), (vec![1], vec![0].into())]
        );
        // The page of nothing but what is new is shown as it is.
        let page = block_on(kv.scan(ScanRange { limit: 1, ..all(true) })).unwrap();
        assert_eq!((page.pairs, page.more), (vec![(vec![4], vec![9].into())], true));
        let page = block_on(kv.scan(ScanRange { keys_only: true, ..all(false) })).unwrap();
        assert_eq!(page.pairs[1], (vec![2], vec![].into()));

        let consistent = faulty(&MemoryKv::new(), FaultPlan { stale_rate: 1.0, ..FaultPlan::default() });
        block_on(consistent.commit(put(1, 1))).unwrap();
        assert_eq!(get(&consistent, 1), Some(1));
    }

    proptest! {
        #[test]
        fn the_same_seed_gives_the_same_run(seed: u64, calls in proptest::collection::vec((0_u8..3, 0_u8..4, any::<u8>()), 0..60)) {
            let run = || {
                let memory = MemoryKv::with_limits(HostLimits { consistent: false, ..HostLimits::default() });
                let plan = FaultPlan {
                    seed,
                    fail_rate: 0.2,
                    lost_reply_rate: 0.2,
                    late_rate: 0.2,
                    stale_rate: 0.5,
                    crash_after: Some(50),
                    crash_loses_reply: true,
                };
                let kv = faulty(&memory, plan);
                let mut answers = Vec::new();
                for (call, key, value) in &calls {
                    answers.push(match call {
                        0 => format!("{:?}", block_on(kv.get(vec![vec![*key]]))),
                        1 => format!("{:?}", block_on(kv.scan(all(value % 2 == 0)))),
                        _ => format!("{:?}", block_on(kv.commit(put(*key, *value)))),
                    });
                }
                (answers, kv.log(), memory.snapshot())
            };
            prop_assert_eq!(run(), run());
        }

        #[test]
        fn what_an_error_says_about_a_commit_is_true(seed: u64, values in proptest::collection::vec(any::<u8>(), 0..60)) {
            let memory = MemoryKv::new();
            let plan = FaultPlan { seed, fail_rate: 0.3, lost_reply_rate: 0.3, late_rate: 0.2, ..FaultPlan::default() };
            let kv = faulty(&memory, plan);
            for (key, value) in (0_u8..).zip(values) {
                match block_on(kv.commit(put(key, value))) {
                    Ok(_) => prop_assert_eq!(get(&memory, key), Some(value)),
                    Err(error) if error.may_have_applied() => {
                        block_on(kv.settle());
                        prop_assert_eq!(get(&memory, key), Some(value));
                    }
                    Err(_) => {
                        block_on(kv.settle());
                        prop_assert_eq!(get(&memory, key), None);
                    }
                }
            }
        }
    }
}
