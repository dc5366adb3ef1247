//! Numbers: JavaScript has one kind, the engine another. Every conversion is checked.

use alloc::format;

use streamkit_core::{Error, MAX_INTEGER, Result};

/// A whole number from 0 to 2^53 - 1.
pub(crate) fn integer(argument: &str, value: f64) -> Result<u64> {
    if value >= 0.0 && value <= number(MAX_INTEGER) && is_whole(value) {
        return Ok(whole(value));
    }
    Err(Error::invalid(format!("{argument}: must be a whole number from 0 to 2^53 - 1")))
}

/// Like [`integer`], and nothing for anything below 0.
pub(crate) fn integer_unless_negative(argument: &str, value: f64) -> Result<Option<u64>> {
    if value < 0.0 { Ok(None) } else { integer(argument, value).map(Some) }
}

/// Like [`integer`], and nothing for 0.
pub(crate) fn integer_unless_zero(argument: &str, value: f64) -> Result<Option<u64>> {
    integer(argument, value).map(|value| (value != 0).then_some(value))
}

/// Milliseconds of at least 0: begun ones count whole, and more than fit are as good as the most.
pub(crate) fn duration(argument: &str, value: f64) -> Result<u64> {
    if value >= 0.0 {
        let begun = u64::from(!is_whole(value));
        return Ok(whole(value).saturating_add(begun).min(MAX_INTEGER));
    }
    Err(Error::invalid(format!("{argument}: must be a number of milliseconds of at least 0")))
}

/// How much at most: a number of at least 1, where more than fits is as good as the most.
pub(crate) fn bound(argument: &str, value: f64) -> Result<u64> {
    if value >= 1.0 {
        return Ok(whole(value));
    }
    Err(Error::invalid(format!("{argument}: must be a number of at least 1")))
}

/// Like [`bound`], of things that lie in memory.
pub(crate) fn size(argument: &str, value: f64) -> Result<usize> {
    // Sums of a few sizes must fit the 32 bits that an address has.
    const MOST: usize = 1 << 29;
    Ok(usize::try_from(bound(argument, value)?).unwrap_or(MOST).min(MOST))
}

/// The whole part; what is out of range is as the nearest that fits, and what is no number is 0.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, which is what is wanted"
)]
pub(crate) const fn whole(value: f64) -> u64 {
    value as u64
}

#[expect(clippy::float_cmp, reason = "a number that is whole comes back as it was")]
fn is_whole(value: f64) -> bool {
    number(whole(value)) == value
}

/// A number for JavaScript.
#[expect(clippy::cast_precision_loss, reason = "sequences, times and counts are at most 2^53 - 1")]
pub(crate) const fn number(value: u64) -> f64 {
    value as f64
}
