//! One thread, virtual time, and a seeded choice of which ready task goes next.
//!
//! Tasks belong to a group: an instance of the store, or the world ([`WORLD`]). Killing a group drops its tasks, as
//! the end of a process would. Time moves only when no task is ready, to the next timer.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use futures_task::{FutureObj, LocalFutureObj, LocalSpawn, SpawnError};
use futures_util::future::{FutureExt, LocalBoxFuture};

use crate::random::Random;

/// The group of what never crashes: actors, the network, the chaos.
pub const WORLD: u64 = 0;

type TaskFuture = Pin<Box<dyn Future<Output = ()>>>;

struct Task {
    name: String,
    group: u64,
    future: Option<TaskFuture>,
    waker: Waker,
}

/// Tasks that were woken. A mutex only because wakers must be `Send`.
type Ready = Arc<Mutex<Vec<u64>>>;

struct TaskWaker {
    id: u64,
    ready: Ready,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut ready = self.ready.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !ready.contains(&self.id) {
            ready.push(self.id);
        }
    }
}

struct State {
    random: Random,
    now: Cell<u64>,
    polls: Cell<u64>,
    next_id: Cell<u64>,
    tasks: RefCell<BTreeMap<u64, Task>>,
    timers: RefCell<BTreeMap<(u64, u64), Waker>>,
    ready: Ready,
    /// Groups to be killed once the task that is running has paused.
    condemned: RefCell<BTreeSet<u64>>,
    dead: RefCell<BTreeSet<u64>>,
}

/// A handle on the executor; clones share it.
#[derive(Clone)]
pub struct Executor {
    state: Rc<State>,
}

/// Why a run could not end.
#[derive(Debug)]
pub struct Stuck(pub String);

impl Executor {
    /// An executor that draws its choices from `random`.
    pub fn new(random: Random) -> Self {
        Self {
            state: Rc::new(State {
                random,
                now: Cell::new(0),
                polls: Cell::new(0),
                next_id: Cell::new(1),
                tasks: RefCell::default(),
                timers: RefCell::default(),
                ready: Ready::default(),
                condemned: RefCell::default(),
                dead: RefCell::default(),
            }),
        }
    }

    /// Virtual milliseconds since the run began.
    pub fn now(&self) -> u64 {
        self.state.now.get()
    }

    fn next_id(&self) -> u64 {
        let id = self.state.next_id.get();
        self.state.next_id.set(id + 1);
        id
    }

    /// Starts a task. In a group that is dead it never runs, and goes with the rest of it: what dies must not hear that.
    pub fn spawn(&self, group: u64, name: &str, future: impl Future<Output = ()> + 'static) {
        let id = self.next_id();
        let waker = Waker::from(Arc::new(TaskWaker { id, ready: Arc::clone(&self.state.ready) }));
        if self.is_dead(group) {
            self.state.condemned.borrow_mut().insert(group);
        } else {
            waker.wake_by_ref();
        }
        let task = Task { name: name.into(), group, future: Some(Box::pin(future)), waker };
        self.state.tasks.borrow_mut().insert(id, task);
    }

    /// Drops every task of the group, now or as soon as the one that is running has paused.
    pub fn kill(&self, group: u64) {
        self.state.dead.borrow_mut().insert(group);
        self.state.condemned.borrow_mut().insert(group);
    }

    /// Whether the group was killed.
    pub fn is_dead(&self, group: u64) -> bool {
        self.state.dead.borrow().contains(&group)
    }

    fn reap(&self) {
        loop {
            let condemned = std::mem::take(&mut *self.state.condemned.borrow_mut());
            if condemned.is_empty() {
                return;
            }
            let dropped: Vec<Task> = {
                let mut tasks = self.state.tasks.borrow_mut();
                let ids: Vec<u64> = tasks
                    .iter()
                    .filter(|(_, task)| condemned.contains(&task.group))
                    .map(|(id, _)| *id)
                    .collect();
                ids.iter().filter_map(|id| tasks.remove(id)).collect()
            };
            // Outside the borrow: what is dropped may wake others.
            drop(dropped);
        }
    }

    /// A timer of virtual time.
    pub fn sleep(&self, ms: u64) -> Sleep {
        Sleep { executor: self.clone(), until: self.now() + ms, key: None }
    }

