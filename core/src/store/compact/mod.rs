//! Merging small rows and compressing, beside readers and writers: each step is a checked commit of
//! its own, and none is part of anybody's append.

mod compactor;
mod lane;
mod merge;
mod small_rows;

pub use compactor::{CompactReport, Compactor};
pub(super) use small_rows::SmallRows;
