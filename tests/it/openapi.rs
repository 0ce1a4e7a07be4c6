//! Checks recorded requests against GitHub's published OpenAPI description.
//!
//! A small reader of the part of OpenAPI 3.0 that GitHub's description uses. Stricter than the standard in one
//! way: a property or query parameter that the description does not name is a finding, because GitHub ignores
//! such things silently and a misspelled one would do nothing.

use std::sync::OnceLock;

use footplate::rehearsal::world::Recorded;
use serde_json::{Map, Value};

/// GitHub's published description, from the file that `FOOTPLATE_OPENAPI` names, else from `target/tools`.
///
/// It comes from the npm package `@octokit/openapi`, of which only this one file is wanted.
///
/// # Panics
/// The file is missing: the message says how to get it.
#[expect(clippy::disallowed_methods, reason = "the place of a tool on this machine")]
pub(crate) fn published() -> Value {
    let default = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/target/tools/openapi/api.github.com.json"
    );
    let path = std::env::var("FOOTPLATE_OPENAPI").unwrap_or_else(|_| default.to_owned());
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!(
            "GitHub's OpenAPI description is not at {path} ({error}). Get it with `npm pack @octokit/openapi` \
             and unpack `package/generated/api.github.com.json` to that place."
        )
    });
    serde_json::from_str(&text).expect("the description is JSON")
}

/// Everything among the requests that GitHub's description does not know, in words. The description is read once.
pub(crate) fn unknown_to_github(requests: &[Recorded]) -> Vec<String> {
    static DESCRIPTION: OnceLock<Value> = OnceLock::new();
    let description = DESCRIPTION.get_or_init(published);
    requests
        .iter()
        .filter_map(|request| validate(description, request).err())
        .collect()
}

/// Checks one request: route, method, parameters, body.
///
/// GraphQL has one address outside the description and passes.
///
/// # Errors
/// What is wrong, with its place in the request.
pub(crate) fn validate(description: &Value, request: &Recorded) -> Result<(), String> {
    if request.route == Some("/graphql") {
        return Ok(());
    }
    let at = format!("{} {}", request.method, request.path);
    let fail = |what: String| Err(format!("{at}: {what}"));
    let Some((template, operation)) = operation(description, request) else {
        return fail("the description has no such route and method".to_owned());
    };
    let parameters = parameters(description, template, operation);
    for (name, value) in &request.query {
        let Some(known) = parameters
            .iter()
            .find(|p| p["in"] == "query" && p["name"] == name.as_str())
        else {
            return fail(format!("unknown query parameter {name}"));
        };
        if let Err(what) = check_text(description, &known["schema"], value) {
            return fail(format!("query parameter {name}: {what}"));
        }
    }
    for wanted in parameters
        .iter()
        .filter(|p| p["in"] == "query" && p["required"] == true)
    {
        if !request.query.iter().any(|(n, _)| wanted["name"] == n.as_str()) {
            return fail(format!("query parameter {} is missing", wanted["name"]));
        }
    }
    for (name, value) in path_values(description, template, operation, &request.path).unwrap_or_default() {
        let schema = parameters
            .iter()
            .find(|p| p["in"] == "path" && p["name"] == name.as_str());
        if let Some(Err(what)) = schema.map(|p| check_text(description, &p["schema"], &value)) {
            return fail(format!("path parameter {name}: {what}"));
        }
    }
    match (&request.body, operation.get("requestBody")) {
        (None, Some(wanted)) if wanted["required"] == true => fail("it wants a body".to_owned()),
        (None, _) => Ok(()),
        (Some(Value::Object(empty)), None) if empty.is_empty() => Ok(()),
        (Some(_), None) => fail("it takes no body".to_owned()),
        (Some(body), Some(wanted)) => {
            let schema = &wanted["content"]["application/json"]["schema"];
            Checker {
                description,
                strict: true,
            }
            .check(schema, body, "body")
            .or_else(fail)
        }
    }
}

