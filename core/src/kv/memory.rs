//! A host in memory, which keeps the contract to the letter.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt;
use core::ops::Bound;

use async_trait::async_trait;

use super::{Atomicity, Batch, Bytes, Check, Commit, HostLimits, Kv, ScanPage, ScanRange};
use crate::error::{Error, Result};
use crate::layout::scope_of;

/// A storage in memory. A clone is another instance on the same data.
///
/// What goes beyond its limits is refused, whether or not it would work: what runs here runs on any host that states
/// the same limits.
#[derive(Clone)]
pub struct MemoryKv {
    data: Rc<RefCell<BTreeMap<Bytes, Bytes>>>,
    limits: HostLimits,
}

impl MemoryKv {
    /// An empty storage that can do everything.
    pub fn new() -> Self {
        Self::with_limits(HostLimits::default())
    }

    /// An empty storage with these limits.
    pub fn with_limits(limits: HostLimits) -> Self {
        Self { data: Rc::default(), limits }
    }

    /// Sets the limits of this instance; the data is as before.
    pub fn set_limits(&mut self, limits: HostLimits) {
        self.limits = limits;
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.data.borrow().len()
    }

    /// Whether there are no pairs.
    pub fn is_empty(&self) -> bool {
        self.data.borrow().is_empty()
    }

    /// A copy of all pairs.
    pub fn snapshot(&self) -> BTreeMap<Bytes, Bytes> {
        self.data.borrow().clone()
    }

    /// Puts these pairs in the place of all that is there: a loss of power, a restored backup.
    pub fn restore(&self, pairs: BTreeMap<Bytes, Bytes>) {
        *self.data.borrow_mut() = pairs;
    }

    /// Stores or removes one pair behind everybody's back, whatever the limits: damage.
    pub fn overwrite(&self, key: &[u8], value: Option<Bytes>) {
        let mut data = self.data.borrow_mut();
        match value {
            Some(value) => data.insert(key.to_vec(), value),
            None => data.remove(key),
        };
    }

    fn check_rules(&self, batch: &Batch) -> Result {
        if !self.limits.checks && !batch.checks.is_empty() {
            return Err(Error::invalid("batch: this host honours no checks"));
        }
        let mut written: Vec<&Bytes> =
            batch.deletes.iter().chain(batch.puts.iter().map(|put| &put.key)).collect();
        written.sort_unstable();
        if !written.is_sorted_by(|a, b| a < b) {
            return Err(Error::invalid("batch: no key may be in two operations"));
        }
        let mut keys = batch.rows().map(|(key, _)| key);
        let Some(first) = keys.next() else { return Ok(()) };
        match self.limits.atomic {
            Atomicity::Store => {}
            Atomicity::Space => {
                let scope = scope_of(first);
                if keys.any(|key| scope_of(key) != scope) {
                    return Err(Error::invalid(
                        "batch: one commit of this host covers one space, not several",
                    ));
                }
            }
            Atomicity::None => {
                if keys.any(|key| key != first) {
                    return Err(Error::invalid("batch: one commit of this host covers one row, not several"));
                }
            }
        }
        Ok(())
    }
}

impl Default for MemoryKv {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryKv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryKv").field("len", &self.len()).field("limits", &self.limits).finish()
    }
}

#[async_trait(?Send)]
impl Kv for MemoryKv {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn limits(&self) -> &HostLimits {
        &self.limits
    }

    async fn get(&self, keys: Vec<Bytes>) -> Result<Vec<Option<Bytes>>> {
        let data = self.data.borrow();
        Ok(keys.iter().map(|key| data.get(key).cloned()).collect())
    }

    async fn scan(&self, range: ScanRange) -> Result<ScanPage> {
        if range.limit == 0 {
            return Err(Error::invalid("limit: must be at least 1"));
        }
        // BTreeMap panics on a range that ends before it starts.
        if range.start >= range.end {
            return Ok(ScanPage::default());
        }
        let data = self.data.borrow();
        let bounds = (Bound::Included(&*range.start), Bound::Excluded(&*range.end));
        let pairs = data.range::<[u8], _>(bounds);
        Ok(if range.reverse { page(pairs.rev(), &range) } else { page(pairs, &range) })
    }

    async fn commit(&self, batch: Batch) -> Result<Commit> {
        self.limits.check_batch(&batch)?;
        self.check_rules(&batch)?;
        let mut data = self.data.borrow_mut();
        for (index, Check { key, value }) in batch.checks.iter().enumerate() {
            let current = data.get(key);
            if current != value.as_ref() {
                return Ok(Commit::Refused { check: index, current: current.cloned() });
            }
        }
        for key in &batch.deletes {
            data.remove(key);
        }
        for put in batch.puts {
            data.insert(put.key, put.value);
        }
        Ok(Commit::Applied)
    }
}

