//! Whether a run may still spend money.

use super::frozen::Policy;
use super::state::Run;

/// Why no further attempt may be scheduled, if that is so.
///
/// Unknown is not zero: where there is a limit, an attempt whose cost nobody told stops the run, because the
/// limit could no longer be kept.
pub(super) fn spent(policy: &Policy, run: &Run) -> Option<String> {
    let limit = policy.run_usd?;
    let (cost, unknown) = run.cost();
    if cost >= limit {
        return Some(format!("The run has used its budget: {cost} of {limit}."));
    }
    unknown.then(|| format!("The budget of {limit} cannot be kept: an attempt did not report what it cost."))
}
