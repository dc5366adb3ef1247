//! What the tests of exports, imports and verification share.
#![allow(dead_code, reason = "every test file uses its own part of this")]

use std::collections::BTreeMap;

use crate::common::reads::{segment_read, space_read};
use crate::common::records;
use streamkit_core::{
    Crc32c, EntryId, Exporter, ImportReport, Importer, Listing, MemoryKv, Result, SegmentRead, SegmentStatus,
    SpaceRead, Store, Trx, VerifyReport, WriteOptions,
};

/// An entry as a reader sees it.
pub(crate) type Seen = (String, u64, EntryId, Trx, Vec<u8>, BTreeMap<String, String>);

/// Everything that a reader sees of a store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Contents {
    pub(crate) spaces: BTreeMap<String, (Vec<Seen>, Vec<SegmentStatus>)>,
    pub(crate) segments: BTreeMap<(String, String), Vec<Seen>>,
}

pub(crate) async fn append(store: &Store, space: &str, segment: &str, texts: &[&str]) {
    let options = WriteOptions::default();
    store.append(records(space, segment, texts), options).await.expect("appends");
}

pub(crate) async fn timeline(store: &Store, space: &str) -> Vec<Seen> {
    let mut found = Vec::new();
    let mut after = EntryId::ZERO;
    loop {
        let read = SpaceRead { max_bytes: 1 << 16, ..space_read(space, after, 100) };
        let page = store.read_space(read).await.expect("reads the space");
        found.extend(page.entries().map(|entry| {
            let metadata = entry.content.metadata().map(|(key, value)| (key.into(), value.into())).collect();
            let payload = entry.content.payload().to_vec();
            (entry.segment.into(), entry.sequence, entry.id, entry.trx, payload, metadata)
        }));
        after = page.passed();
        if page.tail {
            return found;
        }
    }
}

pub(crate) async fn segment(store: &Store, space: &str, name: &str) -> Vec<Seen> {
    let mut found = Vec::new();
    let mut from = 1;
    loop {
        let read = SegmentRead { max_bytes: 1 << 16, ..segment_read(space, name, from, 100) };
        let page = store.read_segment(read).await.expect("reads the segment");
        found.extend(page.entries().map(|entry| {
            let metadata = entry.content.metadata().map(|(key, value)| (key.into(), value.into())).collect();
            let payload = entry.content.payload().to_vec();
            (entry.segment.into(), entry.sequence, entry.id, entry.trx, payload, metadata)
        }));
        from = page.next_sequence();
        if page.tail {
            return found;
        }
    }
}

pub(crate) async fn contents(store: &Store) -> Contents {
    let mut all = Contents::default();
    let listing = Listing { limit: 1000, ..Listing::default() };
    for space in store.spaces(listing.clone()).await.expect("lists").names {
        let statuses = store.changes(&space, None, None).await.expect("lists").statuses;
        for status in &statuses {
            let found = segment(store, &space, &status.segment).await;
            all.segments.insert((space.clone(), status.segment.clone()), found);
        }
        all.spaces.insert(space.clone(), (timeline(store, &space).await, statuses));
    }
    all
}

pub(crate) async fn drain(mut exporter: Exporter) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    while let Some(chunk) = exporter.next().await? {
        all.extend(chunk);
    }
    assert_eq!(exporter.next().await?, None);
    Ok(all)
}

pub(crate) async fn export(store: &Store) -> Vec<u8> {
    drain(store.exporter(None).expect("starts")).await.expect("exports")
}

pub(crate) async fn import(store: &Store, bytes: &[u8], chunk: usize) -> Result<ImportReport> {
    push_all(store.importer(None)?, bytes, chunk).await
}

pub(crate) async fn push_all(mut importer: Importer, bytes: &[u8], chunk: usize) -> Result<ImportReport> {
    for piece in bytes.chunks(chunk.max(1)) {
        importer.push(piece).await?;
    }
    importer.finish().await
}

