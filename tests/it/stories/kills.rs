//! The server dies at any moment, and starts again.

use std::sync::Arc;
use std::time::Duration;

use footplate::model::SystemClock;
use footplate::rehearsal::world::World;
use footplate::store::{Database, Journal, ListRuns};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::processes::Marked;
use super::scripts::{add_two, implement, implementation, ring, say, wait_for};
use super::server;
use super::stage::{Set, Stage, thread};

/// How many worlds play at the same time.
const AT_ONCE: usize = 4;

/// How long one world may take.
const PATIENCE: Duration = Duration::from_mins(1);

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
    let kinds = ["status", "plan", "reply"].map(|kind| stage.comments_of_kind(issue, kind));
    assert_eq!(kinds, [1, 1, 0], "{told}: {}", stage.picture());
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

/// When the server of a world dies.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// As soon as its log is so long.
    Logged(u64),
    /// As soon as GitHub has answered so many requests, those of git included; whether the last answer still
    /// arrives is left to chance.
    Asked(usize),
}

impl Moment {
    async fn comes(self, stage: &Stage) {
        match self {
            Self::Logged(length) => {
                let store = store(stage).await;
                until_logged(&store, length).await;
                store.close().await.ok();
            }
            Self::Asked(count) => {
                stage
                    .see("the request", |world| (asked(world) >= count).then_some(()))
                    .await;
            }
        }
    }
}

fn asked(world: &World) -> usize {
    world.requests.len() + world.git_requests.len()
}

/// One world in which the server dies at some moment of the story.
async fn killed_at(moment: Moment, implement: Value) {
    let mut stage = Set::new()
        .without_content_limit()
        .role("implement", implement)
        .start()
        .await;
    let issue = stage.ask();
    let story = async {
        stage.plan(issue).await;
        stage.say("octo", issue, "/approve");
        stage.pull(issue).await;
    };
    tokio::select! {
        () = moment.comes(&stage) => {}
        // Not every world needs as many requests.
        () = story => {}
    }
    stage.crash().await;
    let approved = stage.read(|world| {
        let thread = thread(world, issue).expect("the issue");
        thread.comments.iter().any(|comment| comment.body == "/approve")
    });
    if !approved {
        stage.plan(issue).await;
        stage.say("octo", issue, "/approve");
    }
    happy_end(stage, issue, &format!("killed at {moment:?}")).await;
}

/// How long the log is and how much GitHub was asked when the story is over.
async fn whole(implement: Value) -> (u64, usize) {
    let stage = Set::new().role("implement", implement).start().await;
    let issue = play(&stage).await;
    stage.pull(issue).await;
    let store = store(&stage).await;
    let length = logged(&store).await;
    store.close().await.ok();
    let asked = stage.read(asked);
    stage.end().await;
    (length, asked)
}

async fn all(moments: impl Iterator<Item = Moment>, implement: fn() -> Value) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut worlds = JoinSet::new();
    for moment in moments {
        let places = Arc::clone(&places);
        worlds.spawn(async move {
            let _place = places.acquire().await.expect("nobody closes it");
            killed_at(moment, implement()).await;
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
    let (length, _) = whole(implement()).await;
    all((1..=length).map(Moment::Logged), implement).await;
}

#[tokio::test]
async fn killed_after_a_request_that_github_took_it_ends_in_the_same_one_pull_request() {
    let (_, asked) = whole(implement()).await;
    all((1..asked).step_by(2).map(Moment::Asked), implement).await;
}

#[tokio::test]
async fn no_two_attempts_write_at_once_though_the_agent_ignores_the_polite_signal() {
    let (length, _) = whole(jealous()).await;
    // Where the agent works: between the approval and the end.
    all((length / 3..length).step_by(2).map(Moment::Logged), jealous).await;
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

#[tokio::test]
async fn a_second_server_in_the_data_folder_of_a_living_one_does_not_start_and_ends_no_agent() {
    let works = json!([
        say("Working."),
        ring("at work"),
        wait_for("go"),
        add_two(),
        implementation()
    ]);
    let mut stage = Set::new().role("implement", works).start().await;
    let issue = play(&stage).await;
    assert_eq!(stage.bell().await, "at work");
    let before = playing(&stage);
    assert_eq!(before.len(), 1, "{:?}", stage.agents());
    let (started, told) = server::run(&stage.settings(), &["serve"]).await;
    assert!(!started, "{told}");
    assert!(told.contains("another server is at work in"), "{told}");
    assert_eq!(playing(&stage), before);
    stage.open("go");
    happy_end(stage, issue, "a second server tried").await;
}

/// The agents that play a script, without what they have started.
fn playing(stage: &Stage) -> Vec<Marked> {
    let mut agents = stage.agents();
    agents.retain(|process| process.line.contains("scripted-agent"));
    agents
}
