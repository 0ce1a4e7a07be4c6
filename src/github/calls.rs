//! The calls about a repository, over HTTP. Routes and bodies are those of GitHub's OpenAPI description.

use http::Method;
use serde_json::json;

use super::answer::Effect;
use super::client::{Ask, Client, Voice};
use super::forge::{
    Comment, Forge, Issue, IssueState, NewPull, Permission, Pull, PullChange, Reactable, Reaction,
    Repository, RepositoryInfo, ReviewComment,
};
use super::request::{bare, encoded, get, with_body};
use super::view::{
    CommentView, GraphView, IssueView, PermissionView, PullView, RefView, RepositoryView, ReviewCommentView,
};
use super::wire::Call;
use super::{Error, Result};
use crate::model::{BranchName, CommentId, CommitId, IssueNumber, Login, PullNumber};

impl Forge for Client {
    async fn permission(&self, repository: &Repository, login: &Login) -> Result<Permission> {
        let path = at(
            repository,
            &format!("/collaborators/{}/permission", encoded(login.as_str())),
        );
        self.ask::<PermissionView>(read(repository, "user", &path))
            .await
            .map(Into::into)
    }

    async fn repository(&self, repository: &Repository) -> Result<RepositoryInfo> {
        self.ask::<RepositoryView>(read(repository, "repository", &at(repository, "")))
            .await
            .map(Into::into)
    }

    async fn branch(&self, repository: &Repository, branch: &BranchName) -> Result<Option<CommitId>> {
        // The slashes of a branch's name are slashes of the path here.
        let segments: Vec<String> = branch.as_str().split('/').map(encoded).collect();
        let path = at(repository, &format!("/git/ref/heads/{}", segments.join("/")));
        let found = self.ask::<RefView>(read(repository, "branch", &path)).await;
        Ok(unless_missing(found)?.map(|found| found.object.sha))
    }

    async fn issue(&self, repository: &Repository, number: IssueNumber) -> Result<Issue> {
        let path = at(repository, &format!("/issues/{number}"));
        self.ask::<IssueView>(read(repository, "issue", &path))
            .await
            .map(Into::into)
    }

    async fn issues_with_label(&self, repository: &Repository, label: &str) -> Result<Vec<Issue>> {
        let path = at(
            repository,
            &format!("/issues?state=open&labels={}", encoded(label)),
        );
        let issues = |page: Vec<IssueView>| {
            page.into_iter()
                .map(Issue::from)
                .filter(|it| !it.is_pull)
                .collect()
        };
        Ok(self
            .list(Voice::Repository(repository), &path, "list of issues", issues)
            .await?
            .0)
    }

    async fn comment(&self, repository: &Repository, id: CommentId) -> Result<Option<Comment>> {
        let path = at(repository, &format!("/issues/comments/{id}"));
        let found = self.ask::<CommentView>(read(repository, "comment", &path)).await;
        Ok(unless_missing(found)?.map(Into::into))
    }

    async fn comments(&self, repository: &Repository, number: IssueNumber) -> Result<Vec<Comment>> {
        let path = at(repository, &format!("/issues/{number}/comments"));
        let mut comments = self
            .list(Voice::Repository(repository), &path, "list of comments", all)
            .await?
            .0;
        // GitHub ignores wishes for an order here.
        comments.sort_by_key(|comment: &Comment| comment.id);
        Ok(comments)
    }

    async fn create_comment(
        &self,
        repository: &Repository,
        number: IssueNumber,
        body: &str,
    ) -> Result<Comment> {
        let path = at(repository, &format!("/issues/{number}/comments"));
        let call = with_body(Method::POST, &path, &json!({ "body": body }));
        self.ask::<CommentView>(write(repository, Effect::Once, "issue", call))
            .await
            .map(Into::into)
    }

    async fn update_comment(
        &self,
        repository: &Repository,
        id: CommentId,
        body: &str,
    ) -> Result<Option<Comment>> {
        let path = at(repository, &format!("/issues/comments/{id}"));
        let call = with_body(Method::PATCH, &path, &json!({ "body": body }));
        let changed = self
            .ask::<CommentView>(write(repository, Effect::Repeatable, "comment", call))
            .await;
        Ok(unless_missing(changed)?.map(Into::into))
    }

