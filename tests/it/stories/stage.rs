//! The stage of a story: a stand-in for GitHub, a server, and what can be seen of both.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::Duration;

use footplate::model::CommentId;
use footplate::rehearsal::world::{Comment, RepositoryRole, Thread, World};
use footplate::rehearsal::{Hub, RepositorySetup, Setup, StandIn, THROWAWAY_KEY};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::unix::pipe;

use crate::openapi;

use super::processes::{kill, marked};
use super::scripts::{self, Script};
use super::server::{self, Server};

/// How long anything may take before a story is given up: generous, because machines that test do much at once.
const PATIENCE: Duration = Duration::from_mins(3);

/// The name of the repository on the stage.
pub(crate) const REPOSITORY: &str = "octo/words";

/// The secret that signs webhooks on the stage.
pub(crate) const SECRET: &str = "a story's secret";

/// What a stage is made of.
pub(crate) struct Set {
    files: Vec<(String, String)>,
    first: Script,
    second: Option<Script>,
    guard: String,
    sandbox: &'static str,
    route: Option<String>,
    harnesses: String,
    more: String,
    limits: footplate::rehearsal::Limits,
}

impl Set {
    /// A repository of words, and an agent that does the right thing.
    pub(crate) fn new() -> Self {
        Self {
            files: scripts::FILES
                .iter()
                .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
                .collect(),
            first: Script::good(),
            second: None,
            guard: "grace: 300ms, status_pause: 0s".to_owned(),
            sandbox: "none",
            route: None,
            harnesses: String::new(),
            more: String::new(),
            limits: footplate::rehearsal::Limits::default(),
        }
    }

    /// What the first candidate does in one role.
    pub(crate) fn role(mut self, role: &str, steps: serde_json::Value) -> Self {
        self.first = self.first.with(role, steps);
        self
    }

    /// Adds a candidate that `implement` falls back to, and that has all other roles.
    pub(crate) fn second(mut self, script: Script) -> Self {
        self.second = Some(script);
        self
    }

    /// More of the guard, as it stands in the settings, such as `idle: 1s`.
    pub(crate) fn guard(mut self, guard: &str) -> Self {
        self.guard = format!("{}, {guard}", self.guard);
        self
    }

    /// The sandbox of agents and checks; stories have none unless they are about it, since their agents ring bells.
    pub(crate) fn sandbox(mut self, tier: &'static str) -> Self {
        self.sandbox = tier;
        self
    }

    /// One candidate for all roles, in place of the scripted ones.
    pub(crate) fn route(mut self, candidate: &str) -> Self {
        self.route = Some(candidate.to_owned());
        self
    }

    /// Another harness, such as `{kind: command, argv: [sh]}`.
    pub(crate) fn harness(mut self, name: &str, text: &str) -> Self {
        self.harnesses = format!("{}  {name}: {text}\n", self.harnesses);
        self
    }

    /// More lines of the settings.
    pub(crate) fn settings(mut self, lines: &str) -> Self {
        self.more.push_str(lines);
        self.more.push('\n');
        self
    }

    /// Another file in the repository, or another content of one.
    pub(crate) fn file(mut self, path: &str, text: &str) -> Self {
        self.files.retain(|(known, _)| known != path);
        self.files.push((path.to_owned(), text.to_owned()));
        self
    }

    /// Lets a client create as much as it likes, for stories that take longer than people would.
    pub(crate) fn without_content_limit(mut self) -> Self {
        self.limits.content_per_minute = None;
        self
    }

    /// Builds the stage and raises the curtain.
    pub(crate) async fn start(self) -> Stage {
        let mut stage = self.build().await;
        stage.start().await;
        stage
    }

