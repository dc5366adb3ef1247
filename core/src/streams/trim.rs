//! Trimming: one checked commit moves the trim bound and the totals. The rows below it are collected
//! afterwards.

use alloc::rc::Rc;

use futures_util::FutureExt;

use super::not_found;
use super::place::{Cut, Goal};
use super::stretch::Stretch;
use crate::error::{Detail, Error, ErrorCode, Result};
use crate::id::{EntryId, check_time};
use crate::kv::Durability;
use crate::layout::space::SpaceHead;
use crate::layout::stream::StreamMeta;
use crate::layout::{Retention, space, successor};
use crate::name::check_name;
use crate::store::{Inner, Store, Tagged};

/// Tries against others that trim the same stream.
const TRIES: u32 = 8;
/// Of them, those of which nobody knows whether they applied. In each the host was asked several times, and waited for.
const MOST_UNCLEAR: u32 = 2;
/// Heads of one step of a sweep.
const SWEEP_ROWS: usize = 1024;
const SWEEP_BYTES: usize = 1 << 20;

/// Which records go: always the oldest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trim {
    /// Those with ids below this one.
    Before(EntryId),
    /// All but so many.
    MaxCount(u64),
    /// Those older than so many milliseconds.
    MaxAge(u64),
    /// All but the newest that have together at most so many bytes.
    MaxBytes(u64),
}

/// What a trim removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trimmed {
    /// Records that went.
    pub trimmed: u64,
    /// The id of the first record left; [`EntryId::ZERO`] when there is none.
    pub first_id: EntryId,
}

impl Trim {
    fn check(self) -> Result {
        let zero = match self {
            Self::Before(id) => (id == EntryId::ZERO).then_some("before: must be above 0-0"),
            Self::MaxCount(count) => (count == 0).then_some("maxCount: must be at least 1"),
            Self::MaxAge(age) => (age == 0).then_some("maxAge: must be at least 1"),
            Self::MaxBytes(bytes) => (bytes == 0).then_some("maxBytes: must be at least 1"),
        };
        zero.map_or(Ok(()), |rule| Err(Error::invalid(rule)))
    }

    fn goal(self, head: &SpaceHead, now: u64) -> Result<Goal> {
        Ok(match self {
            Self::Before(id) => Goal::Before(id),
            Self::MaxAge(age) => Goal::Before(EntryId { ms: check_time(now)?.saturating_sub(age), n: 0 }),
            Self::MaxCount(count) => Goal::Records(head.records.saturating_sub(count)),
            Self::MaxBytes(bytes) => Goal::Bytes(head.bytes.saturating_sub(bytes)),
        })
    }
}

impl Store {
    /// Removes the oldest records of a stream, exact to the record; all at once, and without reading them.
    /// `dry_run`: only says what would go.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for the name and for a bound of zero; `NOT_FOUND` for a space that is no stream;
    /// `CONFLICT` when others kept trimming it; `CORRUPT` when the row of the cut is damaged;
    /// `UNAVAILABLE` when the host fails.
    pub async fn trim_stream(&self, name: &str, trim: Trim, dry_run: bool) -> Result<Trimmed> {
        self.inner.check_open()?;
        check_name("name", name)?;
        trim.check()?;
        let name = Rc::<str>::from(name);
        let _tagged = Tagged::begin(&self.inner, self.tag);
        let durability = self.inner.options.durability;
        let order = Order { trim: Some(trim), dry_run, durability, tag: self.tag };
        self.inner.trim(&name, order, None).boxed_local().await?.ok_or_else(|| not_found(&name))
    }

