//! Calls of the store that call back, as futures.

use futures_channel::oneshot;
use streamkit_core::{Error, Result};

/// Starts a call, and gives what it called back with.
pub async fn told<T: 'static>(start: impl FnOnce(Box<dyn FnOnce(Result<T>)>)) -> Result<T> {
    let (sender, answer) = oneshot::channel();
    start(Box::new(move |result| drop(sender.send(result))));
    answer.await.unwrap_or_else(|_| Err(Error::unknown("it never called back")))
}