    /// Runs until `main` is done.
    ///
    /// # Errors
    /// When nothing can run any more, when virtual time passes `limit`, or when a task panics: with the tasks that were
    /// pending.
    pub fn run<T: 'static>(&self, limit: u64, main: impl Future<Output = T> + 'static) -> Result<T, Stuck> {
        let result: Rc<RefCell<Option<T>>> = Rc::default();
        let slot = Rc::clone(&result);
        self.spawn(WORLD, "main", async move {
            let done = main.await;
            *slot.borrow_mut() = Some(done);
        });
        let until = self.now() + limit;
        loop {
            if let Some(done) = result.borrow_mut().take() {
                return Ok(done);
            }
            let next = {
                let mut ready = self.state.ready.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                if ready.is_empty() {
                    None
                } else {
                    let index = self.state.random.index(ready.len());
                    Some(ready.swap_remove(index))
                }
            };
            match next {
                Some(id) => self.poll(id)?,
                None => self.advance(until)?,
            }
            self.reap();
        }
    }

    fn poll(&self, id: u64) -> Result<(), Stuck> {
        let (mut future, waker) = {
            let mut tasks = self.state.tasks.borrow_mut();
            let Some(task) = tasks.get_mut(&id) else { return Ok(()) };
            let Some(future) = task.future.take() else { return Ok(()) };
            (future, task.waker.clone())
        };
        let polls = self.state.polls.get() + 1;
        self.state.polls.set(polls);
        if polls > 5_000_000 {
            return Err(self.stuck("five million polls: something spins"));
        }
        let mut context = Context::from_waker(&waker);
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut context)));
        match polled {
            Ok(Poll::Pending) => {
                if let Some(task) = self.state.tasks.borrow_mut().get_mut(&id) {
                    task.future = Some(future);
                }
            }
            Ok(Poll::Ready(())) => {
                let done = self.state.tasks.borrow_mut().remove(&id);
                drop(future);
                drop(done);
            }
            Err(panic) => {
                let said = panic
                    .downcast_ref::<String>()
                    .cloned()
                    .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
                    .unwrap_or_else(|| "a panic without words".into());
                let name = self.state.tasks.borrow().get(&id).map_or(String::new(), |task| task.name.clone());
                // What a panic left behind is not safe to drop: it may panic again.
                std::mem::forget(future);
                return Err(Stuck(format!("task {name} panicked: {said}")));
            }
        }
        Ok(())
    }

    fn advance(&self, until: u64) -> Result<(), Stuck> {
        let next = self.state.timers.borrow_mut().pop_first();
        let Some(((at, _), waker)) = next else {
            return Err(self.stuck("nothing is ready and no timer is set"));
        };
        if at > until {
            return Err(self.stuck("the limit of virtual time has passed"));
        }
        self.state.now.set(at);
        waker.wake();
        // All timers of one moment fire together, so that chance decides their order.
        loop {
            let waker = {
                let mut timers = self.state.timers.borrow_mut();
                match timers.first_key_value() {
                    Some(((same, _), _)) if *same == at => timers.pop_first().map(|(_, waker)| waker),
                    _ => None,
                }
            };
            match waker {
                Some(waker) => waker.wake(),
                None => return Ok(()),
            }
        }
    }

    fn stuck(&self, why: &str) -> Stuck {
        let tasks = self.state.tasks.borrow();
        let names: Vec<String> =
            tasks.iter().map(|(id, task)| format!("#{id} {} (group {})", task.name, task.group)).collect();
        let (now, timers) = (self.now(), self.state.timers.borrow().len());
        Stuck(format!(
            "hang: {why}, at {now} ms of virtual time, {timers} timers set; pending tasks:\n  {}",
            names.join("\n  ")
        ))
    }

    /// Drops all tasks: they hold the executor, and it them.
    pub fn clear(&self) {
        let tasks = std::mem::take(&mut *self.state.tasks.borrow_mut());
        drop(tasks);
        let timers = std::mem::take(&mut *self.state.timers.borrow_mut());
        drop(timers);
    }

    /// Leaks all tasks, after a panic.
    pub fn leak(&self) {
        std::mem::forget(std::mem::take(&mut *self.state.tasks.borrow_mut()));
        std::mem::forget(std::mem::take(&mut *self.state.timers.borrow_mut()));
    }
}

impl std::fmt::Debug for Executor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Executor").field("now", &self.now()).finish_non_exhaustive()
    }
}

/// A timer; dropping it stops it.
pub struct Sleep {
    executor: Executor,
    until: u64,
    key: Option<(u64, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.executor.now() >= self.until && self.key.is_some() {
            return Poll::Ready(());
        }
        // Even a sleep of 0 lets others go first.
        let key = match self.key {
            Some(key) => key,
            // Where it is first waited for after its time, that is now: time does not go back.
            None => (self.until.max(self.executor.now()), self.executor.next_id()),
        };
        self.key = Some(key);
        self.executor.state.timers.borrow_mut().insert(key, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            let stopped = self.executor.state.timers.borrow_mut().remove(&key);
            drop(stopped);
        }
    }
}

/// Starts tasks in one group: what a store is given.
#[derive(Debug, Clone)]
pub struct GroupSpawner {
    /// Where they run.
    pub executor: Executor,
    /// Whose they are.
    pub group: u64,
}

impl LocalSpawn for GroupSpawner {
    fn spawn_local_obj(&self, future: LocalFutureObj<'static, ()>) -> Result<(), SpawnError> {
        self.executor.spawn(self.group, "store", future);
        Ok(())
    }
}

impl futures_task::Spawn for GroupSpawner {
    fn spawn_obj(&self, future: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        self.executor.spawn(self.group, "store", future);
        Ok(())
    }
}

/// Boxes a sleep as the engine's timers want it.
pub fn boxed_sleep(executor: &Executor, ms: u64) -> LocalBoxFuture<'static, ()> {
    executor.sleep(ms).boxed_local()
}
