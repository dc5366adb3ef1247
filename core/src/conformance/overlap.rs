//! Calls that are under way at once, and calls that are given up.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::future::poll_fn;
use core::task::Poll;

use futures_util::future::{join, join_all, join4};

use super::rows::{Refusal, all, change, get, gives, holds, put, read, same, scan};
use super::setting::{
    Case, Outcome, Setting, Stop, cases, ensure, needs_batches, needs_checks, needs_consistency, turn,
};
use crate::kv::{Bytes, Commit, Durability, Kv, ScanRange};

pub(super) const CASES: &[Case] = cases![
    "reads at once are answered as each would be alone" => reads_at_once,
    "commits at once are all applied" => at_once,
    "of commits at once with the same check one wins" => one_wins,
    "counting by checks loses nothing" => counting,
    "a commit that is dropped applies whole or not at all" => dropped,
];

/// What this text counts.
fn number(text: &[u8]) -> Outcome<usize> {
    let number = core::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    number.ok_or_else(|| Stop::Failed(format!("\"{}\" is no count", text.escape_ascii())))
}

/// Counts row "n" up so many times, by checks; all together count it up to `all`.
pub(super) async fn count_up(host: &dyn Kv, times: usize, all: usize) -> Outcome {
    let mut current: Option<Bytes> = None;
    let (mut counted, mut tries) = (0, 0);
    // Of commits at once one always wins, so nobody can lose more often than all of them count.
    while counted < times {
        ensure!(tries <= times + all, "a check keeps failing though nobody else counts");
        tries += 1;
        let last = current.as_deref().map_or(Ok(0), number)?;
        let next = last.saturating_add(1).to_string();
        let checked = match &current {
            None => change().absent("n"),
            Some(value) => change().check("n", value),
        };
        match checked.put("n", &next).answer(host).await? {
            Commit::Applied => {
                counted += 1;
                current = Some(next.into_bytes());
            }
            Commit::Refused { current: found, .. } => current = found,
        }
        // On a host that answers at once, one would be done before the others had a turn.
        turn().await;
    }
    Ok(())
}

/// That of these commits, made at once by instances on the same data, one was applied, and refused the others.
pub(super) async fn race(hosts: &[&dyn Kv]) -> Outcome {
    let attempts =
        hosts.iter().enumerate().map(|(i, host)| change().absent("a").put("a", i.to_string()).answer(*host));
    let mut winners = Vec::new();
    let mut refusals = Vec::new();
    for (i, answer) in join_all(attempts).await.into_iter().enumerate() {
        match answer? {
            Commit::Applied => winners.push(i.to_string()),
            Commit::Refused { check, current } => refusals.push(Refusal { check, current }),
        }
    }
    let [winner] = winners.as_slice() else {
        return Err(Stop::Failed(format!("one commit must win, but {} did", winners.len())));
    };
    for Refusal { check, current } in refusals {
        ensure!(check == 0, "expected that check 0 fails, got {check}");
        same(current.as_deref(), Some(winner.as_bytes()), "what the others were refused with")?;
    }
    for host in hosts {
        let batch = change().check("a", "no").put("a", "x");
        batch.refused_with(*host, 0, Some(winner.as_bytes())).await?;
    }
    Ok(())
}

async fn reads_at_once(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    put(host, &[("a", "1"), ("b", "2"), ("c", "3")]).await?;
    let first = scan(host, ScanRange { limit: 1, ..all() });
    let last = scan(host, ScanRange { limit: 2, reverse: true, ..all() });
    let keys = scan(host, ScanRange { keys_only: true, ..all() });
    let values = join(get(host, &["c", "a"]), get(host, &["b"]));
    let ((some, one), first, last, keys) = join4(values, first, last, keys).await;
    for (found, expected) in some?.iter().chain(&one?).zip(["3", "1", "2"]) {
        same(found.as_deref(), Some(expected.as_bytes()), "one of the values")?;
    }
    gives(&first?, &["a"], true, "the first pair")?;
    gives(&last?, &["c", "b"], true, "the last pairs")?;
    gives(&keys?, &["a", "b", "c"], false, "keys")
}

async fn at_once(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    let names: [String; 8] = core::array::from_fn(|i| format!("k{i}"));
    let commits = names.iter().enumerate().map(|(i, name)| {
        let durability = if i % 2 == 0 { Durability::Relaxed } else { Durability::Strict };
        change().put(name, name).durability(durability).applied(host)
    });
    for outcome in join_all(commits).await {
        outcome?;
    }
    for outcome in join_all(names.iter().map(|name| holds(host, name, name))).await {
        outcome?;
    }
    Ok(())
}

async fn one_wins(setting: Setting<'_>) -> Outcome {
    needs_checks(setting.host.limits())?;
    let host = &*setting.host;
    race(&[host; 8]).await
}

async fn counting(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    needs_checks(host.limits())?;
    let (counters, each) = (4, 5);
    for outcome in join_all((0..counters).map(|_| count_up(host, each, counters * each))).await {
        outcome?;
    }
    holds(host, "n", (counters * each).to_string()).await
}

/// Polls a future so many times, then drops it; what it gave, if it was ready.
pub(super) async fn polled<F: Future>(future: F, times: usize) -> Option<F::Output> {
    let mut future = Box::pin(future);
    for _ in 0..times {
        if let Poll::Ready(output) = poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await {
            return Some(output);
        }
        turn().await;
    }
    None
}

async fn dropped(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    needs_batches(host.limits())?;
    needs_consistency(host.limits())?;
    for times in 0..20 {
        change().put("a", "1").delete("b").put("c", "1").applied(host).await?;
        let commit = change().delete("a").put("b", "2").put("c", "2").answer(host);
        let answer = polled(commit, times).await.transpose()?;
        let found = get(host, &["a", "b", "c"]).await?;
        let found: Vec<Option<&[u8]>> = found.iter().map(Option::as_deref).collect();
        let before: [Option<&[u8]>; 3] = [Some(b"1"), None, Some(b"1")];
        let after: [Option<&[u8]>; 3] = [None, Some(b"2"), Some(b"2")];
        ensure!(
            found == before || found == after,
            "after {times} polls there is neither all nor nothing of it"
        );
        if let Some(answer) = answer {
            ensure!(
                answer == Commit::Applied && found == after,
                "answered with {answer:?}, and is not there"
            );
            break;
        }
    }
    // Whatever was given up, the host goes on.
    put(host, &[("d", "1")]).await?;
    same(read(host, "d").await?.as_deref(), Some(b"1"), "row d")
}
