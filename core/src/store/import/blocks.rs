//! Entries of an import that are to become blocks, gathered until they fill them.

use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::vec::Vec;

use crate::codec::Trx;
use crate::error::{Error, Result};
use crate::id::EntryId;
use crate::kv::Put;
use crate::layout::{Run, block};
use crate::plan::pack_blocks;
use crate::shared::SharedBytes;
use crate::store::Inner;
use crate::store::packing::Purpose;

/// Entries wait for company up to so many bytes altogether, so that a space of any size imports.
const PENDING_BYTES: usize = 4 << 20;
/// What a run takes in memory besides its entries.
const RUN_COST: usize = 160;

/// What is known of a segment while it is imported.
#[derive(Debug)]
pub(super) struct SegmentImport {
    /// The first entry here; entries before it are trimmed.
    pub(super) first_sequence: u64,
    pub(super) first_id: EntryId,
    pub(super) last_sequence: u64,
    pub(super) last_id: EntryId,
    pub(super) trx: Trx,
    runs: Vec<Run>,
    /// What the runs take in a block.
    encoded: usize,
    /// What they take in memory.
    bytes: usize,
}

/// The segments of a space, and their entries that are not in a block yet.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    segments: BTreeMap<Rc<str>, SegmentImport>,
    bytes: usize,
}

impl Gathering {
    pub(super) fn len(&self) -> usize {
        self.segments.len()
    }

    pub(super) fn get(&self, segment: &str) -> Option<(&Rc<str>, &SegmentImport)> {
        self.segments.get_key_value(segment)
    }

    /// Takes a run in. `gaps`: entries before it may be missing, as they are trimmed.
    pub(super) fn take(
        &mut self,
        inner: &Inner,
        space: &str,
        segment: &str,
        run: &Run,
        gaps: bool,
        blocks: &mut Vec<Put>,
    ) -> Result<Rc<str>> {
        let name = match self.get(segment) {
            Some((name, _)) => Rc::clone(name),
            None => Rc::from(segment),
        };
        let last = self.segments.get(segment).map_or(0, |known| known.last_sequence);
        let follows = run.first_sequence == last + 1;
        let after_gap = gaps && run.first_sequence > last;
        if !follows && !after_gap {
            return Err(Error::corrupt(alloc::format!(
                "import: sequence {} of \"{segment}\" follows {last}",
                run.first_sequence
            )));
        }
        let row_bytes = inner.sizes.merged_bytes;
        let known = self.segments.entry(Rc::clone(&name)).or_insert_with(|| SegmentImport {
            first_sequence: run.first_sequence,
            first_id: run.first_id,
            last_sequence: 0,
            last_id: EntryId::ZERO,
            trx: run.trx,
            runs: Vec::new(),
            encoded: 0,
            bytes: 0,
        });
        if !follows {
            // A block holds neighbours only.
            self.bytes -= known.bytes;
            known.flush(inner, space, &name, 0, blocks)?;
        }
        known.last_sequence = run.last_sequence();
        known.last_id = run.last_id();
        known.trx = run.trx;
        // A copy of its own: a slice would keep the whole frame in memory.
        let own = SharedBytes::from(run.body.bytes().to_vec());
        let length = own.len();
        let cost = length + RUN_COST;
        known.encoded += run.encoded_len();
        known.runs.push(Run { body: own, ..run.clone() });
        known.bytes += cost;
        self.bytes += cost;
        if known.encoded > row_bytes {
            self.bytes -= known.bytes;
            known.flush(inner, space, &name, 1, blocks)?;
            self.bytes += known.bytes;
        }
        Ok(name)
    }

    /// Makes blocks of what has waited longest to be much, until there is room again.
    pub(super) fn relieve(&mut self, inner: &Inner, space: &str, blocks: &mut Vec<Put>) -> Result {
        if self.bytes <= PENDING_BYTES {
            return Ok(());
        }
        let mut sizes: Vec<usize> =
            self.segments.values().map(|known| known.bytes).filter(|bytes| *bytes > 0).collect();
        sizes.sort_unstable();
        // Half of what waits is in segments of at least this size.
        let mut sum = 0;
        let least = sizes.iter().rev().find(|bytes| {
            sum += **bytes;
            sum >= self.bytes / 2
        });
        let least = least.copied().unwrap_or(1);
        self.flush_from(inner, space, least, blocks)
    }

    /// Makes blocks of everything.
    pub(super) fn flush(&mut self, inner: &Inner, space: &str, blocks: &mut Vec<Put>) -> Result {
        self.flush_from(inner, space, 1, blocks)
    }

    fn flush_from(&mut self, inner: &Inner, space: &str, least: usize, blocks: &mut Vec<Put>) -> Result {
        for (name, known) in &mut self.segments {
            if known.bytes >= least {
                self.bytes -= known.bytes;
                known.flush(inner, space, name, 0, blocks)?;
            }
        }
        Ok(())
    }
}

impl SegmentImport {
    /// Makes blocks of what waits, but for the last `keep`, which may not be full.
    fn flush(
        &mut self,
        inner: &Inner,
        space: &str,
        name: &str,
        keep: usize,
        blocks: &mut Vec<Put>,
    ) -> Result {
        let mut packed = pack_blocks(&self.runs, inner.sizes.merged_bytes)?;
        self.runs.clear();
        self.encoded = 0;
        self.bytes = 0;
        if keep > 0
            && let Some(last) = packed.pop()
        {
            self.encoded = last.iter().map(Run::encoded_len).sum();
            self.bytes = last.iter().map(|run| run.body.bytes().len() + RUN_COST).sum();
            self.runs = last;
        }
        for runs in packed {
            let last = runs.last().map_or(0, Run::last_sequence);
            let value = inner.with_packing(Purpose::Storing, |packing| block::encode(&runs, packing))?;
            blocks.push(Put { key: block::key(space, name, last), value });
        }
        Ok(())
    }
}