fn page<'a>(pairs: impl Iterator<Item = (&'a Bytes, &'a Bytes)>, range: &ScanRange) -> ScanPage {
    let mut found = ScanPage::default();
    let mut bytes = 0_usize;
    for (key, value) in pairs {
        // Keys alone count for nothing: only the limit ends such a page.
        let full = !range.keys_only && !found.pairs.is_empty() && bytes >= range.max_bytes;
        if full || found.pairs.len() >= range.limit {
            found.more = true;
            break;
        }
        let value = if range.keys_only { Bytes::new() } else { value.clone() };
        bytes = bytes.saturating_add(value.len());
        found.pairs.push((key.clone(), value.into()));
    }
    found
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use futures::executor::block_on;
    use proptest::prelude::*;

    use super::*;
    use crate::error::{Detail, ErrorCode};
    use crate::kv::Put;

    fn put(key: &[u8], value: &[u8]) -> Put {
        Put { key: key.to_vec(), value: value.to_vec() }
    }

    fn puts(pairs: &[(&[u8], &[u8])]) -> Batch {
        Batch { puts: pairs.iter().map(|(key, value)| put(key, value)).collect(), ..Batch::default() }
    }

    fn check(key: &[u8], value: Option<&[u8]>) -> Check {
        Check { key: key.to_vec(), value: value.map(<[u8]>::to_vec) }
    }

    fn refused(kv: &MemoryKv, batch: Batch) -> Error {
        let before = kv.snapshot();
        let error = block_on(kv.commit(batch)).unwrap_err();
        assert_eq!(kv.snapshot(), before);
        error
    }

    #[test]
    fn a_failed_check_is_an_answer_and_leaves_nothing() {
        let kv = MemoryKv::new();
        assert_eq!(block_on(kv.commit(puts(&[(b"a", b"1")]))).unwrap(), Commit::Applied);
        let mut batch = puts(&[(b"a", b"2"), (b"b", b"2")]);
        batch.checks = vec![check(b"b", None), check(b"a", None)];
        let answer = block_on(kv.commit(batch.clone())).unwrap();
        assert_eq!(answer, Commit::Refused { check: 1, current: Some(b"1".to_vec()) });
        assert_eq!(kv.len(), 1);
        batch.checks[1].value = Some(b"1".to_vec());
        assert_eq!(block_on(kv.commit(batch.clone())).unwrap(), Commit::Applied);
        batch.checks[0].value = Some(b"".to_vec());
        batch.checks.remove(1);
        assert_eq!(
            block_on(kv.commit(batch)).unwrap(),
            Commit::Refused { check: 0, current: Some(b"2".to_vec()) }
        );
    }

    #[test]
    fn a_clone_is_another_instance_on_the_same_data() {
        let kv = MemoryKv::new();
        let other = kv.clone();
        block_on(kv.commit(puts(&[(b"a", b"1")]))).unwrap();
        assert_eq!(
            block_on(other.get(vec![b"b".to_vec(), b"a".to_vec()])).unwrap(),
            [None, Some(b"1".to_vec())]
        );
        other.overwrite(b"a", Some(b"2".to_vec()));
        other.overwrite(b"b", None);
        assert_eq!(kv.snapshot(), BTreeMap::from([(b"a".to_vec(), b"2".to_vec())]));
        kv.restore(BTreeMap::new());
        assert!(other.is_empty());
    }

    #[test]
    fn limits_are_kept_to_the_byte() {
        let kv = MemoryKv::with_limits(HostLimits {
            max_key_bytes: 2,
            max_value_bytes: 4,
            max_batch_ops: 2,
            max_batch_bytes: 8,
            ..HostLimits::default()
        });
        block_on(kv.commit(puts(&[(b"aa", b"1234"), (b"b", b"1")]))).unwrap();
        let cases = [
            (puts(&[(b"aaa", b"")]), "key bytes", 2, 3),
            (puts(&[(b"a", b"12345")]), "value bytes", 4, 5),
            (puts(&[(b"a", b""), (b"b", b""), (b"c", b"")]), "batch operations", 2, 3),
            (puts(&[(b"aa", b"1234"), (b"b", b"12")]), "batch bytes", 8, 9),
            (Batch { checks: vec![check(b"a", Some(b"12345"))], ..Batch::default() }, "value bytes", 4, 5),
            (Batch { deletes: vec![b"abc".to_vec()], ..Batch::default() }, "key bytes", 2, 3),
        ];
        for (batch, what, limit, actual) in cases {
            let error = refused(&kv, batch);
            assert_eq!(error.code(), ErrorCode::LimitExceeded);
            assert_eq!(error.detail("what"), Some(&Detail::Text(what.into())));
            assert_eq!(error.detail("limit"), Some(&Detail::Number(limit)));
            assert_eq!(error.detail("actual"), Some(&Detail::Number(actual)));
        }
    }

    #[test]
    fn no_key_is_in_two_operations() {
        let kv = MemoryKv::new();
        let twice = puts(&[(b"a", b"1"), (b"b", b"1"), (b"a", b"1")]);
        assert_eq!(refused(&kv, twice).code(), ErrorCode::InvalidArgument);
        let mut batch = puts(&[(b"a", b"1")]);
        batch.deletes.push(b"a".to_vec());
        assert_eq!(refused(&kv, batch).code(), ErrorCode::InvalidArgument);
        let batch = Batch { deletes: vec![b"a".to_vec(); 2], ..Batch::default() };
        assert_eq!(refused(&kv, batch).code(), ErrorCode::InvalidArgument);
        let mut batch = puts(&[(b"a", b"1")]);
        batch.checks.push(check(b"a", None));
        assert_eq!(block_on(kv.commit(batch)).unwrap(), Commit::Applied);
    }

    #[test]
    fn a_commit_stays_in_its_scope() {
        let limits = HostLimits { atomic: Atomicity::Space, ..HostLimits::default() };
        let mut kv = MemoryKv::with_limits(limits.clone());
        let (a1, a2, b1): (&[u8], &[u8], &[u8]) = (b"INV\0SPACES\0a", b"TRX\0a\0s\0t", b"INV\0SPACES\0b");
        assert!(refused(&kv, puts(&[(a1, b""), (b1, b"")])).message().contains("one space"));
        let mut batch = puts(&[(a1, b""), (a2, b"")]);
        block_on(kv.commit(batch.clone())).unwrap();
        batch.checks.push(check(b1, None));
        assert_eq!(refused(&kv, batch).code(), ErrorCode::InvalidArgument);

        kv.set_limits(HostLimits { atomic: Atomicity::None, ..limits });
        assert!(refused(&kv, puts(&[(a1, b""), (a2, b"")])).message().contains("one row"));
        let mut batch = puts(&[(a1, b"")]);
        block_on(kv.commit(batch.clone())).unwrap();
        batch.checks.push(check(a1, Some(b"")));
        block_on(kv.commit(batch.clone())).unwrap();
        kv.set_limits(HostLimits { checks: false, ..HostLimits::default() });
        assert!(refused(&kv, batch).message().contains("no checks"));
        block_on(kv.commit(Batch::default())).unwrap();
    }

    proptest! {
        #[test]
        fn scans_agree_with_a_filter(
            keys in proptest::collection::btree_set(proptest::collection::vec(0_u8..4, 0..3), 0..12),
            start in proptest::collection::vec(0_u8..4, 0..3), end in proptest::collection::vec(0_u8..5, 0..3),
            reverse: bool, limit in 1_usize..8, max_bytes in 0_usize..20, keys_only: bool,
        ) {
            let kv = MemoryKv::new();
            for key in &keys {
                kv.overwrite(key, Some(vec![7; key.len() * 2]));
            }
            let range = ScanRange { start: start.clone(), end: end.clone(), reverse, limit, max_bytes, keys_only };
            let found = block_on(kv.scan(range)).unwrap();
            let mut all: Vec<Bytes> = keys.into_iter().filter(|key| *key >= start && *key < end).collect();
            if reverse {
                all.reverse();
            }
            let mut expected = Vec::new();
            let mut bytes = 0;
            for key in &all {
                if expected.len() == limit || (!expected.is_empty() && bytes >= max_bytes && !keys_only) {
                    break;
                }
                bytes += key.len() * 2;
                let value = if keys_only { vec![] } else { vec![7; key.len() * 2] };
                expected.push((key.clone(), value.into()));
            }
            prop_assert_eq!(found.more, expected.len() < all.len());
            prop_assert_eq!(found.pairs, expected);
        }
    }

    #[test]
    fn a_scan_of_nothing_is_an_error() {
        let range = ScanRange {
            start: vec![],
            end: vec![1],
            reverse: false,
            limit: 0,
            max_bytes: 1,
            keys_only: false,
        };
        assert_eq!(block_on(MemoryKv::default().scan(range)).unwrap_err().code(), ErrorCode::InvalidArgument);
    }
}
