//! Publishing one commit to one branch, with a lease on what the remote is expected to hold.

use super::askpass::Credentials;
use super::call::Output;
use super::error::Error;
use super::mirror::{Mirror, remote_failure};
use crate::model::{BranchName, CommitId};

/// What the remote's branch is expected to be at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// It does not exist.
    Absent,
    /// It is at this commit, which we pushed before.
    At(CommitId),
}

/// A push to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// The branch on the remote.
    pub branch: BranchName,
    /// The commit that it shall be at.
    pub commit: CommitId,
    /// What it must be at before.
    pub expected: Expected,
}

/// How a push ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pushed {
    /// The branch is at our commit now.
    Done,
    /// The branch was at our commit before.
    AlreadyThere,
    /// The branch is not where it was expected, and was left alone.
    Moved {
        /// Where it is; `None` where it does not exist.
        found: Option<CommitId>,
    },
    /// The remote refused: a protected branch, a missing permission, a hook.
    Refused {
        /// The remote's own words, to be escaped before anybody reads them.
        message: String,
    },
}

impl Mirror {
    /// Pushes a commit to a branch, unless the branch is not where it is expected.
    ///
    /// Doing it twice is harmless: the second time it is [`Pushed::AlreadyThere`].
    ///
    /// # Errors
    /// [`Error::Unreachable`] and [`Error::Late`] leave open whether the push arrived: push again.
    /// [`Error::Denied`], [`Error::Gone`] and [`Error::UnknownCommit`] need somebody.
    pub async fn push(&self, order: &Push, credentials: Option<&Credentials>) -> Result<Pushed, Error> {
        if !self.contains(&order.commit).await? {
            return Err(Error::UnknownCommit(order.commit.clone()));
        }
        let session = self.session(credentials)?;
        let Push {
            branch,
            commit,
            expected,
        } = order;
        let lease = match expected {
            Expected::Absent => "",
            Expected::At(commit) => commit.as_str(),
        };
        let call = self
            .remote_call("push")
            .await?
            .args([
                "--porcelain",
                "--no-verify",
                "--no-signed",
                "--recurse-submodules=no",
                "--no-follow-tags",
            ])
            .arg(format!("--force-with-lease=refs/heads/{branch}:{lease}"))
            .args(self.receive_pack())
            .arg("origin")
            .arg(format!("{commit}:refs/heads/{branch}"))
            .network(session.as_ref());
        let output = call.run().await?;
        match verdict(&output, branch) {
            Some(Verdict::Done) => Ok(Pushed::Done),
            Some(Verdict::Same) => Ok(Pushed::AlreadyThere),
            Some(Verdict::Rejected(reason)) => self.explain(order, &reason, &output, credentials).await,
            None => Err(remote_failure("push", &output, session.as_ref())),
        }
    }

    /// The commit that a branch of the remote is at now.
    ///
    /// # Errors
    /// As [`Mirror::fetch`].
    pub async fn remote_head(
        &self,
        branch: &BranchName,
        credentials: Option<&Credentials>,
    ) -> Result<Option<CommitId>, Error> {
        let session = self.session(credentials)?;
        let name = format!("refs/heads/{branch}");
        let output = self
            .remote_call("ls-remote")
            .await?
            .arg("--quiet")
            .args(self.upload_pack())
            .args(["origin", &name])
            .network(session.as_ref())
            .run()
            .await?;
        if !output.succeeded() {
            return Err(remote_failure("ls-remote", &output, session.as_ref()));
        }
        // The name is a pattern that also matches at the end of longer ones.
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .find(|(_, found)| *found == name);
        Ok(line.and_then(|(id, _)| CommitId::new(id).ok()))
    }

    /// Finds out what a rejection means: did the branch move, or does the remote not want the push?
    async fn explain(
        &self,
        order: &Push,
        reason: &str,
        output: &Output,
        credentials: Option<&Credentials>,
    ) -> Result<Pushed, Error> {
        let found = self.remote_head(&order.branch, credentials).await?;
        if found.as_ref() == Some(&order.commit) {
            return Ok(Pushed::AlreadyThere);
        }
        let expected = match &order.expected {
            Expected::Absent => None,
            Expected::At(commit) => Some(commit),
        };
        if found.as_ref() != expected {
            return Ok(Pushed::Moved { found });
        }
        let mut words: Vec<&str> = output
            .stderr
            .lines()
            .filter_map(|line| line.strip_prefix("remote:"))
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        if !words.contains(&reason) {
            words.push(reason);
        }
        Ok(Pushed::Refused {
            message: words.join("\n").chars().take(2000).collect(),
        })
    }
}

enum Verdict {
    Done,
    Same,
    Rejected(String),
}

/// Reads the line about our branch: git-push(1), "output", with `--porcelain`.
fn verdict(output: &Output, branch: &BranchName) -> Option<Verdict> {
    let text = String::from_utf8_lossy(&output.stdout);
    let ours = format!(":refs/heads/{branch}");
    text.lines().find_map(|line| {
        let mut columns = line.split('\t');
        let (flag, names, summary) = (columns.next()?, columns.next()?, columns.next()?);
        if !names.ends_with(&ours) {
            return None;
        }
        match flag {
            "=" => Some(Verdict::Same),
            "!" => {
                let reason = summary
                    .split_once('(')
                    .and_then(|(_, rest)| rest.strip_suffix(')'));
                Some(Verdict::Rejected(reason.unwrap_or(summary).to_owned()))
            }
            // Only a push that ended well has happened.
            " " | "+" | "*" if output.succeeded() => Some(Verdict::Done),
            _ => None,
        }
    })
}
