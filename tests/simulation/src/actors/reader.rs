//! Readers: one cursor each, at random page sizes, on any instance, carried over crashes.

use std::cell::RefCell;
use std::rc::Rc;

use streamkit_core::{EntryId, Page, SegmentRead, SpaceRead, Store};

use crate::host::is_fault;
use crate::oracle::Found;
use crate::random::Random;
use crate::world::World;

/// How far a reader of a space came, and what it saw.
#[derive(Debug, Default)]
pub struct SpaceCursor {
    /// The space.
    pub space: String,
    /// The last id passed.
    pub after: EntryId,
    /// Everything seen.
    pub seen: Vec<Found>,
    idle: u32,
}

/// How far a reader of a segment came, and what it saw since the power was last lost.
#[derive(Debug, Default)]
pub struct SegmentCursor {
    /// The space.
    pub space: String,
    /// The segment.
    pub segment: String,
    /// The sequence that comes next.
    pub next: u64,
    /// Everything seen.
    pub seen: Vec<Found>,
    /// The oldest entries may be removed before they are seen.
    pub trimmed: bool,
    era: u64,
    idle: u32,
}

/// Pages that neither give anything nor say that there is nothing: more of them in a row are a reader that hangs.
const MOST_IDLE: u32 = 20;

fn page_size(random: &Random) -> (u64, usize) {
    (random.pick(&[1, 2, 3, 7, 50, 1000]), random.pick(&[1, 100, 5000, 1 << 20]))
}

impl SpaceCursor {
    /// At the beginning of a space.
    pub fn new(space: &str) -> Self {
        Self { space: space.into(), ..Self::default() }
    }

    /// What to read next.
    pub fn read(&self, random: &Random) -> SpaceRead {
        let (max_entries, max_bytes) = page_size(random);
        SpaceRead {
            space: self.space.clone(),
            after: self.after,
            min_timestamp: None,
            max_timestamp: None,
            max_entries,
            max_bytes,
        }
    }

    /// Takes in a page.
    ///
    /// # Errors
    /// When it breaks the order.
    pub fn take(&mut self, page: &Page) -> Result<(), String> {
        let start = self.after;
        for entry in page.entries() {
            let found = Found::of(&entry)?;
            if found.id <= self.after {
                return Err(format!("space {}: {found:?} was given after {}", self.space, self.after));
            }
            self.after = found.id;
            self.seen.push(found);
        }
        let next = page.passed();
        if next < self.after {
            return Err(format!("space {}: the page ends at {}, but says {next}", self.space, self.after));
        }
        self.after = next;
        self.idle = if next == start && !page.tail { self.idle + 1 } else { 0 };
        if self.idle > MOST_IDLE {
            return Err(format!("space {}: pages after {next} give nothing, and are no end", self.space));
        }
        Ok(())
    }
}

impl SegmentCursor {
    /// At the beginning of a segment.
    pub fn new(space: &str, segment: &str) -> Self {
        Self { space: space.into(), segment: segment.into(), next: 1, ..Self::default() }
    }

    /// What to read next.
    pub fn read(&self, random: &Random) -> SegmentRead {
        let (max_entries, max_bytes) = page_size(random);
        SegmentRead {
            space: self.space.clone(),
            segment: self.segment.clone(),
            from: self.next,
            max_sequence: None,
            min_timestamp: None,
            max_timestamp: None,
            max_entries,
            max_bytes,
        }
    }

    /// Takes in a page.
    ///
    /// # Errors
    /// When it breaks the order.
    pub fn take(&mut self, page: &Page) -> Result<(), String> {
        let start = self.next;
        for (position, entry) in page.entries().enumerate() {
            let found = Found::of(&entry)?;
            if self.trimmed && position == 0 {
                self.next = self.next.max(found.sequence);
            }
            if found.sequence != self.next || found.segment != self.segment {
                return Err(format!("{}/{}: {found:?} instead of {}", self.space, self.segment, self.next));
            }
            if self.seen.last().is_some_and(|last| last.id >= found.id) {
                return Err(format!("{}/{}: the ids do not go up at {found:?}", self.space, self.segment));
            }
            self.next += 1;
            self.seen.push(found);
        }
        if self.trimmed {
            self.next = self.next.max(page.next_sequence());
        }
        if page.next_sequence() != self.next {
            return Err(format!(
                "{}/{}: the page says {}, not {}",
                self.space,
                self.segment,
                page.next_sequence(),
                self.next
            ));
        }
        self.idle = if self.next == start && !page.tail { self.idle + 1 } else { 0 };
        if self.idle > MOST_IDLE {
            return Err(format!(
                "{}/{}: pages from {start} give nothing, and are no end",
                self.space, self.segment
            ));
        }
        Ok(())
    }
}

