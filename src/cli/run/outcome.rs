//! What a run came to: the report, where the work is, and the exit code.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::drive::Ending;
use super::line::Line;
use super::{Arguments, machine};
use crate::cli::exit::{Failure, Kind};
use crate::cli::show;
use crate::engine::Page;
use crate::run::{EndedHow, Origin};
use crate::store::Journal;

/// Looks early whether the report can be written where it is wanted.
pub(super) fn check_place(report: Option<&Path>) -> Result<(), Failure> {
    let Some(report) = report else { return Ok(()) };
    let folder = report.parent().filter(|folder| !folder.as_os_str().is_empty());
    if report.is_dir() || folder.is_some_and(|folder| !folder.is_dir()) {
        let why = format!("the report cannot be written to {}", report.display());
        return Err(Failure::said(Kind::Missing, why));
    }
    Ok(())
}

pub(super) async fn tell(line: &Line, ending: &Ending, arguments: &Arguments) -> Result<ExitCode, Failure> {
    let page = line.page().await?;
    let context = line.context(&page).await?;
    let run = &page.run;
    let wants_plan = *ending == Ending::Undecided || (run.created.plan_only && is_done(&page));
    let plan = if wants_plan {
        line.publisher().plan(&context)
    } else {
        None
    };
    let text = match plan {
        Some(plan) => plan,
        None => line.publisher().report(&context).await.map_err(machine)?,
    };
    show::line(text.trim_end());
    if let Some(file) = &arguments.report {
        std::fs::write(file, format!("{}\n", text.trim_end())).map_err(|error| {
            let why = format!("the report cannot be written to {}: {error}", file.display());
            Failure::said(Kind::Machine, why)
        })?;
    }
    if let Some(hash) = run.held.as_ref().and_then(|held| held.patch)
        && let Some(patch) = line.store().get(&hash).await?
    {
        let file = patch_file(line, &page, arguments.report.as_deref());
        std::fs::write(&file, patch).map_err(machine)?;
        tell_held(line, &page, &file);
    }
    if *ending == Ending::Undecided {
        tell_undecided(&page, arguments);
    }
    if let (Some(_), Origin::Local { path, .. }) = (&run.pushed, &run.created.origin) {
        let (base, branch) = (&run.created.base, &run.created.branch);
        show::line(format!(
            "\nThe change is on branch {branch}: git -C {} diff {base}...{branch}",
            quoted(path)
        ));
    }
    if run.ended.is_some() {
        clear(line, &page).await;
    }
    Ok(match ending {
        Ending::Interrupted(signal) => ExitCode::from(128 + signal),
        Ending::Over if is_done(&page) => ExitCode::SUCCESS,
        Ending::Over | Ending::Undecided => ExitCode::from(1),
    })
}

fn is_done(page: &Page) -> bool {
    matches!(&page.run.ended, Some((EndedHow::Closed | EndedHow::Merged, _, _)))
}

/// Where the patch of unpublished work goes: next to the report, else into the data folder.
fn patch_file(line: &Line, page: &Page, report: Option<&Path>) -> PathBuf {
    match report {
        Some(report) => report.with_extension("patch"),
        None => line
            .folders()
            .of_run(&page.run.created.run)
            .with_extension("patch"),
    }
}

fn tell_held(line: &Line, page: &Page, patch: &Path) {
    let Origin::Local { path, .. } = &page.run.created.origin else {
        return;
    };
    let repository = quoted(path);
    let patch = std::path::absolute(patch).unwrap_or_else(|_| patch.to_owned());
    show::aside(format!(
        "The work is kept as a patch; to look at it, or to take it over:\n  git -C {repository} apply --stat {file}\n  \
         git -C {repository} apply {file}",
        file = quoted(&patch.to_string_lossy())
    ));
    if let Some(reference) = page.run.held.as_ref().and_then(|held| held.reference.as_ref()) {
        show::aside(format!(
            "or as a commit:\n  git -C {repository} fetch {} {reference}",
            quoted(&line.mirror().path().to_string_lossy())
        ));
    }
}

fn tell_undecided(page: &Page, arguments: &Arguments) {
    let run = &page.run.created.run;
    let questions = page.run.plan.as_ref().map_or(0, |plan| plan.questions);
    let command = if arguments.command.is_empty() {
        String::new()
    } else {
        let words = super::prepare::argv(&arguments.command);
        let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        format!(" -- {}", words.join(" "))
    };
    if questions > 0 {
        show::aside(format!(
            "\nThe plan leaves {questions} {} open. Answer them in a terminal with\n  footplate run --resume \
             {run}{command}",
            if questions == 1 { "question" } else { "questions" }
        ));
    } else {
        show::aside(format!(
            "\nThe plan waits for a decision, and nobody is at a terminal. Build it with\n  footplate run --resume \
             {run} --yes{command}\nor forget it with\n  footplate runs cancel {run}"
        ));
    }
}

/// Removes the worktrees of a run that is over; its commits stay in the mirror.
async fn clear(line: &Line, page: &Page) {
    let folder = line.folders().of_run(&page.run.created.run);
    let Ok(entries) = std::fs::read_dir(&folder) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if ["work-", "check-", "base-"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
            && let Err(error) = line.mirror().remove_worktree(&entry.path()).await
        {
            tracing::warn!(worktree = %entry.path().display(), %error, "a worktree could not be removed");
        }
    }
    if let Err(error) = std::fs::remove_dir_all(&folder) {
        tracing::warn!(folder = %folder.display(), %error, "the folder of a run could not be removed");
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = !word.is_empty()
        && word
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_./,:=@%+".contains(&b));
    if plain {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
