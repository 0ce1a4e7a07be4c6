//! The server dies at any moment, and starts again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use footplate::model::SystemClock;
use footplate::store::{Database, Journal, ListRuns};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::scripts::{add_two, implement, implementation, ring, say};
use super::stage::{Set, Stage, ours, thread};

/// How many worlds play at the same time.
const AT_ONCE: usize = 4;

/// How long one world may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// An implementer that takes a lock for as long as it writes, does not listen to the polite signal, and tells of
/// it where another one writes at the same time.
fn jealous() -> Value {
    json!([
        "ignore_term",
        say("Adding it."),
        {"shell": "exec 9>> @STAGE@/lock; flock -n 9 || echo overlap >> @STAGE@/overlaps; \
                   for n in 1 2 3 4 5 6; do echo $n > scratch; sleep 0.02; done; rm scratch"},
        add_two(),
        implementation(),
    ])
}

/// Plays the story up to the pull request. What a person does is done when its time has come, whatever the server
/// goes through meanwhile.
async fn play(stage: &Stage) -> u64 {
    let issue = stage.ask();
    stage.plan(issue).await;
    stage.standing(issue, "waiting for approval").await;
    stage.say("octo", issue, "/approve");
    issue
}

/// Whatever happened before: one run, one plan, one pull request with the right change, and no two agents that
/// wrote at the same time.
async fn happy_end(stage: Stage, issue: u64, told: &str) {
    let pull = stage.pull(issue).await;
    let kinds = stage.read(|world| {
        let thread = thread(world, issue).expect("the issue");
        let count = |kind: &str| {
            ours(thread)
                .filter(|c| c.body.contains(&format!(" kind={kind} ")))
                .count()
        };
        (count("status"), count("plan"), count("reply"))
    });
    assert_eq!(kinds, (1, 1, 0), "{told}: {}", stage.picture());
    assert_eq!((stage.pulls().len(), stage.branches().len()), (1, 1), "{told}");
    assert_eq!(stage.runs().await.len(), 1, "{told}");
    assert_eq!(stage.commits("main", &pull.branch), [pull.head], "{told}");
    assert_eq!(
        stage.file(&pull.branch, "words.txt").as_deref(),
        Some("one\ntwo\nthree\n"),
        "{told}"
    );
    assert!(
        !stage.folder().join("overlaps").exists(),
        "{told}: two attempts wrote at the same time"
    );
    stage.end().await;
}

/// The length of the longest log in the server's store.
async fn logged(store: &Database) -> u64 {
    let rows = store.list(ListRuns::default()).await.unwrap_or_default();
    rows.iter().map(|row| row.len).max().unwrap_or(0)
}

async fn store(stage: &Stage) -> Database {
    let url = format!("sqlite:{}", stage.data().join("footplate.db").display());
    Database::open(&url, Arc::new(SystemClock))
        .await
        .expect("the server's store can be read")
}

/// Waits until the log is this long. The one place that looks again and again: nothing outside of the server
/// tells when it has committed.
async fn until_logged(store: &Database, length: u64) {
    let mut tick = tokio::time::interval(Duration::from_millis(1));
    let waiting = async {
        while logged(store).await < length {
            tick.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .expect("the log grows so long");
}

/// One world in which the server dies as soon as its log is `length` long.
async fn killed_at(length: u64, implement: Value) {
    let mut stage = Set::new()
        .without_content_limit()
        .role("implement", implement)
        .start()
        .await;
    let issue = stage.ask();
    let store = store(&stage).await;
    let before_gate = async {
        stage.plan(issue).await;
        stage.standing(issue, "waiting for approval").await;
        stage.say("octo", issue, "/approve");
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = until_logged(&store, length) => {}
        () = before_gate => {}
    }
    stage.crash().await;
    store.close().await.ok();
    let approved = stage.read(|world| {
        let thread = thread(world, issue).expect("the issue");
        thread.comments.iter().any(|comment| comment.body == "/approve")
    });
    if !approved {
        stage.plan(issue).await;
        stage.standing(issue, "waiting for approval").await;
        stage.say("octo", issue, "/approve");
    }
    happy_end(stage, issue, &format!("killed when {length} events were logged")).await;
}

/// The length of the log when the story is over.
async fn whole_length(implement: Value) -> u64 {
    let stage = Set::new().role("implement", implement).start().await;
    let issue = play(&stage).await;
    stage.pull(issue).await;
    let store = store(&stage).await;
    let length = logged(&store).await;
    store.close().await.ok();
    stage.end().await;
    length
}

async fn all(lengths: BTreeSet<u64>, implement: fn() -> Value) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut worlds = JoinSet::new();
    for length in lengths {
        let places = Arc::clone(&places);
        worlds.spawn(async move {
            let _place = places.acquire().await.expect("nobody closes it");
            killed_at(length, implement()).await;
        });
    }
    while let Some(ended) = worlds.join_next().await {
        if let Err(broken) = ended {
            std::panic::resume_unwind(broken.into_panic());
        }
    }
}

#[tokio::test]
async fn killed_after_every_logged_event_it_ends_in_the_same_one_pull_request() {
    let length = whole_length(implement()).await;
    // The last events tell that the end was shown; by then the story may be over before the kill.
    all((1..length).collect(), implement).await;
}

#[tokio::test]
async fn no_two_attempts_write_at_once_though_the_agent_ignores_the_polite_signal() {
    let length = whole_length(jealous()).await;
    // Where the agent works: between the approval and the end.
    all((length / 3..length).step_by(2).collect(), jealous).await;
}

#[tokio::test]
async fn the_agent_of_a_killed_server_is_killed_at_the_next_start_before_another_begins() {
    let works = json!({
        "1": ["ignore_term", say("Working."), {"grandchild": ""}, ring("first"), "hang"],
        "default": [ring("second"), add_two(), implementation()],
    });
    let mut stage = Set::new().role("implement", works).start().await;
    let issue = play(&stage).await;
    assert_eq!(stage.bell().await, "first");
    stage.kill_9().await;
    let left = stage.agents();
    assert!(
        left.len() >= 2,
        "the agents live on without their server: {left:?}"
    );
    stage.start().await;
    assert_eq!(stage.bell().await, "second");
    let still: Vec<_> = stage
        .agents()
        .into_iter()
        .filter(|process| left.contains(process))
        .collect();
    assert_eq!(still, []);
    happy_end(stage, issue, "a hanging agent was left").await;
}
