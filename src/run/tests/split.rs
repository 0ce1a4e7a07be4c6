//! Work divided over routes.

use super::*;

fn share(class: &str, role: Role, after: &[usize]) -> Share {
    Share {
        class: class.to_owned(),
        role,
        steps: vec![1],
        files: vec![format!("{class}/**")],
        after: after.to_vec(),
    }
}

/// A run whose approved plan divides into these shares.
fn divided(shares: &[Share]) -> World {
    divided_in(World::begin(), shares)
}

fn divided_in(mut world: World, shares: &[Share]) -> World {
    world.end(|_| {});
    world.end(|report| report.shares = shares.to_vec());
    world.post_plan(100);
    world.approve(101);
    world
}

fn two() -> Vec<Share> {
    vec![
        share("logic", Role::Implement, &[]),
        share("design", Role::Design, &[]),
    ]
}

fn nodes(world: &World) -> String {
    let nodes: Vec<String> = world.attempts().iter().map(|key| key.node.to_string()).collect();
    nodes.join(" ")
}

/// Ends the attempt of a node with a snapshot, or with none.
fn done(world: &mut World, node: &str, snapshot: Option<u32>) -> Vec<Event> {
    let key = world
        .attempts()
        .into_iter()
        .find(|key| key.node.as_str() == node)
        .expect("an attempt is wanted");
    world.tell(Input::Began(key.clone()));
    let mut report = Report::bare(key, Verdict::Succeeded, world.now);
    report.snapshot = snapshot.map(commit);
    world.tell(Input::AttemptEnded(Box::new(report)))
}

#[test]
fn disjoint_parts_work_at_the_same_time_and_git_puts_them_together() {
    let mut world = divided(&two());
    assert_eq!(nodes(&world), "implement-logic implement-design");
    let design = world
        .run()
        .node(&NodeId::new("implement-design").unwrap())
        .unwrap();
    assert!(design.latest().unwrap().candidate.is_some());
    done(&mut world, "implement-design", Some(21));
    assert_eq!(nodes(&world), "implement-logic");
    done(&mut world, "implement-logic", Some(22));
    assert_eq!(nodes(&world), "implement");
    let merge = world.run().node(&NodeId::new("implement").unwrap()).unwrap();
    assert_eq!(merge.latest().unwrap().candidate, None, "git does it, no model");
    done(&mut world, "implement", Some(23));
    assert_eq!(nodes(&world), "check");
    world.end(|_| {});
    world.end(|_| {});
    world.end(|_| {});
    assert_eq!(world.word(), "in review");
}

#[test]
fn a_part_that_waits_for_another_starts_from_its_work() {
    let mut world = divided(&[
        share("logic", Role::Implement, &[]),
        share("design", Role::Design, &[0]),
    ]);
    assert_eq!(nodes(&world), "implement-logic");
    done(&mut world, "implement-logic", Some(22));
    assert_eq!(nodes(&world), "implement-design");
    let design = world
        .run()
        .node(&NodeId::new("implement-design").unwrap())
        .unwrap();
    assert_eq!(design.latest().unwrap().start, commit(22));
}

#[test]
fn a_conflict_goes_to_the_first_candidate_with_what_git_left() {
    let mut world = divided(&two());
    done(&mut world, "implement-logic", Some(22));
    done(&mut world, "implement-design", Some(21));
    world.end(|report| {
        report.verdict = Verdict::Failed {
            class: Failure::Conflict,
            why: "Both changed a line.".to_owned(),
        };
        report.snapshot = Some(commit(30));
    });
    let repair = world.run().node(&NodeId::new("implement").unwrap()).unwrap();
    let attempt = repair.latest().unwrap();
    assert_eq!(attempt.candidate.as_ref().unwrap().1, "a:x/one");
    assert_eq!(attempt.start, commit(30), "the tree with the conflict in it");
    world.end(|_| {});
    assert_eq!(nodes(&world), "check");
}

