//! Entries that are most of a value which the host has elsewhere too are left to it.
#![cfg(feature = "compression")]

mod common;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use common::reads::{segment_read, space_read};
use common::{World, records};
use proptest::prelude::*;
use streamkit_core::{
    Batch, Bytes, Commit, Compression, EntryId, HostLimits, Kv, MemoryKv, OpenOptions, Page, Result,
    ScanPage, ScanRange, SegmentRead, SpaceRead, Store, Tier, Value, WriteOptions,
};

/// A host that has all it gave in a list, and whose origins are places in it.
#[derive(Default)]
struct Lender {
    inner: MemoryKv,
    given: Rc<RefCell<Vec<Bytes>>>,
}

#[async_trait::async_trait(?Send)]
impl Kv for Lender {
    fn name(&self) -> &str {
        "lender"
    }

    fn limits(&self) -> &HostLimits {
        self.inner.limits()
    }

    async fn get(&self, keys: Vec<Bytes>) -> Result<Vec<Option<Bytes>>> {
        self.inner.get(keys).await
    }

    async fn scan(&self, range: ScanRange) -> Result<ScanPage> {
        let page = self.inner.scan(range).await?;
        let mut given = self.given.borrow_mut();
        let lend = |(key, value): (Bytes, Value)| {
            given.push(value.to_vec());
            (key, Value::with_origin(value.into_bytes(), Rc::new(given.len() - 1)))
        };
        Ok(ScanPage { pairs: page.pairs.into_iter().map(lend).collect(), more: page.more })
    }

    async fn commit(&self, batch: Batch) -> Result<Commit> {
        self.inner.commit(batch).await
    }
}

struct Fixture {
    world: World,
    store: Store,
    given: Rc<RefCell<Vec<Bytes>>>,
}

/// A store with batches of entries of these sizes in one segment.
fn fixture(batches: &[&[usize]]) -> Fixture {
    let world = World::new();
    let lender = Lender::default();
    let given = Rc::clone(&lender.given);
    let options = OpenOptions { compression: Compression::None, ..OpenOptions::default() };
    let store = world.open_with(Rc::new(lender), options).expect("opens");
    let mut letter = b'a';
    for sizes in batches {
        let texts: Vec<String> = sizes
            .iter()
            .map(|size| {
                letter = if letter == b'z' { b'a' } else { letter + 1 };
                char::from(letter).to_string().repeat(*size)
            })
            .collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        world.run(store.append(records("s", "g", &texts), WriteOptions::default())).expect("appends");
    }
    Fixture { world, store, given }
}

impl Fixture {
    fn segment(&self, from: u64, max_entries: u64) -> Page {
        let read = SegmentRead { max_bytes: 1 << 22, ..segment_read("s", "g", from, max_entries) };
        self.world.run(self.store.read_segment(read)).expect("reads")
    }

    fn space(&self, max_entries: u64) -> Page {
        let read = SpaceRead { max_bytes: 1 << 22, ..space_read("s", EntryId::ZERO, max_entries) };
        self.world.run(self.store.read_space(read)).expect("reads")
    }

    /// How many values a page refers to, after looking that with them it is what it is without.
    fn lent(&self, page: &Page) -> usize {
        let whole = page.encode();
        let frame = page.lending_frame();
        let given = self.given.borrow();
        let origins: Vec<usize> =
            frame.lent().map(|origin| *origin.downcast_ref().expect("a place")).collect();
        let short = frame.encode();
        assert_eq!(frame.len(), short.len());
        let lent = origins.len();
        assert_eq!(joined(&short, &mut origins.iter().map(|place| &*given[*place])), whole);
        assert_eq!(page.frame().encode(), whole, "another frame has all of it");
        assert_eq!(page.lending_frame().lent().count(), 0, "what was lent is not lent again");
        lent
    }
}

