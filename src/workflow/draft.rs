//! One node as its author wrote it: values with their places, before the graph is looked at.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::time::Duration;

use super::diagnostic::Diagnostics;
use super::graph::{
    AgentNode, CheckCommands, CheckNode, GateNode, LoopNode, Node, NodeKind, OnFail, SplitBy, Then, Tools,
};
use super::yaml::{Key, Shape, Span, Value};
use super::{Condition, Template, TriggerRule, suggest};
use crate::model::{ArtifactName, NodeId, Role};

/// How long a gate waits unless its node says otherwise: two weeks outlast a holiday.
const EXPIRES: Duration = Duration::from_hours(14 * 24);

/// The longest duration that can be asked for.
const LONGEST: Duration = Duration::from_hours(366 * 24);

/// The most attempts of a node, iterations of a loop and rounds of a repair: each costs money.
const MOST_REPEATS: u32 = 100;

/// The keys that decide a node's kind.
const KINDS: [&str; 5] = ["role", "run", "gate", "publish", "cancel"];

/// All keys of nodes, with the kinds that they belong to.
const KEYS: [(&str, &[&str]); 20] = [
    ("role", &["role"]),
    ("run", &["run"]),
    ("gate", &["gate"]),
    ("publish", &["publish"]),
    ("cancel", &["cancel"]),
    ("loop", &["role"]),
    ("needs", &KINDS),
    ("when", &KINDS),
    ("trigger", &KINDS),
    ("reads", &["role"]),
    ("writes", &["role", "run"]),
    ("prompt", &["role"]),
    ("tools", &["role"]),
    ("split_by", &["role"]),
    ("on_fail", &["role", "run"]),
    ("idle", &["role"]),
    ("wall", &["role"]),
    ("attempts", &["role"]),
    ("expires", &["gate"]),
    ("timeout", &["run"]),
];

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) span: Span,
}

/// A node with the places of everything that the graph's checks may have to point at.
#[derive(Debug)]
pub(super) struct DraftNode {
    pub(super) id: At<NodeId>,
    /// `None` where it was not understood; then the problem has been told.
    pub(super) kind: Option<At<NodeKind>>,
    pub(super) needs: Vec<At<NodeId>>,
    pub(super) when: Option<At<Condition>>,
    pub(super) trigger: TriggerRule,
    pub(super) reads: Vec<At<ArtifactName>>,
    pub(super) writes: Vec<At<ArtifactName>>,
    pub(super) on_fail: Option<At<OnFail>>,
    /// Where `repeat_from` stands.
    pub(super) repeat_from: Option<Span>,
    /// The loop's condition.
    pub(super) until: Option<At<Condition>>,
    /// Where the prompt or the reason of a cancel stands.
    pub(super) template: Option<Span>,
    /// Where `split_by` stands.
    pub(super) split_by: Option<Span>,
    /// Whether a problem of the node itself has been told, so that its order is not sure.
    pub(super) flawed: bool,
}

impl DraftNode {
    pub(super) fn read(id: NodeId, place: Span, value: &Value, problems: &mut Diagnostics) -> Self {
        let mut draft = Self {
            id: At {
                value: id,
                span: place,
            },
            kind: None,
            needs: Vec::new(),
            when: None,
            trigger: TriggerRule::default(),
            reads: Vec::new(),
            writes: Vec::new(),
            on_fail: None,
            repeat_from: None,
            until: None,
            template: None,
            split_by: None,
            flawed: false,
        };
        let told = problems.len();
        let Shape::Map(pairs) = &value.shape else {
            problems.push_help(
                place,
                format!(
                    "the node `{}` wants a mapping, not {}",
                    draft.id.value,
                    value.kind()
                ),
                "write for example `{role: plan, needs: [explore]}`",
            );
            draft.flawed = true;
            return draft;
        };
        let kind = kind_of(&draft.id, pairs, problems);
        let mut fields = Fields {
            node: draft.id.value.clone(),
            pairs,
            problems,
        };
        fields.tell_strangers(&KEYS, kind);
        draft.needs = fields.list("needs");
        draft.reads = fields.list("reads");
        draft.writes = fields.list("writes");
        draft.when = fields.condition("when");
        draft.trigger = fields
            .choice("trigger", &TriggerRule::ALL.map(|r| (r.as_str(), r)))
            .unwrap_or_default();
        draft.read_on_fail(&mut fields);
        draft.kind = kind.and_then(|kind| draft.read_kind(kind, &mut fields));
        draft.flawed = problems.len() > told;
        draft
    }

