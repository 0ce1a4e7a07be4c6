//! Repositories, branches and labels as JSON.

use serde_json::{Map, Value, json};

use super::super::world::{AccountKind, Label, Repository, World};
use super::moment;

/// The addresses that GitHub lists in every repository, as field and tail.
const LINKS: &[(&str, &str)] = &[
    ("archive_url", "/{archive_format}{/ref}"),
    ("assignees_url", "/assignees{/user}"),
    ("blobs_url", "/git/blobs{/sha}"),
    ("branches_url", "/branches{/branch}"),
    ("collaborators_url", "/collaborators{/collaborator}"),
    ("comments_url", "/comments{/number}"),
    ("commits_url", "/commits{/sha}"),
    ("compare_url", "/compare/{base}...{head}"),
    ("contents_url", "/contents/{+path}"),
    ("contributors_url", "/contributors"),
    ("deployments_url", "/deployments"),
    ("downloads_url", "/downloads"),
    ("events_url", "/events"),
    ("forks_url", "/forks"),
    ("git_commits_url", "/git/commits{/sha}"),
    ("git_refs_url", "/git/refs{/sha}"),
    ("git_tags_url", "/git/tags{/sha}"),
    ("hooks_url", "/hooks"),
    ("issue_comment_url", "/issues/comments{/number}"),
    ("issue_events_url", "/issues/events{/number}"),
    ("issues_url", "/issues{/number}"),
    ("keys_url", "/keys{/key_id}"),
    ("labels_url", "/labels{/name}"),
    ("languages_url", "/languages"),
    ("merges_url", "/merges"),
    ("milestones_url", "/milestones{/number}"),
    ("notifications_url", "/notifications{?since,all,participating}"),
    ("pulls_url", "/pulls{/number}"),
    ("releases_url", "/releases{/id}"),
    ("stargazers_url", "/stargazers"),
    ("statuses_url", "/statuses/{sha}"),
    ("subscribers_url", "/subscribers"),
    ("subscription_url", "/subscription"),
    ("tags_url", "/tags"),
    ("teams_url", "/teams"),
    ("trees_url", "/git/trees{/sha}"),
];

impl World {
    /// The address of a repository in the API.
    pub(in super::super) fn repository_api(&self, repository: &Repository) -> String {
        format!("{}/repos/{}", self.api(), repository.full_name())
    }

    /// The address of a repository's page.
    pub(in super::super) fn repository_page(&self, repository: &Repository) -> String {
        format!("{}/{}", self.base, repository.full_name())
    }

    /// A repository.
    pub(in super::super) fn repository_json(&self, repository: &Repository) -> Value {
        let api = self.repository_api(repository);
        let page = self.repository_page(repository);
        let mut map = Map::new();
        let mut put = |field: &str, value: Value| map.insert(field.to_owned(), value);
        put("id", json!(repository.id));
        put("node_id", json!(format!("R_{}", repository.id)));
        put("name", json!(repository.name));
        put("full_name", json!(repository.full_name()));
        put("private", json!(repository.private));
        put("owner", self.user_json(repository.owner_id));
        put("html_url", json!(page));
        put("description", Value::Null);
        put("fork", json!(false));
        put("url", json!(api));
        for (field, tail) in LINKS {
            put(field, json!(format!("{api}{tail}")));
        }
        put(
            "git_url",
            json!(format!("{}.git", page.replacen("http:", "git:", 1))),
        );
        put(
            "ssh_url",
            json!(format!("git@localhost:{}.git", repository.full_name())),
        );
        put("clone_url", json!(format!("{page}.git")));
        put("svn_url", json!(page));
        put("created_at", moment(repository.created_at));
        put("updated_at", moment(repository.pushed_at));
        put("pushed_at", moment(repository.pushed_at));
        for empty in ["homepage", "language", "mirror_url", "license"] {
            put(empty, Value::Null);
        }
        for zero in [
            "size",
            "stargazers_count",
            "watchers_count",
            "forks_count",
            "forks",
            "watchers",
        ] {
            put(zero, json!(0));
        }
        let open = repository.threads.values().filter(|t| t.open).count();
        put("open_issues_count", json!(open));
        put("open_issues", json!(open));
        for (field, value) in [
            ("has_issues", true),
            ("has_projects", true),
            ("has_downloads", true),
            ("has_wiki", false),
            ("has_pages", false),
            ("has_discussions", false),
            ("disabled", false),
            ("allow_forking", true),
            ("is_template", false),
            ("web_commit_signoff_required", false),
        ] {
            put(field, json!(value));
        }
        put("archived", json!(repository.archived));
        put("topics", json!([]));
        put("custom_properties", json!({}));
        put(
            "visibility",
            json!(if repository.private { "private" } else { "public" }),
        );
        put("default_branch", json!(repository.default_branch));
        Value::Object(map)
    }

    /// Whether an organization owns this repository.
    pub(in super::super) fn owned_by_organization(&self, repository: &Repository) -> bool {
        let owner = self.accounts.get(&repository.owner_id);
        owner.is_some_and(|o| o.kind == AccountKind::Organization)
    }

    /// A label.
    pub(in super::super) fn label_json(&self, repository: &Repository, label: &Label) -> Value {
        let name: String = url::form_urlencoded::byte_serialize(label.name.as_bytes()).collect();
        json!({
            "id": label.id,
            "node_id": format!("LA_{}", label.id),
            "url": format!("{}/labels/{}", self.repository_api(repository), name.replace('+', "%20")),
            "name": label.name,
            "color": label.color,
            "default": matches!(label.name.as_str(), "bug" | "documentation" | "duplicate" | "enhancement"),
            "description": label.description,
        })
    }
}

/// A repository as named in installations.
pub(in super::super) fn repository_brief(repository: &Repository) -> Value {
    json!({
        "id": repository.id,
        "node_id": format!("R_{}", repository.id),
        "name": repository.name,
        "full_name": repository.full_name(),
        "private": repository.private,
    })
}
