//! The scenarios that are worth writing by hand: each is what went wrong once, here or elsewhere.

#[path = "../../../core/tests/common/reads.rs"]
mod reads;

use std::cell::RefCell;
use std::rc::Rc;

use reads::{segment_read, space_read};
use streamkit_core::{
    Atomicity, Durability, EntryId, ErrorCode, HostLimits, LeaseProof, Listing, Store, WriteOptions,
};
use streamkit_simulation::scripted::{Stage, Step, records, texts};
use uuid::Uuid;

fn limits() -> HostLimits {
    HostLimits { block_bytes: 2048, ..HostLimits::default() }
}

fn by_space() -> HostLimits {
    HostLimits { atomic: Atomicity::Space, ..limits() }
}

fn row_by_row() -> HostLimits {
    HostLimits { atomic: Atomicity::None, checks: false, consistent: false, ..limits() }
}

async fn segment(store: &Store, space: &str, segment: &str) -> Vec<String> {
    let read = segment_read(space, segment, 1, 1000);
    texts(&store.read_segment(read).await.expect("reads"))
}

async fn space(store: &Store, name: &str) -> Vec<String> {
    texts(&store.read_space(space_read(name, EntryId::ZERO, 1000)).await.expect("reads"))
}

async fn append(store: &Store, text: &str) -> u64 {
    let appended = store.append(records("s", "a", &[text], None), WriteOptions::default()).await;
    appended.expect("appends").status.last_sequence
}

fn with_trx(id: u128) -> WriteOptions {
    WriteOptions { trx_id: Some(Uuid::from_u128(id)), ..WriteOptions::default() }
}

#[test]
fn a_stale_tab_appends_with_the_right_expected_sequence() {
    Stage::play(limits(), |stage| async move {
        let (stale, other) = (stage.open().await, stage.open().await);
        append(&stale, "1").await;
        append(&other, "2").await;
        // The stale one believes that 1 is the last; its caller has heard of 2.
        let appended = stale.append(records("s", "a", &["3"], Some(2)), WriteOptions::default()).await;
        assert_eq!(appended.expect("it fits what is stored").status.last_sequence, 3);
        append(&other, "4").await;
        let refused = stale.append(records("s", "a", &["no"], Some(3)), WriteOptions::default()).await;
        assert_eq!(refused.expect_err("4 came before").code(), ErrorCode::SequenceMismatch);
        assert_eq!(segment(&stale, "s", "a").await, ["1", "2", "3", "4"]);
    });
}

#[test]
fn a_head_that_changes_and_changes_back() {
    Stage::play(limits(), |stage| async move {
        let (first, second) = (stage.open().await, stage.open().await);
        let lease = first.acquire_lease("k", "me", 1000).await.expect("acquires");
        // The renewal is under way while the lease goes to the other, and comes back to its holder's name.
        stage.script.next(&[Step::Hold, Step::Fail]);
        let lost = first.renew_lease(&lease, 5000).await.expect_err("nobody answers");
        assert!(lost.may_have_applied(), "{lost}");
        first.release_lease(&lease).await.expect("releases");
        second.acquire_lease("k", "other", 1000).await.map(drop).expect("acquires");
        assert!(!stage.script.deliver().await, "the row is another one by now");
        // A space head: merged and appended to meanwhile, it never is the same again.
        for text in ["1", "2", "3"] {
            append(&first, text).await;
        }
        stage.script.next(&[Step::Hold]);
        let waiting = Rc::new(RefCell::new(None));
        let (own, answer) = (first.clone(), Rc::clone(&waiting));
        stage.start("append", async move {
            let appended = own.append(records("s", "a", &["4"], None), with_trx(7)).await;
            *answer.borrow_mut() = Some(appended);
        });
        stage.executor.sleep(1).await;
        compact(&second).await;
        stage.executor.sleep(1000).await;
        assert!(!stage.script.deliver().await, "merging changed the head");
        assert_eq!(waiting.borrow_mut().take().expect("done").expect("appends").status.last_sequence, 4);
        assert_eq!(segment(&second, "s", "a").await, ["1", "2", "3", "4"]);
    });
}

