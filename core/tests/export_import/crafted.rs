//! Exports that no store gives, with checksums and counts that match: each is taken or refused for one reason.

use streamkit_core::{Crc32c, ErrorCode, Store};

use crate::common::{World, small_blocks};
use crate::frames::sealed;
use crate::transfer::{contents, import, verify};
use crate::{is_untouched, open};

type Id = (u64, u64);
/// A segment, its last sequence, last id and first id, and the number of its last TRX.
type Head = (&'static str, u64, Id, Id, u64);

/// Entries of one byte, under TRX 7 of node 8.
#[derive(Clone, Copy)]
struct Run {
    segment: &'static str,
    first: u64,
    id: Id,
    count: u64,
}

/// A trim bound, and the records trimmed and their bytes.
#[derive(Clone, Copy)]
struct Trimmed(Id, u64, u64);

#[derive(Clone)]
enum Frame {
    Runs(Vec<Run>),
    Trimmed(Trimmed),
    /// Per row the segment, the TRX, the first and the last sequence, and the first id.
    Trx(Vec<(&'static str, u8, u64, u64, Id)>),
    Heads(Vec<Head>),
}

use Frame::{Heads, Runs, Trx};

/// A space "a" that had so many records and bytes up to its last id.
#[derive(Clone)]
struct Space {
    last: Id,
    records: u64,
    bytes: u64,
    trimmed: Trimmed,
    frames: Vec<Frame>,
}

fn run(segment: &'static str, first: u64, id: Id, count: u64) -> Run {
    Run { segment, first, id, count }
}

fn put(out: &mut Vec<u8>, numbers: &[u64]) {
    numbers.iter().for_each(|number| out.extend(number.to_le_bytes()));
}

fn put_name(out: &mut Vec<u8>, name: &str) {
    out.push(name.len() as u8);
    out.extend(name.as_bytes());
}

fn put_trx(out: &mut Vec<u8>, number: u64) {
    out.extend([7; 16]);
    out.extend([8; 16]);
    put(out, &[number]);
}

fn with_sum(mut row: Vec<u8>) -> Vec<u8> {
    let sum = Crc32c::of(&row);
    row.extend(sum.to_le_bytes());
    row
}

impl Trimmed {
    const NONE: Self = Self((0, 0), 0, 0);

    fn numbers(self) -> [u64; 4] {
        let Self((ms, n), records, bytes) = self;
        [ms, n, records, bytes]
    }
}

impl Frame {
    fn body(&self) -> (u8, Vec<u8>) {
        fn rows<T>(all: &[T], mut put_row: impl FnMut(&mut Vec<u8>, &T)) -> Vec<u8> {
            let mut out = (all.len() as u32).to_le_bytes().to_vec();
            all.iter().for_each(|one| put_row(&mut out, one));
            out
        }
        match self {
            Runs(runs) => {
                let body = rows(runs, |out, one| {
                    put_name(out, one.segment);
                    put(out, &[one.first]);
                    out.extend((one.count as u32).to_le_bytes());
                    put(out, &[one.id.0, one.id.1]);
                    put_trx(out, 1);
                    out.extend((9 * one.count as u32).to_le_bytes());
                    (0..one.count).for_each(|_| out.extend(*b"\x01\0\0\0x\0\0\0\0"));
                });
                (3, body)
            }
            Self::Trimmed(trimmed) => {
                let mut out = Vec::new();
                put(&mut out, &trimmed.numbers());
                (4, out)
            }
            Trx(all) => {
                let body = rows(all, |out, (segment, trx, first, last, id)| {
                    put_name(out, segment);
                    out.extend([*trx; 16]);
                    let mut row = vec![1];
                    put(&mut row, &[1, *first, *last, id.0, id.1]);
                    out.extend(with_sum(row));
                });
                (5, body)
            }
            Heads(heads) => {
                let body = rows(heads, |out, (segment, last, last_id, first_id, number)| {
                    put_name(out, segment);
                    let mut row = vec![1];
                    put(&mut row, &[*last, last_id.0, last_id.1, first_id.0, first_id.1]);
                    put_trx(&mut row, *number);
                    out.extend(with_sum(row));
                });
                (6, body)
            }
        }
    }
}

impl Space {
    fn frames(&self) -> Vec<(u8, Vec<u8>)> {
        let mut store = vec![5; 16];
        put(&mut store, &[1]);
        let mut start = Vec::new();
        put_name(&mut start, "a");
        put(&mut start, &[self.last.0, self.last.1]);
        put(&mut start, &self.trimmed.numbers());
        put(&mut start, &[self.records, self.bytes]);
        start.extend([0; 4]);
        let mut all = vec![(1, store), (2, start)];
        all.extend(self.frames.iter().map(Frame::body));
        let (mut entries, mut rows, mut segments) = (0, 0, 0);
        for frame in &self.frames {
            match frame {
                Runs(runs) => entries += runs.iter().map(|one| one.count).sum::<u64>(),
                Frame::Trimmed(_) => {}
                Trx(all) => rows += all.len() as u64,
                Heads(all) => segments += all.len() as u64,
            }
        }
        let mut end = Vec::new();
        put(&mut end, &[entries, entries, rows, segments]);
        end.extend([0; 4]);
        let mut totals = Vec::new();
        put(&mut totals, &[1, segments, entries]);
        all.extend([(7, end), (8, totals)]);
        all
    }

    fn with(mut self, at: usize, frame: Frame) -> Self {
        self.frames[at] = frame;
        self
    }
}

/// Whether everything fits together. Whose entries a TRX row tells of is not looked at.
async fn agrees(store: &Store) {
    let problems = verify(store).await.problems;
    assert!(problems.iter().all(|one| one.message.starts_with("TRX row")), "{problems:#?}");
}

fn is_refused(frames: &[(u8, Vec<u8>)], what: &str) {
    let world = World::new();
    let target = open(&world, &small_blocks());
    world.run(async {
        let error = import(&target, &sealed(frames), 1000).await.expect_err(what);
        assert_eq!(error.code(), ErrorCode::Corrupt, "{what}: {error}");
        is_untouched(&target, "a").await;
    });
}

/// Takes what is right, and then each of the others not.
fn only(right: &Space, wrong: &[(&str, Space)]) {
    is_taken(right, "what is right");
    for (what, space) in wrong {
        is_refused(&space.frames(), what);
    }
}

/// What is seen of it: segments, sequences and ids.
fn is_taken(space: &Space, what: &str) -> Vec<(String, u64, Id)> {
    let world = World::new();
    let target = open(&world, &small_blocks());
    world.run(async {
        import(&target, &sealed(&space.frames()), 1000).await.expect(what);
        agrees(&target).await;
        let seen = contents(&target).await.spaces.remove("a").expect(what).0;
        seen.into_iter().map(|one| (one.0, one.1, (one.2.ms, one.2.n))).collect()
    })
}

/// Three entries of two segments.
fn whole() -> Space {
    Space {
        last: (10, 0),
        records: 3,
        bytes: 3,
        trimmed: Trimmed::NONE,
        frames: vec![
            Runs(vec![run("s", 1, (9, 0), 2), run("t", 1, (10, 0), 1)]),
            Trx(vec![("s", 3, 1, 2, (9, 0)), ("t", 2, 1, 1, (10, 0))]),
            Heads(vec![("s", 2, (9, 1), (9, 0), 1), ("t", 1, (10, 0), (10, 0), 1)]),
        ],
    }
}

/// Four entries were trimmed before the export began: two of "s", of which more came, and all of "r" and "u".
fn trimmed_before() -> Space {
    Space {
        last: (9, 1),
        records: 6,
        bytes: 6,
        trimmed: Trimmed((5, 0), 4, 4),
        frames: vec![
            Runs(vec![run("s", 3, (9, 0), 2)]),
            Heads(vec![
                ("r", 1, (4, 0), (4, 0), 1),
                ("s", 4, (9, 1), (2, 0), 1),
                ("u", 1, (5, 0), (5, 0), 1),
            ]),
        ],
    }
}

/// Of the records between 9-1 and 11-0, which were trimmed while the export was made, one was of "s" and one of "t".
fn trimmed_beside() -> Space {
    Space {
        last: (12, 0),
        records: 5,
        bytes: 5,
        trimmed: Trimmed::NONE,
        frames: vec![
            Runs(vec![run("s", 1, (9, 0), 1), run("t", 1, (9, 1), 1)]),
            Frame::Trimmed(Trimmed((11, 0), 4, 4)),
            Runs(vec![run("s", 3, (12, 0), 1)]),
            Heads(vec![("s", 3, (12, 0), (9, 0), 1), ("t", 2, (11, 0), (9, 1), 1)]),
        ],
    }
}

/// What was trimmed of it while the export was made is said once the entries have come.
fn trimmed_late() -> Space {
    let mut space = whole();
    space.frames.insert(2, Frame::Trimmed(Trimmed((9, 1), 2, 2)));
    space
}

#[test]
fn entries_come_in_the_order_of_their_ids() {
    let heads = |last_id| Heads(vec![("s", 2, (9, 1), (9, 0), 1), ("t", 1, last_id, last_id, 1)]);
    let second = |id| {
        let runs = Runs(vec![run("s", 1, (9, 0), 2), run("t", 1, id, 1)]);
        Space { last: id, ..whole() }.with(0, runs).with(1, Trx(Vec::new())).with(2, heads(id))
    };
    only(&second((9, 2)), &[("the same id again", second((9, 1))), ("an earlier id", second((9, 0)))]);
}

#[test]
fn names_are_checked_wherever_they_stand() {
    let named = |name| {
        let space = whole().with(0, Runs(vec![run("s", 1, (9, 0), 2), run(name, 1, (10, 0), 1)]));
        let trx = Trx(vec![("s", 3, 1, 2, (9, 0)), (name, 2, 1, 1, (10, 0))]);
        let heads = vec![("s", 2, (9, 1), (9, 0), 1), (name, 1, (10, 0), (10, 0), 1)];
        space.with(1, trx).with(2, Heads(heads))
    };
    is_taken(&named("t"), "a name");
    for name in ["", "t\x1f", LONG_NAME] {
        let world = World::new();
        let target = open(&world, &small_blocks());
        let result = world.run(import(&target, &sealed(&named(name).frames()), 1000));
        assert_eq!(result.expect_err("refused").code(), ErrorCode::InvalidArgument, "{name:?}");
    }
}

const LONG_NAME: &str = match core::str::from_utf8(&[b't'; 129]) {
    Ok(name) => name,
    Err(_) => "",
};

#[test]
fn kinds_of_frames_come_in_their_order() {
    let mut late = whole();
    late.frames[0] = Runs(vec![run("s", 1, (9, 0), 2)]);
    late.frames[1] = Trx(vec![("s", 3, 1, 2, (9, 0))]);
    late.frames.insert(2, Runs(vec![run("t", 1, (10, 0), 1)]));
    let mut trimmed = trimmed_late();
    trimmed.frames.swap(2, 3);
    only(&whole(), &[("a run after a TRX", late), ("a trim bound after the heads", trimmed)]);
}

#[test]
fn rows_come_in_their_order_each_once() {
    let rows = |rows: &[(&'static str, u8)]| {
        let row = |(segment, trx): &(&'static str, u8)| match *segment {
            "s" => ("s", *trx, 1, 2, (9, 0)),
            _ => ("t", *trx, 1, 1, (10, 0)),
        };
        whole().with(1, Trx(rows.iter().map(row).collect()))
    };
    only(
        &rows(&[("s", 1), ("t", 0)]),
        &[
            ("TRX of segments in another order", rows(&[("t", 0), ("s", 1)])),
            ("TRX of a segment in another order", rows(&[("t", 2), ("t", 1)])),
            ("a TRX twice", rows(&[("t", 2), ("t", 2)])),
        ],
    );
    let heads = |names: &[&'static str]| {
        let head = |name: &&'static str| match *name {
            "s" => ("s", 4, (9, 1), (2, 0), 1),
            name => (name, 1, (4, 0), (4, 0), 1),
        };
        trimmed_before().with(1, Heads(names.iter().map(head).collect()))
    };
    only(
        &heads(&["r", "s", "u"]),
        &[
            ("heads in another order", heads(&["s", "u", "r"])),
            ("a head twice", heads(&["r", "s", "u", "u"])),
        ],
    );
}

#[test]
fn a_trx_is_of_entries_that_are_there() {
    let of = |first, last, id| whole().with(1, Trx(vec![("t", 2, first, last, id)]));
    only(
        &of(1, 1, (10, 0)),
        &[("a sequence that is not there", of(1, 2, (9, 0))), ("an id that is not there", of(1, 1, (10, 1)))],
    );
    only(
        &trimmed_before(),
        &[(
            "a TRX of a segment that is not there",
            Space {
                frames: vec![
                    trimmed_before().frames[0].clone(),
                    Trx(vec![("x", 1, 1, 1, (6, 0))]),
                    trimmed_before().frames[1].clone(),
                ],
                ..trimmed_before()
            },
        )],
    );
}

#[test]
fn a_trx_that_is_trimmed_is_not_stored() {
    let mut space = trimmed_before();
    space.frames.insert(1, Trx(vec![("s", 1, 3, 4, (9, 0)), ("u", 1, 1, 1, (5, 0))]));
    let world = World::new();
    let kv = small_blocks();
    let target = open(&world, &kv);
    world.run(async {
        import(&target, &sealed(&space.frames()), 1000).await.expect("imports");
        agrees(&target).await;
    });
    let kept: Vec<_> = kv.snapshot().into_keys().filter(|key| key.starts_with(b"TRX\0")).collect();
    assert_eq!(kept.len(), 1);
    assert!(kept[0].starts_with(b"TRX\0a\0s\0"));
}

#[test]
fn every_segment_has_the_head_of_its_entries() {
    let head = |change: fn(&mut Head)| {
        let mut last = ("t", 1, (10, 0), (10, 0), 1);
        change(&mut last);
        whole().with(2, Heads(vec![("s", 2, (9, 1), (9, 0), 1), last]))
    };
    let missing = whole().with(2, Heads(vec![("s", 2, (9, 1), (9, 0), 1)]));
    only(
        &whole(),
        &[
            ("another last sequence", head(|head| head.1 = 2)),
            ("another last id", head(|head| (head.2, head.3) = ((10, 1), (10, 0)))),
            ("another first id", head(|head| head.3 = (9, 0))),
            ("another TRX", head(|head| head.4 = 2)),
            ("a segment without entries", head(|head| head.0 = "u")),
            ("no head", missing),
        ],
    );
}

#[test]
fn heads_account_for_every_entry_that_there_ever_was() {
    let heads = |heads: &[Head]| trimmed_before().with(1, Heads(heads.to_vec()));
    let (r, s) = (("r", 1, (4, 0), (4, 0), 1), ("s", 4, (9, 1), (2, 0), 1));
    only(
        &heads(&[r, s, ("u", 1, (5, 0), (5, 0), 1)]),
        &[("a segment of which all is trimmed has no head", heads(&[r, s]))],
    );
}

#[test]
fn what_a_head_says_beyond_the_entries_is_trimmed() {
    let head = |change: fn(&mut [Head; 3])| {
        let Heads(heads) = &trimmed_before().frames[1] else { panic!("heads") };
        let mut heads = [heads[0], heads[1], heads[2]];
        change(&mut heads);
        trimmed_before().with(1, Heads(heads.to_vec()))
    };
    only(
        &head(|heads| heads[1].3 = (5, 0)),
        &[
            ("a first id above the bound", head(|heads| heads[1].3 = (6, 0))),
            ("a last id above the bound", head(|heads| heads[2].2 = (5, 1))),
        ],
    );

    // "t" went on in what is missing.
    let head = |last, last_id| {
        let heads = vec![("s", 3, (12, 0), (9, 0), 1), ("t", last, last_id, (9, 1), 1)];
        trimmed_beside().with(3, Heads(heads))
    };
    only(
        &head(2, (11, 0)),
        &[
            ("a later id without another sequence", head(1, (11, 0))),
            ("another sequence without a later id", head(2, (9, 1))),
            ("an id above the bound", head(2, (11, 1))),
        ],
    );

    // What came after the gap is not part of it, though it is trimmed now as well.
    let late = |last, last_id| {
        let heads = vec![("s", last, last_id, (9, 0), 1), ("t", 2, (11, 0), (9, 1), 1)];
        let mut space = trimmed_beside().with(3, Heads(heads));
        space.frames[2] = Runs(vec![run("s", 3, (12, 0), 1), run("v", 1, (13, 0), 1)]);
        space.frames[3] = match space.frames[3].clone() {
            Heads(heads) => Heads([heads, vec![("v", 1, (13, 0), (13, 0), 1)]].concat()),
            other => other,
        };
        space.frames.insert(3, Trx(Vec::new()));
        space.frames.insert(4, Frame::Trimmed(Trimmed((12, 5), 5, 5)));
        Space { last: (13, 0), records: 6, bytes: 6, ..space }
    };
    only(&late(3, (12, 0)), &[("more than the entries", late(4, (12, 1)))]);
}

#[test]
fn a_segment_that_began_before_the_entries_began_earlier() {
    let begun = |first_id| {
        let mut space = trimmed_before();
        space.frames.insert(1, Trx(Vec::new()));
        space.frames.insert(2, Frame::Trimmed(Trimmed((9, 0), 5, 5)));
        let (r, u) = (("r", 1, (4, 0), (4, 0), 1), ("u", 1, (5, 0), (5, 0), 1));
        space.with(3, Heads(vec![r, ("s", 4, (9, 1), first_id, 1), u]))
    };
    only(&begun((8, 0)), &[("with the first of the entries", begun((9, 0)))]);
}

#[test]
fn sequences_are_missing_only_where_something_was_trimmed() {
    assert_eq!(is_taken(&trimmed_beside(), "a gap"), [("s".into(), 3, (12, 0))]);
    let runs = |first, more: Option<u64>| {
        let mut runs = vec![run("s", first, (12, 0), 1)];
        runs.extend(more.map(|more| run("s", more, (13, 0), 1)));
        let (last, count) = if more.is_some() { ((13, 0), 2) } else { ((12, 0), 1) };
        let sequence = more.unwrap_or(first);
        let heads = vec![("s", sequence, last, (9, 0), 1), ("t", 2, (11, 0), (9, 1), 1)];
        let space = trimmed_beside().with(2, Runs(runs)).with(3, Heads(heads));
        Space { last, records: 4 + count, bytes: 4 + count, ..space }
    };
    only(
        &runs(3, Some(4)),
        &[
            ("another gap after that", runs(3, Some(5))),
            ("the same sequence again", runs(3, Some(3))),
            ("the sequence before the gap again", runs(1, None)),
        ],
    );
}

#[test]
fn what_was_taken_before_it_was_trimmed_goes_with_what_is_trimmed() {
    let world = World::new();
    let kv = small_blocks();
    let target = open(&world, &kv);
    world.run(async {
        import(&target, &sealed(&trimmed_beside().frames()), 1000).await.expect("imports");
        let rows = |kind: &str| {
            let prefix = ["DAT\0", kind, "\0a\0"].concat();
            kv.snapshot().into_keys().filter(|key| key.starts_with(prefix.as_bytes())).count()
        };
        assert_eq!([rows("SEGMENTS"), rows("SPACES")], [3, 2]);
        // By the commit rows it is known which blocks there are to remove.
        assert_eq!(target.collect("a").await.expect("collects"), 3);
        assert_eq!([rows("SEGMENTS"), rows("SPACES")], [1, 1]);
        agrees(&target).await;
    });
}

#[test]
fn a_trim_bound_goes_up_and_so_does_what_is_trimmed() {
    let again = |bound, records, bytes| {
        let mut space = trimmed_before();
        space.frames.insert(1, Trx(Vec::new()));
        space.frames.insert(2, Frame::Trimmed(Trimmed(bound, records, bytes)));
        space
    };
    only(
        &again((9, 0), 5, 5),
        &[
            ("the same bound", again((5, 0), 5, 5)),
            ("fewer records", again((9, 0), 3, 5)),
            ("fewer bytes", again((9, 0), 5, 3)),
            ("more records than there were", again((9, 0), 7, 5)),
            ("more bytes than there were", again((9, 0), 5, 7)),
            ("all of it, and not all records", again((9, 1), 5, 6)),
        ],
    );
    is_taken(&again((8, 0), 4, 4), "nothing more is trimmed");
    is_taken(&trimmed_late(), "trimmed late");
    let everything = Space { frames: again((9, 1), 6, 6).frames, ..trimmed_before() };
    assert!(is_taken_whole(&everything));

    // 9-0 and 9-1 have come, and 12-0 is to come.
    let beside = |records, bytes| {
        let space = trimmed_beside().with(1, Frame::Trimmed(Trimmed((11, 0), records, bytes)));
        Space { records: records + 1, bytes: bytes + 1, ..space }
    };
    only(
        &beside(2, 2),
        &[("fewer records than have come", beside(1, 2)), ("fewer bytes than have come", beside(2, 1))],
    );
    let mut end = trimmed_late();
    end.frames[2] = Frame::Trimmed(Trimmed((11, 0), 4, 4));
    is_refused(
        &Space { last: (11, 0), records: 4, ..end }.frames(),
        "more than the entries after all of them",
    );
}

/// Whether a space of which everything is trimmed is taken.
fn is_taken_whole(space: &Space) -> bool {
    let world = World::new();
    let target = open(&world, &small_blocks());
    world.run(async {
        import(&target, &sealed(&space.frames()), 1000).await.expect("imports");
        agrees(&target).await;
        let seen = contents(&target).await.spaces.remove("a");
        seen.is_none_or(|seen| seen.0.is_empty())
    })
}

#[test]
fn a_space_does_not_contradict_itself() {
    let heads = Heads(vec![("s", 1, (1, 0), (1, 0), 1)]);
    let empty = |last, trimmed, records| Space {
        last,
        records,
        bytes: records,
        trimmed,
        frames: vec![heads.clone()],
    };
    assert!(is_taken_whole(&empty((1, 0), Trimmed((1, 0), 1, 1), 1)));
    is_refused(&empty((0, 1), Trimmed((0, 1), 1, 1), 1).frames(), "an id without a time");
    is_refused(&empty((1, 0), Trimmed((1, 1), 1, 1), 1).frames(), "a trim bound after the last id");
}

#[test]
fn a_frame_ends_with_what_is_in_it_and_the_totals_are_those_of_the_spaces() {
    let space = trimmed_late();
    is_taken(&space, "trimmed late");
    let frames = space.frames();
    let end = frames.len() - 1;
    for (index, (kind, _)) in frames[..end].iter().enumerate() {
        let mut longer = frames.clone();
        longer[index].1.push(0);
        is_refused(&longer, &format!("a byte more in a frame of kind {kind}"));
    }
    let mut others = vec![frames; 4];
    others[0][end].1.push(0);
    for (other, at) in others[1..].iter_mut().zip([0, 8, 16]) {
        other[end].1[at] += 1;
    }
    for other in others {
        let world = World::new();
        let target = open(&world, &small_blocks());
        let error = world.run(import(&target, &sealed(&other), 1000)).expect_err("other totals");
        assert_eq!(error.code(), ErrorCode::Corrupt, "{error}");
    }
}
