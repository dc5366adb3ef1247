//! What belongs to no space: rows without a head, leases, redo records, imports that have not ended.

use alloc::collections::VecDeque;
use alloc::format;
use core::mem;

use super::{MOST_ROWS, PAGE_BYTES, Verifier};
use crate::error::{ErrorCode, Result};
use crate::kv::Atomicity;
use crate::layout::lease::{self, LeaseRow};
use crate::layout::redo::{self, ABANDONED_AFTER, RedoHeader};
use crate::layout::{KeyRange, Scope, block, commit, scope_of, segment, space, successor, trx};
use crate::name::check_name;
use crate::store::Inner;
use crate::store::abandoned::BROKEN_OFF_AFTER;

/// How long an import that may go on is waited for at once, in milliseconds.
const WAIT: u64 = 1000;
/// After so many waits it is taken for broken off, whatever the clock says.
const MOST_WAITS: u64 = BROKEN_OFF_AFTER / WAIT;

impl Verifier {
    /// Looks at the first row of every space in these ranges, and skips the rest of it.
    pub(super) async fn strays(
        &mut self,
        inner: &Inner,
        mut ranges: VecDeque<KeyRange>,
    ) -> Result<Option<VecDeque<KeyRange>>> {
        for _ in 0..MOST_ROWS {
            let Some(range) = ranges.front_mut() else {
                return Ok(None);
            };
            let (keys, _) = inner.host.keys(range.clone(), 1).await?;
            let Some(key) = keys.into_iter().next() else {
                ranges.pop_front();
                continue;
            };
            range.start = successor(key.clone());
            let Scope::Space(name) = scope_of(&key) else {
                self.problems.damage("a key of no known kind", &key);
                continue;
            };
            let of_space = [
                block::range_of_space(&name),
                commit::range_of_space(&name),
                segment::range(&name),
                trx::range_of_space(&name),
            ];
            match of_space.into_iter().find(|one| one.start <= key && key < one.end) {
                Some(one) => range.start = one.end,
                None => {
                    self.problems.damage("a key of no known kind", &key);
                    continue;
                }
            }
            let headless = match inner.host.get_one(space::key(&name)).await {
                // It was told of when the turn of its space came.
                Err(error) if error.code() == ErrorCode::Corrupt => false,
                head => head?.is_none(),
            };
            if headless && inner.host.atomic() != Atomicity::None {
                self.problems.damage("a row of a space that has no head", &key);
            }
        }
        Ok(Some(ranges))
    }

    pub(super) async fn leases(&mut self, inner: &Inner, range: KeyRange) -> Result<Option<KeyRange>> {
        let (rows, rest) = inner.host.rows_or_damage(range, MOST_ROWS, PAGE_BYTES).await?;
        for (key, row) in rows {
            if lease::name(&key).is_none_or(|name| check_name("key", name).is_err()) {
                self.problems.damage("lease: its key is malformed", &key);
            } else if let Err(error) = row.and_then(|row| LeaseRow::decode(&row)) {
                self.problems.error(&error, &key);
            }
        }
        Ok(rest)
    }

    /// Redo records under way are fine; so they are noted now and looked at again at the end.
    pub(super) async fn first_redo(&mut self, inner: &Inner, range: KeyRange) -> Result<Option<KeyRange>> {
        let (rows, rest) = inner.host.rows(range, MOST_ROWS, PAGE_BYTES).await?;
        for (key, row) in rows {
            match redo::parse(&key) {
                Some((id, 0)) => match RedoHeader::decode(&row) {
                    Ok(header) => {
                        self.redo.insert(id, Some(header.nonce));
                    }
                    Err(error) => self.problems.error(&error, &key),
                },
                Some((id, _)) => {
                    self.redo.entry(id).or_insert(None);
                }
                None => self.problems.damage("redo record: its key is malformed", &key),
            }
        }
        Ok(rest)
    }

    pub(super) async fn last_redo(&mut self, inner: &Inner, range: KeyRange) -> Result<Option<KeyRange>> {
        let (rows, rest) = inner.host.rows(range, MOST_ROWS, PAGE_BYTES).await?;
        for (key, row) in rows {
            let Some((id, n)) = redo::parse(&key) else {
                continue;
            };
            let Some(before) = self.redo.get(&id).copied() else {
                continue;
            };
            let now = (n == 0).then(|| RedoHeader::decode(&row).ok()).flatten().map(|header| header.nonce);
            if before == now {
                if !self.is_patient {
                    // As long as whoever meets it waits before it is given up.
                    self.is_patient = true;
                    inner.env.timer.sleep(ABANDONED_AFTER).await;
                    return Ok(Some(redo::range()));
                }
                // One problem a record.
                self.redo.remove(&id);
                self.problems.add(
                    ErrorCode::Conflict,
                    "redo record: a transaction over several spaces was neither finished nor given up",
                    &key,
                );
            }
        }
        Ok(rest)
    }

    /// Reports imports that were broken off, and waits for those that may go on. Whether it is known of all of them.
    pub(super) async fn last_imports(&mut self, inner: &Inner) -> Result<bool> {
        let keys = self.imports.iter().take(MOST_ROWS).map(|(name, _)| space::key(name)).collect();
        let rows = inner.host.get(keys).await?;
        let later = self.imports.split_off(rows.len());
        for ((name, head), row) in mem::replace(&mut self.imports, later).into_iter().zip(rows) {
            if row.is_none_or(|row| row != head.encode()) {
                // It has made a step, or has ended.
                continue;
            }
            if self.waits >= MOST_WAITS || inner.has_stopped(&head) {
                let message =
                    format!("space head: an import into \"{name}\" was broken off; import it again");
                self.problems.add(ErrorCode::Conflict, message, &space::key(&name));
            } else {
                self.imports.push((name, head));
            }
        }
        if !self.imports.is_empty() {
            self.waits += 1;
            inner.env.timer.sleep(WAIT).await;
        }
        Ok(self.imports.is_empty())
    }
}
