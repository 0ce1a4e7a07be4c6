//! One attempt of a check: the repository's own commands, on exactly what would be pushed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::access::Room;
use super::agent::scheduled;
use super::judge::to_field;
use super::{Bench, Depot, machine};
use crate::agent::{CheckOrder, CheckRun, CommandRun, Limits, Outcome, Sandboxes, run_checks};
use crate::contract::{self, BaseResult, Checks, CommandResult, Document, Verified};
use crate::engine::book::Page;
use crate::engine::error::Error;
use crate::engine::workshop::Work;
use crate::model::{Artifact, ArtifactName, AttemptKey, Clock, CommitId, ContentHash};
use crate::run::{Report, Verdict};
use crate::store::Journal;
use crate::workflow::{CheckCommands, CheckNode};

/// How much of each command's output is kept in `checks.md`, from its end.
const TAIL_LINES: usize = 40;

impl<J: Journal, C: Clock, D: Depot> Bench<J, C, D> {
    pub(super) async fn check(
        &self,
        page: &Page,
        key: &AttemptKey,
        check: &CheckNode,
        stop: &CancellationToken,
    ) -> Result<Work, Error> {
        let attempt = scheduled(page, key)?;
        let started = self.clock.now();
        let commands = self.commands(page, check).await?;
        let limits = Limits::silent(
            check
                .timeout
                .unwrap_or(Duration::from_millis(page.frozen.policy.guard.limits.wall)),
        );
        let here = self.equipment.folders.checkout(key);
        let run = self
            .run_at(page, key, &here, &attempt.start, &commands, limits, stop)
            .await?;
        let cancelled = |run: &CheckRun| {
            run.setup
                .iter()
                .chain(&run.commands)
                .any(|command| command.outcome() == Outcome::Cancelled)
        };
        if stop.is_cancelled() || cancelled(&run) {
            return Ok(Report::bare(key.clone(), Verdict::Cancelled, self.clock.now()).into());
        }
        let base = self.baseline(page, key, &commands, limits, stop).await?;
        if stop.is_cancelled() || cancelled(&base) {
            return Ok(Report::bare(key.clone(), Verdict::Cancelled, self.clock.now()).into());
        }
        let checks = account(attempt.start.clone(), &run, &base);
        let mut report = Report::bare(key.clone(), Verdict::Succeeded, self.clock.now());
        report.started = started;
        report.passed = match checks.verified {
            Verified::True => Some(true),
            Verified::False => Some(false),
            Verified::Unknown => None,
        };
        report.findings = checks.failures();
        if checks.verified == Verified::Unknown {
            report
                .findings
                .push("The checks show nothing: not verified.".to_owned());
        }
        let name = ArtifactName::new("checks.md").map_err(machine)?;
        let content = checks.render().into_bytes();
        let hash = ContentHash::of(&content);
        report.artifacts.push(Artifact { name, hash });
        report.fields = contract::fields(&Document::Checks(checks))
            .into_iter()
            .map(|(name, value)| (name, to_field(value)))
            .collect();
        Ok(Work {
            report,
            contents: vec![content],
            stake: None,
        })
    }

