//! Seeded simulation of writers, readers and faults over one host.
//!
//! Everything of a run is drawn from one seed: what the host can do, what goes wrong and when, who calls what, and
//! which of the tasks that are ready goes next. The same seed gives the same run.
//!
//! * `executor`: one thread, virtual time. `clock`: wall clocks that jump.
//! * `host`: the disk, and the host that each instance reaches it by. `classes`: what kinds of hosts there are.
//! * `actors`: who uses the store. `oracle`: what they were told, and whether it was true.
//! * `groups`: the same for consumer groups, with actors and books of their own.
//! * `world`: what they share. `run`: one seed. `campaign`: many.
//!
//! `STREAMKIT_SIM_SEED=<n>` (for groups `STREAMKIT_SIM_GROUP_SEED=<n>`) runs that seed alone;
//! `STREAMKIT_SIM_SEEDS=<count>` so many; `STREAMKIT_SIM_TRACE=1` prints what happens.

pub mod actors;
pub mod campaign;
pub mod classes;
pub mod clock;
pub mod executor;
pub mod groups;
pub mod host;
pub mod oracle;
pub mod random;
pub mod run;
pub mod scripted;
pub mod told;
pub mod trace;
pub mod world;
