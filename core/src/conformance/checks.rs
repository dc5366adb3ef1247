//! When checks hold, and what a failed one does.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::rows::{PREFIX_BYTES, change, holds, lacks, put, rows_are};
use super::setting::{Case, Outcome, Setting, cases, needs_batches, needs_checks};
use crate::kv::Durability::{Relaxed, Strict};

pub(super) const CASES: &[Case] = cases![
    "a check holds for the value that is there" => right_value,
    "a check for absence holds for what is not there" => absence,
    "a check for absence fails for what is there, be it empty" => presence,
    "a check fails for another value, and says which is there" => other_value,
    "a check for a value fails for what is not there" => missing_value,
    "a check compares all of a large value" => large_value,
    "a check compares bytes, and not what they may mean" => alike,
    "a check may be of the longest keys" => longest_key,
    "checks are made alike whatever the durability, and of deletes alone" => any_durability,
    "of many checks all are made" => many_checks,
    "a failed check refuses everything and says which it was" => nothing_applied,
    "of several failed checks the first is named" => first_failed,
    "checks see the state before the commit's own writes" => state_before,
    "a check may be of a row that the commit does not write" => other_row,
    "a commit of checks alone only looks" => only_looks,
];

/// Values that differ, and are alike where they are compared as anything but bytes.
const ALIKE: [(&[u8], &[u8]); 9] = [
    (b"a", b"A"),
    (b"a", b"a "),
    (b"a", b"a\0"),
    (b"a", b"\0a"),
    (b"abcd", b"axyd"),
    ("\u{e9}".as_bytes(), "e\u{301}".as_bytes()),
    (b"\x80", b"\x81"),
    (b"\xff\xfe", b"\xff\xff"),
    (b"1", b"1.0"),
];

async fn right_value(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    needs_checks(host.limits())?;
    put(host, &[("a", "1")]).await?;
    change().check("a", "1").put("a", "2").applied(host).await?;
    holds(host, "a", "2").await?;
    change().check("a", "2").put("a", "").applied(host).await?;
    change().check("a", "").put("a", "3").applied(host).await?;
    holds(host, "a", "3").await
}

async fn absence(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    needs_checks(host.limits())?;
    change().absent("a").put("a", "").applied(host).await?;
    holds(host, "a", "").await
}

async fn presence(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    needs_checks(host.limits())?;
    put(host, &[("a", ""), ("b", "1")]).await?;
    change().absent("a").put("a", "x").refused_with(host, 0, Some(b"")).await?;
    change().absent("b").put("b", "x").refused_with(host, 0, Some(b"1")).await?;
    holds(host, "a", "").await?;
    holds(host, "b", "1").await
}

async fn other_value(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    needs_checks(host.limits())?;
    put(host, &[("a", "22")]).await?;
    for other in ["", "2", "222", "23", "12"] {
        change().check("a", other).put("a", "x").refused_with(host, 0, Some(b"22")).await?;
    }
    holds(host, "a", "22").await
}

async fn missing_value(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    needs_checks(host.limits())?;
    for value in ["", "1"] {
        change().check("a", value).put("a", "x").refused_with(host, 0, None).await?;
    }
    put(host, &[("a", "1")]).await?;
    change().delete("a").applied(host).await?;
    change().check("a", "1").put("a", "x").refused_with(host, 0, None).await?;
    lacks(host, "a").await
}

async fn large_value(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    let limits = host.limits();
    needs_checks(limits)?;
    // Twice in one commit: checked, and put.
    let most = limits.max_value_bytes.min((limits.max_batch_bytes / 2).saturating_sub(100));
    for size in [12_000, 200_000] {
        let value = vec![7_u8; size.min(most)];
        put(host, &[("a", &value)]).await?;
        let mut other = value.clone();
        for at in [0, value.len() / 2, value.len().saturating_sub(1)] {
            other.copy_from_slice(&value);
            if let Some(byte) = other.get_mut(at) {
                *byte = 8;
            }
            change().check("a", &other).put("a", "x").refused_with(host, 0, Some(&value)).await?;
        }
        change().check("a", &value).put("a", &other).applied(host).await?;
        holds(host, "a", &other).await?;
    }
    Ok(())
}

