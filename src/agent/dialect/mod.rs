//! What each harness wants to be told, and how it tells what it does.
//!
//! One file per harness. Each says two things: the [`Invocation`] for an [`Order`], and how a line of its
//! output is read into a [`Transcript`], whose words all dialects share. The last event of a harness becomes
//! a [`Terminal`], typed from the event's fields; prose is read only where a harness says a thing nowhere
//! else, and the file then says so.
//!
//! Events are read by borrowing: of a line that holds a file's content only the few fields that matter are
//! looked at, the rest is skipped.
//!
//! Whether an attempt succeeded is not for a dialect to say, see [`crate::agent::verdict()`].

mod acp;
mod claude;
mod codex;
mod command;
mod gemini;
mod messages;
mod qwen;
mod terminal;
mod transcript;

use std::borrow::Cow;
use std::ffi::OsString;
use std::path::PathBuf;

use serde::Deserialize;

pub use self::terminal::{Terminal, TerminalError, TerminalKind};
pub(super) use self::transcript::Transcript;
use super::lines::Line;
use super::supervise::Sink;
use super::{AcpAgent, Cli, Exit, Observer, Order};

/// How a program is started for an order.
#[derive(Debug, Default)]
pub(super) struct Invocation {
    /// The program and its arguments. Never holds the brief, which may be larger than an argument can be
    /// and would show in every list of processes, nor a key.
    pub(super) argv: Vec<String>,
    /// Variables beside those that every child gets.
    pub(super) variables: Vec<(Cow<'static, str>, OsString)>,
    /// Files to put into the private home: paths below it, and contents.
    pub(super) files: Vec<(&'static str, Vec<u8>)>,
    /// What standard input reads from; nothing where unset.
    pub(super) stdin: Option<PathBuf>,
}

impl Invocation {
    fn set(&mut self, name: &'static str, value: impl Into<OsString>) {
        self.variables.push((name.into(), value.into()));
    }

    fn args<const N: usize>(&mut self, args: [&str; N]) {
        self.argv.extend(args.map(str::to_owned));
    }

    /// Sets a variable to the dummy key, where there is one.
    fn set_key(&mut self, name: &'static str, order: &Order) {
        use secrecy::ExposeSecret;
        if let Some(key) = &order.model_key {
            self.set(name, key.expose_secret());
        }
    }
}

/// Variables that keep every one of them from calling home, also when it is only asked for its version.
pub(super) const QUIET: &[(&str, &str)] = &[
    ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
    ("DISABLE_AUTOUPDATER", "1"),
    ("DISABLE_TELEMETRY", "1"),
    ("DISABLE_ERROR_REPORTING", "1"),
];

/// How to start one of the command-line agents.
pub(super) fn invocation(cli: Cli, program: &str, order: &Order) -> Invocation {
    let mut invocation = match cli {
        Cli::Claude => claude::invocation(order),
        Cli::Codex => codex::invocation(order),
        Cli::Gemini => gemini::invocation(order),
        Cli::Qwen => qwen::invocation(order),
    };
    invocation.argv.insert(0, program.to_owned());
    // All of them read the prompt from standard input when it is no terminal: no limit on its length.
    invocation.stdin = Some(order.brief.clone());
    invocation
}

/// Adds what an agent behind the ACP bridge wants to be told.
pub(super) fn tell_acp(agent: AcpAgent, order: &Order, invocation: &mut Invocation) {
    for (name, value) in QUIET {
        invocation.set(name, *value);
    }
    acp::tell(agent, order, invocation);
}

/// Where the program keeps its own login, below the home.
pub(super) fn login_file(cli: Cli) -> &'static str {
    match cli {
        Cli::Claude => ".claude/.credentials.json",
        Cli::Codex => ".codex/auth.json",
        Cli::Gemini => ".gemini/oauth_creds.json",
        Cli::Qwen => ".qwen/oauth_creds.json",
    }
}

/// Reads the output of one attempt.
pub(super) struct Listener<'o> {
    pub(super) transcript: Transcript<'o>,
    reader: Reader,
}

/// A dialect with what it must remember between lines.
enum Reader {
    Command(command::Reader),
    Claude(messages::Reader),
    Codex(codex::Reader),
    Gemini(gemini::Reader),
    Qwen(messages::Reader),
}

impl<'o> Listener<'o> {
    /// For the `command` harness.
    pub(super) fn command(observer: &'o dyn Observer) -> Self {
        Self::new(Reader::Command(command::Reader::of_a_program()), observer)
    }

