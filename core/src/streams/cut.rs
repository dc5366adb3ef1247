//! Finding where a trim cuts: the id up to which records go, and the totals there. Commit rows carry
//! running totals, so what a trim passes over is never read: the row of the cut is found by halving, and
//! only the run that is cut is looked into. A trim that goes on where the last one ended knows what comes next, or
//! reads some rows ahead.

use alloc::rc::Rc;

use super::place::{Cut, Goal};
use super::stretch::Stretch;
use crate::codec::{EntryViews, measure_entries};
use crate::error::{Error, ErrorCode, Result};
use crate::id::EntryId;
use crate::layout::commit::{self, Item};
use crate::layout::space;
use crate::layout::space::SpaceHead;
use crate::layout::{KeyRange, Run, Voids};
use crate::store::Inner;

/// Rows and bytes that are read at once where trims go on.
const AHEAD: (usize, usize) = (64, 64 << 10);

impl Inner {
    /// The first place at which a goal is reached; the place of the trim bound, if it is reached there
    /// already. `known`: what an earlier search met; this one leaves there what it met itself.
    pub(super) async fn find_cut(
        self: &Rc<Self>,
        name: &Rc<str>,
        head: &SpaceHead,
        goal: Goal,
        known: &mut Option<Stretch>,
    ) -> Result<Cut> {
        let trimmed = Cut::of_trimmed(head);
        let end = Cut::of_end(head);
        if trimmed.reaches(goal) || trimmed.bound >= end.bound {
            return Ok(trimmed);
        }
        if let Goal::Before(id) = goal
            && id > end.bound
        {
            return Ok(end);
        }
        let found = self.cut_between(name, (trimmed, end), goal, &head.voids, known).await;
        if found.as_ref().is_err_and(|error| error.code() == ErrorCode::Corrupt) {
            // Rows that were trimmed meanwhile may be gone.
            if self.fresh_head(name).await?.trimmed > head.trimmed {
                return Err(Error::new(ErrorCode::Conflict, "trim: others trimmed the stream meanwhile"));
            }
            if !self.host.is_consistent() {
                return Err(Error::unavailable("trim: the host does not show all of the stream yet"));
            }
        }
        found
    }

    async fn cut_between(
        &self,
        name: &Rc<str>,
        (trimmed, end): (Cut, Cut),
        goal: Goal,
        voids: &Voids,
        known: &mut Option<Stretch>,
    ) -> Result<Cut> {
        let missing =
            || Error::corrupt("space head: commit rows of its entries are missing").at_key(&space::key(name));
        if let Some(known) = known.as_ref().filter(|known| known.covers(trimmed.bound, goal)) {
            return self.cut_in(name, known, trimmed, goal, voids).await;
        }
        let before = known.take().filter(|known| known.is_at(trimmed.bound));
        let limits = if before.is_some() { AHEAD } else { (1, 1) };
        let low = before.map_or(trimmed, |before| before.end);
        let found = self.row_of(name, (low, end), goal, limits, voids).await?.ok_or_else(missing)?;
        self.cut_in(name, known.insert(found), trimmed, goal, voids).await
    }

    /// The id of the first record above a trim bound, or [`EntryId::ZERO`] when there is none; and whether it comes
    /// right after the bound: else what lay between was trimmed and collected since the head was read.
    pub(super) async fn first_after(
        &self,
        name: &str,
        bound: EntryId,
        head: &SpaceHead,
    ) -> Result<(EntryId, bool)> {
        if bound >= head.last_id {
            return Ok((EntryId::ZERO, true));
        }
        let from = EntryId { ms: bound.ms, n: bound.n + 1 };
        let found = self.row_from(name, from, (1, 1), &head.voids).await?;
        let follows = found.as_ref().is_some_and(|found| found.start.bound <= bound);
        let first = found.and_then(|found| found.first_above(bound));
        Ok((first.unwrap_or(EntryId::ZERO), follows))
    }

