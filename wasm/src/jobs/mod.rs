//! Long operations, one step a call.

mod compactor;
mod exporter;
mod importer;
mod slot;
mod verifier;

pub use compactor::Compactor;
pub use exporter::Exporter;
pub use importer::Importer;
pub use verifier::Verifier;

use slot::{Job, Slot};
