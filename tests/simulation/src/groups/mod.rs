//! Simulation of consumer groups: producers, consumers, replays, crashes, lost and late replies, clocks that jump.
//!
//! * `run`: one seed. `campaign`: many.
//! * `books`: what the callers were told, and whether it was true.
//! * `producer`, `consumer`, `replayer`: who uses the group.

mod books;
mod campaign;
mod consumer;
mod producer;
mod replayer;
mod run;

pub use campaign::{campaign, one};
pub use run::{Report, run};
