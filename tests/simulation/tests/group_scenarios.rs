//! Scenarios of consumer groups that are worth writing by hand: lost and late replies, waiting, taking over.

use std::cell::RefCell;
use std::rc::Rc;

use streamkit_core::{
    Atomicity, EntryId, Group, GroupMode, GroupOptions, GroupRead, HostLimits, PendingRead, Store,
    StreamAppend, WriteOptions,
};
use streamkit_simulation::scripted::{Stage, Step, records};

fn limits() -> HostLimits {
    HostLimits { block_bytes: 2048, ..HostLimits::default() }
}

fn alone() -> HostLimits {
    HostLimits { shared: false, ..limits() }
}

async fn append(store: &Store, texts: &[&str]) -> Vec<EntryId> {
    let append = StreamAppend {
        stream: "s".into(),
        records: records("s", "0", texts, None).records,
        partition: None,
        partition_key: None,
    };
    let made = store.append_to_stream(append, WriteOptions::default()).await.expect("appends");
    (made.first_id.n..=made.last_id.n).map(|n| EntryId::new(made.first_id.ms, n)).collect()
}

async fn read(group: &Group, consumer: &str, limit: u64) -> Vec<EntryId> {
    let read = GroupRead { limit, ..GroupRead::default() };
    let got = group.read(consumer, read).await.expect("reads");
    got.page.entries().map(|entry| entry.id).collect()
}

async fn held(group: &Group, consumer: &str) -> Vec<EntryId> {
    let read = PendingRead { consumer: Some(consumer.into()), ..PendingRead::default() };
    group.pending(&read).await.expect("lists").into_iter().map(|one| one.id).collect()
}

/// A read beside the scene, and what it gives once it ends.
fn begin(
    stage: &Rc<Stage>,
    group: &Group,
    consumer: &'static str,
    block: u64,
) -> Rc<RefCell<Option<Vec<EntryId>>>> {
    let got = Rc::new(RefCell::new(None));
    let (group, answer) = (group.clone(), Rc::clone(&got));
    stage.start("read", async move {
        let read = GroupRead { limit: 10, block: Some(block), no_ack: false };
        let deliveries = group.read(consumer, read).await.expect("reads");
        *answer.borrow_mut() = Some(deliveries.page.entries().map(|entry| entry.id).collect());
    });
    got
}

#[test]
fn a_read_whose_reply_is_lost_is_answered_once_it_is_found() {
    Stage::play(limits(), |stage| async move {
        let (one, two) = (stage.open().await, stage.open().await);
        let ids = append(&one, &["1", "2", "3", "4"]).await;
        let (a, b) = (one.group("s", "g"), two.group("s", "g"));
        a.create(&GroupOptions::default()).await.expect("creates");
        a.join("a").await.expect("joins");
        b.join("b").await.expect("joins");
        // It applies, the reply is lost, and another one reads before it is looked for.
        stage.script.next(&[Step::LoseReply]);
        let got = begin(&stage, &a, "a", 1);
        assert_eq!(read(&b, "b", 1).await.len(), 1);
        stage.executor.sleep(1000).await;
        let mine = got.borrow_mut().take().expect("ended");
        assert_eq!(held(&a, "a").await, mine);
        assert_eq!(mine.len() + held(&a, "b").await.len(), ids.len());
    });
}

#[test]
fn an_acknowledgement_that_comes_late_is_counted_once() {
    Stage::play(limits(), |stage| async move {
        let (one, two) = (stage.open().await, stage.open().await);
        append(&one, &["1", "2"]).await;
        let (a, b) = (one.group("s", "g"), two.group("s", "g"));
        let mine = read(&a, "a", 2).await;
        // The first try is under way; the second one is the same batch, and one of them applies.
        stage.script.next(&[Step::Hold]);
        assert_eq!(a.ack("a", &mine).await.expect("acks"), 2);
        assert!(!stage.script.deliver().await, "the head has moved on");
        assert_eq!(b.info().await.expect("looks").pending, 0);
    });
}

#[test]
fn a_late_commit_that_overtakes_its_own_repetition_is_recognised() {
    Stage::play(limits(), |stage| async move {
        let one = stage.open().await;
        append(&one, &["1", "2"]).await;
        let group = one.group("s", "g");
        group.create(&GroupOptions::default()).await.expect("creates");
        group.join("a").await.expect("joins");
        stage.executor.sleep(5).await;
        stage.script.next(&[Step::Hold, Step::Overtaken]);
        let mine = read(&group, "a", 2).await;
        assert_eq!(mine.len(), 2);
        assert_eq!(held(&group, "a").await, mine);
        assert_eq!(group.info().await.expect("looks").pending, 2);
        stage.script.next(&[Step::Hold, Step::Overtaken]);
        assert_eq!(group.ack("a", &mine).await.expect("acks"), 2);
        assert_eq!(group.info().await.expect("looks").pending, 0);
    });
}

