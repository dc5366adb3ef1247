//! Verifying: everything is read back, in bounded steps, beside readers and writers.
//!
//! Each space is judged by its head as it was when its turn came: entries committed later are left
//! alone, entries trimmed may be there or not. Problems found in a space whose rows were merged or
//! collected meanwhile are not believed; it is looked at again, and so is a group whose rows do not agree.
//! On hosts without atomic commits, rows that no head covers are leftovers of a writer that stopped, and not
//! damage.

mod blocks;
mod chain;
mod commits;
mod group;
mod groups;
mod rest;
mod space;
mod trx;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use uuid::Uuid;

use super::{Inner, Store};
use crate::error::{Error, ErrorCode, Result};
use crate::layout::space as space_row;
use crate::layout::space::SpaceHead;
use crate::layout::{KeyRange, group as group_row, identity, lease, ranges_of_spaces, redo};
use group::GroupCheck;
use space::{SpaceCheck, SpaceStep};

/// Problems that a report holds; one more says that there are others.
const MOST_PROBLEMS: usize = 1000;
/// Most rows of one step.
const MOST_ROWS: usize = 256;
const PAGE_BYTES: usize = 256 << 10;
/// Looks at a space that changes under each of them.
const MOST_LOOKS: u32 = 8;

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// `CORRUPT` for damage; `CONFLICT` for what was left unfinished, or could not be looked at.
    pub code: ErrorCode,
    /// What is wrong.
    pub message: String,
    /// The key of the row, in hex.
    pub key: String,
}

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Entries that were read back.
    pub entries: u64,
    /// Segments that they are in, and those of which everything is trimmed.
    pub segments: u64,
    /// Spaces.
    pub spaces: u64,
    /// What is wrong, at most 1,000 problems and one that says that there are more.
    pub problems: Vec<Problem>,
}

/// Problems, each row's damage once.
#[derive(Debug, Default)]
struct Problems {
    list: Vec<Problem>,
    more: bool,
}

impl Problems {
    fn add(&mut self, code: ErrorCode, message: impl Into<String>, key: &[u8]) {
        let problem = Problem { code, message: message.into(), key: crate::lexkey::to_hex(key) };
        if self.list.contains(&problem) {
            return;
        }
        if self.list.len() < MOST_PROBLEMS {
            self.list.push(problem);
        } else {
            self.more = true;
        }
    }

    fn damage(&mut self, message: impl Into<String>, key: &[u8]) {
        self.add(ErrorCode::Corrupt, message, key);
    }

    fn error(&mut self, error: &Error, key: &[u8]) {
        self.add(error.code(), error.message(), key);
    }

    fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    fn append(&mut self, other: Self) {
        let room = MOST_PROBLEMS - self.list.len();
        self.more |= other.more || other.list.len() > room;
        self.list.extend(other.list.into_iter().take(room));
    }
}

#[derive(Debug)]
enum Stage {
    Identity,
    /// Redo records that are there at the beginning.
    FirstRedo(KeyRange),
    /// How many entries there are, and whether the heads decode.
    Count(KeyRange),
    Spaces(Option<KeyRange>),
    /// Rows of spaces that have no head.
    Strays(VecDeque<KeyRange>),
    Leases(KeyRange),
    Groups(KeyRange),
    /// Redo records and imports that are there still.
    LastRedo(KeyRange),
    LastImports,
    Done,
}

/// A verification under way. Nothing is held on the host between its steps.
#[derive(Debug)]
pub struct Verifier {
    store: Store,
    stage: Stage,
    waiting: VecDeque<Rc<str>>,
    space: Option<SpaceCheck>,
    group: Option<GroupCheck>,
    /// Looks at the space so far.
    looks: u32,
    /// Redo records seen at the beginning, with their nonces where the header was there.
    redo: BTreeMap<Uuid, Option<u64>>,
    /// Whether those that are still there had time to end.
    is_patient: bool,
    /// Spaces that an import was writing to, and their heads then.
    imports: Vec<(Rc<str>, SpaceHead)>,
    /// Pauses that were made to see which of them go on.
    waits: u64,
    report: VerifyReport,
    problems: Problems,
    done: u64,
    total: u64,
    is_counted: bool,
    failed: bool,
}

impl Store {
    /// A verification of everything in the store.
    pub fn verifier(&self) -> Verifier {
        Verifier {
            store: self.clone(),
            stage: Stage::Identity,
            waiting: VecDeque::new(),
            space: None,
            group: None,
            looks: 0,
            redo: BTreeMap::new(),
            is_patient: false,
            imports: Vec::new(),
            waits: 0,
            report: VerifyReport::default(),
            problems: Problems::default(),
            done: 0,
            total: 0,
            is_counted: false,
            failed: false,
        }
    }
}

impl Verifier {
    /// Does a bounded piece of the work; `false` when there is none left. Damage is no error: it is in
    /// the report, and the verification goes on.
    ///
    /// # Errors
    /// `UNAVAILABLE` when the host fails: the verification goes on where it was if it is tried again.
    /// `CLOSED`.
    pub async fn step(&mut self) -> Result<bool> {
        self.store.inner.check_open()?;
        if self.failed {
            // A step that failed half-way may have counted rows that it will read again.
            if let Some(space) = &mut self.space {
                *space = SpaceCheck::begin(&self.store.inner, space.name()).await?;
            }
            if let Stage::Groups(range) = &self.stage {
                self.stage = Stage::Groups(self.groups_again(range.clone()));
            }
        }
        self.failed = true;
        self.advance().await?;
        self.failed = false;
        let is_done = matches!(self.stage, Stage::Done);
        let read = self.report.entries + self.space.as_ref().map_or(0, SpaceCheck::entries);
        // Entries that came after they were counted are read as well, and those of a space that changed are read again.
        self.done = if is_done { self.total } else { self.done.max(read.min(self.total)) };
        Ok(!is_done)
    }

