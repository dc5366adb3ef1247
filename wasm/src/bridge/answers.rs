//! What the host answers, each in one buffer; large values stand apart (see `requests`). Every length is
//! checked: `Err` names the rule that a buffer breaks.

use alloc::vec::Vec;

use streamkit_core::{Bytes, Commit, ScanPage, Value};

use super::apart::Apart;
use super::requests::{ABSENT, APART};
use crate::frames::Cursor;

/// The rule that an answer breaks.
pub(crate) type Broken = &'static str;

const SHORT: Broken = "the answer is cut short";
const LONG: Broken = "the answer goes on after its end";

fn value(length: u32, cursor: &mut Cursor<'_>, apart: &mut Apart) -> Option<Value> {
    if length & APART == 0 {
        cursor.take(length).map(|bytes| Bytes::from(bytes).into())
    } else {
        apart.take(length ^ APART)
    }
}

fn value_or_none(cursor: &mut Cursor<'_>, apart: &mut Apart) -> Option<Option<Bytes>> {
    match cursor.u32()? {
        ABSENT => Some(None),
        length => value(length, cursor, apart).map(|value| Some(value.into_bytes())),
    }
}

/// ```text
/// u32 count, count x value, or none
/// ```
pub(crate) fn get(bytes: &[u8], apart: &mut Apart, asked: usize) -> Result<Vec<Option<Bytes>>, Broken> {
    let mut cursor = Cursor::new(bytes);
    if cursor.count(4).ok_or(SHORT)? != asked {
        return Err("there must be as many values as keys");
    }
    let mut values = Vec::with_capacity(asked);
    for _ in 0..asked {
        values.push(value_or_none(&mut cursor, apart).ok_or(SHORT)?);
    }
    if cursor.is_at_end() && apart.is_at_end() { Ok(values) } else { Err(LONG) }
}

/// ```text
/// u8 more | u32 count | u8 has values | count x { key | value, if there are values }
/// ```
pub(crate) fn scan(bytes: &[u8], apart: &mut Apart, keys_only: bool) -> Result<ScanPage, Broken> {
    let mut cursor = Cursor::new(bytes);
    let more = match cursor.u8().ok_or(SHORT)? {
        0 => false,
        1 => true,
        _ => return Err("more must be 0 or 1"),
    };
    let count = cursor.count(if keys_only { 4 } else { 8 }).ok_or(SHORT)?;
    if cursor.u8().ok_or(SHORT)? != u8::from(!keys_only) {
        return Err("values must be there if they were asked for, and only then");
    }
    let mut pairs = Vec::with_capacity(count);
    for _ in 0..count {
        let key = cursor.prefixed().ok_or(SHORT)?;
        let value = match keys_only {
            true => Value::default(),
            false => cursor.u32().and_then(|length| value(length, &mut cursor, apart)).ok_or(SHORT)?,
        };
        pairs.push((key.into(), value));
    }
    if cursor.is_at_end() && apart.is_at_end() { Ok(ScanPage { pairs, more }) } else { Err(LONG) }
}

/// ```text
/// u32 index of the failed check | u8 present | the value that is there
/// ```
pub(crate) fn refusal(bytes: &[u8]) -> Result<Commit, Broken> {
    let mut cursor = Cursor::new(bytes);
    let check = cursor.u32().and_then(|index| usize::try_from(index).ok()).ok_or(SHORT)?;
    let present = cursor.u8().ok_or(SHORT)?;
    let current = match (present, cursor.rest()) {
        (0, []) => None,
        (0, _) => return Err(LONG),
        (1, value) => Some(value.into()),
        _ => return Err("present must be 0 or 1"),
    };
    Ok(Commit::Refused { check, current })
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn get(bytes: &[u8], asked: usize) -> Result<Vec<Option<Bytes>>, Broken> {
        super::get(bytes, &mut Apart::none(), asked)
    }

    fn scan(bytes: &[u8], keys_only: bool) -> Result<ScanPage, Broken> {
        super::scan(bytes, &mut Apart::none(), keys_only)
    }

    fn frame(parts: &[&[u8]]) -> Vec<u8> {
        parts.concat()
    }

    #[test]
    fn values_come_in_the_order_asked() {
        let bytes = frame(&[&[3, 0, 0, 0], &[1, 0, 0, 0, 7], &[0xff; 4], &[0; 4]]);
        assert_eq!(get(&bytes, 3), Ok(vec![Some(vec![7]), None, Some(vec![])]));
        assert_eq!(get(&bytes, 2), Err("there must be as many values as keys"));
    }

    #[test]
    fn pairs_come_with_and_without_values() {
        let both = frame(&[&[1, 1, 0, 0, 0, 1], &[1, 0, 0, 0, 7], &[2, 0, 0, 0, 8, 9]]);
        let page = scan(&both, false).unwrap();
        assert_eq!((page.pairs, page.more), (vec![(vec![7], vec![8, 9].into())], true));
        let keys = frame(&[&[0, 1, 0, 0, 0, 0], &[1, 0, 0, 0, 7]]);
        assert_eq!(scan(&keys, true).unwrap().pairs, [(vec![7], vec![].into())]);
        assert!(scan(&keys, false).is_err());
        assert!(scan(&both, true).is_err());
    }

    #[test]
    fn a_refusal_says_what_is_there() {
        let refused = |check, current| Ok(Commit::Refused { check, current });
        assert_eq!(refusal(&[2, 0, 0, 0, 1, 5]), refused(2, Some(vec![5])));
        assert_eq!(refusal(&[2, 0, 0, 0, 1]), refused(2, Some(vec![])));
        assert_eq!(refusal(&[0, 0, 0, 0, 0]), refused(0, None));
        assert_eq!(refusal(&[0, 0, 0, 0, 0, 5]), Err(LONG));
        assert!(refusal(&[0, 0, 0, 0, 2]).is_err());
    }

    #[test]
    fn what_is_cut_short_or_too_long_is_refused() {
        let values = frame(&[&[2, 0, 0, 0], &[1, 0, 0, 0, 7], &[0xff; 4]]);
        let pairs = frame(&[&[1, 1, 0, 0, 0, 1], &[1, 0, 0, 0, 7], &[2, 0, 0, 0, 8, 9]]);
        for length in 0..values.len() {
            assert!(get(&values[..length], 2).is_err());
        }
        for length in 0..pairs.len() {
            assert!(scan(&pairs[..length], false).is_err());
        }
        for length in 0..5 {
            assert!(refusal(&[0; 5][..length]).is_err());
        }
        assert_eq!(get(&frame(&[&values, &[0]]), 2), Err(LONG));
        assert_eq!(scan(&frame(&[&pairs, &[0]]), false), Err(LONG));
    }

    #[test]
    fn counts_that_cannot_be_are_not_allocated() {
        assert!(get(&[0xff; 12], 0xffff_ffff).is_err());
        assert!(scan(&[0, 0xff, 0xff, 0xff, 0xff, 1], false).is_err());
    }
}
