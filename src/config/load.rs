//! From what is written to settings: one method for each section, one problem for each mistake.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;

use crate::model::{AppId, Dialect, Role};
use crate::suggest;

use super::error::Place;
use super::file::Reader;
use super::settings::{
    GitHub, Guard, Guards, Harness, Labels, Limits, Provider, Routes, Sandbox, Settings, variable_of,
};
use super::wire::{self, Text};
use super::{Secret, value};

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
        let providers = file
            .providers
            .iter()
            .filter_map(|(name, it)| Some((name.clone(), self.provider(name, it)?)));
        let providers = providers.collect();
        Settings {
            listen: self
                .scalar("listen", file.listen.as_ref(), value::listen)
                .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 3000))),
            data_dir,
            database_url,
            github: self.github(&file.github),
            harnesses,
            providers,
            routes: self.routes(&file.routes),
            guards: self.guards(&file.guard),
            limits: self.limits(&file.limits),
            sandbox: self.scalar("sandbox", file.sandbox.as_ref(), sandbox),
            labels,
            bare_commands: self
                .scalar("commands.bare", file.commands.bare.as_ref(), value::flag)
                .unwrap_or(true),
            allowed_bots: self.reader.values("allowed_bots", &file.allowed_bots, |text| {
                value::id(text).map(AppId)
            }),
            pass_env: self.passed(&file.pass_env),
            path: (self.env)("PATH").filter(|path| !path.is_empty()),
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

    fn harness(&mut self, name: &str, file: &wire::Harness) -> Option<Harness> {
        let key = format!("harnesses.{name}");
        if !is_word(name) {
            let message = "a harness's name is a word of lower-case letters, digits, `-` and `_`";
            self.reader.refuse_at(&file.kind, &key, message, None);
            return None;
        }
        match (file.kind.value.as_str(), &file.file) {
            ("command", None) if !file.argv.is_empty() => Some(Harness::Command {
                argv: file.argv.iter().map(|text| text.value.clone()).collect(),
            }),
            ("scripted", Some(path)) if file.argv.is_empty() => Some(Harness::Scripted {
                file: self.folder.join(&path.value),
            }),
            ("command", _) => {
                let help = "write `{kind: command, argv: [program, argument]}`".to_owned();
                self.reader.refuse_at(
                    &file.kind,
                    &key,
                    "a command harness wants `argv` and nothing else",
                    Some(help),
                );
                None
            }
            ("scripted", _) => {
                let help = "write `{kind: scripted, file: story.yml}`".to_owned();
                self.reader.refuse_at(
                    &file.kind,
                    &key,
                    "a scripted harness wants `file` and nothing else",
                    Some(help),
                );
                None
            }
            (other, _) => {
                let help = suggest::help(other, ["command", "scripted"]);
                self.reader.refuse_at(
                    &file.kind,
                    &format!("{key}.kind"),
                    "there is no such kind of harness",
                    help,
                );
                None
            }
        }
    }

    fn provider(&mut self, name: &str, file: &wire::Provider) -> Option<Provider> {
        let key = format!("providers.{name}");
        if !is_word(name) {
            let message = "a provider's name is a word of lower-case letters, digits, `-` and `_`";
            self.reader.refuse_at(&file.dialect, &key, message, None);
            return None;
        }
        let dialect = match (Dialect::named(&file.dialect.value), file.dialect.value.as_str()) {
            (Some(dialect), _) => Some(dialect),
            (None, other) => {
                let help = suggest::help(other, ["anthropic", "openai", "gemini"]);
                self.reader.refuse_at(
                    &file.dialect,
                    &format!("{key}.dialect"),
                    "there is no such dialect",
                    help,
                );
                None
            }
        };
        let base_url = self
            .reader
            .value(&format!("{key}.base_url"), Some(&file.base_url), value::base);
        let key = match &file.key {
            Some(written) => {
                let secret = Secret::read(&written.value, &self.env);
                if secret.is_none() {
                    let message = "it wants a text, or `env:` and the name of an environment variable";
                    self.reader
                        .refuse_at(written, &format!("{key}.key"), message, None);
                }
                secret
            }
            None => None,
        };
        Some(Provider {
            dialect: dialect?,
            base_url: base_url?,
            key,
        })
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
        }
    }

    fn limits(&mut self, file: &wire::Limits) -> Limits {
        Limits {
            run: self.scalar("limits.run_usd", file.run_usd.as_ref(), value::dollars),
            repository_day: self.scalar(
                "limits.repository_day_usd",
                file.repository_day_usd.as_ref(),
                value::dollars,
            ),
            concurrent_attempts: self
                .scalar(
                    "limits.concurrent_attempts",
                    file.concurrent_attempts.as_ref(),
                    value::count,
                )
                .unwrap_or(4),
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
        failures: reader.value(&format!("{key}.failures"), file.failures.as_ref(), value::count),
    }
}

fn sandbox(text: &str) -> Result<Sandbox, String> {
    match text {
        "auto" => Ok(Sandbox::Auto),
        "bubblewrap" => Ok(Sandbox::Bubblewrap),
        "landlock" => Ok(Sandbox::Landlock),
        "none" => Ok(Sandbox::None),
        _ => Err("it wants `auto`, `bubblewrap`, `landlock` or `none`".to_owned()),
    }
}

fn is_word(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 40
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
}

fn known_url(text: &str) -> Url {
    text.parse().expect("a constant of this file is an address")
}
