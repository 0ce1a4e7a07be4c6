//! The App about itself: installations, tokens, webhook deliveries, and its birth from a manifest.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::problem::Problem;
use super::super::setup::{THROWAWAY_KEY, THROWAWAY_PUBLIC_KEY};
use super::super::shape::{delivery_detail, delivery_row, moment};
use super::super::tokens::rank;
use super::super::world::{App, Attempt, Delivery, Webhook};
use super::{Call, Caller, Reply};

/// GitHub keeps deliveries for three days.
const KEPT_DELIVERIES: std::time::Duration = std::time::Duration::from_hours(72);

pub(super) fn show(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let app = call.app()?;
    let app = call.world.apps.get(&app).ok_or_else(Problem::not_found)?;
    Ok(Reply::ok(call.world.app_json(app)))
}

pub(super) fn hook_config(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let app = call.app()?;
    let webhook = call.world.apps.get(&app).and_then(|a| a.webhook.clone());
    Ok(Reply::ok(json!({
        "content_type": "json",
        "insecure_ssl": "0",
        "secret": "********",
        "url": webhook.map(|w| w.url),
    })))
}

pub(super) fn installations(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let app = call.app()?;
    let world = &*call.world;
    let own = world.installations.values().filter(|i| i.app_id == app);
    Ok(Reply::list(own.map(|i| world.installation_json(i)).collect()))
}

pub(super) fn installation(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let id = own_installation(call)?;
    let found = call.world.installations.get(&id).ok_or_else(Problem::not_found)?;
    Ok(Reply::ok(call.world.installation_json(found)))
}

pub(super) fn of_repository(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let app = call.app()?;
    let found = call
        .world
        .installation_for(app, call.repository)
        .ok_or_else(Problem::not_found)?;
    Ok(Reply::ok(call.world.installation_json(found)))
}

pub(super) fn of_account(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let app = call.app()?;
    let account = call
        .world
        .account(&call.parameters[0])
        .ok_or_else(Problem::not_found)?
        .id;
    let mut all = call.world.installations.values();
    let found = all
        .find(|i| i.app_id == app && i.account_id == account)
        .ok_or_else(Problem::not_found)?;
    Ok(Reply::ok(call.world.installation_json(found)))
}

fn own_installation(call: &Call<'_>) -> Result<u64, Problem> {
    let (app, id) = (call.app()?, call.number("installation_id")?);
    let found = call.world.installations.get(&id).filter(|i| i.app_id == app);
    found.map(|i| i.id).ok_or_else(Problem::not_found)
}

pub(super) fn access_token(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let id = own_installation(call)?;
    let world = &*call.world;
    let installation = world.installations.get(&id).ok_or_else(Problem::not_found)?;
    if installation.suspended_at.is_some() {
        return Err(Problem::new(403, "This installation has been suspended"));
    }
    let permissions = match call.body.get("permissions") {
        None | Some(Value::Null) => installation.permissions.clone(),
        Some(Value::Object(wanted)) => {
            let mut chosen = BTreeMap::new();
            for (name, level) in wanted {
                let level = level.as_str().unwrap_or_default();
                let granted = installation.permissions.get(name).map_or(0, |has| rank(has));
                if rank(level) == 0 || rank(level) > granted {
                    return Err(Problem::new(
                        422,
                        "The permissions requested are not granted to this installation.",
                    ));
                }
                chosen.insert(name.clone(), level.to_owned());
            }
            chosen
                .entry("metadata".to_owned())
                .or_insert_with(|| "read".to_owned());
            chosen
        }
        Some(_) => {
            return Err(Problem::schema(
                "For 'properties/permissions', it is not an object.",
            ));
        }
    };
    let inside = |id: u64| {
        world
            .repositories
            .get(&id)
            .filter(|r| r.owner_id == installation.account_id && installation.covers(id))
    };
    let unreachable = || {
        Problem::new(
            422,
            "There is at least one repository that does not exist or is not accessible to the parent \
             installation.",
        )
    };
    let mut chosen: Option<Vec<u64>> = None;
    if let Some(names) = call.texts("repositories")? {
        for name in names {
            let found = world
                .repositories
                .values()
                .find(|r| r.name == name && inside(r.id).is_some());
            chosen
                .get_or_insert_default()
                .push(found.ok_or_else(unreachable)?.id);
        }
    }
    if let Some(ids) = call.body.get("repository_ids").and_then(Value::as_array) {
        for id in ids {
            let found = id.as_u64().and_then(inside).ok_or_else(unreachable)?;
            chosen.get_or_insert_default().push(found.id);
        }
    }
    let token = call.world.issue_token(id, permissions, chosen.clone());
    let mut body = json!({
        "token": token.secret,
        "expires_at": moment(token.expires_at),
        "permissions": token.permissions,
        "repository_selection": if chosen.is_some() { "selected" } else { "all" },
    });
    if let Some(chosen) = chosen {
        let found = chosen.iter().filter_map(|id| call.world.repositories.get(id));
        body["repositories"] = found.map(|r| call.world.repository_json(r)).collect();
    }
    Ok(Reply::created(body))
}

