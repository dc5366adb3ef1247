//! Group heads: the state of a consumer group, and what every commit to it checks.
//!
//! ```text
//! key    GRP 00 space 00 group
//! value  0    u8    version
//!        1    u8    mode: 0 shared, 1 exclusive, 2 by key (persisted, keep stable)
//!        2    u64   revision: goes up with every rewrite
//!        10   u64   life: drawn at random when the group is created; its other rows are keyed by it
//!        18   u64   epoch of the stream that the group belongs to
//!        26   [16]  pending transaction, or nil
//!        42   u64   milliseconds at which it was created
//!        50   u64   acknowledgement timeout, milliseconds; 0: never
//!        58   u64   most deliveries; 0: any number
//!        66   u64   consumer timeout, milliseconds
//!        74   u64   most standbys and one; 0: any number
//!        82   u64   slots
//!        90   u64   milliseconds of the cursor: every record up to it was delivered or set aside
//!        98   u64   n of the cursor
//!        106  u64   milliseconds of the latest record delivered
//!        114  u64   n of the latest record delivered
//!        122  u64   records pending
//!        130  u64   records that were pending when they were trimmed
//!        138  u64   records set aside for the consumer of their key
//!        146  u64   consumers that have joined and not left
//!        154  u64   the last session given out
//!        162  u64   the session that holds an exclusive group; 0: none
//!        170  u64   generation: goes up whenever a consumer joins or leaves
//!        178  u8    length of the dead-letter stream's name, then the name
//!             u8    nonces, then the nonces of the latest rewrites, the newest first
//!             u32   CRC-32C of what precedes
//! ```
//!
//! All other rows of a group are keyed by its life, so that removing the head removes the group, and a
//! group that is created again never meets what an earlier one left.

use alloc::string::String;
use alloc::vec::Vec;

use uuid::Uuid;

use super::VERSION;
use super::envelope::{seal, unseal};
use super::key::{self, KeyRange};
use crate::codec::{Reader, length8};
use crate::error::{Error, Result};
use crate::id::EntryId;
use crate::lexkey::{KeyReader, KeyWriter};

/// Most slots of a group.
pub(crate) const MOST_SLOTS: u64 = 4096;
/// So many of the latest rewrites are known by their nonces.
pub(crate) const NONCES: usize = 16;

pub(crate) fn key(space: &str, group: &str) -> Vec<u8> {
    key::begin(&["GRP", space, group]).finish()
}

/// All rows of all groups.
pub(crate) fn range() -> KeyRange {
    key::under(key::begin(&["GRP"]))
}

/// All rows of all groups of a space.
pub(crate) fn range_of_space(space: &str) -> KeyRange {
    key::under(key::begin(&["GRP", space]))
}

/// All rows of a group but its head, of every life.
pub(crate) fn range_of_rows(space: &str, group: &str) -> KeyRange {
    key::under(key::begin(&["GRP", space, group]))
}

/// The group's name in the key of any row of a group of this space.
pub(crate) fn name_in<'k>(row_key: &'k [u8], space: &str) -> Option<&'k str> {
    let mut reader = KeyReader::new(row_key);
    reader.literal("GRP").ok()?;
    reader.literal(space).ok()?;
    reader.text().ok()
}

/// The life in the key of a row of this group that is not its head.
pub(crate) fn life_in(row_key: &[u8], space: &str, group: &str) -> Option<u64> {
    let mut reader = KeyReader::new(row_key);
    for word in ["GRP", space, group] {
        reader.literal(word).ok()?;
    }
    reader.u64().ok()
}

/// Space, group and life (0 for a head) in the key of any row of any group, and the word for its kind ("" for a head).
pub(crate) fn parse(row_key: &[u8]) -> Option<(Place<'_>, &str)> {
    let mut reader = KeyReader::new(row_key);
    reader.literal("GRP").ok()?;
    let (space, group) = (reader.text().ok()?, reader.text().ok()?);
    if reader.is_empty() {
        return Some((Place { space, group, life: 0 }, ""));
    }
    let life = reader.u64().ok()?;
    Some((Place { space, group, life }, reader.text().ok()?))
}

/// The beginning of the keys of one kind of row of one life.
pub(super) fn begin(place: &Place<'_>, kind: &str) -> KeyWriter {
    key::begin(&["GRP", place.space, place.group]).u64(place.life).text(kind)
}

/// Reads what follows in the key of such a row.
pub(super) fn read<'k, T>(
    row_key: &'k [u8],
    place: &Place<'_>,
    kind: &str,
    rest: impl FnOnce(&mut KeyReader<'k>) -> Result<T>,
) -> Option<T> {
    key::read(row_key, &["GRP", place.space, place.group], |reader| {
        if reader.u64()? != place.life {
            return Err(Error::corrupt("key: another life of the group"));
        }
        reader.literal(kind)?;
        rest(reader)
    })
}

