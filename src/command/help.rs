//! The help text.

/// Renders the help that is posted on GitHub; `bot` is the name under which Footplate speaks, such as
/// `footplate[bot]`.
///
/// Every command stands in code, so that no reader of the thread takes the help for a command.
pub fn help(bot: &str) -> String {
    let bot: String = bot
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || "-_[]".contains(*c))
        .collect();
    format!(
        "\
`{bot}` turns an issue into a pull request: it explores the repository, writes a plan, waits for approval, \
implements the plan, checks and validates the result.

| Write this as the first word of a line | and this happens |
| --- | --- |
| `/approve` | The newest plan is built. Add the plan's hash to be sure which one, and notes if you like: `/approve 3f2a91c0d4e5 keep the old name`. |
| `/replan WISHES` | Another plan is written, with your wishes. On an open pull request it is updated. |
| `/retry` | The step that failed is repeated; `/retry implement model=CANDIDATE` names a step and who does it. |
| `/cancel` | The run ends. Its work stays fetchable. |
| `/status` | Says where the run stands. |
| `/build base=BRANCH plan-only` | Starts a run, as the label does; both words after it are optional. |
| `/help` | Shows this. |

Commands count in new comments, outside quotes and code, from people who may write to this repository. \
`/footplate approve` and so on always work, also where another bot listens to the short forms."
    )
}
