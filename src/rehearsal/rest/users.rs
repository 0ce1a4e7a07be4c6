//! Users, and the service about itself.

use serde_json::json;

use super::super::problem::Problem;
use super::{Call, Reply};

pub(super) fn show(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let id = call
        .world
        .account(call.parameter("username"))
        .ok_or_else(Problem::not_found)?
        .id;
    Ok(Reply::ok(call.world.profile_json(id)))
}

#[expect(clippy::unnecessary_wraps, reason = "every route has the same shape")]
pub(super) fn meta(_: &mut Call<'_>) -> Result<Reply, Problem> {
    Ok(Reply::ok(json!({
        "verifiable_password_authentication": false,
        "hooks": ["127.0.0.0/8", "::1/128"],
        "git": ["127.0.0.0/8", "::1/128"],
    })))
}

#[expect(clippy::unnecessary_wraps, reason = "every route has the same shape")]
pub(super) fn rate_limit(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let (limits, now) = (call.world.limits.clone(), call.world.now());
    let holder = call.caller.holder();
    let meter = call.world.spending.book(&limits, &holder, now, false);
    let core = json!({
        "limit": meter.limit,
        "used": meter.used,
        "remaining": meter.limit.saturating_sub(meter.used),
        "reset": meter.reset.0.div_euclid(1000),
    });
    Ok(Reply::ok(json!({
        "resources": {"core": core, "search": core, "graphql": core},
        "rate": core,
    })))
}

/// GraphQL has one address and a module of its own.
pub(super) fn graphql(call: &mut Call<'_>) -> Result<Reply, Problem> {
    super::super::graphql::answer(call)
}
