//! One attempt of an agent.

use std::path::PathBuf;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::access::{Room, settle};
use super::handover::{Handover, PATCH};
use super::{Bench, Depot, brief, machine, merge, shares};
use crate::agent::{
    self, Agent, CollectError, Ended, FailureClass, Harness, Limits, Order, Refusal, VerdictFacts, collect,
    place, place_beside, verdict,
};
use crate::contract::{self, Document};
use crate::engine::book::Page;
use crate::engine::error::Error;
use crate::engine::workshop::Work;
use crate::git::{Snapshot, Worktree};
use crate::ledger::{Account, WireFault};
use crate::model::{Artifact, ArtifactName, AttemptKey, Clock, ContentHash, Timestamp};
use crate::route::Candidate;
use crate::run::{Attempt, Failure, LimitsMs, RepeatWhy, Report, Verdict};
use crate::store::Journal;
use crate::workflow::{AgentNode, Field, Node, Tools};

/// The folder of the worktree in which artifacts are handed over.
pub(super) const ARTIFACTS: &str = ".footplate";

/// What an attempt left, as far as it can be taken at face value.
struct Left {
    tampered: bool,
    snapshot: Option<Snapshot>,
    artifacts: Vec<(ArtifactName, Vec<u8>)>,
    refused: Vec<CollectError>,
}

impl<J: Journal, C: Clock, D: Depot> Bench<J, C, D> {
    pub(super) async fn agent(
        &self,
        page: &Page,
        key: &AttemptKey,
        node: &Node,
        agent: &AgentNode,
        stop: &CancellationToken,
    ) -> Result<Work, Error> {
        let attempt = scheduled(page, key)?;
        let candidate: Candidate = match &attempt.candidate {
            Some((_, name)) => name.parse().map_err(machine)?,
            None if page.run.splits.contains_key(&node.id) => return self.merge(page, key, node).await,
            None => return Err(machine("an agent's attempt was scheduled without a candidate")),
        };
        let Some(harness) = self.equipment.harnesses.get(&candidate.harness) else {
            let why = format!(
                "The harness `{}` is not configured on this server.",
                candidate.harness
            );
            return Ok(self.failed(key, Failure::Machine, why).into());
        };
        let read_only = agent.tools == Tools::ReadOnly;
        let mirror = self.equipment.depot.mirror_of(&page.run.created.origin).await?;
        let worktree = self.equipment.folders.worktree(key);
        let worktree = mirror
            .worktree(&worktree, &attempt.start)
            .await
            .map_err(machine)?;
        let inputs = self.inputs(page, node).await?;
        let handover = Self::taken_over(page, key, &candidate.to_string());
        let brief = self
            .brief(page, key, node, agent, &inputs, handover.as_ref())
            .await?;
        let patch = match handover.and_then(|handover| handover.patch) {
            Some(hash) => Some(self.bytes(&hash).await?),
            None => None,
        };
        self.equipment.folders.open(key, Some(&brief)).await?;
        let folder = worktree.path.join(ARTIFACTS);
        let since = blocking({
            let (folder, inputs) = (folder.clone(), inputs);
            move || {
                let since = place(&folder, &inputs).map_err(machine)?;
                if let Some(patch) = patch {
                    place_beside(&folder, PATCH, &patch, since).map_err(machine)?;
                }
                Ok(since)
            }
        })
        .await?;

        let access = self.equipment.access.as_deref();
        let limits = limits_for(page, &candidate);
        let passage = match access
            .map(|access| access.passage(page, key, &candidate, harness, limits, self.clock.now()))
        {
            None => None,
            Some(Ok(passage)) => passage,
            Some(Err(why)) => return Ok(self.failed(key, Failure::Auth, why).into()),
        };
        let mut order = self.order(key, agent, &candidate, limits, &worktree, folder.clone());
        if let Some(passage) = &passage {
            order.model_url = Some(passage.ticket.base_url());
            order.model_key = Some(passage.ticket.key());
            order.dialect = Some(passage.upstream.dialect);
        }
        if let Some(access) = access {
            let mut files = harness.files(order.path.as_deref());
            files.push(order.brief.clone());
            let room = Room {
                worktree: &worktree.path,
                home: &order.home,
                files,
                model: passage.is_some(),
                egress: access.agents.as_ref(),
            };
            order.sandbox = access.confined(&mirror, &room);
            order.confined = order.sandbox.is_some();
        }
        let ended = match harness.run(&order, stop.clone(), &()).await {
            Ok(ended) => ended,
            Err(error) => return Ok(self.failed(key, Failure::Machine, format!("{error}.")).into()),
        };
        let mut account = Account {
            provider: passage.as_ref().map(|passage| passage.upstream.name.clone()),
            asked: candidate.model.clone(),
            wire: passage.map(|passage| passage.ticket.close()),
            reported: ended.usage,
            reported_cost: ended.cost,
            failed_edits: u32::try_from(ended.edit_failures.len()).unwrap_or(u32::MAX),
            wall_ms: u64::try_from(ended.wall.as_millis()).unwrap_or(u64::MAX),
            ..Account::default()
        };
        settle(page, &candidate, &mut account);
        let left = self.take_up(&worktree, folder, node, since, ended.ended).await?;
        let changed = left.snapshot.as_ref().filter(|snapshot| snapshot.changed);
        let changed = changed.map(|snapshot| snapshot.commit.clone());
        let mut work = self
            .judge(page, key, &ended, account, left, read_only, &worktree)
            .await?;
        let states = (&attempt.start, changed.as_ref());
        self.hand_on(page, node, agent, &mirror, states, &mut work)
            .await?;
        Ok(work)
    }