    /// The node without its places; `None` where it was not understood.
    pub(super) fn finish(self) -> Option<Node> {
        let values = |list: Vec<At<ArtifactName>>| list.into_iter().map(|at| at.value).collect();
        Some(Node {
            id: self.id.value,
            kind: self.kind?.value,
            needs: self.needs.into_iter().map(|at| at.value).collect(),
            when: self.when.map(|at| at.value),
            trigger: self.trigger,
            reads: values(self.reads),
            writes: values(self.writes),
            on_fail: self.on_fail.map(|at| at.value),
        })
    }

    /// The agent of an agent or loop node.
    pub(super) fn agent(&self) -> Option<&AgentNode> {
        match &self.kind.as_ref()?.value {
            NodeKind::Agent(agent) => Some(agent),
            NodeKind::Loop(repeated) => Some(&repeated.agent),
            NodeKind::Check(_) | NodeKind::Gate(_) | NodeKind::Publish | NodeKind::Cancel { .. } => None,
        }
    }

    /// Whether the node may change files of the repository.
    pub(super) fn is_writer(&self) -> bool {
        self.agent().is_some_and(|agent| agent.tools == Tools::All)
    }

    fn read_kind(&mut self, kind: &str, fields: &mut Fields<'_>) -> Option<At<NodeKind>> {
        let (key, value) = fields.get(kind)?;
        let span = value.span;
        let kind = match kind {
            "role" => {
                let agent = self.read_agent(fields);
                match fields.get("loop") {
                    None => agent.map(NodeKind::Agent),
                    Some((_, value)) => self.read_loop(value, agent, fields),
                }
            }
            "run" => fields.commands(value).map(|commands| {
                NodeKind::Check(CheckNode {
                    commands,
                    timeout: fields.duration("timeout"),
                })
            }),
            "gate" => fields.word(key, value).map(|artifact| {
                let expires = fields.duration("expires").unwrap_or(EXPIRES);
                NodeKind::Gate(GateNode { artifact, expires })
            }),
            "publish" => fields.choice("publish", &[("pull_request", NodeKind::Publish)]),
            _ => fields.template("cancel").map(|reason| {
                self.template = Some(reason.span);
                NodeKind::Cancel { reason: reason.value }
            }),
        };
        kind.map(|value| At { value, span })
    }

    fn read_agent(&mut self, fields: &mut Fields<'_>) -> Option<AgentNode> {
        let roles = Role::ALL.map(|role| (role.as_str(), role));
        let role = fields.choice("role", &roles);
        let prompt = fields.template("prompt");
        self.template = prompt.as_ref().map(|at| at.span);
        self.split_by = fields.get("split_by").map(|(key, _)| key.span);
        let tools = fields.choice("tools", &[("read-only", Tools::ReadOnly), ("all", Tools::All)]);
        let split_by = fields.choice("split_by", &[("class", SplitBy::Class)]);
        let (idle, wall) = (fields.duration("idle"), fields.duration("wall"));
        let attempts = fields.count("attempts");
        Some(AgentNode {
            role: role?,
            prompt: prompt.map(|at| at.value),
            tools: tools.unwrap_or_default(),
            split_by,
            idle,
            wall,
            attempts,
        })
    }

    fn read_loop(
        &mut self,
        value: &Value,
        agent: Option<AgentNode>,
        fields: &mut Fields<'_>,
    ) -> Option<NodeKind> {
        let mut inner = fields.inner("loop", value, &["until", "max_iterations"])?;
        let until = inner.condition("until");
        let max_iterations = inner.count("max_iterations");
        self.until.clone_from(&until);
        Some(NodeKind::Loop(LoopNode {
            agent: agent?,
            until: until?.value,
            max_iterations: max_iterations?,
        }))
    }

