//! Rows of consumer groups: each by itself, and what those of one group say of each other. Where that does not agree,
//! the group may have been used meanwhile: it is looked at again.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::group::GroupCheck;
use super::{MOST_LOOKS, MOST_ROWS, PAGE_BYTES, Verifier};
use crate::error::{Error, ErrorCode, Result};
use crate::id::EntryId;
use crate::layout::KeyRange;
use crate::layout::group::{self, GroupHead};
use crate::layout::group_member::{self, MemberRow};
use crate::layout::group_page::{self, Records};
use crate::layout::group_slots::{self, Slots};
use crate::layout::group_timer::{self, Timer, TimerRow};
use crate::name::check_name;
use crate::store::Inner;

impl Verifier {
    pub(super) async fn groups(&mut self, inner: &Inner, range: KeyRange) -> Result<Option<KeyRange>> {
        let end = range.end.clone();
        let (rows, rest) = inner.host.rows_or_damage(range, MOST_ROWS, PAGE_BYTES).await?;
        for (key, row) in rows {
            match row.and_then(|row| Ok((check_row(&key, &row)?, row))) {
                Ok((Row::Head(head), row)) => {
                    let mut group = GroupCheck::begin(key, row.into_bytes(), *head);
                    match &self.group {
                        Some(same) if same.key == group.key => group.looks = same.looks,
                        _ => {
                            if let Some(start) = self.end_group(inner).await? {
                                return Ok(Some(KeyRange { start, end }));
                            }
                        }
                    }
                    self.group = Some(group);
                }
                Ok((Row::Of(life, part), _)) => {
                    if let Some(group) = self.group.as_mut().filter(|group| group.has(&key, life)) {
                        take(group, key, part);
                    }
                }
                Err(error) => {
                    self.problems.error(&error, &key);
                    // Without a head there is nothing to compare with.
                    self.group.take_if(|group| group.key == key);
                    if let Some(group) = &mut self.group {
                        group.damaged(&key);
                    }
                }
            }
        }
        if rest.is_none()
            && let Some(start) = self.end_group(inner).await?
        {
            return Ok(Some(KeyRange { start, end }));
        }
        Ok(rest)
    }

    /// Judges the group whose rows have been read. What does not agree is believed if it is so again, under the same
    /// head; else this gives where to begin again.
    async fn end_group(&mut self, inner: &Inner) -> Result<Option<Vec<u8>>> {
        let Some(group) = &mut self.group else {
            return Ok(None);
        };
        let found = group.compare();
        // Groups need such hosts; others may show rows of different moments.
        if !found.is_empty() && inner.host.is_exact() {
            let now = inner.host.get_one(group.key.clone()).await?;
            let is_same = now.as_deref() == Some(&*group.row);
            if now.is_some() && group.looks < if is_same { 2 } else { MOST_LOOKS } {
                group.looks += 1;
                return Ok(Some(group.key.clone()));
            }
            if is_same {
                self.problems.append(found);
            } else if now.is_some() {
                let message = "group: it was used under every look at it; verify again";
                self.problems.add(ErrorCode::Conflict, message, &group.key);
            }
        }
        self.group = None;
        Ok(None)
    }

    /// Where to go on after a step that failed: rows of the group under way may have been counted.
    pub(super) fn groups_again(&self, range: KeyRange) -> KeyRange {
        match &self.group {
            Some(group) => KeyRange { start: group.key.clone(), end: range.end },
            None => range,
        }
    }
}

/// A row of a group that can be read.
enum Row {
    Head(Box<GroupHead>),
    /// Any other row, with its life.
    Of(u64, Part),
}

enum Part {
    Member(String, u64, MemberRow),
    Page(u64, EntryId, Records),
    Slots(Slots),
    Timer(Timer, TimerRow),
}

fn take(group: &mut GroupCheck, key: Vec<u8>, part: Part) {
    match part {
        Part::Member(consumer, session, row) => group.member(key, consumer, session, &row),
        Part::Page(session, first, records) => group.page(key, session, first, &records),
        Part::Slots(slots) => group.slots(&key, &slots),
        Part::Timer(timer, row) => group.timer(&key, &timer, &row),
    }
}

fn check_row(key: &[u8], row: &[u8]) -> Result<Row> {
    let malformed = || Error::corrupt("group: its key is malformed");
    let (place, kind) = group::parse(key).ok_or_else(malformed)?;
    if check_name("stream", place.space).is_err() || check_name("group", place.group).is_err() {
        return Err(malformed());
    }
    let part = match kind {
        "" => return Ok(Row::Head(GroupHead::decode(row)?.into())),
        "MEM" => {
            let (consumer, session) = group_member::parse(key, &place).ok_or_else(malformed)?;
            Part::Member(consumer, session, MemberRow::decode(row)?)
        }
        "PEL" => {
            let (session, first) = group_page::parse(key, &place).ok_or_else(malformed)?;
            Part::Page(session, first, group_page::decode(row, first)?)
        }
        "TIM" => {
            let timer = group_timer::parse(key, &place).ok_or_else(malformed)?;
            Part::Timer(timer, TimerRow::decode(row)?)
        }
        "SLT" => {
            let n = group_slots::parse(key, &place).ok_or_else(malformed)?;
            Part::Slots(group_slots::decode(row, n)?)
        }
        _ => return Err(Error::corrupt("a key of no known kind")),
    };
    Ok(Row::Of(place.life, part))
}
