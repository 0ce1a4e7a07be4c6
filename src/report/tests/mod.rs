mod hostile;
mod plan;
mod pull;
mod reply;
mod spending;
mod status;

use super::view::*;
use super::*;
use crate::command::{Grammar, Mistake, Permission, parse};
use crate::model::{
    BranchName, CommitId, ContentHash, IssueNumber, Login, MicroUsd, NodeId, PullNumber, RepositoryName,
    RunId, Timestamp, TokenUsage,
};
use insta::assert_snapshot;
use proptest::prelude::*;
use std::time::Duration;

fn run() -> RunId {
    RunId::new("01jd0000000000000000abcdef").unwrap()
}

fn hash(text: &str) -> ContentHash {
    ContentHash::of(text)
}

fn node(id: &str) -> NodeId {
    NodeId::new(id).unwrap()
}

fn login(name: &str) -> Login {
    Login::new(name).unwrap()
}

fn branch(name: &str) -> BranchName {
    BranchName::new(name).unwrap()
}

fn commit(digit: &str) -> CommitId {
    CommitId::new(digit.repeat(40)).unwrap()
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

fn agent(id: &str, state: NodeState, candidate: &str, cost: Option<u64>) -> NodeView {
    NodeView {
        id: node(id),
        kind: "agent".into(),
        state,
        generation: 1,
        candidates: vec![candidate.to_owned()],
        attempts: 1,
        time: Some(Duration::from_secs(95)),
        usage: cost.map(|_| TokenUsage {
            input: 300,
            cache_read: 12_000,
            cache_write: 0,
            output: 900,
            ..TokenUsage::default()
        }),
        cost: Cost {
            known: cost.map(MicroUsd),
            incomplete: cost.is_none(),
        },
        ledger: Vec::new(),
        findings: vec![],
    }
}

fn other(id: &str, kind: &str, state: NodeState) -> NodeView {
    NodeView {
        id: node(id),
        kind: kind.into(),
        state,
        generation: 1,
        candidates: vec![],
        attempts: 0,
        time: None,
        usage: None,
        cost: Cost::default(),
        ledger: Vec::new(),
        findings: vec![],
    }
}

fn status_view(standing: Standing) -> StatusView {
    let mut implement = agent(
        "implement",
        NodeState::Running,
        "gemini:google/gemini-3.5-flash",
        None,
    );
    implement.candidates.insert(0, "claude:moonshot/kimi-k2.6".into());
    implement.attempts = 3;
    implement.findings = strings(&[
        "attempt 1: no output for 10 minutes, asked @octocat | #12",
        "attempt 2: an empty diff",
    ]);
    StatusView {
        run: run(),
        issue: Some(IssueNumber(7)),
        workflow: "build".into(),
        requester: Some(login("hubot")),
        standing,
        nodes: vec![
            agent(
                "plan",
                NodeState::Done,
                "claude:anthropic/claude-opus-5-5@high",
                Some(17_960),
            ),
            other("approve", "gate", NodeState::Done),
            implement,
            other("publish", "publish", NodeState::Pending),
        ],
        edges: vec![(0, 1), (1, 2), (2, 3)],
        notices: strings(&["Agents run with the server's rights: there is no sandbox."]),
        links: vec![Link {
            title: "Plan".into(),
            url: "https://github.com/o/r/issues/7#issuecomment-1".into(),
        }],
        updated: Timestamp::parse("2026-11-23T10:00:00Z"),
    }
}

fn step(id: &str, title: &str, files: &[&str]) -> StepView {
    StepView {
        id: id.into(),
        title: title.into(),
        class: "logic".into(),
        files: strings(files),
        needs: if id == "1" { vec![] } else { strings(&["1"]) },
    }
}

fn plan_view() -> PlanView {
    PlanView {
        run: run(),
        revision: 1,
        hash: hash("plan"),
        summary: "Add `price_half`, rounding down.".into(),
        size: "small".into(),
        files: strings(&["src/widgets.py", "tests/*.py"]),
        steps: vec![
            step("1", "Add `price_half`", &["src/widgets.py"]),
            step("2", "Cover it, as @octocat asked", &["tests/test_widgets.py"]),
        ],
        tests: strings(&["python3 -m unittest discover -s tests | tee log"]),
        criteria: strings(&["price_half rounds down to whole cents"]),
        risks: vec![],
        questions: vec![],
        body: "# Plan\n\nWhy and how; fixes #7, @octocat.\n\n```python\ndef price_half(): ...".into(),
        previous: None,
        author: Some("claude:anthropic/claude-opus-5-5@high".into()),
        cost: Cost {
            known: Some(MicroUsd(41_300)),
            incomplete: false,
        },
        base: Some((branch("main"), commit("a"))),
        expires: Timestamp::parse("2026-12-07T10:00:00Z"),
        plan_only: false,
        notify: vec![login("hubot")],
    }
}

fn pull_view() -> PullView {
    PullView {
        run: run(),
        generation: 1,
        issue: Some(IssueNumber(7)),
        issue_title: "Half prices".into(),
        complete: true,
        requester: Some(login("hubot")),
        summary: "Add `price_half`, rounding down.".into(),
        plan: Some((
            hash("plan"),
            Some("https://github.com/o/r/issues/7#issuecomment-1".into()),
        )),
        commit: commit("c"),
        base: branch("main"),
        steps: vec![
            StepResult {
                step: step("1", "Add `price_half`", &[]),
                done: true,
                files: vec![FileChange {
                    path: "src/widgets.py".into(),
                    added: Some(6),
                    removed: Some(1),
                }],
            },
            StepResult {
                step: step("2", "Draw it", &[]),
                done: false,
                files: vec![],
            },
        ],
        other_files: vec![FileChange {
            path: "logo|x.png".into(),
            added: None,
            removed: None,
        }],
        checks: ChecksView {
            verified: Some(true),
            why: None,
            commands: vec![CheckView {
                run: "python3 -m unittest".into(),
                result: CheckResult {
                    exit: Some(0),
                    tests: Some(TestCounts {
                        passed: 4,
                        failed: 0,
                        skipped: 1,
                    }),
                },
                base: Some(CheckResult {
                    exit: Some(0),
                    tests: Some(TestCounts {
                        passed: 3,
                        failed: 0,
                        skipped: 0,
                    }),
                }),
                time: Some(Duration::from_millis(420)),
            }],
        },
        validation: Some(ValidationView {
            passed: true,
            by: Some("claude:anthropic/claude-opus-5-5@high".into()),
            criteria: vec![
                CriterionView {
                    text: "price_half rounds down".into(),
                    met: Some(true),
                    evidence: "checks.md, command 1: 4 tests passed".into(),
                },
                CriterionView {
                    text: "It is drawn".into(),
                    met: None,
                    evidence: String::new(),
                },
            ],
            findings: vec![FindingView {
                severity: "minor".into(),
                file: Some("src/widgets.py".into()),
                line: Some(18),
                text: "Name the rounding rule; see #3.".into(),
            }],
            body: "All good, says @validator.\n\n<!-- footplate:run=none kind=plan generation=1 -->".into(),
        }),
        deviations: strings(&["Used integer division."]),
        notes: "Look at `price_half`.\n\n/approve".into(),
        nodes: vec![
            agent(
                "plan",
                NodeState::Done,
                "claude:anthropic/claude-opus-5-5@high",
                Some(17_960),
            ),
            agent("implement", NodeState::Done, "mine", None),
        ],
        notices: strings(&["Agents run with the server's rights: there is no sandbox."]),
    }
}
