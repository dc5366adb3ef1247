//! One space: its segment heads, then its blocks, its commit rows and the rows of callers' TRX.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use super::chain::Chain;
use super::{MOST_ROWS, PAGE_BYTES, Problems};
use crate::codec::Trx;
use crate::error::{Error, ErrorCode, Result};
use crate::id::EntryId;
use crate::kv::{Atomicity, Bytes, Value};
use crate::layout::block::Block;
use crate::layout::segment::SegmentHead;
use crate::layout::space::SpaceHead;
use crate::layout::stream::StreamMeta;
use crate::layout::{KeyRange, block, commit, segment, space, trx};
use crate::name::check_name;
use crate::store::Inner;

/// Blocks are kept for the commit rows up to so many bytes.
const KEPT_BYTES: usize = 8 << 20;
const MOST_BLOCKS: usize = 64;

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SpaceStep {
    /// There is more to look at.
    More,
    /// It is looked at.
    Ended,
    /// There are problems, but rows were merged or collected meanwhile.
    Changed,
}

/// A segment, by its head as it was read before its blocks.
#[derive(Debug)]
pub(super) struct SegmentCheck {
    pub(super) head: SegmentHead,
    /// The last entry that was in a block.
    pub(super) last_sequence: u64,
    pub(super) last_id: EntryId,
    pub(super) trx: Trx,
    /// Entries in blocks, of those that the space's head shows.
    pub(super) stored: u64,
    /// Entries in commit rows, of those.
    pub(super) named: u64,
    /// A block is damaged: what is missing is not reported once more.
    pub(super) broken: bool,
}

#[derive(Debug)]
enum Stage {
    Heads(KeyRange),
    Blocks(KeyRange),
    Commits(KeyRange),
    Trx(KeyRange),
    End,
}

/// One look at a space.
#[derive(Debug)]
pub(super) struct SpaceCheck {
    pub(super) name: Rc<str>,
    pub(super) head: SpaceHead,
    stage: Stage,
    pub(super) weak: bool,
    pub(super) segments: BTreeMap<Rc<str>, SegmentCheck>,
    pub(super) entries: u64,
    pub(super) problems: Problems,
    pub(super) chain: Chain,
    /// The last row beyond what the head showed, in case it never comes to show it.
    beyond: Option<(EntryId, Bytes)>,
    kept: BTreeMap<Rc<str>, VecDeque<Rc<Block>>>,
    kept_bytes: usize,
}

impl SpaceCheck {
    pub(super) async fn begin(inner: &Inner, name: Rc<str>) -> Result<Self> {
        let key = space::key(&name);
        let mut problems = Problems::default();
        let mut stage = Stage::Heads(segment::range(&name));
        let row = match inner.host.get_one(key.clone()).await {
            Err(error) if error.code() == ErrorCode::Corrupt => Some(Err(error)),
            row => row?.map(|row| SpaceHead::decode(&row)),
        };
        let head = match row {
            Some(Ok(head)) => head,
            unreadable => {
                // Without a head nothing tells what should be there.
                if let Some(Err(error)) = unreadable {
                    problems.error(&error, &key);
                } else {
                    problems.damage("space head: it is gone", &key);
                }
                stage = Stage::End;
                SpaceHead::EMPTY
            }
        };
        if !head.importing
            && let Err(error) = StreamMeta::check(&head.metadata)
        {
            problems.error(&error, &key);
        }
        if head.deleted && head.trimmed != head.last_id {
            problems.damage("space head: it is deleted, and not all of it is trimmed", &key);
        }
        Ok(Self {
            name,
            head,
            stage,
            weak: inner.host.atomic() == Atomicity::None,
            segments: BTreeMap::new(),
            entries: 0,
            problems,
            chain: Chain::default(),
            beyond: None,
            kept: BTreeMap::new(),
            kept_bytes: 0,
        })
    }

    pub(super) fn name(&self) -> Rc<str> {
        Rc::clone(&self.name)
    }

    pub(super) fn entries(&self) -> u64 {
        self.entries
    }

    pub(super) fn segments(&self) -> u64 {
        let shown = |one: &&SegmentCheck| one.head.first_id <= self.head.last_id;
        self.segments.values().filter(shown).count() as u64
    }

