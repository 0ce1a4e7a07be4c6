//! Where an attempt takes place: a real mirror and worktree, a meter, and a scripted endpoint behind it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use footplate::agent::{
    self, Agent as _, Ended, FailureClass, Limits, Marker, Order, Verdict, VerdictFacts, verdict,
};
use footplate::git::{self, Git, Mirror};
use footplate::ledger::Reading;
use footplate::meter::{self, Lease, Meter, OnWrongModel, Pin, Upstream};
use footplate::model::{ArtifactName, AttemptKey, CommitId, Role, SystemClock, Timestamp};
use footplate::rehearsal::endpoint::{Counts, Endpoint, Fault, KeyCounts, Scenario, Script, Seen};
use secrecy::SecretString;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::subject::Subject;

const BRIEF: &str = "# Your task: implement\n\nReplace hello world by hello footplate.\n";
/// The only file of the repository.
pub(super) const HELLO: &str = "hello world\nsecond line\n";
const KEY: &str = "key-1";
/// Requests that an attempt may make: more than any that goes well, and few enough to be reached soon.
pub(super) const REQUESTS: u32 = 30;
/// From start to end. Programs that take ten seconds on an idle machine take long on a busy one.
pub(super) const WALL: Duration = Duration::from_mins(4);

/// A repository of its own for every cell.
pub(super) struct Field {
    subject: Subject,
    folder: TempDir,
    mirror: Mirror,
    start: CommitId,
}

/// What became of an attempt.
pub(super) struct Outcome {
    pub(super) ended: Ended,
    pub(super) verdict: Verdict,
    pub(super) reading: Reading,
    pub(super) counts: Counts,
    pub(super) seen: Vec<Seen>,
    pub(super) changed: bool,
    /// Processes that still carried the attempt's mark.
    pub(super) alive: Vec<String>,
}

impl Outcome {
    /// The class, by the name under which it is stored.
    pub(super) fn class(&self) -> String {
        match &self.verdict {
            Verdict::Success => "success".to_owned(),
            Verdict::Failure(class) => class_name(class),
        }
    }

    /// The endpoint's own count.
    pub(super) fn told(&self) -> KeyCounts {
        self.counts.key(KEY)
    }

    /// How many answers began, or might have, and never told what they used. Without a stream a cut is a reset:
    /// nothing began, and nothing was used.
    pub(super) fn untold(&self) -> u32 {
        let untold = self.seen.iter().filter(|seen| match seen.fault {
            Some(Fault::HangBeforeHeaders | Fault::StallMidStream) => true,
            Some(Fault::CutMidStream) => seen.stream,
            _ => false,
        });
        u32::try_from(untold.count()).expect("a few")
    }
}

fn class_name(class: &FailureClass) -> String {
    let value = serde_json::to_value(class).expect("a class is data");
    value["class"].as_str().expect("it is tagged").to_owned()
}

impl Field {
    pub(super) async fn new(subject: Subject) -> Self {
        let folder = tempfile::Builder::new()
            .prefix(&format!("matrix-{}-", subject.name()))
            .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
            .expect("a temporary folder");
        let origin = folder.path().join("origin");
        std::fs::create_dir(&origin).expect("a folder");
        std::fs::write(origin.join("hello.txt"), HELLO).expect("a file");
        for arguments in [
            &["init", "--quiet", "--initial-branch=main"][..],
            &["add", "."],
            &["commit", "--quiet", "--message=first"],
        ] {
            git_in(&origin, folder.path(), arguments);
        }
        let git = Git::find(git::Settings::default()).await.expect("git is there");
        let remote = origin.to_str().expect("the path is text");
        let mirror = Mirror::open(&git, &folder.path().join("mirror"), remote)
            .await
            .expect("a mirror");
        mirror.fetch(None).await.expect("the origin is there");
        let main = "main".parse().expect("a name of a branch");
        let start = mirror
            .head_of(&main)
            .await
            .expect("it can be read")
            .expect("main");
        Self {
            subject,
            folder,
            mirror,
            start,
        }
    }

