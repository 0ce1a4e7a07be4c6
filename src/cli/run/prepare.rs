//! From arguments and settings to a run that can begin, or to one that can go on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::keep::{Keep, git_failure};
use super::{Arguments, machine};
use crate::agent::{self, Harness, Variables};
use crate::cli::exit::{Failure, Kind};
use crate::cli::{runs, show, workflow};
use crate::config::{self, Settings};
use crate::engine::{self, addresses, branch, canonical, frozen, operator, run_id};
use crate::git::{self, Adopted, Git};
use crate::github::IssueText;
use crate::model::{BranchName, Clock, CommitId, RepositoryName, Role, RunId, SystemClock};
use crate::route::Candidate;
use crate::run::{Created, Frozen, Origin};
use crate::server::{Gear, Strangers, gear};
use crate::store::Journal;

/// The name of the harness that `-- PROGRAM` makes.
const OWN: &str = "command";

/// A run with the repository it works on.
pub(super) struct Job {
    pub(super) created: Created,
    pub(super) frozen: Frozen,
    pub(super) adopted: Adopted,
    pub(super) harnesses: BTreeMap<String, Harness>,
    /// The sandbox, and the ways out of it.
    pub(super) gear: Gear,
    /// Whether the log exists already.
    pub(super) resumed: bool,
}

impl Job {
    pub(super) fn run(&self) -> &RunId {
        &self.created.run
    }

    /// Says what is about to happen.
    pub(super) fn announce(&self) {
        let created = &self.created;
        let verb = if self.resumed { "goes on" } else { "begins" };
        show::aside(format!(
            "Run {} {verb} on {} at {}.",
            created.run,
            created.base,
            created.base_commit.short()
        ));
        if self.adopted.uncommitted == Some(true) {
            show::aside("What is not committed there is neither used nor touched.");
        }
        if !self.gear.tier().confines() && !self.gear.shortfalls.is_empty() {
            show::aside(
                "No sandbox works here: agents and checks run with your rights. `footplate doctor` says why.",
            );
        }
    }
}

/// The settings with what the command line says about agents.
pub(super) fn settings(mut settings: Settings, arguments: &Arguments) -> Result<Settings, Failure> {
    let candidates = if arguments.command.is_empty() {
        arguments.agents.clone()
    } else {
        let argv = arguments
            .command
            .iter()
            .enumerate()
            .map(|(at, word)| absolute(at, word));
        settings.harnesses.insert(
            OWN.to_owned(),
            config::Harness::Command {
                argv: argv.collect(),
                variables: Variables::new(),
            },
        );
        vec![OWN.to_owned()]
    };
    for name in &candidates {
        name.parse::<Candidate>()
            .map_err(|error| Failure::new(Kind::Configuration, error))?;
    }
    if !candidates.is_empty() {
        settings.routes = Role::ALL
            .into_iter()
            .map(|role| (role, candidates.clone()))
            .collect();
        settings.classes.routes.clear();
    }
    Ok(settings)
}

/// The program after `--`, as it can be started from anywhere.
pub(super) fn argv(command: &[String]) -> Vec<String> {
    let words = command.iter().enumerate();
    words.map(|(at, word)| absolute(at, word)).collect()
}

/// Agents stand in a folder of their own, so that a file that is named from here is named in full. A program
/// without a slash is looked for on the path, as a shell does it.
fn absolute(at: usize, word: &str) -> String {
    let is_path = if at == 0 {
        word.contains('/')
    } else {
        !word.starts_with('-') && Path::new(word).is_file()
    };
    match std::path::absolute(word) {
        Ok(path) if is_path => path.to_string_lossy().into_owned(),
        _ => word.to_owned(),
    }
}

