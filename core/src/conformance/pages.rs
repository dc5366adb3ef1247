//! How much of a range one page holds, and whether it says that there is more.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use super::rows::{
    KEYS, PREFIX_BYTES, all, between, both_ways, change, fill, gives, put, row, rows_hold, same, scan,
};
use super::setting::{Case, Outcome, Setting, cases, ensure, needs, needs_batches, needs_quick_commits};
use crate::kv::{Bytes, ScanRange, SplitMix64};

pub(super) const CASES: &[Case] = cases![
    "scan stops at the limit, and `more` is exact" => limit,
    "rows beyond the range are not more" => beyond_the_range,
    "scan stops at max_bytes of values, after at least one pair" => max_bytes,
    "max_bytes counts values only" => values_only,
    "rows that were deleted or replaced count for nothing" => rows_before,
    "scan of keys only gives no values" => keys_only,
    "max_bytes means nothing to a scan of keys only" => max_bytes_of_keys,
    "a page may hold many rows" => many_rows,
    "the edges of a range may be longer than any key" => long_edges,
    "pages join without a gap or a double, in both directions" => joined,
    "the largest limit is no more than a limit" => largest_limit,
];

/// Longest keys up to here are tried.
pub(super) const TRIED_KEY_BYTES: usize = 1 << 20;

/// How many pairs of values of these sizes, at least one, a page of `max_bytes` may have: a host may stop once they
/// reach it, or before the pair that would take them past it.
pub(super) fn may_hold(sizes: &[usize], max_bytes: usize) -> RangeInclusive<usize> {
    let (mut within, mut until, mut sum) = (0, 0, 0_usize);
    for size in sizes {
        if until == 0 || sum < max_bytes {
            until += 1;
        }
        sum = sum.saturating_add(*size);
        if sum <= max_bytes || within == 0 {
            within += 1;
        }
    }
    within.min(until)..=within.max(until)
}

async fn limit(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    fill(host).await?;
    for (reverse, order) in both_ways(&KEYS) {
        for limit in 1..=KEYS.len() + 1 {
            let page = scan(host, ScanRange { limit, reverse, ..all() }).await?;
            let expected = order.get(..limit).unwrap_or(&order);
            gives(&page, expected, limit < KEYS.len(), format_args!("limit {limit}, reverse {reverse}"))?;
        }
    }
    Ok(())
}

async fn beyond_the_range(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    fill(host).await?;
    let (start, end): (&[u8], &[u8]) = (b"a", b"b");
    let inside: Vec<&[u8]> = KEYS.into_iter().filter(|key| *key >= start && *key < end).collect();
    for (reverse, inside) in both_ways(&inside) {
        for limit in [inside.len() - 1, inside.len(), inside.len() + 1] {
            let page = scan(host, ScanRange { limit, reverse, ..between(start, end) }).await?;
            let expected = inside.get(..limit).unwrap_or(&inside);
            gives(&page, expected, limit < inside.len(), format_args!("limit {limit}, reverse {reverse}"))?;
        }
    }
    Ok(())
}

async fn max_bytes(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    let keys = ["a", "b", "c", "d"];
    // What they were before does not count.
    put(host, &[("b", Bytes::new()), ("c", vec![0; 1000])]).await?;
    put(host, &keys.map(|key| (key, [0; 100]))).await?;
    for max_bytes in [0, 1, 99, 100, 101, 199, 200, 201, 399, 400, 10_000] {
        for (reverse, order) in both_ways(&keys) {
            let page = scan(host, ScanRange { limit: 10, max_bytes, reverse, ..all() }).await?;
            let (given, expected) = (page.pairs.len(), may_hold(&[100; 4], max_bytes));
            ensure!(
                expected.contains(&given),
                "max_bytes {max_bytes}, values of 100: expected {expected:?} pairs, got {given}"
            );
            let expected = order.get(..given).unwrap_or_default();
            gives(
                &page,
                expected,
                given < keys.len(),
                format_args!("max_bytes {max_bytes}, reverse {reverse}"),
            )?;
        }
    }
    let both = scan(host, ScanRange { limit: 2, max_bytes: 350, ..all() }).await?;
    gives(&both, &["a", "b"], true, "limit before max_bytes")
}

async fn values_only(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    let rows = [("a", ""), ("b", "22"), ("c", ""), ("d", "4444"), ("e", "")];
    put(host, &rows).await?;
    for (reverse, order) in both_ways(&rows) {
        let sizes: Vec<usize> = order.iter().map(|(_, value)| value.len()).collect();
        for max_bytes in 1..=8 {
            let page = scan(host, ScanRange { limit: 10, max_bytes, reverse, ..all() }).await?;
            let (given, expected) = (page.pairs.len(), may_hold(&sizes, max_bytes));
            ensure!(
                expected.contains(&given),
                "max_bytes {max_bytes}, values of {sizes:?}: expected {expected:?} pairs, got {given}"
            );
            ensure!(
                page.more == (given < rows.len()),
                "max_bytes {max_bytes}: `more` must be {}",
                !page.more
            );
        }
    }
    Ok(())
}