fn u32_at(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

/// The frame with the entries in their places.
fn joined<'g>(frame: &[u8], given: &mut impl Iterator<Item = &'g [u8]>) -> Vec<u8> {
    let mut at = 8;
    for _ in 0..u32_at(frame, 4) {
        at += 4 + u32_at(frame, at);
    }
    at += 16;
    let runs = u32_at(frame, at);
    at += 4;
    let mut out = frame[..at].to_vec();
    let mut value = None;
    for _ in 0..runs {
        let start = out.len();
        out.extend_from_slice(&frame[at..at + 80]);
        let (length, tier) = (u32_at(frame, at + 8), u32_at(frame, at + 12));
        out[start + 12..start + 16].copy_from_slice(&u32::to_le_bytes(u32::from(tier % 2 == 1)));
        if tier & 4 != 0 {
            value = given.next();
        }
        at += 80;
        if tier < 2 {
            out.extend_from_slice(&frame[at..at + length]);
            at += length;
        } else {
            let from = u32_at(frame, at);
            out.extend_from_slice(&value.expect("a value")[from..from + length]);
            at += 4;
        }
    }
    assert_eq!(at, frame.len());
    assert!(given.next().is_none(), "every value is referred to");
    out
}

#[test]
fn a_large_run_is_lent() {
    let fixture = fixture(&[&[9000; 5], &[100; 3], &[30_000]]);
    assert_eq!(fixture.lent(&fixture.segment(1, 100)), 2);
    assert_eq!(fixture.lent(&fixture.segment(1, 100)), 2, "each reading has values of its own");
    assert_eq!(fixture.lent(&fixture.space(100)), 2);
}

#[test]
fn less_than_half_of_a_value_is_not_lent() {
    let fixture = fixture(&[&[9000; 6]]);
    assert_eq!(fixture.lent(&fixture.segment(1, 2)), 0);
    assert_eq!(fixture.lent(&fixture.segment(1, 4)), 1);
    assert_eq!(fixture.lent(&fixture.segment(4, 100)), 0, "half of the entries, but not of the row");
    assert_eq!(fixture.lent(&fixture.segment(3, 100)), 1);
}

#[test]
fn small_runs_that_are_most_of_a_value_are_lent_together() {
    let single: &[usize] = &[1000];
    let fixture = fixture(&[single; 60]);
    assert_eq!(fixture.lent(&fixture.space(100)), 0, "each in a row of its own");
    let mut job = fixture.store.compactor(None).expect("starts");
    while fixture.world.run(job.step()).expect("steps") {}
    let (segment, space) = (fixture.segment(1, 100), fixture.space(100));
    assert_eq!((segment.runs().len(), space.runs().len()), (60, 60));
    assert_eq!(fixture.lent(&segment), 1);
    assert_eq!(fixture.lent(&space), 1, "out of a commit row");
    assert_eq!(fixture.lent(&fixture.space(20)), 0);
}

#[test]
fn what_is_remembered_of_a_block_that_was_not_lent_is_without_the_host() {
    let fixture = fixture(&[&[9000; 6]]);
    let first = fixture.space(2);
    assert_eq!(fixture.lent(&first), 0);
    let page = fixture.space(100);
    assert_eq!(page.runs()[0].tier(), Tier::Hot);
    assert_eq!(fixture.lent(&page), 0);
}

#[test]
fn what_an_export_read_is_remembered_without_the_host() {
    let fixture = fixture(&[&[40_000]]);
    fixture.world.run(async {
        let mut exporter = fixture.store.exporter(None).expect("starts");
        while exporter.next().await.expect("exports").is_some() {}
    });
    let page = fixture.space(100);
    assert_eq!(page.runs()[0].tier(), Tier::Hot);
    assert_eq!(fixture.lent(&page), 0);
}

#[test]
fn what_is_remembered_is_lent_once() {
    let fixture = fixture(&[&[40_000]]);
    let first = fixture.space(100);
    assert_eq!(fixture.lent(&first), 1);
    assert_eq!(fixture.lent(&fixture.space(100)), 0, "who got it may have changed it");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_page_is_the_same_with_and_without(
        batches in prop::collection::vec(prop::collection::vec(0_usize..20_000, 1..8), 1..6),
        from in 1_u64..8,
        most in 1_u64..40,
    ) {
        let batches: Vec<&[usize]> = batches.iter().map(Vec::as_slice).collect();
        let fixture = fixture(&batches);
        fixture.lent(&fixture.segment(from, most));
        fixture.lent(&fixture.space(most));
        let known: BTreeMap<u64, usize> = batches.concat().into_iter().zip(1..).map(|(a, b)| (b, a)).collect();
        for entry in fixture.segment(from, most).entries() {
            prop_assert_eq!(known[&entry.sequence], entry.content.payload().len());
        }
    }
}
