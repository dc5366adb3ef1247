//! Blocks of a space, against the heads of its segments.

use alloc::format;

use super::space::{SegmentCheck, SpaceCheck};
use crate::codec::measure_entries;
use crate::error::Result;
use crate::id::EntryId;
use crate::kv::Value;
use crate::layout::{Run, block};

/// How many entries of a run have ids above `after` and not above `last`.
pub(super) fn count_between(first_id: EntryId, count: u64, after: EntryId, last: EntryId) -> u64 {
    let upto = |bound: EntryId| match bound.ms.cmp(&first_id.ms) {
        core::cmp::Ordering::Less => 0,
        core::cmp::Ordering::Greater => count,
        core::cmp::Ordering::Equal => (bound.n + 1).saturating_sub(first_id.n).min(count),
    };
    upto(last).saturating_sub(upto(after))
}

impl SpaceCheck {
    pub(super) fn block(&mut self, key: &[u8], row: Result<Value>) {
        let Some((segment, last)) = block::parse(key, &self.name) else {
            self.problems.damage("a key of no known kind", key);
            return;
        };
        let decoded = row.and_then(|row| block::decode(row, last));
        let Some(known) = self.segments.get_mut(segment) else {
            match decoded {
                _ if self.weak => {}
                // Of a segment that began since.
                Ok(decoded) if decoded.runs.iter().all(|run| run.first_id > self.head.last_id) => {
                    let last = decoded.runs.last().map_or(EntryId::ZERO, Run::last_id);
                    self.note_beyond(last, key);
                }
                Ok(_) => self.problems.damage("block: its segment has no head", key),
                Err(error) => self.problems.error(&error, key),
            }
            return;
        };
        let decoded = match decoded {
            Ok(decoded) => decoded,
            Err(_) if self.weak && last > known.head.last_sequence => return,
            Err(error) => {
                self.problems.error(&error, key);
                known.broken = true;
                known.last_sequence = last;
                return;
            }
        };
        if decoded.is_void(&self.head.voids) {
            return;
        }
        let mut beyond = None;
        for run in &decoded.runs {
            if run.first_sequence > known.head.last_sequence {
                if known.broken || self.weak {
                    continue;
                }
                if run.first_id <= self.head.last_id {
                    self.problems.damage("block: it goes beyond the head of its segment", key);
                } else {
                    beyond = Some(run.last_id());
                }
                continue;
            }
            if let Err(error) = measure_entries(run.body.bytes(), run.count) {
                self.problems.error(&error, key);
            }
            if let Some(message) = follow(known, run, self.head.trimmed) {
                self.problems.damage(message, key);
            }
            known.last_sequence = run.last_sequence();
            known.last_id = run.last_id();
            known.trx = run.trx;
            let shown = count_between(run.first_id, run.count, self.head.trimmed, self.head.last_id);
            known.stored += shown;
            self.entries += shown;
        }
        if let Some(last) = beyond {
            self.note_beyond(last, key);
        }
    }

    pub(super) fn end_blocks(&mut self) {
        let bound = self.head.trimmed;
        let differs = |one: &SegmentCheck| {
            let head = &one.head;
            !one.broken
                && head.last_id.max(one.last_id) > bound
                && (one.last_sequence, one.last_id, one.trx) != (head.last_sequence, head.last_id, head.trx)
        };
        for (name, one) in &self.segments {
            if differs(one) {
                let message = format!(
                    "segment head: it stands at sequence {}, its blocks end at {}",
                    one.head.last_sequence, one.last_sequence
                );
                let key = crate::layout::segment::key(&self.name, name);
                self.problems.damage(message, &key);
            }
        }
    }
}

/// What is wrong with a run after what was seen of its segment.
fn follow(known: &SegmentCheck, run: &Run, trimmed: EntryId) -> Option<alloc::string::String> {
    let expected = known.last_sequence + 1;
    if run.first_sequence != expected {
        // What is missing may be trimmed, if everything before it is.
        let collected = run.first_sequence > expected
            && known.last_id <= trimmed
            && known.head.first_id <= trimmed
            && !known.broken;
        if !collected {
            return Some(format!("block: sequence {} is where {expected} is expected", run.first_sequence));
        }
    }
    if run.first_id <= known.last_id {
        return Some(format!("block: id {} is not after {}", run.first_id, known.last_id));
    }
    if run.first_sequence == 1 && !known.broken && run.first_id != known.head.first_id {
        return Some("block: sequence 1 has another id than the head of its segment says".into());
    }
    None
}
