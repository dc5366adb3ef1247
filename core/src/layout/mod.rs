//! Keys and rows: one file per row kind, each with its key, its value as a byte diagram, and how to
//! range over it. Integers in keys are big-endian lexkeys, integers in values little-endian.
//!
//! | key | file |
//! |---|---|
//! | `INV STORE` | `identity` |
//! | `INV SPACES space` | `space`; what it holds of a stream: `stream`; of an import: `import_mark`; of writers that failed: `voids` |
//! | `INV SEGMENTS space segment` | `segment` |
//! | `DAT SEGMENTS space segment last_sequence` | `block` |
//! | `DAT SPACES space ms last_n` | `commit` |
//! | `TRX space segment id` | `trx` |
//! | `TXN id n` | `redo` |
//! | `LSE key` | `lease` |
//! | `GRP space group` | `group` |
//! | `GRP space group life MEM consumer session` | `group_member` |
//! | `GRP space group life PEL session ms n` | `group_page` |
//! | `GRP space group life TIM lane time ms n session` | `group_timer` |
//! | `GRP space group life SLT n` | `group_slots` |

pub(crate) mod block;
pub(crate) mod commit;
#[cfg(test)]
mod contradictions;
mod envelope;
#[cfg(test)]
mod fuzz;
pub(crate) mod group;
pub(crate) mod group_member;
pub(crate) mod group_page;
pub(crate) mod group_slots;
pub(crate) mod group_timer;
pub(crate) mod identity;
pub(crate) mod import_mark;
mod key;
pub(crate) mod lease;
pub(crate) mod redo;
mod run;
mod scope;
pub(crate) mod segment;
pub(crate) mod space;
pub(crate) mod stream;
pub(crate) mod trx;
mod voids;

#[cfg(feature = "compression")]
pub use envelope::expand_row;
pub(crate) use envelope::{Packing, expanded_bytes, is_raw};
pub use group::GroupMode;
pub(crate) use key::{KeyRange, successor};
pub(crate) use run::{RUN_HEADER_BYTES, Run};
pub(crate) use scope::ranges_of_spaces;
pub use scope::{Scope, scope_of};
pub use stream::Retention;
pub(crate) use voids::Voids;

/// The version byte of every stored row.
const VERSION: u8 = 1;
