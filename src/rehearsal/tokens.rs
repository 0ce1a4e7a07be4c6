//! Checks credentials as GitHub does: JWTs of Apps, installation tokens, and what they may reach.
//!
//! Nothing here is shared with the product's own code, so that both would have to be wrong in one way.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::HeaderMap;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;

use super::problem::Problem;
use super::rest::{Caller, Needs, Route};
use super::world::{Actor, Token, World};

/// How long an installation token lives.
const TOKEN_LIFE: Duration = Duration::from_hours(1);
/// How far ahead a JWT may expire, in seconds.
const LONGEST_JWT: i64 = 600;

#[derive(Debug, Deserialize)]
struct Claims {
    iat: serde_json::Value,
    exp: serde_json::Value,
    iss: serde_json::Value,
}

/// The secret of an `Authorization` header of the forms `Bearer X` and `token X`.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, secret) = headers.get("authorization")?.to_str().ok()?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token")).then_some(secret.trim())
}

/// Finds out who asks.
///
/// # Errors
/// 401 for anything unknown, expired, revoked or of the wrong kind, 403 for suspended installations.
pub(super) fn authenticate(world: &World, headers: &HeaderMap, wants_app: bool) -> Result<Caller, Problem> {
    if !headers.contains_key("authorization") {
        return Ok(Caller::Anonymous);
    }
    let secret = bearer(headers).ok_or_else(Problem::bad_credentials)?;
    if secret.split('.').count() == 3 {
        return check_jwt(world, secret).map(Caller::App);
    }
    if wants_app {
        return Err(Problem::new(401, "A JSON web token could not be decoded"));
    }
    check_token(world, secret)
}

/// Finds the living token behind a secret.
///
/// # Errors
/// 401 where there is none, 403 while its installation is suspended.
pub(super) fn check_token(world: &World, secret: &str) -> Result<Caller, Problem> {
    let (at, token) = world
        .tokens
        .iter()
        .enumerate()
        .find(|(_, t)| t.secret == secret)
        .ok_or_else(Problem::bad_credentials)?;
    if token.revoked || world.now() >= token.expires_at {
        return Err(Problem::bad_credentials());
    }
    let installation = world
        .installations
        .get(&token.installation_id)
        .ok_or_else(Problem::bad_credentials)?;
    if installation.suspended_at.is_some() {
        return Err(Problem::new(403, "This installation has been suspended"));
    }
    let app = world
        .apps
        .get(&installation.app_id)
        .ok_or_else(Problem::bad_credentials)?;
    let actor = Actor {
        account: app.bot_id,
        app: Some(app.id),
    };
    Ok(Caller::Installation {
        id: installation.id,
        actor,
        token: at,
    })
}

fn check_jwt(world: &World, jwt: &str) -> Result<u64, Problem> {
    let undecodable = || Problem::new(401, "A JSON web token could not be decoded");
    // Who claims to have signed decides which key to check with.
    let claimed = peek_issuer(jwt).ok_or_else(undecodable)?;
    let app = world
        .apps
        .values()
        .find(|a| a.id.to_string() == claimed || a.client_id == claimed)
        .ok_or_else(|| Problem::new(404, "Integration not found"))?;
    let key = DecodingKey::from_rsa_pem(app.public_key.as_bytes()).map_err(|_| undecodable())?;
    let mut rules = Validation::new(Algorithm::RS256);
    // Times are checked below, by the world's clock.
    rules.validate_exp = false;
    rules.validate_aud = false;
    rules.required_spec_claims.clear();
    let claims = decode::<Claims>(jwt, &key, &rules)
        .map_err(|_| undecodable())?
        .claims;
    let now = world.now().0.div_euclid(1000);
    let (Some(iat), Some(exp)) = (claims.iat.as_i64(), claims.exp.as_i64()) else {
        return Err(Problem::new(
            401,
            "'Issued at' claim ('iat') and 'exp' must be Integers",
        ));
    };
    if iat > now {
        return Err(Problem::new(
            401,
            "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
        ));
    }
    if exp <= now {
        return Err(Problem::new(
            401,
            "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the \
             assertion expires",
        ));
    }
    if exp > now + LONGEST_JWT {
        return Err(Problem::new(
            401,
            "'Expiration time' claim ('exp') is too far in the future",
        ));
    }
    Ok(app.id)
}

