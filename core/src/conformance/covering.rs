//! What one commit covers: rows of all kinds, under the keys that the engine gives them.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::beside::meanwhile;
use super::rows::same;
use super::setting::{Case, Outcome, Setting, Stop, cases, ensure, needs_batches, needs_whole_store, turn};
use crate::kv::{Batch, Bytes, Check, Commit, Durability, Kv, Put};

pub(super) const CASES: &[Case] = cases![
    "a commit covers the rows of a space, of whatever kind" => space,
    "a commit covers the rows of a redo record" => redo_record,
    "a commit covers the rows of several spaces" => several_spaces,
];

/// The key of these words, as keys of the layout are.
fn key(words: &str) -> Bytes {
    words.replace(' ', "\0").into_bytes()
}

fn batch(checks: Vec<Check>, deletes: Vec<Bytes>, puts: Vec<Put>) -> Batch {
    Batch { checks, deletes, puts, durability: Durability::Relaxed }
}

async fn commit(host: &dyn Kv, batch: Batch) -> Outcome<Commit> {
    host.commit(batch).await.map_err(|error| Stop::Failed(format!("commit: {error}")))
}

/// What the rows hold, of one call.
async fn found(host: &dyn Kv, keys: &[Bytes]) -> Outcome<Vec<Option<Bytes>>> {
    let found = host.get(keys.to_vec()).await.map_err(|error| Stop::Failed(format!("get: {error}")))?;
    ensure!(found.len() == keys.len(), "get of {} keys gave {} values", keys.len(), found.len());
    Ok(found)
}

/// That all rows hold this.
async fn all_hold(host: &dyn Kv, keys: &[Bytes], value: Option<&[u8]>, when: &str) -> Outcome {
    for (key, found) in keys.iter().zip(found(host, keys).await?) {
        same(found.as_deref(), value, format_args!("row \"{}\", {when}", key.escape_ascii()))?;
    }
    Ok(())
}

/// That one commit covers these rows: all of it applies or nothing, and no read sees it between.
async fn covered(host: &dyn Kv, keys: &[Bytes]) -> Outcome {
    let limits = host.limits();
    // All of the checks hold, but for the one that does not.
    let checks = |current: Option<&[u8]>, failing: Option<usize>| -> Vec<Check> {
        let keys = keys.iter().enumerate().filter(|_| limits.checks);
        let value = |i| if Some(i) == failing { Some(b"no".to_vec()) } else { current.map(<[u8]>::to_vec) };
        keys.map(|(i, key)| Check { key: key.clone(), value: value(i) }).collect()
    };
    let puts = |value: &[u8]| -> Vec<Put> {
        keys.iter().map(|key| Put { key: key.clone(), value: value.to_vec() }).collect()
    };
    let write = async {
        let mut current: Option<Bytes> = None;
        for next in 1..=3 {
            let next = next.to_string().into_bytes();
            for place in [0, keys.len().saturating_sub(1)].into_iter().filter(|_| limits.checks) {
                let refused = batch(checks(current.as_deref(), Some(place)), Vec::new(), puts(b"x"));
                let answer = commit(host, refused).await?;
                let expected = Commit::Refused { check: place, current: current.clone() };
                ensure!(answer == expected, "expected {expected:?}, got {answer:?}");
                all_hold(host, keys, current.as_deref(), &format!("after check {place} failed")).await?;
            }
            let answer =
                commit(host, batch(checks(current.as_deref(), None), Vec::new(), puts(&next))).await?;
            ensure!(answer == Commit::Applied, "the commit must be applied, got {answer:?}");
            all_hold(host, keys, Some(&next), "after a commit").await?;
            current = Some(next);
            turn().await;
        }
        let deletes = batch(checks(current.as_deref(), None), keys.to_vec(), Vec::new());
        let answer = commit(host, deletes).await?;
        ensure!(answer == Commit::Applied, "a commit of deletes must be applied, got {answer:?}");
        all_hold(host, keys, None, "after all were deleted").await
    };
    let look = async |_| {
        if let Some((first, others)) = found(host, keys).await?.split_first() {
            for other in others {
                same(other.as_deref(), first.as_deref(), "two rows that are always written together")?;
            }
        }
        Ok(())
    };
    meanwhile(write, u64::from(limits.consistent), look).await
}

async fn space(setting: Setting<'_>) -> Outcome {
    needs_batches(setting.host.limits())?;
    let rows =
        ["DAT SEGMENTS s x", "DAT SPACES s x", "INV SEGMENTS s x", "INV SPACES s", "TRX s x", "GRP s x"];
    covered(&*setting.host, &rows.map(key)).await
}

async fn redo_record(setting: Setting<'_>) -> Outcome {
    needs_batches(setting.host.limits())?;
    let row = |part: u64| [b"TXN\x000123456789abcdef\0".as_slice(), &part.to_be_bytes()].concat();
    covered(&*setting.host, &[row(1), row(2), row(3)]).await
}

async fn several_spaces(setting: Setting<'_>) -> Outcome {
    needs_whole_store(setting.host.limits())?;
    let rows = ["INV SPACES a", "INV SPACES b", "INV SEGMENTS c x", "LSE d"];
    covered(&*setting.host, &rows.map(key)).await
}
