//! What came out of it.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// How each case went, in the order in which they were tried. As text: a line for each case, then their numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub struct ConformanceReport {
    /// The name that the host gives itself.
    pub host: String,
    /// All cases.
    pub cases: Vec<ConformanceCase>,
}

/// How one case went.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConformanceCase {
    /// The rule, as a sentence; no two cases have the same.
    pub name: &'static str,
    /// How it went.
    pub outcome: ConformanceOutcome,
}

/// Whether a case holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConformanceOutcome {
    /// The host keeps the rule.
    Passed,
    /// Not tried, and why.
    Skipped(String),
    /// The host breaks the rule: what was expected, and what came.
    Failed(String),
}

impl ConformanceReport {
    /// Whether no case failed. What was skipped was not shown: see [`skipped`](Self::skipped).
    pub fn passed(&self) -> bool {
        self.failed().next().is_none()
    }

    /// The names of the cases that failed, and what was found.
    pub fn failed(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.cases.iter().filter_map(|case| match &case.outcome {
            ConformanceOutcome::Failed(message) => Some((case.name, message.as_str())),
            _ => None,
        })
    }

    /// The names of the cases that were not tried, and why.
    pub fn skipped(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.cases.iter().filter_map(|case| match &case.outcome {
            ConformanceOutcome::Skipped(reason) => Some((case.name, reason.as_str())),
            _ => None,
        })
    }
}

impl fmt::Display for ConformanceReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for case in &self.cases {
            writeln!(f, "{case}")?;
        }
        let (failed, skipped) = (self.failed().count(), self.skipped().count());
        let passed = self.cases.len().saturating_sub(failed).saturating_sub(skipped);
        write!(f, "{}: {passed} passed, {failed} failed, {skipped} skipped", self.host)
    }
}

impl fmt::Display for ConformanceCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.outcome {
            ConformanceOutcome::Passed => write!(f, "passed   {}", self.name),
            ConformanceOutcome::Skipped(reason) => write!(f, "skipped  {}: {reason}", self.name),
            ConformanceOutcome::Failed(message) => write!(f, "FAILED   {}: {message}", self.name),
        }
    }
}
