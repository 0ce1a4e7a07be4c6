//! What Footplate asks of GitHub, answered by the [`Hub`](super::hub::Hub), with faults on both sides of the wire.

use std::sync::Arc;
use std::time::Duration;

use footplate::github::{
    Comment, Error, Forge, Issue, IssueState, NewPull, Permission, Pull, PullChange, Reactable, Reaction,
    Repository, RepositoryInfo, Result, ReviewComment,
};
use footplate::model::{BranchName, CommentId, CommitId, IssueNumber, Login, PullNumber, UserId};

use super::hub::{APP, BOT, Hub, NAME, PEOPLE};
use super::scene::{Scene, beat};
use super::watch;

/// A process's connection to GitHub.
#[derive(Clone)]
pub(super) struct Wire(pub(super) Arc<Scene>);

/// What becomes of a call that reached GitHub.
enum Fate {
    Answered,
    AnswerLost(Error),
}

impl Wire {
    /// Waits for its turn and decides what becomes of a call; an error means that nothing has happened.
    async fn call(&self, creates: bool) -> Result<Fate> {
        beat().await;
        let faults = self.0.faults();
        let mut chance = self.0.chance();
        if chance.per_mille(faults.forbidden) {
            drop(chance);
            self.0.hub().refusals += 1;
            return Err(Error::Forbidden {
                message: "not allowed".to_owned(),
            });
        }
        if !chance.per_mille(faults.outside) {
            return Ok(Fate::Answered);
        }
        let kind = chance.below(5);
        drop(chance);
        self.0.hub().refusals += 1;
        let why = "the connection broke".to_owned();
        let unclear = if creates {
            Error::Unclear { why: why.clone() }
        } else {
            Error::Transient {
                after: None,
                why: why.clone(),
            }
        };
        match kind {
            0 => Err(Error::Transient {
                after: Some(Duration::from_secs(3)),
                why,
            }),
            1 => Err(Error::RateLimited {
                until: self.0.now().plus(Duration::from_secs(90)),
            }),
            2 => Err(unclear),
            _ => Ok(Fate::AnswerLost(unclear)),
        }
    }

    async fn answer<T>(&self, fate: Fate, value: T) -> Result<T> {
        beat().await;
        match fate {
            Fate::Answered => Ok(value),
            Fate::AnswerLost(error) => Err(error),
        }
    }
}

fn missing<T>(what: &str) -> Result<T> {
    Err(Error::NotFound {
        what: what.to_owned(),
    })
}

impl Forge for Wire {
    async fn permission(&self, _: &Repository, login: &Login) -> Result<Permission> {
        let fate = self.call(false).await?;
        let Some((_, id, level)) = PEOPLE.iter().find(|(name, _, _)| *name == login.as_str()) else {
            return missing("such user");
        };
        let answer = Permission {
            permission: (*level).to_owned(),
            role_name: None,
            user: Some(UserId(*id)),
        };
        self.answer(fate, answer).await
    }

    async fn repository(&self, repository: &Repository) -> Result<RepositoryInfo> {
        Ok(RepositoryInfo {
            id: repository.id,
            name: repository.name.clone(),
            default_branch: "main".to_owned(),
            archived: false,
            private: false,
            html_url: format!("https://github.com/{NAME}"),
        })
    }

    async fn branch(&self, _: &Repository, branch: &BranchName) -> Result<Option<CommitId>> {
        let fate = self.call(false).await?;
        let found = self.0.repo().remote.get(branch).cloned();
        self.answer(fate, found).await
    }

    async fn issue(&self, _: &Repository, number: IssueNumber) -> Result<Issue> {
        let fate = self.call(false).await?;
        let Some(issue) = self.0.hub().issue(number) else {
            return missing("such issue");
        };
        self.answer(fate, issue).await
    }

    async fn issues_with_label(&self, _: &Repository, label: &str) -> Result<Vec<Issue>> {
        let fate = self.call(false).await?;
        let found = {
            let hub = self.0.hub();
            let found = hub
                .issues
                .iter()
                .filter(|(_, issue)| issue.open && issue.labels.contains(label));
            found
                .filter_map(|(number, _)| hub.issue(IssueNumber(*number)))
                .collect()
        };
        self.answer(fate, found).await
    }

    async fn comment(&self, _: &Repository, id: CommentId) -> Result<Option<Comment>> {
        let fate = self.call(false).await?;
        let found = self.0.hub().shown(id.0);
        self.answer(fate, found).await
    }

    async fn comments(&self, _: &Repository, number: IssueNumber) -> Result<Vec<Comment>> {
        let fate = self.call(false).await?;
        let found = {
            let hub = self.0.hub();
            let found = hub.comments.iter().filter(|(_, said)| said.thread == number.0);
            found.filter_map(|(id, _)| hub.shown(*id)).collect()
        };
        self.answer(fate, found).await
    }

    async fn create_comment(&self, _: &Repository, number: IssueNumber, body: &str) -> Result<Comment> {
        let fate = self.call(true).await?;
        let now = self.0.now();
        let (id, comment) = {
            let mut hub = self.0.hub();
            if !hub.issues.contains_key(&number.0) && !hub.pulls.contains_key(&number.0) {
                return missing("such issue");
            }
            let id = hub.say(number.0, BOT, Some(APP), body, now);
            (id, hub.shown(id))
        };
        let first = || body.lines().take(3).collect::<Vec<_>>().join(" / ");
        self.0
            .tell(|| format!("GitHub has comment {id} in #{number}: {}", first()));
        watch::commented(&self.0, id);
        let Some(comment) = comment else {
            return missing("such comment");
        };
        self.answer(fate, comment).await
    }

