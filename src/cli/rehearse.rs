//! `footplate rehearse`: the whole way from label to pull request, against a stand-in for GitHub.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use tokio::time::Instant;

use super::exit::{Failure, Kind};
use super::{show, trace};
use crate::config::Settings;
use crate::rehearsal::world::{Comment, Repository, RepositoryRole, Thread, World};
use crate::rehearsal::{
    RepositorySetup, Setup, Source, StandIn, THROWAWAY_KEY, branch_of, difference, sample,
};
use crate::server::App;

/// The secret that signs webhooks here. The stand-in is on loopback and gone afterwards.
const WEBHOOK_SECRET: &str = "rehearsal-only";

/// How long a step with scripted models may take before the rehearsal gives up.
const STEP_TIME: Duration = Duration::from_mins(2);

/// How long a step with real models may take.
const LIVE_STEP_TIME: Duration = Duration::from_hours(3);

/// What the scripted agent does in a repository that it knows nothing of.
const GENERIC_SCRIPT: &str = include_str!("rehearse/generic.yml");

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A repository of yours to rehearse on; it is copied, never touched. Without it, a small sample is used.
    #[arg(long, value_name = "DIR")]
    repo: Option<PathBuf>,

    /// A file with the issue: the first line is the title, the rest the text.
    #[arg(long, value_name = "FILE")]
    issue: Option<PathBuf>,

    /// Uses the routes of your settings instead of scripted models. That costs what the models cost.
    #[arg(long)]
    pub(super) live: bool,

    /// Leaves the stand-in and the server running at the end, to look around in a browser.
    #[arg(long)]
    keep: bool,

    #[command(flatten)]
    pub(super) log: trace::Log,
}

/// What is rehearsed.
struct Piece {
    repository: String,
    setup: RepositorySetup,
    title: String,
    body: String,
    script: String,
}

pub(super) async fn main(live: Option<Settings>, arguments: Arguments) -> Result<ExitCode, Failure> {
    let machine = |error: std::io::Error| Failure::new(Kind::Machine, error);
    let piece = piece(&arguments)?;
    let folder = tempfile::Builder::new()
        .prefix("footplate-rehearsal-")
        .tempdir()
        .map_err(machine)?;
    let began = Instant::now();
    let stage = StandIn::start(Setup::of(piece.setup))
        .await
        .map_err(|error| Failure::new(Kind::Machine, error))?;
    step(
        began,
        "A stand-in for GitHub is up, with a repository and an App installed on it.",
    );

    let step_time = if live.is_some() { LIVE_STEP_TIME } else { STEP_TIME };
    let settings = settings(live, &stage, folder.path(), &piece.script)?;
    let data_dir = settings.data_dir.clone();
    let app = App::start(settings).await?;
    stage.set_webhook(&format!("http://{}/webhook", app.address()), WEBHOOK_SECRET);
    step(began, "Footplate is up and receives the App's webhooks.");

    let hub = stage.in_repository(&piece.repository);
    let owner = piece.repository.split('/').next().unwrap_or_default().to_owned();
    let refused = |error: crate::rehearsal::Refused| Failure::new(Kind::Machine, error);
    let issue = hub
        .open_issue(&owner, &piece.title, &piece.body)
        .map_err(refused)?;
    hub.label(&owner, issue, "agent:build").map_err(refused)?;
    step(
        began,
        &format!(
            "{owner} opened issue #{issue} “{}” and labeled it `agent:build`.",
            piece.title
        ),
    );

    let name = piece.repository.clone();
    let plan = await_step(&stage, step_time, |world| {
        let thread = thread(world, &name, issue)?;
        if let Some(trouble) = trouble(thread) {
            return Some(Err(trouble));
        }
        let comment = thread
            .comments
            .iter()
            .rev()
            .find(|comment| is_ours(comment, "plan"))?;
        Some(Ok(comment.body.clone()))
    })
    .await?;
    step(
        began,
        "Footplate explored the repository and posted its plan for approval:",
    );
    quote(&plan);

    hub.comment(&owner, issue, "/approve").map_err(refused)?;
    step(began, &format!("{owner} wrote `/approve`."));
    let pull = await_step(&stage, step_time, |world| {
        if let Some(trouble) = thread(world, &name, issue).and_then(trouble) {
            return Some(Err(trouble));
        }
        let pull = world.repository(&name)?.pulls().next()?;
        Some(Ok((
            pull.number,
            pull.title.clone(),
            pull.body.clone().unwrap_or_default(),
            pull.pull.clone()?,
        )))
    })
    .await?;
    let (number, title, body, head) = pull;
    step(
        began,
        &format!("Footplate implemented, checked, validated and pushed; pull request #{number} “{title}”:"),
    );
    quote(&body);
    let _ = stage.settled(Duration::from_secs(10)).await;
    // The last edits of the status comment are still on their way when the pull request is there.
    let _ = await_step(&stage, Duration::from_secs(20), |world| {
        let labels = world
            .repository(&name)
            .map(|repository| labels(repository, issue))?;
        labels
            .iter()
            .any(|label| label == "agent:review")
            .then_some(Ok(()))
    })
    .await;
    show::line(format!(
        "The change on branch {} ({}):",
        head.head_ref,
        &head.head_sha[..10.min(head.head_sha.len())]
    ));
    show::line("");
    show_change(&stage, &name, &head.base_ref, &head.head_ref).await;
    let violations = stage.violations();
    if !violations.is_empty() {
        let first = violations
            .first()
            .map(|violation| format!("{violation:?}"))
            .unwrap_or_default();
        return Err(Failure::said(
            Kind::Answer,
            format!(
                "the stand-in found {} requests that GitHub would not take; the first: {first}",
                violations.len()
            ),
        ));
    }
    step(
        began,
        &format!(
            "Done: {} requests, all of them valid; {} webhooks.",
            stage.requests().len(),
            stage.read(|world| world.deliveries.len()),
        ),
    );
    if arguments.keep {
        show::line(format!("Issue:         {}/{name}/issues/{issue}", stage.url()));
        show::line(format!("Pull request:  {}/{name}/pull/{number}", stage.url()));
        show::line(format!(
            "Webhooks go to http://{}; data is in {}",
            app.address(),
            data_dir.display()
        ));
        show::line("Press Ctrl-C to end.");
        let _ = tokio::signal::ctrl_c().await;
    }
    app.shut_down().await;
    stage.stop().await;
    Ok(ExitCode::SUCCESS)
}