    async fn delete_comment(&self, repository: &Repository, id: CommentId) -> Result<()> {
        let call = bare(Method::DELETE, &at(repository, &format!("/issues/comments/{id}")));
        let gone = self
            .tell(write(repository, Effect::Repeatable, "comment", call))
            .await;
        unless_missing(gone).map(|_| ())
    }

    async fn minimize_comment(&self, repository: &Repository, node_id: &str) -> Result<()> {
        let query = "mutation($id: ID!) { minimizeComment(input: {subjectId: $id, classifier: OUTDATED}) \
                     { minimizedComment { isMinimized } } }";
        let body = json!({ "query": query, "variables": { "id": node_id } });
        let call = with_body(Method::POST, &self.inner.wire.graphql(), &body);
        let answer = self
            .ask::<GraphView>(write(repository, Effect::Repeatable, "comment", call))
            .await?;
        let Some(error) = answer.errors.into_iter().flatten().next() else {
            return Ok(());
        };
        let message = error.message.unwrap_or_default();
        match error.kind.as_deref() {
            // Deleted by somebody: it cannot be more out of the way.
            Some("NOT_FOUND") => Ok(()),
            Some("FORBIDDEN" | "INSUFFICIENT_SCOPES") => Err(Error::Forbidden { message }),
            Some("RATE_LIMITED") => Err(Error::RateLimited {
                until: self.now().plus(std::time::Duration::from_mins(1)),
            }),
            _ => Err(Error::Invalid {
                message,
                errors: Vec::new(),
            }),
        }
    }

    async fn react(&self, repository: &Repository, to: Reactable, reaction: Reaction) -> Result<()> {
        let path = match to {
            Reactable::Issue(number) => format!("/issues/{number}/reactions"),
            Reactable::Comment(id) => format!("/issues/comments/{id}/reactions"),
        };
        let call = with_body(
            Method::POST,
            &at(repository, &path),
            &json!({ "content": reaction.as_str() }),
        );
        self.tell(write(repository, Effect::Repeatable, "issue or comment", call))
            .await
    }

    async fn add_labels(&self, repository: &Repository, number: IssueNumber, labels: &[&str]) -> Result<()> {
        if labels.is_empty() {
            return Ok(());
        }
        let path = at(repository, &format!("/issues/{number}/labels"));
        let call = with_body(Method::POST, &path, &json!({ "labels": labels }));
        self.tell(write(repository, Effect::Repeatable, "issue", call))
            .await
    }

    async fn remove_label(&self, repository: &Repository, number: IssueNumber, label: &str) -> Result<()> {
        let path = at(repository, &format!("/issues/{number}/labels/{}", encoded(label)));
        let gone = self
            .tell(write(
                repository,
                Effect::Repeatable,
                "label",
                bare(Method::DELETE, &path),
            ))
            .await;
        unless_missing(gone).map(|_| ())
    }

    async fn ensure_label(
        &self,
        repository: &Repository,
        name: &str,
        color: &str,
        description: &str,
    ) -> Result<()> {
        let path = at(repository, &format!("/labels/{}", encoded(name)));
        let found = self
            .ask::<serde::de::IgnoredAny>(read(repository, "label", &path))
            .await;
        if unless_missing(found)?.is_some() {
            return Ok(());
        }
        let body = json!({ "name": name, "color": color, "description": description });
        let call = with_body(Method::POST, &at(repository, "/labels"), &body);
        match self
            .tell(write(repository, Effect::Repeatable, "repository", call))
            .await
        {
            // Somebody was faster.
            Err(Error::Invalid { errors, .. }) if errors.iter().any(|it| it.contains("already_exists")) => {
                Ok(())
            }
            outcome => outcome,
        }
    }

    async fn pull(&self, repository: &Repository, number: PullNumber) -> Result<Pull> {
        let path = at(repository, &format!("/pulls/{number}"));
        self.ask::<PullView>(read(repository, "pull request", &path))
            .await
            .map(Into::into)
    }