/// A new run.
pub(super) async fn fresh(
    settings: &Settings,
    arguments: &Arguments,
    text: &IssueText,
    keep: &Keep,
) -> Result<Job, Failure> {
    let chosen = arguments
        .workflow
        .as_deref()
        .map(|file| workflow::read(file, false))
        .transpose()?;
    let git = find_git(settings).await?;
    let folder = arguments.repo.canonicalize().map_err(|error| {
        let why = format!("{} cannot be opened: {error}", arguments.repo.display());
        Failure::said(Kind::Missing, why)
    })?;
    let adopted = keep.adopt(&git, &folder).await?;
    let (base, base_commit) = base(&adopted, arguments.base.as_deref()).await?;
    let in_force = frozen(settings, &adopted.mirror, &base_commit, None).await;
    let (mut frozen, _) = in_force.map_err(|error| match error {
        engine::Error::Refused { .. } => Failure::new(Kind::Configuration, error),
        error => machine(error),
    })?;
    if let Some(workflow) = chosen {
        frozen.workflow = workflow;
    }
    let harnesses = harnesses(settings, &frozen)?;
    let gear = gear_of(settings, &harnesses).await?;
    frozen.policy.sandbox = gear.tier().to_string();
    let now = SystemClock.now();
    let run = run_id(now, &format!("{}\n{}", folder.display(), std::process::id()));
    let issue_text = keep.store().put(canonical(text).as_bytes()).await?;
    let (workflow, policy) = addresses(&frozen);
    let created = Created {
        origin: Origin::Local {
            name: name_of(&folder),
            path: folder.to_string_lossy().into_owned(),
        },
        title: text.title.clone(),
        issue_text,
        requester: operator(),
        base,
        base_commit,
        branch: branch(None, text, &run),
        workflow_name: frozen.workflow.name.clone(),
        workflow,
        policy,
        plan_only: arguments.plan_only,
        labels: Vec::new(),
        attended: false,
        nodes: frozen.workflow.nodes.iter().map(|node| node.id.clone()).collect(),
        run,
    };
    Ok(Job {
        created,
        frozen,
        adopted,
        harnesses,
        gear,
        resumed: false,
    })
}

/// A run of before that is not over.
pub(super) async fn resumed(settings: &Settings, keep: &Keep, wanted: &str) -> Result<Job, Failure> {
    let row = runs::find(keep.store(), wanted).await?;
    let book = engine::Book::new(keep.store().clone(), SystemClock);
    let page = book.look(&row.run).await?.ok_or_else(|| {
        let why = format!("run {} has no log", row.run);
        Failure::said(Kind::Missing, why)
    })?;
    if page.run.ended.is_some() {
        let why = format!("run {} is over already: {}", row.run, row.state);
        return Err(Failure::said(Kind::Answer, why));
    }
    let Origin::Local { path, .. } = &page.run.created.origin else {
        let why = format!("run {} belongs to an issue on GitHub", row.run);
        return Err(Failure::said(Kind::Answer, why));
    };
    let git = find_git(settings).await?;
    let adopted = keep.adopt(&git, &PathBuf::from(path)).await?;
    let harnesses = harnesses(settings, &page.frozen)?;
    Ok(Job {
        gear: gear_of(settings, &harnesses).await?,
        harnesses,
        created: (*page.run.created).clone(),
        frozen: (*page.frozen).clone(),
        adopted,
        resumed: true,
    })
}

/// The sandbox and the ways out of it. The task is the operator's own, so that a machine without a sandbox is told, not
/// refused.
async fn gear_of(settings: &Settings, harnesses: &BTreeMap<String, Harness>) -> Result<Gear, Failure> {
    let settings = Arc::new(settings.clone());
    let gear = gear(&settings, harnesses, Arc::new(SystemClock), Strangers::DoNot).await;
    gear.map_err(|error| Failure::new(Kind::Configuration, error))
}

async fn find_git(settings: &Settings) -> Result<Git, Failure> {
    let wanted = git::Settings {
        search_path: settings.path.clone().map(Into::into),
        ..git::Settings::default()
    };
    Git::find(wanted).await.map_err(git_failure)
}

