//! Many seeds, and how a failure is told.

use std::collections::BTreeMap;
use std::env;
use std::fmt::Display;
use std::ops::AddAssign;

/// What became of a run; `T` is what its campaign adds up.
#[derive(Debug)]
pub struct Report<T> {
    /// What was not as it must be.
    pub failure: Option<String>,
    /// The log, where one was asked for.
    pub lines: Vec<String>,
    /// What kind of run it was, where totals are told by kind.
    pub kind: Option<&'static str>,
    /// What it adds to the totals.
    pub totals: T,
}

/// Runs of one sort, each of them drawn from its seed.
#[derive(Debug)]
pub struct Campaign<T> {
    /// Runs one seed, with its log or without.
    pub run: fn(seed: u64, traced: bool) -> Report<T>,
    /// Seeds of a run in CI.
    pub seeds: u64,
    /// Lines of the log that a failure shows.
    pub tail: usize,
    /// The variable of the environment that names a seed to run alone.
    pub variable: &'static str,
    /// The file in `tests/` that runs this campaign.
    pub test: &'static str,
}

fn number(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

impl<T: AddAssign + Default + Display> Campaign<T> {
    /// Runs this share of the seeds: those that leave `rest` when divided by `shares`.
    ///
    /// # Panics
    /// At the first seed that fails, saying how to replay it.
    pub fn share(&self, shares: u64, rest: u64) {
        if let Some(seed) = number(self.variable) {
            if rest == 0 {
                self.one(seed);
            }
            return;
        }
        let first = number("STREAMKIT_SIM_FIRST").unwrap_or(0);
        let count = number("STREAMKIT_SIM_SEEDS").unwrap_or(self.seeds);
        let all = env::var_os("STREAMKIT_SIM_ALL").is_some();
        let mut failed = Vec::new();
        let mut kinds: BTreeMap<Option<&str>, T> = BTreeMap::new();
        for seed in (first..first + count).filter(|seed| seed % shares == rest) {
            let Report { failure, kind, totals, .. } = (self.run)(seed, false);
            *kinds.entry(kind).or_default() += totals;
            if let Some(failure) = failure {
                if !all {
                    self.fail(seed, &failure);
                }
                let kind = kind.map(|kind| format!(" ({kind})")).unwrap_or_default();
                println!("seed {seed}{kind}: {}", first_line(&failure));
                failed.push(seed);
            }
        }
        for (kind, totals) in kinds {
            println!("{}{totals}", kind.map(|kind| format!("{kind}: ")).unwrap_or_default());
        }
        assert!(failed.is_empty(), "{} seeds failed: {failed:?}", failed.len());
    }

    /// Runs one seed.
    ///
    /// # Panics
    /// When it fails.
    pub fn one(&self, seed: u64) {
        let traced = env::var_os("STREAMKIT_SIM_TRACE").is_some();
        let report = (self.run)(seed, traced);
        if traced {
            for line in &report.lines {
                println!("{line}");
            }
        }
        if let Some(failure) = report.failure {
            self.fail(seed, &failure);
        }
    }

    /// Runs each of the seeds twice: a seed says everything about its run.
    ///
    /// # Panics
    /// When the two runs differ, or nothing is done.
    pub fn twice(&self, seeds: impl IntoIterator<Item = u64>) {
        for seed in seeds {
            let (first, second) = ((self.run)(seed, true), (self.run)(seed, true));
            assert!(first.lines.len() > 20, "seed {seed} does nothing");
            assert_eq!(first.lines, second.lines, "seed {seed}");
        }
    }

    /// Says what failed, how it came to that, and how to see it again.
    fn fail(&self, seed: u64, failure: &str) -> ! {
        let Report { lines, .. } = (self.run)(seed, true);
        let tail = lines.len().saturating_sub(self.tail);
        println!("the last of {} lines of the log:", lines.len());
        for line in &lines[tail..] {
            println!("{line}");
        }
        panic!(
            "seed {seed} failed: {failure}\nreplay: {}={seed} STREAMKIT_SIM_TRACE=1 cargo test -p \
             streamkit-simulation --profile sim --test {} -- --nocapture",
            self.variable, self.test
        );
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(400).collect()
}
