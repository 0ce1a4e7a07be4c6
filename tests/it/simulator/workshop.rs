//! Agents and checks as they are in life: they work, hang, crash, fail their edits, break their contracts, and
//! go on living for a while when the process that started them is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use footplate::engine::{Error, Page, Slot, Work, Workshop};
use footplate::model::{
    Artifact, ArtifactName, AttemptKey, CommitId, ContentHash, MicroUsd, Role, Timestamp, TokenUsage,
};
use footplate::run::{Attempt, Failure, Report, Share, Split, Verdict};
use footplate::workflow::{Field, Node, NodeKind};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::scene::{Scene, beat};
use super::watch;

/// What goes on at the bench, outside of the process.
#[derive(Default)]
pub(super) struct Bench {
    /// Attempts whose agents live.
    pub(super) alive: BTreeSet<AttemptKey>,
    /// Every worktree that was ever opened.
    pub(super) opened: BTreeSet<AttemptKey>,
    /// What each attempt really came to.
    pub(super) made: BTreeMap<AttemptKey, Report>,
    /// Whose artifact a content is.
    pub(super) authors: BTreeMap<ContentHash, BTreeSet<AttemptKey>>,
    plans: u32,
}

/// The bench of one process.
pub(super) struct Workbench {
    scene: Arc<Scene>,
    places: Arc<Semaphore>,
}

impl Workbench {
    pub(super) fn new(scene: Arc<Scene>) -> Self {
        Self {
            scene,
            places: Arc::new(Semaphore::new(2)),
        }
    }

    /// The artifact of a name that the page shows, with its text.
    fn input(&self, page: &Page, name: &str) -> Option<(ContentHash, String)> {
        let name = ArtifactName::new(name).ok()?;
        let producer = page.frozen.workflow.producer(&name)?;
        let hash = *page.run.node(&producer.id)?.artifacts.get(&name)?;
        let text = self
            .scene
            .shelf()
            .content(&hash)
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())?;
        Some((hash, text))
    }

    /// What goes wrong with an attempt, if something does.
    fn mishap(&self, node: &Node) -> Option<Verdict> {
        let odds = self.scene.faults().attempts;
        let mut chance = self.scene.chance();
        if !chance.per_mille(odds) {
            return None;
        }
        let is_agent = node.agent().is_some();
        let class = match chance.below(if is_agent { 9 } else { 2 }) {
            0 => Failure::Machine,
            1 => Failure::Crash,
            2 => Failure::Hang,
            3 => Failure::EditFailed,
            4 => Failure::Empty,
            5 => Failure::MissingArtifact,
            6 => Failure::NoChange,
            _ => {
                return Some(Verdict::Returned {
                    findings: vec!["`steps` is missing.".to_owned()],
                });
            }
        };
        Some(Verdict::Failed {
            class,
            why: "It failed.".to_owned(),
        })
    }

    /// The texts that a successful attempt leaves.
    fn write(&self, page: &Page, node: &Node, key: &AttemptKey, report: &mut Report) {
        for name in &node.writes {
            let text = match name.stem() {
                "plan" => self.plan(report),
                "exploration" => {
                    report
                        .fields
                        .insert("files".to_owned(), Field::Number(f64::from(key.n)));
                    format!("---\nfootplate: exploration/1\nfiles: [src/widgets.py]\n---\nBy {key}.\n")
                }
                "implementation" => {
                    let undone = self.scene.chance().next() % 3;
                    report.fields.insert(
                        "undone".to_owned(),
                        Field::Number(f64::from(u8::try_from(undone).unwrap_or(0))),
                    );
                    format!(
                        "---\nfootplate: implementation/1\nsteps: [{{id: 1, done: true}}]\n---\nBy {key}.\n"
                    )
                }
                stem if stem.ends_with("checks") => {
                    let passed = self.scene.chance().per_mille(800);
                    report.passed = Some(passed);
                    report
                        .fields
                        .insert("verified".to_owned(), Field::Text(passed.to_string()));
                    let commit = start(page, key);
                    format!(
                        "---\nfootplate: checks/1\ncommit: {commit}\ncommands: []\nverified: unknown\n---\nBy {key}.\n"
                    )
                }
                stem if stem.ends_with("validation") => {
                    let passed = self.scene.chance().per_mille(700);
                    report.passed = Some(passed);
                    let word = if passed { "pass" } else { "fail" };
                    report
                        .fields
                        .insert("verdict".to_owned(), Field::Text(word.to_owned()));
                    format!(
                        "---\nfootplate: validation/1\nverdict: {word}\ncriteria: [{{criterion: 1, met: {passed}, evidence: seen}}]\nfindings: []\n---\nBy {key}.\n"
                    )
                }
                _ => format!("Notes by {key}.\n"),
            };
            let hash = self.scene.shelf().keep(text.as_bytes());
            self.scene
                .bench()
                .authors
                .entry(hash)
                .or_default()
                .insert(key.clone());
            report.artifacts.push(Artifact {
                name: name.clone(),
                hash,
            });
        }
    }

    /// A plan; planners often come to a plan that they had before.
    fn plan(&self, report: &mut Report) -> String {
        let mut chance = self.scene.chance();
        let again = chance.per_mille(200);
        let asks = chance.per_mille(120);
        drop(chance);
        let mut bench = self.scene.bench();
        if !again || bench.plans == 0 {
            bench.plans += 1;
        } else if bench.plans > 1 {
            let number = 1 + self.scene.chance().below(bench.plans as usize);
            let number = u32::try_from(number).unwrap_or(1);
            report.shares = shares(number);
            return plan_text(number, false);
        }
        if asks {
            report.questions = 1;
        }
        report.shares = shares(bench.plans);
        plan_text(bench.plans, asks)
    }
}

