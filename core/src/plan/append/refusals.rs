//! What a request is refused for, by the state that the plan would leave.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Known, Planner};
use crate::error::{Detail, Error, ErrorCode, Result};
use crate::id::{EntryId, MAX_INTEGER, check_time};
use crate::layout::space::SpaceHead;
use crate::layout::stream::StreamMeta;
use crate::plan::{LeaseHold, TrimTo, Write, WriteRequest};

impl Planner<'_> {
    pub(super) fn check_lease(&self, hold: &LeaseHold, known: &dyn Known) -> Result<(String, Vec<u8>)> {
        let lost = || {
            Error::new(
                ErrorCode::LeaseLost,
                format!("lease: \"{}\" no longer holds \"{}\"", hold.holder, hold.key),
            )
            .with("key", Detail::Text(hold.key.clone()))
        };
        let (stored, row) = known.lease(&hold.key).ok_or_else(lost)?;
        // By a clock that fails nothing has expired.
        check_time(self.now)?;
        if row.token != hold.token || row.holder != hold.holder || row.expires <= self.now {
            return Err(lost());
        }
        Ok((hold.key.clone(), stored))
    }

    pub(super) fn check_write(&self, request: &WriteRequest, write: &Write, known: &dyn Known) -> Result {
        let head = self.segment(write, known).head;
        let next = head.last_sequence + 1;
        let mismatch = |expected: u64, actual: u64| {
            Error::new(
                ErrorCode::SequenceMismatch,
                format!(
                    "sequence: {expected} was expected, the next one of \"{}\" in \"{}\" is {actual}",
                    write.segment, write.space
                ),
            )
            .with("expected", Detail::Number(expected))
            .with("actual", Detail::Number(actual))
        };
        if let Some(number) = request.trx_number {
            let last = head.trx.number;
            let refuse = |code, what: &str| {
                Err(Error::new(code, format!("trx.number: {number}, but {what} {last}"))
                    .with("expected", Detail::Number(number))
                    .with("actual", Detail::Number(last + 1)))
            };
            if number == last && last > 0 {
                return refuse(ErrorCode::TrxIdMismatch, "another TRX has that number; the last is");
            }
            if number <= last {
                return refuse(ErrorCode::TrxNumberAhead, "the segment is already at");
            }
            if number > last + 1 {
                return refuse(ErrorCode::TrxNumberBehind, "the segment is only at");
            }
        }
        if let Some(expected) = write.expected
            && expected != head.last_sequence
        {
            return Err(mismatch(expected + 1, next));
        }
        for (expected, actual) in write.sequences.iter().flatten().zip(next..) {
            if *expected != 0 && *expected != actual {
                return Err(mismatch(*expected, actual));
            }
        }
        let last = head.last_sequence.saturating_add(write.count);
        if last > MAX_INTEGER {
            return Err(Error::limit("sequence", MAX_INTEGER, last));
        }
        if head.trx.number >= MAX_INTEGER {
            return Err(Error::limit("TRX number", MAX_INTEGER, MAX_INTEGER + 1));
        }
        Ok(())
    }

    /// Ids must stay in range for everything that the request adds to the space.
    pub(super) fn check_ids(&self, write: &Write, count: u64, head: Option<&SpaceHead>) -> Result {
        if head.is_some_and(|head| head.importing) {
            let space = &write.space;
            let message = format!(
                "space: an import into \"{space}\" has not ended; one that was broken off makes way after 30 seconds"
            );
            return Err(Error::new(ErrorCode::Conflict, message).with("importing", Detail::Flag(true)));
        }
        let first = head.map_or(EntryId::ZERO, SpaceHead::floor).next(self.now)?;
        let last = first.n.saturating_add(count);
        if last > MAX_INTEGER {
            return Err(Error::limit("entries in one millisecond", MAX_INTEGER, last));
        }
        Ok(())
    }

    /// The bound must be where it was when the records were seen.
    pub(super) fn check_trim(&self, trim: &TrimTo, known: &dyn Known) -> Result {
        let head = self.head(&trim.space, known);
        if head.is_none_or(|head| head.trimmed != trim.from || head.last_id < trim.upto || head.importing) {
            return Err(attached_conflict());
        }
        Ok(())
    }
}

/// What there ever was in a space must stay in range too: an import may bring any of it along as trimmed.
pub(super) fn check_totals(count: u64, logical: u64, head: Option<&SpaceHead>) -> Result {
    let (records, bytes) = head.map_or((0, 0), |head| (head.records, head.bytes));
    let most = records.saturating_add(count).max(bytes.saturating_add(logical));
    if most > MAX_INTEGER {
        return Err(Error::limit("records or bytes of a space", MAX_INTEGER, most));
    }
    Ok(())
}

/// The stream that the partition was chosen of must still be that one.
pub(super) fn check_stream(write: &Write, head: Option<&SpaceHead>) -> Result {
    let Some(stream) = write.stream() else {
        return Ok(());
    };
    let meta = head.map_or_else(|| Ok(StreamMeta::default()), |head| StreamMeta::of(&write.space, head))?;
    // What was to be made with one partition may have been made by another writer.
    let partitions_fit =
        meta.partitions == stream.partitions || (meta.partitions.max(1), stream.partitions) == (1, 0);
    if meta.epoch == stream.epoch && partitions_fit {
        return Ok(());
    }
    Err(Error::new(
        ErrorCode::Conflict,
        format!("stream: \"{}\" was deleted or created meanwhile", write.space),
    ))
}

/// What a request hears whose attached rows are not what it planned from.
pub(crate) fn attached_conflict() -> Error {
    Error::new(ErrorCode::Conflict, "what the write depends on has changed")
        .with("attached", Detail::Flag(true))
}