/// Checks the stand-in's own answer to a request, where the description knows the status.
///
/// Answers may have more than is described, as GitHub's have.
///
/// # Errors
/// What is wrong, with its place in the answer.
pub(crate) fn validate_answer(description: &Value, request: &Recorded) -> Result<(), String> {
    let Some((_, operation)) = operation(description, request) else {
        return Ok(());
    };
    let response = resolve(description, &operation["responses"][request.status.to_string()]);
    let (Some(schema), Some(answer)) = (
        response.pointer("/content/application~1json/schema"),
        &request.answer,
    ) else {
        return Ok(());
    };
    Checker {
        description,
        strict: false,
    }
    .check(schema, answer, "answer")
    .map_err(|what| format!("{} {}: {what}", request.method, request.path))
}

/// The description's operation for a request: among templates that fit, the one with most literal parts.
fn operation<'d>(description: &'d Value, request: &Recorded) -> Option<(&'d str, &'d Value)> {
    let method = if request.method == "HEAD" {
        "get".to_owned()
    } else {
        request.method.to_lowercase()
    };
    let paths = description["paths"].as_object()?;
    paths
        .iter()
        .filter_map(|(template, item)| Some((template.as_str(), item.get(&method)?)))
        .filter(|(template, op)| path_values(description, template, op, &request.path).is_some())
        .min_by_key(|(template, _)| (template.matches('{').count(), std::cmp::Reverse(template.len())))
}

fn parameters<'d>(description: &'d Value, template: &str, operation: &'d Value) -> Vec<&'d Value> {
    let shared = description["paths"][template]["parameters"].as_array();
    let own = operation["parameters"].as_array();
    own.into_iter()
        .chain(shared)
        .flatten()
        .map(|p| resolve(description, p))
        .collect()
}

/// The values of a template's parameters in a path; `None` where it does not fit.
fn path_values(
    description: &Value,
    template: &str,
    operation: &Value,
    path: &str,
) -> Option<Vec<(String, String)>> {
    let long: Vec<String> = parameters(description, template, operation)
        .iter()
        .filter(|p| p["in"] == "path" && p["x-multi-segment"] == true)
        .filter_map(|p| p["name"].as_str().map(str::to_owned))
        .collect();
    let template: Vec<&str> = template.split('/').collect();
    let segments: Vec<&str> = path.split('/').collect();
    let mut values = Vec::new();
    fits(&template, &segments, &long, &mut values).then_some(values)
}

fn fits(template: &[&str], segments: &[&str], long: &[String], values: &mut Vec<(String, String)>) -> bool {
    let Some((first, rest)) = template.split_first() else {
        return segments.is_empty();
    };
    let Some(name) = first.strip_prefix('{').and_then(|f| f.strip_suffix('}')) else {
        return segments.first() == Some(first) && fits(rest, &segments[1..], long, values);
    };
    let most = if long.iter().any(|l| l == name) {
        segments.len()
    } else {
        segments.len().min(1)
    };
    for taken in 1..=most {
        values.push((name.to_owned(), segments[..taken].join("/")));
        if fits(rest, &segments[taken..], long, values) {
            return true;
        }
        values.pop();
    }
    false
}

fn resolve<'d>(description: &'d Value, value: &'d Value) -> &'d Value {
    let Some(reference) = value.get("$ref").and_then(Value::as_str) else {
        return value;
    };
    let target = reference
        .strip_prefix('#')
        .and_then(|pointer| description.pointer(pointer));
    resolve(description, target.unwrap_or(&Value::Null))
}

/// Checks a text of the path or the query against its schema.
fn check_text(description: &Value, schema: &Value, text: &str) -> Result<(), String> {
    let schema = resolve(description, schema);
    let variants = ["oneOf", "anyOf"]
        .iter()
        .find_map(|k| schema.get(k))
        .and_then(Value::as_array);
    if let Some(variants) = variants {
        return if variants.iter().any(|v| check_text(description, v, text).is_ok()) {
            Ok(())
        } else {
            Err(format!("{text:?} fits no variant"))
        };
    }
    let value = match schema["type"].as_str() {
        Some("integer") => text
            .parse::<i64>()
            .map(Value::from)
            .map_err(|_| format!("{text:?} is no integer"))?,
        Some("number") => text
            .parse::<f64>()
            .map(Value::from)
            .map_err(|_| format!("{text:?} is no number"))?,
        Some("boolean") => text
            .parse::<bool>()
            .map(Value::from)
            .map_err(|_| format!("{text:?} is no boolean"))?,
        // Lists travel as text, with commas.
        Some("array") => return Ok(()),
        _ => Value::from(text),
    };
    Checker {
        description,
        strict: true,
    }
    .check(schema, &value, "value")
}