    fn order(
        &self,
        key: &AttemptKey,
        agent: &AgentNode,
        candidate: &Candidate,
        limits: &LimitsMs,
        worktree: &Worktree,
        artifacts: PathBuf,
    ) -> Order {
        Order {
            key: key.clone(),
            role: agent.role,
            server: self.equipment.marker.clone(),
            worktree: worktree.path.clone(),
            brief: self.equipment.folders.brief(key),
            artifacts,
            home: self.equipment.folders.home(key),
            model: candidate.model.clone(),
            model_url: None,
            dialect: None,
            effort: candidate.effort,
            model_key: None,
            read_only: agent.tools == Tools::ReadOnly,
            confined: false,
            sandbox: None,
            limits: limits_of(limits, agent),
            path: self.equipment.path.clone(),
            env: self.equipment.env.clone(),
            started: self.clock.now(),
        }
    }

    /// What the node reads, as it stands in the newest generation of whoever wrote it; and, where work is
    /// repeated because somebody found fault with it, what they found.
    async fn inputs(&self, page: &Page, node: &Node) -> Result<Vec<(ArtifactName, Vec<u8>)>, Error> {
        let mut inputs = Vec::new();
        for name in &node.reads {
            let hash = page
                .frozen
                .workflow
                .producer(name)
                .and_then(|producer| page.run.node(&producer.id)?.artifacts.get(name).copied());
            let Some(hash) = hash else { continue };
            inputs.push((name.clone(), self.bytes(&hash).await?));
        }
        inputs.extend(self.accounts(page, node).await?);
        let repeat = page.run.node(&node.id).and_then(|state| state.repeat.as_ref());
        if let Some(RepeatWhy::Repair {
            findings: Some((name, hash)),
            ..
        }) = repeat
            && !inputs.iter().any(|(known, _)| known == name)
        {
            inputs.push((name.clone(), self.bytes(hash).await?));
        }
        Ok(inputs)
    }

    async fn bytes(&self, hash: &ContentHash) -> Result<Vec<u8>, Error> {
        let bytes = self.equipment.journal.get(hash).await?;
        bytes.ok_or_else(|| machine(format!("the artifact {} is no longer in the store", hash.short())))
    }

