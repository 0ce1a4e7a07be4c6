//! GraphQL, as far as a client like ours asks: an own small reader, and the fields it may name.
//!
//! A field that is not known here is answered with GitHub's error and counts as a violation.

mod resolve;
mod syntax;

use serde_json::{Value, json};

use super::problem::Problem;
use super::rest::{Call, Reply};
use super::world::Violation;

/// Answers `POST /graphql`; errors of queries come with 200, as GitHub's do.
pub(super) fn answer(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let query = call.required("query")?;
    let variables = call.body.get("variables").cloned().unwrap_or(Value::Null);
    let operation = match syntax::parse(&query) {
        Ok(operation) => operation,
        Err(what) => return Ok(failed(call, "PARSE_ERROR", &what, true)),
    };
    let mut data = serde_json::Map::new();
    for field in &operation.fields {
        match resolve::root(call, operation.mutation, field, &variables) {
            Ok(value) => {
                data.insert(field.alias.clone(), value);
            }
            Err(resolve::Refusal::Unknown(what)) => {
                return Ok(failed(call, "undefinedField", &what, true));
            }
            Err(resolve::Refusal::NotFound(what)) => return Ok(failed(call, "NOT_FOUND", &what, false)),
            Err(resolve::Refusal::Forbidden) => {
                return Ok(failed(
                    call,
                    "FORBIDDEN",
                    "Resource not accessible by integration",
                    false,
                ));
            }
        }
    }
    Ok(Reply::ok(json!({"data": data})))
}

fn failed(call: &mut Call<'_>, kind: &str, message: &str, violation: bool) -> Reply {
    if violation {
        let request = "POST /graphql".to_owned();
        call.world.violations.push(Violation {
            request,
            what: message.to_owned(),
        });
    }
    Reply::ok(json!({
        "data": null,
        "errors": [{"type": kind, "path": [], "locations": [{"line": 1, "column": 1}], "message": message}],
    }))
}
