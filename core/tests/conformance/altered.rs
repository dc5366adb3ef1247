//! Hosts that differ from one in memory in a few calls.

use std::rc::Rc;

use streamkit_core::{
    Batch, Bytes, Commit, HostLimits, Kv, KvFactory, LocalBoxFuture, MemoryKv, Result, ScanPage, ScanRange,
    async_trait,
};

pub(crate) type Get = for<'a> fn(&'a MemoryKv, Vec<Bytes>) -> LocalBoxFuture<'a, Result<Vec<Option<Bytes>>>>;
pub(crate) type Scan = for<'a> fn(&'a MemoryKv, ScanRange) -> LocalBoxFuture<'a, Result<ScanPage>>;
pub(crate) type Apply = for<'a> fn(&'a MemoryKv, Batch) -> LocalBoxFuture<'a, Result<Commit>>;

/// A host over one in memory.
pub(crate) struct Altered {
    pub(crate) inner: MemoryKv,
    pub(crate) limits: HostLimits,
    pub(crate) get: Get,
    pub(crate) scan: Scan,
    pub(crate) commit: Apply,
}

#[async_trait(?Send)]
impl Kv for Altered {
    fn name(&self) -> &'static str {
        "altered"
    }

    fn limits(&self) -> &HostLimits {
        &self.limits
    }

    async fn get(&self, keys: Vec<Bytes>) -> Result<Vec<Option<Bytes>>> {
        (self.get)(&self.inner, keys).await
    }

    async fn scan(&self, range: ScanRange) -> Result<ScanPage> {
        (self.scan)(&self.inner, range).await
    }

    async fn commit(&self, batch: Batch) -> Result<Commit> {
        (self.commit)(&self.inner, batch).await
    }
}

/// The host itself.
pub(crate) fn same(inner: MemoryKv) -> Altered {
    let limits = inner.limits().clone();
    Altered {
        inner,
        limits,
        get: |kv, keys| kv.get(keys),
        scan: |kv, range| kv.scan(range),
        commit: |kv, batch| kv.commit(batch),
    }
}

pub(crate) fn getting(inner: MemoryKv, get: Get) -> Altered {
    Altered { get, ..same(inner) }
}

pub(crate) fn scanning(inner: MemoryKv, scan: Scan) -> Altered {
    Altered { scan, ..same(inner) }
}

pub(crate) fn committing(inner: MemoryKv, commit: Apply) -> Altered {
    Altered { commit, ..same(inner) }
}

/// Limits that all cases can reach quickly.
pub(crate) fn small() -> HostLimits {
    HostLimits {
        max_key_bytes: 400,
        max_value_bytes: 5000,
        max_batch_ops: 16,
        max_batch_bytes: 16 << 10,
        block_bytes: 4096,
        ..HostLimits::default()
    }
}

pub(crate) type Make = fn(MemoryKv) -> Altered;

/// Makes hosts on data of its own.
pub(crate) struct Factory {
    pub(crate) limits: HostLimits,
    pub(crate) data: MemoryKv,
    pub(crate) first: Make,
    pub(crate) second: Make,
    pub(crate) again: Make,
}

impl Factory {
    pub(crate) fn new(limits: HostLimits, make: Make) -> Self {
        Self { limits, data: MemoryKv::new(), first: make, second: make, again: make }
    }
}

#[async_trait(?Send)]
impl KvFactory for Factory {
    async fn open(&mut self) -> Result<Rc<dyn Kv>> {
        self.data = MemoryKv::with_limits(self.limits.clone());
        Ok(Rc::new((self.first)(self.data.clone())))
    }

    async fn second(&mut self) -> Result<Option<Rc<dyn Kv>>> {
        Ok(Some(Rc::new((self.second)(self.data.clone()))))
    }

    async fn reopen(&mut self) -> Result<Option<Rc<dyn Kv>>> {
        Ok(Some(Rc::new((self.again)(self.data.clone()))))
    }
}
