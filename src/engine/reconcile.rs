//! Comparing what should be in flight with what is.

use super::book::Page;
use super::executor::Executor;
use crate::run::{ActionKey, outstanding};

/// Stops what is no longer wanted and starts what is missing. Doing it twice changes nothing.
pub fn reconcile(page: &Page, executor: &impl Executor) {
    let wanted = outstanding(&page.frozen, &page.run);
    let keys: Vec<ActionKey> = wanted.iter().map(crate::run::Action::key).collect();
    for key in executor.under_way(&page.run.created.run) {
        if !keys.contains(&key) {
            executor.stop(&key);
        }
    }
    for action in wanted {
        executor.start(action);
    }
}
