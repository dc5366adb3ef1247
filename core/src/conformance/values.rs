//! Values of all sizes.

use alloc::vec;
use alloc::vec::Vec;

use super::pages::may_hold;
use super::rows::{all, between, both_ways, change, gives, holds, lacks, put, rows_are, same, scan};
use super::setting::{Case, Outcome, Setting, Stop, cases, ensure};
use crate::kv::{Bytes, HostLimits, Kv, ScanRange};

pub(super) const CASES: &[Case] = cases![
    "a value of any size may take the place of any other" => any_size,
    "a value of any size can be deleted" => deleted,
    "rows of all sizes come in the order of their keys" => order,
    "pages of large rows join, however often they are read" => joined,
];

// Storages keep values in different ways by their size, and in pieces: around the sizes where they do.
const SIZES: [usize; 14] =
    [0, 20_000, 3, 131_073, 65_537, 65_536, 65_535, 4096, 200_000, 1, 16_385, 16_384, 100_000, 0];

/// The largest value that fits a commit with its key.
pub(super) fn largest(limits: &HostLimits) -> usize {
    limits.max_value_bytes.min(limits.max_batch_bytes.saturating_sub(400))
}

async fn any_size(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    for (byte, size) in (1..).zip(SIZES) {
        let value: Bytes = vec![byte; size.min(largest(host.limits()))];
        put(host, &[("a", &value)]).await?;
        holds(host, "a", &value).await?;
        let page = scan(host, all()).await?;
        gives(&page, &["a"], false, "one row")?;
        let found = page.pairs.first().map(|(_, value)| value.as_slice());
        same(found, Some(&value), format_args!("scan of {} bytes", value.len()))?;
    }
    Ok(())
}

async fn deleted(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    for size in [0, 16_385, 65_537, 131_073] {
        put(host, &[("a", vec![1; size.min(largest(host.limits()))])]).await?;
        change().delete("a").applied(host).await?;
        lacks(host, "a").await?;
        rows_are::<&str>(host, &[], "after the delete").await?;
    }
    Ok(())
}

async fn order(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    let most = largest(host.limits()).min(20_000);
    let mut rows: Vec<(&str, Bytes)> = Vec::new();
    for (byte, name) in (0..).zip(["a", "b", "c", "d", "e", "f"]) {
        rows.push((name, vec![byte; if byte % 2 == 0 { most } else { usize::from(byte) }]));
    }
    for pair in &rows {
        put(host, core::slice::from_ref(pair)).await?;
    }
    for (reverse, rows) in both_ways(&rows) {
        for limit in [1, 2, 3, 6] {
            let page = scan(host, ScanRange { limit, reverse, ..between("a", "g") }).await?;
            let names: Vec<&str> = rows.iter().take(limit).map(|(name, _)| *name).collect();
            gives(&page, &names, limit < rows.len(), format_args!("limit {limit}"))?;
            for ((_, value), (name, expected)) in page.pairs.iter().zip(&rows) {
                same(Some(value), Some(expected), format_args!("the value of {name}"))?;
            }
        }
        let sizes: Vec<usize> = rows.iter().map(|(_, value)| value.len()).collect();
        for max_bytes in [most, most + 10, most * 2] {
            let page = scan(host, ScanRange { max_bytes, reverse, ..between("a", "g") }).await?;
            let (given, expected) = (page.pairs.len(), may_hold(&sizes, max_bytes));
            ensure!(
                expected.contains(&given),
                "max_bytes {max_bytes}, values of {sizes:?}: expected {expected:?} pairs, got {given}"
            );
        }
    }
    let keys = scan(host, ScanRange { keys_only: true, ..all() }).await?;
    ensure!(keys.pairs.len() == rows.len(), "keys: expected {}, got {}", rows.len(), keys.pairs.len());
    Ok(())
}

// A host may ask for what is large in another way, once it has seen some.
async fn joined(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    let size = largest(host.limits()).min(300_000);
    let mut rows: Vec<(&str, Bytes)> =
        (0..).zip(["a", "b", "c", "d", "e", "f", "g"]).map(|(byte, name)| (name, vec![byte; size])).collect();
    for pair in &rows {
        put(host, core::slice::from_ref(pair)).await?;
    }
    read_all(host, &rows, size).await?;
    read_all(host, &rows, size).await?;
    change().delete("d").applied(host).await?;
    put(host, &[("e", "")]).await?;
    rows.retain(|(name, _)| *name != "d");
    for (name, value) in &mut rows {
        if *name == "e" {
            value.clear();
        }
    }
    read_all(host, &rows, size).await
}

/// That pages of up to three of the largest rows give all of them.
async fn read_all(host: &dyn Kv, rows: &[(&str, Bytes)], size: usize) -> Outcome {
    let (mut found, mut start) = (0, all().start);
    loop {
        let range = ScanRange { start, limit: 1000, max_bytes: size.saturating_mul(3), ..all() };
        let page = scan(host, range).await?;
        let rest = rows.get(found..).unwrap_or_default();
        let expected = rest.get(..page.pairs.len()).unwrap_or(rest);
        found += expected.len();
        let names: Vec<&str> = expected.iter().map(|(name, _)| *name).collect();
        gives(&page, &names, found < rows.len(), format_args!("up to row {found}"))?;
        for ((_, value), (name, expected)) in page.pairs.iter().zip(expected) {
            same(Some(value.as_slice()), Some(expected), format_args!("the value of {name}"))?;
        }
        if found == rows.len() {
            return Ok(());
        }
        let Some((last, _)) = page.pairs.last() else {
            return Err(Stop::Failed("a page must have a row if there is one".into()));
        };
        start = [last.as_slice(), &[0]].concat();
    }
}
