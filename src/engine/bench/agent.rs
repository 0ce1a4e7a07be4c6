//! One attempt of an agent.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use tokio_util::sync::CancellationToken;

use super::access::{Room, settle};
use super::handover::{Handover, PATCH};
use super::judge::Left;
use super::{Bench, Depot, brief, machine};
use crate::agent::{Agent, Ended, Harness, Limits, Order, collect, place, place_beside};
use crate::contract::{self, Document};
use crate::engine::book::Page;
use crate::engine::error::Error;
use crate::engine::workshop::Work;
use crate::git::{Mirror, Worktree};
use crate::ledger::Account;
use crate::model::{ArtifactName, AttemptKey, Clock, ContentHash, Timestamp};
use crate::route::Candidate;
use crate::run::{Attempt, Failure, LimitsMs, RepeatWhy, Report, Verdict};
use crate::store::Journal;
use crate::workflow::{AgentNode, Node, Tools};

/// The folder of the worktree in which artifacts are handed over.
pub(super) const ARTIFACTS: &str = ".footplate";

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
        let note = self.equipment.folders.reading(key);
        let passage = match access
            .map(|access| access.passage(page, key, &candidate, harness, limits, (self.clock.now(), note)))
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
        let ended = harness.run(&order, stop.clone(), &()).await;
        let mut account = Account {
            asked: candidate.model.clone(),
            ..Account::default()
        };
        let mut stake = None;
        if let Some(passage) = passage {
            account.provider = Some(passage.upstream.name);
            account.wire = Some(passage.ticket.close());
            stake = Some(passage.stake);
        }
        if let Ok(ended) = &ended {
            account.reported = ended.usage;
            account.reported_cost = ended.cost;
            account.failed_edits = u32::try_from(ended.edit_failures.len()).unwrap_or(u32::MAX);
            account.wall_ms = u64::try_from(ended.wall.as_millis()).unwrap_or(u64::MAX);
        }
        settle(page, &candidate, &mut account);
        let work = match ended {
            Ok(ended) => {
                let left = (&worktree, folder, since);
                self.assess(page, key, (node, agent), &mirror, left, &ended, account.clone())
                    .await
            }
            Err(error) => Err(machine(error)),
        };
        // Whatever fails on this machine afterwards: what the attempt used has been used.
        let mut work = work.unwrap_or_else(|error| {
            let mut report = self.failed(key, Failure::Machine, format!("{error}."));
            report.book(account);
            report.into()
        });
        work.stake = stake;
        Ok(work)
    }

    /// From the end of an agent to its report, and to what is handed on.
    #[expect(clippy::too_many_arguments, reason = "what is known of the end of an attempt")]
    async fn assess(
        &self,
        page: &Page,
        key: &AttemptKey,
        (node, agent): (&Node, &AgentNode),
        mirror: &Mirror,
        (worktree, folder, since): (&Worktree, PathBuf, SystemTime),
        ended: &Ended,
        account: Account,
    ) -> Result<Work, Error> {
        let left = self.take_up(worktree, folder, node, since, ended.ended).await?;
        let changed = left.snapshot.as_ref().filter(|snapshot| snapshot.changed);
        let changed = changed.map(|snapshot| snapshot.commit.clone());
        let read_only = agent.tools == Tools::ReadOnly;
        let mut work = self
            .judge(page, key, ended, account, left, read_only, worktree)
            .await?;
        let start = &scheduled(page, key)?.start;
        self.hand_on(page, node, agent, mirror, (start, changed.as_ref()), &mut work)
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
        since: SystemTime,
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
