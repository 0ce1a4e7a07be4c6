//! A request that may be carried out: who asks, about which repository, with which parameters.

use serde_json::Value;

use super::super::problem::Problem;
use super::super::wire::Incoming;
use super::super::world::{Actor, Repository, World};

/// Who asks, after the credentials were checked.
#[derive(Debug, Clone)]
pub(in super::super) enum Caller {
    /// Nobody in particular.
    Anonymous,
    /// An App by its JWT.
    App(u64),
    /// An installation by its token.
    Installation {
        id: u64,
        actor: Actor,
        /// The token's place in the world's list.
        token: usize,
    },
}

impl Caller {
    /// Whose limits are charged.
    pub(in super::super) fn holder(&self) -> String {
        match self {
            Self::Anonymous => "anonymous:0".to_owned(),
            Self::App(id) => format!("app:{id}"),
            Self::Installation { id, .. } => format!("installation:{id}"),
        }
    }
}

/// A permitted request.
pub(in super::super) struct Call<'a> {
    pub(in super::super) world: &'a mut World,
    pub(in super::super) caller: Caller,
    /// The repository of the path; 0 where the route has none.
    pub(in super::super) repository: u64,
    pub(in super::super) template: &'static str,
    pub(in super::super) parameters: Vec<String>,
    pub(in super::super) query: &'a [(String, String)],
    pub(in super::super) body: Value,
    pub(in super::super) incoming: &'a Incoming,
}

impl Call<'_> {
    /// The App's bot; routes with a repository are reached by installations only.
    pub(in super::super) fn actor(&self) -> Result<Actor, Problem> {
        match &self.caller {
            Caller::Installation { actor, .. } => Ok(*actor),
            Caller::App(_) | Caller::Anonymous => Err(Problem::new(401, "Requires authentication")),
        }
    }

    /// The App by its JWT.
    pub(in super::super) fn app(&self) -> Result<u64, Problem> {
        match &self.caller {
            Caller::App(id) => Ok(*id),
            _ => Err(Problem::new(401, "A JSON web token could not be decoded")),
        }
    }

    /// The repository of the path.
    pub(in super::super) fn repo(&self) -> Result<&Repository, Problem> {
        self.world.repo(self.repository)
    }

    /// A parameter by its name in the template.
    pub(in super::super) fn parameter(&self, name: &str) -> &str {
        let names = self.template.split('/').filter(|s| s.starts_with('{'));
        let at = names.into_iter().position(|s| s.trim_matches(['{', '}']) == name);
        at.and_then(|at| self.parameters.get(at))
            .map_or("", String::as_str)
    }

    /// A parameter that is a number; 404 where it is not, as GitHub answers.
    pub(in super::super) fn number(&self, name: &str) -> Result<u64, Problem> {
        self.parameter(name).parse().map_err(|_| Problem::not_found())
    }

    /// A query parameter.
    pub(in super::super) fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }

    /// A text of the body; `None` where it is missing or null.
    pub(in super::super) fn text(&self, name: &str) -> Result<Option<String>, Problem> {
        match self.body.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            // GitHub takes numbers for titles, but no client should count on it.
            Some(other) => Err(Problem::schema(format!(
                "For 'properties/{name}', {other} is not a string."
            ))),
        }
    }

    /// A text that must be there.
    pub(in super::super) fn required(&self, name: &str) -> Result<String, Problem> {
        self.text(name)?
            .ok_or_else(|| Problem::schema(format!("\"{name}\" wasn't supplied.")))
    }

    /// A flag of the body.
    pub(in super::super) fn flag(&self, name: &str) -> Result<Option<bool>, Problem> {
        match self.body.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => Err(Problem::schema(format!(
                "For 'properties/{name}', {other} is not a boolean."
            ))),
        }
    }

    /// A list of texts of the body; `None` where it is missing.
    pub(in super::super) fn texts(&self, name: &str) -> Result<Option<Vec<String>>, Problem> {
        let refuse = || Problem::schema(format!("For 'properties/{name}', it is not a list of strings."));
        match self.body.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| item.as_str().map(str::to_owned).ok_or_else(refuse))
                .collect::<Result<_, _>>()
                .map(Some),
            Some(_) => Err(refuse()),
        }
    }

    /// A list of logins as account ids; unknown ones are invalid.
    pub(in super::super) fn accounts(&self, name: &str, resource: &str) -> Result<Vec<u64>, Problem> {
        let logins = self.texts(name)?.unwrap_or_default();
        logins
            .iter()
            .map(|login| {
                let found = self.world.account(login).map(|a| a.id);
                found.ok_or_else(|| Problem::invalid(resource, name, "invalid"))
            })
            .collect()
    }
}