    pub(super) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.worktree().join(name)).unwrap_or_default()
    }

    fn worktree(&self) -> PathBuf {
        self.folder.path().join("tree")
    }

    /// What lies in the worktree, besides git's own file.
    pub(super) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.worktree()).expect("a worktree");
        let mut names: Vec<_> = entries
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .filter(|name| name != ".git")
            .collect();
        names.sort();
        names
    }

    /// Throws the worktree back to the commit from which attempts start, as it happens before each.
    pub(super) async fn throw_back(&self) {
        self.mirror
            .worktree(&self.worktree(), &self.start)
            .await
            .expect("the worktree is made anew");
    }

    /// Runs an attempt as the workshop of the engine does.
    pub(super) async fn attempt(&self, n: u32, scenario: Scenario) -> Outcome {
        let mut script = Script::of([scenario]).key(KEY);
        script.models = vec![self.subject.model().to_owned()];
        let endpoint = Endpoint::start(script).await.expect("a free port");
        let settings = meter::Settings {
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_millis(200),
            // The breaker has tests of its own; here it would make cells wait for each other's faults.
            failures: 10_000,
            ..meter::Settings::default()
        };
        let meter = Meter::start(settings, Arc::new(SystemClock))
            .await
            .expect("a meter");
        let key: AttemptKey = format!("01jd0000000000000000000000/implement/1/{n}")
            .parse()
            .expect("a key");
        let ticket = meter.open(self.lease(&key, &endpoint));

        let worktree = self
            .mirror
            .worktree(&self.worktree(), &self.start)
            .await
            .expect("a worktree");
        assert_eq!(self.files(), ["hello.txt"], "an attempt begins on a clean tree");
        let brief = self.folder.path().join("brief.md");
        std::fs::write(&brief, BRIEF).expect("a brief");
        let artifacts = worktree.path.join(".footplate");
        let since = agent::place(&artifacts, &[]).expect("a folder for artifacts");
        let server = Marker::of_server(self.folder.path());
        let order = Order {
            key: key.clone(),
            role: Role::Implement,
            server: server.clone(),
            worktree: worktree.path.clone(),
            brief,
            artifacts: artifacts.clone(),
            home: self.folder.path().join(format!("home-{n}")),
            model: Some(self.subject.model().to_owned()),
            model_url: Some(ticket.base_url()),
            dialect: Some(self.subject.dialect()),
            effort: None,
            model_key: Some(ticket.key()),
            read_only: false,
            // A container may forbid a harness's own sandbox within, and the folder is a scratch one.
            confined: true,
            sandbox: None,
            limits: Limits {
                first_event: WALL,
                idle: WALL,
                tool: WALL,
                wall: WALL,
                grace: Duration::from_secs(2),
                output: Limits::OUTPUT,
            },
            path: None,
            env: BTreeMap::new(),
            started: Timestamp(1_000),
        };
        let harness = self.subject.harness();
        let ended = harness
            .run(&order, CancellationToken::new(), &())
            .await
            .expect("it starts");
        let alive = carriers(server.of_attempt(&key).as_str());
        let reading = ticket.close();

        let tampered = worktree.verify().await.is_err();
        let declared = [ArtifactName::new("implementation.md").expect("a name")];
        let (collected, refused) = match agent::collect(&artifacts, &declared, since) {
            Ok(artifacts) => (artifacts.len(), Vec::new()),
            Err(refused) => (0, refused),
        };
        let snapshot = worktree
            .snapshot("snapshot", Timestamp(2_000))
            .await
            .expect("a snapshot");
        let facts = VerdictFacts {
            must_change: true,
            changed: snapshot.changed,
            tampered,
            collected,
            refused: &refused,
            wire: &reading.faults,
            exact_model: true,
        };
        let verdict = verdict(&ended, facts);
        meter.stop().await;
        let seen = endpoint.seen();
        let counts = endpoint.stop().await;
        Outcome {
            ended,
            verdict,
            reading,
            counts,
            seen,
            changed: snapshot.changed,
            alive,
        }
    }

    fn lease(&self, key: &AttemptKey, endpoint: &Endpoint) -> Lease {
        let base = endpoint.address().parse().expect("an address");
        let secret = Some(SecretString::from(KEY));
        let upstream =
            Upstream::network("script", self.subject.dialect(), base, secret).expect("an upstream");
        Lease {
            model: Some(self.subject.model().to_owned()),
            pin: Pin::Rewrite,
            on_wrong_model: OnWrongModel::Fail,
            limits: meter::Limits {
                first_byte: Duration::from_secs(2),
                stream_idle: Duration::from_secs(2),
                requests: REQUESTS,
                tries: 2,
                patience: Duration::from_secs(20),
            },
            ..Lease::new(key.clone(), upstream)
        }
    }
}

/// All processes whose environment holds the mark, looked for without the product's help.
fn carriers(mark: &str) -> Vec<String> {
    let wanted = format!("FOOTPLATE_RUN={mark}");
    let entries = std::fs::read_dir("/proc").expect("this test wants /proc");
    entries
        .flatten()
        .filter(|entry| {
            entry
                .file_name()
                .to_string_lossy()
                .bytes()
                .all(|b| b.is_ascii_digit())
        })
        .filter(|entry| {
            let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
            environment
                .split(|byte| *byte == 0)
                .any(|variable| variable == wanted.as_bytes())
        })
        .map(|entry| {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).replace('\0', " ")
        })
        .collect()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test makes a repository as a person would"
)]
fn git_in(folder: &Path, home: &Path, arguments: &[&str]) {
    let status = std::process::Command::new("git")
        .args(["-c", "user.name=a", "-c", "user.email=a@b.invalid"])
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", home)
        .status()
        .expect("git starts");
    assert!(status.success());
}
