//! Spaces of which rows may be asked for before the head has come.

use alloc::rc::Rc;
use alloc::vec::Vec;

/// A few spaces are read over and over.
const REMEMBERED: usize = 16;

/// Spaces whose head was seen with entries: no import fills them any more, and none that was broken off has left
/// rows there. Rows that are older than a head are then those of entries, whichever head that is.
#[derive(Debug, Default)]
pub(crate) struct Settled(Vec<Rc<str>>);

impl Settled {
    pub(crate) fn has(&self, space: &str) -> bool {
        self.0.iter().any(|one| **one == *space)
    }

    pub(super) fn add(&mut self, space: &str) {
        if self.has(space) {
            return;
        }
        if self.0.len() == REMEMBERED {
            self.0.remove(0);
        }
        self.0.push(Rc::from(space));
    }
}
