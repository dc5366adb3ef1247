//! Members: the sessions of a group's consumers. A session begins when a consumer joins and ends when it
//! leaves; its row stays until nothing is pending under it.
//!
//! ```text
//! key    GRP 00 space 00 group 00 life (u64) 00 MEM 00 consumer 00 session (u64)
//! value  0   u8   version
//!        1   u8   flags: 1 it has ended (persisted, keep stable)
//!        2   u64  milliseconds at which the consumer was heard of, or at which the session ended
//!        10  u64  records pending under it
//!        18  u64  milliseconds of its timer
//!        26  u64  generation of the group in which the place below was noted
//!        34  u64  an ended session; 0: none
//!        42  u64  milliseconds of an id of it: up to there, nothing is for this consumer
//!        50  u64  n of that id
//!        58  u32  CRC-32C of what precedes
//! ```

use alloc::string::String;
use alloc::vec::Vec;

use super::VERSION;
use super::envelope::{seal, unseal};
use super::group::{self, Place};
use super::key::{self, KeyRange};
use crate::codec::Reader;
use crate::error::{Error, Result};
use crate::id::EntryId;

const ENDED: u8 = 1;

pub(crate) fn key(place: &Place<'_>, consumer: &str, session: u64) -> Vec<u8> {
    group::begin(place, "MEM").text(consumer).u64(session).finish()
}

/// The sessions of all consumers, in byte order of their names, then by age.
pub(crate) fn range(place: &Place<'_>) -> KeyRange {
    key::under(group::begin(place, "MEM"))
}

/// The sessions of one consumer, the oldest first.
pub(crate) fn range_of(place: &Place<'_>, consumer: &str) -> KeyRange {
    key::under(group::begin(place, "MEM").text(consumer))
}

/// The consumer and the session in the key of a row.
pub(crate) fn parse(row_key: &[u8], place: &Place<'_>) -> Option<(String, u64)> {
    group::read(row_key, place, "MEM", |rest| Ok((String::from(rest.text()?), rest.u64()?)))
}

/// How far a consumer has looked through an ended session for records of its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Looked {
    /// The generation of the group then: where it is another, keys went elsewhere.
    pub(crate) generation: u64,
    pub(crate) session: u64,
    /// Up to here, this included, nothing is for the consumer.
    pub(crate) upto: EntryId,
}

/// A session of a consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MemberRow {
    /// `Some`: the session ended then, and what is pending under it is due since.
    pub(crate) ended: Option<u64>,
    /// When the consumer was last heard of.
    pub(crate) heard: u64,
    pub(crate) pending: u64,
    /// The time of its timer row: never after the moment at which it ends for silence.
    pub(crate) timer: u64,
    pub(crate) looked: Looked,
}

impl MemberRow {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut row = Vec::with_capacity(62);
        row.push(VERSION);
        row.push(if self.ended.is_some() { ENDED } else { 0 });
        for number in [
            self.ended.unwrap_or(self.heard),
            self.pending,
            self.timer,
            self.looked.generation,
            self.looked.session,
            self.looked.upto.ms,
            self.looked.upto.n,
        ] {
            row.extend_from_slice(&number.to_le_bytes());
        }
        seal(row)
    }

    pub(crate) fn decode(row: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(unseal(row, "group member")?);
        reader.version(VERSION, "group member")?;
        let flags = reader.u8("flags")?;
        if flags & !ENDED != 0 {
            return Err(Error::corrupt("group member: unknown flags"));
        }
        let at = reader.integer("time")?;
        let pending = reader.integer("pending")?;
        let timer = reader.integer("timer")?;
        let looked = Looked {
            generation: reader.integer("generation")?,
            session: reader.integer("session")?,
            upto: EntryId::new(reader.integer("milliseconds")?, reader.integer("n")?),
        };
        reader.end("group member")?;
        let ended = (flags & ENDED != 0).then_some(at);
        Ok(Self { ended, heard: at, pending, timer, looked })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_row_comes_back(ended: bool, heard in 0_u64..1 << 48, pending in 0_u64..1 << 53, timer in 0_u64..1 << 48, looked in any::<[u32; 4]>(), consumer in "[a-z]{1,5}", session: u64) {
            let row = MemberRow {
                ended: ended.then_some(heard),
                heard,
                pending,
                timer,
                looked: Looked { generation: looked[0].into(), session: looked[1].into(), upto: EntryId::new(looked[2].into(), looked[3].into()) },
            };
            prop_assert_eq!(MemberRow::decode(&row.encode()).expect("decodes"), row);
            let place = Place { space: "s", group: "g", life: 3 };
            let other = Place { life: 4, ..place };
            let row_key = key(&place, &consumer, session);
            prop_assert_eq!(parse(&row_key, &place), Some((consumer.clone(), session)));
            prop_assert_eq!(parse(&row_key, &other), None);
            let range = range_of(&place, &consumer);
            prop_assert!(range.start <= row_key && row_key < range.end);
        }

        #[test]
        fn arbitrary_bytes_with_a_right_checksum_never_panic(mut body in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Some(first) = body.first_mut() {
                *first = VERSION;
            }
            if let Err(error) = MemberRow::decode(&seal(body)) {
                prop_assert_eq!(error.code(), ErrorCode::Corrupt);
            }
        }
    }
}