/// A group of one life.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'p> {
    pub(crate) space: &'p str,
    pub(crate) group: &'p str,
    pub(crate) life: u64,
}

/// How a group shares records among its consumers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GroupMode {
    /// Whoever asks gets the next records.
    #[default]
    Shared,
    /// One consumer gets all; the others stand by.
    Exclusive,
    /// Records of one key go to one consumer.
    KeyShared,
}

/// The state of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GroupHead {
    pub(crate) mode: GroupMode,
    pub(crate) revision: u64,
    pub(crate) life: u64,
    pub(crate) epoch: u64,
    pub(crate) transaction: Uuid,
    pub(crate) created_at: u64,
    pub(crate) ack_timeout: u64,
    pub(crate) max_deliver: u64,
    pub(crate) consumer_timeout: u64,
    pub(crate) max_standbys: Option<u64>,
    pub(crate) slots: u64,
    pub(crate) cursor: EntryId,
    pub(crate) delivered: EntryId,
    pub(crate) pending: u64,
    pub(crate) trimmed_pending: u64,
    pub(crate) skipped: u64,
    pub(crate) members: u64,
    pub(crate) last_session: u64,
    pub(crate) holder: u64,
    pub(crate) generation: u64,
    pub(crate) dead_letters: String,
    /// The nonces of the latest rewrites, the newest first.
    pub(crate) nonces: Vec<u64>,
}

impl GroupHead {
    /// Makes this the next head after the one it was made from.
    pub(crate) fn advance(&mut self, nonce: u64) {
        self.revision = self.revision.wrapping_add(1);
        self.nonces.insert(0, nonce);
        self.nonces.truncate(NONCES);
    }

    /// The same head, waiting for a transaction, or no longer; `None` where the row is none.
    pub(crate) fn with_transaction(row: &[u8], id: Uuid, nonce: u64) -> Result<Vec<u8>> {
        let mut head = Self::decode(row)?;
        head.transaction = id;
        head.advance(nonce);
        Ok(head.encode())
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut row = Vec::with_capacity(320 + self.dead_letters.len());
        row.push(VERSION);
        row.push(match self.mode {
            GroupMode::Shared => 0,
            GroupMode::Exclusive => 1,
            GroupMode::KeyShared => 2,
        });
        for number in [self.revision, self.life, self.epoch] {
            row.extend_from_slice(&number.to_le_bytes());
        }
        row.extend_from_slice(self.transaction.as_bytes());
        for number in [
            self.created_at,
            self.ack_timeout,
            self.max_deliver,
            self.consumer_timeout,
            self.max_standbys.map_or(0, |most| most + 1),
            self.slots,
            self.cursor.ms,
            self.cursor.n,
            self.delivered.ms,
            self.delivered.n,
            self.pending,
            self.trimmed_pending,
            self.skipped,
            self.members,
            self.last_session,
            self.holder,
            self.generation,
        ] {
            row.extend_from_slice(&number.to_le_bytes());
        }
        row.push(length8(self.dead_letters.len()));
        row.extend_from_slice(self.dead_letters.as_bytes());
        row.push(length8(self.nonces.len()));
        for nonce in &self.nonces {
            row.extend_from_slice(&nonce.to_le_bytes());
        }
        seal(row)
    }

