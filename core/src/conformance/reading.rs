//! What `get` answers, and that keys are bytes and nothing else.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::rows::{
    PREFIX_BYTES, all, between, both_ways, change, get, gives, holds, lacks, put, read, rows_are, rows_hold,
    same, scan,
};
use super::setting::{Case, Outcome, Setting, cases, ensure, needs_whole_store};
use crate::kv::{Bytes, Put, ScanRange};

pub(super) const CASES: &[Case] = cases![
    "an empty host holds nothing" => an_empty_host,
    "get answers in the order asked, and nothing for what is not there" => order_of_get,
    "get of many keys answers all of them" => many_keys,
    "get does not confuse a key with what it begins with" => beginnings,
    "keys that are alike but for their bytes are different rows" => keys_alike,
    "long keys that differ at their end are different rows, in order" => long_keys,
    "keys and values hold any bytes" => any_bytes,
    "a key may begin with any byte" => first_bytes,
];

async fn an_empty_host(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    lacks(host, "a").await?;
    for reverse in [false, true] {
        gives::<&str>(&scan(host, ScanRange { reverse, ..all() }).await?, &[], false, "scan")?;
    }
    Ok(())
}

async fn order_of_get(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    put(host, &[("a", "1"), ("b", "2"), ("c", "")]).await?;
    let asked = ["b", "x", "a", "c", "b"];
    let expected: [Option<&[u8]>; 5] = [Some(b"2"), None, Some(b"1"), Some(b""), Some(b"2")];
    let found = get(host, &asked).await?;
    for ((key, value), expected) in asked.iter().zip(&found).zip(expected) {
        same(value.as_deref(), expected, format_args!("the answer for {key}"))?;
    }
    get::<&str>(host, &[]).await.map(drop)
}

async fn many_keys(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    put(host, &[("k007", "7"), ("k140", "140")]).await?;
    let keys: Vec<String> = (0..150).map(|i| format!("k{i:03}")).collect();
    for (i, value) in get(host, &keys).await?.iter().enumerate() {
        let expected: Option<&[u8]> = match i {
            7 => Some(b"7"),
            140 => Some(b"140"),
            _ => None,
        };
        same(value.as_deref(), expected, format_args!("value {i}"))?;
    }
    Ok(())
}

async fn beginnings(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    put(host, &[("ab", "1")]).await?;
    for other in ["a", "abc", "aB", "ab\0", ""] {
        lacks(host, other).await?;
    }
    Ok(())
}

async fn keys_alike(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    let keys: [&[u8]; 9] = [
        b"key",
        b"Key",
        b"KEY",
        b"key ",
        b"key\0",
        "k\u{e9}y".as_bytes(),
        "ke\u{301}y".as_bytes(),
        b"k\x80",
        b"k\x81",
    ];
    let pairs: Vec<(&[u8], String)> =
        keys.iter().enumerate().map(|(i, key)| (*key, format!("{i}"))).collect();
    put(host, &pairs).await?;
    for (key, value) in &pairs {
        holds(host, key, value).await?;
    }
    let rows = scan(host, all()).await?.pairs.len();
    ensure!(rows == keys.len(), "expected {} rows, got {rows}", keys.len());
    change().delete("Key").applied(host).await?;
    lacks(host, "Key").await?;
    holds(host, "key", "0").await
}

async fn long_keys(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    let begin = vec![b'k'; host.limits().max_key_bytes.min(1000).saturating_sub(PREFIX_BYTES + 1)];
    let [a, b, c] = [b"a", b"b", b"c"].map(|end| ([begin.as_slice(), end].concat(), end));
    put(host, core::slice::from_ref(&c)).await?;
    put(host, &[a.clone(), b.clone()]).await?;
    rows_hold(host, &[a.clone(), b.clone(), c.clone()], "rows").await?;
    change().delete(&b.0).applied(host).await?;
    rows_hold(host, &[a, c], "rows that are left").await
}

async fn any_bytes(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    let every: Bytes = (0..=u8::MAX).collect();
    // As long as the shortest of longest keys allows.
    for key in every.chunks(128) {
        put(host, &[(key, &every)]).await?;
        let found = read(host, key).await?;
        same(found.as_deref(), Some(&every), "get")?;
    }
    let page = scan(host, between("", b"\x01")).await?;
    gives(&page, &every.chunks(128).take(1).collect::<Vec<_>>(), false, "scan")?;
    for (_, value) in &page.pairs {
        same(Some(value), Some(&every), "the value that scan gives")?;
    }
    rows_are(host, &every.chunks(128).collect::<Vec<_>>(), "scan of all").await
}

async fn first_bytes(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    needs_whole_store(host.limits())?;
    let keys: [&[u8]; 6] = [b"\x01", b"A\x00", b"\x7f", b"\x80\x00", b"\xff", b"\xff\xff\x01"];
    let mut batch = change();
    batch.0.puts = keys.iter().map(|key| Put { key: key.to_vec(), value: key.to_vec() }).collect();
    batch.applied(host).await?;
    for start in [Bytes::new(), vec![0]] {
        for (reverse, keys) in both_ways(&keys) {
            let range = ScanRange { start: start.clone(), end: vec![0xff; 3], reverse, ..all() };
            let page = scan(host, range).await?;
            let found: Vec<&[u8]> = page.pairs.iter().map(|(key, _)| key.as_slice()).collect();
            ensure!(found == keys && !page.more, "from {start:?}: expected the keys {keys:?}, got {found:?}");
        }
    }
    lacks(host, "").await
}