    /// How many entries were passed, of those that there were when they were counted.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// How many entries there are; `None` until they are counted, in the first steps.
    pub fn total(&self) -> Option<u64> {
        self.is_counted.then_some(self.total)
    }

    /// What was found so far.
    pub fn report(&self) -> VerifyReport {
        let mut report = self.report.clone();
        report.problems.clone_from(&self.problems.list);
        if self.problems.more {
            report.problems.push(Problem {
                code: ErrorCode::Corrupt,
                message: "there are more problems than a report holds".into(),
                key: String::new(),
            });
        }
        report
    }

    async fn advance(&mut self) -> Result {
        let inner = Rc::clone(&self.store.inner);
        let next = match &self.stage {
            Stage::Identity => {
                self.identity(&inner).await?;
                Stage::FirstRedo(redo::range())
            }
            Stage::FirstRedo(range) => match self.first_redo(&inner, range.clone()).await? {
                Some(rest) => Stage::FirstRedo(rest),
                None => Stage::Count(space_row::range()),
            },
            Stage::Count(range) => match self.count(&inner, range.clone()).await? {
                Some(rest) => Stage::Count(rest),
                None => {
                    self.is_counted = true;
                    Stage::Spaces(Some(space_row::range()))
                }
            },
            Stage::Spaces(rest) => match self.space_step(&inner, rest.clone()).await? {
                Some(stage) => stage,
                None => Stage::Strays(ranges_of_spaces().into()),
            },
            Stage::Strays(ranges) => match self.strays(&inner, ranges.clone()).await? {
                Some(rest) => Stage::Strays(rest),
                None => Stage::Leases(lease::range()),
            },
            Stage::Leases(range) => match self.leases(&inner, range.clone()).await? {
                Some(rest) => Stage::Leases(rest),
                None => Stage::Groups(group_row::range()),
            },
            Stage::Groups(range) => match self.groups(&inner, range.clone()).await? {
                Some(rest) => Stage::Groups(rest),
                None => Stage::LastRedo(redo::range()),
            },
            Stage::LastRedo(range) => match self.last_redo(&inner, range.clone()).await? {
                Some(rest) => Stage::LastRedo(rest),
                None => Stage::LastImports,
            },
            Stage::LastImports => {
                if self.last_imports(&inner).await? {
                    Stage::Done
                } else {
                    Stage::LastImports
                }
            }
            Stage::Done => Stage::Done,
        };
        self.stage = next;
        Ok(())
    }

    async fn identity(&mut self, inner: &Inner) -> Result {
        let key = identity::key();
        match inner.host.get_one(key.clone()).await?.map(|row| identity::decode(&row)) {
            None => self.problems.damage("store identity: it is missing", &key),
            Some(Err(error)) => self.problems.error(&error, &key),
            Some(Ok(id)) if id != inner.id => {
                self.problems.damage("store identity: it is another store's", &key);
            }
            Some(Ok(_)) => {}
        }
        Ok(())
    }

    async fn count(&mut self, inner: &Inner, range: KeyRange) -> Result<Option<KeyRange>> {
        let (rows, rest) = inner.host.rows_or_damage(range, MOST_ROWS, PAGE_BYTES).await?;
        for (key, row) in rows {
            // A damaged one is reported when its turn comes.
            let head = row.and_then(|row| SpaceHead::decode(&row)).ok().filter(|head| !head.importing);
            if space_row::name(&key).is_some()
                && let Some(head) = head
            {
                self.total += head.records - head.trimmed_records;
            }
        }
        Ok(rest)
    }

    /// One step of the space under way, or on to the next; `None` after the last.
    async fn space_step(&mut self, inner: &Rc<Inner>, listing: Option<KeyRange>) -> Result<Option<Stage>> {
        if let Some(space) = &mut self.space {
            match space.step(inner).await? {
                SpaceStep::More => {}
                SpaceStep::Changed if self.looks < MOST_LOOKS => {
                    let name = space.name();
                    self.space = Some(SpaceCheck::begin(inner, name).await?);
                    self.looks += 1;
                }
                ended => {
                    if let Some(space) = self.space.take() {
                        self.take_report(space, matches!(ended, SpaceStep::Changed));
                    }
                }
            }
            return Ok(Some(Stage::Spaces(listing)));
        }
        if let Some(name) = self.waiting.front() {
            let space = SpaceCheck::begin(inner, Rc::clone(name)).await?;
            self.waiting.pop_front();
            if let Some(head) = space.importing() {
                self.imports.push((space.name(), head));
            } else {
                self.space = Some(space);
                self.looks = 1;
            }
            return Ok(Some(Stage::Spaces(listing)));
        }
        let Some(range) = listing else {
            return Ok(None);
        };
        let (keys, rest) = inner.host.keys(range, MOST_ROWS).await?;
        for key in keys {
            let name = space_row::name(&key).filter(|name| crate::name::check_name("space", name).is_ok());
            match name {
                Some(name) => self.waiting.push_back(Rc::from(name)),
                None => self.problems.damage("space head: its key is malformed", &key),
            }
        }
        Ok(Some(Stage::Spaces(rest)))
    }

    fn take_report(&mut self, space: SpaceCheck, changed: bool) {
        self.report.spaces += u64::from(space.exists());
        self.report.segments += space.segments();
        self.report.entries += space.entries();
        if changed {
            self.problems.add(
                ErrorCode::Conflict,
                "space: it was merged or trimmed under every look at it; verify again",
                &space_row::key(&space.name()),
            );
        } else {
            self.problems.append(space.into_problems());
        }
    }
}
