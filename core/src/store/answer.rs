//! Callbacks that are called exactly once, whatever becomes of the call that they are about.

use alloc::boxed::Box;

use crate::error::{Error, Result};

/// Calls back once, when it is dropped: with the result that it was given, or, where it was given none because the
/// store or its executor went away, with an error that says so.
pub(crate) struct Answer<T> {
    then: Option<Box<dyn FnOnce(Result<T>)>>,
    known: Option<Result<T>>,
}

impl<T> Answer<T> {
    pub(crate) fn new(then: impl FnOnce(Result<T>) + 'static) -> Self {
        Self { then: Some(Box::new(then)), known: None }
    }

    /// Gives it the result ahead of time: it calls back with that when it is dropped.
    pub(crate) fn knowing(self, result: Result<T>) -> Self {
        let mut answer = self;
        answer.known = Some(result);
        answer
    }

    /// Calls back now.
    pub(crate) fn give(self, result: Result<T>) {
        drop(self.knowing(result));
    }
}

impl<T> Drop for Answer<T> {
    fn drop(&mut self) {
        if let Some(then) = self.then.take() {
            then(self.known.take().unwrap_or_else(|| Err(went_away())));
        }
    }
}

/// What a caller hears that nobody answers any more: the store, or what runs it, is gone. A commit may be under way.
pub(crate) fn went_away() -> Error {
    Error::unknown("the store went away before it answered")
}
