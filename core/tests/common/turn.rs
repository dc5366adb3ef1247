//! Letting others run, under any executor.

use std::future::poll_fn;
use std::task::Poll;

/// Is ready when it is polled for the second time, which it asks for at once.
pub(crate) async fn turn() {
    let mut waited = false;
    poll_fn(|context| {
        if waited {
            return Poll::Ready(());
        }
        waited = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
