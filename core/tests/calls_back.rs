//! Appends that call back.
#![cfg(feature = "guarded-writes")]

mod common;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use common::hooked::{Hook, HostCall, Stuck, hooked};
use common::{World, records, told};
use futures::channel::oneshot;
use streamkit_core::{
    EntryId, ErrorCode, MemoryKv, NewRecords, OpenOptions, PartitionChoice, Result, Retention, Store,
    StreamAppend, StreamAppended, StreamRead, WriteOptions, Written,
};

type Answers = Rc<RefCell<Vec<(u32, Result<Written>)>>>;

/// Starts appends that keep what they are told, each under its number.
fn start(store: &Store, answers: &Answers, number: u32, records: NewRecords) {
    let answers = Rc::clone(answers);
    store.append_then(records, WriteOptions::default(), move |answer| {
        answers.borrow_mut().push((number, answer));
    });
}

fn to_stream(payload: &str) -> StreamAppend {
    common::to_stream("s", &[payload], None)
}

async fn append(store: &Store, payload: &str) -> Result<StreamAppended> {
    told(|then| store.append_to_stream_then(to_stream(payload), WriteOptions::default(), then)).await
}

#[test]
fn every_append_is_answered_once_and_in_order() {
    let world = World::new();
    let store = world.open(&MemoryKv::new());
    let answers = Answers::default();
    start(&store, &answers, 0, records("orders", "a", &["x", "y"]));
    start(&store, &answers, 1, NewRecords { expected: Some(7), ..records("orders", "a", &["z"]) });
    start(&store, &answers, 2, records("orders", "b", &["x"]));
    start(&store, &answers, 3, NewRecords { expected: Some(2), ..records("orders", "a", &["z"]) });
    assert!(answers.borrow().is_empty(), "nothing is stored yet");
    world.settle();
    let answers = answers.take();
    let numbers: Vec<u32> = answers.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [0, 1, 2, 3]);
    let last = |index: usize| answers[index].1.as_ref().map(|written| written.last_sequence);
    assert_eq!([last(0), last(2), last(3)], [Ok(2), Ok(1), Ok(3)]);
    assert_eq!(last(1).expect_err("refused").code(), ErrorCode::SequenceMismatch);
    let written = answers[3].1.as_ref().expect("stored");
    let status = world.run(store.segment_status("orders", "a")).expect("answers").expect("is there");
    assert_eq!(
        (written.first_sequence, written.first_ms, written.last_sequence, written.last_ms),
        (status.first_sequence, status.first_timestamp, status.last_sequence, status.last_timestamp)
    );
    assert_eq!(written.first_id, written.last_id);
}

#[test]
fn what_cannot_queue_is_refused_before_the_call_returns() {
    let world = World::new();
    let store = world.open(&MemoryKv::new());
    let answers = Answers::default();
    start(&store, &answers, 0, records("", "a", &["x"]));
    start(&store, &answers, 1, records("orders", "a", &[]));
    world.run(store.close());
    start(&store, &answers, 2, records("orders", "a", &["x"]));
    let codes: Vec<_> = answers
        .take()
        .into_iter()
        .map(|(number, answer)| (number, answer.expect_err("refused").code()))
        .collect();
    let refused = ErrorCode::InvalidArgument;
    assert_eq!(codes, [(0, refused), (1, refused), (2, ErrorCode::Closed)]);

    let told = Rc::new(RefCell::new(None));
    let answer = Rc::clone(&told);
    store.append_to_stream_then(to_stream("x"), WriteOptions::default(), move |made| {
        answer.replace(Some(made));
    });
    let answer = told.take().expect("at once");
    assert_eq!(answer.expect_err("refused").code(), ErrorCode::Closed);
}

#[test]
fn whoever_waits_hears_of_it_when_the_store_goes_away() {
    let answers = Answers::default();
    {
        let world = World::new();
        let options = OpenOptions { host_timeout: 0, ..OpenOptions::default() };
        let store = world.open_with(hooked(&MemoryKv::new(), &Rc::new(Stuck)), options).expect("opens");
        start(&store, &answers, 0, records("orders", "a", &["under way"]));
        world.settle();
        start(&store, &answers, 1, records("orders", "a", &["waits"]));
        world.settle();
        assert!(answers.borrow().is_empty(), "the host has not answered");
    }
    let mut codes: Vec<_> = answers
        .take()
        .into_iter()
        .map(|(number, answer)| (number, answer.expect_err("gone").code()))
        .collect();
    codes.sort_by_key(|(number, _)| *number);
    assert_eq!(codes, [(0, ErrorCode::Unavailable), (1, ErrorCode::Unavailable)]);
}

