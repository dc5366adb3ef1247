//! What happened, line by line.

use std::cell::RefCell;
use std::rc::Rc;

use crate::executor::Executor;

/// The log of a run; clones share it. Switched off it costs nothing but a test.
#[derive(Debug, Clone)]
pub struct Trace {
    lines: Option<Rc<RefCell<Vec<String>>>>,
    executor: Executor,
}

impl Trace {
    /// A log, or none.
    pub fn new(executor: &Executor, on: bool) -> Self {
        Self { lines: on.then(Rc::default), executor: executor.clone() }
    }

    /// Writes a line down.
    pub fn say(&self, line: impl FnOnce() -> String) {
        if let Some(lines) = &self.lines {
            let line = format!("{:>6} {}", self.executor.now(), line());
            lines.borrow_mut().push(line);
        }
    }

    /// All lines so far.
    pub fn lines(&self) -> Vec<String> {
        self.lines.as_ref().map_or_else(Vec::new, |lines| lines.borrow().clone())
    }
}