pub(crate) async fn verify(store: &Store) -> VerifyReport {
    let mut verifier = store.verifier();
    while verifier.step().await.expect("steps") {}
    verifier.report()
}

/// Fails with the problems if there are any.
pub(crate) async fn healthy(store: &Store) -> VerifyReport {
    let report = verify(store).await;
    assert!(report.problems.is_empty(), "{:#?}", report.problems);
    report
}

/// The key of a space's head.
pub(crate) fn head_key(space: &str) -> Vec<u8> {
    [b"INV\0SPACES\0", space.as_bytes()].concat()
}

/// Changes a row that ends in its checksum.
pub(crate) fn edit_sealed(kv: &MemoryKv, key: &[u8], edit: impl FnOnce(&mut Vec<u8>)) {
    let mut row = kv.snapshot().remove(key).expect("the row is there");
    row.truncate(row.len() - 4);
    edit(&mut row);
    let sum = Crc32c::of(&row);
    row.extend(sum.to_le_bytes());
    kv.overwrite(key, Some(row));
}

pub(crate) fn put_u64(row: &mut [u8], at: usize, value: u64) {
    row[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

pub(crate) fn get_u64(row: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(row[at..at + 8].try_into().expect("eight bytes"))
}

/// Trims a space by its head alone, as the first step of a trim does: the oldest `count` entries go.
pub(crate) async fn trim(store: &Store, kv: &MemoryKv, space: &str, count: usize) {
    let all = timeline(store, space).await;
    let gone = &all[..count.min(all.len())];
    let Some(last) = gone.last() else { return };
    let logical = |seen: &Seen| {
        let pairs: usize = seen.5.iter().map(|(key, value)| key.len() + value.len()).sum();
        (seen.4.len() + pairs) as u64
    };
    let bytes: u64 = gone.iter().map(logical).sum();
    edit_sealed(kv, &head_key(space), |row| {
        let revision = get_u64(row, 2);
        put_u64(row, 2, revision + 1);
        put_u64(row, 42, last.2.ms);
        put_u64(row, 50, last.2.n);
        let (records, logical) = (get_u64(row, 90), get_u64(row, 98));
        put_u64(row, 90, records + gone.len() as u64);
        put_u64(row, 98, logical + bytes);
    });
    store.hint();
}

/// Removes the blocks of a space that are trimmed altogether, as collecting does.
pub(crate) async fn collect(store: &Store, kv: &MemoryKv, space: &str) {
    let kept = timeline(store, space).await;
    let mut first: BTreeMap<&str, u64> = BTreeMap::new();
    for (segment, sequence, ..) in &kept {
        first.entry(segment).or_insert(*sequence);
    }
    let prefix = [b"DAT\0SEGMENTS\0", space.as_bytes(), b"\0"].concat();
    for key in kv.snapshot().into_keys() {
        let Some(rest) = key.strip_prefix(&*prefix) else { continue };
        let (name, last) = rest.split_at(rest.len() - 9);
        let last = u64::from_be_bytes(last[1..].try_into().expect("eight bytes"));
        let name = std::str::from_utf8(name).expect("text");
        if first.get(name).is_none_or(|first| last < *first) {
            kv.overwrite(&key, None);
        }
    }
    let prefix = [b"DAT\0SPACES\0", space.as_bytes(), b"\0"].concat();
    let bound = kv.snapshot().remove(&head_key(space)).map(|row| (get_u64(&row, 42), get_u64(&row, 50)));
    for key in kv.snapshot().into_keys() {
        let Some(rest) = key.strip_prefix(&*prefix) else { continue };
        let ms = u64::from_be_bytes(rest[..8].try_into().expect("eight bytes")) ^ (1 << 63);
        let n = u64::from_be_bytes(rest[9..].try_into().expect("eight bytes"));
        if Some((ms, n)) <= bound {
            kv.overwrite(&key, None);
        }
    }
    edit_sealed(kv, &head_key(space), |row| {
        for at in [2, 18] {
            let number = get_u64(row, at);
            put_u64(row, at, number + 1);
        }
    });
}