fn dead_letters_with(limits: HostLimits) {
    for steps in [
        &[Step::LoseReply][..],
        &[Step::Hold, Step::Overtaken],
        &[Step::Fail, Step::LoseReply],
        &[Step::Serve, Step::LoseReply],
        &[Step::Serve, Step::Serve, Step::LoseReply],
        &[Step::Serve, Step::Serve, Step::Serve, Step::LoseReply],
        &[Step::Serve, Step::Serve, Step::Serve, Step::Serve, Step::LoseReply],
    ] {
        let steps = steps.to_vec();
        Stage::play(limits.clone(), |stage| async move {
            let one = stage.open().await;
            let ids = append(&one, &["1", "2"]).await;
            let group = one.group("s", "g");
            group.create(&GroupOptions { max_deliver: 1, ..GroupOptions::default() }).await.expect("creates");
            assert_eq!(read(&group, "a", 2).await, ids);
            stage.script.next(&steps);
            while let Err(error) = group.nack("a", &ids[..1], 0).await {
                assert!(error.is_retryable(), "{error}");
            }
            stage.executor.sleep(10_000).await;
            let count = one.stream("s.g.dlq").await.expect("is there").count;
            assert_eq!(count, 1, "{steps:?}");
            assert_eq!(held(&group, "a").await, ids[1..]);
            stage.script.next(&steps);
            let mut back = 0;
            for _ in 0..5 {
                match group.replay(None).await {
                    Ok(count) => back += count,
                    Err(error) => assert!(error.is_retryable(), "{error}"),
                }
            }
            assert!(back <= 1);
            assert_eq!(one.stream("s.g.dlq").await.expect("is there").count, 0, "{steps:?}");
            assert_eq!(one.stream("s").await.expect("is there").count, 3, "{steps:?}");
        });
    }
}

#[test]
fn dead_letters_are_stored_once_and_go_back_once() {
    dead_letters_with(limits());
}

#[test]
fn dead_letters_by_redo_record_are_stored_once_and_go_back_once() {
    dead_letters_with(HostLimits { atomic: Atomicity::Space, ..limits() });
}

#[test]
fn who_waits_is_heard_of() {
    Stage::play(alone(), |stage| async move {
        let store = stage.open().await;
        let group = store.group("s", "g");
        let options = GroupOptions { mode: GroupMode::Exclusive, ..GroupOptions::default() };
        group.create(&options).await.expect("creates");
        let holder = begin(&stage, &group, "a", 0);
        stage.executor.sleep(100).await;
        let standby = begin(&stage, &group, "b", 200_000);
        stage.executor.sleep(190_000).await;
        assert!(holder.borrow().is_none() && standby.borrow().is_none());
        let ids = append(&store, &["1"]).await;
        stage.executor.sleep(100).await;
        assert_eq!(holder.borrow_mut().take(), Some(ids), "it still holds the group");
        // The holder says nothing more: the one that waits is promoted when its time is over.
        let (since, more) = (stage.executor.now(), begin(&stage, &group, "b", 0));
        let ids = append(&store, &["2"]).await;
        while more.borrow().is_none() {
            stage.executor.sleep(50).await;
        }
        let waited = stage.executor.now() - since;
        assert!((29_000..31_000).contains(&waited), "{waited}");
        assert_eq!(more.borrow_mut().take().expect("ended").last(), ids.last());
    });
}

#[test]
fn waiting_costs_nothing_but_signs_of_life() {
    Stage::play(alone(), |stage| async move {
        let store = stage.open().await;
        let group = store.group("s", "g");
        group.create(&GroupOptions::default()).await.expect("creates");
        let waiting = begin(&stage, &group, "a", 0);
        stage.executor.sleep(100).await;
        let before = stage.script.commits();
        stage.executor.sleep(300_000).await;
        let commits = stage.script.commits() - before;
        // Every third of the consumer timeout.
        assert!((25..=31).contains(&commits), "{commits}");
        assert!(waiting.borrow().is_none());
        let ids = append(&store, &["1"]).await;
        stage.executor.sleep(1).await;
        assert_eq!(waiting.borrow_mut().take(), Some(ids));
    });
}

#[test]
fn a_wait_ends_with_the_nearest_deadline() {
    Stage::play(alone(), |stage| async move {
        let store = stage.open().await;
        let group = store.group("s", "g");
        group.create(&GroupOptions { ack_timeout: 7000, ..GroupOptions::default() }).await.expect("creates");
        let ids = append(&store, &["1"]).await;
        assert_eq!(read(&group, "a", 1).await, ids);
        let since = stage.executor.now();
        let waiting = begin(&stage, &group, "b", 0);
        while waiting.borrow().is_none() {
            stage.executor.sleep(1).await;
        }
        assert!((7000..7005).contains(&(stage.executor.now() - since)));
        assert_eq!(waiting.borrow_mut().take(), Some(ids));
    });
}

#[test]
fn a_call_that_is_taken_back_stores_nothing() {
    Stage::play(alone(), |stage| async move {
        let store = stage.open().await;
        append(&store, &["1"]).await;
        let group = store.group("s", "g");
        group.create(&GroupOptions::default()).await.expect("creates");
        group.join("a").await.expect("joins");
        // Another call has its turn, so the one that is taken back has not begun.
        stage.script.next(&[Step::Wait(50)]);
        let (other, first) = (group.clone(), Rc::new(RefCell::new(None)));
        let answer = Rc::clone(&first);
        stage.start("join", async move {
            *answer.borrow_mut() = Some(other.join("b").await);
        });
        stage.executor.sleep(1).await;
        let (own, second) = (group.clone().tagged(7), Rc::new(RefCell::new(None)));
        let answer = Rc::clone(&second);
        stage.start("read", async move {
            *answer.borrow_mut() = Some(own.read("a", GroupRead::default()).await.map(|got| got.marks.len()));
        });
        stage.executor.sleep(10).await;
        assert!(store.cancel(7));
        stage.executor.sleep(100).await;
        let error = second.borrow_mut().take().expect("ended").expect_err("it was taken back");
        assert_eq!(error.code().as_str(), "ABORTED");
        assert!(first.borrow_mut().take().expect("ended").is_ok());
        assert_eq!(group.info().await.expect("looks").pending, 0);
        assert!(!store.cancel(7));
    });
}
