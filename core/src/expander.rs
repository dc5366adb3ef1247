//! Reading what a build without compression cannot.

use alloc::boxed::Box;

use async_trait::async_trait;

use crate::error::{Error, ErrorCode, Result};
use crate::kv::Bytes;

/// Reads compressed rows, with a build that can.
#[async_trait(?Send)]
pub trait Expander {
    /// A stored row as it is without compression, as `expand_row` gives it in a build with the feature `compression`; a
    /// damaged one as it is.
    async fn expand(&self, row: Bytes) -> Result<Bytes>;
}

/// An [`Expander`] for builds that can, and for storage without compressed rows: what it is asked for is `UNSUPPORTED`.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoExpander;

#[async_trait(?Send)]
impl Expander for NoExpander {
    async fn expand(&self, _: Bytes) -> Result<Bytes> {
        Err(Error::new(ErrorCode::Unsupported, "this build reads no compressed rows"))
    }
}
