//! Several writers of one space, and writes that are taken back.

mod common;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Poll;

use common::{World, frame, records};
use futures::channel::oneshot;
use streamkit_core::{
    Batch, Commit, ErrorCode, HostLimits, Kv, MemoryKv, OpenOptions, Result, ScanPage, ScanRange, Store,
    StreamAppend, WriteOptions,
};

/// Timers fire at once here, and are not to end calls of the host.
fn patient() -> OpenOptions {
    OpenOptions { host_timeout: 0, ..OpenOptions::default() }
}

/// A host that many write to: whoever commits from a head that it did not read right before comes too late.
struct Busy {
    inner: MemoryKv,
    other: Store,
    /// Commits that come too late in any case.
    lost: Cell<u32>,
    head_was_read: Cell<bool>,
}

#[async_trait::async_trait(?Send)]
impl Kv for Busy {
    fn name(&self) -> &str {
        "busy"
    }

    fn limits(&self) -> &HostLimits {
        self.inner.limits()
    }

    async fn get(&self, keys: Vec<Vec<u8>>) -> Result<Vec<Option<Vec<u8>>>> {
        if keys.contains(&b"INV\0SPACES\0orders".to_vec()) {
            self.head_was_read.set(true);
        }
        self.inner.get(keys).await
    }

    async fn scan(&self, range: ScanRange) -> Result<ScanPage> {
        self.inner.scan(range).await
    }

    async fn commit(&self, batch: Batch) -> Result<Commit> {
        let lost = self.lost.get();
        self.lost.set(lost.saturating_sub(1));
        let is_fresh = self.head_was_read.replace(false);
        if lost > 0 || !is_fresh {
            self.other.append(records("orders", "two", &["o"]), WriteOptions::default()).await?;
        }
        self.inner.commit(batch).await
    }
}

#[test]
fn an_append_gets_through_beside_a_writer_that_never_rests() {
    let world = World::new();
    let kv = MemoryKv::with_limits(HostLimits { shared: true, ..HostLimits::default() });
    let other = world.open(&kv);
    let busy = Busy { inner: kv, other, lost: Cell::new(3), head_was_read: Cell::new(false) };
    let store = world.open_with(Rc::new(busy), patient()).expect("opens");
    world.run(async {
        let made = store.append(records("orders", "one", &["x"]), WriteOptions::default()).await;
        assert_eq!(made.expect("moves on").status.last_sequence, 1);
    });
}

/// A host whose next read of heads, or next commit, waits until it is let go on.
struct Gated {
    inner: MemoryKv,
    gate: RefCell<Option<(Call, oneshot::Receiver<()>)>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Call {
    Get,
    Commit,
}

impl Gated {
    async fn pass(&self, call: Call) {
        let waits = self.gate.borrow().as_ref().is_some_and(|(shut, _)| *shut == call);
        let gate = if waits { self.gate.borrow_mut().take() } else { None };
        if let Some((_, gate)) = gate {
            gate.await.expect("is opened");
        }
    }
}

#[async_trait::async_trait(?Send)]
impl Kv for Gated {
    fn name(&self) -> &str {
        "gated"
    }

    fn limits(&self) -> &HostLimits {
        self.inner.limits()
    }

    async fn get(&self, keys: Vec<Vec<u8>>) -> Result<Vec<Option<Vec<u8>>>> {
        self.pass(Call::Get).await;
        self.inner.get(keys).await
    }

    async fn scan(&self, range: ScanRange) -> Result<ScanPage> {
        self.inner.scan(range).await
    }

    async fn commit(&self, batch: Batch) -> Result<Commit> {
        self.pass(Call::Commit).await;
        self.inner.commit(batch).await
    }
}

/// Lets others run.
async fn turn() {
    let mut waited = false;
    std::future::poll_fn(|context| {
        context.waker().wake_by_ref();
        if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// What becomes of a write, to a stream or a plain segment, that is taken back while the host is at that call, beside
/// one that is not. The last sequence that is stored then.
fn taken_back_at(call: Call, to_stream: bool) -> (Result<u64>, Result<u64>, u64) {
    let world = World::new();
    let host = Rc::new(Gated { inner: MemoryKv::new(), gate: RefCell::new(None) });
    let store = world.open_with(Rc::clone(&host) as Rc<dyn Kv>, patient()).expect("opens");
    let (open, gate) = oneshot::channel();
    *host.gate.borrow_mut() = Some((call, gate));
    let append = |tag| {
        let options = WriteOptions { tag, ..WriteOptions::default() };
        let store = store.clone();
        async move {
            if to_stream {
                let (stream, records) = ("orders".into(), frame(&["x"]));
                let append = StreamAppend { stream, records, partition: None, partition_key: None };
                return store.append_to_stream(append, options).await.map(|made| made.last_id.n + 1);
            }
            let made = store.append(records("orders", "0", &["x"]), options).await;
            made.map(|made| made.status.last_sequence)
        }
    };
    world.run(async {
        let cancel = async {
            while host.gate.borrow().is_some() {
                turn().await;
            }
            assert!(store.cancel(7), "there is such a call");
            open.send(()).expect("waits");
        };
        let (taken_back, kept, ()) = futures::join!(append(7), append(8), cancel);
        let status = store.segment_status("orders", "0").await.expect("answers");
        (taken_back, kept, status.map_or(0, |status| status.last_sequence))
    })
}

#[test]
fn a_write_is_taken_back_until_it_is_handed_to_the_host() {
    for to_stream in [false, true] {
        let (taken_back, kept, last) = taken_back_at(Call::Get, to_stream);
        assert_eq!(taken_back.expect_err("taken back").code(), ErrorCode::Aborted);
        assert_eq!((kept.expect("stored"), last), (1, 1));
        let (handed_over, kept, last) = taken_back_at(Call::Commit, to_stream);
        assert_eq!((handed_over.expect("stored"), kept.expect("stored"), last), (1, 2, 2));
    }
}