    /// The prompt: texts that the run's state names are fetched here, the wording is [`brief`]'s.
    async fn brief(
        &self,
        page: &Page,
        key: &AttemptKey,
        node: &Node,
        agent: &AgentNode,
        inputs: &[(ArtifactName, Vec<u8>)],
        handover: Option<&Handover>,
    ) -> Result<String, Error> {
        let run = &page.run;
        let state = run.node(&node.id);
        let issue = self
            .text(&run.issue_text)
            .await?
            .unwrap_or_else(|| run.created.title.clone());
        let wishes = match &run.wishes {
            Some(hash) => self.text(hash).await?,
            None => None,
        };
        let notes = match run.approval.as_ref().and_then(|approval| approval.notes) {
            Some(hash) => self.text(&hash).await?,
            None => None,
        };
        let review = match state.and_then(|state| state.repeat.as_ref()) {
            Some(RepeatWhy::Review { text }) => self.text(text).await?,
            _ => None,
        };
        let previous = match &run.plan {
            Some(plan) if agent.role == crate::model::Role::Plan => self.text(&plan.hash).await?,
            _ => None,
        };
        let custom = match &agent.prompt {
            Some(prompt) => {
                let rendered = prompt.render(|name| brief::value(run, key, &issue, wishes.as_deref(), name));
                Some(rendered.map_err(|error| Error::Refused {
                    why: format!("the prompt cannot be filled in: {error}"),
                })?)
            }
            None => None,
        };
        Ok(brief::write(&brief::Brief {
            node,
            agent,
            issue: &issue,
            custom: custom.as_deref(),
            inputs: inputs.iter().map(|(name, _)| name).collect(),
            wishes: wishes.as_deref(),
            notes: notes.as_deref(),
            review: review.as_deref(),
            previous_plan: previous.as_deref(),
            repeat: state.and_then(|state| state.repeat.as_ref()),
            returned: returned(page, key),
            part: run.part(&node.id).map(|(_, part)| part),
            sections: Self::sections(page, key, node, agent, handover),
        }))
    }

    /// Takes up what the agent left, in an order in which nothing it planted is executed or believed.
    async fn take_up(
        &self,
        worktree: &Worktree,
        folder: PathBuf,
        node: &Node,
        since: std::time::SystemTime,
        at: Timestamp,
    ) -> Result<Left, Error> {
        if worktree.verify().await.is_err() {
            return Ok(Left {
                tampered: true,
                snapshot: None,
                artifacts: Vec::new(),
                refused: Vec::new(),
            });
        }
        let declared = node.writes.clone();
        let (artifacts, refused) = blocking(move || {
            Ok(match collect(&folder, &declared, since) {
                Ok(artifacts) => (artifacts, Vec::new()),
                Err(refused) => (Vec::new(), refused),
            })
        })
        .await?;
        let message = format!("footplate: snapshot of {}", node.id);
        let snapshot = match worktree.snapshot(&message, at).await {
            Ok(snapshot) => snapshot,
            Err(crate::git::Error::Tampered(_)) => {
                return Ok(Left {
                    tampered: true,
                    snapshot: None,
                    artifacts,
                    refused,
                });
            }
            Err(error) => return Err(machine(error)),
        };
        Ok(Left {
            tampered: false,
            snapshot: Some(snapshot),
            artifacts,
            refused,
        })
    }

