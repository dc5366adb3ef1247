//! The position of an entry in its space.

use core::fmt;
use core::str::FromStr;

use crate::error::{Error, Result};

/// The largest sequence, `n` or TRX number: the largest integer that a JavaScript number holds exactly.
pub const MAX_INTEGER: u64 = (1 << 53) - 1;

/// The latest timestamp, in milliseconds since 1970: the largest that a `UUIDv7` holds.
pub const MAX_MS: u64 = (1 << 48) - 1;

/// The id of an entry, unique in its space and strictly increasing in commit order; as text `<ms>-<n>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EntryId {
    /// The timestamp, in milliseconds since 1970; never goes back within a space.
    pub ms: u64,
    /// Counts the entries of one millisecond, from 0.
    pub n: u64,
}

/// What a clock gave, where it can be a timestamp. By a clock that fails nothing is expired, due or too old.
///
/// # Errors
///
/// `LIMIT_EXCEEDED` above [`MAX_MS`]; `INVALID_ARGUMENT` for [`u64::MAX`], by which a clock says that it has no time.
pub(crate) fn check_time(ms: u64) -> Result<u64> {
    match ms {
        ..=MAX_MS => Ok(ms),
        u64::MAX => Err(Error::invalid("clock: must give milliseconds below 2^48")),
        _ => Err(Error::limit("timestamp", MAX_MS, ms)),
    }
}

impl EntryId {
    /// Before every entry.
    pub const ZERO: Self = Self { ms: 0, n: 0 };

    /// The largest id that an entry can have.
    pub const MAX: Self = Self { ms: MAX_MS, n: MAX_INTEGER };

    /// The id of these two numbers.
    pub const fn new(ms: u64, n: u64) -> Self {
        Self { ms, n }
    }

    /// The id that follows this one in the space at the host clock's `clock_ms`.
    ///
    /// The timestamp is the clock's, but at least this id's and at least 1; in the same millisecond `n` goes on, else
    /// it starts at 0. So a clock that steps back, or stands still, cannot break the order.
    ///
    /// # Errors
    ///
    /// `LIMIT_EXCEEDED` where the timestamp would be above [`MAX_MS`] or `n` above [`MAX_INTEGER`].
    pub fn next(self, clock_ms: u64) -> Result<Self> {
        let ms = clock_ms.max(self.ms).max(1);
        let n = if ms == self.ms { self.n.saturating_add(1) } else { 0 };
        Self { ms, n }.checked()
    }

    /// The id `count` entries further on in the same millisecond.
    ///
    /// # Errors
    ///
    /// `LIMIT_EXCEEDED` where `n` would be above [`MAX_INTEGER`].
    pub fn plus(self, count: u64) -> Result<Self> {
        Self { ms: self.ms, n: self.n.saturating_add(count) }.checked()
    }

    /// The id before this one, whether an entry has it or not; [`EntryId::ZERO`] stays what it is.
    pub(crate) const fn before(self) -> Self {
        match (self.ms, self.n) {
            (_, 1..) => Self::new(self.ms, self.n - 1),
            (1.., _) => Self::new(self.ms - 1, MAX_INTEGER),
            _ => Self::ZERO,
        }
    }

    /// The id that `text` spells: two decimal numbers without leading zeros or signs, joined by `-`.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` where it is anything else, or a number is above its limit.
    pub fn parse(text: &str) -> Result<Self> {
        let id = text
            .split_once('-')
            .and_then(|(ms, n)| Some(Self { ms: number(ms)?, n: number(n)? }))
            .filter(|id| id.in_bounds());
        id.ok_or_else(|| Error::invalid("id: must be <ms>-<n>, with ms below 2^48 and n below 2^53"))
    }

    /// Whether both numbers are within their limits.
    pub const fn in_bounds(self) -> bool {
        self.ms <= MAX_MS && self.n <= MAX_INTEGER
    }

    fn checked(self) -> Result<Self> {
        check_time(self.ms)?;
        if self.n > MAX_INTEGER { Err(Error::limit("n", MAX_INTEGER, self.n)) } else { Ok(self) }
    }
}

/// A decimal number in its only spelling.
fn number(text: &str) -> Option<u64> {
    let canonical = text == "0" || !text.starts_with(['0', '+']);
    if canonical { text.parse().ok() } else { None }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.n)
    }
}

