//! A host whose calls do what a test tells them, one by one: for scenarios written by hand.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use async_trait::async_trait;
use streamkit_core::{
    Batch, Bytes, Commit, Durability, Env, Error, HostLimits, Kv, MemoryKv, NewRecords, NoExpander, NoNotify,
    OpenOptions, Page, RecordFrame, Result, ScanPage, ScanRange, Store, encode_entry_body,
    encode_record_frame,
};

use crate::clock::{SimClock, SimEntropy, SimTimer};
use crate::executor::{Executor, GroupSpawner, WORLD};
use crate::random::Random;

/// What a commit is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Apply and say so.
    Serve,
    /// Apply, and lose the reply.
    LoseReply,
    /// Lose the reply, and keep the batch for [`Script::deliver`].
    Hold,
    /// Do nothing and say so.
    Fail,
    /// Be overtaken by the newest commit that is held, then be served.
    Overtaken,
    /// Be served after so many milliseconds.
    Wait(u64),
}

/// The data of a scenario, and what its next commits do.
#[derive(Debug)]
pub struct Script {
    kv: MemoryKv,
    steps: RefCell<VecDeque<Step>>,
    held: RefCell<VecDeque<Batch>>,
    commits: Cell<u64>,
    durability: Cell<Durability>,
}

impl Script {
    /// What the last commit was to survive.
    pub fn durability(&self) -> Durability {
        self.durability.get()
    }

    /// Lets the next commits of all instances do this; after that they are served.
    pub fn next(&self, steps: &[Step]) {
        self.steps.borrow_mut().extend(steps);
    }

    /// Lets the oldest commit that was held arrive; whether it applied.
    ///
    /// # Panics
    /// When none is held.
    pub async fn deliver(&self) -> bool {
        let batch = self.held.borrow_mut().pop_front();
        let answer = self.kv.commit(batch.expect("a commit is held")).await;
        answer.expect("the host takes it") == Commit::Applied
    }

    /// How many commits there were.
    pub fn commits(&self) -> u64 {
        self.commits.get()
    }
}

struct ScriptedHost {
    executor: Executor,
    script: Rc<Script>,
    limits: HostLimits,
}

#[async_trait(?Send)]
impl Kv for ScriptedHost {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn limits(&self) -> &HostLimits {
        &self.limits
    }

    async fn get(&self, keys: Vec<Bytes>) -> Result<Vec<Option<Bytes>>> {
        self.script.kv.get(keys).await
    }

    async fn scan(&self, range: ScanRange) -> Result<ScanPage> {
        self.script.kv.scan(range).await
    }

    async fn commit(&self, batch: Batch) -> Result<Commit> {
        self.script.commits.set(self.script.commits.get() + 1);
        self.script.durability.set(batch.durability);
        let step = self.script.steps.borrow_mut().pop_front().unwrap_or(Step::Serve);
        match step {
            Step::Serve => self.script.kv.commit(batch).await,
            Step::LoseReply => {
                self.script.kv.commit(batch).await?;
                Err(Error::unknown("the reply was lost"))
            }
            Step::Hold => {
                self.script.held.borrow_mut().push_back(batch);
                Err(Error::unknown("the reply was lost"))
            }
            Step::Overtaken => {
                let held = self.script.held.borrow_mut().pop_back();
                self.script.kv.commit(held.expect("a commit is held")).await?;
                self.script.kv.commit(batch).await
            }
            Step::Wait(ms) => {
                self.executor.sleep(ms).await;
                self.script.kv.commit(batch).await
            }
            Step::Fail => Err(Error::unavailable("the call did nothing")),
        }
    }
}

/// A stage for scenarios: one disk, any number of instances, virtual time.
pub struct Stage {
    /// Runs everything.
    pub executor: Executor,
    /// What commits do.
    pub script: Rc<Script>,
    random: Random,
    limits: HostLimits,
    instances: Cell<u64>,
}

impl Stage {
    /// An empty disk behind a host with these limits.
    pub fn new(limits: HostLimits) -> Rc<Self> {
        let random = Random::new(1);
        let script = Script {
            kv: MemoryKv::with_limits(limits.clone()),
            steps: RefCell::default(),
            held: RefCell::default(),
            commits: Cell::new(0),
            durability: Cell::default(),
        };
        Rc::new(Self {
            executor: Executor::new(random.fork("schedule")),
            script: Rc::new(script),
            random,
            limits,
            instances: Cell::new(0),
        })
    }

    /// Plays a scenario to its end.
    ///
    /// # Panics
    /// When it hangs or panics.
    pub fn play<F: Future<Output = ()> + 'static>(limits: HostLimits, scene: impl FnOnce(Rc<Self>) -> F) {
        let stage = Self::new(limits);
        let executor = stage.executor.clone();
        if let Err(stuck) = executor.run(600_000, scene(stage)) {
            executor.leak();
            panic!("{}", stuck.0);
        }
        executor.clear();
    }

    /// Another instance, without work in the background.
    ///
    /// # Panics
    /// When it does not open.
    pub async fn open(&self) -> Store {
        self.instances.set(self.instances.get() + 1);
        let env = Env {
            kv: Rc::new(ScriptedHost {
                executor: self.executor.clone(),
                script: Rc::clone(&self.script),
                limits: self.limits.clone(),
            }),
            clock: Rc::new(SimClock::new(&self.executor, Rc::default())),
            entropy: Rc::new(SimEntropy(self.random.fork(&format!("entropy {}", self.instances.get())))),
            timer: Rc::new(SimTimer(self.executor.clone())),
            spawn: Rc::new(GroupSpawner { executor: self.executor.clone(), group: WORLD }),
            notify: Rc::new(NoNotify),
            expander: Rc::new(NoExpander),
        };
        let options = OpenOptions { auto_compact: false, ..OpenOptions::default() };
        Store::open(env, options).await.expect("opens")
    }

    /// Runs something beside the scene.
    pub fn start(&self, name: &str, future: impl Future<Output = ()> + 'static) {
        self.executor.spawn(WORLD, name, future);
    }
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stage").field("script", &self.script).finish_non_exhaustive()
    }
}

/// Records of these texts.
///
/// # Panics
/// Never: texts can be encoded.
pub fn records(space: &str, segment: &str, texts: &[&str], expected: Option<u64>) -> NewRecords {
    let bodies: Vec<Vec<u8>> = texts
        .iter()
        .map(|text| encode_entry_body(text.as_bytes(), &std::collections::BTreeMap::new()).expect("encodes"))
        .collect();
    let frame = encode_record_frame(&bodies, None).expect("encodes");
    NewRecords {
        space: space.into(),
        segment: segment.into(),
        records: RecordFrame::parse(frame).expect("parses"),
        expected,
    }
}

/// The texts of a page.
pub fn texts(page: &Page) -> Vec<String> {
    page.entries().map(|entry| String::from_utf8_lossy(entry.content.payload()).into_owned()).collect()
}
