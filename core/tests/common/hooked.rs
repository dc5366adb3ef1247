//! A host in memory with something in front of it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use streamkit_core::{Batch, Commit, HostLimits, Kv, MemoryKv, Result, ScanPage, ScanRange};

/// A call of the host.
pub(crate) enum HostCall<'c> {
    Get(&'c [Vec<u8>]),
    Scan(&'c ScanRange),
    Commit(&'c Batch),
}

/// What comes before each call of a host; what it refuses the host is not asked.
pub(crate) trait Hook {
    async fn before(&self, call: HostCall<'_>) -> Result;
}

struct Hooked<H> {
    inner: MemoryKv,
    hook: Rc<H>,
}

/// The host behind the hook.
pub(crate) fn hooked(inner: &MemoryKv, hook: &Rc<impl Hook + 'static>) -> Rc<dyn Kv> {
    Rc::new(Hooked { inner: inner.clone(), hook: Rc::clone(hook) })
}

#[async_trait::async_trait(?Send)]
impl<H: Hook> Kv for Hooked<H> {
    fn name(&self) -> &str {
        "hooked"
    }

    fn limits(&self) -> &HostLimits {
        self.inner.limits()
    }

    async fn get(&self, keys: Vec<Vec<u8>>) -> Result<Vec<Option<Vec<u8>>>> {
        self.hook.before(HostCall::Get(&keys)).await?;
        self.inner.get(keys).await
    }

    async fn scan(&self, range: ScanRange) -> Result<ScanPage> {
        self.hook.before(HostCall::Scan(&range)).await?;
        self.inner.scan(range).await
    }

    async fn commit(&self, batch: Batch) -> Result<Commit> {
        self.hook.before(HostCall::Commit(&batch)).await?;
        self.inner.commit(batch).await
    }
}

/// A host whose commits of entries never end.
pub(crate) struct Stuck;

impl Hook for Stuck {
    async fn before(&self, call: HostCall<'_>) -> Result {
        if matches!(call, HostCall::Commit(batch) if batch.puts.len() > 1) {
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

/// What others make of all rows of a host right before its next commit.
pub(crate) struct Meanwhile {
    kv: MemoryKv,
    rows: RefCell<Option<BTreeMap<Vec<u8>, Vec<u8>>>>,
}

impl Meanwhile {
    pub(crate) fn of(kv: &MemoryKv) -> Rc<Self> {
        Rc::new(Self { kv: kv.clone(), rows: RefCell::default() })
    }

    /// Has the rows of another host come in between.
    pub(crate) fn take_in(&self, others: &MemoryKv) {
        *self.rows.borrow_mut() = Some(others.snapshot());
    }

    pub(crate) fn has_come(&self) -> bool {
        self.rows.borrow().is_none()
    }
}

impl Hook for Meanwhile {
    async fn before(&self, call: HostCall<'_>) -> Result {
        if matches!(call, HostCall::Commit(_))
            && let Some(rows) = self.rows.take()
        {
            self.kv.restore(rows);
        }
        Ok(())
    }
}
