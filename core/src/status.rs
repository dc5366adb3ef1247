//! Where a segment stands.

use alloc::string::String;

/// First and last entry of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SegmentStatus {
    /// The space.
    pub space: String,
    /// The segment.
    pub segment: String,
    /// Sequence of the first entry that is still there; one past the last when none is.
    pub first_sequence: u64,
    /// Milliseconds of the first entry that is still there; 0 when none is.
    pub first_timestamp: u64,
    /// Sequence of the last entry ever.
    pub last_sequence: u64,
    /// Milliseconds of the last entry ever.
    pub last_timestamp: u64,
}
