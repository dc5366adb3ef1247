//! Many seeds, and how a failure is told.

use std::env;

use super::run::{Report, run};

/// Seeds of a run in CI.
const SEEDS: u64 = 3000;
/// Lines of the log that a failure shows.
const TAIL: usize = 160;

fn number(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

/// Runs this share of the seeds: those that leave `rest` when divided by `shares`.
///
/// # Panics
/// When a seed fails, saying how to replay it.
pub fn campaign(shares: u64, rest: u64) {
    if let Some(seed) = number("STREAMKIT_SIM_GROUP_SEED") {
        if rest == 0 {
            one(seed);
        }
        return;
    }
    let first = number("STREAMKIT_SIM_FIRST").unwrap_or(0);
    let count = number("STREAMKIT_SIM_SEEDS").unwrap_or(SEEDS);
    let all = env::var_os("STREAMKIT_SIM_ALL").is_some();
    let mut failed = Vec::new();
    let (mut delivered, mut acked, mut dead, mut unclear) = (0, 0, 0, 0);
    for seed in (first..first + count).filter(|seed| seed % shares == rest) {
        let report = run(seed, false);
        delivered += report.delivered;
        acked += report.acked;
        dead += report.dead;
        unclear += report.unclear;
        if let Some(failure) = report.failure {
            if !all {
                fail(seed, &failure);
            }
            println!("seed {seed}: {}", failure.lines().next().unwrap_or_default());
            failed.push(seed);
        }
    }
    println!("{delivered} delivered, {acked} acknowledged, {dead} dead, {unclear} replies lost");
    assert!(failed.is_empty(), "{} seeds failed: {failed:?}", failed.len());
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
        "seed {seed} failed: {failure}\nreplay: STREAMKIT_SIM_GROUP_SEED={seed} STREAMKIT_SIM_TRACE=1 cargo test -p \
         streamkit-simulation --profile sim --test group_seeds -- --nocapture"
    );
}
