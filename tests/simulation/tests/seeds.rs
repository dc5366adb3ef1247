//! Many seeds, in two threads, and the proof that a seed says everything about its run.

use streamkit_simulation::run::CAMPAIGN;

#[test]
fn even_seeds() {
    CAMPAIGN.share(2, 0);
}

#[test]
fn odd_seeds() {
    CAMPAIGN.share(2, 1);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    CAMPAIGN.twice((0..40).chain([u64::MAX, 0x5eed]));
}