/// What was trimmed is not shown any more.
fn shows_nothing_below(page: &Page, cut: Option<EntryId>) -> Result<(), String> {
    let Some(cut) = cut else { return Ok(()) };
    match page.entries().find(|entry| entry.id < cut) {
        Some(entry) => Err(format!("{} was shown after a trim to {cut}", entry.id)),
        None => Ok(()),
    }
}

/// Reads a page; a follower that finds nothing waits, then reads again.
async fn follow_page(store: Store, read: SpaceRead, follow: bool) -> streamkit_core::Result<Page> {
    let epoch = store.epoch();
    let space = read.space.clone();
    let page = store.read_space(read).await?;
    if follow && page.tail && page.is_empty() {
        store.wait(Some(&space), epoch, None, 0).await?;
    }
    Ok(page)
}

/// Reads a space until everything is written and read.
pub async fn space_reader(world: Rc<World>, number: usize, cursor: Rc<RefCell<SpaceCursor>>, follow: bool) {
    let random = world.random.fork(&format!("space reader {number}"));
    loop {
        let index = world.any_instance(&random);
        let read = cursor.borrow().read(&random);
        let space = read.space.clone();
        let (floor, era, written) = (world.oracle.last_id(&space), world.oracle.era(), world.written.get());
        let cut = world.class.limits.consistent.then(|| world.oracle.cut(&space));
        let page = world
            .call(index, &format!("space reader {number}"), |store| follow_page(store, read, follow))
            .await;
        let cut = cut.filter(|_| era == world.oracle.era());
        match page {
            Some(Ok(page)) if era == world.oracle.era() => {
                world.trace.say(|| {
                    let ids: Vec<String> = page.entries().map(|entry| entry.id.to_string()).collect();
                    format!("space reader {number} of {space}: {ids:?} tail {}", page.tail)
                });
                let taken = cursor.borrow_mut().take(&page);
                world.check(taken);
                world.check(shows_nothing_below(&page, cut));
                world.oracle.saw(cursor.borrow().after);
                let behind = page.tail
                    && world.class.limits.consistent
                    && cursor.borrow().after < floor
                    && !world.oracle.is_trimmed(&space);
                if behind {
                    let after = cursor.borrow().after;
                    world.check(Err(format!("space {space} ends at {after}, but {floor} was acknowledged")));
                }
                if page.tail && written {
                    return;
                }
            }
            Some(Err(error)) if !is_fault(&error) => {
                world.check(Err(format!("space reader {number} of {space}: {error}")));
            }
            _ => {}
        }
        if world.problem().is_some() {
            return;
        }
        let pause = if follow { random.below(3) } else { random.below(60) };
        world.executor.sleep(pause + 1).await;
    }
}

/// Reads a segment until everything is written and read. Starts over after a loss of power: sequences that were lost
/// are given out again.
pub async fn segment_reader(world: Rc<World>, number: usize, cursor: Rc<RefCell<SegmentCursor>>) {
    let random = world.random.fork(&format!("segment reader {number}"));
    loop {
        let index = world.any_instance(&random);
        let era = world.oracle.era();
        if cursor.borrow().era != era {
            let mut cursor = cursor.borrow_mut();
            let (space, segment) = (cursor.space.clone(), cursor.segment.clone());
            *cursor = SegmentCursor { era, ..SegmentCursor::new(&space, &segment) };
        }
        let read = cursor.borrow().read(&random);
        let place = format!("{}/{}", read.space, read.segment);
        let cut = world.class.limits.consistent.then(|| world.oracle.cut(&read.space));
        let space = read.space.clone();
        let (floor, written) = (world.oracle.last_sequence(&read.space, &read.segment), world.written.get());
        let page = world
            .call(index, &format!("segment reader {number}"), |store| async move {
                store.read_segment(read).await
            })
            .await;
        match page {
            Some(Ok(page)) if era == world.oracle.era() => {
                world.trace.say(|| {
                    let sequences: Vec<u64> = page.entries().map(|entry| entry.sequence).collect();
                    format!("segment reader {number} of {place}: {sequences:?} tail {}", page.tail)
                });
                let trimmed = world.oracle.is_trimmed(&space);
                cursor.borrow_mut().trimmed = trimmed;
                let taken = cursor.borrow_mut().take(&page);
                world.check(taken);
                world.check(shows_nothing_below(&page, cut));
                let next = cursor.borrow().next;
                if page.tail && world.class.limits.consistent && next <= floor && !trimmed {
                    world.check(Err(format!("{place} ends before {next}, but {floor} was acknowledged")));
                }
                if page.tail && written {
                    return;
                }
            }
            Some(Err(error)) if !is_fault(&error) => {
                world.check(Err(format!("segment reader {number} of {place}: {error}")));
            }
            _ => {}
        }
        if world.problem().is_some() {
            return;
        }
        world.executor.sleep(random.between(1, 80)).await;
    }
}
