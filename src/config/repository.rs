//! A repository's own settings, and how far they reach.

use std::collections::BTreeMap;
use std::time::Duration;

use globset::Glob;

use crate::ledger::{Budget, Millionths, WHOLE, percent};
use crate::model::{BranchName, MicroUsd};

use super::classes::{self, ClassRule, Classes};
use super::error::Error;
use super::file::Reader;
use super::load::{self, PartialGuard};
use super::settings::{Guard, Guards, Limits, Routes, Settings};
use super::value;
use super::wire::{self, Text};

/// A repository's `.github/footplate.yml`, as it was read at a pinned commit.
#[derive(Debug)]
pub struct RepositoryConfig {
    /// The workflow to use: a built-in one, or a file in `.github/footplate/workflows`.
    pub workflow: Option<String>,
    /// The branch that pull requests go to, where it is not the default branch.
    pub base: Option<BranchName>,
    /// Commands (`sh -c`) that prepare a fresh checkout.
    pub setup: Vec<String>,
    /// Commands (`sh -c`) that every result must pass, beside the plan's.
    pub tests: Vec<String>,
    /// Globs of files that no run may change.
    pub protected: Vec<String>,
    routes: Routes,
    class_rules: Vec<ClassRule>,
    guard: PartialGuard,
    retry_delay: Option<Duration>,
    patience: Option<Duration>,
    limits: PartialLimits,
    bare_commands: Option<bool>,
}

#[derive(Debug)]
struct PartialLimits {
    run: Option<MicroUsd>,
    issue: Option<MicroUsd>,
    repository_day: Option<MicroUsd>,
    month: Option<MicroUsd>,
    window_share: BTreeMap<String, Millionths>,
    window_reserve: Option<Millionths>,
    concurrent_attempts: Option<u32>,
}

/// What is in force for one repository: the operator's policy, where the repository did not tighten it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// The workflow to use; `None` is the built-in default.
    pub workflow: Option<String>,
    /// The branch that pull requests go to; `None` is the default branch.
    pub base: Option<BranchName>,
    /// Commands that prepare a fresh checkout.
    pub setup: Vec<String>,
    /// Commands that every result must pass.
    pub tests: Vec<String>,
    /// Globs of files that no run may change.
    pub protected: Vec<String>,
    /// The candidates of each role.
    pub routes: Routes,
    /// How the steps of plans are classed: the server's rules, then the repository's.
    pub classes: Classes,
    /// What watches attempts.
    pub guards: Guards,
    /// What may be spent.
    pub limits: Limits,
    /// Whether commands work without `/footplate` before them.
    pub bare_commands: bool,
}

impl RepositoryConfig {
    /// Reads the file's text; `file` names it in problems.
    ///
    /// # Errors
    /// Something in it is wrong; all problems are told.
    pub fn parse(file: &str, text: &str) -> Result<Self, Error> {
        let mut reader = Reader::new(file);
        let wire: wire::Repository = reader.yaml(text);
        if !reader.problems.is_empty() {
            return Err(Error::Invalid(reader.problems));
        }
        let mut routes = BTreeMap::new();
        for (role, candidates) in &wire.routes {
            routes.insert(
                *role,
                reader.values(&format!("routes.{role}"), candidates, value::text),
            );
        }
        let class_rules = classes::rules(&mut reader, &wire.classes.rules);
        let guard = load::guard(&mut reader, "guard", &wire.guard.attempt());
        let retry_delay = reader.value("guard.retry_delay", wire.guard.retry_delay.as_ref(), value::pause);
        let patience = reader.value("guard.patience", wire.guard.patience.as_ref(), value::duration);
        let limits = limits(&mut reader, &wire.limits);
        let read = Self {
            workflow: reader.value("workflow", wire.workflow.as_ref(), workflow),
            base: reader.value("base", wire.base.as_ref(), |text| {
                BranchName::new(text).map_err(|e| e.why.to_owned())
            }),
            setup: reader.values("setup", &wire.setup, value::text),
            tests: reader.values("tests", &wire.tests, value::text),
            protected: globs(&mut reader, &wire.protected),
            routes,
            class_rules,
            guard,
            retry_delay,
            patience,
            limits,
            bare_commands: reader.value("commands.bare", wire.commands.bare.as_ref(), value::flag),
        };
        if reader.problems.is_empty() {
            Ok(read)
        } else {
            Err(Error::Invalid(reader.problems))
        }
    }

