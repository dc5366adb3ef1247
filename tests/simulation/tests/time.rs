//! Virtual time.

use streamkit_simulation::executor::Executor;
use streamkit_simulation::random::Random;

#[test]
fn a_timer_that_is_waited_for_late_does_not_turn_time_back() {
    let executor = Executor::new(Random::new(1));
    let stage = executor.clone();
    let times = executor.run(1000, async move {
        let early = stage.sleep(5);
        stage.sleep(20).await;
        early.await;
        stage.now()
    });
    assert_eq!(times.ok(), Some(20));
}
