//! Imports whose numbers are near the largest.

use streamkit_core::{Crc32c, ErrorCode, MemoryKv, Store, WriteOptions};

use crate::common::{World, records};
use crate::frames::sealed;
use crate::open_here;
use crate::transfer::{healthy, import, timeline};

/// An export of a space that holds nothing any more, of which everything counted is near its limit. Whatever sequence "s"
/// ends at, all of them may have been entries of "t".
fn all_trimmed(records: u64, last_sequence: u64) -> Vec<u8> {
    let numbers = |numbers: &[u64]| numbers.iter().flat_map(|one| one.to_le_bytes()).collect::<Vec<u8>>();
    let head = |last_sequence| {
        let head = [&[1][..], &numbers(&[last_sequence, 5, 0, 1, 0]), &[7; 32], &numbers(&[9])].concat();
        [&head[..], &Crc32c::of(&head).to_le_bytes()].concat()
    };
    let heads = [&[2, 0, 0, 0, 1, b's'][..], &head(last_sequence), &[1, b't'], &head(records)].concat();
    let start = numbers(&[5, 0, 5, 0, records, records, records, records]);
    sealed(&[
        (1, [&[7; 16][..], &numbers(&[5])].concat()),
        (2, [&[1, b'a'][..], &start, &[0; 4]].concat()),
        (6, heads),
        (7, [&numbers(&[0, 0, 0, 2])[..], &[0; 4]].concat()),
        (8, numbers(&[1, 2, 0])),
    ])
}

#[test]
fn what_goes_on_after_an_import_stays_within_the_largest_numbers() {
    const MOST: u64 = (1 << 53) - 1;
    let world = World::new();
    // Entries of which the commit row has a reference only.
    let text = "x".repeat(5000);
    let append = async |store: &Store| {
        let made = store.append(records("a", "s", &[&text]), WriteOptions::default()).await;
        made.map(|made| made.status.last_sequence).map_err(|error| error.code())
    };
    world.run(async {
        let store = open_here(&world, &MemoryKv::new()).await;
        import(&store, &all_trimmed(6, MOST - 2), 100).await.expect("imports");
        assert_eq!(append(&store).await, Ok(MOST - 1));
        assert_eq!(append(&store).await, Ok(MOST));
        assert_eq!(append(&store).await, Err(ErrorCode::LimitExceeded));
        assert_eq!(timeline(&store, "a").await.len(), 2);
        healthy(&store).await;

        let store = open_here(&world, &MemoryKv::new()).await;
        import(&store, &all_trimmed(MOST - 5000, 6), 100).await.expect("imports");
        assert_eq!(append(&store).await, Ok(7));
        assert_eq!(append(&store).await, Err(ErrorCode::LimitExceeded));
        assert_eq!(timeline(&store, "a").await.len(), 1);
        healthy(&store).await;
    });
}