    /// For our own agent and our own bridge, which always say how they ended.
    pub(super) fn own(observer: &'o dyn Observer) -> Self {
        Self::new(Reader::Command(command::Reader::of_ours()), observer)
    }

    /// For one of the command-line agents.
    pub(super) fn cli(cli: Cli, observer: &'o dyn Observer) -> Self {
        let reader = match cli {
            Cli::Claude => Reader::Claude(messages::Reader::new(messages::Flavor::Claude)),
            Cli::Codex => Reader::Codex(codex::Reader::default()),
            Cli::Gemini => Reader::Gemini(gemini::Reader::default()),
            Cli::Qwen => Reader::Qwen(messages::Reader::new(messages::Flavor::Qwen)),
        };
        Self::new(reader, observer)
    }

    fn new(reader: Reader, observer: &'o dyn Observer) -> Self {
        Self {
            transcript: Transcript::new(observer),
            reader,
        }
    }

    /// Takes the exit, which some agents use to say what they say nowhere else.
    pub(super) fn exited(&mut self, exit: Exit) {
        match &mut self.reader {
            Reader::Command(reader) => {
                if !reader.must_end() {
                    return;
                }
            }
            Reader::Claude(_) | Reader::Codex(_) => {}
            Reader::Gemini(_) => gemini::exited(exit, &mut self.transcript),
            Reader::Qwen(_) => qwen::exited(exit, &mut self.transcript),
        }
        self.transcript.without_result();
    }
}

impl Sink for Listener<'_> {
    fn stdout(&mut self, line: Line<'_>) {
        let Some(body) = self.transcript.note(line) else {
            return;
        };
        let event = if line.cut || !body.starts_with(b"{") || !body.ends_with(b"}") {
            None
        } else {
            std::str::from_utf8(body).ok()
        };
        let understood = event.and_then(|event| match &mut self.reader {
            Reader::Command(reader) => reader.event(event, &mut self.transcript),
            Reader::Claude(reader) | Reader::Qwen(reader) => reader.event(event, &mut self.transcript),
            Reader::Codex(reader) => reader.event(event, &mut self.transcript),
            Reader::Gemini(reader) => reader.event(event, &mut self.transcript),
        });
        match (understood, &self.reader) {
            (Some(()), _) => {}
            (None, Reader::Command(_)) => self.transcript.plain(line.bytes),
            // The others have words for what they say: anything else is noise, an event of a later version,
            // or one that was cut.
            (None, _) => self.transcript.chatter(&body[..body.len().min(MAX_CHATTER)]),
        }
    }

    fn stderr(&mut self, line: Line<'_>) {
        let Some(body) = self.transcript.note(line) else {
            return;
        };
        if let Reader::Codex(_) = self.reader {
            codex::complaint(body, &mut self.transcript);
        }
        self.transcript.chatter(&body[..body.len().min(MAX_CHATTER)]);
    }

    fn signs(&self) -> Option<u64> {
        Some(self.transcript.signs())
    }

    fn is_busy(&self) -> bool {
        self.transcript.is_busy()
    }

    fn is_done(&self) -> bool {
        self.transcript.terminal.is_some()
    }
}

/// Of a line that is no event observers are shown so much.
const MAX_CHATTER: usize = 4096;

/// A string that stays in the line's own memory unless it holds escapes.
#[derive(Debug, Clone, Default, Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Text<'_> {
    fn as_str(&self) -> &str {
        &self.0
    }
}

/// Anything: a value whose shape is not relied upon. Reads as `T` where it is one.
#[derive(Debug, Clone, Copy, Default)]
struct Maybe<T>(Option<T>);

impl<'de: 'a, 'a> Deserialize<'de> for Maybe<Cow<'a, str>> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Maybe<Cow<'de, str>>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("anything")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Maybe(Some(Cow::Borrowed(text))))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Maybe(Some(Cow::Owned(text.to_owned()))))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Maybe(None))
            }
            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Maybe(None))
            }
            fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                Ok(Maybe(None))
            }
            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Maybe(None))
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Maybe(None))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                while seq.next_element::<serde::de::IgnoredAny>()?.is_some() {}
                Ok(Maybe(None))
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map
                    .next_entry::<serde::de::IgnoredAny, serde::de::IgnoredAny>()?
                    .is_some()
                {}
                Ok(Maybe(None))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests;