    /// The first commit row that ends at or after an id, and what follows it within `(rows, bytes)`.
    async fn row_from(
        &self,
        name: &str,
        from: EntryId,
        limits: (usize, usize),
        voids: &Voids,
    ) -> Result<Option<Stretch>> {
        let all = commit::range_of_space(name);
        let range = KeyRange { start: commit::key(name, from), end: all.end };
        let (rows, _) = self.commit_rows(range, name, limits, voids).await?;
        let mut found: Option<Stretch> = None;
        for (last, (key, value)) in rows {
            let row = commit::decode(value, last).and_then(|row| Stretch::of(row, last));
            match &mut found {
                None => found = Some(row.map_err(|error| error.at_key(&key))?),
                // What is wrong further on is found by whoever comes there.
                Some(found) => match row {
                    Ok(row) if row.start == found.end => found.append(row),
                    _ => break,
                },
            }
        }
        Ok(found)
    }

    /// The row in which a goal is reached that `low` does not reach and `high` does.
    async fn row_of(
        &self,
        name: &str,
        (mut low, mut high): (Cut, Cut),
        goal: Goal,
        mut limits: (usize, usize),
        voids: &Voids,
    ) -> Result<Option<Stretch>> {
        // A trim that goes on where the last one ended finds its row at once.
        let mut probe = EntryId { ms: low.bound.ms, n: low.bound.n + 1 };
        if let Goal::Before(id) = goal {
            probe = probe.max(id);
        }
        let mut by_halves = false;
        loop {
            let Some(found) = self.row_from(name, probe, limits, voids).await? else {
                return Ok(None);
            };
            if found.start.bound >= probe && found.start.bound > low.bound {
                // There is nothing where something must be.
                return Ok(None);
            }
            if matches!(goal, Goal::Before(_)) {
                return Ok(Some(found));
            }
            if !found.end.reaches(goal) {
                low = found.end;
            } else if found.start.bound <= low.bound || !found.start.reaches(goal) {
                return Ok(Some(found));
            } else {
                high = found.start;
            }
            if low.bound >= high.bound {
                return Ok(None);
            }
            probe = if by_halves { halfway(low.bound, high.bound) } else { guess(low, high, goal) };
            by_halves = !by_halves;
            limits = (1, 1);
        }
    }

    async fn cut_in(
        &self,
        name: &Rc<str>,
        found: &Stretch,
        trimmed: Cut,
        goal: Goal,
        voids: &Voids,
    ) -> Result<Cut> {
        let mut at = found.start;
        for item in &found.items {
            if at.reaches(goal) && at.bound >= trimmed.bound {
                return Ok(at);
            }
            let last = item.last_id();
            if last <= trimmed.bound {
                at = at.after(item);
                continue;
            }
            // Within the run that the trim bound cuts, the totals are those of the bound.
            let from = if at.bound < trimmed.bound { trimmed } else { at };
            let whole = at.after(item);
            let before = matches!(goal, Goal::Before(id) if last < id);
            let exactly = matches!(goal, Goal::Records(records) if whole.records == records);
            let undivided = item.count == 1 || !whole.reaches(goal);
            if before || exactly || undivided && !matches!(goal, Goal::Before(_)) {
                at = whole;
                continue;
            }
            return self.cut_in_item(name, item, from, goal, voids).await;
        }
        Ok(at)
    }

