//! The one error type of the engine.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// What a caller should do about an error; the text form is part of the public contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// An expected sequence is not the next one; details `expected`, `actual`.
    SequenceMismatch,
    /// The TRX number exists with another id.
    TrxIdMismatch,
    /// The segment is past the caller's TRX number.
    TrxNumberAhead,
    /// The caller's TRX number skips ahead of the segment.
    TrxNumberBehind,
    /// An argument breaks a rule; the message names both.
    InvalidArgument,
    /// Something is larger than allowed; details `what`, `limit`, `actual`.
    LimitExceeded,
    /// The thing named does not exist.
    NotFound,
    /// The thing named exists already.
    AlreadyExists,
    /// The thing named still holds data.
    NotEmpty,
    /// Too many races were lost, or the store is not the one asked for.
    Conflict,
    /// Another holder has the lease.
    LeaseNotAcquired,
    /// The lease is no longer held.
    LeaseLost,
    /// No further consumer may wait in the group.
    GroupLocked,
    /// Stored bytes are damaged; details `key`. Other data stays readable.
    Corrupt,
    /// The host lacks the capability named.
    Unsupported,
    /// The store was closed.
    Closed,
    /// The host failed; details `applied`: false or "unknown".
    Unavailable,
    /// The host has no room left.
    QuotaExceeded,
    /// The caller took its request back before it was handed to the host.
    Aborted,
}

impl ErrorCode {
    /// The code as the public contract spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SequenceMismatch => "SEQUENCE_MISMATCH",
            Self::TrxIdMismatch => "TRX_ID_MISMATCH",
            Self::TrxNumberAhead => "TRX_NUMBER_AHEAD",
            Self::TrxNumberBehind => "TRX_NUMBER_BEHIND",
            Self::InvalidArgument => "INVALID_ARGUMENT",
            Self::LimitExceeded => "LIMIT_EXCEEDED",
            Self::NotFound => "NOT_FOUND",
            Self::AlreadyExists => "ALREADY_EXISTS",
            Self::NotEmpty => "NOT_EMPTY",
            Self::Conflict => "CONFLICT",
            Self::LeaseNotAcquired => "LEASE_NOT_ACQUIRED",
            Self::LeaseLost => "LEASE_LOST",
            Self::GroupLocked => "GROUP_LOCKED",
            Self::Corrupt => "CORRUPT",
            Self::Unsupported => "UNSUPPORTED",
            Self::Closed => "CLOSED",
            Self::Unavailable => "UNAVAILABLE",
            Self::QuotaExceeded => "QUOTA_EXCEEDED",
            Self::Aborted => "ABORTED",
        }
    }

    /// The code that `text` spells, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "SEQUENCE_MISMATCH" => Self::SequenceMismatch,
            "TRX_ID_MISMATCH" => Self::TrxIdMismatch,
            "TRX_NUMBER_AHEAD" => Self::TrxNumberAhead,
            "TRX_NUMBER_BEHIND" => Self::TrxNumberBehind,
            "INVALID_ARGUMENT" => Self::InvalidArgument,
            "LIMIT_EXCEEDED" => Self::LimitExceeded,
            "NOT_FOUND" => Self::NotFound,
            "ALREADY_EXISTS" => Self::AlreadyExists,
            "NOT_EMPTY" => Self::NotEmpty,
            "CONFLICT" => Self::Conflict,
            "LEASE_NOT_ACQUIRED" => Self::LeaseNotAcquired,
            "LEASE_LOST" => Self::LeaseLost,
            "GROUP_LOCKED" => Self::GroupLocked,
            "CORRUPT" => Self::Corrupt,
            "UNSUPPORTED" => Self::Unsupported,
            "CLOSED" => Self::Closed,
            "UNAVAILABLE" => Self::Unavailable,
            "QUOTA_EXCEEDED" => Self::QuotaExceeded,
            "ABORTED" => Self::Aborted,
            _ => return None,
        })
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One named fact that belongs to an error.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Detail {
    /// A count, a sequence, a limit.
    Number(u64),
    /// A name, a key in hex.
    Text(String),
    /// A yes or no.
    Flag(bool),
}

/// An error of the engine or of a host: what to do (`code`), a sentence for people, facts for programs.
///
/// One pointer wide: results pass through every step of every call, errors are rare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(Box<Parts>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Parts {
    code: ErrorCode,
    message: Cow<'static, str>,
    details: Vec<(&'static str, Detail)>,
    retryable: bool,
}

/// The result of everything that can fail here.
pub type Result<T = (), E = Error> = core::result::Result<T, E>;