/// A host that does not answer any more: after so many calls.
struct Silent(Cell<u32>);

impl Hook for Silent {
    async fn before(&self, _: HostCall<'_>) -> Result {
        match self.0.get().checked_sub(1) {
            Some(left) => self.0.set(left),
            None => std::future::pending().await,
        }
        Ok(())
    }
}

/// What an append to a stream is told whose store goes away once the host has answered so many calls more.
fn told_when_gone(retention: Retention, calls: u32) -> Vec<Result<StreamAppended>> {
    let answers: Rc<RefCell<Vec<Result<StreamAppended>>>> = Rc::default();
    let world = World::new();
    let silent = Rc::new(Silent(Cell::new(u32::MAX)));
    let options = OpenOptions { host_timeout: 0, ..OpenOptions::default() };
    let store = world.open_with(hooked(&MemoryKv::new(), &silent), options).expect("opens");
    world.run(store.create_stream("s", 1, retention)).expect("creates");
    world.run(append(&store, "before")).expect("appends");
    silent.0.set(calls);
    let told = Rc::clone(&answers);
    let then = move |answer| told.borrow_mut().push(answer);
    store.append_to_stream_then(to_stream("x"), WriteOptions::default(), then);
    world.settle();
    assert!(answers.borrow().is_empty(), "the host has not answered");
    drop((world, store));
    answers.take()
}

#[test]
fn an_append_to_a_stream_hears_of_it_at_every_step() {
    let answers = told_when_gone(Retention::default(), 0);
    assert_eq!(answers.len(), 1);
    assert!(answers[0].as_ref().expect_err("gone").may_have_applied());
    // It is stored, but what its stream keeps is not applied yet.
    let answers = told_when_gone(Retention { max_count: Some(1), ..Retention::default() }, 1);
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].as_ref().expect("stored").count(), 1);
}

#[test]
fn an_append_whose_stream_is_still_looked_for_hears_of_it() {
    let answers: Rc<RefCell<Vec<Result<StreamAppended>>>> = Rc::default();
    {
        let world = World::new();
        let silent = Rc::new(Silent(Cell::new(u32::MAX)));
        let options = OpenOptions { host_timeout: 0, ..OpenOptions::default() };
        let store = world.open_with(hooked(&MemoryKv::new(), &silent), options).expect("opens");
        silent.0.set(0);
        let told = Rc::clone(&answers);
        let then = move |answer| told.borrow_mut().push(answer);
        store.append_to_stream_then(to_stream("x"), WriteOptions::default(), then);
        world.settle();
    }
    let answers = answers.take();
    assert_eq!(answers.len(), 1);
    assert!(answers[0].as_ref().expect_err("gone").may_have_applied());
}

/// A host that holds back what is read: who waits is let go one by one, by the number of the call.
#[derive(Default)]
struct Held {
    holds: Cell<bool>,
    waiting: RefCell<Vec<Option<oneshot::Sender<()>>>>,
}

impl Hook for Held {
    async fn before(&self, call: HostCall<'_>) -> Result {
        if self.holds.get() && matches!(call, HostCall::Get(_)) {
            let (sender, goes) = oneshot::channel();
            self.waiting.borrow_mut().push(Some(sender));
            let _ = goes.await;
        }
        Ok(())
    }
}

impl Held {
    fn let_go(&self, number: usize) {
        drop(self.waiting.borrow_mut()[number].take());
    }
}

