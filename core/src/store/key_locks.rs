//! Locks in memory: callers of one instance that would only race each other go one after another. Who holds the lock of
//! a key keeps the others waiting, in the order in which they came, until it is dropped.

use alloc::collections::VecDeque;
use alloc::rc::Rc;

use futures_channel::oneshot;

use super::Inner;
use crate::kv::Bytes;
use crate::sorted::SortedMap;

/// The keys that are locked, and for each of them who waits for its lock.
#[derive(Debug, Default)]
pub(crate) struct KeyLocks {
    held: SortedMap<Bytes, VecDeque<oneshot::Sender<()>>>,
}

impl KeyLocks {
    /// Whether somebody holds the lock of this key.
    pub(crate) fn is_locked(&self, key: impl FnOnce() -> Bytes) -> bool {
        !self.held.is_empty() && self.held.contains_key(&key())
    }
}

/// The lock of a key, until this is dropped.
#[must_use]
pub(crate) struct KeyLock {
    inner: Rc<Inner>,
    key: Bytes,
}

/// Waits for the lock of this key.
pub(crate) async fn lock_key(inner: &Rc<Inner>, key: Bytes) -> KeyLock {
    let waiting = {
        let mut locks = inner.locks.borrow_mut();
        if let Some(queue) = locks.held.get_mut(&key) {
            let (sender, waiting) = oneshot::channel();
            queue.push_back(sender);
            Some(waiting)
        } else {
            locks.held.insert(key.clone(), VecDeque::new());
            None
        }
    };
    // Made before the wait: where the caller goes away while the lock comes, dropping this passes it on.
    let lock = Pending { lock: Some(KeyLock { inner: Rc::clone(inner), key }), waiting };
    lock.wait().await
}

/// A lock that was asked for, and is held where nothing is waited for.
struct Pending {
    lock: Option<KeyLock>,
    waiting: Option<oneshot::Receiver<()>>,
}

impl Pending {
    async fn wait(mut self) -> KeyLock {
        if let Some(waiting) = &mut self.waiting {
            let _ = waiting.await;
        }
        self.waiting = None;
        match self.lock.take() {
            Some(lock) => lock,
            // Never: it is taken here and when this is dropped, and this is the only wait.
            None => core::future::pending().await,
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(waiting) = &mut self.waiting {
            waiting.close();
            if !matches!(waiting.try_recv(), Ok(Some(()))) {
                // It never came: nothing to pass on.
                if let Some(lock) = self.lock.take() {
                    lock.forget();
                }
            }
        }
    }
}

impl KeyLock {
    /// Lets go of a lock that was never held: nobody is told.
    fn forget(mut self) {
        self.key.clear();
    }
}

impl Drop for KeyLock {
    fn drop(&mut self) {
        if self.key.is_empty() {
            return;
        }
        let mut locks = self.inner.locks.borrow_mut();
        let Some(queue) = locks.held.get_mut(&self.key) else {
            return;
        };
        while let Some(next) = queue.pop_front() {
            if next.send(()).is_ok() {
                return;
            }
        }
        locks.held.remove(&self.key);
    }
}