/// The branch to build on, and where it stands.
async fn base(adopted: &Adopted, wanted: Option<&str>) -> Result<(BranchName, CommitId), Failure> {
    let Some(wanted) = wanted else {
        return match &adopted.branch {
            Some(branch) => Ok((branch.clone(), adopted.head.clone())),
            None => Err(Failure::said(
                Kind::Missing,
                "what is checked out is no branch; name the one to build on with `--base BRANCH`",
            )),
        };
    };
    let missing = || {
        Failure::said(
            Kind::Missing,
            format!("there is no branch `{wanted}` to build on"),
        )
    };
    let branch = BranchName::new(wanted).map_err(|_| missing())?;
    let head = adopted.mirror.head_of(&branch).await.map_err(git_failure)?;
    head.map(|head| (branch, head)).ok_or_else(missing)
}

/// The harnesses, after a look whether every step has somebody to do it and their programs are there. A person
/// should not learn that half an hour into a run.
fn harnesses(settings: &Settings, frozen: &Frozen) -> Result<BTreeMap<String, Harness>, Failure> {
    let harnesses = crate::server::harnesses(&settings.harnesses)?;
    let mut without: Vec<&str> = Vec::new();
    let roles = frozen
        .workflow
        .nodes
        .iter()
        .filter_map(|node| Some(node.agent()?.role));
    let divides = |node: &crate::workflow::Node| node.agent().is_some_and(|agent| agent.split_by.is_some());
    if frozen.workflow.nodes.iter().any(divides) {
        // Work may go there without a step that says so.
        let design = frozen.policy.routes.get(&Role::Design);
        for candidate in design
            .into_iter()
            .chain(frozen.policy.classes.routes.values())
            .flatten()
        {
            let Some(harness) = harnesses.get(&candidate.harness) else {
                let why = format!(
                    "the routes of design and of classes name `{candidate}`, but no harness `{}` is configured; {HOW}",
                    candidate.harness
                );
                return Err(Failure::said(Kind::Configuration, why));
            };
            agent::probe(harness, settings.path.as_deref())
                .map_err(|error| Failure::new(Kind::Configuration, error))?;
        }
    }
    for role in roles {
        let candidates = frozen.policy.routes.get(&role).map_or(&[][..], Vec::as_slice);
        if candidates.is_empty() && !without.contains(&role.as_str()) {
            without.push(role.as_str());
        }
        for candidate in candidates {
            let Some(harness) = harnesses.get(&candidate.harness) else {
                let why = format!(
                    "the route of {role} names `{candidate}`, but no harness `{}` is configured; {HOW}",
                    candidate.harness
                );
                return Err(Failure::said(Kind::Configuration, why));
            };
            agent::probe(harness, settings.path.as_deref())
                .map_err(|error| Failure::new(Kind::Configuration, error))?;
        }
    }
    if without.is_empty() {
        Ok(harnesses)
    } else {
        let why = format!("nobody is configured to {}; {HOW}", without.join(", "));
        Err(Failure::said(Kind::Configuration, why))
    }
}

/// What to do where nobody is configured for a role.
const HOW: &str = "name a program that does the work after `--`, as in\n\n    footplate run --repo . --issue issue.md \
                   -- python3 agent.py\n\nor write `harnesses` and `routes` into `footplate.yml`:\n\n    \
                   harnesses:\n      mine: {kind: command, argv: [python3, /path/to/agent.py]}\n    routes:\n      \
                   explore: [mine]\n      plan: [mine]\n      implement: [mine]\n      validate: [mine]";

/// A name for a repository on this machine: `local/` and its folder's name.
fn name_of(folder: &Path) -> RepositoryName {
    let name: String = folder
        .file_name()
        .map(|name| name.to_string_lossy())
        .unwrap_or_default()
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-_".contains(c) {
                c
            } else {
                '-'
            }
        })
        .take(80)
        .collect();
    RepositoryName::new(format!("local/{name}"))
        .or_else(|_| RepositoryName::new("local/repository"))
        .expect("two plain words make a repository's name")
}