    /// Applies the retention of the streams after a name, as many as one step looks at, and has what
    /// earlier trims left collected. Gives the name to go on after; `None` at the end.
    ///
    /// # Errors
    /// `UNAVAILABLE` when the host fails. What is wrong with one stream does not keep the others from
    /// their turn.
    pub async fn sweep_streams(&self, after: Option<&str>) -> Result<Option<alloc::string::String>> {
        self.inner.check_open()?;
        let mut range = space::range();
        if let Some(name) = after {
            range.start = successor(space::key(name));
        }
        let (rows, rest) = self.inner.host.rows(range, SWEEP_ROWS, SWEEP_BYTES).await?;
        let mut last = None;
        for (key, row) in rows {
            let Some(name) = space::name(&key) else { continue };
            let shared = Rc::<str>::from(&*name);
            last = Some(name);
            let Ok(head) = SpaceHead::decode(&row) else { continue };
            if head.importing {
                continue;
            }
            if StreamMeta::read(&head).is_ok_and(|meta| !meta.retention.is_none()) {
                match self.inner.retain(&shared, None).boxed_local().await {
                    Err(error) if error.code() == ErrorCode::Closed => return Err(error),
                    _ => {}
                }
            }
            if head.has_uncollected() {
                self.inner.collect_later(&shared);
            }
        }
        Ok(last.filter(|_| rest.is_some()))
    }
}

/// What a trim is to do.
#[derive(Debug, Clone, Copy)]
struct Order {
    /// `None`: as the stream's own retention says.
    trim: Option<Trim>,
    dry_run: bool,
    durability: Durability,
    /// What the call is known by.
    tag: u64,
}

impl Order {
    const RETENTION: Self = Self { trim: None, dry_run: false, durability: Durability::Relaxed, tag: 0 };

    fn trims(self, retention: Retention) -> impl Iterator<Item = Trim> {
        let own = [
            retention.max_age.map(Trim::MaxAge),
            retention.max_count.map(Trim::MaxCount),
            retention.max_bytes.map(Trim::MaxBytes),
        ];
        let all = if self.trim.is_some() { [self.trim, None, None] } else { own };
        all.into_iter().flatten()
    }

    /// Tries of which nobody knows whether they applied. Nobody should wait for a retention that the next append, or
    /// the next sweep, applies as well.
    fn most_unclear(self) -> u32 {
        if self.trim.is_some() { MOST_UNCLEAR } else { 1 }
    }

    /// Whether anybody wants to know which record is the first then.
    fn tells_first(self, retention: Retention) -> bool {
        self.trim.is_some() || retention.max_age.is_some()
    }
}

impl Inner {
    /// Trims to the strictest of the bounds; `None` for a space that is no stream. `seen`: what the first try is
    /// planned from, where the head need not be read: the commit checks it.
    async fn trim(
        self: &Rc<Self>,
        name: &Rc<str>,
        order: Order,
        mut seen: Option<(SpaceHead, StreamMeta)>,
    ) -> Result<Option<Trimmed>> {
        let mut unclear: Option<Error> = None;
        let mut lost = 0;
        // What was trimmed before the first try whose reply was lost.
        let mut before = None;
        let mut met = self.stream_memory().and_then(|memory| memory.borrow_mut().take_stretch(name));
        for attempt in 0..TRIES {
            let found = match seen.take() {
                Some(seen) => Ok(seen),
                None => self.stream_head(name).await,
            };
            let (head, meta) = match found {
                Ok(found) => found,
                Err(error) => return Err(unclear.unwrap_or(error)),
            };
            if !meta.is_stream() {
                return Ok(None);
            }
            match self.trim_once(name, &head, &meta, order, &mut met).await {
                Ok(cut) => {
                    let before = before.unwrap_or(head.trimmed_records);
                    let trimmed = cut.records - before;
                    let mut first_id = EntryId::ZERO;
                    if order.tells_first(meta.retention) {
                        let wrote = !order.dry_run && trimmed > 0;
                        let first = self.first_above(name, cut.bound, &head, met.as_ref()).await;
                        first_id = first.map_err(|error| if wrote { error.after_write() } else { error })?.0;
                    }
                    self.keep_stretch(name, met, if order.dry_run { head.trimmed } else { cut.bound });
                    return Ok(Some(Trimmed { trimmed, first_id }));
                }
                // The bound only goes up, so the same again does no harm.
                Err(error) if error.may_have_applied() => {
                    before.get_or_insert(head.trimmed_records);
                    unclear = Some(error);
                    lost += 1;
                    if lost >= order.most_unclear() {
                        break;
                    }
                }
                // Any other conflict is a commit that has lost all the races it may.
                Err(error) if error.detail("moved").is_some() => {}
                Err(error) => return Err(unclear.unwrap_or(error)),
            }
            self.pause(attempt).await;
        }
        Err(unclear
            .unwrap_or_else(|| Error::new(ErrorCode::Conflict, "trim: others kept trimming the stream")))
    }