/// The `iss` of a JWT that nobody has checked yet, as text.
fn peek_issuer(jwt: &str) -> Option<String> {
    use base64::Engine as _;
    let payload = jwt.split('.').nth(1)?;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(payload)
        .ok()?;
    let claims: Claims = serde_json::from_slice(&bytes).ok()?;
    match claims.iss {
        serde_json::Value::String(text) => Some(text),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Checks that the caller may use a route; returns the repository of the path, 0 where it names none.
///
/// # Errors
/// 401 and 403 by the caller, 404 where he may not know of the repository.
pub(super) fn permit(
    world: &World,
    caller: &Caller,
    route: &Route,
    path: &str,
    parameters: &[String],
) -> Result<u64, Problem> {
    let named = path
        .starts_with("/repos/")
        .then(|| format!("{}/{}", parameters[0], parameters[1]));
    let repository = match &named {
        Some(name) => world.repository(name).map(|r| r.id),
        None => Some(0),
    };
    match (route.needs, caller) {
        (Needs::Nothing, _) | (Needs::App, Caller::App(_)) | (Needs::Token, Caller::Installation { .. }) => {
            repository.ok_or_else(Problem::not_found)
        }
        (Needs::App, _) => Err(Problem::new(401, "A JSON web token could not be decoded")),
        (Needs::Token | Needs::Any(_), Caller::App(_)) => Err(Problem::new(
            401,
            "A JSON web token cannot be used here; use an installation token",
        )),
        (_, Caller::Anonymous) => Err(Problem::new(401, "Requires authentication")),
        (Needs::Any(wanted), Caller::Installation { id, token, .. }) => {
            let id = reach(world, *id, *token, repository, route.method == "GET")?;
            let token = &world.tokens[*token];
            if wanted.iter().any(|w| grants(&token.permissions, w)) {
                Ok(id)
            } else {
                Err(Problem::not_accessible(&wanted.join("; ")))
            }
        }
    }
}

/// Checks that a token reaches a repository.
///
/// # Errors
/// 404 where it may not know of it, 403 where it could only read it.
pub(super) fn reach(
    world: &World,
    installation: u64,
    token: usize,
    repository: Option<u64>,
    reads: bool,
) -> Result<u64, Problem> {
    let repository = repository
        .and_then(|id| world.repositories.get(&id))
        .ok_or_else(Problem::not_found)?;
    let token = &world.tokens[token];
    let installed = world
        .installations
        .get(&installation)
        .is_some_and(|i| i.account_id == repository.owner_id && i.covers(repository.id));
    let within = token
        .repositories
        .as_ref()
        .is_none_or(|ids| ids.contains(&repository.id));
    if installed && within || !repository.private && reads {
        Ok(repository.id)
    } else if repository.private {
        Err(Problem::not_found())
    } else {
        Err(Problem::new(403, "Resource not accessible by integration"))
    }
}

/// Whether permissions include `name=level`; writing includes reading, and reading metadata is always there.
pub(super) fn grants(permissions: &BTreeMap<String, String>, wanted: &str) -> bool {
    let Some((name, level)) = wanted.split_once('=') else {
        return false;
    };
    if wanted == "metadata=read" {
        return true;
    }
    permissions.get(name).is_some_and(|has| rank(has) >= rank(level))
}

/// The rank of a permission's level.
pub(super) fn rank(level: &str) -> u8 {
    match level {
        "admin" => 3,
        "write" => 2,
        "read" => 1,
        _ => 0,
    }
}

impl World {
    /// Gives out a token.
    pub(super) fn issue_token(
        &mut self,
        installation_id: u64,
        permissions: BTreeMap<String, String>,
        repositories: Option<Vec<u64>>,
    ) -> Token {
        let secret = format!(
            "ghs_{}{}",
            ulid::Ulid::new(),
            &ulid::Ulid::new().to_string()[16..]
        );
        let now = self.now();
        let token = Token {
            secret,
            installation_id,
            permissions,
            repositories,
            created_at: now,
            expires_at: now.plus(TOKEN_LIFE),
            revoked: false,
        };
        self.tokens.push(token.clone());
        token
    }
}
