//! What an attempt said and did so far, in words that all dialects share.

use std::collections::BTreeMap;

use super::terminal::{Terminal, TerminalKind};
use crate::agent::lines::Line;
use crate::agent::tail::{self, Tail};
use crate::agent::{Observer, Progress};
use crate::ledger::WindowShare;
use crate::model::{MicroUsd, Timestamp, TokenUsage};

/// Of an agent's words the last part is kept: it ends with the summary.
const MAX_TEXT: usize = 64 * 1024;
/// Of the raw output enough is kept to see the error.
const MAX_TAIL: usize = 16 * 1024;
/// Of failed edits more would tell nobody more.
const MAX_EDIT_FAILURES: usize = 100;
/// File names are cut here; longer ones exist on no file system.
const MAX_FILE_NAME: usize = 4096;
/// Ids of sessions and names of models are cut here; real ones stay below 100.
const MAX_NAME: usize = 200;
/// Tools that run at the same time; more are not remembered.
const MAX_TOOLS: usize = 256;

/// Adds up what an agent prints. A dialect reads lines and calls the methods; nothing else is kept of them.
pub(in crate::agent) struct Transcript<'o> {
    observer: &'o dyn Observer,
    /// Tokens, as reported; `None` where nothing was.
    pub(in crate::agent) usage: Option<TokenUsage>,
    cost: Option<MicroUsd>,
    cost_unknown: bool,
    text: Tail,
    /// Text that came without its end of line.
    pending: String,
    spoke: bool,
    plain: Tail,
    all: Tail,
    /// The files of edits that did not apply.
    pub(in crate::agent) edit_failures: Vec<String>,
    /// Lines that were not blank.
    pub(in crate::agent) events: u64,
    signs: u64,
    /// How often it asked the model again because of an error.
    pub(in crate::agent) retries: u32,
    /// The session's id.
    pub(in crate::agent) session: Option<String>,
    /// The model that it says answered.
    pub(in crate::agent) model: Option<String>,
    /// The windows of a subscription.
    pub(in crate::agent) windows: Vec<WindowShare>,
    /// Its last word.
    pub(in crate::agent) terminal: Option<Terminal>,
    /// Tools that were started and have not ended: what they edit, if they edit.
    tools: BTreeMap<String, Option<String>>,
}

impl<'o> Transcript<'o> {
    /// An empty one.
    pub(in crate::agent) fn new(observer: &'o dyn Observer) -> Self {
        Self {
            observer,
            usage: None,
            cost: None,
            cost_unknown: false,
            text: Tail::new(MAX_TEXT),
            pending: String::new(),
            spoke: false,
            plain: Tail::new(MAX_TEXT),
            all: Tail::new(MAX_TAIL),
            edit_failures: Vec::new(),
            events: 0,
            signs: 0,
            retries: 0,
            session: None,
            model: None,
            windows: Vec::new(),
            terminal: None,
            tools: BTreeMap::new(),
        }
    }

