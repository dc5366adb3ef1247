//! What callers hand in and get back.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::error::{Error, Result};
use crate::id::{EntryId, MAX_INTEGER, MAX_MS};
use crate::layout::GroupMode;
use crate::layout::group::MOST_SLOTS;
use crate::name::{MAX_NAME_BYTES, check_name};
use crate::store::{Page, PageRun};

/// Most records of one read or listing, and most ids of one call.
pub(super) const MOST_RECORDS: u64 = 1000;

/// Where a new group starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GroupStart {
    /// With the oldest record.
    #[default]
    Beginning,
    /// With what is appended after its creation.
    End,
    /// With this id, if there is one, else the next.
    At(EntryId),
}

/// How a group is created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupOptions {
    /// Default [`GroupMode::Shared`].
    pub mode: GroupMode,
    /// Default [`GroupStart::Beginning`].
    pub start: GroupStart,
    /// A record that is not acknowledged for so many milliseconds is due again; 0: never by time. Default
    /// 30,000.
    pub ack_timeout: u64,
    /// Deliveries before a record goes to the dead-letter stream; 0: any number. Default 10.
    pub max_deliver: u64,
    /// A consumer not heard of for so many milliseconds has left. Default 30,000.
    pub consumer_timeout: u64,
    /// Exclusive groups: how many may stand by. Default any number.
    pub max_standbys: Option<u64>,
    /// Groups by key: how many slots the keys fall into, up to 4,096. Default 256.
    pub slots: u64,
    /// Where dead letters go. Default `<stream>.<group>.dlq`.
    pub dead_letter_stream: Option<String>,
}

impl Default for GroupOptions {
    fn default() -> Self {
        Self {
            mode: GroupMode::Shared,
            start: GroupStart::Beginning,
            ack_timeout: 30_000,
            max_deliver: 10,
            consumer_timeout: 30_000,
            max_standbys: None,
            slots: 256,
            dead_letter_stream: None,
        }
    }
}

impl GroupOptions {
    /// The dead-letter stream's name, once everything is in order.
    pub(super) fn check(&self, stream: &str, group: &str) -> Result<String> {
        if let GroupStart::At(id) = self.start
            && !id.in_bounds()
        {
            return Err(Error::invalid("start: must be an id, with ms below 2^48 and n below 2^53"));
        }
        check_number("ackTimeout", self.ack_timeout, 0, MAX_MS)?;
        check_number("maxDeliver", self.max_deliver, 0, MAX_INTEGER)?;
        check_number("consumerTimeout", self.consumer_timeout, 1, MAX_MS)?;
        check_number("maxStandbys", self.max_standbys.unwrap_or(0), 0, MAX_INTEGER - 1)?;
        check_number("slots", self.slots, 1, MOST_SLOTS)?;
        let name = match &self.dead_letter_stream {
            Some(name) => name.clone(),
            None => {
                let name = usual_dead_letters(stream, group);
                if name.len() > MAX_NAME_BYTES {
                    return Err(Error::invalid(format!(
                        "deadLetterStream: must be given, for the default \"{name}\" has more than {MAX_NAME_BYTES} \
                         bytes of UTF-8"
                    )));
                }
                name
            }
        };
        check_name("deadLetterStream", &name)?;
        if name == stream {
            return Err(Error::invalid("deadLetterStream: must not be the stream itself"));
        }
        Ok(name)
    }
}

/// Where dead letters go unless another stream is named.
pub(super) fn usual_dead_letters(stream: &str, group: &str) -> String {
    format!("{stream}.{group}.dlq")
}

pub(super) fn check_number(name: &str, value: u64, least: u64, most: u64) -> Result {
    if value < least || value > most {
        return Err(Error::invalid(format!("{name}: must be from {least} to {most}")));
    }
    Ok(())
}

/// How to read as a consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupRead {
    /// Most records, 1 to 1,000. Default 10.
    pub limit: u64,
    /// `None`: give what there is. `Some`: where there is nothing, wait so many milliseconds; 0: for ever.
    pub block: Option<u64>,
    /// At most once: what is delivered counts as acknowledged.
    pub no_ack: bool,
}

impl Default for GroupRead {
    fn default() -> Self {
        Self { limit: 10, block: None, no_ack: false }
    }
}

/// How often a record was delivered, and until when it is to be acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// From 1.
    pub delivery_count: u64,
    /// Milliseconds since 1970; `None`: it is not due by time.
    pub deadline: Option<u64>,
}

/// What a read gave.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Deliveries {
    /// The records: those due again first, by (deadline, id), then new ones in id order.
    pub page: Page,
    /// One for each record, in the same order.
    pub marks: Vec<Mark>,
}

impl Deliveries {
    pub(super) fn new(runs: Vec<PageRun>, marks: Vec<Mark>) -> Self {
        Self { page: Page { runs, stream: true, ..Page::default() }, marks }
    }
}

/// What to list of a group's pending records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingRead {
    /// Those of one consumer.
    pub consumer: Option<String>,
    /// Most records, 1 to 1,000. Default 1,000.
    pub limit: u64,
    /// The last id already seen; [`EntryId::ZERO`]: none.
    pub after: EntryId,
}

impl Default for PendingRead {
    fn default() -> Self {
        Self { consumer: None, limit: MOST_RECORDS, after: EntryId::ZERO }
    }
}

/// A record that was delivered and not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PendingRecord {
    /// Its id.
    pub id: EntryId,
    /// Whom it was delivered to.
    pub consumer: String,
    /// How often it was delivered.
    pub delivery_count: u64,
    /// When it was delivered, in milliseconds since 1970.
    pub delivered_at: u64,
    /// When it is due again; `None`: not by time.
    pub deadline: Option<u64>,
}

/// A consumer of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Consumer {
    /// Its name.
    pub name: String,
    /// It has joined, and may be given records: in an exclusive group, it is the one that holds it.
    pub active: bool,
    /// Records that were delivered to it and not acknowledged.
    pub pending: u64,
}

/// What is known of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupInfo {
    /// The stream.
    pub stream: String,
    /// The group.
    pub group: String,
    /// How it shares records.
    pub mode: GroupMode,
    /// Who has joined, or has records pending; in byte order of names.
    pub consumers: Vec<Consumer>,
    /// Records that were delivered and not acknowledged.
    pub pending: u64,
    /// Records that were trimmed from the stream while they were pending, ever.
    pub trimmed_pending: u64,
    /// The highest id ever delivered; [`EntryId::ZERO`]: none.
    pub last_delivered: EntryId,
    /// Records of the stream that were not delivered yet.
    pub lag: u64,
    /// When it was created, in milliseconds since 1970.
    pub created_at: u64,
}