    pub(crate) fn decode(row: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(unseal(row, "group head")?);
        reader.version(VERSION, "group head")?;
        let mode = match reader.u8("mode")? {
            0 => GroupMode::Shared,
            1 => GroupMode::Exclusive,
            2 => GroupMode::KeyShared,
            _ => return Err(Error::corrupt("group head: unknown mode")),
        };
        let revision = reader.u64("revision")?;
        let life = reader.u64("life")?;
        let epoch = reader.integer("epoch")?;
        let transaction = Uuid::from_bytes(reader.array16("pending transaction")?);
        let mut numbers = [0_u64; 17];
        for number in &mut numbers {
            *number = reader.integer("number")?;
        }
        let [
            created_at,
            ack_timeout,
            max_deliver,
            consumer_timeout,
            standbys,
            slots,
            cursor_ms,
            cursor_n,
            delivered_ms,
            delivered_n,
            pending,
            trimmed_pending,
            skipped,
            members,
            last_session,
            holder,
            generation,
        ] = numbers;
        let length = usize::from(reader.u8("dead-letter stream length")?);
        let dead_letters = String::from(reader.text(length, "dead-letter stream")?);
        let count = reader.u8("nonces")?;
        let mut nonces = Vec::with_capacity(usize::from(count));
        for _ in 0..count {
            nonces.push(reader.u64("nonce")?);
        }
        reader.end("group head")?;
        if slots == 0
            || slots > MOST_SLOTS
            || consumer_timeout == 0
            || holder > last_session
            || members > last_session
        {
            return Err(Error::corrupt("group head: it contradicts itself"));
        }
        Ok(Self {
            mode,
            revision,
            life,
            epoch,
            transaction,
            created_at,
            ack_timeout,
            max_deliver,
            consumer_timeout,
            max_standbys: standbys.checked_sub(1),
            slots,
            cursor: EntryId::new(cursor_ms, cursor_n),
            delivered: EntryId::new(delivered_ms, delivered_n),
            pending,
            trimmed_pending,
            skipped,
            members,
            last_session,
            holder,
            generation,
            dead_letters,
            nonces,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use proptest::prelude::*;

    pub(crate) fn some_head() -> GroupHead {
        GroupHead {
            mode: GroupMode::Shared,
            revision: 1,
            life: 7,
            epoch: 0,
            transaction: Uuid::nil(),
            created_at: 5,
            ack_timeout: 30_000,
            max_deliver: 10,
            consumer_timeout: 30_000,
            max_standbys: None,
            slots: 256,
            cursor: EntryId::ZERO,
            delivered: EntryId::ZERO,
            pending: 0,
            trimmed_pending: 0,
            skipped: 0,
            members: 0,
            last_session: 0,
            holder: 0,
            generation: 0,
            dead_letters: "s.g.dlq".into(),
            nonces: Vec::new(),
        }
    }

    proptest! {
        #[test]
        fn a_row_comes_back(mode in 0..3, random in any::<[u64; 4]>(), small in any::<[u32; 8]>(), standbys in prop::option::of(0_u64..9), name in "\\PC{1,20}", rewrites in 0_u64..30) {
            let mut head = GroupHead {
                mode: [GroupMode::Shared, GroupMode::Exclusive, GroupMode::KeyShared][mode as usize],
                revision: random[0],
                life: random[1],
                epoch: u64::from(small[0]),
                transaction: Uuid::from_u64_pair(random[2], random[3]),
                max_standbys: standbys,
                slots: u64::from(small[1]) % MOST_SLOTS + 1,
                cursor: EntryId::new(u64::from(small[2]), u64::from(small[3])),
                delivered: EntryId::new(u64::from(small[4]), 0),
                pending: u64::from(small[5]),
                last_session: u64::from(small[6]),
                holder: u64::from(small[6]) / 2,
                dead_letters: name,
                ..some_head()
            };
            for nonce in 0..rewrites {
                head.advance(nonce);
                prop_assert_eq!(head.nonces.first(), Some(&nonce));
                prop_assert_eq!(head.revision, random[0].wrapping_add(nonce + 1));
            }
            prop_assert!(head.nonces.len() <= NONCES);
            prop_assert_eq!(GroupHead::decode(&head.encode()).expect("decodes"), head);
        }

        #[test]
        fn more_slots_than_a_group_may_have_are_damage(slots in MOST_SLOTS + 1..1 << 53) {
            let row = GroupHead { slots, ..some_head() }.encode();
            prop_assert_eq!(GroupHead::decode(&row).expect_err("damaged").code(), ErrorCode::Corrupt);
        }

        #[test]
        fn arbitrary_bytes_with_a_right_checksum_never_panic(mut body in prop::collection::vec(any::<u8>(), 0..400), valid in any::<bool>()) {
            if valid && body.len() > 2 {
                body[0] = VERSION;
                body[1] %= 3;
            }
            if let Err(error) = GroupHead::decode(&seal(body)) {
                prop_assert_eq!(error.code(), ErrorCode::Corrupt);
            }
        }

        #[test]
        fn keys_are_taken_apart(space in "[a-z]{1,4}", group in "[a-z ]{1,4}", life: u64) {
            let place = Place { space: &space, group: &group, life };
            let row = begin(&place, "MEM").text("x").finish();
            prop_assert_eq!(life_in(&row, &space, &group), Some(life));
            prop_assert_eq!(name_in(&row, &space), Some(&*group));
            let head = key(&space, &group);
            prop_assert_eq!(name_in(&head, &space), Some(&*group));
            prop_assert_eq!(life_in(&head, &space, &group), None);
            let range = range_of_rows(&space, &group);
            prop_assert!(range.start <= row && row < range.end);
            prop_assert!(key(&space, &group) < range.start);
        }
    }
}