#[test]
fn a_repair_is_done_as_a_whole() {
    let mut world = divided(&two());
    done(&mut world, "implement-logic", Some(22));
    done(&mut world, "implement-design", Some(21));
    done(&mut world, "implement", Some(23));
    world.end(|_| {});
    world.end(|report| report.passed = Some(false));
    assert_eq!(nodes(&world), "implement");
    let implement = world.run().node(&NodeId::new("implement").unwrap()).unwrap();
    assert_eq!(implement.latest().unwrap().start, commit(23));
    assert!(implement.latest().unwrap().candidate.is_some());
}

#[test]
fn another_plan_ends_parts_that_are_under_way() {
    let mut world = divided(&two());
    world.command(
        Command::Replan {
            wishes: "Otherwise.".to_owned(),
        },
        110,
    );
    assert_eq!(nodes(&world), "plan", "no part goes on");
    world.end(|_| {});
    world.post_plan(111);
    world.approve(112);
    assert_eq!(nodes(&world), "implement", "this plan is not divided");
    // A result that comes too late is booked and changes nothing.
    let late = AttemptKey {
        run: world.run().created.run.clone(),
        node: NodeId::new("implement-logic").unwrap(),
        generation: 1,
        n: 1,
    };
    let mut report = Report::bare(late, Verdict::Succeeded, world.now);
    report.snapshot = Some(commit(40));
    world.tell(Input::AttemptEnded(Box::new(report)));
    assert_eq!(nodes(&world), "implement");
    for _ in 0..4 {
        world.end(|_| {});
    }
    assert_eq!(world.word(), "in review", "parts of the old plan hold nothing up");
}

#[test]
fn a_single_part_can_be_retried() {
    let mut world = divided(&two());
    done(&mut world, "implement-logic", Some(22));
    done(&mut world, "implement-design", Some(21));
    done(&mut world, "implement", Some(23));
    let retry = Command::Retry {
        node: Some(NodeId::new("implement-design").unwrap()),
        model: None,
    };
    world.command(retry, 120);
    assert_eq!(nodes(&world), "implement-design");
    done(&mut world, "implement-design", Some(31));
    assert_eq!(
        nodes(&world),
        "implement",
        "and is put together with the other anew"
    );
}

#[test]
fn a_class_with_candidates_of_its_own_gets_them() {
    let mut world = World::begin();
    let own = vec!["c:z/three".parse().unwrap()];
    world
        .frozen
        .policy
        .classes
        .routes
        .insert("content".to_owned(), own);
    let shares = [
        share("logic", Role::Implement, &[]),
        share("content", Role::Implement, &[]),
    ];
    let world = divided_in(world, &shares);
    let candidate = |node: &str| {
        let state = world.run().node(&NodeId::new(node).unwrap()).unwrap();
        state.latest().unwrap().candidate.clone().unwrap().1
    };
    assert_eq!(candidate("implement-logic"), "a:x/one");
    assert_eq!(candidate("implement-content"), "c:z/three");
}

#[test]
fn a_plan_of_one_class_goes_to_that_classes_route() {
    let world = divided(&[share("logic", Role::Implement, &[])]);
    assert_eq!(nodes(&world), "implement", "its own route: nothing is divided");
    let mut world = World::begin();
    let own = vec!["c:z/three".parse().unwrap()];
    world.frozen.policy.routes.insert(Role::Design, own);
    let mut world = divided_in(world, &[share("design", Role::Design, &[])]);
    assert_eq!(nodes(&world), "implement-design");
    done(&mut world, "implement-design", Some(21));
    assert_eq!(nodes(&world), "implement");
}

#[test]
fn what_is_expanded_stays_as_it_is() {
    let world = divided(&two());
    let once = world.frozen.expanded(world.run()).into_owned();
    assert_eq!(once.workflow.nodes.len(), world.frozen.workflow.nodes.len() + 2);
    assert_eq!(*once.expanded(world.run()), once);
}
