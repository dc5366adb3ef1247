//! WebAssembly binding of `streamkit-core`: one class, [`Engine`], over a bridge object that stands
//! for the host and for time, randomness and timers.
//!
//! Nothing is decided here. Calls are turned into calls of the core, and the core's calls to its
//! surroundings into calls of the bridge. Two rules hold throughout:
//!
//! * An exported method that returns a promise borrows nothing over an await: it clones the store,
//!   which is a reference count, so that calls may overlap in any way.
//! * Whatever comes from JavaScript is checked before it is used, and refused with an error that
//!   names it. An exception out of the engine itself therefore means a bug, or broken surroundings,
//!   and ends the instance.

#![no_std]

extern crate alloc;
#[cfg(not(feature = "standalone"))]
extern crate std;

mod bridge;
mod engine;
mod env;
mod errors;
#[cfg(feature = "full")]
mod expand;
mod frames;
#[cfg(feature = "full")]
mod group_frames;
#[cfg(feature = "full")]
mod jobs;
mod numbers;
mod objects;
mod panics;
mod promise;
#[cfg(feature = "standalone")]
mod standalone;
#[cfg(feature = "full")]
mod stream_frames;

pub use bridge::Bridge;
pub use engine::Engine;
#[cfg(feature = "full")]
pub use expand::expand_row;
#[cfg(feature = "full")]
pub use jobs::{Exporter, Importer, Stepper};
pub use panics::panic_message;
