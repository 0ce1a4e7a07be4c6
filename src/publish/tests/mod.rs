//! Whatever is done twice, or done and answered with an error, happens once.

mod mirroring;
mod pushing;
mod speaking;
mod story;
mod world;

use std::sync::Arc;

use story::Story;
use world::{Fault, World};

use super::Error;

/// The most calls that one operation makes; a sweep that reaches it has found an endless one.
const MOST_CALLS: usize = 60;

/// Lets every single call of an operation go wrong once, in both ways, with a crash and a second try after it.
///
/// `prepare` makes a story up to the operation, `act` is the operation, `check` looks at what came of it.
async fn in_spite_of_every_fault(
    prepare: impl AsyncFn() -> Story,
    act: impl AsyncFn(&mut Story) -> Result<(), Error>,
    check: impl Fn(&Story),
) {
    for fault in [Fault::Unclear, Fault::Undone] {
        for number in 1..MOST_CALLS {
            let mut story = prepare().await;
            let world: Arc<World> = Arc::clone(&story.world);
            let calls = world.state().calls.len();
            world.state().fault = Some((calls + number, fault));
            let first = act(&mut story).await;
            let reached = world.state().calls.len() - calls;
            world.state().fault = None;
            if let Err(error) = &first {
                assert!(matches!(error, Error::Transient { .. }), "{error}");
            }
            story.crash();
            act(&mut story).await.unwrap();
            check(&story);
            if reached < number {
                assert!(number > 1, "the operation made no call");
                break;
            }
            assert!(number + 1 < MOST_CALLS, "the operation does not end");
        }
    }
}
