//! Accounts as JSON.

use serde_json::{Map, Value, json};

use super::super::world::{AccountKind, World};

impl World {
    /// A user as embedded everywhere; `null` for accounts that are gone.
    pub(in super::super) fn user_json(&self, id: u64) -> Value {
        let Some(account) = self.accounts.get(&id) else {
            return Value::Null;
        };
        let login = &account.login;
        let encoded = login.replace('[', "%5B").replace(']', "%5D");
        let url = format!("{}/users/{encoded}", self.api());
        let mut user = Map::new();
        user.insert("login".to_owned(), json!(login));
        user.insert("id".to_owned(), json!(id));
        user.insert("node_id".to_owned(), json!(self.account_node(id)));
        user.insert(
            "avatar_url".to_owned(),
            json!(format!("{}/avatars/u/{id}", self.base)),
        );
        user.insert("gravatar_id".to_owned(), json!(""));
        user.insert("url".to_owned(), json!(url));
        user.insert("html_url".to_owned(), json!(self.account_page(id)));
        for (field, tail) in [
            ("followers_url", "/followers"),
            ("following_url", "/following{/other_user}"),
            ("gists_url", "/gists{/gist_id}"),
            ("starred_url", "/starred{/owner}{/repo}"),
            ("subscriptions_url", "/subscriptions"),
            ("organizations_url", "/orgs"),
            ("repos_url", "/repos"),
            ("events_url", "/events{/privacy}"),
            ("received_events_url", "/received_events"),
        ] {
            user.insert(field.to_owned(), json!(format!("{url}{tail}")));
        }
        user.insert("type".to_owned(), json!(account.kind.word()));
        user.insert("user_view_type".to_owned(), json!("public"));
        user.insert("site_admin".to_owned(), json!(false));
        Value::Object(user)
    }

    /// A user's own page of the API, with the public profile.
    pub(in super::super) fn profile_json(&self, id: u64) -> Value {
        let mut user = self.user_json(id);
        let Some(account) = self.accounts.get(&id) else {
            return user;
        };
        user["name"] = if account.kind == AccountKind::User {
            json!(account.login)
        } else {
            Value::Null
        };
        for empty in ["company", "location", "email", "hireable", "bio"] {
            user[empty] = Value::Null;
        }
        user["blog"] = json!("");
        for zero in ["public_repos", "public_gists", "followers", "following"] {
            user[zero] = json!(0);
        }
        user["created_at"] = json!("2026-01-01T00:00:00Z");
        user["updated_at"] = json!("2026-01-01T00:00:00Z");
        user
    }

    /// An organization as it stands in webhooks.
    pub(in super::super) fn organization_json(&self, id: u64) -> Value {
        let Some(account) = self.accounts.get(&id) else {
            return Value::Null;
        };
        let url = format!("{}/orgs/{}", self.api(), account.login);
        json!({
            "login": account.login,
            "id": id,
            "node_id": self.account_node(id),
            "url": url,
            "repos_url": format!("{url}/repos"),
            "events_url": format!("{url}/events"),
            "hooks_url": format!("{url}/hooks"),
            "issues_url": format!("{url}/issues"),
            "members_url": format!("{url}/members{{/member}}"),
            "public_members_url": format!("{url}/public_members{{/member}}"),
            "avatar_url": format!("{}/avatars/u/{id}", self.base),
            "description": "",
        })
    }

    fn account_node(&self, id: u64) -> String {
        let kind = self.accounts.get(&id).map(|a| a.kind);
        match kind {
            Some(AccountKind::Organization) => format!("O_{id}"),
            Some(AccountKind::Bot) => format!("BOT_{id}"),
            _ => format!("U_{id}"),
        }
    }

    fn account_page(&self, id: u64) -> String {
        match self.accounts.get(&id) {
            Some(account) if account.kind == AccountKind::Bot => {
                format!("{}/apps/{}", self.base, account.login.trim_end_matches("[bot]"))
            }
            Some(account) => format!("{}/{}", self.base, account.login),
            None => self.base.clone(),
        }
    }
}
