//! Rows of callers' TRX: each tells of entries that were written by it.

use alloc::rc::Rc;

use super::space::SpaceCheck;
use crate::error::Result;
use crate::kv::Value;
use crate::layout::Run;
use crate::layout::trx::{self, TrxRow};
use crate::store::Inner;

impl SpaceCheck {
    pub(super) async fn trx_row(&mut self, inner: &Inner, key: &[u8], row: Result<Value>) -> Result {
        let Some((segment, id)) = trx::parse(key, &self.name) else {
            self.problems.damage("a key of no known kind", key);
            return Ok(());
        };
        let row = match row.and_then(|row| TrxRow::decode(&row)) {
            Ok(row) => row,
            Err(error) => {
                self.problems.error(&error, key);
                return Ok(());
            }
        };
        if row.first_id > self.head.last_id {
            self.note_beyond(row.last_id(), key);
            return Ok(());
        }
        if row.last_id() <= self.head.trimmed {
            return Ok(());
        }
        let known = self.segments.get_key_value(segment);
        let known = known.map(|(name, known)| (Rc::clone(name), known.broken));
        if let Some((segment, broken)) = known {
            // The first entries may be trimmed while the last one is not.
            let found = self.find_block(inner, &segment, row.last_sequence).await?;
            // A run holds what one TRX wrote, all of it or what one block has room for.
            let is_all = |run: &Run| {
                run.first_sequence >= row.first_sequence && run.last_sequence() == row.last_sequence
            };
            let right = found
                .is_some_and(|found| found.runs.iter().any(|run| run.is_written_by(id, &row) && is_all(run)));
            if right || broken {
                return Ok(());
            }
        }
        if !self.weak {
            self.problems.damage("TRX row: it tells of entries that it did not write", key);
        }
        Ok(())
    }
}