fn plan_text(number: u32, asks: bool) -> String {
    let questions = if asks {
        "questions: [Which?]"
    } else {
        "questions: []"
    };
    format!(
        "---\nfootplate: plan/1\nsummary: Do it the way no. {number}.\nfiles: [src/widgets.py]\nsteps:\n  - {{id: 1, title: Do it, class: logic, files: [src/widgets.py]}}\ntests: [make test]\ncriteria: [it works]\nrisks: []\n{questions}\nsize: small\n---\nThe way no. {number}.\n"
    )
}

/// How the work of a plan is divided, which is a matter of the plan alone: every third is for one class of steps, the
/// others for two or three, of which some need another one first.
fn shares(plan: u32) -> Vec<Share> {
    let share = |class: &str, role, after: &[usize]| Share {
        class: class.to_owned(),
        role,
        steps: vec![1],
        files: vec![file_of(class).to_owned()],
        after: after.to_vec(),
    };
    let logic = share("logic", Role::Implement, &[]);
    match plan % 3 {
        0 => Vec::new(),
        1 => vec![logic, share("design", Role::Design, &[])],
        _ => vec![
            logic,
            share("design", Role::Design, &[0]),
            share("tests", Role::Implement, &[]),
        ],
    }
}

/// The file that a class of steps changes.
pub(super) fn file_of(class: &str) -> &'static str {
    match class {
        "design" => "src/widgets.css",
        "tests" => "tests/test_widgets.py",
        _ => "src/widgets.py",
    }
}

/// The attempt as the log shows it.
fn attempt<'a>(page: &'a Page, key: &AttemptKey) -> Option<&'a Attempt> {
    let node = page.run.node(&key.node)?;
    node.attempts
        .iter()
        .find(|attempt| attempt.generation == key.generation && attempt.n == key.n)
}

fn start(page: &Page, key: &AttemptKey) -> String {
    attempt(page, key)
        .map(|attempt| attempt.start.to_string())
        .unwrap_or_default()
}

impl Workshop for Workbench {
    async fn slot(&self, node: &Node, stop: &CancellationToken) -> Option<Slot> {
        beat().await;
        if matches!(node.kind, NodeKind::Publish) {
            return Some(Slot(None));
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => None,
            permit = Arc::clone(&self.places).acquire_owned() => Some(Slot(permit.ok())),
        }
    }

    async fn attempt(&self, page: &Page, key: &AttemptKey, stop: &CancellationToken) -> Result<Work, Error> {
        beat().await;
        let node = page
            .frozen
            .workflow
            .node(&key.node)
            .expect("the crew looked it up");
        let started = self.scene.now();
        watch::opened(&self.scene, page, key);
        self.scene.tell(|| format!("{key:?} is at work"));
        if let Some(split) = page.run.splits.get(&key.node)
            && attempt(page, key).is_some_and(|attempt| attempt.candidate.is_none())
        {
            return self.put_together(page, node, key, split).await;
        }
        let plan = self.input(page, "plan.md").map(|(hash, _)| hash);
        let mishap = self.mishap(node);
        let hangs = matches!(
            mishap,
            Some(Verdict::Failed {
                class: Failure::Hang,
                ..
            })
        );
        let takes = if hangs {
            1800
        } else {
            5 + self.scene.chance().below(300) as u64
        };
        // An agent may be done in the very moment in which it is stopped.
        let too_late = !hangs && self.scene.chance().per_mille(200);
        let stopped = tokio::select! {
            biased;
            () = stop.cancelled() => true,
            () = self.scene.sleep(Duration::from_secs(takes)) => false,
        };
        let mut report = if stopped && !too_late {
            // TERM, grace, KILL.
            self.scene.sleep(Duration::from_millis(500)).await;
            Report::bare(key.clone(), Verdict::Cancelled, self.scene.now())
        } else if let Some(verdict) = mishap {
            if matches!(
                verdict,
                Verdict::Failed {
                    class: Failure::Machine,
                    ..
                }
            ) {
                close(&self.scene, key, None);
                return Err(Error::Transient {
                    why: "the disk is full".to_owned(),
                    after: None,
                });
            }
            Report::bare(key.clone(), verdict, self.scene.now())
        } else {
            let mut report = Report::bare(key.clone(), Verdict::Succeeded, self.scene.now());
            self.write(page, node, key, &mut report);
            if node.is_writer() {
                self.change_files(page, key, plan, &mut report);
            }
            report
        };
        self.count(started, &mut report);
        close(&self.scene, key, Some(&report));
        beat().await;
        Ok(report.into())
    }

