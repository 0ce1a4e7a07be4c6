//! What the book promises to those who tell it something.

use std::sync::Arc;

use super::*;
use crate::engine::addresses;
use crate::ledger::Scope;
use crate::model::{
    Artifact, ArtifactName, BranchName, CommitId, Login, NodeId, RepositoryName, SystemClock,
};
use crate::run::{Person, Policy, Report, Verdict, budget};
use crate::store::Database;
use crate::workflow;

const CHECKS: &str = "name: checks\nnodes:\n  first: {run: ['true'], writes: [first-checks.md]}\n  second: {run: ['true'], writes: [second-checks.md], needs: [first]}\n";

async fn store(folder: &tempfile::TempDir) -> Database {
    let url = format!("sqlite:{}", folder.path().join("store.db").display());
    Database::open(&url, Arc::new(SystemClock)).await.unwrap()
}

fn beginning() -> (Created, Frozen) {
    let frozen = Frozen {
        workflow: workflow::parse(CHECKS, "checks.yml", &crate::contract::declared_fields).unwrap(),
        policy: Policy::default(),
    };
    let (workflow, policy) = addresses(&frozen);
    let created = Created {
        run: RunId::new("01k9z0000000000000000zzzzz").unwrap(),
        origin: Origin::Local {
            name: RepositoryName::new("local/repo").unwrap(),
            path: "/repo".to_owned(),
        },
        title: "Check it".to_owned(),
        issue_text: ContentHash::of("issue"),
        requester: Person {
            login: Login::new("ada").unwrap(),
            id: None,
        },
        base: BranchName::new("main").unwrap(),
        base_commit: CommitId::new("1".repeat(40)).unwrap(),
        branch: BranchName::new("footplate/task").unwrap(),
        workflow_name: frozen.workflow.name.clone(),
        workflow,
        policy,
        plan_only: false,
        labels: Vec::new(),
        attended: false,
        nodes: frozen.workflow.nodes.iter().map(|node| node.id.clone()).collect(),
    };
    (created, frozen)
}

fn key(created: &Created, node: &str) -> AttemptKey {
    AttemptKey {
        run: created.run.clone(),
        node: NodeId::new(node).unwrap(),
        generation: 1,
        n: 1,
    }
}

#[tokio::test]
async fn an_outcome_is_logged_with_what_it_names_and_leaves_nothing_in_the_inbox() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let book = Book::new(store.clone(), SystemClock);
    let (created, frozen) = beginning();
    let first = key(&created, "first");
    assert!(matches!(
        book.create(created.clone(), &frozen, None).await.unwrap(),
        Creation::New(_)
    ));
    assert!(book.begin(&first).await.unwrap());
    book.take_changed();

    let mut report = Report::bare(first.clone(), Verdict::Succeeded, SystemClock.now());
    report.artifacts.push(Artifact {
        name: ArtifactName::new("checks.md").unwrap(),
        hash: ContentHash::of("all is well"),
    });
    let outcome = Outcome {
        run: created.run.clone(),
        input: Input::AttemptEnded(Box::new(report)),
    };
    for _ in 0..2 {
        book.conclude("first", &outcome, &[b"all is well".to_vec()])
            .await
            .unwrap();
    }

    let page = book.look(&created.run).await.unwrap().unwrap();
    let first = page.run.node(&first.node).unwrap();
    assert_eq!(first.attempts.len(), 1);
    assert!(first.attempts[0].report.is_some());
    assert!(
        !page
            .run
            .node(&NodeId::new("second").unwrap())
            .unwrap()
            .attempts
            .is_empty(),
        "what follows is scheduled in the same step"
    );
    let content = store.get(&ContentHash::of("all is well")).await.unwrap();
    assert_eq!(content.as_deref(), Some(&b"all is well"[..]));
    assert_eq!(store.pending(i64::MIN, 10).await.unwrap(), Vec::new());
    assert!(book.take_changed().contains(&created.run), "somebody is to look");

    // Another process reads the same from the log.
    let other = Book::new(store, SystemClock);
    assert_eq!(other.look(&created.run).await.unwrap().unwrap().run, page.run);
}

#[tokio::test]
async fn an_outcome_for_an_unknown_run_is_left_in_the_inbox_to_be_seen() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let book = Book::new(store.clone(), SystemClock);
    let (created, _) = beginning();
    let report = Report::bare(key(&created, "first"), Verdict::Succeeded, SystemClock.now());
    let outcome = Outcome {
        run: created.run.clone(),
        input: Input::AttemptEnded(Box::new(report)),
    };
    book.conclude("first", &outcome, &[]).await.unwrap();
    let rows = store.pending(i64::MIN, 10).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].key, "first");
}

#[tokio::test]
async fn a_run_that_is_held_stays_in_memory_while_nothing_happens_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let book = Book::new(store(&folder).await, SystemClock);
    let (created, _) = beginning();
    let known = |book: &Book<_, _>| book.open.lock().unwrap().contains_key(&created.run);
    let hold = book.hold(&created.run);
    assert!(book.look(&created.run).await.unwrap().is_none());
    assert!(known(&book));
    drop(hold);
    assert!(book.look(&created.run).await.unwrap().is_none());
    assert!(!known(&book));
}

const ASKS: &str = "name: asks\nnodes:\n  first: {role: explore, writes: [exploration.md]}\n";

#[tokio::test]
async fn an_attempt_does_not_begin_where_other_runs_have_spent_the_months_budget() {
    let folder = tempfile::tempdir().unwrap();
    let book = Book::new(store(&folder).await, SystemClock);
    let (mut created, mut frozen) = beginning();
    frozen.workflow = workflow::parse(ASKS, "asks.yml", &crate::contract::declared_fields).unwrap();
    frozen.policy.routes = BTreeMap::from([(crate::model::Role::Explore, vec!["mine".parse().unwrap()])]);
    frozen.policy.budget.money = BTreeMap::from([(Scope::Month, crate::model::MicroUsd(1_000_000))]);
    created.nodes.truncate(1);
    (created.workflow, created.policy) = addresses(&frozen);
    let mut later = created.clone();
    later.run = RunId::new("01k9z0000000000000001zzzzz").unwrap();
    for one in [&created, &later] {
        let creation = book.create(one.clone(), &frozen, None).await.unwrap();
        assert!(matches!(creation, Creation::New(_)));
    }
    let first = key(&created, "first");
    assert!(book.begin(&first).await.unwrap(), "nobody has spent anything yet");
    let mut report = Report::bare(first, Verdict::Succeeded, SystemClock.now());
    report.cost = Some(crate::model::MicroUsd(1_000_000));
    let outcome = Outcome {
        run: created.run.clone(),
        input: Input::AttemptEnded(Box::new(report)),
    };
    book.conclude("first", &outcome, &[]).await.unwrap();
    book.take_changed();

    assert!(!book.begin(&key(&later, "first")).await.unwrap());
    assert!(book.take_changed().contains(&later.run), "somebody is to look");
    let page = book.look(&later.run).await.unwrap().unwrap();
    let until = next_wake(&page.frozen, &page.run).expect("it waits for the next month");
    assert_eq!(until, budget::month(SystemClock.now()).1);
    assert_eq!(page.run.cost(), (crate::model::MicroUsd::ZERO, false));
}
