//! Reads the part of GraphQL's grammar that clients write: one operation, variables, inline fragments.

use serde_json::{Map, Number, Value};

/// One operation.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) mutation: bool,
    pub(super) fields: Vec<Field>,
}

/// A field with its arguments and what is wanted of it.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) alias: String,
    pub(super) name: String,
    /// Arguments; variables stand as `{"$": name}` until they are filled in.
    pub(super) arguments: Map<String, Value>,
    pub(super) fields: Vec<Field>,
    /// The type of the inline fragment this stands in, where it stands in one.
    pub(super) on: Option<String>,
}

impl Field {
    /// An argument with variables filled in.
    pub(super) fn argument(&self, name: &str, variables: &Value) -> Value {
        self.arguments
            .get(name)
            .map_or(Value::Null, |value| fill(value, variables))
    }
}

fn fill(value: &Value, variables: &Value) -> Value {
    match value {
        Value::Object(map) => match map.get("$").and_then(Value::as_str) {
            Some(name) => variables.get(name).cloned().unwrap_or(Value::Null),
            None => map
                .iter()
                .map(|(k, v)| (k.clone(), fill(v, variables)))
                .collect::<Map<_, _>>()
                .into(),
        },
        Value::Array(items) => items.iter().map(|v| fill(v, variables)).collect(),
        other => other.clone(),
    }
}

/// Reads a document with one operation.
pub(super) fn parse(text: &str) -> Result<Operation, String> {
    let mut reader = Reader {
        tokens: tokens(text)?,
        at: 0,
    };
    let mut mutation = false;
    if reader.peek() != Some("{") {
        match reader.next()?.as_str() {
            "query" => {}
            "mutation" => mutation = true,
            other => return Err(format!("Expected an operation, got {other}")),
        }
        while reader.peek().is_some_and(|t| t != "{") {
            if reader.next()? == "(" {
                while reader.next()? != ")" {}
            }
        }
    }
    let fields = reader.selection(None)?;
    match reader.peek() {
        None => Ok(Operation { mutation, fields }),
        Some(other) => Err(format!("Expected the end, got {other}")),
    }
}

struct Reader {
    tokens: Vec<String>,
    at: usize,
}

impl Reader {
    fn peek(&self) -> Option<&str> {
        self.tokens.get(self.at).map(String::as_str)
    }

    fn next(&mut self) -> Result<String, String> {
        let token = self
            .tokens
            .get(self.at)
            .cloned()
            .ok_or("Unexpected end of document")?;
        self.at += 1;
        Ok(token)
    }

    fn expect(&mut self, wanted: &str) -> Result<(), String> {
        let got = self.next()?;
        if got == wanted {
            Ok(())
        } else {
            Err(format!("Expected {wanted}, got {got}"))
        }
    }

    fn selection(&mut self, on: Option<&str>) -> Result<Vec<Field>, String> {
        self.expect("{")?;
        let mut fields = Vec::new();
        while self.peek() != Some("}") {
            let first = self.next()?;
            if first == "..." {
                self.expect("on")?;
                let kind = self.next()?;
                fields.extend(self.selection(Some(&kind))?);
                continue;
            }
            let (alias, name) = if self.peek() == Some(":") {
                self.next()?;
                (first, self.next()?)
            } else {
                (first.clone(), first)
            };
            let mut arguments = Map::new();
            if self.peek() == Some("(") {
                self.next()?;
                while self.peek() != Some(")") {
                    let key = self.next()?;
                    self.expect(":")?;
                    arguments.insert(key, self.value()?);
                }
                self.next()?;
            }
            let inner = if self.peek() == Some("{") {
                self.selection(None)?
            } else {
                Vec::new()
            };
            fields.push(Field {
                alias,
                name,
                arguments,
                fields: inner,
                on: on.map(str::to_owned),
            });
        }
        self.next()?;
        Ok(fields)
    }

    fn value(&mut self) -> Result<Value, String> {
        let token = self.next()?;
        Ok(match token.as_str() {
            "$" => serde_json::json!({"$": self.next()?}),
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "null" => Value::Null,
            "[" => {
                let mut items = Vec::new();
                while self.peek() != Some("]") {
                    items.push(self.value()?);
                }
                self.next()?;
                Value::Array(items)
            }
            "{" => {
                let mut map = Map::new();
                while self.peek() != Some("}") {
                    let key = self.next()?;
                    self.expect(":")?;
                    map.insert(key, self.value()?);
                }
                self.next()?;
                Value::Object(map)
            }
            text if text.starts_with('"') => {
                serde_json::from_str(text).map_err(|_| format!("Bad string {text}"))?
            }
            text => match text.parse::<i64>() {
                Ok(number) => Value::Number(Number::from(number)),
                // An enum's value.
                Err(_) => Value::String(text.to_owned()),
            },
        })
    }
}

fn tokens(text: &str) -> Result<Vec<String>, String> {
    let mut tokens = Vec::new();
    let chars: Vec<char> = text.chars().collect();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let start = at;
        at += 1;
        match c {
            c if c.is_whitespace() || c == ',' => {}
            '#' => {
                while chars.get(at).is_some_and(|c| *c != '\n') {
                    at += 1;
                }
            }
            '"' => {
                loop {
                    match chars.get(at) {
                        None => return Err("Unterminated string".to_owned()),
                        Some('\\') => at += 2,
                        Some('"') => break,
                        Some(_) => at += 1,
                    }
                }
                at += 1;
                tokens.push(chars[start..at].iter().collect());
            }
            '.' if chars.get(start..start + 3) == Some(&['.', '.', '.']) => {
                at += 2;
                tokens.push("...".to_owned());
            }
            c if c.is_alphanumeric() || c == '_' || c == '-' => {
                while chars.get(at).is_some_and(|c| c.is_alphanumeric() || *c == '_') {
                    at += 1;
                }
                tokens.push(chars[start..at].iter().collect());
            }
            c if "{}()[]:!$=".contains(c) => tokens.push(c.to_string()),
            other => return Err(format!("Unexpected character {other:?}")),
        }
    }
    Ok(tokens)
}