impl FromStr for EntryId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::{String, ToString};

    use proptest::prelude::*;

    use super::*;
    use crate::error::{Detail, ErrorCode};

    #[test]
    fn nothing_is_between_an_id_and_the_one_before() {
        assert_eq!(EntryId::new(5, 1).before(), EntryId::new(5, 0));
        assert_eq!(EntryId::new(5, 0).before(), EntryId::new(4, MAX_INTEGER));
        assert_eq!(EntryId::new(0, 1).before(), EntryId::ZERO);
        assert_eq!(EntryId::ZERO.before(), EntryId::ZERO);
    }

    #[test]
    fn time_never_goes_back() {
        let id = EntryId::ZERO.next(0).unwrap();
        assert_eq!(id, EntryId::new(1, 0));
        let id = id.next(0).unwrap();
        assert_eq!(id, EntryId::new(1, 1));
        let id = id.next(100).unwrap();
        assert_eq!(id, EntryId::new(100, 0));
        let id = id.next(99).unwrap();
        assert_eq!(id, EntryId::new(100, 1));
        assert_eq!(id.plus(5).unwrap(), EntryId::new(100, 6));
    }

    #[test]
    fn limits_are_refused() {
        assert_eq!(EntryId::ZERO.next(MAX_MS).unwrap(), EntryId::new(MAX_MS, 0));
        let error = EntryId::ZERO.next(MAX_MS + 1).unwrap_err();
        assert_eq!(error.code(), ErrorCode::LimitExceeded);
        assert_eq!(error.detail("what"), Some(&Detail::Text("timestamp".into())));
        assert_eq!(EntryId::ZERO.next(u64::MAX).unwrap_err().code(), ErrorCode::InvalidArgument);
        assert_eq!(EntryId::MAX.next(0).unwrap_err().code(), ErrorCode::LimitExceeded);
        assert_eq!(EntryId::MAX.plus(1).unwrap_err().code(), ErrorCode::LimitExceeded);
        assert_eq!(EntryId::MAX.plus(u64::MAX).unwrap_err().code(), ErrorCode::LimitExceeded);
        assert_eq!(EntryId::MAX.plus(0).unwrap(), EntryId::MAX);
    }

    #[test]
    fn there_is_one_spelling() {
        assert_eq!(EntryId::parse("0-0").unwrap(), EntryId::ZERO);
        assert_eq!(EntryId::parse("281474976710655-9007199254740991").unwrap(), EntryId::MAX);
        for text in [
            "",
            "-",
            "1",
            "1-",
            "-1",
            "1--1",
            "+1-0",
            "1-+1",
            "01-0",
            "1-00",
            " 1-0",
            "1-0 ",
            "1-0-0",
            "a-b",
            "281474976710656-0",
            "1-9007199254740992",
            "99999999999999999999-0",
        ] {
            assert_eq!(EntryId::parse(text).unwrap_err().code(), ErrorCode::InvalidArgument, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_next_id_is_above(ms in 0..=MAX_MS, n in 0..MAX_INTEGER, clock in 0..=MAX_MS) {
            let last = EntryId::new(ms, n);
            let next = last.next(clock).unwrap();
            prop_assert!(next > last);
            prop_assert!(next.ms >= clock);
            prop_assert!(next.in_bounds());
        }

        #[test]
        fn no_numbers_panic(ms: u64, n: u64, clock: u64) {
            let _ = EntryId::new(ms, n).next(clock);
            let _ = EntryId::new(ms, n).plus(clock);
        }

        #[test]
        fn text_comes_back(ms in 0..=MAX_MS, n in 0..=MAX_INTEGER) {
            let id = EntryId::new(ms, n);
            prop_assert_eq!(id.to_string().parse::<EntryId>().unwrap(), id);
        }

        #[test]
        fn whatever_is_read_is_written_the_same(text in "[0-9+]{0,3}-[0-9+]{0,3}|.{0,8}") {
            if let Ok(id) = EntryId::parse(&text) {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }

    #[test]
    fn text_is_short() {
        assert_eq!(String::from("12-3"), EntryId::new(12, 3).to_string());
    }
}