impl Error {
    /// An error of this code with a sentence for people.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self::build(code, message.into())
    }

    #[cold]
    #[inline(never)]
    fn build(code: ErrorCode, message: Cow<'static, str>) -> Self {
        Self(Box::new(Parts {
            code,
            message,
            details: Vec::new(),
            retryable: matches!(code, ErrorCode::Conflict | ErrorCode::Unavailable),
        }))
    }

    /// A `CONFLICT` that trying again does not end: something else is there than was asked for.
    pub fn occupied(message: impl Into<Cow<'static, str>>) -> Self {
        let mut error = Self::new(ErrorCode::Conflict, message);
        error.0.retryable = false;
        error
    }

    /// `INVALID_ARGUMENT`: the message names the argument and the rule.
    pub fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidArgument, message)
    }

    /// `CORRUPT`, before the key is known: the decoder says what is wrong, the reader adds where.
    pub fn corrupt(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::Corrupt, message)
    }

    /// `LIMIT_EXCEEDED` with its three details.
    #[cold]
    #[inline(never)]
    pub fn limit(what: &'static str, limit: u64, actual: u64) -> Self {
        Self::new(ErrorCode::LimitExceeded, alloc::format!("{what}: {actual} is above the limit of {limit}"))
            .with("what", Detail::Text(what.into()))
            .with("limit", Detail::Number(limit))
            .with("actual", Detail::Number(actual))
    }

    /// `UNAVAILABLE`: the host failed and the write was certainly not applied.
    pub fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::Unavailable, message).with("applied", Detail::Flag(false))
    }

    /// `UNAVAILABLE`: the host failed and the write may have been applied.
    pub fn unknown(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::Unavailable, message).in_doubt()
    }

    /// The same error with one more detail; a detail of that name is replaced.
    #[must_use]
    #[cold]
    #[inline(never)]
    pub fn with(mut self, name: &'static str, detail: Detail) -> Self {
        self.0.details.retain(|(known, _)| *known != name);
        self.0.details.push((name, detail));
        self
    }

    /// The same error, naming the stored key that it is about, unless it names one already: whoever read the row knows
    /// better than who asked for it.
    #[must_use]
    #[cold]
    #[inline(never)]
    pub fn at_key(self, key: &[u8]) -> Self {
        if self.detail("key").is_some() {
            return self;
        }
        let hex = crate::lexkey::to_hex(key);
        self.with("key", Detail::Text(hex))
    }

    /// What the caller should do.
    pub const fn code(&self) -> ErrorCode {
        self.0.code
    }

    /// The same error, where whether to try again does not follow from the code.
    #[must_use]
    pub const fn retryable(mut self, retryable: bool) -> Self {
        self.0.retryable = retryable;
        self
    }

    /// Whether the same call is worth trying again as it is.
    pub const fn is_retryable(&self) -> bool {
        self.0.retryable
    }

    /// The sentence for people; its wording is not part of the contract.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The facts for programs.
    pub fn details(&self) -> &[(&'static str, Detail)] {
        &self.0.details
    }

    /// The detail of that name.
    pub fn detail(&self, name: &str) -> Option<&Detail> {
        self.0.details.iter().find(|(known, _)| *known == name).map(|(_, detail)| detail)
    }

    /// The same error, of a call of which something was written, or may have been: a failure of the host says so.
    #[must_use]
    pub(crate) fn after_write(self) -> Self {
        self.of_host(unsure())
    }

    /// The same error, of a read, which applies nothing, whatever the host says of it. What its call handed over before is
    /// for that call to say ([`Error::after_write`]).
    #[must_use]
    pub(crate) fn of_read(self) -> Self {
        self.of_host(Detail::Flag(false))
    }

    fn of_host(self, applied: Detail) -> Self {
        if self.code() == ErrorCode::Unavailable { self.with("applied", applied) } else { self }
    }

    /// The same error, of a write that may have been applied.
    #[must_use]
    pub(crate) fn in_doubt(self) -> Self {
        self.with("applied", unsure())
    }

    /// Whether a write that failed with this may nevertheless have been applied.
    pub fn may_have_applied(&self) -> bool {
        match self.detail("applied") {
            Some(applied) => *applied != Detail::Flag(false),
            None => self.0.code == ErrorCode::Unavailable,
        }
    }
}

/// What `applied` is of a write that may have been applied.
fn unsure() -> Detail {
    Detail::Text(String::from("unknown"))
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code, self.0.message)
    }
}

impl core::error::Error for Error {}
