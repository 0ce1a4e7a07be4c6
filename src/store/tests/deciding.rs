//! Appends, rows, and inbox rows on their way.

use super::{World, creation, delivery, outcome, row, run};
use sqlx::Row as _;

use crate::model::{IssueNumber, MicroUsd, PullNumber, RepositoryId, Timestamp};
use crate::store::{
    Append, Appended, CostOf, CostSum, Database, Error, FindRun, InboxKind, Journal, ListRuns, MAX_FAILURES,
    Settle,
};

/// Everything that an append may have written.
async fn traces(store: &Database) -> (usize, usize, usize) {
    let runs = store.list(ListRuns::default()).await.unwrap();
    let mut events = 0;
    for row in &runs {
        events += store
            .load(&row.run)
            .await
            .unwrap()
            .map_or(0, |events| events.len());
    }
    (runs.len(), events, store.pending(0, 1000).await.unwrap().len())
}

fn step(n: u32, issue: u64, expected_len: u64) -> Append {
    Append {
        expected_len,
        events: vec!["{\"next\":true}".to_owned()],
        row: row(n, issue, expected_len + 1),
        ..creation(n, issue)
    }
}

#[tokio::test]
async fn an_append_writes_events_row_inbox_and_contents_together() {
    let world = World::new().await;
    world.store.intake().accept(delivery("d")).await.unwrap();
    let seq = world.store.pending(0, 1).await.unwrap()[0].seq;
    let first = Append {
        consumes: Some(seq),
        note: Some("began a run".to_owned()),
        outcomes: vec![outcome("one"), outcome("two"), outcome("one")],
        contents: vec![b"the workflow".to_vec()],
        ..creation(1, 1)
    };
    assert_eq!(world.store.append(first.clone()).await.unwrap(), Appended::Ok);

    assert_eq!(world.store.load(&run(1)).await.unwrap().unwrap(), first.events);
    assert_eq!(
        world
            .store
            .find(FindRun::ById(run(1).to_string()))
            .await
            .unwrap()
            .unwrap(),
        first.row
    );
    let pending = world.store.pending(0, 10).await.unwrap();
    assert_eq!(
        pending.iter().map(|row| row.key.as_str()).collect::<Vec<_>>(),
        ["one", "two"]
    );
    assert_eq!(pending[0].kind, InboxKind::Outcome);
    assert_eq!(pending[0].body, b"it ended");
    let hash = crate::model::ContentHash::of("the workflow");
    assert_eq!(world.store.get(&hash).await.unwrap().unwrap(), b"the workflow");
}

#[tokio::test]
async fn an_append_to_another_length_is_a_conflict_and_leaves_nothing_behind() {
    let world = World::new().await;
    world.store.intake().accept(delivery("d")).await.unwrap();
    let seq = world.store.pending(0, 1).await.unwrap()[0].seq;
    world.store.append(creation(1, 1)).await.unwrap();
    let before = traces(&world.store).await;
    for wrong in [0, 1, 3] {
        let late = Append {
            consumes: Some(seq),
            outcomes: vec![outcome("never")],
            contents: vec![b"never".to_vec()],
            ..step(1, 1, wrong)
        };
        assert_eq!(
            world.store.append(late).await.unwrap(),
            Appended::Conflict,
            "expected {wrong}"
        );
    }
    assert_eq!(
        world.store.append(step(2, 2, 2)).await.unwrap(),
        Appended::Conflict,
        "there is no such run"
    );
    assert_eq!(traces(&world.store).await, before);
    assert_eq!(
        world
            .store
            .get(&crate::model::ContentHash::of("never"))
            .await
            .unwrap(),
        None
    );
    assert_eq!(world.store.append(step(1, 1, 2)).await.unwrap(), Appended::Ok);
}

#[tokio::test]
async fn of_two_decisions_at_once_one_wins() {
    let world = World::new().await;
    world.store.append(creation(1, 1)).await.unwrap();
    for len in 2..30 {
        let (a, b) = tokio::join!(
            world.store.append(step(1, 1, len)),
            world.store.append(step(1, 1, len))
        );
        let answers = [a.unwrap(), b.unwrap()];
        assert!(
            answers.contains(&Appended::Ok) && answers.contains(&Appended::Conflict),
            "{answers:?}"
        );
    }
    assert_eq!(world.store.load(&run(1)).await.unwrap().unwrap().len(), 30);
}