    /// The plan's checks, and those that the repository demands: a plan can add, never take away.
    async fn commands(&self, page: &Page, check: &CheckNode) -> Result<Vec<String>, Error> {
        let mut commands = match &check.commands {
            CheckCommands::Listed(commands) => commands.clone(),
            CheckCommands::PlanTests => match self.document(page, "plan.md").await? {
                Some(Document::Plan(plan)) => plan.tests,
                _ => Vec::new(),
            },
        };
        for demanded in &page.frozen.policy.tests {
            if !commands.contains(demanded) {
                commands.push(demanded.clone());
            }
        }
        Ok(commands)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "what is run, where, on what, and until when"
    )]
    async fn run_at(
        &self,
        page: &Page,
        key: &AttemptKey,
        at: &Path,
        commit: &CommitId,
        commands: &[String],
        limits: Limits,
        stop: &CancellationToken,
    ) -> Result<CheckRun, Error> {
        let mirror = self.equipment.depot.mirror_of(&page.run.created.origin).await?;
        let worktree = mirror.worktree(at, commit).await.map_err(machine)?;
        self.equipment.folders.open(key, None).await?;
        let home = self.equipment.folders.home(key);
        let access = self.equipment.access.as_deref();
        let room = |egress| Room {
            worktree: &worktree.path,
            home: &home,
            files: Vec::new(),
            model: false,
            egress,
        };
        let confined = |egress| access.and_then(|access| access.confined(&mirror, &room(egress)));
        let sandboxes = Sandboxes {
            setup: confined(access.and_then(|access| access.setup.as_ref())),
            commands: confined(None),
        };
        let order = CheckOrder {
            sandboxes,
            key: key.clone(),
            server: self.equipment.marker.clone(),
            checkout: worktree.path.clone(),
            setup: page.frozen.policy.setup.clone(),
            commands: commands.to_vec(),
            limits,
            home: home.clone(),
            path: self.equipment.path.clone(),
            env: self.equipment.env.clone(),
        };
        let run = run_checks(&order, stop).await.map_err(machine)?;
        mirror.remove_worktree(at).await.map_err(machine)?;
        Ok(run)
    }

    /// The same checks on the base commit, run once for each base and set of commands.
    async fn baseline(
        &self,
        page: &Page,
        key: &AttemptKey,
        commands: &[String],
        limits: Limits,
        stop: &CancellationToken,
    ) -> Result<Arc<CheckRun>, Error> {
        let base = page.run.base_commit.clone();
        let listed = [page.frozen.policy.setup.as_slice(), commands]
            .concat()
            .join("\0");
        let known = (base.clone(), ContentHash::of(listed));
        let cached = self
            .baselines
            .lock()
            .expect("no holder of this lock panics")
            .get(&known)
            .cloned();
        if let Some(run) = cached {
            return Ok(run);
        }
        let at = self.equipment.folders.baseline(key);
        let run = Arc::new(self.run_at(page, key, &at, &base, commands, limits, stop).await?);
        if !stop.is_cancelled() {
            let mut baselines = self.baselines.lock().expect("no holder of this lock panics");
            if baselines.len() >= 100 {
                baselines.clear();
            }
            baselines.insert(known, Arc::clone(&run));
        }
        Ok(run)
    }
}

fn account(commit: CommitId, run: &CheckRun, base: &CheckRun) -> Checks {
    let before: BTreeMap<&str, &CommandRun> = base
        .commands
        .iter()
        .map(|command| (command.run.as_str(), command))
        .collect();
    let commands: Vec<CommandResult> = run
        .commands
        .iter()
        .map(|command| CommandResult {
            run: command.run.clone(),
            exit: command.code(),
            seconds: (command.wall.as_secs_f64() * 10.0).round() / 10.0,
            tests: counted(command),
            base: before.get(command.run.as_str()).map(|command| {
                Box::new(BaseResult {
                    exit: command.code(),
                    tests: counted(command),
                })
            }),
        })
        .collect();
    let says_no = |command: &CommandRun| matches!(command.outcome(), Outcome::Failed | Outcome::Stopped);
    let verified = if run.commands.iter().any(says_no) {
        Verified::False
    } else if run
        .commands
        .iter()
        .any(|command| !command.outcome().is_verified())
    {
        Verified::Unknown
    } else {
        // All ended well; it takes tests that were counted to call that more than silence.
        Verified::of(&commands)
    };
    Checks {
        commit,
        commands,
        verified,
        body: tails(run),
    }
}

fn counted(command: &CommandRun) -> Option<contract::TestCounts> {
    let narrow = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
    command.tests.map(|tests| contract::TestCounts {
        passed: narrow(tests.passed),
        failed: narrow(tests.failed),
        skipped: narrow(tests.skipped),
    })
}

/// The ends of what the commands printed, set-up included where it failed.
fn tails(run: &CheckRun) -> String {
    let failed_setup = run.setup.iter().filter(|command| !command.outcome().is_good());
    let mut text = String::new();
    for command in failed_setup.chain(&run.commands) {
        let lines: Vec<&str> = command.tail.lines().collect();
        let tail = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n");
        // Longer than any fence in the output.
        let fence = "`".repeat(longest_fence(&tail).max(2) + 1);
        let _ = write!(
            text,
            "`{}`\n\n{fence}\n{tail}\n{fence}\n\n",
            command.run.replace('`', "'")
        );
    }
    if text.is_empty() {
        "No command was run.\n".to_owned()
    } else {
        text
    }
}

fn longest_fence(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}