    /// Keeps a line's bytes for people; its content, unless it is blank.
    pub(super) fn note<'l>(&mut self, line: Line<'l>) -> Option<&'l [u8]> {
        self.all.push(line.bytes);
        let body = line.bytes.trim_ascii();
        if body.is_empty() {
            return None;
        }
        self.events += 1;
        Some(body)
    }

    /// A line that is no event: part of the answer of an agent that has no other words.
    pub(super) fn plain(&mut self, line: &[u8]) {
        self.plain.push(line);
        self.chatter(line.trim_ascii());
    }

    /// A line that is neither an event nor part of an answer.
    pub(super) fn chatter(&mut self, line: &[u8]) {
        self.alive();
        self.observer
            .saw(Progress::Line(&tail::plain(&String::from_utf8_lossy(line))));
    }

    /// Something happened that needs no words.
    pub(super) fn alive(&mut self) {
        self.signs += 1;
    }

    /// Signs of life so far. Blank text is none.
    pub(in crate::agent) fn signs(&self) -> u64 {
        self.signs
    }

    /// Text for people, whole lines.
    pub(super) fn say(&mut self, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        self.end_line();
        self.alive();
        self.spoke = true;
        text.lines().for_each(|line| self.text.push(line.as_bytes()));
        self.observer.saw(Progress::Text(&tail::plain(text)));
    }

    /// A piece of text for people, which may end amidst a word.
    pub(super) fn say_piece(&mut self, piece: &str) {
        if !piece.trim().is_empty() {
            self.alive();
            self.spoke = true;
            self.observer.saw(Progress::Text(&tail::plain(piece)));
        }
        self.pending.push_str(piece);
        if let Some(end) = self.pending.rfind('\n') {
            let rest = self.pending.split_off(end + 1);
            let lines = std::mem::replace(&mut self.pending, rest);
            lines.lines().for_each(|line| self.text.push(line.as_bytes()));
        } else if self.pending.len() > MAX_TEXT {
            self.end_line();
        }
    }

    /// Ends a text that came in pieces.
    pub(super) fn end_line(&mut self) {
        if !self.pending.is_empty() {
            let line = std::mem::take(&mut self.pending);
            self.text.push(line.as_bytes());
        }
    }

    /// A report of usage that is added to those before. A count or a cost may be unknown.
    pub(super) fn used(&mut self, tokens: Option<TokenUsage>, cost: Option<MicroUsd>) {
        if let Some(tokens) = tokens {
            *self.usage.get_or_insert_default() += tokens;
        }
        match cost {
            Some(cost) => *self.cost.get_or_insert_default() += cost,
            None => self.cost_unknown = true,
        }
        self.alive();
        self.observer
            .saw(Progress::Usage(tokens.unwrap_or_default(), cost));
    }

    /// A report of everything used so far, which replaces those before.
    pub(super) fn used_in_all(&mut self, tokens: TokenUsage, cost: Option<MicroUsd>) {
        (self.usage, self.cost, self.cost_unknown) = (None, None, false);
        self.used(Some(tokens), cost);
    }

    /// An edit did not apply.
    pub(super) fn edit_failed(&mut self, file: Option<&str>) {
        let file = tail::clean(file.unwrap_or("a file it did not name"));
        let file: String = file.chars().take(MAX_FILE_NAME).collect();
        self.alive();
        self.observer.saw(Progress::EditFailed(&file));
        if self.edit_failures.len() < MAX_EDIT_FAILURES {
            self.edit_failures.push(file);
        }
    }

    /// A tool was started; `edits` names the file if it is one that edits.
    pub(super) fn tool_started(&mut self, id: &str, edits: Option<&str>) {
        self.alive();
        if self.tools.len() < MAX_TOOLS && id.len() <= MAX_NAME {
            let edits = edits.map(|file| file.chars().take(MAX_FILE_NAME).collect());
            self.tools.insert(id.to_owned(), edits);
        }
    }

    /// A tool ended.
    pub(super) fn tool_ended(&mut self, id: &str, failed: bool) {
        self.alive();
        if let Some(Some(file)) = self.tools.remove(id)
            && failed
        {
            self.edit_failed(Some(&file));
        }
    }

    /// Whether a tool is running: then silence means work.
    pub(in crate::agent) fn is_busy(&self) -> bool {
        self.terminal.is_none() && !self.tools.is_empty()
    }

    /// It asked the model again.
    pub(super) fn retried(&mut self) {
        self.alive();
        self.retries = self.retries.saturating_add(1);
    }

    /// The session's id.
    pub(super) fn session(&mut self, id: &str) {
        if self.session.as_deref() != Some(id) {
            self.session = Some(name(id));
        }
    }

    /// The model that answers.
    pub(super) fn model(&mut self, id: &str) {
        if self.model.as_deref() != Some(id) {
            self.model = Some(name(id));
        }
    }

    /// How full a window is, as a share of 1.
    pub(super) fn window(&mut self, name: &str, share: f64, resets: Option<Timestamp>) {
        let share = millionths(share);
        match self.windows.iter_mut().find(|window| window.name == name) {
            Some(window) => (window.after, window.resets) = (share, resets),
            None => self.windows.push(WindowShare {
                name: name.to_owned(),
                before: share,
                after: share,
                resets,
            }),
        }
    }

    /// Its last word. Whatever it still runs is no work for us any more.
    pub(super) fn ended(&mut self, mut terminal: Terminal) {
        self.end_line();
        self.alive();
        if terminal.text.len() > MAX_TEXT {
            let from = terminal.text.ceil_char_boundary(terminal.text.len() - MAX_TEXT);
            terminal.text = terminal.text.split_off(from);
        }
        terminal.text = tail::clean(&terminal.text);
        self.terminal = Some(terminal);
    }

    /// Writes down that the last word is missing.
    pub(super) fn without_result(&mut self) {
        if self.terminal.is_none() {
            self.end_line();
            self.terminal = Some(Terminal::failure(TerminalKind::NoResult));
        }
    }

    /// What the reports of usage cost together; unknown if one of them did not say.
    pub(in crate::agent) fn cost(&self) -> Option<MicroUsd> {
        self.cost.filter(|_| !self.cost_unknown)
    }

    /// The agent's words.
    pub(in crate::agent) fn text(&mut self) -> String {
        self.end_line();
        if self.spoke {
            self.text.text()
        } else {
            self.plain.text()
        }
    }

    /// Whether it addressed any words to people.
    #[cfg(test)]
    pub(super) fn spoke(&self) -> bool {
        self.spoke
    }

    /// The end of all output.
    pub(in crate::agent) fn tail(&self) -> String {
        self.all.text()
    }
}

fn name(text: &str) -> String {
    tail::clean(text).chars().take(MAX_NAME).collect()
}

fn millionths(share: f64) -> Option<u32> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to lie within 0 and 4,000 million"
    )]
    (0.0..4000.0)
        .contains(&share)
        .then(|| (share * 1e6).round() as u32)
}