#[test]
fn a_lost_reply_followed_by_another_writers_commit() {
    Stage::play(limits(), |stage| async move {
        let (first, second) = (stage.open().await, stage.open().await);
        append(&first, "1").await;
        append(&second, "2").await;
        append(&first, "3").await;
        stage.script.next(&[Step::LoseReply]);
        let (own, other) = (first.clone(), second.clone());
        let done = Rc::new(RefCell::new(Vec::new()));
        let answers = Rc::clone(&done);
        stage.start("first", async move {
            let sequence = append(&own, "4").await;
            answers.borrow_mut().push(sequence);
        });
        // While the first waits to look what became of it, the other commits on top.
        stage.executor.sleep(0).await;
        append(&other, "5").await;
        stage.executor.sleep(2000).await;
        assert_eq!(*done.borrow(), [4], "it is answered with what its commit gave");
        assert_eq!(segment(&first, "s", "a").await, ["1", "2", "3", "4", "5"]);
    });
}

#[test]
fn a_commit_that_is_late_is_not_stored_twice() {
    // One arrives in the middle of being planned again, as the first, second or third try.
    for held in 1..4 {
        Stage::play(limits(), move |stage| async move {
            let store = stage.open().await;
            append(&store, "1").await;
            stage.script.next(&vec![Step::Hold; held]);
            stage.script.next(&[Step::Overtaken]);
            assert_eq!(append(&store, "2").await, 2);
            for _ in 1..held {
                assert!(!stage.script.deliver().await, "another try has applied");
            }
            append(&store, "3").await;
            assert_eq!(segment(&store, "s", "a").await, ["1", "2", "3"], "{held} held");
        });
    }
}

#[test]
fn a_late_commit_is_told_from_a_refusal() {
    Stage::play(limits(), |stage| async move {
        let store = stage.open().await;
        append(&store, "1").await;
        // The next try certainly fails; the first may still come, and does.
        stage.script.next(&[Step::Hold, Step::Fail]);
        let lost = store.append(records("s", "a", &["2"], None), WriteOptions::default()).await;
        assert!(lost.expect_err("the host failed").may_have_applied());
        assert!(stage.script.deliver().await);
        assert_eq!(segment(&store, "s", "a").await, ["1", "2"]);
    });
}

#[test]
fn a_late_try_answers_with_its_own_ids() {
    Stage::play(limits(), |stage| async move {
        let store = stage.open().await;
        append(&store, "1").await;
        // Two tries, planned from the same heads a moment apart: the second is the one that applies.
        stage.script.next(&[Step::Hold, Step::Hold, Step::Overtaken]);
        let writes = vec![records("s", "a", &["2"], None), records("t", "b", &["x"], None)];
        let appended = store.transact(writes, WriteOptions::default()).await.expect("appends");
        for (one, (space, name)) in appended.iter().zip([("s", "a"), ("t", "b")]) {
            let last = store.peek(space, name).await.expect("peeks");
            assert_eq!(last.entries().next().map(|entry| entry.id), Some(one.last_id), "{space}");
        }
        assert!(!stage.script.deliver().await);
        assert_eq!(space(&store, "t").await, ["x"]);
    });
}

#[test]
fn a_fencing_token_survives_the_power() {
    Stage::play(limits(), |stage| async move {
        let store = stage.open().await;
        let lease = store.acquire_lease("k", "me", 1000).await.expect("acquires");
        assert_eq!(stage.script.durability(), Durability::Strict);
        store.renew_lease(&lease, 1000).await.expect("renews");
        assert_eq!(stage.script.durability(), Durability::Relaxed, "an expiry may go back");
    });
}

#[test]
fn a_write_that_is_repeated_strictly_survives_the_power() {
    Stage::play(limits(), |stage| async move {
        let (first, second) = (stage.open().await, stage.open().await);
        let asking = |durability| WriteOptions { durability: Some(durability), ..with_trx(6) };
        let write = || records("s", "a", &["1"], None);
        first.append(write(), asking(Durability::Relaxed)).await.expect("appends");
        assert_eq!(stage.script.durability(), Durability::Relaxed);
        second.append(write(), asking(Durability::Strict)).await.expect("it is found");
        assert_eq!(stage.script.durability(), Durability::Strict);
        assert_eq!(segment(&first, "s", "a").await, ["1"]);
    });
}