    #[expect(clippy::too_many_arguments, reason = "what is known of the end of an attempt")]
    async fn judge(
        &self,
        page: &Page,
        key: &AttemptKey,
        ended: &Ended,
        account: Account,
        left: Left,
        read_only: bool,
        worktree: &Worktree,
    ) -> Result<Work, Error> {
        let changed = left.snapshot.as_ref().is_some_and(|snapshot| snapshot.changed);
        let facts = VerdictFacts {
            // Who resolves a conflict may find that what git left is right.
            must_change: !read_only && merge::conflict(&page.run, &key.node).is_none(),
            changed,
            tampered: left.tampered,
            collected: left.artifacts.len(),
            refused: &left.refused,
            wire: account.wire.as_ref().map_or(&[], |wire| &wire.faults),
            exact_model: page.frozen.policy.guard.exact_model,
        };
        let mut report = Report::bare(key.clone(), Verdict::Succeeded, ended.ended);
        report.started = ended.started;
        report.usage = account.usage();
        report.cost = account.cost();
        report.findings.extend(swapped(&account));
        report.findings.extend(
            left.snapshot
                .iter()
                .flat_map(|snapshot| &snapshot.findings)
                .map(ToString::to_string),
        );
        if !ended.edit_failures.is_empty() {
            report
                .findings
                .push(format!("{} edits did not apply.", ended.edit_failures.len()));
        }
        if read_only && changed {
            report
                .findings
                .push("It changed files although its step only reads; the changes were undone.".to_owned());
        }
        let verdict = verdict(ended, facts);
        report.account = Some(account);
        if let agent::Verdict::Failure(class) = verdict {
            if let FailureClass::RateLimited { until } = &class {
                report.until = *until;
            }
            report.verdict = match class {
                FailureClass::Cancelled => Verdict::Cancelled,
                class => Verdict::Failed {
                    class: failure(&class),
                    why: sentence(&class, ended),
                },
            };
            return Ok(report.into());
        }
        let mut findings = Vec::new();
        for (name, bytes) in &left.artifacts {
            let Ok(text) = std::str::from_utf8(bytes) else {
                findings.push(format!("{name} is not UTF-8."));
                continue;
            };
            match contract::parse(name, text) {
                Ok(document) => {
                    for (field, value) in contract::fields(&document) {
                        report.fields.insert(field, to_field(value));
                    }
                    self.understand(page, &document, &mut report).await?;
                }
                Err(wrong) => findings.extend(wrong.iter().map(|finding| match finding.line {
                    Some(line) => format!("{name}, line {line}: {}", finding.message),
                    None => format!("{name}: {}", finding.message),
                })),
            }
        }
        if !findings.is_empty() {
            report.fields.clear();
            report.verdict = Verdict::Returned { findings };
            return Ok(report.into());
        }
        let mut contents = Vec::new();
        for (name, content) in left.artifacts {
            let hash = ContentHash::of(&content);
            report.artifacts.push(Artifact { name, hash });
            contents.push(content);
        }
        if let Some(snapshot) = left.snapshot.filter(|snapshot| !read_only && snapshot.changed) {
            // Before the report names it: a snapshot that nothing holds could be swept.
            let name = format!("runs/{}/{}-{}-{}", key.run, key.node, key.generation, key.n);
            worktree
                .mirror()
                .hold(&name, &snapshot.commit)
                .await
                .map_err(machine)?;
            report.snapshot = Some(snapshot.commit);
        }
        Ok(Work { report, contents })
    }

    /// What the core needs to know of an artifact besides its fields.
    async fn understand(&self, page: &Page, document: &Document, report: &mut Report) -> Result<(), Error> {
        match document {
            Document::Plan(plan) => {
                report.questions = u32::try_from(plan.questions.len()).unwrap_or(u32::MAX);
                report.shares = shares::shares(plan, &page.frozen.policy, &page.run.created.labels);
            }
            Document::Validation(validation) => {
                let checks = match self.document(page, "checks.md").await? {
                    Some(Document::Checks(checks)) => Some(checks),
                    _ => None,
                };
                let criteria = match self.document(page, "plan.md").await? {
                    Some(Document::Plan(plan)) => plan.criteria.len(),
                    _ => 0,
                };
                let effective = validation.effective(checks.as_ref(), criteria);
                report.passed = Some(effective.verdict == contract::Verdict::Pass);
                report.findings.extend(effective.reasons);
            }
            _ => {}
        }
        Ok(())
    }

    /// The newest version of an artifact of the run, parsed.
    pub(super) async fn document(&self, page: &Page, name: &str) -> Result<Option<Document>, Error> {
        let name = ArtifactName::new(name).map_err(machine)?;
        let hash = page
            .run
            .nodes
            .values()
            .find_map(|node| node.artifacts.get(&name).copied());
        let Some(hash) = hash else { return Ok(None) };
        let Some(text) = self.text(&hash).await? else {
            return Ok(None);
        };
        Ok(contract::parse(&name, &text).ok())
    }

    fn failed(&self, key: &AttemptKey, class: Failure, why: String) -> Report {
        Report::bare(key.clone(), Verdict::Failed { class, why }, self.clock.now())
    }
}

/// The limits of a candidate: its own, else everybody's.
fn limits_for<'a>(page: &'a Page, candidate: &Candidate) -> &'a LimitsMs {
    let policy = &page.frozen.policy;
    policy
        .candidate_limits
        .get(&candidate.to_string())
        .unwrap_or(&policy.guard.limits)
}

/// Says that another model answered than the one that was asked for.
fn swapped(account: &Account) -> Option<String> {
    let faults = &account.wire.as_ref()?.faults;
    let served = faults.iter().find_map(|fault| match fault {
        WireFault::WrongModel { served } => Some(served),
        _ => None,
    })?;
    let asked = account.asked.as_deref().unwrap_or("its model");
    Some(format!("Asked for {asked}, the provider answered with {served}."))
}

