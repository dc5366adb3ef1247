//! Reading what a build without compression cannot.

use alloc::boxed::Box;

use async_trait::async_trait;

use crate::error::Result;
use crate::kv::Bytes;

/// Reads compressed rows, with a build that can.
#[async_trait(?Send)]
pub trait Expander {
    /// A stored row as it is without compression, as `expand_row` gives it; a damaged one as it is.
    async fn expand(&self, row: Bytes) -> Result<Bytes>;
}
