//! Who carries actions out: a small trait, and the executor of a single machine.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::book::{Book, Outcome};
use super::error::Error;
use super::purses::Stake;
use crate::model::{Clock, RunId};
use crate::run::{Action, ActionKey, Input};
use crate::store::Journal;

/// The first pause before an action that failed for now is tried again; doubled for each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest such pause, unless the outside asked for a longer one.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// Carries actions out. Nothing above it knows how.
pub trait Executor: Send + Sync + 'static {
    /// Starts an action; one that is under way already is left alone.
    fn start(&self, action: Action);

    /// Stops an action that is no longer wanted, if it can be stopped.
    fn stop(&self, key: &ActionKey);

    /// The actions under way for a run.
    fn under_way(&self, run: &RunId) -> Vec<ActionKey>;
}

/// What came of an action.
#[derive(Debug)]
pub struct Done {
    /// What the run is to be told.
    pub input: Input,
    /// Contents that it names and that are not stored yet.
    pub contents: Vec<Vec<u8>>,
    /// What counts what was spent until the outcome is logged.
    pub stake: Option<Stake>,
}

impl From<Input> for Done {
    /// An outcome that names nothing that is not stored.
    fn from(input: Input) -> Self {
        Self {
            input,
            contents: Vec::new(),
            stake: None,
        }
    }
}

/// Does what an action says, once.
pub trait Hands: Send + Sync + 'static {
    /// Does it, and says what the run is to be told; `None` where nothing is to be told because the action
    /// was no longer wanted.
    ///
    /// # Errors
    /// [`Error::Refused`] is final; everything else is tried again later.
    fn perform(
        &self,
        action: &Action,
        stop: &CancellationToken,
    ) -> impl Future<Output = Result<Option<Done>, Error>> + Send;
}

/// Carries actions out as tasks of this process. What is lost with the process is started again by whoever
/// compares what should be in flight with what is.
pub struct InProcess<J, C, H> {
    shared: Arc<Shared<J, C, H>>,
}

struct Shared<J, C, H> {
    book: Arc<Book<J, C>>,
    hands: H,
    tasks: TaskTracker,
    shutdown: CancellationToken,
    under_way: Mutex<HashMap<RunId, HashMap<ActionKey, CancellationToken>>>,
}

impl<J: Journal, C: Clock, H: Hands> InProcess<J, C, H> {
    /// Makes an executor that reports to the book.
    pub fn new(book: Arc<Book<J, C>>, hands: H) -> Self {
        Self {
            shared: Arc::new(Shared {
                book,
                hands,
                tasks: TaskTracker::new(),
                shutdown: CancellationToken::new(),
                under_way: Mutex::default(),
            }),
        }
    }

    /// The hands.
    pub fn hands(&self) -> &H {
        &self.shared.hands
    }

    /// Stops everything and waits until it has stopped.
    pub async fn shut_down(&self) {
        self.shared.shutdown.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }
}

impl<J: Journal, C: Clock, H: Hands> Executor for InProcess<J, C, H> {
    fn start(&self, action: Action) {
        if self.shared.shutdown.is_cancelled() {
            return;
        }
        let key = action.key();
        let stop = self.shared.shutdown.child_token();
        {
            let mut under_way = self
                .shared
                .under_way
                .lock()
                .expect("no holder of this lock panics");
            let of_run = under_way.entry(action.run().clone()).or_default();
            if of_run.contains_key(&key) {
                return;
            }
            of_run.insert(key.clone(), stop.clone());
        }
        let shared = Arc::clone(&self.shared);
        self.shared.tasks.spawn(async move {
            shared.see_through(&action, &key, &stop).await;
            let mut under_way = shared.under_way.lock().expect("no holder of this lock panics");
            if let Some(of_run) = under_way.get_mut(action.run()) {
                of_run.remove(&key);
                if of_run.is_empty() {
                    under_way.remove(action.run());
                }
            }
        });
    }

    fn stop(&self, key: &ActionKey) {
        let under_way = self
            .shared
            .under_way
            .lock()
            .expect("no holder of this lock panics");
        for of_run in under_way.values() {
            if let Some(stop) = of_run.get(key) {
                stop.cancel();
            }
        }
    }

    fn under_way(&self, run: &RunId) -> Vec<ActionKey> {
        let under_way = self
            .shared
            .under_way
            .lock()
            .expect("no holder of this lock panics");
        under_way
            .get(run)
            .map(|of_run| of_run.keys().cloned().collect())
            .unwrap_or_default()
    }
}

impl<J: Journal, C: Clock, H: Hands> Shared<J, C, H> {
    /// Tries until the action has an outcome, and logs it. The action counts as under way until the outcome is
    /// committed, so that it is not started a second time in between.
    async fn see_through(&self, action: &Action, key: &ActionKey, stop: &CancellationToken) {
        let mut pause = FIRST_PAUSE;
        let done = loop {
            match self.hands.perform(action, stop).await {
                Ok(None) => return,
                Ok(Some(done)) => break done,
                Err(Error::Refused { why }) => {
                    break Done::from(Input::EffectFailed {
                        action: key.to_string(),
                        why,
                    });
                }
                Err(error) => {
                    let asked = match &error {
                        Error::Transient { after, .. } => *after,
                        _ => None,
                    };
                    let wait = asked.unwrap_or(pause).max(FIRST_PAUSE);
                    tracing::warn!(action = %key, %error, ?wait, "the action failed for now");
                    if !sleep_unless(stop, wait).await {
                        return;
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        };
        let outcome = Outcome {
            run: action.run().clone(),
            input: done.input,
        };
        // Until then it counts as under way.
        let _stake = done.stake;
        let mut pause = FIRST_PAUSE;
        while let Err(error) = self.book.conclude(key.as_str(), &outcome, &done.contents).await {
            tracing::error!(action = %key, %error, "the outcome could not be stored");
            if !sleep_unless(&self.shutdown, pause).await {
                return;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Sleeps; `false` where the sleep was broken off.
async fn sleep_unless(stop: &CancellationToken, wait: Duration) -> bool {
    tokio::select! {
        () = stop.cancelled() => false,
        () = tokio::time::sleep(wait) => true,
    }
}