fn piece(arguments: &Arguments) -> Result<Piece, Failure> {
    let read = |file: &Path| {
        std::fs::read_to_string(file).map_err(|error| {
            Failure::said(
                Kind::Missing,
                format!("{} cannot be read: {error}", file.display()),
            )
        })
    };
    let written = arguments.issue.as_deref().map(read).transpose()?;
    let (title, body) = match &written {
        Some(text) => {
            let (title, body) = text.split_once('\n').unwrap_or((text, ""));
            (
                title.trim().trim_start_matches('#').trim().to_owned(),
                body.trim().to_owned(),
            )
        }
        None if arguments.repo.is_some() => (
            "Rehearse a change".to_owned(),
            "Add a file that says that Footplate was here.".to_owned(),
        ),
        None => (sample::ISSUE_TITLE.to_owned(), sample::ISSUE_BODY.to_owned()),
    };
    let Some(repo) = &arguments.repo else {
        return Ok(Piece {
            repository: sample::REPOSITORY.to_owned(),
            setup: sample::repository(),
            title,
            body,
            script: sample::SCRIPT.to_owned(),
        });
    };
    let folder = repo.canonicalize().map_err(|error| {
        Failure::said(
            Kind::Missing,
            format!("{} cannot be opened: {error}", repo.display()),
        )
    })?;
    let name: String = folder
        .file_name()
        .map(|name| {
            name.to_string_lossy()
                .chars()
                .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
                .collect()
        })
        .unwrap_or_default();
    let repository = format!("you/{}", if name.is_empty() { "repository" } else { &name });
    let branch = branch_of(&folder).ok_or_else(|| {
        let why = format!(
            "{} is no git repository with a branch checked out",
            folder.display()
        );
        Failure::said(Kind::Missing, why)
    })?;
    Ok(Piece {
        setup: RepositorySetup {
            full_name: repository.clone(),
            private: false,
            default_branch: branch,
            roles: vec![("you".to_owned(), RepositoryRole::Admin)],
            source: Source::Clone(folder),
            protected: Vec::new(),
            installed: true,
        },
        repository,
        title,
        body,
        script: GENERIC_SCRIPT.to_owned(),
    })
}

