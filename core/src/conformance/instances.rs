//! Several instances on the same data, at once and one after another.

use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use futures_util::future::join_all;

use super::overlap::{count_up, race};
use super::rows::{change, holds, lacks, put, rows_are};
use super::setting::{Case, Outcome, Setting, cases, ensure, needs_checks, needs_consistency};
use crate::kv::Kv;

pub(super) const CASES: &[Case] = cases![
    "a second instance sees what the first wrote" => seen,
    "two instances check against each other" => checked,
    "two instances that count by checks lose nothing" => counted,
    "dropping one instance leaves the other as it is" => one_dropped,
    "what was written is there after reopening" => reopened,
    "a host that was reopened makes checks against what is there" => checked_after,
];

async fn seen(mut setting: Setting<'_>) -> Outcome {
    needs_consistency(setting.host.limits())?;
    let first = Rc::clone(&setting.host);
    put(&*first, &[("a", "0")]).await?;
    let second = setting.second().await?;
    holds(&*second, "a", "0").await?;
    let mut rows: Vec<String> = ["a".to_string()].into();
    for (writer, reader, value) in [(&first, &second, "1"), (&second, &first, "2"), (&first, &second, "3")] {
        let new = format!("row {value}");
        lacks(&**reader, &new).await?;
        put(&**writer, &[("a", value), (&new, "")]).await?;
        rows.push(new.clone());
        holds(&**reader, "a", value).await?;
        holds(&**reader, &new, "").await?;
        rows_are(&**reader, &rows, "what the other instance sees").await?;
    }
    change().delete("a").applied(&*first).await?;
    lacks(&*second, "a").await?;
    rows_are(&*second, &["row 1", "row 2", "row 3"], "after a delete by the other instance").await
}

async fn checked(mut setting: Setting<'_>) -> Outcome {
    needs_checks(setting.host.limits())?;
    let second = setting.second().await?;
    let first = &*setting.host;
    race(&[first, &*second, first, &*second]).await
}

async fn counted(mut setting: Setting<'_>) -> Outcome {
    needs_checks(setting.host.limits())?;
    let second = setting.second().await?;
    let hosts: [&dyn Kv; 4] = [&*second, &*setting.host, &*second, &*setting.host];
    let each = 4;
    for outcome in join_all(hosts.iter().map(|host| count_up(*host, each, hosts.len() * each))).await {
        outcome?;
    }
    // Where reads may be stale, a check still says what is there.
    let count = (hosts.len() * each).to_string();
    for host in hosts {
        change().check("n", "no").refused_with(host, 0, Some(count.as_bytes())).await?;
    }
    Ok(())
}

async fn one_dropped(mut setting: Setting<'_>) -> Outcome {
    let second = setting.second().await?;
    put(&*second, &[("a", "1")]).await?;
    drop(second);
    let first = &*setting.host;
    put(first, &[("b", "2")]).await?;
    holds(first, "b", "2").await?;
    if first.limits().consistent {
        holds(first, "a", "1").await?;
    }
    Ok(())
}

async fn reopened(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    put(host, &[("a", "1"), ("b", "2")]).await?;
    change().delete("b").strict().applied(host).await?;
    put(host, &[("x", "old"), ("y", "old")]).await?;
    change().put("c", "3").strict().applied(host).await?;
    // Nothing strict follows: dropping is no power loss.
    put(host, &[("x", "new")]).await?;
    change().delete("y").applied(host).await?;
    let limits = host.limits().clone();
    let again = setting.reopen().await?;
    let host = &*again;
    ensure!(*host.limits() == limits, "the limits have changed");
    holds(host, "a", "1").await?;
    holds(host, "c", "3").await?;
    holds(host, "x", "new").await?;
    rows_are(host, &["a", "c", "x"], "after reopening").await?;
    put(host, &[("d", "4")]).await?;
    rows_are(host, &["a", "c", "d", "x"], "after writing on").await
}

async fn checked_after(setting: Setting<'_>) -> Outcome {
    needs_checks(setting.host.limits())?;
    let host = &*setting.host;
    put(host, &[("a", "1"), ("b", "")]).await?;
    change().delete("a").applied(host).await?;
    let again = setting.reopen().await?;
    let host = &*again;
    change().absent("b").put("b", "x").refused_with(host, 0, Some(b"")).await?;
    change().check("a", "1").put("a", "x").refused_with(host, 0, None).await?;
    change().absent("a").put("a", "2").applied(host).await?;
    change().check("b", "").delete("b").strict().applied(host).await
}
