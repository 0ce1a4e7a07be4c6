//! Reads the commands of a comment.

use super::Command;
use super::plain::plain_ranges;
use crate::model::{BranchName, NodeId};

/// The command words, in the order in which the help lists them.
const WORDS: [&str; 7] = ["build", "approve", "replan", "retry", "cancel", "status", "help"];

/// The word that addresses Footplate whatever else reads the thread.
const ADDRESS: &str = "footplate";

/// The longest candidate that `model=` takes, in bytes; configuration's own are far shorter.
const MODEL_MAX: usize = 200;

/// The longest word that is taken for a misspelt command, in bytes: the longest of ours has 7.
const WORD_MAX: usize = 40;

/// Which forms of a command count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grammar {
    /// Whether `/approve` counts as well as `/footplate approve`.
    pub bare: bool,
}

/// A command line of a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The command, or what is wrong with it.
    pub command: Result<Command, Mistake>,
    /// Whether it was written as `/footplate …`.
    pub addressed: bool,
}

/// Says why a command line is not a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mistake {
    /// The word is none of ours.
    #[error("`{word}` is not a command")]
    Unknown {
        /// What was written, without the slash, cut to 40 bytes.
        word: String,
        /// The command that is one letter away.
        suggestion: Option<&'static str>,
    },
    /// The command is ours, what follows it is not understood.
    #[error("`/{command}` was not understood: {why}")]
    Malformed {
        /// The command's word.
        command: &'static str,
        /// What is wrong and how to write it; may quote what the person wrote.
        why: String,
    },
}

/// Finds the command lines of a newly created comment, in order.
///
/// A command is the first word of a source line, in any letter case (phones capitalize), where GitHub shows
/// plain text: quotes, code, tables, footnotes, links, HTML and struck out or collapsed text do not count, nor
/// does what follows a list marker (`- /cancel` lists a command; a line within an item counts).
/// A line that begins with an unknown bare word is text like any other unless it is one letter away from ours.
/// What `/approve` and `/replan` take goes on until the next command line or the end of the comment.
pub fn parse(body: &str, settings: &Grammar) -> Vec<Parsed> {
    let body = body.replace("\r\n", "\n").replace('\r', "\n");
    let plain = plain_ranges(&body);
    let mut heads: Vec<(usize, Head<'_>)> = Vec::new();
    let mut start = 0;
    for line in body.split_inclusive('\n') {
        let slash = start + (line.len() - line.trim_start().len());
        let shown = plain.partition_point(|range| range.start <= slash).checked_sub(1);
        let shown = shown.is_some_and(|at| plain[at].contains(&slash));
        if shown && let Some(head) = head(line.trim(), *settings) {
            heads.push((start, head));
        }
        start += line.len();
    }
    let ends = heads
        .iter()
        .skip(1)
        .map(|(start, _)| *start)
        .chain([body.len()])
        .collect::<Vec<_>>();
    heads
        .into_iter()
        .zip(ends)
        .map(|((start, head), end)| {
            let following = body[start..end].split_once('\n').map_or("", |(_, rest)| rest);
            Parsed {
                addressed: head.addressed,
                command: command(&head, following),
            }
        })
        .collect()
}

/// The first words of a command line.
struct Head<'a> {
    addressed: bool,
    word: &'a str,
    /// What follows on the same line, trimmed.
    rest: &'a str,
}

/// Reads a trimmed line as a command line, or as text.
fn head(line: &str, settings: Grammar) -> Option<Head<'_>> {
    let (word, rest) = split_word(line.strip_prefix('/')?);
    if word.eq_ignore_ascii_case(ADDRESS) {
        let (word, rest) = split_word(rest);
        let word = word.strip_prefix('/').unwrap_or(word);
        return Some(Head {
            addressed: true,
            word,
            rest,
        });
    }
    let counts = settings.bare && (known(word).is_some() || nearest(word).is_some());
    counts.then_some(Head {
        addressed: false,
        word,
        rest,
    })
}

