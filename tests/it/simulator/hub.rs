//! GitHub as a plain world: issues, comments, pull requests, people, and the webhooks that tell of them.

use std::collections::{BTreeMap, BTreeSet};

use footplate::github::{Comment, Facts, IssueState, IssueText, Pull, User, lane};
use footplate::model::{
    AppId, BranchName, CommentId, CommitId, IssueNumber, Login, PullNumber, RepositoryId, Timestamp, UserId,
};
use footplate::store::{InboxKind, InboxRow};
use serde_json::{Value, json};

use super::repository::written;

pub(super) const NAME: &str = "acme/widgets";
/// Our App.
pub(super) const APP: AppId = AppId(77);
/// Our App's bot.
pub(super) const BOT: (&str, u64) = ("footplate[bot]", 999);
/// Who there is, and what each may do.
pub(super) const PEOPLE: [(&str, u64, &str); 4] = [
    ("ann", 11, "admin"),
    ("wes", 12, "write"),
    ("rea", 13, "read"),
    ("out", 14, "none"),
];

/// An issue.
#[derive(Debug, Clone)]
pub(super) struct Thread {
    pub(super) title: String,
    pub(super) body: String,
    pub(super) open: bool,
    pub(super) labels: BTreeSet<String>,
}

/// A comment with its history.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub(super) thread: u64,
    pub(super) by: (String, u64),
    pub(super) app: Option<AppId>,
    pub(super) body: String,
    pub(super) at: Timestamp,
    pub(super) minimized: bool,
    /// The number of the newest comment when a person edited this one last.
    pub(super) edited: Option<u64>,
}

/// A delivery on its way.
#[derive(Debug, Clone)]
pub(super) struct Mail {
    pub(super) id: String,
    event: &'static str,
    action: String,
    body: String,
}

/// The world.
pub(super) struct Hub {
    pub(super) issues: BTreeMap<u64, Thread>,
    pub(super) comments: BTreeMap<u64, Said>,
    pub(super) pulls: BTreeMap<u64, Pull>,
    pub(super) mail: Vec<Mail>,
    pub(super) sent: Vec<Mail>,
    pub(super) known_labels: BTreeSet<String>,
    numbers: u64,
    comment_ids: u64,
    mails: u64,
    reviews: u64,
    pub(super) reviews_by_writers: usize,
    /// Issues that a merge closed, and no person before it.
    pub(super) closed_by_merge: BTreeSet<u64>,
    /// How often GitHub was made to fail.
    pub(super) refusals: u32,
}

impl Hub {
    pub(super) fn new() -> Self {
        Self {
            issues: BTreeMap::new(),
            comments: BTreeMap::new(),
            pulls: BTreeMap::new(),
            mail: Vec::new(),
            sent: Vec::new(),
            known_labels: BTreeSet::new(),
            numbers: 6,
            comment_ids: 1000,
            mails: 0,
            reviews: 0,
            reviews_by_writers: 0,
            closed_by_merge: BTreeSet::new(),
            refusals: 0,
        }
    }

    pub(super) fn open_issue(&mut self, title: &str) -> u64 {
        self.numbers += 1;
        let issue = Thread {
            title: title.to_owned(),
            body: "Please.".to_owned(),
            open: true,
            labels: BTreeSet::new(),
        };
        self.issues.insert(self.numbers, issue);
        self.numbers
    }

