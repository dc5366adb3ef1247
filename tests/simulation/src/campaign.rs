//! Many seeds, and how a failure is told.

use std::collections::BTreeMap;
use std::env;

use crate::run::{Report, run};

/// Seeds of a run in CI.
pub const SEEDS: u64 = 10_000;
/// Lines of the log that a failure shows.
const TAIL: usize = 120;

fn number(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

/// Runs this share of the seeds: those that leave `rest` when divided by `shares`.
///
/// # Panics
/// At the first seed that fails, saying how to replay it.
pub fn campaign(shares: u64, rest: u64) {
    if let Some(seed) = number("STREAMKIT_SIM_SEED") {
        if rest == 0 {
            one(seed);
        }
        return;
    }
    let first = number("STREAMKIT_SIM_FIRST").unwrap_or(0);
    let count = number("STREAMKIT_SIM_SEEDS").unwrap_or(SEEDS);
    let all = env::var_os("STREAMKIT_SIM_ALL").is_some();
    let mut failed = Vec::new();
    let mut kinds: BTreeMap<&str, (u64, usize, usize, usize, u64)> = BTreeMap::new();
    for seed in (first..first + count).filter(|seed| seed % shares == rest) {
        let report = run(seed, false);
        let kind = kinds.entry(report.class).or_default();
        let (acked, refused, unknown) = report.outcomes;
        *kind = (kind.0 + 1, kind.1 + acked, kind.2 + refused, kind.3 + unknown, kind.4 + report.commits);
        if let Some(failure) = report.failure {
            if !all {
                fail(seed, &failure);
            }
            println!("seed {seed} ({}): {}", report.class, first_line(&failure));
            failed.push(seed);
        }
    }
    for (kind, (runs, acked, refused, unknown, commits)) in kinds {
        println!(
            "{kind}: {runs} runs, {acked} calls acknowledged, {refused} refused, {unknown} unknown, {commits} commits"
        );
    }
    assert!(failed.is_empty(), "{} seeds failed: {failed:?}", failed.len());
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(400).collect()
}

/// Runs one seed.
///
/// # Panics
/// When it fails.
pub fn one(seed: u64) {
    let traced = env::var_os("STREAMKIT_SIM_TRACE").is_some();
    let report = run(seed, traced);
    if traced {
        for line in &report.lines {
            println!("{line}");
        }
    }
    if let Some(failure) = report.failure {
        fail(seed, &failure);
    }
}

/// Says what failed, how it came to that, and how to see it again.
fn fail(seed: u64, failure: &str) -> ! {
    let Report { lines, .. } = run(seed, true);
    let tail = lines.len().saturating_sub(TAIL);
    println!("the last of {} lines of the log:", lines.len());
    for line in &lines[tail..] {
        println!("{line}");
    }
    panic!(
        "seed {seed} failed: {failure}\nreplay: STREAMKIT_SIM_SEED={seed} STREAMKIT_SIM_TRACE=1 cargo test -p \
         streamkit-simulation --profile sim --test seeds -- --nocapture"
    );
}
