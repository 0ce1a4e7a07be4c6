//! From settings to the policy that a run freezes.

use std::collections::BTreeMap;
use std::time::Duration;

use super::error::Error;
use crate::config::{self, Effective, RepositoryConfig, Settings};
use crate::model::BranchName;
use crate::route::Candidate;
use crate::run::{ClassRule, Classes, Guard, LimitsMs, Policy};

/// The policy for a repository, from the server's settings and what the repository tightened.
///
/// # Errors
/// [`Error::Refused`] where the repository wants more than the server gives, or a candidate cannot be read.
pub fn policy(
    settings: &Settings,
    repository: &RepositoryConfig,
    default_branch: Option<BranchName>,
) -> Result<(Policy, Effective), Error> {
    let effective = repository.tighten(settings).map_err(|refusals| Error::Refused {
        why: format!(
            "`.github/footplate.yml` asks for more than this server gives: {}.",
            refusals.join("; ")
        ),
    })?;
    let mut routes = BTreeMap::new();
    for (role, names) in &effective.routes {
        let candidates: Result<Vec<Candidate>, _> = names.iter().map(|name| name.parse()).collect();
        let candidates = candidates.map_err(|error| Error::Refused {
            why: format!("The route of {role}: {error}."),
        })?;
        routes.insert(*role, candidates);
    }
    let classes = classes(&effective.classes)?;
    let all: Vec<&Candidate> = routes.values().chain(classes.routes.values()).flatten().collect();
    let candidate_limits = all
        .iter()
        .map(ToString::to_string)
        .map(|name| (limits(&effective.guards.of(&name)), name))
        .filter(|(own, _)| *own != limits(&effective.guards.all))
        .map(|(own, name)| (name, own))
        .collect();
    let named = || all.iter().map(|candidate| (candidate.to_string(), *candidate));
    let prices = named().filter_map(|(name, candidate)| Some((name, settings.price(candidate)?.clone())));
    let prices = prices.collect();
    let billing = named().filter_map(|(name, candidate)| Some((name, settings.billing(candidate)?)));
    let billing = billing.collect();
    let guard = Guard {
        limits: limits(&effective.guards.all),
        failures: effective.guards.all.failures,
        retry_delay_ms: ms(effective.guards.retry_delay),
        patience_ms: ms(effective.guards.patience),
        status_pause_ms: ms(effective.guards.status_pause),
        exact_model: effective.guards.exact_model,
        on: effective.guards.on.clone(),
        ..Guard::default()
    };
    let policy = Policy {
        routes,
        classes,
        guard,
        candidate_limits,
        run_usd: effective.limits.run,
        budget: effective.limits.budget(),
        prices,
        billing,
        setup: effective.setup.clone(),
        tests: effective.tests.clone(),
        protected: effective.protected.clone(),
        sandbox: "none".to_owned(),
        default_branch,
    };
    Ok((policy, effective))
}

fn classes(effective: &config::Classes) -> Result<Classes, Error> {
    let mut routes = BTreeMap::new();
    for (class, names) in &effective.routes {
        let candidates: Result<Vec<Candidate>, _> = names.iter().map(|name| name.parse()).collect();
        let candidates = candidates.map_err(|error| Error::Refused {
            why: format!("The route of the class {}: {error}.", class.as_str()),
        })?;
        routes.insert(class.as_str().to_owned(), candidates);
    }
    let rule = |rule: &config::ClassRule| ClassRule {
        class: rule.class.as_str().to_owned(),
        label: rule.label.clone(),
        files: rule.files.clone(),
    };
    Ok(Classes {
        rules: effective.rules.iter().map(rule).collect(),
        routes,
    })
}

fn limits(guard: &config::Guard) -> LimitsMs {
    LimitsMs {
        first_event: ms(guard.first_event),
        idle: ms(guard.idle),
        wall: ms(guard.wall),
        grace: ms(guard.grace),
        first_byte: ms(guard.first_byte),
        stream_idle: ms(guard.stream_idle),
        requests: guard.requests,
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