    pub(super) fn permission(login: &str) -> Option<&'static str> {
        PEOPLE
            .iter()
            .find(|(name, _, _)| *name == login)
            .map(|(_, _, level)| *level)
    }

    pub(super) fn may_write(login: &str) -> bool {
        matches!(Self::permission(login), Some("admin" | "write"))
    }

    /// The issue or pull request of a number, as webhooks show it.
    fn thread(&self, number: u64) -> Value {
        if let Some(issue) = self.issues.get(&number) {
            return json!({"number": number, "title": issue.title, "body": issue.body,
                "state": if issue.open { "open" } else { "closed" }, "user": user(PEOPLE[0].0, PEOPLE[0].1),
                "labels": issue.labels.iter().map(|name| json!({"name": name})).collect::<Vec<_>>()});
        }
        let pull = self.pulls.get(&number);
        json!({"number": number, "title": pull.map(|pull| pull.title.as_str()), "body": "A pull request.",
            "state": "open", "pull_request": {}, "user": user(BOT.0, BOT.1), "labels": []})
    }

    fn pull(&self, number: u64) -> Value {
        let Some(pull) = self.pulls.get(&number) else {
            return Value::Null;
        };
        json!({"number": number, "title": pull.title, "body": pull.body, "merged": pull.merged,
            "state": if pull.state == IssueState::Open { "open" } else { "closed" },
            "head": {"ref": pull.head, "sha": pull.head_commit, "repo": {"id": 2}},
            "base": {"ref": pull.base}, "user": user(BOT.0, BOT.1)})
    }

    fn send(&mut self, event: &'static str, action: &str, sender: (&str, u64), mut more: Value) {
        self.mails += 1;
        let body = &mut more;
        body["action"] = json!(action);
        body["repository"] = json!({"id": 2, "full_name": NAME, "default_branch": "main", "private": false});
        body["installation"] = json!({"id": 1});
        body["sender"] = user(sender.0, sender.1);
        let id = format!("d{}", self.mails);
        self.mail.push(Mail {
            id,
            event,
            action: action.to_owned(),
            body: more.to_string(),
        });
    }

    pub(super) fn label(&mut self, number: u64, label: &str, by: (&str, u64), times: usize) {
        if let Some(issue) = self.issues.get_mut(&number) {
            issue.labels.insert(label.to_owned());
        }
        for _ in 0..times {
            let issue = self.thread(number);
            self.send(
                "issues",
                "labeled",
                by,
                json!({"issue": issue, "label": {"name": label}}),
            );
        }
    }

    pub(super) fn say(
        &mut self,
        thread: u64,
        by: (&str, u64),
        app: Option<AppId>,
        body: &str,
        at: Timestamp,
    ) -> u64 {
        self.comment_ids += 1;
        let id = self.comment_ids;
        let said = Said {
            thread,
            by: (by.0.to_owned(), by.1),
            app,
            body: body.to_owned(),
            at,
            minimized: false,
            edited: None,
        };
        self.comments.insert(id, said);
        // Of our own comments, which are many and ignored, only some webhooks are played.
        if app.is_none() || id.is_multiple_of(4) {
            let issue = self.thread(thread);
            let app = app.map(|app| json!({"id": app}));
            let comment = json!({"id": id, "body": body, "user": user(by.0, by.1),
                "performed_via_github_app": app, "created_at": written(at), "updated_at": written(at)});
            self.send(
                "issue_comment",
                "created",
                by,
                json!({"issue": issue, "comment": comment}),
            );
        }
        id
    }

    pub(super) fn newest_comment(&self) -> u64 {
        self.comment_ids
    }

    pub(super) fn edit_issue(&mut self, number: u64, body: &str) {
        let Some(issue) = self.issues.get_mut(&number) else {
            return;
        };
        let before = std::mem::replace(&mut issue.body, body.to_owned());
        let issue = self.thread(number);
        self.send(
            "issues",
            "edited",
            ("ann", 11),
            json!({"issue": issue, "changes": {"body": {"from": before}}}),
        );
    }

    pub(super) fn close_issue(&mut self, number: u64, by: (&str, u64)) {
        let Some(issue) = self.issues.get_mut(&number).filter(|issue| issue.open) else {
            return;
        };
        issue.open = false;
        let issue = self.thread(number);
        self.send("issues", "closed", by, json!({"issue": issue}));
    }

    pub(super) fn reopen_issue(&mut self, number: u64) {
        self.closed_by_merge.remove(&number);
        if let Some(issue) = self.issues.get_mut(&number) {
            issue.open = true;
        }
    }

    pub(super) fn issue_text(&self, number: u64) -> Option<IssueText> {
        let issue = self.issues.get(&number)?;
        Some(IssueText {
            title: issue.title.clone(),
            body: issue.body.clone(),
        })
    }

    pub(super) fn open_pull(
        &mut self,
        title: &str,
        body: &str,
        head: &str,
        at: &CommitId,
        base: &str,
        bot: bool,
    ) -> Pull {
        self.numbers += 1;
        let (login, id) = if bot { BOT } else { ("wes", 12) };
        let pull = Pull {
            number: PullNumber(self.numbers),
            node_id: format!("PR_{}", self.numbers),
            title: title.to_owned(),
            body: body.to_owned(),
            state: IssueState::Open,
            draft: false,
            merged: false,
            merge_commit: None,
            head: head.to_owned(),
            head_commit: at.clone(),
            head_repository: Some(RepositoryId(2)),
            base: base.to_owned(),
            user: Some(account(login, id)),
            html_url: format!("https://github.com/{NAME}/pull/{}", self.numbers),
        };
        self.pulls.insert(self.numbers, pull.clone());
        pull
    }

    /// Open pull requests follow their branch.
    pub(super) fn move_head(&mut self, branch: &BranchName, to: &CommitId) {
        for pull in self.pulls.values_mut() {
            if pull.head == branch.as_str() && pull.state == IssueState::Open {
                pull.head_commit = to.clone();
            }
        }
    }

    /// A person closes or merges a pull request; a merge closes the issue that it names.
    pub(super) fn end_pull(&mut self, number: u64, merge: Option<CommitId>, closes: Option<u64>) {
        let Some(pull) = self
            .pulls
            .get_mut(&number)
            .filter(|pull| pull.state == IssueState::Open)
        else {
            return;
        };
        pull.state = IssueState::Closed;
        pull.merged = merge.is_some();
        pull.merge_commit = merge;
        let merged = pull.merged;
        let pull = self.pull(number);
        self.send(
            "pull_request",
            "closed",
            ("wes", 12),
            json!({"pull_request": pull, "number": number}),
        );
        if merged && let Some(issue) = closes {
            if self.issues.get(&issue).is_some_and(|issue| issue.open) {
                self.closed_by_merge.insert(issue);
            }
            self.close_issue(issue, ("wes", 12));
        }
    }

    pub(super) fn review(&mut self, number: u64, by: (&str, u64)) {
        self.reviews += 1;
        self.reviews_by_writers += usize::from(Self::may_write(by.0));
        let pull = self.pull(number);
        let review = json!({"id": self.reviews, "state": "changes_requested", "user": user(by.0, by.1),
            "body": format!("Please change something, {}.", self.reviews), "commit_id": pull["head"]["sha"]});
        self.send(
            "pull_request_review",
            "submitted",
            by,
            json!({"pull_request": pull, "review": review}),
        );
    }

    /// A comment as the API shows it.
    pub(super) fn shown(&self, id: u64) -> Option<Comment> {
        let said = self.comments.get(&id)?;
        let place = if self.pulls.contains_key(&said.thread) {
            "pull"
        } else {
            "issues"
        };
        Some(Comment {
            id: CommentId(id),
            node_id: format!("IC_{id}"),
            body: said.body.clone(),
            user: Some(account(&said.by.0, said.by.1)),
            app: said.app,
            created_at: Some(said.at),
            updated_at: Some(said.at),
            html_url: format!(
                "https://github.com/{NAME}/{place}/{}#issuecomment-{id}",
                said.thread
            ),
        })
    }

    /// The issue that a number stands for in the API.
    pub(super) fn issue(&self, number: IssueNumber) -> Option<footplate::github::Issue> {
        let issue = self.issues.get(&number.0)?;
        Some(footplate::github::Issue {
            number,
            title: issue.title.clone(),
            body: issue.body.clone(),
            state: if issue.open {
                IssueState::Open
            } else {
                IssueState::Closed
            },
            labels: issue.labels.iter().cloned().collect(),
            user: Some(account("ann", 11)),
            is_pull: false,
            locked: false,
            updated_at: None,
            html_url: format!("https://github.com/{NAME}/issues/{number}"),
        })
    }
}

impl Mail {
    /// The inbox row that the webhook door makes of it.
    pub(super) fn row(&self, now: Timestamp) -> InboxRow {
        let facts = Facts::read(self.event, self.body.as_bytes()).expect("the payload is JSON");
        InboxRow {
            seq: 0,
            key: self.id.clone(),
            kind: InboxKind::Delivery,
            lane: lane(&facts),
            event: self.event.to_owned(),
            action: self.action.clone(),
            body: self.body.clone().into_bytes(),
            facts: serde_json::to_string(&facts).expect("facts are JSON"),
            received: now,
            failures: 0,
        }
    }
}

impl std::fmt::Display for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.id, self.event, self.action)
    }
}

pub(super) fn account(login: &str, id: u64) -> User {
    User {
        id: UserId(id),
        login: Login::new(login).expect("a login"),
        is_bot: login.ends_with("[bot]"),
    }
}

fn user(login: &str, id: u64) -> Value {
    json!({"id": id, "login": login, "type": if login.ends_with("[bot]") { "Bot" } else { "User" }})
}