    async fn update_comment(&self, _: &Repository, id: CommentId, body: &str) -> Result<Option<Comment>> {
        let fate = self.call(false).await?;
        let comment = {
            let mut hub = self.0.hub();
            if let Some(said) = hub.comments.get_mut(&id.0) {
                body.clone_into(&mut said.body);
            }
            hub.shown(id.0)
        };
        watch::commented(&self.0, id.0);
        self.answer(fate, comment).await
    }

    async fn delete_comment(&self, _: &Repository, id: CommentId) -> Result<()> {
        let fate = self.call(false).await?;
        self.0.hub().comments.remove(&id.0);
        self.answer(fate, ()).await
    }

    async fn minimize_comment(&self, _: &Repository, node_id: &str) -> Result<()> {
        let fate = self.call(false).await?;
        let id = node_id.strip_prefix("IC_").and_then(|id| id.parse::<u64>().ok());
        if let Some(said) = id.and_then(|id| {
            self.0
                .hub()
                .comments
                .get_mut(&id)
                .map(|said| said.minimized = true)
        }) {
            return self.answer(fate, said).await;
        }
        missing("such comment")
    }

    async fn react(&self, _: &Repository, _: Reactable, _: Reaction) -> Result<()> {
        let fate = self.call(false).await?;
        self.answer(fate, ()).await
    }

    async fn add_labels(&self, _: &Repository, number: IssueNumber, labels: &[&str]) -> Result<()> {
        let fate = self.call(false).await?;
        if let Some(issue) = self.0.hub().issues.get_mut(&number.0) {
            issue.labels.extend(labels.iter().map(|&label| label.to_owned()));
        }
        self.answer(fate, ()).await
    }

    async fn remove_label(&self, _: &Repository, number: IssueNumber, label: &str) -> Result<()> {
        let fate = self.call(false).await?;
        if let Some(issue) = self.0.hub().issues.get_mut(&number.0) {
            issue.labels.remove(label);
        }
        self.answer(fate, ()).await
    }

    async fn ensure_label(&self, _: &Repository, name: &str, _: &str, _: &str) -> Result<()> {
        let fate = self.call(false).await?;
        self.0.hub().known_labels.insert(name.to_owned());
        self.answer(fate, ()).await
    }

    async fn pull(&self, _: &Repository, number: PullNumber) -> Result<Pull> {
        let fate = self.call(false).await?;
        let Some(pull) = self.0.hub().pulls.get(&number.0).cloned() else {
            return missing("such pull request");
        };
        self.answer(fate, pull).await
    }

    async fn pulls_by_head(&self, _: &Repository, head: &BranchName) -> Result<Vec<Pull>> {
        let fate = self.call(false).await?;
        let found: Vec<Pull> = self
            .0
            .hub()
            .pulls
            .values()
            .filter(|pull| pull.head == head.as_str())
            .cloned()
            .collect();
        self.answer(fate, found).await
    }

    async fn create_pull(&self, _: &Repository, new: &NewPull) -> Result<Pull> {
        let fate = self.call(true).await?;
        let head = self.0.repo().remote.get(&new.head).cloned();
        let invalid = |message: String| Error::Invalid {
            message,
            errors: Vec::new(),
        };
        let Some(head) = head else {
            return Err(invalid("head does not exist".to_owned()));
        };
        let pull = {
            let mut hub = self.0.hub();
            let open = |pull: &Pull| pull.head == new.head.as_str() && pull.state == IssueState::Open;
            if hub.pulls.values().any(open) {
                return Err(invalid(format!(
                    "A pull request already exists for acme:{}.",
                    new.head
                )));
            }
            hub.open_pull(
                &new.title,
                &new.body,
                new.head.as_str(),
                &head,
                new.base.as_str(),
                true,
            )
        };
        self.0
            .tell(|| format!("GitHub has pull request #{} from {}", pull.number, pull.head));
        watch::pull_opened(&self.0, &pull);
        self.answer(fate, pull).await
    }

    async fn update_pull(&self, _: &Repository, number: PullNumber, change: &PullChange) -> Result<Pull> {
        let fate = self.call(false).await?;
        let pull = {
            let mut hub = self.0.hub();
            let Some(pull) = hub.pulls.get_mut(&number.0) else {
                return missing("such pull request");
            };
            if let Some(title) = &change.title {
                pull.title.clone_from(title);
            }
            if let Some(body) = &change.body {
                pull.body.clone_from(body);
            }
            pull.clone()
        };
        self.answer(fate, pull).await
    }

    async fn request_review(&self, _: &Repository, _: PullNumber, _: &[Login]) -> Result<()> {
        let fate = self.call(false).await?;
        self.answer(fate, ()).await
    }

    async fn review_comments(&self, _: &Repository, _: PullNumber, _: u64) -> Result<Vec<ReviewComment>> {
        let fate = self.call(false).await?;
        self.answer(fate, Vec::new()).await
    }
}

/// Whether somebody may write, as GitHub knows it.
pub(super) fn may_write(login: &Login) -> bool {
    Hub::may_write(login.as_str())
}