#[tokio::test]
async fn of_two_runs_created_at_once_on_one_issue_the_loser_learns_who_has_it() {
    let world = World::new().await;
    for issue in 1..20 {
        let (one, two) = (
            creation(issue * 2, issue.into()),
            creation(issue * 2 + 1, issue.into()),
        );
        let (first, second) = tokio::join!(world.store.append(one), world.store.append(two));
        match (first.unwrap(), second.unwrap()) {
            (Appended::Ok, Appended::IssueTaken(holder)) => assert_eq!(holder, run(issue * 2)),
            (Appended::IssueTaken(holder), Appended::Ok) => assert_eq!(holder, run(issue * 2 + 1)),
            other => panic!("{other:?}"),
        }
    }
    let (runs, events, _) = traces(&world.store).await;
    assert_eq!((runs, events), (19, 38), "the losers left nothing behind");
}

#[tokio::test]
async fn an_issue_is_free_again_when_its_run_lets_go_and_cannot_be_taken_back() {
    let world = World::new().await;
    world.store.append(creation(1, 1)).await.unwrap();
    let mut end = step(1, 1, 2);
    (end.row.active, end.row.ended) = (false, true);
    world.store.append(end).await.unwrap();
    assert_eq!(world.store.append(creation(2, 1)).await.unwrap(), Appended::Ok);
    assert_eq!(
        world.store.append(step(1, 1, 3)).await.unwrap(),
        Appended::IssueTaken(run(2))
    );
}

#[tokio::test]
async fn local_runs_never_collide() {
    let world = World::new().await;
    for n in 1..4 {
        let mut local = creation(n, 1);
        (local.row.repository, local.row.issue) = (RepositoryId(0), None);
        assert_eq!(world.store.append(local).await.unwrap(), Appended::Ok);
    }
}

#[tokio::test]
async fn an_inbox_row_acts_once_even_if_two_drivers_decide_it() {
    let world = World::new().await;
    world.store.intake().accept(delivery("d")).await.unwrap();
    let seq = world.store.pending(0, 1).await.unwrap()[0].seq;
    let first = Append {
        consumes: Some(seq),
        ..creation(1, 1)
    };
    let second = Append {
        consumes: Some(seq),
        ..creation(2, 2)
    };
    assert_eq!(world.store.append(first).await.unwrap(), Appended::Ok);
    assert_eq!(world.store.append(second).await.unwrap(), Appended::Settled);
    assert_eq!(world.store.load(&run(2)).await.unwrap(), None);
}

#[tokio::test]
async fn what_runs_cost_is_summed_by_issue_repository_and_time() {
    let world = World::new().await;
    // Run, issue, repository, when written, cost.
    let runs = [
        (1, 1, 7, 10, Some(5)),
        (2, 1, 7, 20, Some(0)),
        (3, 2, 7, 30, Some(7)),
        (4, 3, 8, 40, None),
        (5, 4, 8, 50, Some(11)),
    ];
    for (n, issue, repository, updated, cost) in runs {
        let mut append = creation(n, issue);
        append.row.active = false;
        append.row.repository = RepositoryId(repository);
        append.row.updated = Timestamp(updated);
        append.row.cost = cost.map(MicroUsd);
        assert_eq!(world.store.append(append).await.unwrap(), Appended::Ok);
    }
    // All but run, of a repository, of an issue, since: known, unknown, oldest.
    let table = [
        ((9, Some(7), Some(1), 0), (5, 0, Some(10))),
        ((1, Some(7), Some(1), 0), (0, 0, None)),
        ((9, Some(7), None, 20), (7, 0, Some(30))),
        ((9, None, None, 0), (23, 1, Some(10))),
        ((9, None, None, 51), (0, 0, None)),
        ((5, Some(8), None, 0), (0, 1, Some(40))),
    ];
    for ((except, repository, issue, since), (known, unknown, oldest)) in table {
        let of = CostOf {
            except: run(except),
            repository: repository.map(RepositoryId),
            issue: issue.map(IssueNumber),
            since: Timestamp(since),
        };
        let sum = CostSum {
            known: MicroUsd(known),
            unknown,
            oldest: oldest.map(Timestamp),
        };
        assert_eq!(world.store.cost(of.clone()).await.unwrap(), sum, "{of:?}");
    }
}

