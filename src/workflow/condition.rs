//! Conditions: comparisons of declared outputs and inputs with literals.
//!
//! ```text
//! condition  = all { "||" all }
//! all        = comparison { "&&" comparison }
//! comparison = reference operator literal
//! reference  = "$" node ".output." field | "$INPUTS." name
//! operator   = "==" | "!=" | "<" | ">" | "<=" | ">="
//! literal    = 'text' | "text" | number | true | false
//! ```
//!
//! There are no parentheses. A whole output cannot be referred to: it is a model's prose, and a branch
//! that hangs on a model's choice of words would be taken by chance.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::NodeId;

/// The longest condition in bytes.
const LONGEST: usize = 2_000;

/// A parsed condition. Its serialized form is its text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Condition {
    text: String,
    /// Alternatives of comparisons that must all hold.
    any: Vec<Vec<Comparison>>,
}

/// What a condition looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// A field of the front block of an artifact that the node wrote.
    Output {
        /// The node.
        node: NodeId,
        /// The field.
        field: String,
    },
    /// An input of the run.
    Input(String),
}

/// A value that a condition can look at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// Text.
    Text(String),
    /// A number; one that is not finite compares false with everything.
    Number(f64),
    /// A truth value.
    Bool(bool),
}

/// Where a condition finds its values.
pub trait Scope {
    /// The field of the node's output; `None` where there is none (yet).
    fn output(&self, node: &NodeId, field: &str) -> Option<Field>;
    /// The input of the run; `None` where it has none of that name.
    fn input(&self, name: &str) -> Option<Field>;
}

/// Says that a condition or template refers to something that has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` has no value here")]
pub struct UnresolvedReference(pub String);

/// Says why a text is no condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidCondition {
    /// The byte offset within the condition.
    pub offset: usize,
    /// One sentence without its full stop.
    pub message: String,
}

/// A comparison that holds or does not.
#[derive(Debug, Clone, PartialEq)]
struct Comparison {
    /// The byte offset of the left side.
    at: usize,
    left: Reference,
    operator: Operator,
    right: Literal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    Unequal,
    Less,
    Greater,
    AtMost,
    AtLeast,
}

#[derive(Debug, Clone, PartialEq)]
enum Literal {
    Text(String),
    Number(f64),
    Bool(bool),
}

impl Condition {
    /// Parses the grammar above.
    ///
    /// # Errors
    /// The text does not follow the grammar, or compares a whole output; the error says where.
    pub fn parse(text: &str) -> Result<Self, InvalidCondition> {
        if text.len() > LONGEST {
            return Err(InvalidCondition {
                offset: 0,
                message: format!("a condition may be at most {LONGEST} bytes long"),
            });
        }
        let mut reader = Reader { text, at: 0 };
        let mut any = vec![vec![reader.comparison()?]];
        loop {
            reader.skip_space();
            if reader.at == text.len() {
                return Ok(Self {
                    text: text.to_owned(),
                    any,
                });
            }
            if reader.take("&&") {
                let comparison = reader.comparison()?;
                if let Some(all) = any.last_mut() {
                    all.push(comparison);
                }
            } else if reader.take("||") {
                any.push(vec![reader.comparison()?]);
            } else {
                return Err(reader.wrong("here a condition wants `&&`, `||` or its end"));
            }
        }
    }

