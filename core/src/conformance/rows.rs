//! Rows of one space, how they are written and read, and what is expected of them.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Display;

use super::setting::{Outcome, Stop, ensure};
use crate::error::Result;
use crate::kv::{
    Atomicity, Batch, Bytes, Check, Commit, Durability, HostLimits, Kv, Put, ScanPage, ScanRange, SplitMix64,
};

// Keys as the engine makes them: on a host whose commits cover one space, all rows of a case must lie in one.
const PREFIX: &[u8] = b"DAT\0SEGMENTS\0conformance\0";
const PREFIX_END: &[u8] = b"DAT\0SEGMENTS\0conformance\x01";

/// How many bytes the key of a row has besides its own.
pub(super) const PREFIX_BYTES: usize = PREFIX.len();

/// Keys that start alike, with every awkward byte, in their order.
pub(super) const KEYS: [&[u8]; 23] = [
    b"\x00",
    b"\x00\x00",
    b"\x01",
    // Neither as numbers nor without their case.
    b"10",
    b"9",
    b"B",
    b"a",
    b"a\x00",
    b"a\x00\x00",
    b"a\x00\xff",
    b"a\x01",
    b"a\x7f",
    b"a\x80",
    b"a\xff",
    b"a\xff\xff",
    b"b",
    b"b\x00",
    b"c",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"\xff\x00",
    b"\xff\xff",
];

/// The key of a row of the space that the cases work in.
pub(super) fn row(tail: impl AsRef<[u8]>) -> Bytes {
    [PREFIX, tail.as_ref()].concat()
}

/// All of [`KEYS`], the value of each saying its place.
pub(super) fn pairs() -> Vec<(&'static [u8], String)> {
    KEYS.into_iter().enumerate().map(|(place, key)| (key, format!("v{place}"))).collect()
}

/// Writes them.
pub(super) async fn fill(host: &dyn Kv) -> Outcome {
    let mut pairs = pairs();
    // Not in order, so that the host has to bring them into it.
    let mut random = SplitMix64::new(1);
    pairs.sort_by_cached_key(|_| random.next_u64());
    put(host, &pairs).await
}

/// The rows forwards, and backwards, and whether it is in reverse.
pub(super) fn both_ways<T: Clone>(rows: &[T]) -> [(bool, Vec<T>); 2] {
    [(false, rows.to_vec()), (true, rows.iter().rev().cloned().collect())]
}

/// A commit that is being put together, relaxed unless it says otherwise.
#[derive(Debug, Clone)]
pub(super) struct Change(pub(super) Batch);

/// What a refused commit says.
pub(super) struct Refusal {
    pub(super) check: usize,
    pub(super) current: Option<Bytes>,
}

pub(super) fn change() -> Change {
    Change(Batch { durability: Durability::Relaxed, ..Batch::default() })
}

impl Change {
    /// That the row holds this.
    pub(super) fn check(mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.0.checks.push(Check { key: row(key), value: Some(value.as_ref().to_vec()) });
        self
    }

    /// That there is no such row.
    pub(super) fn absent(mut self, key: impl AsRef<[u8]>) -> Self {
        self.0.checks.push(Check { key: row(key), value: None });
        self
    }

    pub(super) fn delete(mut self, key: impl AsRef<[u8]>) -> Self {
        self.0.deletes.push(row(key));
        self
    }

    pub(super) fn put(mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.0.puts.push(Put { key: row(key), value: value.as_ref().to_vec() });
        self
    }

    pub(super) fn durability(mut self, durability: Durability) -> Self {
        self.0.durability = durability;
        self
    }

    pub(super) fn strict(self) -> Self {
        self.durability(Durability::Strict)
    }

    pub(super) async fn commit(self, host: &dyn Kv) -> Result<Commit> {
        host.commit(self.0).await
    }

    pub(super) async fn answer(self, host: &dyn Kv) -> Outcome<Commit> {
        self.commit(host).await.map_err(|error| Stop::Failed(format!("commit: {error}")))
    }

    pub(super) async fn applied(self, host: &dyn Kv) -> Outcome {
        let answer = self.answer(host).await?;
        ensure!(answer == Commit::Applied, "the commit must be applied, got {answer:?}");
        Ok(())
    }

    pub(super) async fn refused(self, host: &dyn Kv) -> Outcome<Refusal> {
        match self.answer(host).await? {
            Commit::Refused { check, current } => Ok(Refusal { check, current }),
            Commit::Applied => Err(Stop::Failed(String::from("the commit must be refused, and was applied"))),
        }
    }

    /// That the commit is refused by this check, with this as what is there.
    pub(super) async fn refused_with(self, host: &dyn Kv, check: usize, current: Option<&[u8]>) -> Outcome {
        let refusal = self.refused(host).await?;
        ensure!(refusal.check == check, "expected that check {check} fails, got {}", refusal.check);
        same(refusal.current.as_deref(), current, format_args!("what the key of check {check} holds"))
    }
}

/// Writes rows, in as few commits as the host takes.
pub(super) async fn put<K: AsRef<[u8]>, V: AsRef<[u8]>>(host: &dyn Kv, pairs: &[(K, V)]) -> Outcome {
    let HostLimits { atomic, max_batch_ops, max_batch_bytes, .. } = *host.limits();
    let most = if atomic == Atomicity::None { 1 } else { max_batch_ops };
    let (mut batch, mut bytes) = (change(), 0_usize);
    for (key, value) in pairs {
        let more = PREFIX_BYTES.saturating_add(key.as_ref().len()).saturating_add(value.as_ref().len());
        let full = batch.0.puts.len() >= most || bytes.saturating_add(more) > max_batch_bytes;
        if full && !batch.0.puts.is_empty() {
            core::mem::replace(&mut batch, change()).applied(host).await?;
            bytes = 0;
        }
        batch = batch.put(key, value);
        bytes = bytes.saturating_add(more);
    }
    batch.applied(host).await
}

