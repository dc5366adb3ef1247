//! Hosts that differ from one in memory in a few calls.

use std::rc::Rc;

use streamkit_core::{
    Batch, Bytes, Commit, HostLimits, Kv, KvFactory, LocalBoxFuture, MemoryKv, Result, ScanPage, ScanRange,
    async_trait,
};

pub(crate) type Values = Vec<Option<Bytes>>;
/// A call of a host, as a function that is given it.
pub(crate) type Call<H, A, T> = for<'a> fn(&'a H, A) -> LocalBoxFuture<'a, Result<T>>;
pub(crate) type Get = Call<MemoryKv, Vec<Bytes>, Values>;
pub(crate) type Scan = Call<MemoryKv, ScanRange, ScanPage>;
pub(crate) type Apply = Call<MemoryKv, Batch, Commit>;

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

/// The host itself, for what differs to be put in the place of what it does.
pub(crate) fn plain(inner: MemoryKv) -> Altered {
    let limits = inner.limits().clone();
    Altered {
        inner,
        limits,
        get: |kv, keys| kv.get(keys),
        scan: |kv, range| kv.scan(range),
        commit: |kv, batch| kv.commit(batch),
    }
}

/// The host itself.
pub(crate) fn same(inner: MemoryKv) -> Rc<dyn Kv> {
    Rc::new(plain(inner))
}

pub(crate) fn getting(inner: MemoryKv, get: Get) -> Rc<dyn Kv> {
    Rc::new(Altered { get, ..plain(inner) })
}

pub(crate) fn scanning(inner: MemoryKv, scan: Scan) -> Rc<dyn Kv> {
    Rc::new(Altered { scan, ..plain(inner) })
}

pub(crate) fn committing(inner: MemoryKv, commit: Apply) -> Rc<dyn Kv> {
    Rc::new(Altered { commit, ..plain(inner) })
}

/// A host over one in memory that remembers something of its own, which no other instance has.
pub(crate) struct Minding<M> {
    pub(crate) kv: MemoryKv,
    pub(crate) mind: M,
    pub(crate) get: Call<Self, Vec<Bytes>, Values>,
    pub(crate) scan: Call<Self, ScanRange, ScanPage>,
    pub(crate) commit: Call<Self, Batch, Commit>,
}

#[async_trait(?Send)]
impl<M> Kv for Minding<M> {
    fn name(&self) -> &'static str {
        "minding"
    }

    fn limits(&self) -> &HostLimits {
        self.kv.limits()
    }

    async fn get(&self, keys: Vec<Bytes>) -> Result<Vec<Option<Bytes>>> {
        (self.get)(self, keys).await
    }

    async fn scan(&self, range: ScanRange) -> Result<ScanPage> {
        (self.scan)(self, range).await
    }

    async fn commit(&self, batch: Batch) -> Result<Commit> {
        (self.commit)(self, batch).await
    }
}

/// One that makes nothing of what it remembers yet.
pub(crate) fn minding<M>(kv: MemoryKv, mind: M) -> Minding<M> {
    Minding {
        kv,
        mind,
        get: |host, keys| host.kv.get(keys),
        scan: |host, range| host.kv.scan(range),
        commit: |host, batch| host.kv.commit(batch),
    }
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

pub(crate) type Make = fn(MemoryKv) -> Rc<dyn Kv>;

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
        Ok((self.first)(self.data.clone()))
    }

    async fn second(&mut self) -> Result<Option<Rc<dyn Kv>>> {
        Ok(Some((self.second)(self.data.clone())))
    }

    async fn reopen(&mut self) -> Result<Option<Rc<dyn Kv>>> {
        Ok(Some((self.again)(self.data.clone())))
    }
}
