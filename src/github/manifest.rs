//! The App's manifest: what GitHub is asked to create when Footplate is set up.
//!
//! The file `app-manifest.yml` at the top of the repository holds what is the same for everybody; the
//! addresses of one's own server are filled in here. GitHub's manifest flow wants JSON:
//! <https://docs.github.com/en/apps/sharing-github-apps/registering-a-github-app-from-a-manifest>.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use url::Url;

/// The longest name that GitHub accepts for an App.
const MAX_NAME_CHARACTERS: usize = 34;

/// The manifest without addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The App's name, unique on its GitHub, at most 34 characters.
    pub name: String,
    /// What people read before they install it.
    pub description: String,
    /// Whether accounts other than its owner's may install it.
    pub public: bool,
    /// The permissions it asks for, such as `contents: write`.
    pub default_permissions: BTreeMap<String, String>,
    /// The events it subscribes to.
    pub default_events: Vec<String>,
}

/// The addresses of one's own server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestUrls {
    /// The page that people see as the App's home.
    pub home: Url,
    /// Where GitHub delivers webhooks.
    pub webhook: Url,
    /// Where GitHub sends the person back to with a code, once the App is created.
    pub redirect: Option<Url>,
}

/// Says why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The file is not as it should be.
    #[error("the App's manifest cannot be read: {0}")]
    Unreadable(Box<serde_saphyr::Error>),
    /// The name is empty or too long.
    #[error("the App's name {0:?} must have 1 to 34 characters")]
    Name(String),
}

impl Manifest {
    /// Reads a manifest in YAML.
    ///
    /// # Errors
    /// It is no YAML, holds unknown keys, or a name that GitHub refuses.
    pub fn parse(yaml: &str) -> Result<Self, ManifestError> {
        let manifest: Self =
            serde_saphyr::from_str(yaml).map_err(|error| ManifestError::Unreadable(Box::new(error)))?;
        manifest.named(None)
    }

    /// The manifest that comes with Footplate.
    pub fn built_in() -> Self {
        Self::parse(include_str!("../../app-manifest.yml")).expect("a test reads the same file")
    }

    /// Gives the App another name, where one is given: names are unique on a GitHub.
    ///
    /// # Errors
    /// GitHub would refuse the name.
    pub fn named(mut self, name: Option<&str>) -> Result<Self, ManifestError> {
        if let Some(name) = name {
            name.clone_into(&mut self.name);
        }
        if (1..=MAX_NAME_CHARACTERS).contains(&self.name.trim().chars().count()) {
            Ok(self)
        } else {
            Err(ManifestError::Name(self.name))
        }
    }

    /// The JSON that goes into the form field `manifest`.
    pub fn to_json(&self, urls: &ManifestUrls) -> String {
        let mut json = serde_json::json!({
            "name": self.name,
            "description": self.description,
            "public": self.public,
            "url": urls.home.as_str(),
            "hook_attributes": { "url": urls.webhook.as_str(), "active": true },
            "default_permissions": self.default_permissions,
            "default_events": self.default_events,
        });
        if let Some(redirect) = &urls.redirect {
            json["redirect_url"] = serde_json::json!(redirect.as_str());
        }
        json.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls() -> ManifestUrls {
        let url = |text: &str| Url::parse(text).expect("a URL");
        ManifestUrls {
            home: url("https://bot.example"),
            webhook: url("https://bot.example/webhook"),
            redirect: Some(url("https://bot.example/setup/done")),
        }
    }

    #[test]
    fn the_built_in_manifest_asks_for_what_is_used_and_for_nothing_dangerous() {
        let manifest = Manifest::built_in();
        let wanted = |name: &str| manifest.default_permissions.get(name).map(String::as_str);
        for name in ["contents", "issues", "pull_requests"] {
            assert_eq!(wanted(name), Some("write"), "{name}");
        }
        assert_eq!(wanted("metadata"), Some("read"));
        for name in ["workflows", "administration", "secrets", "members"] {
            assert_eq!(wanted(name), None, "{name}");
        }
        for event in ["issues", "issue_comment", "pull_request", "pull_request_review"] {
            assert!(manifest.default_events.iter().any(|it| it == event), "{event}");
        }
    }

    #[test]
    fn the_form_holds_the_addresses_of_ones_own_server() {
        let json: serde_json::Value =
            serde_json::from_str(&Manifest::built_in().to_json(&urls())).expect("it is JSON");
        assert_eq!(json["hook_attributes"]["url"], "https://bot.example/webhook");
        assert_eq!(json["redirect_url"], "https://bot.example/setup/done");
        assert_eq!(json["public"], false);
    }

    #[test]
    fn names_that_github_refuses_are_refused_here() {
        for name in ["", "  ", "a name of more than thirty-four characters"] {
            assert!(Manifest::built_in().named(Some(name)).is_err(), "{name:?}");
        }
        assert_eq!(
            Manifest::built_in().named(Some("My bot")).expect("it fits").name,
            "My bot"
        );
        assert!(Manifest::parse("name: x\ncolor: red\n").is_err());
    }
}
