//! What attempts used, in full.

use super::*;
use crate::ledger::{Account, Line, Reading, WindowShare};

fn line(node: &str, n: u32, outcome: &str, account: Option<Account>) -> Line {
    Line {
        run: "01jd0000000000000000abcdef".to_owned(),
        node: node.to_owned(),
        generation: 1,
        n,
        candidate: "claude:moonshot/kimi-k2.6".to_owned(),
        outcome: outcome.to_owned(),
        account,
    }
}

fn account() -> Account {
    Account {
        provider: Some("moonshot".to_owned()),
        asked: Some("kimi-k2.6".to_owned()),
        wire: Some(Reading {
            usage: TokenUsage {
                input: 1_200,
                cache_read: 34_000,
                cache_write: 500,
                cache_write_hour: 500,
                output: 800,
                reasoning: 200,
            },
            requests: 3,
            sent: 4,
            first_byte_ms: Some(900),
            windows: vec![WindowShare {
                name: "5h".to_owned(),
                before: Some(420_000),
                after: Some(450_000),
                resets: None,
            }],
            ..Reading::default()
        }),
        reported_cost: Some(MicroUsd(99_000)),
        computed_cost: Some(MicroUsd::ZERO),
        list_cost: Some(MicroUsd(12_300)),
        price: Some("2026-11-22/abcdef012345".to_owned()),
        failed_edits: 2,
        wall_ms: 95_000,
        ..Account::default()
    }
}

fn view(lines: Vec<Line>) -> StatusView {
    let mut view = status_view(Standing::Working);
    view.nodes.truncate(1);
    view.edges.clear();
    view.nodes[0].ledger = lines;
    view
}

fn details(view: &StatusView) -> String {
    let text = status(view);
    let at = text.find("<details><summary>What each");
    at.map_or(String::new(), |at| {
        text[at..]
            .split("<sub>")
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned()
    })
}

#[test]
fn each_step_and_candidate_has_a_row_with_everything_it_used() {
    let lines = vec![
        line("plan", 1, "hang", None),
        line("plan", 2, "succeeded", Some(account())),
    ];
    assert_snapshot!(details(&view(lines)), @r"
    <details><summary>What each attempt used</summary>

    | Step | Done by | Attempts | Input | Cache read | Cache written | Output | Reasoning | Cost | Reported | List price | Requests | Failed edits | First byte | Windows |
    | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
    | `plan` | `claude:moonshot/kimi-k2.6` | 2: 1 hang | 1.2k + unknown | 34.0k + unknown | 1.0k + unknown | 800 + unknown | 200 + unknown | $0.0000 + unknown | $0.0990 | $0.0123 + unknown | 3 + unknown | 2 | 0.9 s | moonshot/5h 42% → 45% |
    | **Total** |  | 2: 1 hang | 1.2k + unknown | 34.0k + unknown | 1.0k + unknown | 800 + unknown | 200 + unknown | $0.0000 + unknown | $0.0990 | $0.0123 + unknown | 3 + unknown | 2 | 0.9 s | moonshot/5h 42% → 45% |

    Prices: `2026-11-22/abcdef012345`.

    </details>
    ");
}

#[test]
fn names_of_providers_and_outcomes_cannot_break_the_table() {
    let mut hostile = account();
    hostile.provider = Some("x|</details>@octocat".to_owned());
    hostile.price = Some("`|<b>".to_owned());
    let mut line = line("plan", 1, "a|<b>#1", Some(hostile));
    line.candidate = "y|`</details>".to_owned();
    let text = details(&view(vec![line]));
    assert_eq!(text.matches("</details>").count(), 1, "{text}");
    let row = text.lines().find(|line| line.starts_with("| `plan`")).unwrap();
    assert_eq!(row.matches(" | ").count(), 14, "{row}");
    assert!(!text.contains("@octocat,") && !text.contains("<b>#1"), "{text}");
}

#[test]
fn without_any_account_there_is_nothing_to_unfold() {
    assert_eq!(details(&view(vec![line("plan", 1, "hang", None)])), "");
}
