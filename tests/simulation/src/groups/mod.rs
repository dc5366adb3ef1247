//! Simulation of consumer groups: producers, consumers, replays, crashes, lost and late replies, clocks that jump.
//!
//! * `run`: one seed, and what many of them are.
//! * `books`: what the callers were told, and whether it was true.
//! * `producer`, `consumer`, `crowd`, `replayer`: who uses the group.

mod books;
mod consumer;
mod crowd;
mod producer;
mod replayer;
mod run;

pub use run::{CAMPAIGN, Totals, run};
