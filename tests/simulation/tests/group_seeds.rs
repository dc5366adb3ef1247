//! Many seeds of consumer groups, in two threads, and the proof that a seed says everything about its run.

use streamkit_simulation::groups::{campaign, run};

#[test]
fn even_seeds() {
    campaign(2, 0);
}

#[test]
fn odd_seeds() {
    campaign(2, 1);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in (0..20).chain([u64::MAX, 0x5eed]) {
        let (first, second) = (run(seed, true), run(seed, true));
        assert!(first.lines.len() > 20, "seed {seed} does nothing");
        assert_eq!(first.lines, second.lines, "seed {seed}");
    }
}
