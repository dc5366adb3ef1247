//! Turns: callers of one instance that would only race each other go one after another. Who has a turn at a key keeps
//! the others waiting, in the order in which they came, until it is dropped.

use alloc::collections::VecDeque;
use alloc::rc::Rc;

use futures_channel::oneshot;

use super::Inner;
use crate::kv::Bytes;
use crate::sorted::SortedMap;

/// The keys that somebody has a turn at, and for each of them who waits for the next turn.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    taken: SortedMap<Bytes, VecDeque<oneshot::Sender<()>>>,
}

impl Turns {
    /// Whether somebody has a turn at this key.
    pub(crate) fn is_taken(&self, key: impl FnOnce() -> Bytes) -> bool {
        !self.taken.is_empty() && self.taken.contains_key(&key())
    }
}

/// A turn; it ends when this is dropped.
#[must_use]
pub(crate) struct Turn {
    inner: Rc<Inner>,
    key: Bytes,
}

/// Waits for a turn at this key.
pub(crate) async fn take_turn(inner: &Rc<Inner>, key: Bytes) -> Turn {
    let waiting = {
        let mut turns = inner.turns.borrow_mut();
        if let Some(queue) = turns.taken.get_mut(&key) {
            let (sender, waiting) = oneshot::channel();
            queue.push_back(sender);
            Some(waiting)
        } else {
            turns.taken.insert(key.clone(), VecDeque::new());
            None
        }
    };
    // Made before the wait: where the caller goes away while its turn comes, dropping this passes the turn on.
    let turn = Pending { turn: Some(Turn { inner: Rc::clone(inner), key }), waiting };
    turn.wait().await
}

/// A turn that was asked for, and has come where nothing is waited for.
struct Pending {
    turn: Option<Turn>,
    waiting: Option<oneshot::Receiver<()>>,
}

impl Pending {
    async fn wait(mut self) -> Turn {
        if let Some(waiting) = &mut self.waiting {
            let _ = waiting.await;
        }
        self.waiting = None;
        match self.turn.take() {
            Some(turn) => turn,
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
                if let Some(turn) = self.turn.take() {
                    turn.forget();
                }
            }
        }
    }
}

impl Turn {
    /// Ends a turn that never came: nobody is told.
    fn forget(mut self) {
        self.key.clear();
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.key.is_empty() {
            return;
        }
        let mut turns = self.inner.turns.borrow_mut();
        let Some(queue) = turns.taken.get_mut(&self.key) else {
            return;
        };
        while let Some(next) = queue.pop_front() {
            if next.send(()).is_ok() {
                return;
            }
        }
        turns.taken.remove(&self.key);
    }
}
