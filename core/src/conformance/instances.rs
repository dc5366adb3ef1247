//! Several instances on the same data at once.

use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use futures_util::future::join_all;

use super::overlap::{count_up, race};
use super::rows::{change, holds, lacks, put, read, rows_are};
use super::setting::{Case, Outcome, Setting, cases, ensure, needs_checks, needs_consistency};
use crate::kv::Kv;

pub(super) const CASES: &[Case] = cases![
    "a second instance sees what the first wrote" => seen,
    "two instances check against each other" => checked,
    "two instances that count by checks lose nothing" => counted,
    "dropping one instance leaves the other as it is" => one_dropped,
    "a check goes by what is there, and not by who wrote it or how often" => whoever_wrote,
    "a host that can be open twice says that it is shared" => shared,
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
    let is_consistent = first.limits().consistent;
    if is_consistent {
        holds(first, "a", "1").await?;
    }
    // Nor does it matter which of them was the first.
    let later = setting.second().await?;
    drop(setting.host);
    put(&*later, &[("c", "3")]).await?;
    holds(&*later, "c", "3").await?;
    if is_consistent {
        rows_are(&*later, &["a", "b", "c"], "what the last instance sees").await?;
    }
    Ok(())
}

async fn whoever_wrote(mut setting: Setting<'_>) -> Outcome {
    needs_checks(setting.host.limits())?;
    let second = setting.second().await?;
    let (first, second) = (&*setting.host, &*second);
    put(first, &[("a", "1")]).await?;
    // What it finds now, it may remember.
    read(second, "a").await?;
    put(first, &[("a", "2")]).await?;
    put(first, &[("a", "1")]).await?;
    change().check("a", "1").put("a", "3").applied(second).await?;
    change().check("a", "3").delete("a").applied(first).await?;
    change().absent("a").put("a", "4").applied(second).await?;
    change().absent("a").put("a", "x").refused_with(first, 0, Some(b"4")).await
}

// A store looks again before it refuses something only where others may have written.
async fn shared(mut setting: Setting<'_>) -> Outcome {
    needs_checks(setting.host.limits())?;
    setting.second().await?;
    ensure!(
        setting.host.limits().shared,
        "shared must be true where there is a second instance that may write"
    );
    Ok(())
}