    /// Whether anything was ever written to it.
    pub(super) fn exists(&self) -> bool {
        self.head.last_id > EntryId::ZERO || !self.head.metadata.is_empty()
    }

    pub(super) fn importing(&self) -> Option<SpaceHead> {
        self.head.importing.then(|| self.head.clone())
    }

    pub(super) fn into_problems(self) -> Problems {
        self.problems
    }

    pub(super) async fn step(&mut self, inner: &Rc<Inner>) -> Result<SpaceStep> {
        match &self.stage {
            Stage::Heads(range) => {
                let (rows, rest) = inner.host.rows_or_damage(range.clone(), MOST_ROWS, PAGE_BYTES).await?;
                for (key, row) in rows {
                    self.segment_head(&key, row);
                }
                self.stage = match rest {
                    Some(rest) => Stage::Heads(rest),
                    None => {
                        self.carried_heads();
                        Stage::Blocks(block::range_of_space(&self.name))
                    }
                };
            }
            Stage::Blocks(range) => {
                let (rows, rest) = inner.host.rows_or_damage(range.clone(), MOST_ROWS, PAGE_BYTES).await?;
                for (key, row) in rows {
                    self.block(&key, row);
                }
                self.stage = match rest {
                    Some(rest) => Stage::Blocks(rest),
                    None => {
                        self.end_blocks();
                        Stage::Commits(commit::range_of_space(&self.name))
                    }
                };
            }
            Stage::Commits(range) => {
                let (rows, rest) = inner.host.rows_or_damage(range.clone(), MOST_ROWS, PAGE_BYTES).await?;
                for (key, row) in rows {
                    self.commit_row(inner, &key, row).await?;
                }
                self.stage = match rest {
                    Some(rest) => Stage::Commits(rest),
                    None => {
                        self.end_commits();
                        self.forget_blocks();
                        Stage::Trx(trx::range_of_space(&self.name))
                    }
                };
            }
            Stage::Trx(range) => {
                let (rows, rest) = inner.host.rows_or_damage(range.clone(), MOST_ROWS, PAGE_BYTES).await?;
                for (key, row) in rows {
                    self.trx_row(inner, &key, row).await?;
                }
                self.stage = rest.map_or(Stage::End, Stage::Trx);
            }
            Stage::End => return self.end(inner).await,
        }
        Ok(SpaceStep::More)
    }

    /// Notes a row beyond what the head showed: the head tells in the end whether it was committed since.
    pub(super) fn note_beyond(&mut self, last: EntryId, key: &[u8]) {
        if self.beyond.as_ref().is_none_or(|(id, _)| *id < last) {
            self.beyond = Some((last, key.to_vec()));
        }
    }

    /// Problems are believed only if nothing was merged or collected while they were found.
    async fn end(&mut self, inner: &Inner) -> Result<SpaceStep> {
        if self.head == SpaceHead::EMPTY {
            return Ok(SpaceStep::Ended);
        }
        let row = inner.host.get_one(space::key(&self.name)).await?;
        let Some(Ok(now)) = row.as_deref().map(SpaceHead::decode) else {
            return Ok(SpaceStep::Changed);
        };
        if let Some((id, key)) = self.beyond.take()
            && id > now.last_id
            && !self.weak
        {
            self.problems.damage("a row beyond the last id of its space", &key);
        }
        let same = (now.layout, now.trimmed) == (self.head.layout, self.head.trimmed);
        if same || self.problems.is_empty() { Ok(SpaceStep::Ended) } else { Ok(SpaceStep::Changed) }
    }

    fn segment_head(&mut self, key: &[u8], row: Result<Value>) {
        let name = segment::name(key, &self.name).filter(|name| check_name("segment", name).is_ok());
        let Some(name) = name else {
            self.problems.damage("segment head: its key is malformed", key);
            return;
        };
        match row.and_then(|row| SegmentHead::decode(&row)) {
            Ok(head) => self.know(name, head),
            Err(error) => {
                self.problems.error(&error, key);
                // Its blocks are not foreign because of that.
                self.know(name.clone(), SegmentHead::EMPTY);
                if let Some(known) = self.segments.get_mut(&*name) {
                    known.broken = true;
                }
            }
        }
    }

