//! The calls about the App itself: who it is, where it is installed, which deliveries GitHub could not make.

use std::collections::BTreeMap;

use http::Method;
use serde::Deserialize;
use url::Url;

use super::Result;
use super::answer::{Effect, decoded};
use super::client::{Ask, Client, MAX_PAGES, Voice};
use super::forge::{Repository, User};
use super::request::{bare, encoded, get, next_link};
use super::view::{RepositoryView, UserView, time};
use super::{Error, wire::Answer};
use crate::model::{AppId, DeliveryId, InstallationId, Login, RepositoryName, Timestamp, UserId};

/// The App as GitHub knows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AppInfo {
    /// The numeric id.
    pub id: AppId,
    /// The name in addresses, such as `footplate`; its bot's login is this with `[bot]`.
    pub slug: String,
    /// The name for people.
    pub name: String,
    /// The page for people.
    pub html_url: String,
    /// The permissions it asks for, such as `contents: write`.
    #[serde(default)]
    pub permissions: BTreeMap<String, String>,
    /// The events it subscribes to.
    #[serde(default)]
    pub events: Vec<String>,
}

impl AppInfo {
    /// The login under which the App comments and commits.
    pub fn bot_login(&self) -> String {
        format!("{}[bot]", self.slug)
    }
}

/// An installation of the App on an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// The id.
    pub id: InstallationId,
    /// The account's login.
    pub account: Option<String>,
    /// Whether the owner has suspended it.
    pub suspended: bool,
    /// The permissions that the owner granted; fewer than the App asks for until new ones are accepted.
    pub permissions: BTreeMap<String, String>,
}

/// One attempt of GitHub's to deliver a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookDelivery {
    /// Identifies the attempt.
    pub id: u64,
    /// Identifies the delivery; the same for all its attempts.
    pub guid: DeliveryId,
    /// When it was tried.
    pub at: Option<Timestamp>,
    /// Whether we answered with a success.
    pub succeeded: bool,
    /// The event, such as `issues`.
    pub event: String,
}

impl Client {
    /// Asks who the App is.
    ///
    /// # Errors
    /// As [`Error`] says; [`Error::Unauthorized`] where id and key do not belong together.
    pub async fn app(&self) -> Result<AppInfo> {
        self.ask(read(Voice::App, "App", "/app")).await
    }