    /// Cuts a run after its first entries. `from`: the place before it, or in it.
    async fn cut_in_item(
        &self,
        name: &Rc<str>,
        item: &Item,
        from: Cut,
        goal: Goal,
        voids: &Voids,
    ) -> Result<Cut> {
        let mut at = from;
        let skipped = if at.bound >= item.first_id { at.bound.n - item.first_id.n + 1 } else { 0 };
        // How many entries to pass, where that is known without looking at them.
        let take = match goal {
            Goal::Before(id) if id.ms == item.first_id.ms => {
                Some(id.n.saturating_sub(item.first_id.n + skipped))
            }
            Goal::Before(_) => Some(0),
            Goal::Records(records) => Some(records - at.records),
            Goal::Bytes(_) => None,
        };
        let mut left = take.unwrap_or(u64::MAX);
        let mut sequence = item.first_sequence + skipped;
        let end = item.first_sequence + item.count;
        while sequence < end && left > 0 {
            if take.is_none() && at.reaches(goal) {
                break;
            }
            let part = self.part_of(name, item, sequence, voids).await?;
            let Some(part) = part.slice(0, left)? else {
                break;
            };
            let taken = if take.is_some() {
                at.bytes += measure_entries(part.body.bytes(), part.count)?.logical;
                part.count
            } else {
                bytes_reach(&part, &mut at.bytes, goal)
            };
            at.records += taken;
            at.bound = EntryId { ms: part.first_id.ms, n: part.first_id.n + taken - 1 };
            sequence += taken;
            left -= taken.min(left);
        }
        Ok(at)
    }

    /// The entries of an item from a sequence on, or the first of them.
    async fn part_of(&self, name: &Rc<str>, item: &Item, sequence: u64, voids: &Voids) -> Result<Run> {
        let missing = || {
            Error::corrupt(alloc::format!(
                "commit row: sequence {sequence} of \"{}\" is in no block",
                item.segment
            ))
            .at_key(&space::key(name))
        };
        let end = item.first_sequence + item.count;
        if let Some(run) = &item.inline {
            return run.slice(sequence - item.first_sequence, u64::MAX)?.ok_or_else(missing);
        }
        let found = self.next_block(name, &item.segment, sequence, voids).await?;
        let run = found
            .as_ref()
            .and_then(|found| found.runs.iter().find(|run| run.last_sequence() >= sequence))
            .filter(|run| run.first_sequence <= sequence)
            .ok_or_else(missing)?;
        run.slice(sequence - run.first_sequence, end - sequence)?.ok_or_else(missing)
    }
}

/// How many entries of a run it takes to reach a goal of bytes, at least one; `bytes` goes on by theirs.
fn bytes_reach(run: &Run, bytes: &mut u64, goal: Goal) -> u64 {
    let Goal::Bytes(wanted) = goal else {
        return run.count;
    };
    let mut taken = 0;
    for entry in EntryViews::new(run.body.bytes()) {
        let metadata: usize = entry.metadata().map(|(key, value)| key.len() + value.len()).sum();
        *bytes += (entry.payload().len() + metadata) as u64;
        taken += 1;
        if *bytes >= wanted {
            break;
        }
    }
    taken
}

/// An id above `low` and not above `high`, in the middle.
fn halfway(low: EntryId, high: EntryId) -> EntryId {
    if low.ms == high.ms {
        return EntryId { ms: low.ms, n: low.n + (high.n - low.n).div_ceil(2) };
    }
    let ms = low.ms + (high.ms - low.ms).div_ceil(2);
    EntryId { ms, n: 0 }
}

/// An id above `low` and not above `high`, where a goal lies if everything came evenly.
fn guess(low: Cut, high: Cut, goal: Goal) -> EntryId {
    let (Some((at, wanted)), Some((end, _))) = (low.measure(goal), high.measure(goal)) else {
        return halfway(low.bound, high.bound);
    };
    let share = |span: u64| {
        let (part, whole) = (wanted.saturating_sub(at), end.saturating_sub(at).max(1));
        let share = u128::from(span) * u128::from(part.min(whole)) / u128::from(whole);
        u64::try_from(share).unwrap_or(span)
    };
    if low.bound.ms == high.bound.ms {
        let n = low.bound.n + share(high.bound.n - low.bound.n).max(1);
        return EntryId { ms: low.bound.ms, n };
    }
    let ms = low.bound.ms + share(high.bound.ms - low.bound.ms).max(1);
    EntryId { ms, n: 0 }
}
