//! What is there when a host was dropped, and is opened on the same data again.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use super::overlap::polled;
use super::rows::{change, get, holds, put, rows_are, rows_hold};
use super::setting::{
    Case, Outcome, Setting, Stop, cases, ensure, needs_batches, needs_checks, needs_consistency,
};
use super::values::largest;
use crate::kv::{Bytes, Commit, Durability};

pub(super) const CASES: &[Case] = cases![
    "what was written is there after reopening" => reopened,
    "rows of all kinds are there after reopening, however often" => all_kinds,
    "a host that was reopened makes checks against what is there" => checked_after,
    "a commit that is given up with its host is there whole or not at all after reopening" => given_up,
];

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
    let host = &*again.host;
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
    let host = &*again.host;
    change().absent("b").put("b", "x").refused_with(host, 0, Some(b"")).await?;
    change().check("a", "1").put("a", "x").refused_with(host, 0, None).await?;
    change().absent("a").put("a", "2").applied(host).await?;
    change().check("b", "").delete("b").strict().applied(host).await
}

async fn all_kinds(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    let every: Bytes = (0..=u8::MAX).collect();
    let large = vec![7; largest(host.limits()).min(200_000)];
    // As long as the shortest of longest keys allows.
    let key: Bytes = every.iter().copied().take(128).collect();
    let before: [(&[u8], &[u8]); 5] =
        [(&key, &every), (b"again", b"1"), (b"empty", b""), (b"large", &large), (b"replaced", b"1")];
    for pair in &before {
        put(host, core::slice::from_ref(pair)).await?;
    }
    change().delete("again").applied(host).await?;
    put(host, &[("again", "2"), ("replaced", "22")]).await?;
    if host.limits().checks {
        change().absent("empty").put("empty", "x").refused_with(host, 0, Some(b"")).await?;
    }
    let mut rows: Vec<(&[u8], &[u8])> =
        vec![(&key, &every), (b"again", b"2"), (b"empty", b""), (b"large", &large), (b"replaced", b"22")];
    let again = setting.reopen().await?;
    rows_hold(&*again.host, &rows, "after reopening").await?;
    put(&*again.host, &[("second", "1")]).await?;
    rows.push((b"second", b"1"));
    let again = again.reopen().await?;
    rows_hold(&*again.host, &rows, "after reopening twice").await
}

// Whoever gives up a call, as at a deadline, may well end the host next.
async fn given_up(mut setting: Setting<'_>) -> Outcome {
    needs_batches(setting.host.limits())?;
    needs_consistency(setting.host.limits())?;
    for times in 0..8 {
        let host = &*setting.host;
        change().put("a", "1").delete("b").put("c", "1").strict().applied(host).await?;
        let durability = if times % 2 == 0 { Durability::Strict } else { Durability::Relaxed };
        let commit = change().delete("a").put("b", "2").put("c", "2").durability(durability);
        let answer = polled(commit.answer(host), times).await.transpose()?;
        setting = setting.reopen().await?;
        let host = &*setting.host;
        let found = get(host, &["a", "b", "c"]).await?;
        let found: Vec<Option<&[u8]>> = found.iter().map(Option::as_deref).collect();
        let before: [Option<&[u8]>; 3] = [Some(b"1"), None, Some(b"1")];
        let after: [Option<&[u8]>; 3] = [None, Some(b"2"), Some(b"2")];
        ensure!(
            found == before || found == after,
            "given up after {times} polls: after reopening there is neither all nor nothing of the commit"
        );
        match answer {
            Some(Commit::Applied) => {
                ensure!(found == after, "a commit that was answered is not there after reopening");
                break;
            }
            Some(answer) => {
                return Err(Stop::Failed(format!("expected that it applies, got {answer:?}")));
            }
            None => {}
        }
    }
    Ok(())
}
