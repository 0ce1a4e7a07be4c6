use super::*;

#[test]
fn the_built_in_workflow_is_the_line_from_exploration_to_pull_request() {
    let workflow = Workflow::built_in();
    let ids: Vec<_> = workflow.nodes.iter().map(|n| n.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "explore",
            "plan",
            "approve",
            "implement",
            "check",
            "validate",
            "publish"
        ]
    );
}
