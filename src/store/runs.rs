//! The questions that run rows answer, so that nobody reads logs to find a run.

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use crate::model::{IssueNumber, MicroUsd, PullNumber, RepositoryId, RepositoryName, RunId, Timestamp};

use super::batch::Batch;
use super::{CostOf, CostSum, Database, Error, FindRun, ListRuns, RunRow, sql};

const COLUMNS: &str = "run, repository, repository_name, issue, pull, title, workflow, state, active, ended, len, \
                       next_wake, has_work, created, updated, cost";

/// How many runs a list has where its caller does not say.
const LIST: usize = 100;

/// Creates a run's row; `false` where the run is there already or another one holds its issue.
pub(super) async fn insert(connection: &mut AnyConnection, row: &RunRow) -> Result<bool, Error> {
    let query = format!("INSERT INTO runs ({COLUMNS}) VALUES {}", sql::rows(1, 16));
    let statement = bind(sqlx::query(&query), row)?;
    match statement.execute(connection).await.map_err(Error::from) {
        Ok(_) => Ok(true),
        Err(error) if is_not_unique(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Replaces a run's row if it has the expected length; there is a row in the answer if it had.
pub(super) fn update(row: &RunRow, expected: u64) -> Result<Batch, Error> {
    let mut batch = Batch::default();
    batch.say(
        "UPDATE runs SET repository = $, repository_name = $, issue = $, pull = $, title = $, workflow = $, \
         state = $, active = $, ended = $, len = $, next_wake = $, has_work = $, created = $, updated = $, cost = $ \
         WHERE run = $ AND len = $ RETURNING len",
    );
    batch.end();
    batch.bind(sql::signed(row.repository.0)?)?;
    batch.bind(row.repository_name.as_str().to_owned())?;
    batch.bind(row.issue.map(|issue| sql::signed(issue.0)).transpose()?)?;
    batch.bind(row.pull.map(|pull| sql::signed(pull.0)).transpose()?)?;
    batch.bind(sql::text(&row.title))?;
    batch.bind(row.workflow.clone())?;
    batch.bind(row.state.clone())?;
    batch.bind(i64::from(row.active))?;
    batch.bind(i64::from(row.ended))?;
    batch.bind(sql::signed(row.len)?)?;
    batch.bind(row.next_wake.map(|wake| wake.0))?;
    batch.bind(i64::from(row.has_work))?;
    batch.bind(row.created.0)?;
    batch.bind(row.updated.0)?;
    batch.bind(row.cost.map(|cost| sql::signed(cost.0)).transpose()?)?;
    batch.bind(row.run.to_string())?;
    batch.bind(sql::signed(expected)?)?;
    Ok(batch)
}

/// Whether a run's row was refused because the run is there already or another one holds its issue.
pub(super) fn is_not_unique(error: &Error) -> bool {
    matches!(
        error,
        Error::Refused(sqlx::Error::Database(answer)) if answer.is_unique_violation()
    )
}

impl Database {
    /// The run that holds the issue of this row.
    pub(super) async fn holder(&self, row: &RunRow) -> Result<Option<RunId>, Error> {
        let Some(issue) = row.issue else { return Ok(None) };
        let by = FindRun::ActiveOnIssue {
            repository: row.repository,
            issue,
        };
        Ok(self.find_row(&by).await?.map(|holder| holder.run))
    }

    pub(super) async fn read_open(&self) -> Result<Vec<RunRow>, Error> {
        // Two indexes, one after the other, so that a hundred thousand finished runs cost nothing.
        let query = format!(
            "SELECT {COLUMNS} FROM runs WHERE has_work = 1 \
             UNION ALL \
             SELECT {COLUMNS} FROM runs WHERE next_wake IS NOT NULL AND ended = 0 AND has_work = 0 \
             ORDER BY run"
        );
        sqlx::query(&query)
            .fetch_all(self.readers())
            .await?
            .iter()
            .map(run_row)
            .collect()
    }

    pub(super) async fn read_working(&self) -> Result<Vec<RunId>, Error> {
        let rows = sqlx::query("SELECT run FROM runs WHERE has_work = 1 ORDER BY run")
            .fetch_all(self.readers())
            .await?;
        rows.iter().map(|row| run_id(row.try_get(0)?)).collect()
    }

    pub(super) async fn read_due(&self, now: Timestamp) -> Result<Vec<RunId>, Error> {
        let query =
            "SELECT run FROM runs WHERE next_wake IS NOT NULL AND next_wake <= $1 ORDER BY next_wake, run";
        let rows = sqlx::query(query).bind(now.0).fetch_all(self.readers()).await?;
        rows.iter().map(|row| run_id(row.try_get(0)?)).collect()
    }

    pub(super) async fn read_next_wake(&self) -> Result<Option<Timestamp>, Error> {
        let query = "SELECT next_wake FROM runs WHERE next_wake IS NOT NULL ORDER BY next_wake LIMIT 1";
        let row = sqlx::query(query).fetch_optional(self.readers()).await?;
        row.map(|row| Ok(Timestamp(row.try_get(0)?))).transpose()
    }

    pub(super) async fn find_row(&self, by: &FindRun) -> Result<Option<RunRow>, Error> {
        let (condition, repository, number) = match by {
            FindRun::ActiveOnIssue { repository, issue } => (
                "repository = $1 AND issue = $2 AND active = 1",
                repository,
                issue.0,
            ),
            FindRun::LatestOnIssue { repository, issue } => {
                ("repository = $1 AND issue = $2", repository, issue.0)
            }
            FindRun::ByPull { repository, pull } => (
                "repository = $1 AND pull = $2 AND pull IS NOT NULL",
                repository,
                pull.0,
            ),
            FindRun::ById(id) => return self.find_by_id(id).await,
        };
        let query = format!("SELECT {COLUMNS} FROM runs WHERE {condition} ORDER BY run DESC LIMIT 1");
        let row = sqlx::query(&query)
            .bind(sql::signed(repository.0)?)
            .bind(sql::signed(number)?)
            .fetch_optional(self.readers())
            .await?;
        row.as_ref().map(run_row).transpose()
    }

    async fn find_by_id(&self, id: &str) -> Result<Option<RunRow>, Error> {
        // Checked, so that it holds nothing that LIKE would read as a pattern.
        if id.is_empty() || id.len() > 26 || !id.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase())
        {
            return Ok(None);
        }
        let (query, pattern) = if id.len() == 26 {
            (
                format!("SELECT {COLUMNS} FROM runs WHERE run = $1"),
                id.to_owned(),
            )
        } else {
            (
                format!("SELECT {COLUMNS} FROM runs WHERE run LIKE $1 OR run LIKE $2 LIMIT 2"),
                format!("{id}%"),
            )
        };
        let mut statement = sqlx::query(&query).bind(pattern);
        if id.len() < 26 {
            statement = statement.bind(format!("%{id}"));
        }
        let rows = statement.fetch_all(self.readers()).await?;
        if rows.len() > 1 {
            return Err(Error::Ambiguous {
                prefix: id.to_owned(),
            });
        }
        rows.first().map(run_row).transpose()
    }

    pub(super) async fn sum_cost(&self, of: &CostOf) -> Result<CostSum, Error> {
        // Cast, because a sum of these is a number of another type in some databases.
        let query = "SELECT CAST(COALESCE(SUM(cost), 0) AS BIGINT), COUNT(*) - COUNT(cost), \
                     MIN(CASE WHEN cost IS NULL OR cost > 0 THEN updated END) FROM runs \
                     WHERE run <> $1 AND ($2 < 0 OR repository = $2) AND ($3 < 0 OR issue = $3) AND updated >= $4";
        let row = sqlx::query(query)
            .bind(of.except.as_str())
            .bind(
                of.repository
                    .map_or(Ok(-1), |repository| sql::signed(repository.0))?,
            )
            .bind(of.issue.map_or(Ok(-1), |issue| sql::signed(issue.0))?)
            .bind(of.since.0)
            .fetch_one(self.readers())
            .await?;
        let sum = sql::unsigned(row.try_get(0)?, || "the cost of runs".to_owned())?;
        let unknown: i64 = row.try_get(1)?;
        Ok(CostSum {
            known: MicroUsd(sum),
            unknown: u32::try_from(unknown).unwrap_or(u32::MAX),
            oldest: row.try_get::<Option<i64>, _>(2)?.map(Timestamp),
        })
    }

    pub(super) async fn list_rows(&self, filter: &ListRuns) -> Result<Vec<RunRow>, Error> {
        let limit = if filter.limit == 0 { LIST } else { filter.limit };
        // Each condition is off where its parameter is the value that no row has.
        let query = format!(
            "SELECT {COLUMNS} FROM runs WHERE ($1 < 0 OR repository = $1) AND ($2 < 0 OR ended = $2) AND run < $3 \
             ORDER BY run DESC LIMIT $4"
        );
        let rows = sqlx::query(&query)
            .bind(
                filter
                    .repository
                    .map_or(Ok(-1), |repository| sql::signed(repository.0))?,
            )
            .bind(filter.ended.map_or(-1, i64::from))
            // `~` stands behind every character of an id.
            .bind(filter.before.as_ref().map_or("~", RunId::as_str))
            .bind(sql::signed(limit as u64)?)
            .fetch_all(self.readers())
            .await?;
        rows.iter().map(run_row).collect()
    }
}

fn bind<'q>(statement: sql::Query<'q>, row: &'q RunRow) -> Result<sql::Query<'q>, Error> {
    Ok(statement
        .bind(row.run.as_str())
        .bind(sql::signed(row.repository.0)?)
        .bind(row.repository_name.as_str())
        .bind(row.issue.map(|issue| sql::signed(issue.0)).transpose()?)
        .bind(row.pull.map(|pull| sql::signed(pull.0)).transpose()?)
        .bind(sql::text(&row.title))
        .bind(row.workflow.as_str())
        .bind(row.state.as_str())
        .bind(i64::from(row.active))
        .bind(i64::from(row.ended))
        .bind(sql::signed(row.len)?)
        .bind(row.next_wake.map(|wake| wake.0))
        .bind(i64::from(row.has_work))
        .bind(row.created.0)
        .bind(row.updated.0)
        .bind(row.cost.map(|cost| sql::signed(cost.0)).transpose()?))
}

fn run_row(row: &AnyRow) -> Result<RunRow, Error> {
    let run = run_id(row.try_get(0)?)?;
    let number = |column: usize| sql::unsigned(row.try_get(column)?, || format!("the row of run {run}"));
    let optional = |column: usize| match row.try_get::<Option<i64>, _>(column)? {
        Some(_) => number(column).map(Some),
        None => Ok(None),
    };
    let name: String = row.try_get(2)?;
    let flag = |column: usize| Ok::<_, Error>(row.try_get::<i64, _>(column)? != 0);
    Ok(RunRow {
        repository: RepositoryId(number(1)?),
        repository_name: RepositoryName::new(name)
            .map_err(|error| Error::corrupt(format!("the row of run {run}"), error))?,
        issue: optional(3)?.map(IssueNumber),
        pull: optional(4)?.map(PullNumber),
        title: row.try_get(5)?,
        workflow: row.try_get(6)?,
        state: row.try_get(7)?,
        active: flag(8)?,
        ended: flag(9)?,
        len: number(10)?,
        next_wake: row.try_get::<Option<i64>, _>(11)?.map(Timestamp),
        has_work: flag(12)?,
        created: Timestamp(row.try_get(13)?),
        updated: Timestamp(row.try_get(14)?),
        cost: optional(15)?.map(MicroUsd),
        run,
    })
}

fn run_id(text: String) -> Result<RunId, Error> {
    RunId::new(text).map_err(|error| Error::corrupt("a run's id", error))
}