    fn read_on_fail(&mut self, fields: &mut Fields<'_>) {
        let Some((key, value)) = fields.get("on_fail") else {
            return;
        };
        let Some(mut inner) = fields.inner("on_fail", value, &["repeat_from"]) else {
            return;
        };
        inner.tell_strangers(&[("repeat_from", &[]), ("rounds", &[]), ("then", &[])], None);
        let rounds = inner.count("rounds").unwrap_or(1);
        let then = inner.choice(
            "then",
            &[
                ("escalate", Then::Escalate),
                ("fail", Then::Fail),
                ("ask", Then::Ask),
            ],
        );
        let Some((place, from)) = inner.get("repeat_from") else {
            return;
        };
        self.repeat_from = Some(from.span);
        if let Some(repeat_from) = inner.word(place, from) {
            let value = OnFail {
                repeat_from,
                rounds,
                then: then.unwrap_or(Then::Ask),
            };
            self.on_fail = Some(At {
                value,
                span: key.span,
            });
        }
    }
}

/// At most 60 characters of what somebody wrote, on one line, for a message.
pub(super) fn short(text: &str) -> String {
    let mut line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(60)
        .collect();
    if text.chars().nth(60).is_some() {
        line.push('…');
    }
    line
}

/// The one key that says what the node is.
fn kind_of(id: &At<NodeId>, pairs: &[(Key, Value)], problems: &mut Diagnostics) -> Option<&'static str> {
    let given: Vec<&'static str> = KINDS
        .into_iter()
        .filter(|kind| pairs.iter().any(|(key, _)| key.text == *kind))
        .collect();
    match given.as_slice() {
        [kind] => Some(kind),
        [] => {
            problems.push_help(
                id.span,
                format!("`{}` does not say what it is", id.value),
                "give it one of `role`, `run`, `gate`, `publish`, `cancel`",
            );
            None
        }
        [first, others @ ..] => {
            let second = pairs
                .iter()
                .filter(|(key, _)| given.contains(&key.text.as_str()))
                .nth(1);
            problems.push_help(
                second.map_or(id.span, |(key, _)| key.span),
                format!(
                    "`{}` is several things at once: `{first}` and `{}`",
                    id.value,
                    others.join("` and `")
                ),
                "make a node of each",
            );
            None
        }
    }
}

/// The keys of one mapping, read by name.
struct Fields<'a> {
    node: NodeId,
    pairs: &'a [(Key, Value)],
    problems: &'a mut Diagnostics,
}

impl<'a> Fields<'a> {
    fn get(&self, name: &str) -> Option<(&'a Key, &'a Value)> {
        self.pairs
            .iter()
            .find(|(key, _)| key.text == name)
            .map(|(key, value)| (key, value))
    }