    /// What the condition looks at, in the order of its text.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        self.any.iter().flatten().map(|comparison| &comparison.left)
    }

    /// Decides the condition; `&&` and `||` stop as soon as the answer is known.
    ///
    /// # Errors
    /// A value that is needed for the answer is missing.
    pub fn evaluate(&self, scope: &impl Scope) -> Result<bool, UnresolvedReference> {
        for all in &self.any {
            let mut holds = true;
            for comparison in all {
                if !comparison.holds(scope)? {
                    holds = false;
                    break;
                }
            }
            if holds {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The condition as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The references with their byte offsets within the text.
    pub(super) fn places(&self) -> impl Iterator<Item = (usize, &Reference)> {
        self.any
            .iter()
            .flatten()
            .map(|comparison| (comparison.at, &comparison.left))
    }

    /// The comparisons by size whose right side is no number, and that can therefore never hold, with
    /// their byte offsets.
    pub(super) fn hopeless(&self) -> impl Iterator<Item = (usize, &Reference)> {
        self.any
            .iter()
            .flatten()
            .filter(|c| {
                !matches!(c.operator, Operator::Equal | Operator::Unequal) && c.right.number().is_none()
            })
            .map(|c| (c.at, &c.left))
    }
}

impl Comparison {
    fn holds(&self, scope: &impl Scope) -> Result<bool, UnresolvedReference> {
        let left = match &self.left {
            Reference::Output { node, field } => scope.output(node, field),
            Reference::Input(name) => scope.input(name),
        }
        .ok_or_else(|| UnresolvedReference(self.left.to_string()))?;
        if let Field::Number(n) = left
            && !n.is_finite()
        {
            return Ok(false);
        }
        let sizes = || left.number().zip(self.right.number());
        Ok(match self.operator {
            Operator::Equal => self.right.equals(&left),
            Operator::Unequal => !self.right.equals(&left),
            Operator::Less => sizes().is_some_and(|(a, b)| a < b),
            Operator::Greater => sizes().is_some_and(|(a, b)| a > b),
            Operator::AtMost => sizes().is_some_and(|(a, b)| a <= b),
            Operator::AtLeast => sizes().is_some_and(|(a, b)| a >= b),
        })
    }
}

impl Field {
    fn number(&self) -> Option<f64> {
        match self {
            Self::Text(text) => finite(text.trim()),
            Self::Number(n) => Some(*n).filter(|n| n.is_finite()),
            Self::Bool(_) => None,
        }
    }
}

impl Literal {
    fn number(&self) -> Option<f64> {
        match self {
            Self::Text(text) => finite(text.trim()),
            Self::Number(n) => Some(*n),
            Self::Bool(_) => None,
        }
    }

    /// Numbers are equal as numbers, everything else as text: whether a front block wrote `true` or
    /// `"true"` must not decide a branch.
    #[expect(clippy::float_cmp, reason = "people write `== 3` and mean exactly that")]
    fn equals(&self, field: &Field) -> bool {
        match (self, field) {
            (Self::Number(a), field) => field.number().is_some_and(|b| *a == b),
            (literal, Field::Number(b)) => literal.number().is_some_and(|a| a == *b),
            (Self::Text(a), Field::Text(b)) => a == b,
            (Self::Bool(a), Field::Bool(b)) => a == b,
            (Self::Text(text), Field::Bool(truth)) | (Self::Bool(truth), Field::Text(text)) => {
                text == if *truth { "true" } else { "false" }
            }
        }
    }
}

/// A finite decimal number; `inf`, `nan` and hexadecimal are none.
fn finite(text: &str) -> Option<f64> {
    let decimal = text
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'));
    if !decimal {
        return None;
    }
    text.parse::<f64>().ok().filter(|n| n.is_finite())
}

/// Reads a condition from left to right.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn comparison(&mut self) -> Result<Comparison, InvalidCondition> {
        self.skip_space();
        let at = self.at;
        let left = self.reference()?;
        self.skip_space();
        let operators = [
            ("==", Operator::Equal),
            ("!=", Operator::Unequal),
            ("<=", Operator::AtMost),
            (">=", Operator::AtLeast),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ];
        let Some(operator) = operators
            .into_iter()
            .find_map(|(sign, o)| self.take(sign).then_some(o))
        else {
            return Err(self.wrong("here a condition wants one of == != < > <= >="));
        };
        let right = self.literal()?;
        Ok(Comparison {
            at,
            left,
            operator,
            right,
        })
    }

    fn reference(&mut self) -> Result<Reference, InvalidCondition> {
        let start = self.at;
        if self.rest().starts_with('(') {
            return Err(self.wrong("conditions have no parentheses; `&&` binds closer than `||`"));
        }
        if !self.take("$") {
            return Err(self.wrong("here a condition wants `$node.output.field` or `$INPUTS.name`"));
        }
        let words: Vec<&str> = self.dotted().split('.').collect();
        let wrong = |message: String| {
            Err(InvalidCondition {
                offset: start,
                message,
            })
        };
        match words.as_slice() {
            ["INPUTS", name] if !name.is_empty() => Ok(Reference::Input((*name).to_owned())),
            [node, "output"] => wrong(format!(
                "`${node}.output` is a model's whole text and cannot be compared with a literal; \
                 name a field, as in `${node}.output.verdict`"
            )),
            [node, "output", field] if !field.is_empty() => match NodeId::new(*node) {
                Ok(node) => Ok(Reference::Output {
                    node,
                    field: (*field).to_owned(),
                }),
                Err(invalid) => wrong(invalid.to_string()),
            },
            _ => wrong("here a condition wants `$node.output.field` or `$INPUTS.name`".to_owned()),
        }
    }

    fn literal(&mut self) -> Result<Literal, InvalidCondition> {
        self.skip_space();
        let rest = self.rest();
        if let Some(quote) = rest.chars().next().filter(|c| matches!(c, '\'' | '"')) {
            let Some((inside, _)) = rest[1..].split_once(quote) else {
                return Err(self.wrong("this quote is never closed"));
            };
            self.at += inside.len() + 2;
            return Ok(Literal::Text(inside.to_owned()));
        }
        let end = rest
            .find(|c: char| c.is_whitespace() || matches!(c, '&' | '|'))
            .unwrap_or(rest.len());
        let word = &rest[..end];
        let literal = match word {
            "true" => Literal::Bool(true),
            "false" => Literal::Bool(false),
            _ => match finite(word) {
                Some(number) => Literal::Number(number),
                None => {
                    return Err(self.wrong("the right side wants quoted text, a number, `true` or `false`"));
                }
            },
        };
        self.at += end;
        Ok(literal)
    }

    fn dotted(&mut self) -> &'a str {
        let rest = self.rest();
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let word = &rest[..rest.find(|c| !fits(c)).unwrap_or(rest.len())];
        self.at += word.len();
        word
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = self.rest().starts_with(sign);
        if found {
            self.at += sign.len();
        }
        found
    }

    fn skip_space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn wrong(&self, message: &str) -> InvalidCondition {
        InvalidCondition {
            offset: self.at,
            message: message.to_owned(),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Output { node, field } => write!(f, "${node}.output.{field}"),
            Self::Input(name) => write!(f, "$INPUTS.{name}"),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for Condition {
    type Error = InvalidCondition;
    fn try_from(text: String) -> Result<Self, InvalidCondition> {
        Self::parse(&text)
    }
}

impl From<Condition> for String {
    fn from(condition: Condition) -> Self {
        condition.text
    }
}