    /// Applies the repository's wishes to the operator's policy.
    ///
    /// # Errors
    /// Each wish that would loosen the policy, as a sentence for the repository's people. Nothing is half applied.
    pub fn tighten(&self, settings: &Settings) -> Result<Effective, Vec<String>> {
        let mut refused = Refusals(Vec::new());
        let server = &settings.guards.all;
        refused.longer("guard.first_event", self.guard.first_event, server.first_event);
        refused.longer("guard.idle", self.guard.idle, server.idle);
        refused.longer("guard.wall", self.guard.wall, server.wall);
        refused.longer("guard.grace", self.guard.grace, server.grace);
        refused.more("guard.failures", self.guard.failures, &server.failures);
        refused.longer("guard.first_byte", self.guard.first_byte, server.first_byte);
        refused.longer("guard.stream_idle", self.guard.stream_idle, server.stream_idle);
        refused.more("guard.requests", self.guard.requests, &server.requests);
        // A longer pause asks less of the machine and of providers, a shorter one more.
        refused.shorter("guard.retry_delay", self.retry_delay, settings.guards.retry_delay);
        refused.longer("guard.patience", self.patience, settings.guards.patience);
        let (wish, most) = (&self.limits, &settings.limits);
        refused.dearer("limits.run_usd", wish.run, most.run);
        refused.dearer("limits.issue_usd", wish.issue, most.issue);
        refused.dearer(
            "limits.repository_day_usd",
            wish.repository_day,
            most.repository_day,
        );
        refused.dearer("limits.month_usd", wish.month, most.month);
        refused.fuller(wish, &most.budget());
        refused.more(
            "limits.concurrent_attempts",
            self.limits.concurrent_attempts,
            &settings.limits.concurrent_attempts,
        );
        if self.bare_commands == Some(true) && !settings.bare_commands {
            refused
                .0
                .push("`commands.bare` cannot be turned on here: the server has it turned off".to_owned());
        }
        let routes = self.select(&settings.routes, &mut refused);
        // A repository that keeps more for people keeps it of every window, also of those with a share of their own.
        let ceiling = WHOLE - wish.window_reserve.unwrap_or(0).min(WHOLE);
        if !refused.0.is_empty() {
            return Err(refused.0);
        }
        let guards = Guards {
            all: self.stricter(*server),
            candidates: settings
                .guards
                .candidates
                .iter()
                .map(|(n, g)| (n.clone(), self.stricter(*g)))
                .collect(),
            retry_delay: self.retry_delay.map_or(settings.guards.retry_delay, |wish| {
                wish.max(settings.guards.retry_delay)
            }),
            patience: least(self.patience, settings.guards.patience),
            status_pause: settings.guards.status_pause,
            exact_model: settings.guards.exact_model,
            on: settings.guards.on.clone(),
        };
        Ok(Effective {
            workflow: self.workflow.clone(),
            base: self.base.clone(),
            setup: self.setup.clone(),
            tests: self.tests.clone(),
            protected: self.protected.clone(),
            routes,
            classes: Classes {
                // What the operator says of a step holds, whatever a repository says of it.
                rules: settings
                    .classes
                    .rules
                    .iter()
                    .chain(&self.class_rules)
                    .cloned()
                    .collect(),
                routes: settings.classes.routes.clone(),
            },
            guards,
            limits: Limits {
                run: cheaper(wish.run, most.run),
                issue: cheaper(wish.issue, most.issue),
                repository_day: cheaper(wish.repository_day, most.repository_day),
                month: cheaper(wish.month, most.month),
                window_share: {
                    // Nothing that was refused comes this far, so that a wish is at most the server's share.
                    let mut shares = most.window_share.clone();
                    shares.extend(wish.window_share.clone());
                    for share in shares.values_mut() {
                        *share = (*share).min(ceiling);
                    }
                    shares
                },
                window_reserve: wish.window_reserve.unwrap_or(0).max(most.window_reserve),
                concurrent_attempts: least(
                    self.limits.concurrent_attempts,
                    settings.limits.concurrent_attempts,
                ),
            },
            bare_commands: settings.bare_commands && self.bare_commands.unwrap_or(true),
        })
    }

    /// Selects among the server's candidates, in the repository's order.
    fn select(&self, server: &Routes, refused: &mut Refusals) -> Routes {
        let mut routes = server.clone();
        for (role, wanted) in &self.routes {
            let offered = server.get(role).map(Vec::as_slice).unwrap_or_default();
            if wanted.is_empty() {
                refused.0.push(format!(
                    "`routes.{role}` is empty: leave it out, or name at least one candidate"
                ));
            }
            for candidate in wanted.iter().filter(|candidate| !offered.contains(candidate)) {
                let offered = offered
                    .iter()
                    .map(|c| format!("`{c}`"))
                    .collect::<Vec<_>>()
                    .join(", ");
                let offered = if offered.is_empty() {
                    "nothing".to_owned()
                } else {
                    offered
                };
                refused.0.push(format!(
                    "`routes.{role}` names `{candidate}`, which this server does not offer for it; it offers {offered}"
                ));
            }
            routes.insert(*role, wanted.clone());
        }
        routes
    }

