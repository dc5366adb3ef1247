//! Many calls, chosen by chance from a fixed seed, against a map that keeps the contract.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use super::pages::may_hold;
use super::rows::{all, change, get, gives, row, same, scan};
use super::setting::{Case, Outcome, Setting, cases, ensure, needs_consistency, needs_quick_commits};
use crate::kv::{Bytes, Commit, Durability, Kv, ScanRange, SplitMix64};

pub(super) const CASES: &[Case] = cases![
    "commits, scans and gets of all kinds agree with a map" => random_calls,
];

const ROUNDS: usize = 200;

type Rows = BTreeMap<Bytes, Bytes>;

struct Chance(SplitMix64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.0.below(bound as u64)).unwrap_or_default()
    }

    fn byte(&mut self, of: &[u8]) -> u8 {
        of.get(self.below(of.len())).copied().unwrap_or_default()
    }

    /// Of few bytes, so that the same keys and beginnings come again.
    fn key(&mut self) -> Bytes {
        (0..1 + self.below(3)).map(|_| self.byte(b"\x00a\x7f\xff")).collect()
    }

    fn value(&mut self) -> Bytes {
        vec![self.byte(b"xyz"); self.below(40)]
    }
}

/// One commit of up to five writes and two checks, some of which fail; what is there then is known.
async fn one_commit(host: &dyn Kv, rows: &mut Rows, chance: &mut Chance) -> Outcome {
    let mut after = rows.clone();
    let mut batch = change();
    let mut failed = None;
    for check in 0..if host.limits().checks { chance.below(3) } else { 0 } {
        let key = chance.key();
        let current = rows.get(&key).cloned();
        let expected = if chance.below(4) == 0 { Some(chance.value()) } else { current.clone() };
        if failed.is_none() && expected != current {
            failed = Some((check, current));
        }
        batch = match expected {
            Some(value) => batch.check(key, value),
            None => batch.absent(key),
        };
    }
    let written: BTreeMap<Bytes, Option<Bytes>> = (0..chance.below(6))
        .map(|_| (chance.key(), if chance.below(3) == 0 { None } else { Some(chance.value()) }))
        .collect();
    for (key, value) in written {
        match value {
            Some(value) => {
                batch = batch.put(&key, &value);
                after.insert(key, value);
            }
            None => {
                batch = batch.delete(&key);
                after.remove(&key);
            }
        }
    }
    if chance.below(4) == 0 {
        batch = batch.durability(Durability::Strict);
    }
    let expected = match failed {
        Some((check, current)) => Commit::Refused { check, current },
        None => {
            *rows = after;
            Commit::Applied
        }
    };
    let answer = batch.clone().answer(host).await?;
    ensure!(answer == expected, "{batch:?}: expected {expected:?}, got {answer:?}");
    Ok(())
}

async fn one_scan(host: &dyn Kv, rows: &Rows, chance: &mut Chance) -> Outcome {
    let range = ScanRange {
        start: row(chance.key()),
        end: row(chance.key()),
        reverse: chance.below(2) == 0,
        limit: 1 + chance.below(20),
        max_bytes: chance.below(200),
        keys_only: chance.below(3) == 0,
    };
    let range =
        if chance.below(4) == 0 { ScanRange { start: all().start, end: all().end, ..range } } else { range };
    let mut inside: Vec<(&Bytes, &Bytes)> =
        rows.iter().filter(|(key, _)| row(key) >= range.start && row(key) < range.end).collect();
    if range.reverse {
        inside.reverse();
    }
    let page = scan(host, range.clone()).await?;
    let within: Vec<usize> = inside.iter().take(range.limit).map(|(_, value)| value.len()).collect();
    let counts =
        if range.keys_only { within.len()..=within.len() } else { may_hold(&within, range.max_bytes) };
    let given = page.pairs.len();
    ensure!(counts.contains(&given), "{range:?}: expected {counts:?} pairs, got {given}");
    let expected: Vec<&Bytes> = inside.iter().take(given).map(|(key, _)| *key).collect();
    gives(&page, &expected, given < inside.len(), format_args!("{range:?}"))?;
    for ((_, value), (_, expected)) in page.pairs.iter().zip(inside) {
        let expected: &[u8] = if range.keys_only { &[] } else { expected };
        same(Some(value), Some(expected), format_args!("{range:?}: a value"))?;
    }
    Ok(())
}

async fn random_calls(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    needs_quick_commits(host.limits())?;
    needs_consistency(host.limits())?;
    let (mut rows, mut chance) = (Rows::new(), Chance(SplitMix64::new(3)));
    for _ in 0..ROUNDS {
        one_commit(host, &mut rows, &mut chance).await?;
        one_scan(host, &rows, &mut chance).await?;
        let keys: [Bytes; 3] = [chance.key(), chance.key(), chance.key()];
        for (key, found) in keys.iter().zip(get(host, &keys).await?) {
            same(found.as_deref(), rows.get(key).map(Vec::as_slice), format_args!("{key:?}"))?;
        }
    }
    Ok(())
}