#[test]
fn a_helper_wakes_after_the_transaction_was_finished_and_another_commit_went_in() {
    Stage::play(by_space(), |stage| async move {
        let (first, second) = (stage.open().await, stage.open().await);
        // Record, part, two marks, the commit point, and the first share, which is held.
        let served = [Step::Serve; 5];
        stage.script.next(&served);
        stage.script.next(&[Step::Hold]);
        let writes = || vec![records("s", "a", &["1"], None), records("t", "a", &["1"], None)];
        let appended = first.transact(writes(), with_trx(5)).await.expect("it has happened");
        stage.executor.sleep(6000).await;
        assert_eq!(space(&second, "s").await, ["1"], "whoever reads finishes it");
        append(&second, "2").await;
        assert!(!stage.script.deliver().await, "the head no longer waits for the transaction");
        assert_eq!(space(&second, "s").await, ["1", "2"]);
        assert_eq!(space(&second, "t").await, ["1"]);
        let again = first.transact(writes(), with_trx(5)).await.expect("it is found again");
        assert_eq!(again, appended);
    });
}

#[test]
fn a_transaction_that_is_not_applied_yet_is_not_planned_again() {
    Stage::play(by_space(), |stage| async move {
        let store = stage.open().await;
        // The commit point is reached; then its owner cannot reach the host, nor can what it left to
        // go on in the background.
        stage.script.next(&[Step::Serve; 5]);
        stage.script.next(&[Step::Fail; 12]);
        let writes = || vec![records("s", "a", &["1"], None), records("t", "a", &["1"], None)];
        let appended = store.transact(writes(), with_trx(5)).await.expect("it has happened");
        stage.executor.sleep(5000).await;
        stage.script.next(&[Step::Wait(1000)]);
        let helper = Rc::clone(&stage);
        stage.start("helper", async move {
            helper.executor.sleep(100).await;
            helper.open().await;
        });
        let again = store.transact(writes(), with_trx(5)).await.expect("it is found again");
        assert_eq!(again, appended);
        assert_eq!(space(&store, "s").await, ["1"]);
    });
}

#[test]
fn a_space_that_a_committed_transaction_creates_is_listed() {
    Stage::play(by_space(), |stage| async move {
        let (first, second) = (stage.open().await, stage.open().await);
        stage.script.next(&[Step::Serve; 5]);
        stage.script.next(&[Step::Fail; 12]);
        let writes = vec![records("s", "a", &["1"], None), records("t", "a", &["1"], None)];
        first.transact(writes, WriteOptions::default()).await.expect("it has happened");
        stage.executor.sleep(10_000).await;
        let names = second.spaces(Listing { limit: 10, ..Listing::default() }).await.expect("lists");
        assert_eq!(names.names, ["s", "t"]);
    });
}

#[test]
fn a_redo_header_that_comes_late_does_not_keep_the_store_shut() {
    Stage::play(by_space(), |stage| async move {
        let store = stage.open().await;
        // Both the header and its turning to "committed" are sent twice, and the first of each is late.
        stage.script.next(&[Step::Hold, Step::Serve, Step::Serve, Step::Serve, Step::Serve, Step::Hold]);
        let writes = vec![records("s", "a", &["1"], None), records("t", "a", &["1"], None)];
        store.transact(writes, WriteOptions::default()).await.expect("transacts");
        stage.executor.sleep(5000).await;
        assert!(stage.script.deliver().await && stage.script.deliver().await, "they find no record");
        let again = stage.open().await;
        assert_eq!(space(&again, "s").await, ["1"]);
        append(&again, "2").await;
    });
}

async fn compact(store: &Store) {
    let mut compactor = store.compactor(None).expect("compacts");
    while compactor.step().await.expect("steps") {}
}

#[test]
fn a_merge_between_a_readers_two_pages() {
    Stage::play(limits(), |stage| async move {
        let (writer, reader) = (stage.open().await, stage.open().await);
        let all: Vec<String> = (1..=40).map(|n| format!("{n}")).collect();
        for text in &all {
            append(&writer, text).await;
        }
        for page_size in [1, 3, 7] {
            let mut found = Vec::new();
            let mut after = EntryId::ZERO;
            loop {
                let page = reader.read_space(space_read("s", after, page_size)).await.expect("reads");
                found.extend(texts(&page));
                after = page.passed();
                if page.tail {
                    break;
                }
                compact(&writer).await;
            }
            assert_eq!(found, all, "pages of {page_size}");
            assert_eq!(segment(&reader, "s", "a").await, all);
        }
    });
}

