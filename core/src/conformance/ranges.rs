//! Which rows a range holds, and their order.

use alloc::vec::Vec;

use super::rows::{KEYS, all, between, fill, gives, pairs, put, same, scan};
use super::setting::{Case, Outcome, Setting, cases, ensure};
use crate::kv::{Kv, ScanRange};

pub(super) const CASES: &[Case] = cases![
    "scan gives unsigned byte order" => byte_order,
    "scan in reverse gives the same, backwards" => byte_order_reverse,
    "a range is half-open at every edge" => half_open,
    "a range in reverse is the same range" => half_open_reverse,
    "a range of keys only is the same range" => half_open_keys,
    "a range that ends before it begins is empty" => inverted,
    "a range under a name does not reach its neighbours" => neighbours,
];

/// Ranges with their edges on keys, between them and beyond them.
const RANGES: [(&str, &[u8], &[u8]); 16] = [
    ("from a key up to a key", b"a", b"b"),
    ("the start is in the range", b"a\x00", b"a\x01"),
    ("the end is not in the range", b"a\x01", b"b"),
    ("just after a key", b"a\x00", b"c"),
    ("up to just after a key", b"a", b"a\x00"),
    ("edges that are no keys", b"aa", b"bb"),
    ("one key", b"b", b"b\x00"),
    ("a key with 00 after it", b"b\x00", b"b\x00\x00"),
    ("an empty range on a key", b"b", b"b"),
    ("an empty range between keys", b"bb", b"bc"),
    ("keys of 00 only", b"", b"\x01"),
    ("bytes above 7f", b"\x7f", b"\xff"),
    ("up to ff", b"\x80", b"\xff\x00"),
    ("beyond ff", b"\xff", b"\xff\xff\xff"),
    ("below all keys", b"", b"\x00"),
    ("above all keys", b"\xff\xff\x00", b"\xff\xff\xff"),
];

async fn in_order(host: &dyn Kv, reverse: bool) -> Outcome {
    fill(host).await?;
    let mut expected = pairs();
    if reverse {
        expected.reverse();
    }
    let page = scan(host, ScanRange { reverse, ..all() }).await?;
    let keys: Vec<&[u8]> = expected.iter().map(|(key, _)| *key).collect();
    gives(&page, &keys, false, "all")?;
    for (place, ((_, value), (_, expected))) in page.pairs.iter().zip(&expected).enumerate() {
        same(Some(value), Some(expected.as_bytes()), format_args!("value {place}"))?;
    }
    Ok(())
}

async fn byte_order(setting: Setting<'_>) -> Outcome {
    in_order(&*setting.host, false).await
}

async fn byte_order_reverse(setting: Setting<'_>) -> Outcome {
    in_order(&*setting.host, true).await
}

/// That every range gives its keys, in this direction, whole and by its first key.
async fn ranges(host: &dyn Kv, reverse: bool, keys_only: bool) -> Outcome {
    for (what, start, end) in RANGES {
        let mut expected: Vec<&[u8]> = KEYS.into_iter().filter(|key| *key >= start && *key < end).collect();
        if reverse {
            expected.reverse();
        }
        let range = ScanRange { reverse, keys_only, ..between(start, end) };
        gives(&scan(host, range.clone()).await?, &expected, false, what)?;
        let first = scan(host, ScanRange { limit: 1, ..range }).await?;
        let begins = expected.get(..1).unwrap_or_default();
        gives(&first, begins, expected.len() > 1, format_args!("{what}, limit 1"))?;
    }
    Ok(())
}

async fn half_open(setting: Setting<'_>) -> Outcome {
    fill(&*setting.host).await?;
    ranges(&*setting.host, false, false).await
}

async fn half_open_reverse(setting: Setting<'_>) -> Outcome {
    fill(&*setting.host).await?;
    ranges(&*setting.host, true, false).await
}

async fn half_open_keys(setting: Setting<'_>) -> Outcome {
    fill(&*setting.host).await?;
    ranges(&*setting.host, false, true).await?;
    ranges(&*setting.host, true, true).await
}

async fn inverted(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    fill(host).await?;
    for (reverse, keys_only) in [(false, false), (false, true), (true, false), (true, true)] {
        let page = scan(host, ScanRange { reverse, keys_only, ..between("b", "a") }).await?;
        ensure!(page.pairs.is_empty() && !page.more, "the page must be empty, got {page:?}");
    }
    Ok(())
}

async fn neighbours(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    // As the engine asks for all of a name: from the name and 00 up to the name and 01.
    let keys = ["order-1\0row", "order-10\0row", "order-1 \0row", "order-2\0row", "order-\0row", "order-1"];
    put(host, &keys.map(|key| (key, key))).await?;
    for reverse in [false, true] {
        let page = scan(host, ScanRange { reverse, ..between("order-1\0", "order-1\x01") }).await?;
        gives(&page, &["order-1\0row"], false, "all of order-1")?;
    }
    Ok(())
}