struct Checker<'d> {
    description: &'d Value,
    /// Whether properties that are not described are findings.
    strict: bool,
}

impl Checker<'_> {
    fn check(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        let schema = resolve(self.description, schema);
        let Some(rules) = schema.as_object() else {
            return Ok(());
        };
        if value.is_null() && rules.get("nullable") == Some(&Value::Bool(true)) {
            return Ok(());
        }
        for key in ["oneOf", "anyOf"] {
            if let Some(variants) = rules.get(key).and_then(Value::as_array) {
                self.check_variants(variants, rules, value, at)?;
            }
        }
        if let Some(parts) = rules.get("allOf").and_then(Value::as_array) {
            // Each part knows only its own properties.
            let lax = Checker {
                description: self.description,
                strict: false,
            };
            for part in parts {
                lax.check(part, value, at)?;
            }
        }
        if let Some(choices) = rules.get("enum").and_then(Value::as_array)
            && !choices.contains(value)
        {
            return Err(format!(
                "{at}: {value} is none of {}",
                Value::from(choices.clone())
            ));
        }
        check_kind(rules, value, at)?;
        match value {
            Value::Object(map) => self.check_object(rules, map, at),
            Value::Array(items) => {
                let within = |key: &str, beyond: fn(u64, u64) -> bool| {
                    let limit = rules.get(key).and_then(Value::as_u64);
                    limit.is_none_or(|limit| !beyond(items.len() as u64, limit))
                };
                if !within("minItems", |n, limit| n < limit) || !within("maxItems", |n, limit| n > limit) {
                    return Err(format!("{at}: {} items are too few or too many", items.len()));
                }
                let schema = rules.get("items").unwrap_or(&Value::Null);
                items
                    .iter()
                    .enumerate()
                    .try_for_each(|(i, item)| self.check(schema, item, &format!("{at}[{i}]")))
            }
            Value::String(text) => {
                let length = text.chars().count() as u64;
                let limit = |key: &str| rules.get(key).and_then(Value::as_u64);
                if limit("minLength").is_some_and(|l| length < l)
                    || limit("maxLength").is_some_and(|l| length > l)
                {
                    return Err(format!("{at}: {length} characters are too few or too many"));
                }
                Ok(())
            }
            Value::Number(number) => {
                let number = number.as_f64().unwrap_or(0.0);
                let limit = |key: &str| rules.get(key).and_then(Value::as_f64);
                if limit("minimum").is_some_and(|l| number < l)
                    || limit("maximum").is_some_and(|l| number > l)
                {
                    return Err(format!("{at}: {number} is too small or too large"));
                }
                Ok(())
            }
            Value::Null | Value::Bool(_) => Ok(()),
        }
    }

    /// One variant must fit; variants that only say what is required add to the properties beside them.
    fn check_variants(
        &self,
        variants: &[Value],
        around: &Map<String, Value>,
        value: &Value,
        at: &str,
    ) -> Result<(), String> {
        let beside = around.contains_key("properties");
        let checker = Checker {
            description: self.description,
            strict: self.strict && !beside,
        };
        let mut why = Vec::new();
        for variant in variants {
            match checker.check(variant, value, at) {
                Ok(()) => return Ok(()),
                Err(what) => why.push(what),
            }
        }
        Err(format!("{at} fits no variant ({})", why.join("; ")))
    }

    fn check_object(
        &self,
        rules: &Map<String, Value>,
        map: &Map<String, Value>,
        at: &str,
    ) -> Result<(), String> {
        for wanted in rules
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let name = wanted.as_str().unwrap_or_default();
            if !map.contains_key(name) {
                return Err(format!("{at}.{name} is missing"));
            }
        }
        let empty = Map::new();
        let properties = rules
            .get("properties")
            .and_then(Value::as_object)
            .unwrap_or(&empty);
        let open = match rules.get("additionalProperties") {
            Some(Value::Bool(open)) => *open,
            Some(_) => true,
            None => properties.is_empty(),
        };
        for (name, value) in map {
            let inner = format!("{at}.{name}");
            if let Some(schema) = properties.get(name) {
                self.check(schema, value, &inner)?;
            } else if let Some(schema @ Value::Object(_)) = rules.get("additionalProperties") {
                self.check(schema, value, &inner)?;
            } else if self.strict && !open {
                return Err(format!("{inner} is not in the description"));
            }
        }
        Ok(())
    }
}