/// The settings of the rehearsal: scripted models, or the operator's own with the stand-in in place of GitHub.
fn settings(
    live: Option<Settings>,
    stage: &StandIn,
    folder: &Path,
    script: &str,
) -> Result<Settings, Failure> {
    let machine = |error: std::io::Error| Failure::new(Kind::Machine, error);
    let file = folder.join("script.yml");
    std::fs::write(&file, script).map_err(machine)?;
    let text = format!(
        "listen: 127.0.0.1:0\ndata_dir: data\ngithub: {{app_id: 12345, webhook_secret: {WEBHOOK_SECRET}, \
         api_url: '{}', url: '{}', write_gap: 0s}}\nharnesses:\n  scripted: {{kind: scripted, file: script.yml}}\n\
         routes:\n  explore: [scripted]\n  plan: [scripted]\n  implement: [scripted]\n  validate: [scripted]\n\
         guard: {{status_pause: 0s}}\nsandbox: none\n",
        stage.api_url(),
        stage.url(),
    );
    let environment = |name: &str| match name {
        "FOOTPLATE_GITHUB_PRIVATE_KEY" => Some(THROWAWAY_KEY.to_owned()),
        name if name.starts_with("FOOTPLATE_") => None,
        name => crate::config::environment(name),
    };
    let mut settings = Settings::parse("rehearsal", &text, folder, environment)
        .map_err(|error| Failure::new(Kind::Machine, error))?;
    if let Some(live) = live {
        settings.harnesses = live.harnesses;
        settings.providers = live.providers;
        settings.prices = live.prices;
        settings.routes = live.routes;
        settings.sandbox = live.sandbox;
        settings.egress = live.egress;
        settings.classes = live.classes;
        settings.guards = live.guards;
        settings.limits = live.limits;
        settings.pass_env = live.pass_env;
    }
    Ok(settings)
}

async fn await_step<T>(
    stage: &StandIn,
    deadline: Duration,
    look: impl FnMut(&World) -> Option<Result<T, String>>,
) -> Result<T, Failure> {
    match stage.until(deadline, look).await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(trouble)) => Err(Failure::said(Kind::Answer, trouble)),
        Err(late) => Err(Failure::new(Kind::Answer, late)),
    }
}

fn thread<'a>(world: &'a World, repository: &str, number: u64) -> Option<&'a Thread> {
    world.repository(repository)?.threads.get(&number)
}

fn labels(repository: &Repository, number: u64) -> Vec<String> {
    repository
        .threads
        .get(&number)
        .map(|thread| {
            repository
                .labels_of(thread)
                .into_iter()
                .map(str::to_owned)
                .collect()
        })
        .unwrap_or_default()
}

fn is_ours(comment: &Comment, kind: &str) -> bool {
    comment.app.is_some() && comment.body.contains(&format!(" kind={kind} "))
}

/// What the status comment says where the run cannot go on by itself.
fn trouble(thread: &Thread) -> Option<String> {
    let status = thread
        .comments
        .iter()
        .find(|comment| is_ours(comment, "status"))?;
    let lost = ["cannot go on", "needs help", "**Failed**", "failed for good"];
    lost.iter().any(|words| status.body.contains(words)).then(|| {
        format!(
            "the run did not get through; the status comment says:\n\n{}",
            status.body
        )
    })
}

fn step(began: Instant, text: &str) {
    show::line(format!("\n[{:5.1} s] {text}\n", began.elapsed().as_secs_f64()));
}

fn quote(text: &str) {
    for line in text.lines() {
        show::line(format!("    | {line}").trim_end());
    }
}

/// Prints what the branch changes, as the remote has it.
async fn show_change(stage: &StandIn, repository: &str, base: &str, head: &str) {
    let Some(dir) = stage.read(|world| Some(world.repository(repository)?.dir.clone())) else {
        return;
    };
    let (base, head) = (base.to_owned(), head.to_owned());
    match tokio::task::spawn_blocking(move || difference(&dir, &base, &head)).await {
        Ok(Some(diff)) => quote(&diff),
        _ => show::line("(the difference cannot be shown)"),
    }
}