async fn alike(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    needs_checks(host.limits())?;
    for (one, other) in ALIKE {
        for (stored, checked) in [(one, other), (other, one)] {
            put(host, &[("a", stored)]).await?;
            change().check("a", checked).put("a", "x").refused_with(host, 0, Some(stored)).await?;
        }
    }
    Ok(())
}

async fn longest_key(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    needs_checks(host.limits())?;
    let key = vec![b'k'; host.limits().max_key_bytes.min(1000).saturating_sub(PREFIX_BYTES)];
    change().check(&key, "1").put(&key, "x").refused_with(host, 0, None).await?;
    put(host, &[(&key, "1")]).await?;
    change().absent(&key).put(&key, "x").refused_with(host, 0, Some(b"1")).await?;
    change().check(&key, "1").put(&key, "2").applied(host).await?;
    holds(host, &key, "2").await
}

async fn any_durability(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    needs_checks(host.limits())?;
    for (before, value) in [(Strict, "strict"), (Relaxed, "relaxed")] {
        change().put("a", value).durability(before).applied(host).await?;
        for durability in [Strict, Relaxed] {
            for checks in [change().absent("a"), change().check("a", "no")] {
                let checks = checks.durability(durability);
                for batch in [checks.clone().put("a", "x"), checks.delete("a")] {
                    batch.refused_with(host, 0, Some(value.as_bytes())).await?;
                }
            }
            holds(host, "a", value).await?;
        }
    }
    change().check("a", "relaxed").delete("a").strict().applied(host).await?;
    change().absent("a").put("a", "1").strict().applied(host).await?;
    change().check("a", "1").delete("a").applied(host).await?;
    change().check("a", "1").put("a", "2").strict().refused_with(host, 0, None).await?;
    lacks(host, "a").await
}

async fn many_checks(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    needs_checks(host.limits())?;
    needs_batches(host.limits())?;
    let names: Vec<String> = (10..22).map(|i| format!("k{i}")).collect();
    let pairs: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), name.as_str())).collect();
    put(host, &pairs).await?;
    for (failing, wrong) in names.iter().enumerate() {
        let checks = names
            .iter()
            .fold(change(), |batch, name| batch.check(name, if name == wrong { "another" } else { name }));
        let batch = checks.delete("k10").put("new", "1");
        batch.refused_with(host, failing, Some(wrong.as_bytes())).await?;
    }
    rows_are(host, &names, "after refusals").await?;
    names.iter().fold(change(), |batch, name| batch.check(name, name)).put("new", "1").applied(host).await
}

async fn nothing_applied(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    needs_checks(host.limits())?;
    needs_batches(host.limits())?;
    put(host, &[("a", "1"), ("b", "2")]).await?;
    let batch = change().check("a", "1").check("b", "9").delete("a").put("b", "3").put("c", "4");
    batch.refused_with(host, 1, Some(b"2")).await?;
    rows_are(host, &["a", "b"], "after the refusal").await?;
    holds(host, "b", "2").await
}

async fn first_failed(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    needs_checks(host.limits())?;
    needs_batches(host.limits())?;
    put(host, &[("a", "1"), ("b", "2"), ("c", "3")]).await?;
    let checks = change().check("a", "1").check("c", "9").check("b", "9");
    checks.put("a", "x").put("b", "x").put("c", "x").refused_with(host, 1, Some(b"3")).await
}

async fn state_before(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    needs_checks(host.limits())?;
    needs_batches(host.limits())?;
    put(host, &[("a", "1")]).await?;
    change().check("a", "1").absent("b").delete("a").put("b", "1").applied(host).await?;
    rows_are(host, &["b"], "after the commit").await?;
    change().check("b", "2").put("b", "2").refused_with(host, 0, Some(b"1")).await
}

async fn other_row(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    needs_checks(host.limits())?;
    needs_batches(host.limits())?;
    put(host, &[("a", "1")]).await?;
    change().check("a", "1").put("b", "1").applied(host).await?;
    change().check("a", "2").put("b", "2").refused_with(host, 0, Some(b"1")).await?;
    holds(host, "a", "1").await?;
    holds(host, "b", "1").await
}

async fn only_looks(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    needs_checks(host.limits())?;
    put(host, &[("a", "1")]).await?;
    change().check("a", "1").applied(host).await?;
    change().absent("b").applied(host).await?;
    change().absent("a").refused_with(host, 0, Some(b"1")).await?;
    rows_are(host, &["a"], "after looking").await
}
