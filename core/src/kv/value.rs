//! Values as a scan gives them.

use alloc::rc::Rc;
use core::any::Any;
use core::cell::Cell;
use core::fmt;
use core::ops::Deref;

use super::Bytes;

/// What a host knows a value by that it has elsewhere as well.
pub type Origin = Rc<dyn Any>;

/// A value that a scan gave.
///
/// A host may have the same bytes elsewhere: to JavaScript, what it gave to this module is still at hand. It says so by
/// an origin, and a page whose entries are most of a value can then refer to it in place of bringing the bytes along
/// ([`Page::lending_frame`](crate::Page::lending_frame)). An origin is given away once at most, so what it stands for has
/// one owner; it must not change before that.
#[derive(Clone)]
pub struct Value(pub(crate) Rc<Buffer>);

/// The bytes, for those that share them.
pub(crate) struct Buffer {
    pub(crate) bytes: Bytes,
    /// Where the host has them, until somebody is given it.
    pub(crate) origin: Cell<Option<Origin>>,
}

impl Value {
    fn new(bytes: Bytes, origin: Option<Origin>) -> Self {
        Self(Rc::new(Buffer { bytes, origin: Cell::new(origin) }))
    }

    /// A value that its host has elsewhere as well.
    pub fn with_origin(bytes: Bytes, origin: Origin) -> Self {
        Self::new(bytes, Some(origin))
    }

    /// The bytes.
    pub fn into_bytes(self) -> Bytes {
        Rc::try_unwrap(self.0).map_or_else(|shared| shared.bytes.clone(), |own| own.bytes)
    }
}

impl From<Bytes> for Value {
    fn from(bytes: Bytes) -> Self {
        Self::new(bytes, None)
    }
}

impl Default for Value {
    fn default() -> Self {
        Bytes::new().into()
    }
}

impl Deref for Value {
    type Target = Bytes;

    fn deref(&self) -> &Bytes {
        &self.0.bytes
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Value {}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