/// What several rows hold, of one call.
pub(super) async fn get<K: AsRef<[u8]>>(host: &dyn Kv, keys: &[K]) -> Outcome<Vec<Option<Bytes>>> {
    let found = host.get(keys.iter().map(row).collect()).await;
    let found = found.map_err(|error| Stop::Failed(format!("get: {error}")))?;
    ensure!(found.len() == keys.len(), "get of {} keys gave {} values", keys.len(), found.len());
    Ok(found)
}

pub(super) async fn read(host: &dyn Kv, key: impl AsRef<[u8]>) -> Outcome<Option<Bytes>> {
    Ok(get(host, &[key]).await?.into_iter().flatten().next())
}

/// That a row holds this.
pub(super) async fn holds(host: &dyn Kv, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Outcome {
    let found = read(host, &key).await?;
    same(found.as_deref(), Some(value.as_ref()), format_args!("row {}", shown(key.as_ref())))
}

/// That there is no such row.
pub(super) async fn lacks(host: &dyn Kv, key: impl AsRef<[u8]>) -> Outcome {
    let found = read(host, &key).await?;
    same(found.as_deref(), None, format_args!("row {}", shown(key.as_ref())))
}

/// The range of all rows.
pub(super) fn all() -> ScanRange {
    ScanRange {
        start: PREFIX.to_vec(),
        end: PREFIX_END.to_vec(),
        reverse: false,
        limit: 100,
        max_bytes: usize::MAX,
        keys_only: false,
    }
}

/// The range of the rows from one key up to another.
pub(super) fn between(start: impl AsRef<[u8]>, end: impl AsRef<[u8]>) -> ScanRange {
    ScanRange { start: row(start), end: row(end), ..all() }
}

pub(super) async fn scan(host: &dyn Kv, range: ScanRange) -> Outcome<ScanPage> {
    host.scan(range).await.map_err(|error| Stop::Failed(format!("scan: {error}")))
}

/// That a page holds just these rows, in this order, and says whether there are more.
pub(super) fn gives<K: AsRef<[u8]>>(
    page: &ScanPage,
    expected: &[K],
    more: bool,
    what: impl Display,
) -> Outcome {
    let is_same = page.pairs.len() == expected.len()
        && page.pairs.iter().zip(expected).all(|((key, _), tail)| *key == row(tail));
    ensure!(
        is_same,
        "{what}: expected the keys [{}], got [{}]",
        listed(expected.iter().map(AsRef::as_ref)),
        listed(page.pairs.iter().map(|(key, _)| key.strip_prefix(PREFIX).unwrap_or(key))),
    );
    ensure!(page.more == more, "{what}: `more` must be {more}");
    Ok(())
}

/// That these are all the rows there are, with keys up to the usual limit.
pub(super) async fn rows_are<K: AsRef<[u8]>>(host: &dyn Kv, expected: &[K], what: &str) -> Outcome {
    gives(&scan(host, all()).await?, expected, false, what)
}

/// That these are all the rows there are, by scans in both directions that have room for just these, and for one less.
pub(super) async fn rows_hold<K, V>(host: &dyn Kv, expected: &[(K, V)], what: &str) -> Outcome
where
    K: AsRef<[u8]> + Clone,
    V: AsRef<[u8]> + Clone,
{
    let size = expected.len();
    for (reverse, order) in both_ways(expected) {
        for limit in [size.max(1), size.saturating_sub(1).max(1)] {
            let what = format_args!("{what}, limit {limit}, reverse {reverse}");
            let page = scan(host, ScanRange { limit, reverse, ..all() }).await?;
            let given = order.get(..limit).unwrap_or(&order);
            let keys: Vec<&K> = given.iter().map(|(key, _)| key).collect();
            gives(&page, &keys, limit < size, what)?;
            for ((_, found), (key, value)) in page.pairs.iter().zip(given) {
                let key = shown(key.as_ref());
                same(Some(found), Some(value.as_ref()), format_args!("{what}: the value of {key}"))?;
            }
        }
    }
    let keys: Vec<&K> = expected.iter().map(|(key, _)| key).collect();
    for ((key, value), found) in expected.iter().zip(get(host, &keys).await?) {
        let key = shown(key.as_ref());
        same(found.as_deref(), Some(value.as_ref()), format_args!("{what}: get of {key}"))?;
    }
    Ok(())
}

/// That two byte strings are equal, or both are absent.
pub(super) fn same(actual: Option<&[u8]>, expected: Option<&[u8]>, what: impl Display) -> Outcome {
    let text = |bytes: Option<&[u8]>| bytes.map_or_else(|| String::from("nothing"), shown);
    ensure!(actual == expected, "{what}: expected {}, got {}", text(expected), text(actual));
    Ok(())
}

/// From here on there are too many to be shown.
const SHOWN: usize = 64;

fn shown(bytes: &[u8]) -> String {
    match bytes.get(..SHOWN) {
        Some(beginning) => format!("\"{}...\" of {} bytes", beginning.escape_ascii(), bytes.len()),
        None => format!("\"{}\"", bytes.escape_ascii()),
    }
}

fn listed<'a>(keys: impl ExactSizeIterator<Item = &'a [u8]>) -> String {
    let count = keys.len();
    let mut list: Vec<String> = keys.take(SHOWN).map(shown).collect();
    if count > SHOWN {
        list.push(format!("... {count} in all"));
    }
    list.join(" ")
}