#[test]
fn appends_to_a_stream_keep_the_order_of_their_calls_whatever_the_host_answers_first() {
    let world = World::new();
    let held = Rc::new(Held::default());
    let options = OpenOptions { host_timeout: 0, ..OpenOptions::default() };
    let store = world.open_with(hooked(&MemoryKv::new(), &held), options).expect("opens");
    held.holds.set(true);
    let answers: Rc<RefCell<Vec<StreamAppended>>> = Rc::default();
    let start = |payload| {
        let answers = Rc::clone(&answers);
        let then = move |answer: Result<_>| answers.borrow_mut().push(answer.expect("appends"));
        store.append_to_stream_then(to_stream(payload), WriteOptions::default(), then);
        world.settle();
    };
    for payload in ["0", "1", "2"] {
        start(payload);
    }
    assert_eq!(held.waiting.borrow().len(), 3, "nobody knows the stream");
    held.holds.set(false);
    held.let_go(1);
    world.settle();
    held.let_go(0);
    world.settle();
    // The stream is known by now.
    start("3");
    held.let_go(2);
    world.settle();
    assert_eq!(answers.borrow().len(), 4);
    let read = StreamRead {
        stream: "s".into(),
        partitions: PartitionChoice::All,
        after: EntryId::ZERO,
        last: None,
        from: None,
        max_entries: 10,
        max_bytes: 1 << 20,
    };
    let page = world.run(store.read_stream(read)).expect("reads");
    let stored: Vec<String> =
        page.entries().map(|entry| String::from_utf8_lossy(entry.content.payload()).into_owned()).collect();
    assert_eq!(stored, ["0", "1", "2", "3"]);
}

#[test]
fn an_append_finds_the_stream_that_was_made_anew_meanwhile() {
    let world = World::new();
    let kv = MemoryKv::new();
    let (store, other) = (world.open(&kv), world.open(&kv));
    world.run(async {
        let mut request = to_stream("x");
        request.partition_key = None;
        other.create_stream("s", 4, Retention::default()).await.expect("creates");
        let append = |partition| {
            let request = StreamAppend { partition: Some(partition), ..request.clone() };
            told(|then| store.append_to_stream_then(request, WriteOptions::default(), then))
        };
        let first = append(3).await.expect("appends");
        assert_eq!(first.partition, 3);
        other.delete_stream("s", true).await.expect("deletes");
        other.create_stream("s", 2, Retention::default()).await.expect("creates");
        // This instance still takes the stream for the one of four partitions.
        assert_eq!(append(3).await.expect_err("refused").code(), ErrorCode::InvalidArgument);
        other.delete_stream("s", true).await.expect("deletes");
        other.create_stream("s", 4, Retention::default()).await.expect("creates");
        let again = append(3).await.expect("appends");
        assert_eq!(again.partition, 3);
        assert!(again.first_id > first.last_id, "ids are never used again");
        assert_eq!(other.stream("s").await.expect("is there").count, 1);
    });
}

#[test]
fn retention_is_applied_before_an_append_is_answered() {
    let world = World::new();
    let store = world.open(&MemoryKv::new());
    let retention = Retention { max_count: Some(2), ..Retention::default() };
    world.run(async {
        store.create_stream("s", 1, retention).await.expect("creates");
        for payload in ["a", "b", "c", "d"] {
            append(&store, payload).await.expect("appends");
            assert!(store.stream("s").await.expect("is there").count <= 2, "after {payload}");
        }
        assert_eq!(store.stream("s").await.expect("is there").count, 2);
    });
}

#[test]
fn what_is_told_of_a_call_taken_back_may_let_go_of_others() {
    let world = World::new();
    let store = world.open(&MemoryKv::new());
    let other = {
        let store = store.clone();
        async move { store.append(records("orders", "b", &["y"]), WriteOptions::default()).await }
    };
    let mut other = Box::pin(other);
    assert!(futures::FutureExt::now_or_never(&mut other).is_none());
    let aborted = Rc::new(Cell::new(false));
    let told = Rc::clone(&aborted);
    store.append_then(
        records("orders", "a", &["x"]),
        WriteOptions { tag: 5, ..WriteOptions::default() },
        move |answer| {
            told.set(answer.is_err_and(|error| error.code() == ErrorCode::Aborted));
            drop(other);
        },
    );
    assert!(store.cancel(5));
    assert!(aborted.get());
    assert!(!store.cancel(5));
    world.settle();
    for segment in ["a", "b"] {
        assert_eq!(world.run(store.segment_status("orders", segment)), Ok(None), "{segment}");
    }
}
