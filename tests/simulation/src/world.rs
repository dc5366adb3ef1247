//! What the actors of a run share: the instances, the disk, the oracle.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;

use futures_channel::oneshot;
use futures_util::future::{LocalBoxFuture, join_all};
use streamkit_core::{Env, ErrorCode, NoExpander, Notify, Store};

use crate::classes::Class;
use crate::clock::{SimClock, SimEntropy, SimTimer};
use crate::executor::{Executor, GroupSpawner, Stuck, WORLD};
use crate::host::{Disk, SimHost};
use crate::oracle::Oracle;
use crate::random::Random;
use crate::trace::Trace;

/// One process that has the store open, and opens it again after it died.
#[derive(Debug)]
pub struct Instance {
    /// Its wall clock.
    pub clock: SimClock,
    open: RefCell<Option<(u64, Store)>>,
    group: Cell<u64>,
}

/// Everything of one run.
#[derive(Debug)]
pub struct World {
    /// Runs everything.
    pub executor: Executor,
    /// Chance of the seed; fork it.
    pub random: Random,
    /// What happened.
    pub trace: Trace,
    /// The data.
    pub disk: Rc<Disk>,
    /// What kind of host it is.
    pub class: Class,
    /// Who has it open.
    pub instances: Vec<Instance>,
    /// What callers were told.
    pub oracle: Oracle,
    /// Spaces of the run.
    pub spaces: Vec<&'static str>,
    /// Segments of the run.
    pub segments: Vec<&'static str>,
    /// Nothing is written any more: readers and followers may end once they have everything.
    pub written: Cell<bool>,
    /// Instances that die are not opened again.
    pub ended: Cell<bool>,
    floor: Rc<Cell<u64>>,
    groups: Cell<u64>,
    problem: RefCell<Option<String>>,
}

/// Names of which some are the beginnings of others.
const SPACES: &[&str] = &["order-1", "order-10", "order", "o", "order-1\u{e9}", "order-1 "];
const SEGMENTS: &[&str] = &["a", "a1", "a1 ", "b", "a\u{80}", "order-1"];

impl World {
    /// A world on an empty disk.
    pub fn new(executor: &Executor, random: &Random, trace: &Trace, class: Class) -> Rc<Self> {
        let disk = Disk::new(executor, random, trace, class.limits.clone(), class.staleness, 1);
        let floor = Rc::new(Cell::new(0));
        let names = random.fork("names");
        let some = |from: &[&'static str], most: u64| {
            let mut names_left = from.to_vec();
            let count = names.between(1, most);
            (0..count).map(|_| names_left.swap_remove(names.index(names_left.len()))).collect::<Vec<_>>()
        };
        let instances = (0..class.instances)
            .map(|_| Instance {
                clock: SimClock::new(executor, Rc::clone(&floor)),
                open: RefCell::default(),
                group: Cell::new(0),
            })
            .collect();
        Rc::new(Self {
            executor: executor.clone(),
            random: random.clone(),
            trace: trace.clone(),
            disk,
            class,
            instances,
            oracle: Oracle::default(),
            spaces: some(SPACES, 3),
            segments: some(SEGMENTS, 3),
            written: Cell::new(false),
            ended: Cell::new(false),
            floor,
            groups: Cell::new(1),
            problem: RefCell::default(),
        })
    }

    /// Writes down what must not be; the first of it ends the run.
    pub fn check(&self, result: Result<(), String>) {
        if let Err(problem) = result {
            self.trace.say(|| format!("PROBLEM: {problem}"));
            self.problem.borrow_mut().get_or_insert(problem);
        }
    }

    /// The first thing that was not as it must be.
    pub fn problem(&self) -> Option<String> {
        // What the host refused comes first: the rest may follow from it.
        let breach = self.disk.violations().first().map(|what| format!("the host was handed {what}"));
        breach.or_else(|| self.problem.borrow().clone())
    }

    /// What the run came to: what it gave, or the first thing that was not as it must be. Its tasks are let go.
    pub fn end<T>(&self, result: Result<Result<T, String>, Stuck>) -> Result<T, String> {
        // What was noticed first is nearer to the cause.
        let first = self.problem();
        match result {
            Ok(result) => {
                self.executor.clear();
                first.map_or(result, Err)
            }
            Err(Stuck(why)) => {
                self.executor.leak();
                Err(first.map_or_else(|| why.clone(), |first| format!("{first}\n{why}")))
            }
        }
    }

    fn new_group(&self) -> u64 {
        self.groups.set(self.groups.get() + 1);
        self.groups.get()
    }

    /// Opens a store on the disk, in a group of its own.
    pub async fn open(
        self: &Rc<Self>,
        index: usize,
    ) -> streamkit_core::Result<(u64, Store, oneshot::Receiver<()>)> {
        let group = self.new_group();
        self.instances[index].group.set(group);
        let writer = index == 0 || !self.class.single_writer;
        let env = Env {
            kv: Rc::new(SimHost::new(&self.disk, group, writer)),
            clock: Rc::new(self.instances[index].clock.clone()),
            entropy: Rc::new(SimEntropy(self.random.fork(&format!("entropy {group}")))),
            timer: Rc::new(SimTimer(self.executor.clone())),
            spawn: Rc::new(GroupSpawner { executor: self.executor.clone(), group }),
            notify: Rc::new(Hints { world: Rc::downgrade(self), from: index }),
            expander: Rc::new(NoExpander),
        };
        let (alive, died) = oneshot::channel::<()>();
        self.executor.spawn(group, "life of an instance", async move {
            let _alive = alive;
            std::future::pending::<()>().await;
        });
        let (sender, opened) = oneshot::channel();
        let options = self.class.options.clone();
        self.executor.spawn(group, "open", async move {
            let _ = sender.send(Store::open(env, options).await);
        });
        let store = opened.await.unwrap_or_else(|_| {
            Err(streamkit_core::Error::unavailable("the instance died while it opened"))
        })?;
        Ok((group, store, died))
    }

