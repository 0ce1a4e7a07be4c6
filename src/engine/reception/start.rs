//! Beginning a run for an issue.

use std::time::Duration;

use super::deliveries::{Call, issue_text};
use super::{Desk, nothing};
use crate::engine::driver::Reading;
use crate::engine::error::Error;
use crate::engine::frozen_store::addresses;
use crate::engine::ground::Ground;
use crate::github::{Forge, IssueText};
use crate::model::{BranchName, Clock, ContentHash, IssueNumber, MicroUsd, RunId, Timestamp};
use crate::run::{Created, Origin};
use crate::store::{Journal, ListRuns};

/// The time that a repository's budget is for.
const DAY: Duration = Duration::from_hours(24);

impl<J: Journal, C: Clock, F: Forge, G: Ground> Desk<J, C, F, G> {
    /// Prepares a run: the base as it is now, the configuration in force, the issue's text as it was delivered.
    pub(super) async fn start(
        &self,
        call: &Call<'_>,
        issue: IssueNumber,
        base: Option<&BranchName>,
        plan_only: bool,
    ) -> Result<Vec<Reading>, Error> {
        let Some(text) = issue_text(&call.row.body) else {
            return Ok(nothing("the delivery does not hold the issue's text"));
        };
        if let Some(why) = self.spent(call).await? {
            self.say_once(call, issue, &why).await?;
            return Ok(nothing(&why));
        }
        let footing = match self.ground.footing(&call.repository, base).await {
            Ok(footing) => footing,
            Err(Error::Refused { why }) => {
                self.say_once(call, issue, &why).await?;
                return Ok(nothing(&why));
            }
            Err(error) => return Err(error),
        };
        let issue_text = self.keep_issue(&text).await?;
        let run = run_id(call.row.received, &call.row.key);
        let (workflow, policy) = addresses(&footing.frozen);
        let created = Created {
            origin: Origin::Issue {
                installation: call.repository.installation,
                repository: call.repository.id,
                name: call.repository.name.clone(),
                number: issue,
            },
            title: text.title.clone(),
            issue_text,
            requester: call.sender.clone(),
            base: footing.base,
            base_commit: footing.base_commit,
            branch: branch(Some(issue), &text, &run),
            workflow_name: footing.frozen.workflow.name.clone(),
            workflow,
            policy,
            plan_only,
            labels: call
                .facts
                .issue
                .as_ref()
                .map_or_else(Vec::new, |issue| issue.labels.clone()),
            attended: true,
            nodes: footing
                .frozen
                .workflow
                .nodes
                .iter()
                .map(|node| node.id.clone())
                .collect(),
            run,
        };
        Ok(vec![Reading::Start(Box::new(created), Box::new(footing.frozen))])
    }
}

impl<J: Journal, C: Clock, F: Forge, G: Ground> Desk<J, C, F, G> {
    /// Why the repository's budget for a day allows no further run, if that is so. Unknown is not zero: a run
    /// that did not report what it cost counts as all of it.
    async fn spent(&self, call: &Call<'_>) -> Result<Option<String>, Error> {
        let Some(limit) = self.manners.repository_day else {
            return Ok(None);
        };
        let filter = ListRuns {
            repository: Some(call.repository.id),
            limit: 1_000,
            ..ListRuns::default()
        };
        let now = self.book.clock().now();
        let mut sum = MicroUsd::ZERO;
        for run in self.book.journal().list(filter).await? {
            if now.since(run.updated) > DAY {
                continue;
            }
            let Some(cost) = run.cost else {
                let why = format!(
                    "The repository's budget of {limit} a day cannot be kept: run {} did not report what it cost.",
                    run.run
                );
                return Ok(Some(why));
            };
            sum += cost;
        }
        Ok(
            (sum >= limit)
                .then(|| format!("The repository has used its budget for a day: {sum} of {limit}.")),
        )
    }
}

/// The id of the run that an input asks for: reading the input again gives the same run.
pub(crate) fn run_id(asked: Timestamp, key: &str) -> RunId {
    let digest = ContentHash::of(key).to_string();
    let chance = u128::from_str_radix(&digest[..20], 16).unwrap_or_default();
    let time = u64::try_from(asked.0).unwrap_or_default();
    RunId::new(ulid::Ulid::from_parts(time, chance).to_string().to_lowercase())
        .expect("a ULID in lower case is a run id")
}

/// The branch of a run: `footplate/<issue>-<slug>-<run>`.
pub(crate) fn branch(issue: Option<IssueNumber>, text: &IssueText, run: &RunId) -> BranchName {
    let mut slug = String::new();
    for c in text.title.chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.ends_with('-') && !slug.is_empty() {
            slug.push('-');
        }
        if slug.len() >= 40 {
            break;
        }
    }
    let slug = slug.trim_matches('-');
    let middle = if slug.is_empty() { "work" } else { slug };
    let number = issue.map_or("task".to_owned(), |issue| issue.to_string());
    let name = format!("footplate/{number}-{middle}-{}", run.short());
    BranchName::new(name).expect("lower-case letters, digits and dashes make a branch name")
}

/// The issue in the name of a run's branch; `None` for other branches.
pub(super) fn issue_of_branch(name: &str) -> Option<IssueNumber> {
    let (issue, _) = name.strip_prefix("footplate/")?.split_once('-')?;
    issue.parse().ok().map(IssueNumber)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_input_asks_for_the_same_run() {
        let one = run_id(Timestamp(1_790_000_000_000), "a-b-c");
        assert_eq!(one, run_id(Timestamp(1_790_000_000_000), "a-b-c"));
        assert_ne!(one, run_id(Timestamp(1_790_000_000_000), "a-b-d"));
        assert_ne!(one.short(), run_id(Timestamp(1_790_000_000_000), "a-b-d").short());
    }

    #[test]
    fn any_title_makes_a_branch() {
        let run = run_id(Timestamp(0), "x");
        for title in [
            "",
            "Füge 中文 hinzu!",
            "..",
            "-x",
            "a b  c",
            "@{u}",
            &"long ".repeat(50),
        ] {
            let text = IssueText {
                title: title.to_owned(),
                body: String::new(),
            };
            let name = branch(Some(IssueNumber(7)), &text, &run);
            assert_eq!(issue_of_branch(name.as_str()), Some(IssueNumber(7)));
            assert!(
                name.as_str().starts_with("footplate/7-") && name.as_str().ends_with(run.short()),
                "{name}"
            );
        }
    }
}