fn check_kind(rules: &Map<String, Value>, value: &Value, at: &str) -> Result<(), String> {
    let fits = match rules.get("type").and_then(Value::as_str) {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        _ => true,
    };
    if fits {
        Ok(())
    } else {
        Err(format!("{at}: {value} is not of type {}", rules["type"]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn description() -> Value {
        json!({
            "paths": {
                "/repos/{owner}/{repo}/issues/{issue_number}": {"patch": {
                    "parameters": [{"$ref": "#/components/parameters/number"}],
                    "requestBody": {"content": {"application/json": {"schema": {
                        "type": "object",
                        "properties": {
                            "title": {"oneOf": [{"type": "string"}, {"type": "integer"}], "nullable": true},
                            "state": {"type": "string", "enum": ["open", "closed"]},
                            "labels": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
                        },
                        "required": ["state"],
                    }}}},
                }},
                "/repos/{owner}/{repo}/issues/comments": {"get": {
                    "parameters": [{"name": "per_page", "in": "query", "schema": {"type": "integer"}}],
                }},
                "/repos/{owner}/{repo}/git/ref/{ref}": {"get": {
                    "parameters": [{"name": "ref", "in": "path", "x-multi-segment": true}],
                }},
            },
            "components": {"parameters": {
                "number": {"name": "issue_number", "in": "path", "schema": {"type": "integer"}},
            }},
        })
    }

    fn ask(method: &str, path: &str, query: &[(&str, &str)], body: Option<Value>) -> Result<(), String> {
        let request = Recorded {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query
                .iter()
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
                .collect(),
            headers: Vec::new(),
            body,
            route: None,
            status: 200,
            answer: None,
        };
        validate(&description(), &request)
    }

    #[test]
    fn good_requests_pass() {
        let issue = "/repos/o/r/issues/1";
        assert_eq!(
            ask("PATCH", issue, &[], Some(json!({"state": "open", "title": null}))),
            Ok(())
        );
        assert_eq!(
            ask(
                "PATCH",
                issue,
                &[],
                Some(json!({"state": "open", "labels": ["a"]}))
            ),
            Ok(())
        );
        assert_eq!(
            ask("GET", "/repos/o/r/issues/comments", &[("per_page", "9")], None),
            Ok(())
        );
        assert_eq!(ask("GET", "/repos/o/r/git/ref/heads/a/b", &[], None), Ok(()));
    }

    #[test]
    fn each_kind_of_mistake_is_found() {
        let issue = "/repos/o/r/issues/1";
        for (body, finding) in [
            (json!({"title": "x"}), "body.state is missing"),
            (json!({"state": "shut"}), "is none of"),
            (json!({"state": 1}), "is none of"),
            (
                json!({"state": "open", "titel": "x"}),
                "body.titel is not in the description",
            ),
            (json!({"state": "open", "title": []}), "fits no variant"),
            (json!({"state": "open", "labels": [1]}), "body.labels[0]"),
            (json!({"state": "open", "labels": ["a", "b", "c"]}), "3 items"),
        ] {
            let said = ask("PATCH", issue, &[], Some(body)).unwrap_err();
            assert!(said.contains(finding), "{said}");
        }
        let state = || Some(json!({"state": "open"}));
        assert!(
            ask("PATCH", "/repos/o/r/issues/one", &[], state())
                .unwrap_err()
                .contains("no integer")
        );
        assert!(
            ask("POST", issue, &[], state())
                .unwrap_err()
                .contains("no such route")
        );
        assert!(ask("GET", "/repos/o/r/issues/comments", &[("per_page", "x")], None).is_err());
        assert!(ask("GET", "/repos/o/r/issues/comments", &[("page_size", "1")], None).is_err());
        assert!(
            ask("GET", "/repos/o/r/issues/comments", &[], state())
                .unwrap_err()
                .contains("no body")
        );
    }
}