fn command(head: &Head<'_>, following: &str) -> Result<Command, Mistake> {
    if head.word.is_empty() {
        return Ok(Command::Help);
    }
    let Some(word) = known(head.word) else {
        let mut cut = head.word.len().min(WORD_MAX);
        while !head.word.is_char_boundary(cut) {
            cut -= 1;
        }
        return Err(Mistake::Unknown {
            word: head.word[..cut].to_owned(),
            suggestion: nearest(head.word),
        });
    };
    match word {
        "build" => build(head.rest),
        "approve" => Ok(approve(head.rest, following)),
        "replan" => Ok(Command::Replan {
            wishes: prose(head.rest, following),
        }),
        "retry" => retry(head.rest),
        "cancel" => Ok(Command::Cancel),
        "status" => Ok(Command::Status),
        _ => Ok(Command::Help),
    }
}

fn build(rest: &str) -> Result<Command, Mistake> {
    let mut base = None;
    let mut plan_only = false;
    let mut words = rest.split_whitespace().peekable();
    while let Some(word) = words.next() {
        if let Some(name) = value_of(word, "base") {
            let name = BranchName::new(unquoted(name));
            base = Some(name.map_err(|wrong| malformed("build", wrong.to_string()))?);
        } else if word.eq_ignore_ascii_case("plan-only")
            || (word.eq_ignore_ascii_case("plan")
                && words.next_if(|next| next.eq_ignore_ascii_case("only")).is_some())
        {
            plan_only = true;
        } else {
            let why = format!("{word:?} is neither `base=BRANCH` nor `plan-only`");
            return Err(malformed("build", why));
        }
    }
    Ok(Command::Build { base, plan_only })
}

fn approve(rest: &str, following: &str) -> Command {
    let (word, others) = split_word(rest);
    let digits = unquoted(word)
        .trim_end_matches([',', '.', ':', ';'])
        .to_ascii_lowercase();
    let is_hash = (8..=64).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    if is_hash {
        Command::Approve {
            hash: Some(digits),
            notes: prose(others, following),
        }
    } else {
        Command::Approve {
            hash: None,
            notes: prose(rest, following),
        }
    }
}

fn retry(rest: &str) -> Result<Command, Mistake> {
    let mut node = None;
    let mut model = None;
    for word in rest.split_whitespace() {
        if let Some(name) = value_of(word, "model") {
            let name = unquoted(name);
            let fits = (1..=MODEL_MAX).contains(&name.len())
                && name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_.:/@+".contains(&b));
            if !fits || model.is_some() {
                let why =
                    "after `model=` it wants one candidate, such as `model=claude:anthropic/claude-opus-5-5`";
                return Err(malformed("retry", why.to_owned()));
            }
            model = Some(name.to_owned());
        } else if node.is_none() {
            let name = unquoted(word).to_ascii_lowercase();
            node = Some(NodeId::new(name).map_err(|wrong| malformed("retry", wrong.to_string()))?);
        } else {
            let why = format!("it takes one node and `model=…`, and {word:?} is one word too many");
            return Err(malformed("retry", why));
        }
    }
    Ok(Command::Retry { node, model })
}

fn malformed(command: &'static str, why: String) -> Mistake {
    Mistake::Malformed { command, why }
}

fn known(word: &str) -> Option<&'static str> {
    WORDS.into_iter().find(|ours| ours.eq_ignore_ascii_case(word))
}

/// The command that is one insertion, deletion, substitution or swap away. Paths are nobody's spelling mistake.
fn nearest(word: &str) -> Option<&'static str> {
    if word.len() > WORD_MAX || word.contains('/') {
        return None;
    }
    let word = word.to_lowercase();
    WORDS
        .into_iter()
        .find(|ours| strsim::osa_distance(ours, &word) == 1)
}

/// Splits at the first white space, no-break spaces included.
fn split_word(text: &str) -> (&str, &str) {
    match text.find(char::is_whitespace) {
        Some(at) => (&text[..at], text[at..].trim_start()),
        None => (text, ""),
    }
}

/// The value of `key=value`, the key in any letter case.
fn value_of<'a>(word: &'a str, key: &str) -> Option<&'a str> {
    let (name, value) = word.trim_start_matches('`').split_once('=')?;
    name.eq_ignore_ascii_case(key).then_some(value)
}

/// The word without the code marks that come along when it is copied from a comment.
fn unquoted(word: &str) -> &str {
    word.trim_matches('`')
}

fn prose(rest: &str, following: &str) -> String {
    format!("{rest}\n{following}").trim().to_owned()
}