pub(super) fn scheduled<'a>(page: &'a Page, key: &AttemptKey) -> Result<&'a Attempt, Error> {
    page.run
        .node(&key.node)
        .and_then(|node| {
            node.attempts
                .iter()
                .find(|attempt| attempt.generation == key.generation && attempt.n == key.n)
        })
        .ok_or_else(|| machine("the attempt is not in the log"))
}

/// What the lint said about the attempt before this one.
fn returned<'a>(page: &'a Page, key: &AttemptKey) -> &'a [String] {
    let before = page.run.node(&key.node).and_then(|node| {
        node.attempts
            .iter()
            .find(|attempt| attempt.generation == key.generation && attempt.n + 1 == key.n)
    });
    match before.and_then(Attempt::verdict) {
        Some(Verdict::Returned { findings }) => findings,
        _ => &[],
    }
}

fn limits_of(limits: &LimitsMs, agent: &AgentNode) -> Limits {
    Limits {
        first_event: Duration::from_millis(limits.first_event),
        idle: agent.idle.unwrap_or(Duration::from_millis(limits.idle)),
        wall: agent.wall.unwrap_or(Duration::from_millis(limits.wall)),
        grace: Duration::from_millis(limits.grace),
        ..Limits::default()
    }
}

fn failure(class: &FailureClass) -> Failure {
    match class {
        FailureClass::Hang { .. } | FailureClass::OutputFlood => Failure::Hang,
        // A request that the provider calls wrong is the harness's mistake.
        FailureClass::Crash { .. } | FailureClass::Rejected { .. } => Failure::Crash,
        FailureClass::RateLimited { .. } => Failure::RateLimited,
        FailureClass::Auth { .. } => Failure::Auth,
        FailureClass::Unavailable { .. } => Failure::Unavailable,
        FailureClass::WrongModel { .. } => Failure::WrongModel,
        FailureClass::Budget => Failure::Budget,
        FailureClass::MalformedCall => Failure::MalformedCall,
        FailureClass::Truncated => Failure::Truncated,
        FailureClass::Refused => Failure::Refused,
        FailureClass::EditFailed { .. } => Failure::EditFailed,
        FailureClass::Empty => Failure::Empty,
        FailureClass::MissingArtifact { .. } | FailureClass::StaleArtifact { .. } => Failure::MissingArtifact,
        FailureClass::RefusedArtifact { artifacts } => {
            let trap = artifacts
                .iter()
                .any(|error| matches!(error.why, Refusal::NotAFile | Refusal::HardLink));
            if trap {
                Failure::Tampered
            } else {
                Failure::MissingArtifact
            }
        }
        FailureClass::NoChange => Failure::NoChange,
        FailureClass::Tampered => Failure::Tampered,
        FailureClass::Unkillable { .. } | FailureClass::NotStarted { .. } | FailureClass::Cancelled => {
            Failure::Machine
        }
    }
}

/// The class as a sentence, with the last line of output where that may explain it.
fn sentence(class: &FailureClass, ended: &Ended) -> String {
    let said = class.to_string();
    let mut letters = said.chars();
    let capital: String = letters
        .next()
        .map(|c| c.to_uppercase().collect::<String>() + letters.as_str())
        .unwrap_or_default();
    let last = ended
        .output_tail
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty());
    match (class, last) {
        (FailureClass::Crash { .. }, Some(last)) => {
            let last: String = last.trim().chars().take(200).collect();
            format!("{capital}; its last words: {last}")
        }
        _ => format!("{capital}."),
    }
}

pub(super) fn to_field(value: contract::Value) -> Field {
    match value {
        contract::Value::Text(text) => Field::Text(text),
        contract::Value::Number(number) => Field::Number(number),
        contract::Value::Bool(truth) => Field::Bool(truth),
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(machine)?
}

/// Harnesses by name, for those who only need to know which there are.
impl<J, C, D> Bench<J, C, D> {
    /// The harnesses of this bench.
    pub fn harnesses(&self) -> impl Iterator<Item = (&str, &Harness)> {
        self.equipment
            .harnesses
            .iter()
            .map(|(name, harness)| (name.as_str(), harness))
    }
}