    fn stricter(&self, server: Guard) -> Guard {
        Guard {
            first_event: least(self.guard.first_event, server.first_event),
            idle: least(self.guard.idle, server.idle),
            wall: least(self.guard.wall, server.wall),
            grace: least(self.guard.grace, server.grace),
            failures: least(self.guard.failures, server.failures),
            first_byte: least(self.guard.first_byte, server.first_byte),
            stream_idle: least(self.guard.stream_idle, server.stream_idle),
            requests: least(self.guard.requests, server.requests),
        }
    }
}

/// The wishes that would loosen the policy.
struct Refusals(Vec<String>);

impl Refusals {
    fn longer(&mut self, key: &str, wish: Option<Duration>, server: Duration) {
        if let Some(wish) = wish.filter(|wish| *wish > server) {
            let (wish, server) = (value::show_duration(wish), value::show_duration(server));
            self.0
                .push(format!("`{key}: {wish}` is longer than this server's {server}"));
        }
    }

    fn shorter(&mut self, key: &str, wish: Option<Duration>, server: Duration) {
        if let Some(wish) = wish.filter(|wish| *wish < server) {
            let (wish, server) = (value::show_duration(wish), value::show_duration(server));
            self.0
                .push(format!("`{key}: {wish}` is shorter than this server's {server}"));
        }
    }

    fn dearer(&mut self, key: &str, wish: Option<MicroUsd>, server: Option<MicroUsd>) {
        if let Some(server) = server {
            self.more(key, wish, &server);
        }
    }

    fn fuller(&mut self, wish: &PartialLimits, server: &Budget) {
        for (name, share) in &wish.window_share {
            let (wish, server) = (percent(*share), server.window(name));
            if *share > server {
                let server = percent(server);
                self.0.push(format!(
                    "`limits.window_share.{name}: {wish}` is more than this server's {server}"
                ));
            }
        }
        if let Some(wish) = wish.window_reserve.filter(|wish| *wish < server.window_reserve) {
            let (wish, server) = (percent(wish), percent(server.window_reserve));
            self.0.push(format!(
                "`limits.window_reserve: {wish}` is less than this server's {server}"
            ));
        }
    }

    fn more<T: PartialOrd + std::fmt::Display>(&mut self, key: &str, wish: Option<T>, server: &T) {
        if let Some(wish) = wish.filter(|wish| wish > server) {
            self.0
                .push(format!("`{key}: {wish}` is more than this server's {server}"));
        }
    }
}

/// The lower of two limits, either of which may be missing.
fn cheaper(wish: Option<MicroUsd>, server: Option<MicroUsd>) -> Option<MicroUsd> {
    wish.into_iter().chain(server).min()
}

fn least<T: Ord>(wish: Option<T>, server: T) -> T {
    match wish {
        Some(wish) => wish.min(server),
        None => server,
    }
}

fn limits(reader: &mut Reader<'_>, file: &wire::Limits) -> PartialLimits {
    let mut dollars = |key: &str, text: &Option<Text>| reader.value(key, text.as_ref(), value::dollars);
    PartialLimits {
        run: dollars("limits.run_usd", &file.run_usd),
        issue: dollars("limits.issue_usd", &file.issue_usd),
        repository_day: dollars("limits.repository_day_usd", &file.repository_day_usd),
        month: dollars("limits.month_usd", &file.month_usd),
        window_share: load::shares(reader, &file.window_share),
        window_reserve: reader.value(
            "limits.window_reserve",
            file.window_reserve.as_ref(),
            value::share,
        ),
        concurrent_attempts: reader.value(
            "limits.concurrent_attempts",
            file.concurrent_attempts.as_ref(),
            value::count,
        ),
    }
}

fn globs(reader: &mut Reader<'_>, texts: &[Text]) -> Vec<String> {
    reader.values("protected", texts, |text| match Glob::new(text) {
        Ok(_) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err("it wants a glob, such as `migrations/**`".to_owned()),
    })
}

/// A workflow's name becomes a file's name, so that it is one plain word.
fn workflow(text: &str) -> Result<String, String> {
    let fits = !text.is_empty()
        && text.len() <= 60
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'));
    fits.then(|| text.to_owned())
        .ok_or_else(|| "it wants a workflow's name, such as `build`".to_owned())
}
