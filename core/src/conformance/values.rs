//! Values of all sizes.

use alloc::vec;
use alloc::vec::Vec;

use super::rows::{all, between, both_ways, change, gives, holds, lacks, put, rows_are, same, scan};
use super::setting::{Case, Outcome, Setting, cases, ensure};
use crate::kv::{Bytes, HostLimits, ScanRange};

pub(super) const CASES: &[Case] = cases![
    "a value of any size may take the place of any other" => any_size,
    "a value of any size can be deleted" => deleted,
    "rows of all sizes come in the order of their keys" => order,
];

// Storages keep values in different ways by their size, and in pieces: around the sizes where they do.
const SIZES: [usize; 14] =
    [0, 20_000, 3, 131_073, 65_537, 65_536, 65_535, 4096, 200_000, 1, 16_385, 16_384, 100_000, 0];

/// The largest value that fits a commit with its key.
fn largest(limits: &HostLimits) -> usize {
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
    }
    let keys = scan(host, ScanRange { keys_only: true, ..all() }).await?;
    ensure!(keys.pairs.len() == rows.len(), "keys: expected {}, got {}", rows.len(), keys.pairs.len());
    Ok(())
}
