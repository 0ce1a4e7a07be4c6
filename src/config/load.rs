//! From what is written to settings: one method for each section, one problem for each mistake.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;

use crate::ledger::{Billing, Millionths};
use crate::model::{AppId, Dialect, Role};
use crate::route::Candidate;
use crate::run::{Failure, Reaction};
use crate::suggest;

use super::catalog::{self, Model, Shipped};
use super::classes;
use super::error::Place;
use super::file::Reader;
use super::settings::{Egress, GitHub, Guard, Guards, Labels, Limits, Routes, Settings, variable_of};
use super::wire::{self, Text};
use super::{Catalog, Provider, Secret, provider, value};

/// The reading of one file and the environment.
pub(super) struct Load<'a, E> {
    pub(super) reader: Reader<'a>,
    pub(super) env: E,
    pub(super) folder: &'a Path,
}

impl<E: Fn(&str) -> Option<String>> Load<'_, E> {
    /// Reads every key; what is missing or wrong is its default.
    pub(super) fn settings(&mut self, file: &wire::Server) -> Settings {
        let data_dir = self
            .scalar("data_dir", file.data_dir.as_ref(), value::text)
            .map_or_else(|| self.default_data_dir(), |dir| self.folder.join(dir));
        let database_url = self
            .scalar("database_url", file.database_url.as_ref(), value::text)
            .unwrap_or_else(|| format!("sqlite:{}", data_dir.join("footplate.db").display()));
        let labels = self.labels(&file.labels);
        let harnesses = file
            .harnesses
            .iter()
            .filter_map(|(name, it)| Some((name.clone(), self.harness(name, it)?)));
        let harnesses = harnesses.collect();
        let providers = self.providers(file);
        Settings {
            listen: self
                .scalar("listen", file.listen.as_ref(), value::listen)
                .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 3000))),
            data_dir,
            database_url,
            github: self.github(&file.github),
            harnesses,
            limits: self.limits(&file.limits, &providers),
            providers,
            prices: self.prices(&file.prices),
            routes: self.routes(&file.routes),
            classes: classes::classes(&mut self.reader, &file.classes),
            guards: self.guards(&file.guard),
            sandbox: self.scalar("sandbox", file.sandbox.as_ref(), value::sandbox),
            egress: Egress {
                agents: self
                    .reader
                    .values("egress.agents", &file.egress.agents, value::host),
                setup: self
                    .reader
                    .values("egress.setup", &file.egress.setup, value::host),
            },
            labels,
            bare_commands: self
                .scalar("commands.bare", file.commands.bare.as_ref(), value::flag)
                .unwrap_or(true),
            allowed_bots: self.reader.values("allowed_bots", &file.allowed_bots, |text| {
                value::id(text).map(AppId)
            }),
            pass_env: self.passed(&file.pass_env),
            path: (self.env)("PATH").filter(|path| !path.is_empty()),
            recordings: self
                .scalar("recordings", file.recordings.as_ref(), value::text)
                .map(|folder| self.folder.join(folder)),
            retention: self
                .scalar("retention", file.retention.as_ref(), value::duration)
                .unwrap_or(Duration::from_hours(30 * 24)),
        }
    }

    /// The variables that are let through, those that are set.
    fn passed(&mut self, names: &[Text]) -> BTreeMap<String, String> {
        let names = self.reader.values("pass_env", names, value::variable);
        names
            .into_iter()
            .filter_map(|name| Some((name.clone(), (self.env)(&name)?)))
            .collect()
    }

    /// One scalar: the environment's, else the file's.
    fn scalar<T>(
        &mut self,
        key: &str,
        written: Option<&Text>,
        rule: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let name = variable_of(key);
        // An empty variable is how many tools unset one.
        let Some(text) = (self.env)(&name).filter(|text| !text.is_empty()) else {
            return self.reader.value(key, written, rule);
        };
        match rule(&text) {
            Ok(value) => Some(value),
            Err(why) => {
                self.reader.refuse(Place::Variable(name), key, why, None);
                None
            }
        }
    }

    fn secret(&mut self, key: &str, written: Option<&Text>) -> Option<Secret> {
        let name = variable_of(key);
        if let Some(text) = (self.env)(&name).filter(|text| !text.is_empty()) {
            return Secret::read(&text, &self.env);
        }
        let written = written?;
        let secret = Secret::read(&written.value, &self.env);
        if secret.is_none() {
            let message = "it wants a text, or `env:` and the name of an environment variable";
            self.reader.refuse_at(written, key, message, None);
        }
        secret
    }

    /// The user's data folder, by the XDG rules, else a folder here.
    fn default_data_dir(&self) -> PathBuf {
        let absolute = |name: &str| {
            (self.env)(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        absolute("XDG_DATA_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
            .map_or_else(|| PathBuf::from(".footplate-data"), |data| data.join("footplate"))
    }

    fn github(&mut self, file: &wire::GitHub) -> GitHub {
        GitHub {
            app_id: self.scalar("github.app_id", file.app_id.as_ref(), |text| {
                value::id(text).map(AppId)
            }),
            private_key: self.secret("github.private_key", file.private_key.as_ref()),
            webhook_secret: self.secret("github.webhook_secret", file.webhook_secret.as_ref()),
            api_url: self
                .scalar("github.api_url", file.api_url.as_ref(), value::base)
                .unwrap_or_else(|| known_url("https://api.github.com")),
            url: self
                .scalar("github.url", file.url.as_ref(), value::base)
                .unwrap_or_else(|| known_url("https://github.com")),
            write_gap: self
                .scalar("github.write_gap", file.write_gap.as_ref(), value::pause)
                .unwrap_or(Duration::from_secs(1)),
            folder: self.folder.to_owned(),
        }
    }

    /// The providers that the file names, and the shipped ones that a route uses.
    fn providers(&mut self, file: &wire::Server) -> BTreeMap<String, Provider> {
        let mut providers = BTreeMap::new();
        for (name, it) in &file.providers {
            if let Some(provider) = self.provider(name, it) {
                providers.insert(name.clone(), provider);
            }
        }
        let of_roles = file
            .routes
            .iter()
            .map(|(role, texts)| (format!("routes.{role}"), texts));
        let of_classes = file
            .classes
            .routes
            .iter()
            .map(|(class, texts)| (format!("classes.routes.{class}"), texts));
        for (key, text) in of_roles
            .chain(of_classes)
            .flat_map(|(key, texts)| texts.iter().map(move |text| (key.clone(), text)))
        {
            // What is no candidate is told where routes are read.
            let Some(name) = text
                .value
                .parse::<Candidate>()
                .ok()
                .and_then(|candidate| candidate.provider)
            else {
                continue;
            };
            if providers.contains_key(&name) || file.providers.contains_key(&name) {
                continue;
            }
            if let Some(shipped) = Catalog::shipped().providers.get(&name) {
                providers.insert(name, self.shipped(shipped));
                continue;
            }
            let help = suggest::help(&name, provider::known(&file.providers));
            let message =
                format!("there is no provider `{name}`, neither here under `providers` nor shipped");
            self.reader.refuse_at(text, &key, message, help);
        }
        providers
    }

    /// A shipped provider with the key that its usual variable holds.
    fn shipped(&self, shipped: &Shipped) -> Provider {
        let variable = shipped.key_variable.as_ref();
        Provider {
            key: variable.and_then(|variable| Secret::read(&format!("env:{variable}"), &self.env)),
            ..shipped.provider.clone()
        }
    }

    /// A provider of the file: what is written there, and for the rest what is shipped under that name.
    ///
    /// Where any address is written, no shipped one holds: a key never goes where the file did not send it.
    fn provider(&mut self, name: &str, file: &wire::Provider) -> Option<Provider> {
        let key = format!("providers.{name}");
        if !value::is_word(name) {
            let message = "a provider's name is a word of lower-case letters, digits, `-` and `_`";
            match file
                .dialect
                .as_ref()
                .or(file.base_url.as_ref())
                .or(file.key.as_ref())
            {
                Some(text) => self.reader.refuse_at(text, &key, message, None),
                None => self.reader.refuse(Place::Nowhere, &key, message, None),
            }
            return None;
        }
        let before = self.reader.problems.len();
        let mut base_urls = catalog::urls(&mut self.reader, &key, &file.base_urls);
        match (&file.dialect, &file.base_url) {
            (Some(dialect), Some(url)) => {
                let named = Dialect::named(&dialect.value);
                if named.is_none() {
                    let help = suggest::help(&dialect.value, Dialect::ALL.map(Dialect::as_str));
                    let key = format!("{key}.dialect");
                    self.reader
                        .refuse_at(dialect, &key, "there is no such dialect", help);
                }
                let url = self
                    .reader
                    .value(&format!("{key}.base_url"), Some(url), value::base);
                if let (Some(dialect), Some(url)) = (named, url) {
                    base_urls.insert(dialect, url);
                }
            }
            (Some(one), None) | (None, Some(one)) => {
                let message = "`dialect` and `base_url` are written together";
                let help =
                    "several dialects of one provider are `base_urls: {anthropic: …, openai: …}`".to_owned();
                self.reader.refuse_at(one, &key, message, Some(help));
            }
            (None, None) => {}
        }
        let shipped = Catalog::shipped().providers.get(name);
        let base = match shipped {
            Some(shipped) => self.shipped(shipped),
            None => Provider {
                base_urls: BTreeMap::new(),
                key: None,
                key_headers: BTreeMap::new(),
                billing: Billing::default(),
                windows: BTreeMap::new(),
            },
        };
        let secret = match &file.key {
            Some(written) => {
                let secret = Secret::read(&written.value, &self.env);
                if secret.is_none() {
                    let message = "it wants a text, or `env:` and the name of an environment variable";
                    self.reader
                        .refuse_at(written, &format!("{key}.key"), message, None);
                }
                secret
            }
            None => base.key,
        };
        let provider = Provider {
            base_urls: if base_urls.is_empty() {
                base.base_urls
            } else {
                base_urls
            },
            key: secret,
            key_headers: {
                let mut headers = base.key_headers;
                headers.extend(catalog::headers(&mut self.reader, &key, &file.key_headers));
                headers
            },
            billing: catalog::billing(&mut self.reader, &key, file.billing.as_ref()).unwrap_or(base.billing),
            windows: {
                let written = catalog::windows(&mut self.reader, &key, &file.windows);
                if written.is_empty() { base.windows } else { written }
            },
        };
        let wrong = self.reader.problems.len() > before;
        if provider.base_urls.is_empty() && !wrong {
            let help = "write `{dialect: openai, base_url: https://…}`".to_owned();
            let message = "it is not shipped, so that it wants an address";
            match &file.key {
                Some(text) => self.reader.refuse_at(text, &key, message, Some(help)),
                None => self.reader.refuse(Place::Nowhere, &key, message, Some(help)),
            }
        }
        Some(provider)
    }

    /// What the file says of models.
    fn prices(&mut self, file: &BTreeMap<String, wire::Model>) -> BTreeMap<String, Model> {
        let mut models = BTreeMap::new();
        for (name, it) in file {
            let Some(mut model) = catalog::model(&mut self.reader, &format!("prices.{name}"), name, it)
            else {
                continue;
            };
            let source = &mut model.price.source;
            source.get_or_insert_with(|| self.reader.file().to_owned());
            if let Some(shipped) = Catalog::shipped().models.get(name) {
                model.context = model.context.or(shipped.context);
                model.aliases.extend(shipped.aliases.iter().cloned());
            }
            models.insert(name.clone(), model);
        }
        models
    }

    fn routes(&mut self, file: &BTreeMap<Role, Vec<Text>>) -> Routes {
        let read = |(role, candidates): (&Role, &Vec<Text>)| {
            let key = format!("routes.{role}");
            (*role, self.reader.values(&key, candidates, value::text))
        };
        file.iter().map(read).collect()
    }

    fn guards(&mut self, file: &wire::ServerGuard) -> Guards {
        let all = Guard {
            first_event: self
                .scalar("guard.first_event", file.first_event.as_ref(), value::duration)
                .unwrap_or(Duration::from_mins(2)),
            idle: self
                .scalar("guard.idle", file.idle.as_ref(), value::duration)
                .unwrap_or(Duration::from_mins(10)),
            wall: self
                .scalar("guard.wall", file.wall.as_ref(), value::duration)
                .unwrap_or(Duration::from_mins(30)),
            grace: self
                .scalar("guard.grace", file.grace.as_ref(), value::duration)
                .unwrap_or(Duration::from_secs(5)),
            failures: self
                .scalar("guard.failures", file.failures.as_ref(), value::count)
                .unwrap_or(2),
            first_byte: self
                .scalar("guard.first_byte", file.first_byte.as_ref(), value::duration)
                .unwrap_or(Duration::from_mins(2)),
            stream_idle: self
                .scalar("guard.stream_idle", file.stream_idle.as_ref(), value::duration)
                .unwrap_or(Duration::from_secs(90)),
            requests: self
                .scalar("guard.requests", file.requests.as_ref(), value::count)
                .unwrap_or(200),
        };
        let mut candidates = BTreeMap::new();
        for (name, own) in &file.candidates {
            let own = guard(&mut self.reader, &format!("guard.candidates.{name}"), own);
            candidates.insert(
                name.clone(),
                Guard {
                    first_event: own.first_event.unwrap_or(all.first_event),
                    idle: own.idle.unwrap_or(all.idle),
                    wall: own.wall.unwrap_or(all.wall),
                    grace: own.grace.unwrap_or(all.grace),
                    failures: own.failures.unwrap_or(all.failures),
                    first_byte: own.first_byte.unwrap_or(all.first_byte),
                    stream_idle: own.stream_idle.unwrap_or(all.stream_idle),
                    requests: own.requests.unwrap_or(all.requests),
                },
            );
        }
        Guards {
            all,
            candidates,
            retry_delay: self
                .scalar("guard.retry_delay", file.retry_delay.as_ref(), value::pause)
                .unwrap_or(Duration::from_secs(2)),
            patience: self
                .scalar("guard.patience", file.patience.as_ref(), value::duration)
                .unwrap_or(Duration::from_hours(14 * 24)),
            status_pause: self
                .scalar("guard.status_pause", file.status_pause.as_ref(), value::pause)
                .unwrap_or(Duration::from_secs(5)),
            exact_model: self
                .scalar("guard.exact_model", file.exact_model.as_ref(), value::flag)
                .unwrap_or(false),
            on: self.reactions(&file.on),
        }
    }

    /// What follows from classes of failure.
    fn reactions(&mut self, written: &BTreeMap<String, Text>) -> BTreeMap<Failure, Reaction> {
        let mut reactions = BTreeMap::new();
        for (name, text) in written {
            let key = format!("guard.on.{name}");
            let class = Failure::named(name);
            if class.is_none() {
                let help = suggest::help(name, Failure::ALL.map(Failure::as_str));
                self.reader
                    .refuse_at(text, &key, "there is no such class of failure", help);
            }
            let reaction = self.reader.value(&key, Some(text), |text| {
                let wanted = "it wants `again`, `pause`, `next`, `wait` or `ask`";
                Reaction::named(text).ok_or_else(|| wanted.to_owned())
            });
            if let (Some(class), Some(reaction)) = (class, reaction) {
                reactions.insert(class, reaction);
            }
        }
        reactions
    }

    fn limits(&mut self, file: &wire::Limits, providers: &BTreeMap<String, Provider>) -> Limits {
        let mut dollars = |key: &str, text: &Option<Text>| self.scalar(key, text.as_ref(), value::dollars);
        let run = dollars("limits.run_usd", &file.run_usd);
        let issue = dollars("limits.issue_usd", &file.issue_usd);
        let repository_day = dollars("limits.repository_day_usd", &file.repository_day_usd);
        let month = dollars("limits.month_usd", &file.month_usd);
        let window_share = shares(&mut self.reader, &file.window_share);
        for (name, text) in &file.window_share {
            self.known_window(name, text, providers);
        }
        Limits {
            run,
            issue,
            repository_day,
            month,
            window_share,
            window_reserve: self
                .scalar(
                    "limits.window_reserve",
                    file.window_reserve.as_ref(),
                    value::share,
                )
                .unwrap_or(0),
            concurrent_attempts: self
                .scalar(
                    "limits.concurrent_attempts",
                    file.concurrent_attempts.as_ref(),
                    value::count,
                )
                .unwrap_or(4),
        }
    }

    /// Refuses a share of a window that nobody has: a mistyped limit would limit nothing.
    fn known_window(&mut self, name: &str, text: &Text, providers: &BTreeMap<String, Provider>) {
        let key = format!("limits.window_share.{name}");
        let (provider, window) = name.split_once('/').unwrap_or((name, ""));
        let shipped = Catalog::shipped().providers.get(provider);
        let Some(known) = providers
            .get(provider)
            .or(shipped.map(|shipped| &shipped.provider))
        else {
            let help = suggest::help(provider, provider::known(providers));
            let message = format!("it wants `provider/window`, and there is no provider `{provider}`");
            return self.reader.refuse_at(text, &key, message, help);
        };
        if !known.windows.contains_key(window) {
            let windows: Vec<&str> = known.windows.keys().map(String::as_str).collect();
            let help = suggest::help(window, windows);
            let message = format!("`{provider}` has no window `{window}`");
            self.reader.refuse_at(text, &key, message, help);
        }
    }

    fn labels(&mut self, file: &wire::Labels) -> Labels {
        let mut label = |key: &str, written: &Option<Text>, default: &str| {
            self.scalar(key, written.as_ref(), value::label)
                .unwrap_or_else(|| default.to_owned())
        };
        Labels {
            trigger: label("labels.trigger", &file.trigger, "agent:build"),
            working: label("labels.working", &file.working, "agent:working"),
            waiting: label("labels.waiting", &file.waiting, "agent:waiting"),
            review: label("labels.review", &file.review, "agent:review"),
            failed: label("labels.failed", &file.failed, "agent:failed"),
        }
    }
}

/// What is written of a guard.
#[derive(Debug)]
pub(super) struct PartialGuard {
    pub(super) first_event: Option<Duration>,
    pub(super) idle: Option<Duration>,
    pub(super) wall: Option<Duration>,
    pub(super) grace: Option<Duration>,
    pub(super) failures: Option<u32>,
    pub(super) first_byte: Option<Duration>,
    pub(super) stream_idle: Option<Duration>,
    pub(super) requests: Option<u32>,
}

/// Reads what is written of a guard.
pub(super) fn guard(reader: &mut Reader<'_>, key: &str, file: &wire::Guard) -> PartialGuard {
    let mut duration = |name: &str, text: &Option<Text>| {
        reader.value(&format!("{key}.{name}"), text.as_ref(), value::duration)
    };
    PartialGuard {
        first_event: duration("first_event", &file.first_event),
        idle: duration("idle", &file.idle),
        wall: duration("wall", &file.wall),
        grace: duration("grace", &file.grace),
        first_byte: duration("first_byte", &file.first_byte),
        stream_idle: duration("stream_idle", &file.stream_idle),
        requests: reader.value(&format!("{key}.requests"), file.requests.as_ref(), value::count),
        failures: reader.value(&format!("{key}.failures"), file.failures.as_ref(), value::count),
    }
}

/// Reads the shares of windows.
pub(super) fn shares(
    reader: &mut Reader<'_>,
    texts: &BTreeMap<String, Text>,
) -> BTreeMap<String, Millionths> {
    let read = texts.iter().filter_map(|(name, text)| {
        let key = format!("limits.window_share.{name}");
        Some((name.clone(), reader.value(&key, Some(text), value::share)?))
    });
    read.collect()
}

fn known_url(text: &str) -> Url {
    text.parse().expect("a constant of this file is an address")
}
