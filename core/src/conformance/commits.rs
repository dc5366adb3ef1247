//! What a commit without checks does.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::rows::{change, holds, lacks, put, rows_are};
use super::setting::{Case, Outcome, Setting, cases, needs_batches};
use crate::kv::Durability::{Relaxed, Strict};

pub(super) const CASES: &[Case] = cases![
    "a put replaces" => replaced,
    "a delete removes, and of nothing is no error" => removed,
    "what was deleted can be written again" => written_again,
    "a commit applies its deletes and its puts" => deletes_and_puts,
    "a commit may delete many rows" => many_deletes,
    "an empty commit applies" => empty,
    "either durability is taken" => either_durability,
    "commits of either durability follow each other" => one_after_another,
    "deletes and puts apply together with either durability" => together,
];

async fn replaced(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    for value in ["1", "22", ""] {
        put(host, &[("a", value)]).await?;
        holds(host, "a", value).await?;
    }
    rows_are(host, &["a"], "one row").await
}

async fn removed(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    put(host, &[("a", "1"), ("aa", "2"), ("b", "3")]).await?;
    change().delete("a").applied(host).await?;
    change().delete("x").applied(host).await?;
    lacks(host, "a").await?;
    rows_are(host, &["aa", "b"], "what is left").await
}

async fn written_again(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    put(host, &[("a", "1")]).await?;
    change().delete("a").applied(host).await?;
    put(host, &[("a", "2")]).await?;
    holds(host, "a", "2").await
}

async fn deletes_and_puts(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    needs_batches(host.limits())?;
    put(host, &[("a", "1"), ("b", "2"), ("c", "3")]).await?;
    let batch = change().delete("a").delete("c").delete("never").put("b", "22").put("d", "4");
    batch.applied(host).await?;
    rows_are(host, &["b", "d"], "after the commit").await?;
    holds(host, "b", "22").await
}

async fn many_deletes(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    needs_batches(host.limits())?;
    let count = host.limits().max_batch_ops.min(40);
    let names: Vec<String> = (0..=count).map(|i| format!("k{i:02}")).collect();
    let pairs: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), name.as_str())).collect();
    put(host, &pairs).await?;
    names.iter().skip(1).fold(change(), |batch, name| batch.delete(name)).applied(host).await?;
    rows_are(host, &["k00"], "what is left").await
}

async fn empty(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    change().applied(host).await?;
    change().strict().applied(host).await?;
    rows_are::<&str>(host, &[], "after empty commits").await
}

async fn either_durability(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    change().put("a", "1").strict().applied(host).await?;
    change().put("b", "2").applied(host).await?;
    rows_are(host, &["a", "b"], "after puts").await?;
    change().delete("a").strict().applied(host).await?;
    change().delete("b").applied(host).await?;
    rows_are::<&str>(host, &[], "after deletes").await
}

async fn one_after_another(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    for (first, then) in [(Strict, Relaxed), (Relaxed, Strict)] {
        for name in ["a", "b"] {
            change().put(name, "1").durability(first).applied(host).await?;
        }
        change().put("a", "2").durability(then).applied(host).await?;
        change().delete("b").durability(then).applied(host).await?;
        change().put("c", "1").durability(first).applied(host).await?;
        holds(host, "a", "2").await?;
        rows_are(host, &["a", "c"], &format!("{then:?} after {first:?}")).await?;
        for name in ["a", "c"] {
            change().delete(name).durability(then).applied(host).await?;
        }
        change().put("d", "1").durability(first).applied(host).await?;
        rows_are(host, &["d"], &format!("{first:?} after {then:?}")).await?;
        change().delete("d").durability(then).applied(host).await?;
    }
    Ok(())
}

async fn together(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    needs_batches(host.limits())?;
    for (durability, value) in [(Strict, "1"), (Relaxed, "2"), (Strict, "3")] {
        put(host, &[("a", "0"), ("b", "0")]).await?;
        change().delete("a").put("b", value).durability(durability).applied(host).await?;
        rows_are(host, &["b"], &format!("{durability:?}")).await?;
        holds(host, "b", value).await?;
    }
    Ok(())
}
