//! What a scripted model does: turns, and the conditions under which they are its turns.

use crate::model::TokenUsage;

use super::fault::Strike;
use super::limits::LimitHeaders;

/// Everything an endpoint needs to know before it starts.
#[derive(Debug, Clone, Default)]
pub struct Script {
    /// Tried in this order; the first whose conditions all hold answers the session.
    pub scenarios: Vec<Scenario>,
    /// The keys that are accepted; empty accepts every key that is not empty.
    pub keys: Vec<String>,
    /// The models that exist; empty serves every name.
    pub models: Vec<String>,
    /// A path before every protocol's own, such as `/anthropic`; empty for none.
    pub prefix: String,
    /// The limit headers that answers carry.
    pub limits: LimitHeaders,
    /// The port on loopback; 0 takes a free one.
    pub port: u16,
}

impl Script {
    /// A script of these scenarios that accepts every key and every model.
    pub fn of(scenarios: impl IntoIterator<Item = Scenario>) -> Self {
        Self {
            scenarios: scenarios.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Accepts this key, and no longer every one.
    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        self.keys.push(key.to_owned());
        self
    }
}

/// One step of a scripted model, in no vendor's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// Says something: together with the call of the next turn, or, after the last call, as the final answer.
    Say {
        /// The text.
        text: String,
    },
    /// Reads a file with the agent's own tool.
    Read {
        /// The path, relative to the agent's working directory.
        path: String,
    },
    /// Writes a whole file.
    WriteFile {
        /// The path, relative to the agent's working directory.
        path: String,
        /// The whole content; with a patch tool it gains a last line break where it has none.
        content: String,
    },
    /// Replaces a text in a file.
    Edit {
        /// The path, relative to the agent's working directory.
        path: String,
        /// The text to replace; whole lines, because patch tools know nothing smaller.
        old: String,
        /// The text instead.
        new: String,
    },
    /// Runs a shell command.
    Shell {
        /// The command, for `sh`.
        command: String,
    },
}

impl Turn {
    /// Says `text`.
    pub fn say(text: &str) -> Self {
        Self::Say {
            text: text.to_owned(),
        }
    }

    /// Reads the file at `path`.
    pub fn read(path: &str) -> Self {
        Self::Read {
            path: path.to_owned(),
        }
    }

    /// Writes the file at `path`.
    pub fn write(path: &str, content: &str) -> Self {
        Self::WriteFile {
            path: path.to_owned(),
            content: content.to_owned(),
        }
    }

    /// Replaces `old` by `new` in the file at `path`.
    pub fn edit(path: &str, old: &str, new: &str) -> Self {
        Self::Edit {
            path: path.to_owned(),
            old: old.to_owned(),
            new: new.to_owned(),
        }
    }

    /// Runs `command`.
    pub fn shell(command: &str) -> Self {
        Self::Shell {
            command: command.to_owned(),
        }
    }
}

/// A condition for a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// This text stands in what the user said at the session's beginning.
    Prompt(String),
    /// The prompt is a brief for this role: its first line of the form `# Your task: ROLE` names it.
    Role(String),
    /// The request asks for this model.
    Model(String),
    /// The request carries this key.
    Key(String),
}

/// What one session of a model does.
#[derive(Debug, Clone, Default)]
pub struct Scenario {
    pub(super) when: Vec<When>,
    pub(super) sessions: Option<u32>,
    pub(super) turns: Vec<Turn>,
    pub(super) strikes: Vec<Strike>,
    pub(super) usage: Vec<TokenUsage>,
    pub(super) toolless: bool,
}

impl Scenario {
    /// A scenario for every session.
    pub fn always() -> Self {
        Self::default()
    }

    /// A scenario for sessions that fulfil this condition.
    pub fn when(condition: When) -> Self {
        Self::default().and(condition)
    }

    /// A scenario for briefs of this role.
    pub fn role(role: &str) -> Self {
        Self::when(When::Role(role.to_owned()))
    }

    /// Wants one more condition to hold.
    #[must_use]
    pub fn and(mut self, condition: When) -> Self {
        self.when.push(condition);
        self
    }

    /// Answers only the first `n` sessions that fulfil the conditions; later ones go on to the next scenario.
    #[must_use]
    pub fn sessions(mut self, n: u32) -> Self {
        self.sessions = Some(n);
        self
    }

    /// Adds a turn.
    #[must_use]
    pub fn turn(mut self, turn: Turn) -> Self {
        self.turns.push(turn);
        self
    }

    /// Adds a fault.
    #[must_use]
    pub fn strike(mut self, strike: Strike) -> Self {
        self.strikes.push(strike);
        self
    }

    /// Says what each answer uses, in order; the last one holds for all that follow.
    #[must_use]
    pub fn usage(mut self, usage: impl IntoIterator<Item = TokenUsage>) -> Self {
        self.usage = usage.into_iter().collect();
        self
    }

    /// Answers also requests that offer no tools, which otherwise count as asides (titles, probes).
    #[must_use]
    pub fn without_tools(mut self) -> Self {
        self.toolless = true;
        self
    }

    /// What the answer at `step` says and calls; beyond the last turn the last words again.
    pub(super) fn step(&self, step: usize) -> Step<'_> {
        let mut said = None;
        let mut at = 0;
        for turn in &self.turns {
            match turn {
                Turn::Say { text } => said = Some(text.as_str()),
                call => {
                    if at == step {
                        return Step {
                            say: said,
                            call: Some(call),
                        };
                    }
                    at += 1;
                    said = None;
                }
            }
        }
        Step {
            say: Some(said.unwrap_or("Done.")),
            call: None,
        }
    }

    /// What the answer at `step` uses, in disjoint kinds.
    pub(super) fn used(&self, step: usize) -> TokenUsage {
        if let Some(last) = self.usage.last() {
            return *self.usage.get(step).unwrap_or(last);
        }
        // Every kind differs from the others and from step to step, so that a mixed-up count shows.
        let k = step as u64;
        TokenUsage {
            input: 1000 + 100 * k,
            cache_read: if step == 0 { 0 } else { 400 + k },
            cache_write: if step == 0 { 300 } else { 20 },
            cache_write_hour: 0,
            output: 50 + k,
            reasoning: 7,
        }
    }
}

/// One answer in no vendor's words.
pub(super) struct Step<'a> {
    pub(super) say: Option<&'a str>,
    pub(super) call: Option<&'a Turn>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_go_with_the_call_that_follows_and_the_last_ones_end_the_session() {
        let scenario = Scenario::always()
            .turn(Turn::say("look"))
            .turn(Turn::read("a"))
            .turn(Turn::shell("ls"))
            .turn(Turn::say("ready"));
        let step = |n| {
            let step = scenario.step(n);
            (step.say, step.call.is_some())
        };
        assert_eq!(step(0), (Some("look"), true));
        assert_eq!(step(1), (None, true));
        assert_eq!(step(2), (Some("ready"), false));
        assert_eq!(step(9), (Some("ready"), false));
    }
}