    /// Asks for the account under which the App writes, whose id stands in its commits' e-mail address.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn bot(&self, installation: InstallationId) -> Result<User> {
        let login = self.app().await?.bot_login();
        let path = format!("/users/{}", encoded(&login));
        let view: UserView = self
            .ask(read(Voice::Installation(installation), "bot account", &path))
            .await?;
        let id = UserId(view.id);
        // A bot is one whatever an old enterprise server calls it.
        let login = Login::new(login).map_err(|error| Error::Broken {
            why: error.to_string(),
        })?;
        Ok(User {
            id,
            login,
            is_bot: true,
        })
    }

    /// Lists the installations of the App; all pages.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn installations(&self) -> Result<Vec<Installation>> {
        let items = |page: Vec<InstallationView>| page.into_iter().map(Into::into).collect();
        Ok(self
            .list(Voice::App, "/app/installations", "list of installations", items)
            .await?
            .0)
    }

    /// Reads an installation.
    ///
    /// # Errors
    /// As [`Error`] says; [`Error::NotFound`] where it was deleted.
    pub async fn installation(&self, id: InstallationId) -> Result<Installation> {
        let path = format!("/app/installations/{id}");
        self.ask::<InstallationView>(read(Voice::App, "installation", &path))
            .await
            .map(Into::into)
    }

    /// Finds the installation that covers a repository.
    ///
    /// # Errors
    /// As [`Error`] says; [`Error::NotFound`] where the App is not installed there.
    pub async fn installation_of(&self, repository: &RepositoryName) -> Result<Installation> {
        let path = format!("/repos/{repository}/installation");
        self.ask::<InstallationView>(read(Voice::App, "installation", &path))
            .await
            .map(Into::into)
    }

    /// Lists the repositories that an installation covers; all pages.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn repositories(&self, installation: InstallationId) -> Result<Vec<Repository>> {
        #[derive(Deserialize)]
        struct Page {
            repositories: Vec<RepositoryView>,
        }
        let items = |page: Page| {
            page.repositories
                .into_iter()
                .map(|it| it.reference(installation))
                .collect()
        };
        let voice = Voice::Installation(installation);
        Ok(self
            .list(voice, "/installation/repositories", "list of repositories", items)
            .await?
            .0)
    }

    /// Lists GitHub's attempts to deliver webhooks since a moment, newest first. GitHub keeps them 3 days.
    ///
    /// GitHub never tries again by itself: group these by guid, and ask for those of which no attempt
    /// succeeded.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn hook_deliveries(&self, since: Timestamp) -> Result<Vec<HookDelivery>> {
        let mut all: Vec<HookDelivery> = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let from = cursor
                .map(|cursor| format!("&cursor={}", encoded(&cursor)))
                .unwrap_or_default();
            let path = format!("/app/hook/deliveries?per_page=100{from}");
            let reading = |answer: &Answer, effect, what: &str| {
                Ok((
                    decoded::<Vec<DeliveryView>>(answer, effect, what)?,
                    cursor_of(answer),
                ))
            };
            let (page, next) = self
                .ask_with(read(Voice::App, "list of deliveries", &path), reading)
                .await?;
            let page: Vec<HookDelivery> = page.into_iter().filter_map(DeliveryView::into_delivery).collect();
            let reached = page.iter().any(|it| it.at.is_some_and(|at| at < since));
            all.extend(page.into_iter().filter(|it| it.at.is_none_or(|at| at >= since)));
            cursor = next;
            if reached || cursor.is_none() {
                return Ok(all);
            }
        }
        Err(Error::Broken {
            why: format!("the list of deliveries has more than {MAX_PAGES} pages"),
        })
    }

    /// Asks GitHub to deliver a webhook again, by the id of one attempt.
    ///
    /// # Errors
    /// As [`Error`] says; [`Error::NotFound`] where it is too old.
    pub async fn redeliver(&self, attempt: u64) -> Result<()> {
        let call = bare(Method::POST, &format!("/app/hook/deliveries/{attempt}/attempts"));
        // Repeatable, because the inbox takes a delivery once.
        self.tell(Ask {
            voice: Voice::App,
            effect: Effect::Repeatable,
            what: "delivery",
            call,
        })
        .await
    }
}

fn read<'a>(voice: Voice<'a>, what: &'a str, path: &str) -> Ask<'a> {
    Ask {
        voice,
        effect: Effect::Read,
        what,
        call: get(path),
    }
}

/// The cursor of the next page. Only the cursor is taken over, never the address.
fn cursor_of(answer: &Answer) -> Option<String> {
    let address = Url::parse(next_link(answer)?).ok()?;
    address
        .query_pairs()
        .find(|(name, _)| name == "cursor")
        .map(|(_, value)| value.into_owned())
}

#[derive(Deserialize)]
struct InstallationView {
    id: u64,
    account: Option<AccountView>,
    suspended_at: Option<String>,
    #[serde(default)]
    permissions: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct AccountView {
    login: Option<String>,
}

impl From<InstallationView> for Installation {
    fn from(view: InstallationView) -> Self {
        Self {
            id: InstallationId(view.id),
            account: view.account.and_then(|account| account.login),
            suspended: view.suspended_at.is_some(),
            permissions: view.permissions,
        }
    }
}

#[derive(Deserialize)]
struct DeliveryView {
    id: u64,
    guid: String,
    delivered_at: Option<String>,
    status_code: Option<i64>,
    event: Option<String>,
}

impl DeliveryView {
    fn into_delivery(self) -> Option<HookDelivery> {
        Some(HookDelivery {
            id: self.id,
            guid: DeliveryId::new(self.guid).ok()?,
            at: time(self.delivered_at.as_deref()),
            succeeded: self.status_code.is_some_and(|code| (200..300).contains(&code)),
            event: self.event.unwrap_or_default(),
        })
    }
}