pub(super) fn repositories(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let Caller::Installation { id, token, .. } = call.caller else {
        return Err(Problem::not_found());
    };
    let world = &*call.world;
    let limit = world.tokens[token].repositories.as_ref();
    let installation = world.installations.get(&id).ok_or_else(Problem::not_found)?;
    let reached = world.repositories.values().filter(|r| {
        r.owner_id == installation.account_id
            && installation.covers(r.id)
            && limit.is_none_or(|ids| ids.contains(&r.id))
    });
    Ok(Reply::counted(
        "repositories",
        reached.map(|r| world.repository_json(r)).collect(),
    ))
}

#[expect(clippy::unnecessary_wraps, reason = "every route has the same shape")]
pub(super) fn revoke(call: &mut Call<'_>) -> Result<Reply, Problem> {
    if let Caller::Installation { token, .. } = call.caller {
        call.world.tokens[token].revoked = true;
    }
    Ok(Reply::empty(204))
}

/// All attempts of an App's deliveries, newest first.
fn attempts<'w>(call: &'w Call<'_>, app: u64) -> Vec<(&'w Delivery, &'w Attempt)> {
    let now = call.world.now();
    let own = call.world.deliveries.iter().filter(|d| d.app_id == app);
    let mut all: Vec<_> = own.flat_map(|d| d.attempts.iter().map(move |a| (d, a))).collect();
    all.retain(|(_, a)| now.since(a.at) < KEPT_DELIVERIES);
    all.sort_by_key(|(_, a)| std::cmp::Reverse(a.id));
    all
}

pub(super) fn deliveries(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let app = call.app()?;
    let per_page: usize = call
        .query("per_page")
        .and_then(|v| v.parse().ok())
        .unwrap_or(30)
        .clamp(1, 100);
    let before: Option<u64> = match call.query("cursor") {
        None => None,
        Some(cursor) => Some(
            cursor
                .strip_prefix("v1_")
                .and_then(|c| c.parse().ok())
                .ok_or_else(|| Problem::new(422, "Invalid cursor"))?,
        ),
    };
    let all = attempts(call, app);
    let mut rest = all.iter().filter(|(_, a)| before.is_none_or(|b| a.id < b));
    let page: Vec<_> = rest.by_ref().take(per_page).collect();
    let rows: Vec<Value> = page.iter().map(|(d, a)| delivery_row(d, a)).collect();
    let more = rest.next().is_some();
    let mut reply = Reply::ok(Value::Array(rows));
    if let Some((_, last)) = page.last().filter(|_| more) {
        let url = format!("{}/app/hook/deliveries", call.world.api());
        reply = reply.header(
            "link",
            format!("<{url}?per_page={per_page}&cursor=v1_{}>; rel=\"next\"", last.id),
        );
    }
    Ok(reply)
}

pub(super) fn delivery(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let (app, id) = (call.app()?, call.number("delivery_id")?);
    let url = call
        .world
        .apps
        .get(&app)
        .and_then(|a| a.webhook.as_ref())
        .map(|w| w.url.clone());
    let all = attempts(call, app);
    let (found, attempt) = all
        .iter()
        .find(|(_, a)| a.id == id)
        .ok_or_else(Problem::not_found)?;
    Ok(Reply::ok(delivery_detail(
        found,
        attempt,
        &url.unwrap_or_default(),
    )))
}

pub(super) fn redeliver(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let (app, id) = (call.app()?, call.number("delivery_id")?);
    let all = attempts(call, app);
    let found = all
        .iter()
        .find(|(_, a)| a.id == id)
        .ok_or_else(Problem::not_found)?
        .0
        .id;
    call.world.outbox.push_back(found);
    Ok(Reply::status(202, json!({})))
}

pub(super) fn convert_manifest(call: &mut Call<'_>) -> Result<Reply, Problem> {
    // A code works once.
    let code = call.parameter("code").to_owned();
    let manifest = call
        .world
        .manifests
        .remove(&code)
        .ok_or_else(Problem::not_found)?;
    let world = &mut *call.world;
    let name = manifest["name"].as_str().unwrap_or("app").to_owned();
    let slug: String = name
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let owner_id = world.repositories.values().next().map_or(0, |r| r.owner_id);
    let id = world.fresh_id();
    let secret = super::super::acts::guid();
    let permissions = manifest["default_permissions"].as_object().map(|map| {
        map.iter()
            .map(|(k, v)| (k.clone(), v.as_str().unwrap_or("read").to_owned()))
            .collect()
    });
    let events = manifest["default_events"]
        .as_array()
        .map(|list| list.iter().filter_map(Value::as_str).map(str::to_owned).collect());
    let url = manifest["hook_attributes"]["url"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let active = manifest["hook_attributes"]["active"].as_bool().unwrap_or(true) && !url.is_empty();
    let created_at = world.now();
    world.add_app(App {
        id,
        client_id: format!("Iv23li{id}"),
        slug,
        name,
        owner_id,
        bot_id: 0,
        public_key: THROWAWAY_PUBLIC_KEY.to_owned(),
        permissions: permissions.unwrap_or_default(),
        events: events.unwrap_or_default(),
        webhook: active.then(|| Webhook {
            url,
            secret: secret.clone(),
        }),
        hook_id: 0,
        created_at,
    });
    let app = world.apps.get(&id).ok_or_else(Problem::not_found)?;
    let mut body = world.app_json(app);
    body["client_secret"] = json!(super::super::acts::guid());
    body["webhook_secret"] = json!(secret);
    body["pem"] = json!(THROWAWAY_KEY);
    Ok(Reply::created(body))
}