    /// Builds the stage with the server not yet running.
    pub(crate) async fn build(self) -> Stage {
        let files: Vec<(&str, &str)> = self
            .files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
            .collect();
        let repository = RepositorySetup::with_files(REPOSITORY, &files)
            .role("wanda", RepositoryRole::Write)
            .role("tristan", RepositoryRole::Triage)
            .role("rhea", RepositoryRole::Read);
        let mut setup = Setup::of(repository);
        setup.limits = self.limits.clone();
        let standin = StandIn::start(setup).await.expect("the stand-in starts");
        let folder = tempfile::Builder::new()
            .prefix("footplate-story-")
            .tempdir()
            .expect("there is room for a folder");
        let at = folder.path().to_owned();
        nix::unistd::mkfifo(&at.join("bell"), nix::sys::stat::Mode::S_IRWXU).expect("a bell can be hung");
        let bell = pipe::OpenOptions::new()
            .read_write(true)
            .open_receiver(at.join("bell"))
            .expect("the bell can be heard");
        let stage = Stage {
            bell: BufReader::new(bell).lines(),
            data: at.join("data"),
            folder,
            server: None,
            standin,
        };
        stage.write("key.pem", THROWAWAY_KEY);
        stage.rewrite("first.json", &self.first);
        stage.rewrite("second.json", self.second.as_ref().unwrap_or(&self.first));
        stage.write("footplate.yml", &self.yaml(&stage));
        stage
    }

    fn yaml(&self, stage: &Stage) -> String {
        let (others, implementers) = match (&self.route, &self.second) {
            (Some(route), _) => (route.as_str(), format!("[{route}]")),
            (None, Some(_)) => ("second", "[first, second]".to_owned()),
            (None, None) => ("first", "[first]".to_owned()),
        };
        format!(
            "listen: 127.0.0.1:0\ndata_dir: {}\nsandbox: {}\ngithub:\n  app_id: 12345\n  private_key: key.pem\n  \
             webhook_secret: {SECRET}\n  api_url: {}\n  url: {}\n  write_gap: 0s\nharnesses:\n  first: {{kind: \
             scripted, file: first.json}}\n  second: {{kind: scripted, file: second.json}}\n{}routes:\n  explore: \
             [{others}]\n  plan: [{others}]\n  implement: {implementers}\n  validate: [{others}]\nguard: {{{}}}\n{}",
            stage.data.display(),
            self.sandbox,
            stage.api_url(),
            stage.url(),
            self.harnesses,
            self.guard,
            self.more
        )
    }
}

/// A world in which a story plays. It dereferences to the stand-in's [`Hub`], which has what people do.
pub(crate) struct Stage {
    standin: StandIn,
    server: Option<Server>,
    bell: Lines<BufReader<pipe::Receiver>>,
    data: PathBuf,
    folder: tempfile::TempDir,
}

impl Deref for Stage {
    type Target = Hub;

    fn deref(&self) -> &Hub {
        &self.standin
    }
}

/// A plan as it stands in its comment.
#[derive(Debug, Clone)]
pub(crate) struct PlanComment {
    /// The comment.
    pub(crate) id: CommentId,
    /// Its text.
    pub(crate) body: String,
    /// The hash that it offers to approve.
    pub(crate) hash: String,
}

/// A pull request as it stands on GitHub.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    /// Its number.
    pub(crate) number: u64,
    /// Its branch.
    pub(crate) branch: String,
    /// The branch's commit.
    pub(crate) head: String,
    /// The branch it goes to.
    pub(crate) base: String,
    /// Its title.
    pub(crate) title: String,
    /// Its text.
    pub(crate) body: String,
}

impl Stage {
    // The server.

    /// Starts the server and points the App's webhooks at it.
    pub(crate) async fn start(&mut self) {
        assert!(self.server.is_none(), "there is a server already");
        let server = Server::start(&self.settings(), &self.log_file()).await;
        self.set_webhook(&format!("http://{}/webhook", server.address), SECRET);
        self.server = Some(server);
    }

    /// Kills the server without warning.
    pub(crate) async fn kill_9(&mut self) {
        self.server.take().expect("there is a server").kill_9().await;
    }

    /// Kills the server without warning and starts it again; what GitHub could not deliver, somebody delivers
    /// again.
    pub(crate) async fn crash(&mut self) {
        self.kill_9().await;
        self.start().await;
        self.redeliver_failed().await;
    }

    /// Stops the server politely.
    pub(crate) async fn stop(&mut self) {
        let code = self.server.take().expect("there is a server").terminate().await;
        assert_eq!(code, Some(0), "the server's log:\n{}", self.log());
    }

    /// Sends every delivery again that was sent and not accepted.
    pub(crate) async fn redeliver_failed(&self) {
        self.settled(PATIENCE).await.expect("what is due can be sent");
        let failed: Vec<String> = self.read(|world| {
            let failed = world
                .deliveries
                .iter()
                .filter(|delivery| !delivery.accepted() && !delivery.dropped);
            failed.map(|delivery| delivery.guid.clone()).collect()
        });
        for guid in failed {
            self.redeliver(&guid);
        }
    }

