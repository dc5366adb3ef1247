//! Long operations, one step a call.

mod exporter;
mod importer;
mod slot;
mod stepper;

pub use exporter::Exporter;
pub use importer::Importer;
pub use stepper::Stepper;

use slot::{Job, Slot};
