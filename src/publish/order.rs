//! The commit that is pushed: what it says, and that it always comes out the same.

use super::identity::Identity;
use super::{Context, Error};
use crate::contract::Plan;
use crate::git::{CommitOrder, Person};
use crate::model::CommitId;
use crate::run;

/// The longest first line of a commit message in characters: what git's own tools and GitHub show uncut.
const SUBJECT: usize = 72;

/// The longest title of a pull request in characters; GitHub takes 256.
const TITLE: usize = 120;

/// What stands before the number in the address of an issue, a pull request or a discussion.
const THREADS: [&str; 4] = ["/issues", "/pull", "/pulls", "/discussions"];

/// In whose name a commit is made.
pub(super) struct Signer {
    person: Person,
    /// The trailer that credits the person who asked, where they are known.
    credit: Option<String>,
}

impl Signer {
    /// The App's bot, crediting the person who asked.
    pub(super) fn bot(identity: &Identity, requester: &run::Person) -> Result<Self, Error> {
        let person = Person::new(&identity.login(), &identity.email()).map_err(|error| Error::Refused {
            why: format!("The App's name can't stand in a commit: {error}."),
        })?;
        Ok(Self {
            person,
            credit: Some(identity.credit(requester)),
        })
    }

    /// Footplate itself, on a machine without an App.
    pub(super) fn footplate() -> Self {
        // RFC 2606 keeps `.invalid` free, so this is nobody's address.
        let person = Person::new("Footplate", "footplate@footplate.invalid");
        Self {
            person: person.expect("a word and an address can stand in a commit"),
            credit: None,
        }
    }
}

/// What the commit is to hold.
///
/// The time is the approval's, and nothing else in it comes from the present moment: after a crash the same
/// commit is made again and recognized.
pub(super) fn order(
    context: &Context,
    signer: &Signer,
    plan: Option<&Plan>,
    work: &CommitId,
    parents: Vec<CommitId>,
) -> CommitOrder {
    let run = &context.run;
    let at = run.approval.as_ref().map_or(run.began, |approval| approval.at);
    CommitOrder {
        tree_of: work.clone(),
        parents,
        author: signer.person.clone(),
        committer: signer.person.clone(),
        message: message(context, signer, plan),
        at,
    }
}

/// The title of the pull request.
pub(super) fn title(context: &Context, plan: Option<&Plan>) -> String {
    clipped(&summary(context, plan), TITLE)
}

fn message(context: &Context, signer: &Signer, plan: Option<&Plan>) -> String {
    let created = &context.run.created;
    let summary = summary(context, plan);
    let subject = clipped(&summary, SUBJECT);
    let rest = if subject == summary {
        String::new()
    } else {
        format!("{}\n\n", wrapped(&summary))
    };
    let credit = signer.credit.as_ref().map(|line| format!("{line}\n"));
    format!(
        "{subject}\n\n{rest}Footplate-Run: {}\n{}",
        created.run,
        credit.unwrap_or_default()
    )
}

fn summary(context: &Context, plan: Option<&Plan>) -> String {
    let wanted = plan.map_or(context.run.created.title.as_str(), |plan| plan.summary.as_str());
    let line = plain(wanted);
    if line.is_empty() {
        "Do what the issue asks".to_owned()
    } else {
        line
    }
}

/// One line of a model's or a stranger's text without anything that GitHub acts upon in commit messages and
/// titles: mentions, references that close issues, and words in brackets that skip CI.
///
/// Markdown is of no help there, so that the characters themselves go.
fn plain(text: &str) -> String {
    let (text, _) = crate::report::escape::visible(text);
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        let mut before = None;
        let mut rest = word.chars().peekable();
        while let Some(c) = rest.next() {
            let next = rest.peek().copied();
            match c {
                '@' if before.is_none_or(|c: char| !c.is_ascii_alphanumeric()) => {}
                '#' if next.is_some_and(|c| c.is_ascii_digit()) => {
                    out.push_str(if before.is_some() { " no. " } else { "no. " });
                }
                '[' => out.push('('),
                ']' => out.push(')'),
                // `GH-1` is a reference, and so is the address of an issue.
                '-' if next.is_some_and(|c| c.is_ascii_digit()) && ends_with(&out, &["gh"]) => out.push(' '),
                '/' if next.is_some_and(|c| c.is_ascii_digit()) && ends_with(&out, &THREADS) => out.push(' '),
                c => out.push(c),
            }
            before = Some(c);
        }
    }
    // A title has no full stop.
    out.trim_end_matches('.').trim().to_owned()
}

fn ends_with(text: &str, words: &[&str]) -> bool {
    let lower = text.to_ascii_lowercase();
    words.iter().any(|word| lower.ends_with(word))
}

/// The text, cut at a word within `most` characters.
fn clipped(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let cut: String = text.chars().take(most - 1).collect();
    let kept = cut
        .rfind(' ')
        .filter(|at| *at > most / 2)
        .map_or(cut.as_str(), |at| &cut[..at]);
    format!("{}…", kept.trim_end())
}

/// The text in lines of at most [`SUBJECT`] characters, where its words allow it.
fn wrapped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut width = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if width > 0 {
            let breaks = width + 1 + length > SUBJECT;
            out.push(if breaks { '\n' } else { ' ' });
            width = if breaks { 0 } else { width + 1 };
        }
        out.push_str(word);
        width += length;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_title_reaches_people_issues_or_ci() {
        for (text, shown) in [
            ("Add price_half, rounding down.", "Add price_half, rounding down"),
            (
                "Fixes #12 and o/r#3 for @octocat",
                "Fixes no. 12 and o/r no. 3 for octocat",
            ),
            (
                "closes GH-7 [skip ci]\nCo-authored-by: x",
                "closes GH 7 (skip ci) Co-authored-by: x",
            ),
            (
                "closes https://github.com/o/r/issues/5",
                "closes https://github.com/o/r/issues 5",
            ),
            (
                "mail me@example.com, C# and 1/2",
                "mail me@example.com, C# and 1/2",
            ),
            ("@ @@octocat", "octocat"),
        ] {
            assert_eq!(plain(text), shown, "{text:?}");
        }
    }

    #[test]
    fn long_summaries_are_cut_at_a_word_and_told_in_full_below() {
        let text = "word ".repeat(30).trim().to_owned();
        let cut = clipped(&text, SUBJECT);
        assert!(cut.chars().count() <= SUBJECT && cut.ends_with("word…"), "{cut}");
        assert!(wrapped(&text).lines().all(|line| line.chars().count() <= SUBJECT));
        assert_eq!(wrapped(&text).replace('\n', " "), text);
    }
}