#[test]
fn a_callers_trx_is_tried_again_after_others_appended() {
    Stage::play(limits(), |stage| async move {
        let (first, second) = (stage.open().await, stage.open().await);
        let write = || records("s", "a", &["1", "2"], Some(0));
        let before = first.append(write(), with_trx(9)).await.expect("appends");
        append(&second, "3").await;
        append(&first, "4").await;
        for store in [&first, &second] {
            let again = store.append(write(), with_trx(9)).await.expect("it is found, whatever is expected");
            assert_eq!(again, before);
        }
        assert_eq!(segment(&second, "s", "a").await, ["1", "2", "3", "4"]);
        let number = WriteOptions { trx_number: Some(1), ..with_trx(10) };
        let error =
            first.append(records("s", "a", &["no"], None), number).await.expect_err("3 chunks are there");
        assert_eq!(error.code(), ErrorCode::TrxNumberAhead);
    });
}

#[test]
fn a_batch_whose_first_half_alone_is_valid() {
    Stage::play(limits(), |stage| async move {
        let store = stage.open().await;
        append(&store, "1").await;
        let commits = stage.script.commits();
        let writes = vec![records("s", "a", &["2"], Some(1)), records("s", "b", &["x"], Some(3))];
        let error = store.transact(writes, WriteOptions::default()).await.expect_err("b is empty");
        assert_eq!(error.code(), ErrorCode::SequenceMismatch);
        // In one segment, by the records' own sequences.
        let body =
            streamkit_core::encode_entry_body(b"x", &std::collections::BTreeMap::new()).expect("encodes");
        let frame = streamkit_core::encode_record_frame(&[&body, &body], Some(&[2, 4])).expect("encodes");
        let mut halves = records("s", "a", &["x"], None);
        halves.records = streamkit_core::RecordFrame::parse(frame).expect("parses");
        let error = store.append(halves, WriteOptions::default()).await.expect_err("4 does not follow 2");
        assert_eq!(error.code(), ErrorCode::SequenceMismatch);
        assert_eq!(stage.script.commits(), commits, "nothing was written");
        assert_eq!(space(&store, "s").await, ["1"]);
    });
}

#[test]
fn a_write_under_a_lease_that_went_to_another_stores_nothing() {
    Stage::play(limits(), |stage| async move {
        let (first, second) = (stage.open().await, stage.open().await);
        let lease = first.acquire_lease("k", "first", 100).await.expect("acquires");
        stage.executor.sleep(1000).await;
        let other = second.acquire_lease("k", "second", 100).await.expect("acquires");
        assert!(other.token > lease.token);
        let under =
            |lease: &LeaseProof| WriteOptions { lease: Some(lease.clone()), ..WriteOptions::default() };
        let lost = first.append(records("s", "a", &["no"], None), under(&lease)).await;
        assert_eq!(lost.expect_err("it is lost").code(), ErrorCode::LeaseLost);
        second.append(records("s", "a", &["1"], None), under(&other)).await.expect("it is held");
        assert_eq!(space(&first, "s").await, ["1"]);
    });
}

#[test]
fn a_writer_that_stops_before_its_head_leaves_nothing() {
    // A block, a TRX row, a commit row, the head: stop after each.
    for applied in 0..4 {
        Stage::play(row_by_row(), move |stage| async move {
            let store = stage.open().await;
            append(&store, "1").await;
            stage.script.next(&vec![Step::Serve; applied]);
            stage.script.next(&[Step::Fail]);
            let write = || records("s", "b", &["x", "y"], None);
            store.append(write(), with_trx(3)).await.expect_err("the host failed");
            assert_eq!(append(&store, "2").await, 2);
            assert_eq!(segment(&store, "s", "b").await, [""; 0], "{applied} rows were written");
            assert_eq!(space(&store, "s").await, ["1", "2"], "{applied} rows were written");
            let appended = store.append(write(), with_trx(3)).await.expect("it was not stored");
            assert_eq!(appended.status.last_sequence, 2);
            assert_eq!(space(&store, "s").await, ["1", "2", "x", "y"]);
        });
    }
}
