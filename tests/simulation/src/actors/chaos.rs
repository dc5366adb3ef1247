//! What befalls everybody: clocks that jump, instances that die, power that is lost, storms of faults.

use std::rc::Rc;

use crate::executor::WORLD;
use crate::host::Faults;
use crate::random::Random;
use crate::world::World;

/// Faults of a run.
pub fn draw_faults(world: &World, random: &Random) -> Faults {
    let rate = |most: u64| if random.chance(500) { random.below(most + 1) } else { 0 };
    let late = world.class.late;
    Faults {
        fail: rate(120),
        lost: rate(120),
        late: if late { rate(80) } else { 0 },
        slow: if late { rate(30) } else { 0 },
        crash: rate(15),
        stale: rate(500),
        latency: random.pick(&[0, 1, 5, 20]),
    }
}

/// Goes on until everything is written.
pub async fn chaos(world: Rc<World>) {
    let random = world.random.fork("chaos");
    let usual = draw_faults(&world, &random);
    world.disk.set_faults(usual);
    world.trace.say(|| format!("{usual:?}"));
    let (crashes, mut losses) = (random.below(100), random.below(3));
    let closes = world.random.fork("closes").below(100);
    while !world.written.get() {
        world.executor.sleep(random.between(5, 250)).await;
        if world.written.get() {
            return;
        }
        let index = world.any_instance(&random);
        if random.chance(300) {
            let clock = &world.instances[index].clock;
            match random.below(4) {
                0 => clock.freeze(),
                1 => clock.jump(-(random.below(3_600_000) as i64)),
                2 => clock.jump(random.below(3_600_000) as i64),
                _ => clock.jump(random.below(100) as i64 - 50),
            }
        }
        if random.chance(crashes) {
            world.crash(index);
        }
        if random.chance(closes) {
            let closing = Rc::clone(&world);
            world.executor.spawn(WORLD, "closing", async move { closing.close(index).await });
        }
        if world.class.power_loss && losses > 0 && random.chance(150) {
            losses -= 1;
            world.lose_power();
        }
        if random.chance(50) {
            let storm = Faults { fail: 400, lost: 200, ..usual };
            world.disk.set_faults(storm);
            world.executor.sleep(random.between(5, 60)).await;
            world.disk.set_faults(usual);
        }
    }
}