#[tokio::test]
async fn a_row_that_contradicts_its_events_is_refused() {
    let world = World::new().await;
    let mut miscounted = creation(1, 1);
    miscounted.row.len = 5;
    assert!(matches!(
        world.store.append(miscounted).await,
        Err(Error::Invalid(_))
    ));
    let mut other = creation(1, 1);
    other.row.run = run(2);
    assert!(matches!(world.store.append(other).await, Err(Error::Invalid(_))));
    let mut empty = creation(1, 1);
    (empty.row.len, empty.events) = (0, Vec::new());
    assert!(matches!(world.store.append(empty).await, Err(Error::Invalid(_))));
}

#[tokio::test]
async fn an_abandoned_append_does_not_hold_up_the_next() {
    let world = World::new().await;
    world.store.append(creation(1, 1)).await.unwrap();
    let mut len = 2;
    for polls in 1..60 {
        let mut abandoned = Box::pin(world.store.append(step(1, 1, len)));
        for _ in 0..polls {
            // Each round lets the future get a little further before it is dropped.
            if futures_util::poll!(&mut abandoned).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(abandoned);
        // The abandoned one may have been written; then the next is a conflict, and after loading it is not.
        loop {
            len = world.store.load(&run(1)).await.unwrap().unwrap().len() as u64;
            match world.store.append(step(1, 1, len)).await.unwrap() {
                Appended::Ok => break,
                Appended::Conflict => {}
                other => panic!("{other:?}"),
            }
        }
        len += 1;
    }
    assert_eq!(
        world
            .store
            .find(FindRun::ById(run(1).to_string()))
            .await
            .unwrap()
            .unwrap()
            .len,
        len
    );
}

#[tokio::test]
async fn a_row_that_keeps_failing_is_set_aside_visibly_and_can_be_put_back() {
    let world = World::new().await;
    world.store.intake().accept(delivery("poison")).await.unwrap();
    world.store.intake().accept(delivery("fine")).await.unwrap();
    let seq = world.store.pending(0, 1).await.unwrap()[0].seq;
    for n in 1..MAX_FAILURES {
        assert_eq!(world.store.fail(seq, "a bug\0").await.unwrap(), n);
        assert_eq!(world.store.pending(0, 10).await.unwrap()[0].failures, n);
    }
    assert!(world.store.set_aside(10).await.unwrap().is_empty());
    assert_eq!(world.store.fail(seq, "still a bug").await.unwrap(), MAX_FAILURES);

    let pending = world.store.pending(0, 10).await.unwrap();
    assert_eq!(
        pending.iter().map(|row| row.key.as_str()).collect::<Vec<_>>(),
        ["fine"]
    );
    let aside = world.store.set_aside(10).await.unwrap();
    assert_eq!(
        (aside[0].0.key.as_str(), aside[0].1.as_str()),
        ("poison", "still a bug")
    );

    assert!(world.store.requeue(seq).await.unwrap());
    assert!(!world.store.requeue(seq).await.unwrap());
    let back = &world.store.pending(0, 10).await.unwrap()[0];
    assert_eq!((back.key.as_str(), back.failures), ("poison", 0));
}

#[tokio::test]
async fn a_row_can_be_settled_as_done_or_aside() {
    let world = World::new().await;
    for key in ["a", "b"] {
        world.store.deliver(outcome(key)).await.unwrap();
    }
    let seqs: Vec<i64> = world
        .store
        .pending(0, 10)
        .await
        .unwrap()
        .iter()
        .map(|row| row.seq)
        .collect();
    world
        .store
        .settle(seqs[0], Settle::Done { note: None })
        .await
        .unwrap();
    world
        .store
        .settle(
            seqs[1],
            Settle::Aside {
                why: "unreadable".to_owned(),
            },
        )
        .await
        .unwrap();
    world
        .store
        .settle(
            seqs[0],
            Settle::Aside {
                why: "too late".to_owned(),
            },
        )
        .await
        .unwrap();
    assert!(world.store.pending(0, 10).await.unwrap().is_empty());
    let aside = world.store.set_aside(10).await.unwrap();
    assert_eq!(
        aside
            .iter()
            .map(|(row, why)| (row.seq, why.as_str()))
            .collect::<Vec<_>>(),
        [(seqs[1], "unreadable")]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn many_rows_settled_at_once_are_all_done_with_their_own_notes_and_no_others() {
    let world = World::new().await;
    for n in 0..100 {
        world.store.deliver(outcome(&format!("key-{n}"))).await.unwrap();
    }
    let rows = world.store.pending(i64::MIN, 1000).await.unwrap();
    let (left, settled) = rows.split_at(10);
    let tasks: Vec<_> = settled
        .iter()
        .map(|row| {
            let (store, seq) = (world.store.clone(), row.seq);
            tokio::spawn(async move {
                let note = Some(format!("row {seq} asks for nothing"));
                store.settle(seq, Settle::Done { note }).await
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let pending = world.store.pending(i64::MIN, 1000).await.unwrap();
    assert_eq!(pending, left);
    let mut connection = world.store.readers().acquire().await.unwrap();
    let wrong =
        "SELECT COUNT(*) FROM inbox WHERE state = 'done' AND note <> 'row ' || seq || ' asks for nothing'";
    let done = "SELECT COUNT(*) FROM inbox WHERE state = 'done' AND note IS NOT NULL";
    for (query, expected) in [(wrong, 0_i64), (done, 90)] {
        let row = sqlx::query(query).fetch_one(&mut *connection).await.unwrap();
        assert_eq!(row.get::<i64, _>(0), expected, "{query}");
    }
}

#[tokio::test]
async fn an_outcome_is_delivered_once_and_kinds_do_not_share_keys() {
    let world = World::new().await;
    assert!(world.store.deliver(outcome("k")).await.unwrap());
    assert!(!world.store.deliver(outcome("k")).await.unwrap());
    let mut order = outcome("k");
    order.kind = InboxKind::Order;
    assert!(world.store.deliver(order).await.unwrap());
    world.store.intake().accept(delivery("k")).await.unwrap();
    let kinds: Vec<_> = world
        .store
        .pending(0, 10)
        .await
        .unwrap()
        .iter()
        .map(|row| row.kind)
        .collect();
    assert_eq!(kinds, [InboxKind::Outcome, InboxKind::Order, InboxKind::Delivery]);
}

#[tokio::test]
async fn runs_are_found_by_issue_pull_request_and_shortened_id() {
    let world = World::new().await;
    let mut first = creation(1, 9);
    (first.row.active, first.row.ended) = (false, true);
    first.row.pull = Some(PullNumber(40));
    first.row.cost = Some(MicroUsd(17_000));
    world.store.append(first.clone()).await.unwrap();
    world.store.append(creation(2, 9)).await.unwrap();
    let (repository, issue) = (RepositoryId(7), IssueNumber(9));
    let find = async |by| world.store.find(by).await.unwrap().map(|row| row.run);

    assert_eq!(
        find(FindRun::ActiveOnIssue { repository, issue }).await,
        Some(run(2))
    );
    assert_eq!(
        find(FindRun::LatestOnIssue { repository, issue }).await,
        Some(run(2))
    );
    assert_eq!(
        find(FindRun::ActiveOnIssue {
            repository,
            issue: IssueNumber(8)
        })
        .await,
        None
    );
    assert_eq!(
        find(FindRun::ByPull {
            repository,
            pull: PullNumber(40)
        })
        .await,
        Some(run(1))
    );
    assert_eq!(
        find(FindRun::ByPull {
            repository: RepositoryId(8),
            pull: PullNumber(40)
        })
        .await,
        None
    );
    assert_eq!(find(FindRun::ById(run(2).short().to_owned())).await, Some(run(2)));
    assert_eq!(
        find(FindRun::ById(run(2).as_str()[..26].to_owned())).await,
        Some(run(2))
    );
    assert_eq!(find(FindRun::ById("%".to_owned())).await, None);
    let both = world.store.find(FindRun::ById("01h".to_owned())).await;
    assert!(matches!(both, Err(Error::Ambiguous { .. })));
    assert_eq!(
        world
            .store
            .find(FindRun::ById(run(1).to_string()))
            .await
            .unwrap()
            .unwrap(),
        first.row
    );
}

#[tokio::test]
async fn runs_are_listed_youngest_first_and_page_by_page() {
    let world = World::new().await;
    for n in 1..=5 {
        let mut append = creation(n, n.into());
        append.row.ended = n == 3;
        append.row.active = n != 3;
        if n == 4 {
            append.row.repository = RepositoryId(8);
        }
        world.store.append(append).await.unwrap();
    }
    let list = async |filter| -> Vec<_> {
        world
            .store
            .list(filter)
            .await
            .unwrap()
            .into_iter()
            .map(|row| row.run)
            .collect()
    };
    assert_eq!(
        list(ListRuns {
            limit: 2,
            ..ListRuns::default()
        })
        .await,
        [run(5), run(4)]
    );
    assert_eq!(
        list(ListRuns {
            limit: 2,
            before: Some(run(4)),
            ..ListRuns::default()
        })
        .await,
        [run(3), run(2)]
    );
    assert_eq!(
        list(ListRuns {
            ended: Some(true),
            ..ListRuns::default()
        })
        .await,
        [run(3)]
    );
    let there = ListRuns {
        repository: Some(RepositoryId(8)),
        ended: Some(false),
        ..ListRuns::default()
    };
    assert_eq!(list(there).await, [run(4)]);
}

#[tokio::test]
async fn a_start_reads_the_runs_with_work_or_a_wake_up_time_and_no_others() {
    let world = World::new().await;
    for n in 1..=5_u32 {
        let mut append = creation(n, n.into());
        let row = &mut append.row;
        row.has_work = matches!(n, 1 | 4);
        row.next_wake = matches!(n, 2 | 5).then(|| Timestamp(i64::from(100 - n)));
        // 4 has ended with a last comment still to be written; 5 has ended and forgot its alarm.
        row.ended = n >= 4;
        world.store.append(append).await.unwrap();
    }
    let open: Vec<_> = world
        .store
        .open_runs()
        .await
        .unwrap()
        .into_iter()
        .map(|row| row.run)
        .collect();
    assert_eq!(open, [run(1), run(2), run(4)]);
    assert_eq!(world.store.runs_with_work().await.unwrap(), [run(1), run(4)]);
    assert_eq!(world.store.next_wake().await.unwrap(), Some(Timestamp(95)));
    assert_eq!(world.store.due(Timestamp(94)).await.unwrap(), []);
    assert_eq!(world.store.due(Timestamp(95)).await.unwrap(), [run(5)]);
    assert_eq!(world.store.due(Timestamp(98)).await.unwrap(), [run(5), run(2)]);
}

#[tokio::test]
async fn many_runs_are_read_at_once_in_the_order_asked_for() {
    let world = World::new().await;
    let mut wanted = Vec::new();
    for n in (1..=150).rev() {
        let mut append = creation(n, n.into());
        append.events[0] = format!("{{\"run\":{n}}}");
        world.store.append(append).await.unwrap();
        wanted.push(run(n));
    }
    wanted.insert(3, run(999));
    let found = world.store.load_many(&wanted).await.unwrap();
    wanted.remove(3);
    assert_eq!(
        found.iter().map(|(run, _)| run.clone()).collect::<Vec<_>>(),
        wanted
    );
    assert_eq!(found[0].1, ["{\"run\":150}", "{\"went\":2}"]);
    assert!(world.store.load_many(&[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn more_events_than_one_statement_takes_keep_their_order() {
    let world = World::new().await;
    let mut append = creation(1, 1);
    append.events = (0..45).map(|n| format!("{n}")).collect();
    append.row.len = 45;
    world.store.append(append.clone()).await.unwrap();
    assert_eq!(world.store.load(&run(1)).await.unwrap().unwrap(), append.events);
}