    async fn put_away(&self, _: &Page) {
        // Worktrees are made anew for every attempt here; there is nothing to put away.
        beat().await;
    }

    async fn pause(&self, duration: Duration) {
        self.scene.sleep(duration).await;
    }
}

impl Workbench {
    /// What a writer leaves says which plan it was made from.
    fn change_files(&self, page: &Page, key: &AttemptKey, plan: Option<ContentHash>, report: &mut Report) {
        let Some(attempt) = attempt(page, key) else { return };
        let from = plan.map_or("no plan".to_owned(), |plan| plan.to_string());
        let astray = self
            .scene
            .chance()
            .per_mille(if self.scene.faults().attempts > 0 { 30 } else { 0 });
        let mut repo = self.scene.repo();
        let mut files = (*repo.files(&attempt.start)).clone();
        let class = page
            .run
            .part(&key.node)
            .map(|(_, part)| part.share.class.as_str());
        files.insert(
            file_of(class.unwrap_or("logic")).to_owned(),
            format!("{from} {key}"),
        );
        if astray {
            files.insert("elsewhere.py".to_owned(), key.to_string());
        }
        let commit = repo.commit(vec![attempt.start.clone()], files, &key.to_string(), false);
        report.snapshot = Some(commit);
    }

    /// Git puts together what the parts of a node left, or cannot.
    async fn put_together(
        &self,
        page: &Page,
        node: &Node,
        key: &AttemptKey,
        split: &Split,
    ) -> Result<Work, Error> {
        self.scene.sleep(Duration::from_secs(1)).await;
        let (fails, conflicts) = {
            let mut chance = self.scene.chance();
            (chance.per_mille(50), chance.per_mille(250))
        };
        if fails && self.scene.faults().attempts > 0 {
            close(&self.scene, key, None);
            return Err(Error::Transient {
                why: "the disk is full".to_owned(),
                after: None,
            });
        }
        let is_needed = |at: usize| split.parts.iter().any(|part| part.share.after.contains(&at));
        let ends = split.parts.iter().enumerate().filter(|(at, _)| !is_needed(*at));
        let ends: Vec<CommitId> = ends
            .filter_map(|(_, part)| page.run.node(&part.node)?.snapshot.clone())
            .collect();
        let mut report = Report::bare(key.clone(), Verdict::Succeeded, self.scene.now());
        if ends.is_empty() {
            report.verdict = Verdict::Failed {
                class: Failure::NoChange,
                why: "None of its parts changed a file.".to_owned(),
            };
            close(&self.scene, key, Some(&report));
            return Ok(report.into());
        }
        {
            let mut repo = self.scene.repo();
            let base = repo.files(&page.run.base_commit);
            let mut files = (*base).clone();
            for end in &ends {
                let changed = repo.files(end);
                let changed = changed
                    .iter()
                    .filter(|(path, text)| base.get(*path) != Some(*text));
                files.extend(changed.map(|(path, text)| (path.clone(), text.clone())));
            }
            report.snapshot = Some(repo.commit(ends, files, &key.to_string(), false));
        }
        if conflicts {
            report.verdict = Verdict::Failed {
                class: Failure::Conflict,
                why: "Git could not put one file together.".to_owned(),
            };
        } else {
            self.write(page, node, key, &mut report);
        }
        close(&self.scene, key, Some(&report));
        beat().await;
        Ok(report.into())
    }

    fn count(&self, started: Timestamp, report: &mut Report) {
        let mut chance = self.scene.chance();
        report.started = started;
        report.ended = self.scene.now();
        if chance.per_mille(900) {
            let input = 1000 + chance.next() % 1000;
            report.usage = Some(TokenUsage {
                input,
                output: 100,
                ..TokenUsage::default()
            });
            report.cost = Some(MicroUsd(input));
        }
    }
}

fn close(scene: &Scene, key: &AttemptKey, report: Option<&Report>) {
    scene.tell(|| match report {
        Some(report) => format!("{key:?} left the bench: {:?}", report.verdict),
        None => format!("{key:?} left the bench: the machine failed"),
    });
    let mut bench = scene.bench();
    bench.alive.remove(key);
    if let Some(report) = report {
        bench.made.insert(key.clone(), report.clone());
    }
}