    /// The space's head carries the newest state of the segments that the last commit touched.
    fn carried_heads(&mut self) {
        for (name, head) in core::mem::take(&mut self.head.carried) {
            let newer =
                self.segments.get(&*name).is_none_or(|known| known.head.last_sequence < head.last_sequence);
            if newer {
                self.know(name, head);
            }
        }
    }

    fn know(&mut self, name: String, head: SegmentHead) {
        let check = SegmentCheck {
            head,
            last_sequence: 0,
            last_id: EntryId::ZERO,
            trx: Trx::NIL,
            stored: 0,
            named: 0,
            broken: false,
        };
        self.segments.insert(Rc::from(name), check);
    }

    /// The block that holds a sequence; `None` when there is none, or it is damaged. Commit rows name
    /// the entries of a segment in order, so blocks are read ahead and dropped once passed.
    pub(super) async fn find_block(
        &mut self,
        inner: &Inner,
        segment: &Rc<str>,
        sequence: u64,
    ) -> Result<Option<Rc<Block>>> {
        if let Some(kept) = self.kept.get_mut(segment) {
            while kept.front().is_some_and(|front| front.last_sequence < sequence) {
                if let Some(passed) = kept.pop_front() {
                    self.kept_bytes = self.kept_bytes.saturating_sub(passed.body_len());
                }
            }
            if let Some(front) = kept.front()
                && front.first_sequence <= sequence
            {
                return Ok(Some(Rc::clone(front)));
            }
        }
        if self.kept_bytes > KEPT_BYTES {
            self.forget_blocks();
        }
        if let Some(old) = self.kept.remove(segment) {
            let bytes: usize = old.iter().map(|one| one.body_len()).sum();
            self.kept_bytes = self.kept_bytes.saturating_sub(bytes);
        }
        let range = block::range(&self.name, segment, sequence);
        let max_bytes = (KEPT_BYTES / self.segments.len().max(1)).min(PAGE_BYTES);
        let (rows, _) = inner.host.rows_or_damage(range, MOST_BLOCKS, max_bytes).await?;
        let mut found = VecDeque::new();
        for (key, row) in rows {
            let decoded = block::last_sequence(&key, &self.name, segment)
                .ok_or_else(|| Error::corrupt("block: its key is malformed"))
                .and_then(|last| block::decode(row?, last));
            let Ok(decoded) = decoded else { break };
            if decoded.is_void(&self.head.voids) {
                continue;
            }
            self.kept_bytes += decoded.body_len();
            found.push_back(Rc::new(decoded));
        }
        let first = found.front().filter(|front| front.first_sequence <= sequence).map(Rc::clone);
        self.kept.insert(Rc::clone(segment), found);
        Ok(first)
    }

    fn forget_blocks(&mut self) {
        self.kept.clear();
        self.kept_bytes = 0;
    }

    /// Compares what blocks and commit rows hold of each segment.
    pub(super) fn compare_counts(&mut self) {
        let mut stored = 0;
        let mut broken = false;
        let mut found: Vec<(Bytes, String)> = Vec::new();
        for (name, one) in &self.segments {
            stored += one.stored;
            broken |= one.broken;
            if !one.broken && !self.chain.is_broken && one.stored != one.named {
                let message = format!(
                    "segment head: commit rows name {} of its entries, blocks hold {}",
                    one.named, one.stored
                );
                found.push((segment::key(&self.name, name), message));
            }
        }
        for (key, message) in found {
            self.problems.damage(message, &key);
        }
        // Sequences begin with 1 and have no gaps, so the heads tell how many entries there ever were: no fewer than the
        // space counts, also where all of a segment is trimmed and nothing else is left of it.
        let ever = self.segments.values().fold(0_u64, |sum, one| sum.saturating_add(one.head.last_sequence));
        if !broken && !self.weak && ever < self.head.records {
            let counted = self.head.records;
            let message = format!("space head: it counts {counted} entries ever, its segments' heads {ever}");
            self.problems.damage(message, &space::key(&self.name));
        }
        let records = self.head.records - self.head.trimmed_records;
        if !broken && stored != records {
            let message = format!("space head: it counts {records} entries, blocks hold {stored}");
            self.problems.damage(message, &space::key(&self.name));
        }
    }
}
