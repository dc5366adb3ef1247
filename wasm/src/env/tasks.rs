//! Background work as microtasks.

use futures_task::{LocalFutureObj, LocalSpawn, SpawnError};
use wasm_bindgen_futures::spawn_local;

#[derive(Debug)]
pub(crate) struct Tasks;

impl LocalSpawn for Tasks {
    fn spawn_local_obj(&self, task: LocalFutureObj<'static, ()>) -> Result<(), SpawnError> {
        spawn_local(task);
        Ok(())
    }
}
