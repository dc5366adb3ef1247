//! Rows of consumer groups, each by itself: what they say of each other is not compared.

use super::{MOST_ROWS, PAGE_BYTES, Verifier};
use crate::error::{Error, Result};
use crate::layout::group::{self, GroupHead};
use crate::layout::group_member::{self, MemberRow};
use crate::layout::group_slots;
use crate::layout::group_timer::{self, TimerRow};
use crate::layout::{KeyRange, group_page};
use crate::name::check_name;
use crate::store::Inner;

impl Verifier {
    pub(super) async fn groups(&mut self, inner: &Inner, range: KeyRange) -> Result<Option<KeyRange>> {
        let (rows, rest) = inner.host.rows(range, MOST_ROWS, PAGE_BYTES).await?;
        for (key, row) in rows {
            if let Err(error) = check_row(&key, &row) {
                self.problems.error(&error, &key);
            }
        }
        Ok(rest)
    }
}

fn check_row(key: &[u8], row: &[u8]) -> Result {
    let malformed = || Error::corrupt("group: its key is malformed");
    let (place, kind) = group::parse(key).ok_or_else(malformed)?;
    if check_name("stream", place.space).is_err() || check_name("group", place.group).is_err() {
        return Err(malformed());
    }
    match kind {
        "" => GroupHead::decode(row).map(drop),
        "MEM" => {
            group_member::parse(key, &place).ok_or_else(malformed)?;
            MemberRow::decode(row).map(drop)
        }
        "PEL" => {
            let (_, first) = group_page::parse(key, &place).ok_or_else(malformed)?;
            group_page::decode(row, first).map(drop)
        }
        "TIM" => {
            group_timer::parse(key, &place).ok_or_else(malformed)?;
            TimerRow::decode(row).map(drop)
        }
        "SLT" => {
            let n = group_slots::parse(key, &place).ok_or_else(malformed)?;
            group_slots::decode(row, n).map(drop)
        }
        _ => Err(Error::corrupt("a key of no known kind")),
    }
}