    /// Gives where the stream is cut then.
    async fn trim_once(
        self: &Rc<Self>,
        name: &Rc<str>,
        head: &SpaceHead,
        meta: &StreamMeta,
        order: Order,
        met: &mut Option<Stretch>,
    ) -> Result<Cut> {
        let now = self.env.clock.now();
        let mut cut = Cut::of_trimmed(head);
        for trim in order.trims(meta.retention) {
            let one = self.find_cut(name, head, trim.goal(head, now)?, met).await?;
            if one.records > cut.records {
                cut = one;
            }
        }
        if order.dry_run || cut.records == head.trimmed_records {
            return Ok(cut);
        }
        let planned = meta.retention;
        let text = Rc::clone(name);
        let edit = move |head: &mut SpaceHead| {
            // Deleting a stream trims all that was there, the place of the cut too. No cut is beyond the end, whatever a
            // row claims.
            let fits = cut.bound > head.trimmed && cut.bound <= head.last_id && cut.records <= head.records;
            // What is kept may be more by now.
            let wanted = order.trim.is_some() || StreamMeta::of(&text, head)?.retention == planned;
            if !fits || !wanted {
                return Err(Error::new(ErrorCode::Conflict, "trim: the stream was changed meanwhile")
                    .with("moved", Detail::Flag(true)));
            }
            head.trimmed = cut.bound;
            head.trimmed_records = cut.records;
            head.trimmed_bytes = cut.bytes;
            Ok(())
        };
        self.patch_head(name, edit, order.durability, order.tag).await?;
        self.collect_later(name);
        Ok(cut)
    }

    /// Applies a stream's retention, if it has any.
    async fn retain(self: &Rc<Self>, name: &Rc<str>, seen: Option<(SpaceHead, StreamMeta)>) -> Result {
        self.trim(name, Order::RETENTION, seen).await.map(drop)
    }

    /// A stream by the head that this instance knows.
    fn cached_stream(&self, name: &str) -> Option<(SpaceHead, StreamMeta)> {
        let cache = self.cache.borrow();
        let head = &cache.space(name).filter(|known| known.head.pending.is_nil())?.head;
        Some((head.clone(), StreamMeta::read(head).ok()?))
    }

    /// Applies a stream's retention after an append, where what this instance knows says that something
    /// has to go. Appends that end together share the work; what fails is left to the next one.
    pub(crate) async fn retain_after_append(self: &Rc<Self>, name: &Rc<str>) {
        while self.may_exceed(name) {
            let Some(memory) = self.stream_memory() else { return };
            let waits = memory.borrow_mut().begin_retaining(name);
            if let Some(done) = waits {
                let _ = done.await;
                continue;
            }
            let _guard = Retaining { inner: Rc::clone(self), name: Rc::clone(name) };
            let _ = self.retain(name, self.cached_stream(name)).boxed_local().await;
            return;
        }
    }

    /// Whether what this instance knows says that something of a stream has to go.
    pub(super) fn may_exceed(&self, name: &str) -> bool {
        let cache = self.cache.borrow();
        let Some(head) = cache.space(name).map(|known| &known.head) else {
            return true;
        };
        let Ok(meta) = StreamMeta::read(head) else {
            return false;
        };
        let retention = meta.retention;
        let count = head.records - head.trimmed_records;
        let bytes = head.bytes.saturating_sub(head.trimmed_bytes);
        retention.max_count.is_some_and(|most| count > most)
            || retention.max_bytes.is_some_and(|most| bytes > most)
            || retention.max_age.is_some_and(|age| match self.known_first(name, head.trimmed) {
                Some(first) => first.ms < self.env.clock.now().saturating_sub(age),
                None => true,
            })
    }
}

/// Ends an application of a retention, also one whose caller went away.
struct Retaining {
    inner: Rc<Inner>,
    name: Rc<str>,
}

impl Drop for Retaining {
    fn drop(&mut self) {
        if let Some(memory) = self.inner.stream_memory() {
            memory.borrow_mut().end_retaining(&self.name);
        }
    }
}