// Storages that write anew instead of changing keep what was there for a while.
async fn rows_before(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    needs_batches(host.limits())?;
    put(host, &["a", "b", "c", "d", "e", "f"].map(|key| (key, [0; 100]))).await?;
    change().delete("a").delete("c").delete("d").delete("f").applied(host).await?;
    let left = [("b", "1"), ("e", "2")];
    put(host, &left).await?;
    rows_hold(host, &left, "rows that are left").await?;
    for (reverse, keys) in both_ways(&["b", "e"]) {
        for (max_bytes, keys_only) in [(2, false), (0, true)] {
            let range = ScanRange { limit: 2, max_bytes, keys_only, reverse, ..all() };
            let what = format_args!("max_bytes {max_bytes}, keys only {keys_only}, reverse {reverse}");
            gives(&scan(host, range).await?, &keys, false, what)?;
        }
    }
    change().delete("b").delete("e").applied(host).await?;
    rows_hold::<&str, &str>(host, &[], "after all were deleted").await
}

async fn keys_only(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    fill(host).await?;
    for (reverse, order) in both_ways(&KEYS) {
        for limit in [5, KEYS.len()] {
            let page = scan(host, ScanRange { limit, reverse, keys_only: true, ..all() }).await?;
            let expected = order.get(..limit).unwrap_or_default();
            gives(&page, expected, limit < KEYS.len(), format_args!("limit {limit}, reverse {reverse}"))?;
            let values = page.pairs.iter().filter(|(_, value)| !value.is_empty()).count();
            ensure!(values == 0, "limit {limit}, reverse {reverse}: {values} pairs have values");
        }
    }
    Ok(())
}

async fn max_bytes_of_keys(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    let keys = ["a", "b", "c"];
    put(host, &[("a", "1"), ("b", "22"), ("c", "333")]).await?;
    for (reverse, keys) in both_ways(&keys) {
        for max_bytes in [0, 1] {
            let page = scan(host, ScanRange { max_bytes, reverse, keys_only: true, ..all() }).await?;
            gives(&page, &keys, false, format_args!("reverse {reverse}"))?;
        }
    }
    Ok(())
}

// Storages give so many rows at a time, and a host that hides that has seams.
async fn many_rows(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    needs_quick_commits(host.limits())?;
    let names: Vec<String> = (0..2100).map(|i| format!("k{i:04}")).collect();
    let pairs: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), name.as_str())).collect();
    put(host, &pairs).await?;
    for (reverse, names) in both_ways(&names) {
        for (limit, keys_only) in [256, 257, 999, 1000, 1001, 2100, 5000]
            .map(|limit| (limit, true))
            .into_iter()
            .chain([256, 1000, 1001, 5000].map(|limit| (limit, false)))
        {
            let page = scan(host, ScanRange { limit, keys_only, reverse, ..all() }).await?;
            let expected = names.get(..limit).unwrap_or(&names);
            gives(&page, expected, limit < names.len(), format_args!("limit {limit}, reverse {reverse}"))?;
            if keys_only {
                continue;
            }
            for ((_, value), name) in page.pairs.iter().zip(expected) {
                same(Some(value), Some(name.as_bytes()), format_args!("limit {limit}: the value of {name}"))?;
            }
        }
    }
    Ok(())
}

// Whoever reads on begins just after the last key, which is a byte longer.
async fn long_edges(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    let most = host.limits().max_key_bytes;
    needs(most <= TRIED_KEY_BYTES, "keys may be longer than this suite tries")?;
    let longest = vec![b'k'; most.saturating_sub(PREFIX_BYTES)];
    let rows: [(&[u8], &str); 3] = [(b"a", "1"), (&longest, "2"), (b"z", "3")];
    for pair in rows {
        put(host, &[pair]).await?;
    }
    let after = row([longest.as_slice(), b"\0"].concat());
    for (reverse, expected) in both_ways(&[b"a".as_slice(), &longest]) {
        let above = scan(host, ScanRange { start: after.clone(), reverse, ..all() }).await?;
        gives(&above, &["z"], false, "after the longest key")?;
        let below = scan(host, ScanRange { end: after.clone(), reverse, ..all() }).await?;
        gives(&below, &expected, false, "up to just after the longest key")?;
    }
    Ok(())
}

async fn joined(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    let names: Vec<String> = (0..41).map(|i| format!("k{i:03}")).collect();
    let mut pairs: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    let mut random = SplitMix64::new(2);
    pairs.sort_by_cached_key(|_| random.next_u64());
    put(host, &pairs).await?;
    let rows: Vec<Bytes> = names.iter().map(row).collect();
    for (reverse, expected) in both_ways(&rows) {
        let mut found: Vec<Bytes> = Vec::new();
        let mut range = ScanRange { limit: 7, reverse, ..all() };
        for pages in 1.. {
            ensure!(pages <= names.len(), "the pages do not come to an end");
            let page = scan(host, range.clone()).await?;
            let last = page.pairs.last().map(|(key, _)| key.clone());
            found.extend(page.pairs.into_iter().map(|(key, _)| key));
            let Some(mut last) = last.filter(|_| page.more) else { break };
            if reverse {
                range.end = last;
            } else {
                last.push(0);
                range.start = last;
            }
        }
        ensure!(
            found == expected,
            "reverse {reverse}: expected {} rows, each once, in order",
            expected.len()
        );
    }
    Ok(())
}

async fn largest_limit(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    put(host, &[("a", "1"), ("b", "2")]).await?;
    for (reverse, expected) in both_ways(&["a", "b"]) {
        gives(
            &scan(host, ScanRange { limit: usize::MAX, reverse, ..all() }).await?,
            &expected,
            false,
            "all",
        )?;
    }
    Ok(())
}