    /// The address of the server's front, such as `http://127.0.0.1:40123`.
    pub(crate) fn front(&self) -> String {
        format!(
            "http://{}",
            self.server.as_ref().expect("there is a server").address
        )
    }

    /// The settings file.
    pub(crate) fn settings(&self) -> PathBuf {
        self.folder.path().join("footplate.yml")
    }

    /// The server's data folder.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// The stage's own folder, `@STAGE@` in scripts.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What the server has logged.
    pub(crate) fn log(&self) -> String {
        server::read(&self.log_file())
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).expect("the stage's folder can be written");
    }

    /// Gives an agent another script; `first.json` or `second.json`.
    pub(crate) fn rewrite(&self, name: &str, script: &Script) {
        self.write(name, &script.text(&self.folder.path().display().to_string()));
    }

    // The agents.

    /// Waits until an agent rings the bell; returns its word.
    pub(crate) async fn bell(&mut self) -> String {
        match tokio::time::timeout(PATIENCE, self.bell.next_line()).await {
            Ok(Ok(Some(word))) => word,
            other => panic!("no agent rang the bell: {other:?}\n{}", self.picture()),
        }
    }

    /// Opens a gate at which an agent waits.
    pub(crate) fn open(&self, gate: &str) {
        self.write(gate, "");
    }

    /// The processes of this server's agents that are alive.
    pub(crate) fn agents(&self) -> Vec<super::processes::Marked> {
        marked(&self.data)
    }

    // What people do.

    /// Writes a comment that GitHub takes.
    pub(crate) fn say(&self, who: &str, thread: u64, text: &str) -> CommentId {
        self.comment(who, thread, text)
            .unwrap_or_else(|error| panic!("{who} cannot comment: {error}"))
    }

    /// Opens the issue as its owner and labels it.
    pub(crate) fn ask(&self) -> u64 {
        let issue = self.issue();
        self.label("octo", issue, "agent:build")
            .expect("the owner may label");
        issue
    }

    /// Opens the issue as the repository's owner.
    pub(crate) fn issue(&self) -> u64 {
        self.open_issue("octo", scripts::TITLE, "Please add it after one.")
            .expect("the owner may open issues")
    }

    // What people see.

    /// Waits until something can be seen on GitHub.
    pub(crate) async fn see<T>(&self, what: &str, look: impl FnMut(&World) -> Option<T>) -> T {
        match self.until(PATIENCE, look).await {
            Ok(seen) => seen,
            Err(late) => panic!("waited in vain for {what}: {late}\n{}", self.picture()),
        }
    }

    /// Waits for the first revision of the plan.
    pub(crate) async fn plan(&self, issue: u64) -> PlanComment {
        self.revision(issue, 1).await
    }

    /// Waits for a revision of the plan.
    pub(crate) async fn revision(&self, issue: u64, revision: u32) -> PlanComment {
        let wanted = format!("kind=plan generation={revision} ");
        let what = format!("revision {revision} of the plan");
        // An approval counts once Footplate knows that its plan is posted, which the status comment shows.
        let link = format!("[Plan, revision {revision}]");
        self.see(&what, |world| {
            let thread = thread(world, issue)?;
            let newest = ours(thread)
                .filter(|comment| comment.body.contains(" kind=plan "))
                .last()?;
            status(thread).filter(|status| status.contains(&link))?;
            let comment = Some(newest).filter(|comment| comment.body.contains(&wanted))?;
            let hash = comment.body.split("`/approve ").nth(1);
            let hash = hash
                .and_then(|rest| rest.split('`').next())
                .unwrap_or_default()
                .to_owned();
            Some(PlanComment {
                id: CommentId(comment.id),
                body: comment.body.clone(),
                hash,
            })
        })
        .await
    }

    /// Waits for the plan and approves it; then waits for the pull request.
    pub(crate) async fn build(&self, issue: u64) -> Opened {
        self.plan(issue).await;
        self.say("octo", issue, "/approve");
        self.pull(issue).await
    }

    /// Approves the plan, and waits until the implementer rings that it works.
    pub(crate) async fn set_to_work(&mut self, issue: u64) {
        self.say("octo", issue, "/approve");
        assert_eq!(self.bell().await, "working");
    }

    /// Waits until the issue is in review, and returns its pull request.
    pub(crate) async fn pull(&self, issue: u64) -> Opened {
        self.standing(issue, "in review").await;
        self.read(|world| opened(world).pop())
            .unwrap_or_else(|| panic!("there is no pull request\n{}", self.picture()))
    }

    /// How many comments of a kind Footplate has written under an issue.
    pub(crate) fn comments_of_kind(&self, issue: u64, kind: &str) -> usize {
        let mark = format!(" kind={kind} ");
        self.read(|world| {
            let thread = thread(world, issue).expect("the issue");
            ours(thread)
                .filter(|comment| comment.body.contains(&mark))
                .count()
        })
    }

    /// All pull requests, oldest first.
    pub(crate) fn pulls(&self) -> Vec<Opened> {
        self.read(opened)
    }

    /// Waits until the status comment has this headline, and the label says so too.
    pub(crate) async fn standing(&self, issue: u64, headline: &str) {
        let label = match headline {
            "working" => Some("agent:working"),
            "in review" => Some("agent:review"),
            "merged" | "closed" | "planned" => Some("agent:done"),
            "failed" => Some("agent:failed"),
            "cancelled" => None,
            _ => Some("agent:waiting"),
        };
        let wanted = format!("### Footplate: {headline}\n");
        self.see(&format!("the standing {headline:?}"), |world| {
            let shows = status(thread(world, issue)?)?.contains(&wanted);
            let labels: Vec<String> = labels(world, issue)
                .into_iter()
                .filter(|label| label.starts_with("agent:"))
                .collect();
            (shows && labels.iter().map(String::as_str).eq(label)).then_some(())
        })
        .await;
    }

    /// The text of the status comment.
    pub(crate) fn status(&self, issue: u64) -> String {
        self.read(|world| thread(world, issue).and_then(status).unwrap_or_default())
    }

    /// What Footplate wrote in a thread, oldest first.
    pub(crate) fn said(&self, number: u64) -> Vec<String> {
        self.read(|world| {
            thread(world, number)
                .map(|thread| ours(thread).map(|comment| comment.body.clone()).collect())
                .unwrap_or_default()
        })
    }

    /// Footplate's answers in a thread (all that is neither status nor plan), without markers.
    pub(crate) fn answers(&self, number: u64) -> Vec<String> {
        self.read(|world| thread(world, number).map(answers).unwrap_or_default())
    }

    /// Waits for Footplate's reaction to a comment.
    pub(crate) async fn reaction(&self, comment: CommentId) -> String {
        self.see("a reaction", |world| {
            let (_, _, comment) = world.comment(comment.0)?;
            comment.reactions.first().map(|reaction| reaction.content.clone())
        })
        .await
    }

    /// Waits for an answer that holds these words.
    pub(crate) async fn answer(&self, number: u64, words: &str) -> String {
        self.see(&format!("an answer with {words:?}"), |world| {
            let answers = answers(thread(world, number)?);
            answers.into_iter().find(|answer| answer.contains(words))
        })
        .await
    }

    /// Waits until everything that happened on this thread so far has been looked at: what happens in one thread
    /// is decided in its order, so that the answer to a question asked now comes last. Reading people may do this.
    pub(crate) async fn quiet(&self, number: u64) {
        let asked = self.say("octo", number, "/footplate help");
        let key = format!("{}", asked.0);
        self.see("the answer that everything before was looked at", |world| {
            let mut all = ours(thread(world, number)?);
            let marked = all.any(|comment| {
                comment.body.contains(&format!("key={key} "))
                    || comment.body.contains(&format!("key=help-{key} "))
            });
            marked.then_some(())
        })
        .await;
    }

    /// A file on a branch of the repository.
    pub(crate) fn file(&self, branch: &str, path: &str) -> Option<String> {
        let dir = self.read(|world| world.first_repository().dir.clone());
        let repository = git2::Repository::open_bare(dir).expect("the stand-in has a repository");
        let commit = repository.find_reference(&format!("refs/heads/{branch}")).ok()?;
        let tree = commit.peel_to_tree().expect("a branch is a commit");
        let entry = tree.get_path(Path::new(path)).ok()?;
        let blob = repository.find_blob(entry.id()).ok()?;
        Some(String::from_utf8_lossy(blob.content()).into_owned())
    }

    /// The commits of a branch that its base has not, newest first.
    pub(crate) fn commits(&self, base: &str, branch: &str) -> Vec<String> {
        let dir = self.read(|world| world.first_repository().dir.clone());
        let repository = git2::Repository::open_bare(dir).expect("the stand-in has a repository");
        let mut walk = repository.revwalk().expect("a repository can be walked");
        walk.push_ref(&format!("refs/heads/{branch}"))
            .expect("the branch is there");
        walk.hide_ref(&format!("refs/heads/{base}"))
            .expect("the base is there");
        walk.map(|commit| commit.expect("a commit").to_string()).collect()
    }

    /// The branches of the repository besides `main`.
    pub(crate) fn branches(&self) -> Vec<String> {
        let dir = self.read(|world| world.first_repository().dir.clone());
        let repository = git2::Repository::open_bare(dir).expect("the stand-in has a repository");
        let references = repository
            .references_glob("refs/heads/*")
            .expect("refs can be listed");
        references
            .flatten()
            .filter_map(|reference| Some(reference.shorthand().ok()?.to_owned()))
            .filter(|name| name != "main")
            .collect()
    }

    /// What `footplate runs list --json` says.
    pub(crate) async fn runs(&self) -> Vec<serde_json::Value> {
        let (done, text) = server::run(&self.settings(), &["--json", "runs", "list", "--all"]).await;
        assert!(done, "{text}");
        let listed: serde_json::Value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        listed["runs"].as_array().expect("a list of runs").clone()
    }

    // The end.

    /// Ends the story: nothing that GitHub would not take was asked, and no process is left.
    pub(crate) async fn end(mut self) {
        self.settled(PATIENCE).await.expect("what is due can be sent");
        if self.server.is_some() {
            self.stop().await;
        }
        let violations = self.violations();
        assert!(violations.is_empty(), "{violations:#?}\n{}", self.picture());
        let foreign = openapi::unknown_to_github(&self.requests());
        assert!(
            foreign.is_empty(),
            "GitHub's own description does not know these: {foreign:#?}"
        );
        let left = self.agents();
        assert!(left.is_empty(), "these survive: {left:#?}\n{}", self.picture());
    }

    /// The world and the server's log, for messages of failure.
    pub(crate) fn picture(&self) -> String {
        format!(
            "the stand-in's world:\n{}\nthe server's log:\n{}",
            self.read(World::dump),
            self.log()
        )
    }
}

