//! Ids that will never be committed. A writer of single rows that stops before its space head leaves rows above the
//! head, with ids that the head never came to. Whoever writes next removes them; a reader whose view is old may see
//! them all the same, next to a head that has passed their ids. So the head says of which ids that is true.

use alloc::vec::Vec;

use crate::codec::{Reader, length32};
use crate::error::{Error, Result};
use crate::id::EntryId;

/// Bytes of one range.
const RANGE_BYTES: usize = 32;
/// A head is rewritten with every commit, so the latest failures only: of earlier ones nobody has an old view.
const MOST_RANGES: usize = 64;

/// Ranges of ids, in order: above the first and up to the second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Voids(Vec<(EntryId, EntryId)>);

impl Voids {
    pub(crate) const NONE: Self = Self(Vec::new());

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn contains(&self, id: EntryId) -> bool {
        self.0.iter().any(|(after, upto)| id > *after && id <= *upto)
    }

    /// The last id of all ranges.
    pub(crate) fn end(&self) -> EntryId {
        self.0.last().map_or(EntryId::ZERO, |(_, upto)| *upto)
    }

    /// Adds the ids above `after`, the last one that was committed, up to `upto`.
    pub(crate) fn add(&mut self, after: EntryId, upto: EntryId) {
        match self.0.last_mut() {
            Some(last) if last.0 == after => last.1 = last.1.max(upto),
            _ => self.0.push((after, upto)),
        }
        let surplus = self.0.len().saturating_sub(MOST_RANGES);
        self.0.drain(..surplus);
    }

    /// How long `encode` is.
    pub(crate) fn encoded_len(&self) -> usize {
        if self.is_empty() { 0 } else { 4 + self.0.len() * RANGE_BYTES }
    }

    /// Appends a u32 count, then per range milliseconds and n of both its ids.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&length32(self.0.len()).to_le_bytes());
        for (after, upto) in &self.0 {
            for number in [after.ms, after.n, upto.ms, upto.n] {
                out.extend_from_slice(&number.to_le_bytes());
            }
        }
    }

    /// Reads what `encode` gives of any: where there are none, a head has no place for them.
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self> {
        let count = reader.u32("void ranges")?;
        let mut ranges: Vec<(EntryId, EntryId)> = Vec::new();
        for _ in 0..count {
            let mut id = || -> Result<EntryId> {
                Ok(EntryId { ms: reader.integer("void id")?, n: reader.integer("void id")? })
            };
            let (after, upto) = (id()?, id()?);
            if upto <= after || ranges.last().is_some_and(|(_, before)| after < *before) {
                return Err(Error::corrupt("space head: its void ids do not go up"));
            }
            ranges.push((after, upto));
        }
        if ranges.is_empty() {
            return Err(Error::corrupt("space head: it says that there are void ids, and names none"));
        }
        Ok(Self(ranges))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(ms: u64) -> EntryId {
        EntryId { ms, n: 1 }
    }

    #[test]
    fn a_range_is_what_lies_above_its_first_id_up_to_its_last() {
        let mut voids = Voids::NONE;
        voids.add(id(3), id(5));
        voids.add(id(8), id(9));
        let inside: Vec<u64> = (0..12).filter(|ms| voids.contains(id(*ms))).collect();
        assert_eq!(inside, [4, 5, 9]);
        assert_eq!(voids.end(), id(9));
    }

    #[test]
    fn failures_after_the_same_commit_are_one_range() {
        let mut voids = Voids::NONE;
        voids.add(id(3), id(7));
        voids.add(id(3), id(5));
        assert_eq!(voids, Voids([(id(3), id(7))].to_vec()));
    }

    #[test]
    fn only_the_latest_are_kept() {
        let mut voids = Voids::NONE;
        for ms in 0..100 {
            voids.add(id(2 * ms), id(2 * ms + 1));
        }
        assert_eq!(voids.0.len(), MOST_RANGES);
        assert!(voids.contains(id(199)) && !voids.contains(id(1)));
    }
}