    async fn pulls_by_head(&self, repository: &Repository, head: &BranchName) -> Result<Vec<Pull>> {
        let (mut pulls, moved) = self.pulls_from(repository, head).await?;
        if moved {
            // The filter names the owner, and with an old owner it finds nothing without saying so.
            let name = self.repository(repository).await?.name;
            (pulls, _) = self
                .pulls_from(
                    &Repository {
                        name,
                        ..repository.clone()
                    },
                    head,
                )
                .await?;
        }
        // A filter that GitHub does not understand is ignored by it.
        pulls.retain(|pull| {
            pull.head == head.as_str() && pull.head_repository.is_none_or(|id| id == repository.id)
        });
        pulls.sort_by_key(|pull| pull.number);
        Ok(pulls)
    }

    async fn create_pull(&self, repository: &Repository, new: &NewPull) -> Result<Pull> {
        let body = json!({
            "title": new.title, "body": new.body, "head": new.head, "base": new.base, "draft": new.draft,
        });
        let call = with_body(Method::POST, &at(repository, "/pulls"), &body);
        self.ask::<PullView>(write(repository, Effect::Once, "repository", call))
            .await
            .map(Into::into)
    }

    async fn update_pull(
        &self,
        repository: &Repository,
        number: PullNumber,
        change: &PullChange,
    ) -> Result<Pull> {
        let mut body = serde_json::Map::new();
        let texts = [("title", &change.title), ("body", &change.body)];
        for (name, text) in texts {
            if let Some(text) = text {
                body.insert(name.to_owned(), json!(text));
            }
        }
        if let Some(state) = change.state {
            let state = match state {
                IssueState::Open => "open",
                IssueState::Closed => "closed",
            };
            body.insert("state".to_owned(), json!(state));
        }
        let call = with_body(Method::PATCH, &at(repository, &format!("/pulls/{number}")), &body);
        self.ask::<PullView>(write(repository, Effect::Repeatable, "pull request", call))
            .await
            .map(Into::into)
    }

    async fn request_review(
        &self,
        repository: &Repository,
        number: PullNumber,
        reviewers: &[Login],
    ) -> Result<()> {
        if reviewers.is_empty() {
            return Ok(());
        }
        let path = at(repository, &format!("/pulls/{number}/requested_reviewers"));
        let call = with_body(Method::POST, &path, &json!({ "reviewers": reviewers }));
        self.tell(write(repository, Effect::Repeatable, "pull request", call))
            .await
    }

    async fn review_comments(
        &self,
        repository: &Repository,
        number: PullNumber,
        review: u64,
    ) -> Result<Vec<ReviewComment>> {
        let path = at(repository, &format!("/pulls/{number}/reviews/{review}/comments"));
        let items = |page: Vec<ReviewCommentView>| page.into_iter().map(Into::into).collect();
        Ok(self
            .list(Voice::Repository(repository), &path, "review", items)
            .await?
            .0)
    }
}

impl Client {
    async fn pulls_from(&self, repository: &Repository, head: &BranchName) -> Result<(Vec<Pull>, bool)> {
        let head = encoded(&format!("{}:{head}", repository.name.owner()));
        let path = at(repository, &format!("/pulls?state=all&head={head}"));
        let items = |page: Vec<PullView>| page.into_iter().map(Into::into).collect();
        self.list(
            Voice::Repository(repository),
            &path,
            "list of pull requests",
            items,
        )
        .await
    }
}

fn all(page: Vec<CommentView>) -> Vec<Comment> {
    page.into_iter().map(Into::into).collect()
}

/// The path of something in a repository. Names hold no character that needs encoding.
fn at(repository: &Repository, rest: &str) -> String {
    format!("/repos/{}{rest}", repository.name)
}

fn read<'a>(repository: &'a Repository, what: &'a str, path: &str) -> Ask<'a> {
    Ask {
        voice: Voice::Repository(repository),
        effect: Effect::Read,
        what,
        call: get(path),
    }
}

fn write<'a>(repository: &'a Repository, effect: Effect, what: &'a str, call: Call) -> Ask<'a> {
    Ask {
        voice: Voice::Repository(repository),
        effect,
        what,
        call,
    }
}

/// A missing thing as an answer.
fn unless_missing<T>(outcome: Result<T>) -> Result<Option<T>> {
    match outcome {
        Ok(found) => Ok(Some(found)),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