impl Drop for Stage {
    /// Leaves nothing running when a story fails.
    fn drop(&mut self) {
        // The server dies with its handle, and must not start anything in the meantime.
        self.server = None;
        for process in self.agents() {
            kill(process.pid);
        }
    }
}

/// An issue or pull request.
pub(crate) fn thread(world: &World, number: u64) -> Option<&Thread> {
    world.first_repository().threads.get(&number)
}

/// Footplate's comments in a thread.
pub(crate) fn ours(thread: &Thread) -> impl Iterator<Item = &Comment> {
    thread.comments.iter().filter(|comment| comment.app.is_some())
}

fn status(thread: &Thread) -> Option<String> {
    let comment = ours(thread).find(|comment| comment.body.contains(" kind=status "))?;
    Some(comment.body.clone())
}

fn labels(world: &World, issue: u64) -> Vec<String> {
    let repository = world.first_repository();
    let names = thread(world, issue).map(|thread| repository.labels_of(thread));
    names.unwrap_or_default().into_iter().map(str::to_owned).collect()
}

fn answers(thread: &Thread) -> Vec<String> {
    let spoken = ours(thread)
        .filter(|comment| !comment.body.contains(" kind=status ") && !comment.body.contains(" kind=plan "));
    spoken
        .map(|comment| {
            let lines = comment.body.lines();
            let kept: Vec<&str> = lines
                .filter(|line| !line.starts_with("<!-- footplate:"))
                .collect();
            kept.join("\n").trim().to_owned()
        })
        .collect()
}

fn opened(world: &World) -> Vec<Opened> {
    let pulls = world.first_repository().pulls();
    pulls
        .filter_map(|thread| {
            let pull = thread.pull.as_ref()?;
            Some(Opened {
                number: thread.number,
                branch: pull.head_ref.clone(),
                head: pull.head_sha.clone(),
                base: pull.base_ref.clone(),
                title: thread.title.clone(),
                body: thread.body.clone().unwrap_or_default(),
            })
        })
        .collect()
}
