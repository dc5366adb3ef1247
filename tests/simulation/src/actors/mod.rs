//! Who uses the store. Actors outlive instances: what they know, as callers do, is carried over crashes.

mod chaos;
mod compactor;
mod leaser;
mod looker;
mod reader;
mod trimmer;
mod writer;

pub use chaos::{chaos, draw_faults};
pub use compactor::compactor;
pub use leaser::leaser;
pub use looker::looker;
pub use reader::{SegmentCursor, SpaceCursor, segment_reader, space_reader};
pub use trimmer::trimmer;
pub use writer::writer;