    /// Opens a store on the disk whose clock is right.
    pub async fn open_right(self: &Rc<Self>) -> streamkit_core::Result<(u64, Store, oneshot::Receiver<()>)> {
        self.instances[0].clock.set_right();
        self.open(0).await
    }

    /// Keeps an instance open: opens it again whenever it died.
    pub async fn keep_open(self: Rc<Self>, index: usize) {
        let random = self.random.fork(&format!("instance {index}"));
        while !self.ended.get() {
            match self.open(index).await {
                Ok((group, store, died)) => {
                    self.trace.say(|| format!("instance {index} is open as [{group}]"));
                    *self.instances[index].open.borrow_mut() = Some((group, store));
                    let _ = died.await;
                    self.trace.say(|| format!("instance {index} [{group}] died"));
                    let store = self.instances[index].open.borrow_mut().take();
                    drop(store);
                }
                Err(error)
                    if error.code() == ErrorCode::Unavailable || error.code() == ErrorCode::Conflict =>
                {
                    self.trace.say(|| format!("instance {index} did not open: {error}"));
                }
                Err(error) => self.check(Err(format!("instance {index} did not open: {error}"))),
            }
            // A writer on a host that shows old rows waits until it is sure to see its own.
            let least = if index == 0 { self.class.staleness + 1 } else { 1 };
            self.executor.sleep(random.between(least, least + 60)).await;
        }
    }

    /// Runs a call on an instance. `None`: it is not open, or died meanwhile.
    pub async fn call<T: 'static, F: Future<Output = T> + 'static>(
        &self,
        index: usize,
        name: &str,
        call: impl FnOnce(Store) -> F,
    ) -> Option<T> {
        let (group, store) = self.instances[index].open.borrow().clone()?;
        if self.executor.is_dead(group) {
            return None;
        }
        let (sender, done) = oneshot::channel();
        let future = call(store);
        self.executor.spawn(group, name, async move {
            let _ = sender.send(future.await);
        });
        done.await.ok()
    }

    /// Waits until an instance is open, within reason.
    pub async fn until_open(&self, index: usize) {
        for _ in 0..200 {
            let open = self.instances[index].open.borrow().as_ref().map(|(group, _)| *group);
            if open.is_some_and(|group| !self.executor.is_dead(group)) || self.ended.get() {
                return;
            }
            self.executor.sleep(5).await;
        }
    }

    /// Any instance.
    pub fn any_instance(&self, random: &Random) -> usize {
        random.index(self.instances.len())
    }

    /// An instance that may write.
    pub fn any_writer(&self, random: &Random) -> usize {
        if self.class.single_writer { 0 } else { self.any_instance(random) }
    }

    /// Ends an instance at once.
    pub fn crash(&self, index: usize) {
        self.trace.say(|| format!("instance {index} is killed"));
        let group = self.instances[index].group.get();
        if group != 0 {
            self.executor.kill(group);
        }
    }

    /// Closes an instance, and ends it.
    pub async fn close(&self, index: usize) {
        let Some((group, _)) = self.instances[index].open.borrow().clone() else { return };
        self.trace.say(|| format!("instance {index} is closed"));
        self.call(index, "close", |store| async move { store.close().await }).await;
        if self.instances[index].group.get() == group {
            self.executor.kill(group);
        }
    }

    /// Cuts the power.
    pub fn lose_power(&self) {
        for index in 0..self.instances.len() {
            self.crash(index);
        }
        self.disk.lose_power(self.new_group());
        self.oracle.power_lost();
        // It takes a while until everything runs again, and clocks that were set are right by then.
        self.floor.set(self.oracle.highest_ms().max(self.floor.get()) + 1);
    }

    /// Tells an instance that something changed.
    pub fn hint(&self, index: usize) {
        let store = self.instances[index].open.borrow().clone();
        if let Some((group, store)) = store
            && !self.executor.is_dead(group)
        {
            store.hint();
        }
    }

    /// Runs several of these to their end.
    pub async fn all(futures: Vec<LocalBoxFuture<'static, ()>>) {
        join_all(futures).await;
    }
}

/// Hints to the other instances: late, doubled or lost.
struct Hints {
    world: std::rc::Weak<World>,
    from: usize,
}

impl Notify for Hints {
    fn notify(&self) {
        let Some(world) = self.world.upgrade() else { return };
        if !world.class.limits.shared {
            return;
        }
        for index in (0..world.instances.len()).filter(|index| *index != self.from) {
            let times = world.random.fork("hints").pick(&[0, 1, 1, 1, 2]);
            for _ in 0..times {
                let ms = world.random.next() % 300;
                let later = Rc::clone(&world);
                world.executor.spawn(WORLD, "hint", async move {
                    later.executor.sleep(ms).await;
                    later.hint(index);
                });
            }
        }
    }
}