    /// Tells keys that are unknown, given twice, or of another kind of node.
    fn tell_strangers(&mut self, known: &[(&'static str, &'static [&'static str])], kind: Option<&str>) {
        let mut seen = BTreeSet::new();
        for (key, _) in self.pairs {
            let name = key.text.as_str();
            if !seen.insert(name) {
                self.problems
                    .push(key.span, format!("`{}` is given twice", short(name)));
                continue;
            }
            match known.iter().find(|(known, _)| *known == name) {
                None => {
                    let fitting = known
                        .iter()
                        .filter(|(_, kinds)| kind.is_none_or(|kind| kinds.contains(&kind)));
                    let names: Vec<&str> = fitting.map(|(name, _)| *name).collect();
                    let help = suggest::help(name, names.iter().copied());
                    self.problems
                        .note(key.span, format!("unknown key `{}`", short(name)), help);
                }
                Some((_, kinds)) => {
                    if let Some(kind) = kind
                        && !kinds.contains(&kind)
                        && !KINDS.contains(&name)
                    {
                        let message = format!("`{name}` does not belong to a node with `{kind}`");
                        let help = format!("it belongs to a node with `{}`", kinds.join("` or `"));
                        self.problems.push_help(key.span, message, help);
                    }
                }
            }
        }
    }

    /// The mapping below a key, whose required keys are all there.
    fn inner<'b>(
        &'b mut self,
        name: &str,
        value: &'b Value,
        required: &[&'static str],
    ) -> Option<Fields<'b>> {
        let Shape::Map(pairs) = &value.shape else {
            let message = format!("`{name}` wants a mapping, not {}", value.kind());
            self.problems.push_help(
                value.span,
                message,
                format!("write `{name}: {{{}: …}}`", required.join(": …, ")),
            );
            return None;
        };
        let mut inner = Fields {
            node: self.node.clone(),
            pairs,
            problems: self.problems,
        };
        if name == "loop" {
            inner.tell_strangers(&[("until", &[]), ("max_iterations", &[])], None);
        }
        let mut complete = true;
        for key in required {
            if inner.get(key).is_none() {
                complete = false;
                inner
                    .problems
                    .push(value.span, format!("`{name}` of `{}` wants `{key}`", inner.node));
            }
        }
        complete.then_some(inner)
    }

    /// Text of a checked kind.
    fn word<T: FromStr<Err = crate::model::InvalidId>>(&mut self, key: &Key, value: &Value) -> Option<T> {
        let Some(text) = value.text() else {
            self.problems.push(
                value.span,
                format!("`{}` wants text, not {}", key.text, value.kind()),
            );
            return None;
        };
        match text.parse() {
            Ok(word) => Some(word),
            Err(invalid) => {
                let message = format!("`{}` is no {}: {}", short(text), invalid.kind, invalid.why);
                self.problems.push(value.span, message);
                None
            }
        }
    }

    /// A list of checked words, each at most once; a single word is a list of one.
    fn list<T: FromStr<Err = crate::model::InvalidId> + Ord + Clone>(&mut self, name: &str) -> Vec<At<T>> {
        let Some((key, value)) = self.get(name) else {
            return Vec::new();
        };
        let items = match &value.shape {
            Shape::List(items) => items.as_slice(),
            Shape::Scalar { .. } if !value.is_null() => std::slice::from_ref(value),
            Shape::Scalar { .. } | Shape::Map(_) => {
                self.problems
                    .push(value.span, format!("`{name}` wants a list, not {}", value.kind()));
                return Vec::new();
            }
        };
        let mut seen = BTreeSet::new();
        let mut found = Vec::new();
        for item in items {
            if let Some(word) = self.word::<T>(key, item) {
                if seen.insert(word.clone()) {
                    found.push(At {
                        value: word,
                        span: item.span,
                    });
                } else {
                    let text = item.text().unwrap_or_default();
                    self.problems
                        .push(item.span, format!("`{name}` lists `{text}` twice"));
                }
            }
        }
        found
    }

    /// One of a few words.
    fn choice<T: Clone>(&mut self, name: &str, choices: &[(&'static str, T)]) -> Option<T> {
        let (_, value) = self.get(name)?;
        let text = value.text().unwrap_or_default();
        let found = choices
            .iter()
            .find(|(word, _)| *word == text)
            .map(|(_, choice)| choice.clone());
        if found.is_none() {
            let message = if text.is_empty() {
                format!("`{name}` wants a word, not {}", value.kind())
            } else {
                format!("unknown {name} `{}`", short(text))
            };
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            self.problems
                .note(value.span, message, suggest::help(text, words.iter().copied()));
        }
        found
    }

    /// A whole number from 1.
    fn count(&mut self, name: &str) -> Option<u32> {
        let (_, value) = self.get(name)?;
        let number = value
            .text()
            .and_then(|text| text.parse::<u32>().ok())
            .filter(|n| (1..=MOST_REPEATS).contains(n));
        if number.is_none() {
            self.problems.push(
                value.span,
                format!("`{name}` wants a whole number from 1 to {MOST_REPEATS}"),
            );
        }
        number
    }

    fn duration(&mut self, name: &str) -> Option<Duration> {
        let (_, value) = self.get(name)?;
        let duration = value.text().and_then(duration);
        if duration.is_none() {
            let message = format!("`{name}` wants a duration between 1ms and 366d");
            self.problems
                .push_help(value.span, message, "write it like `120s`, `30m`, `12h` or `14d`");
        }
        duration
    }

    fn condition(&mut self, name: &str) -> Option<At<Condition>> {
        let (_, value) = self.get(name)?;
        let Some(text) = value.text() else {
            self.problems.push_help(
                value.span,
                format!("`{name}` wants a condition, not {}", value.kind()),
                "write for example `$plan.output.size == 'large'`",
            );
            return None;
        };
        match Condition::parse(text) {
            Ok(condition) => Some(At {
                value: condition,
                span: within(value, text, 0),
            }),
            Err(invalid) => {
                let span = within(value, text, invalid.offset);
                self.problems.push(span, invalid.message);
                None
            }
        }
    }

    fn template(&mut self, name: &str) -> Option<At<Template>> {
        let (_, value) = self.get(name)?;
        let Some(text) = value.text().filter(|text| !text.trim().is_empty()) else {
            self.problems
                .push(value.span, format!("`{name}` wants text, not {}", value.kind()));
            return None;
        };
        match Template::parse(text) {
            Ok(template) => Some(At {
                value: template,
                span: within(value, text, 0),
            }),
            Err(invalid) => {
                let span = within(value, text, invalid.offset);
                self.problems.push(span, invalid.message);
                None
            }
        }
    }

    fn commands(&mut self, value: &Value) -> Option<CheckCommands> {
        let items = match &value.shape {
            Shape::Scalar { text, .. } if text.trim() == "plan.tests" => {
                return Some(CheckCommands::PlanTests);
            }
            Shape::List(items) => items.as_slice(),
            Shape::Scalar { .. } | Shape::Map(_) => std::slice::from_ref(value),
        };
        let commands: Vec<String> = items
            .iter()
            .filter_map(Value::text)
            .map(str::trim)
            .filter(|c| !c.is_empty())
            .map(str::to_owned)
            .collect();
        if commands.is_empty() || commands.len() < items.len() {
            let message = "`run` wants `plan.tests`, a command or a list of commands";
            self.problems.push(value.span, message);
            return None;
        }
        Some(CheckCommands::Listed(commands))
    }
}

/// The place at an offset within a text that [`within`] has placed.
pub(super) fn part(span: Span, text: &str, offset: usize) -> Span {
    // A text that does not stand in the source as it is has another length there.
    if span.length != text.len() || text.contains('\n') || !text.is_char_boundary(offset) {
        return span;
    }
    let before = u32::try_from(text[..offset].chars().count()).unwrap_or(0);
    Span {
        line: span.line,
        column: span.column.saturating_add(before),
        offset: span.offset + offset,
        length: text.len() - offset,
    }
}

/// The place within a scalar, where the source shows it as it is; else the scalar's own place.
fn within(value: &Value, text: &str, offset: usize) -> Span {
    let quotes = match &value.shape {
        Shape::Scalar { plain: true, .. } => 0,
        _ => 1,
    };
    // An escape, a folded line or a block scalar shifts what follows.
    if value.span.length != text.len() + 2 * quotes || text.contains('\n') || !text.is_char_boundary(offset) {
        return value.span;
    }
    let before = u32::try_from(text[..offset].chars().count() + quotes).unwrap_or(0);
    Span {
        line: value.span.line,
        column: value.span.column.saturating_add(before),
        offset: value.span.offset + quotes + offset,
        length: text.len() - offset,
    }
}

/// A whole number and a unit.
fn duration(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = text[..digits].parse().ok()?;
    let millis: u64 = match &text[digits..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let duration = Duration::from_millis(number.checked_mul(millis)?);
    (!duration.is_zero() && duration <= LONGEST).then_some(duration)
}
