//! Timers: what in a group is due, and when. One row for each page with a deadline, at its earliest; one
//! for each session: while it lasts, not after the moment at which it ends for silence; then, the moment
//! at which it ended.
//!
//! ```text
//! key    GRP 00 space 00 group 00 life (u64) 00 TIM 00 lane (u64) 00 time (u64) 00 milliseconds (u64)
//!        00 n (u64) 00 session (u64)
//!        lane: 0, or in groups by key the session for its own pages
//!        the id: the record that is due then; 0-0 for a session
//! value  0   u8   version
//!        1   u8   kind: 1 page, 2 session (persisted, keep stable)
//!        2   u8   length of the consumer's name, then the name
//!            where it is a page: u64 milliseconds, u64 n of its first id
//!            u32  CRC-32C of what precedes
//! ```

use alloc::string::String;
use alloc::vec::Vec;

use super::VERSION;
use super::envelope::{seal, unseal};
use super::group::{self, GroupMode, Place};
use super::group_page::{NEVER, Records};
use super::key::{self, KeyRange};
use crate::codec::{Reader, length8};
use crate::error::{Error, Result};
use crate::id::EntryId;

/// Where a timer stands, and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timer {
    pub(crate) lane: u64,
    pub(crate) time: u64,
    pub(crate) id: EntryId,
    pub(crate) session: u64,
}

impl Timer {
    /// That of a page of a session, at its earliest deadline; `None`: none of its records is due by time.
    pub(crate) fn of_page(mode: GroupMode, session: u64, records: &Records) -> Option<Self> {
        let lane = if mode == GroupMode::KeyShared { session } else { 0 };
        records
            .iter()
            .filter(|(_, record)| record.deadline != NEVER)
            .map(|(id, record)| Self { lane, time: record.deadline, id: *id, session })
            .min()
    }

    /// That of a session.
    pub(crate) fn of_session(session: u64, time: u64) -> Self {
        Self { lane: 0, time, id: EntryId::ZERO, session }
    }
}

pub(crate) fn key(place: &Place<'_>, timer: &Timer) -> Vec<u8> {
    group::begin(place, "TIM")
        .u64(timer.lane)
        .u64(timer.time)
        .u64(timer.id.ms)
        .u64(timer.id.n)
        .u64(timer.session)
        .finish()
}

/// The timers of a lane.
pub(crate) fn range_of(place: &Place<'_>, lane: u64) -> KeyRange {
    key::under(group::begin(place, "TIM").u64(lane))
}

/// The first key of a lane that comes after `time`.
pub(crate) fn after(place: &Place<'_>, lane: u64, time: u64) -> Vec<u8> {
    group::begin(place, "TIM").u64(lane).u64(time.saturating_add(1)).finish()
}

/// The timer in the key of a row.
pub(crate) fn parse(row_key: &[u8], place: &Place<'_>) -> Option<Timer> {
    group::read(row_key, place, "TIM", |rest| {
        Ok(Timer {
            lane: rest.u64()?,
            time: rest.u64()?,
            id: EntryId::new(rest.u64()?, rest.u64()?),
            session: rest.u64()?,
        })
    })
}

/// What a timer is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TimerRow {
    pub(crate) consumer: String,
    /// The first id of the page; `None`: it is about the session.
    pub(crate) page: Option<EntryId>,
}

impl TimerRow {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut row = Vec::with_capacity(24 + self.consumer.len());
        row.push(VERSION);
        row.push(if self.page.is_some() { 1 } else { 2 });
        row.push(length8(self.consumer.len()));
        row.extend_from_slice(self.consumer.as_bytes());
        if let Some(first) = self.page {
            row.extend_from_slice(&first.ms.to_le_bytes());
            row.extend_from_slice(&first.n.to_le_bytes());
        }
        seal(row)
    }

    pub(crate) fn decode(row: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(unseal(row, "group timer")?);
        reader.version(VERSION, "group timer")?;
        let kind = reader.u8("kind")?;
        let length = usize::from(reader.u8("consumer length")?);
        let consumer = String::from(reader.text(length, "consumer")?);
        let page = match kind {
            1 => Some(EntryId::new(reader.integer("milliseconds")?, reader.integer("n")?)),
            2 => None,
            _ => return Err(Error::corrupt("group timer: unknown kind")),
        };
        reader.end("group timer")?;
        Ok(Self { consumer, page })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use proptest::prelude::*;

    const PLACE: Place<'_> = Place { space: "s", group: "g", life: 9 };

    fn timer(numbers: [u32; 5]) -> Timer {
        let [lane, time, ms, n, session] = numbers.map(u64::from);
        Timer { lane: lane % 2, time: time % 4, id: EntryId::new(ms % 2, n), session }
    }

    proptest! {
        #[test]
        fn a_row_comes_back(consumer in "\\PC{1,20}", page in prop::option::of(any::<(u32, u32)>())) {
            let row = TimerRow { consumer, page: page.map(|(ms, n)| EntryId::new(ms.into(), n.into())) };
            prop_assert_eq!(TimerRow::decode(&row.encode()).expect("decodes"), row);
        }

        #[test]
        fn keys_order_as_timers(a: [u32; 5], b: [u32; 5]) {
            let (a, b) = (timer(a), timer(b));
            prop_assert_eq!(key(&PLACE, &a).cmp(&key(&PLACE, &b)), a.cmp(&b));
            prop_assert_eq!(parse(&key(&PLACE, &a), &PLACE), Some(a));
            prop_assert_eq!(key(&PLACE, &a) < after(&PLACE, b.lane, b.time), (a.lane, a.time) <= (b.lane, b.time));
            let range = range_of(&PLACE, b.lane);
            prop_assert_eq!(range.start <= key(&PLACE, &a) && key(&PLACE, &a) < range.end, a.lane == b.lane);
        }

        #[test]
        fn arbitrary_bytes_with_a_right_checksum_never_panic(mut body in prop::collection::vec(0_u8..20, 0..60)) {
            if let Some(first) = body.first_mut() {
                *first = VERSION;
            }
            if let Err(error) = TimerRow::decode(&seal(body)) {
                prop_assert_eq!(error.code(), ErrorCode::Corrupt);
            }
        }
    }
}
