//! What attempts that died with an earlier process had used: read from the meter's notes, and booked.
//!
//! Nobody is left to report such an attempt, and the core takes it for lost when it recovers. Its tokens were spent
//! all the same; so it is reported as lost before, with its account.

use std::path::{Path, PathBuf};

use super::access::settle;
use super::folders::blocking;
use super::{Bench, Depot, machine};
use crate::engine::book::{Book, Page};
use crate::engine::error::Error;
use crate::ledger::Account;
use crate::meter::Remains;
use crate::model::{Clock, RunId};
use crate::route::Candidate;
use crate::run::{Input, Report, Verdict};
use crate::store::Journal;

impl<J: Journal, C: Clock, D: Depot> Bench<J, C, D> {
    /// Reports the attempts that died with an earlier process and of which the meter left a note, of all runs or of
    /// one; says how many. Every process of theirs must be gone.
    ///
    /// Doing it twice changes nothing, and what cannot be read is left to be lost without an account.
    ///
    /// # Errors
    /// The store fails.
    pub async fn salvage(&self, book: &Book<J, C>, only: Option<&RunId>) -> Result<usize, Error> {
        let folders = match only {
            Some(run) => vec![self.equipment.folders.readings(run)],
            None => self.equipment.folders.all_readings().await?,
        };
        let notes = blocking(move || Ok(notes(&folders))).await.map_err(machine)?;
        let mut booked = 0;
        for (path, remains) in notes {
            match remains {
                Ok(remains) => match self.book_lost(book, remains).await {
                    Ok(lost) => booked += usize::from(lost),
                    // The run is told of by whoever recovers it; once it is mended, the note is of use.
                    Err(Error::Damaged { .. }) => continue,
                    Err(error) => return Err(error),
                },
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "what an attempt had used cannot be read");
                }
            }
            if let Err(error) = tokio::fs::remove_file(&path).await {
                tracing::warn!(path = %path.display(), %error, "a note could not be removed");
            }
        }
        Ok(booked)
    }

    async fn book_lost(&self, book: &Book<J, C>, remains: Remains) -> Result<bool, Error> {
        let run = remains.attempt.run.clone();
        let page = book.look(&run).await?.map(|page| page.expanded());
        let Some(report) = page.and_then(|page| lost(&page, remains)) else {
            return Ok(false);
        };
        book.tell(&run, &Input::AttemptEnded(Box::new(report)), None)
            .await?;
        Ok(true)
    }
}

/// The report of an attempt that began and has none.
fn lost(page: &Page, remains: Remains) -> Option<Report> {
    let attempt = super::agent::scheduled(page, &remains.attempt).ok()?;
    let began = attempt.began?;
    if attempt.report.is_some() {
        return None;
    }
    let candidate: Candidate = attempt.candidate.as_ref()?.1.parse().ok()?;
    let mut account = Account {
        provider: candidate.provider.clone(),
        asked: candidate.model.clone(),
        wire: Some(remains.reading),
        wall_ms: u64::try_from(remains.at.since(began).as_millis()).unwrap_or(u64::MAX),
        ..Account::default()
    };
    settle(page, &candidate, &mut account);
    let mut report = Report::bare(remains.attempt, Verdict::Lost, remains.at.max(began));
    report.started = began;
    report.book(account);
    Some(report)
}

/// All notes of some folders, those that cannot be read included.
fn notes(folders: &[PathBuf]) -> Vec<(PathBuf, std::io::Result<Remains>)> {
    let entries = folders
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten().flatten());
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let remains = Remains::read(Path::new(&path));
        (path, remains)
    };
    paths.into_iter().map(read).collect()
}
