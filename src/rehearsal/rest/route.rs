//! The table of routes, named as in GitHub's OpenAPI description.

use super::super::problem::Problem;
use super::{Call, Reply};
use super::{
    apps, checks, comments, contents, git_data, issues, labels, pulls, reactions, repositories, users,
};

/// What a caller must bring.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum Needs {
    /// Nothing.
    Nothing,
    /// The App's own JWT.
    App,
    /// Any installation token.
    Token,
    /// A token that reaches the repository of the path with one of these permissions, `name=level`.
    Any(&'static [&'static str]),
}

/// One route.
pub(in super::super) struct Route {
    pub(in super::super) method: &'static str,
    pub(in super::super) template: &'static str,
    pub(in super::super) needs: Needs,
    /// Whether it counts towards the limit on content.
    pub(in super::super) creates_content: bool,
    pub(in super::super) run: fn(&mut Call<'_>) -> Result<Reply, Problem>,
}

const fn route(
    method: &'static str,
    template: &'static str,
    needs: Needs,
    run: fn(&mut Call<'_>) -> Result<Reply, Problem>,
) -> Route {
    Route {
        method,
        template,
        needs,
        creates_content: false,
        run,
    }
}

/// A route that makes something people get notified about.
const fn content(
    template: &'static str,
    needs: Needs,
    run: fn(&mut Call<'_>) -> Result<Reply, Problem>,
) -> Route {
    Route {
        method: "POST",
        template,
        needs,
        creates_content: true,
        run,
    }
}

const METADATA: Needs = Needs::Any(&["metadata=read"]);
const ISSUES_READ: Needs = Needs::Any(&["issues=read", "pull_requests=read"]);
const ISSUES_WRITE: Needs = Needs::Any(&["issues=write", "pull_requests=write"]);
const ONLY_ISSUES_WRITE: Needs = Needs::Any(&["issues=write"]);
const PULLS_READ: Needs = Needs::Any(&["pull_requests=read"]);
const PULLS_WRITE: Needs = Needs::Any(&["pull_requests=write"]);
const CONTENTS_READ: Needs = Needs::Any(&["contents=read"]);
const CONTENTS_WRITE: Needs = Needs::Any(&["contents=write"]);
const CHECKS_READ: Needs = Needs::Any(&["checks=read"]);
const CHECKS_WRITE: Needs = Needs::Any(&["checks=write"]);
const STATUSES_READ: Needs = Needs::Any(&["statuses=read"]);
const STATUSES_WRITE: Needs = Needs::Any(&["statuses=write"]);

/// All routes; where two templates match, the earlier one wins.
// One route a line, or the table cannot be read as one.
#[rustfmt::skip]
static ROUTES: &[Route] = &[
    // The App itself.
    route("GET", "/app", Needs::App, apps::show),
    route("GET", "/app/hook/config", Needs::App, apps::hook_config),
    route("GET", "/app/hook/deliveries", Needs::App, apps::deliveries),
    route("GET", "/app/hook/deliveries/{delivery_id}", Needs::App, apps::delivery),
    route("POST", "/app/hook/deliveries/{delivery_id}/attempts", Needs::App, apps::redeliver),
    route("GET", "/app/installations", Needs::App, apps::installations),
    route("GET", "/app/installations/{installation_id}", Needs::App, apps::installation),
    route("POST", "/app/installations/{installation_id}/access_tokens", Needs::App, apps::access_token),
    route("POST", "/app-manifests/{code}/conversions", Needs::Nothing, apps::convert_manifest),
    route("GET", "/repos/{owner}/{repo}/installation", Needs::App, apps::of_repository),
    route("GET", "/orgs/{org}/installation", Needs::App, apps::of_account),
    route("GET", "/users/{username}/installation", Needs::App, apps::of_account),
    route("GET", "/installation/repositories", Needs::Token, apps::repositories),
    route("DELETE", "/installation/token", Needs::Token, apps::revoke),
    // The service.
    route("GET", "/meta", Needs::Nothing, users::meta),
    route("GET", "/rate_limit", Needs::Token, users::rate_limit),
    route("GET", "/users/{username}", Needs::Nothing, users::show),
    route("POST", "/graphql", Needs::Token, users::graphql),
    // Repositories.
    route("GET", "/repos/{owner}/{repo}", METADATA, repositories::show),
    route("GET", "/repos/{owner}/{repo}/collaborators", METADATA, repositories::collaborators),
    route("GET", "/repos/{owner}/{repo}/collaborators/{username}/permission", METADATA, repositories::permission),
    route("GET", "/repos/{owner}/{repo}/collaborators/{username}", METADATA, repositories::is_collaborator),
    route("GET", "/repos/{owner}/{repo}/branches", CONTENTS_READ, repositories::branches),
    route("GET", "/repos/{owner}/{repo}/branches/{branch}", CONTENTS_READ, repositories::branch),
    route("GET", "/repos/{owner}/{repo}/commits", CONTENTS_READ, repositories::commits),
    route("GET", "/repos/{owner}/{repo}/commits/{ref}/check-runs", CHECKS_READ, checks::list),
    route("GET", "/repos/{owner}/{repo}/commits/{ref}/status", STATUSES_READ, checks::combined),
    route("GET", "/repos/{owner}/{repo}/commits/{ref}/statuses", STATUSES_READ, checks::statuses),
    route("GET", "/repos/{owner}/{repo}/commits/{commit_sha}/pulls", PULLS_READ, pulls::of_commit),
    route("GET", "/repos/{owner}/{repo}/commits/{ref}", CONTENTS_READ, repositories::commit),
    route("GET", "/repos/{owner}/{repo}/compare/{basehead}", CONTENTS_READ, repositories::compare),
    route("GET", "/repos/{owner}/{repo}/contents/{path}", CONTENTS_READ, contents::show),
    route("PUT", "/repos/{owner}/{repo}/contents/{path}", CONTENTS_WRITE, contents::put),
    // Git objects.
    route("GET", "/repos/{owner}/{repo}/git/ref/{ref}", CONTENTS_READ, git_data::reference),
    route("GET", "/repos/{owner}/{repo}/git/matching-refs/{ref}", CONTENTS_READ, git_data::matching),
    route("POST", "/repos/{owner}/{repo}/git/refs", CONTENTS_WRITE, git_data::create_reference),
    route("PATCH", "/repos/{owner}/{repo}/git/refs/{ref}", CONTENTS_WRITE, git_data::update_reference),
    route("DELETE", "/repos/{owner}/{repo}/git/refs/{ref}", CONTENTS_WRITE, git_data::delete_reference),
    route("POST", "/repos/{owner}/{repo}/git/blobs", CONTENTS_WRITE, git_data::create_blob),
    route("GET", "/repos/{owner}/{repo}/git/blobs/{file_sha}", CONTENTS_READ, git_data::blob),
    route("POST", "/repos/{owner}/{repo}/git/trees", CONTENTS_WRITE, git_data::create_tree),
    route("GET", "/repos/{owner}/{repo}/git/trees/{tree_sha}", CONTENTS_READ, git_data::tree),
    route("POST", "/repos/{owner}/{repo}/git/commits", CONTENTS_WRITE, git_data::create_commit),
    route("GET", "/repos/{owner}/{repo}/git/commits/{commit_sha}", CONTENTS_READ, git_data::commit),
    // Labels.
    route("GET", "/repos/{owner}/{repo}/labels", ISSUES_READ, labels::list),
    content("/repos/{owner}/{repo}/labels", ISSUES_WRITE, labels::create),
    route("GET", "/repos/{owner}/{repo}/labels/{name}", ISSUES_READ, labels::show),
    route("PATCH", "/repos/{owner}/{repo}/labels/{name}", ISSUES_WRITE, labels::update),
    route("DELETE", "/repos/{owner}/{repo}/labels/{name}", ISSUES_WRITE, labels::delete),
    route("GET", "/repos/{owner}/{repo}/issues/{issue_number}/labels", ISSUES_READ, labels::of_issue),
    route("POST", "/repos/{owner}/{repo}/issues/{issue_number}/labels", ISSUES_WRITE, labels::add),
    route("PUT", "/repos/{owner}/{repo}/issues/{issue_number}/labels", ISSUES_WRITE, labels::set),
    route("DELETE", "/repos/{owner}/{repo}/issues/{issue_number}/labels/{name}", ISSUES_WRITE, labels::remove),
    route("DELETE", "/repos/{owner}/{repo}/issues/{issue_number}/labels", ISSUES_WRITE, labels::clear),
    // Comments.
    route("GET", "/repos/{owner}/{repo}/issues/comments", ISSUES_READ, comments::all),
    route("GET", "/repos/{owner}/{repo}/issues/comments/{comment_id}", ISSUES_READ, comments::show),
    route("PATCH", "/repos/{owner}/{repo}/issues/comments/{comment_id}", ISSUES_WRITE, comments::update),
    route("DELETE", "/repos/{owner}/{repo}/issues/comments/{comment_id}", ISSUES_WRITE, comments::delete),
    route("GET", "/repos/{owner}/{repo}/issues/{issue_number}/comments", ISSUES_READ, comments::list),
    content("/repos/{owner}/{repo}/issues/{issue_number}/comments", ISSUES_WRITE, comments::create),
    // Reactions.
    route("GET", "/repos/{owner}/{repo}/issues/{issue_number}/reactions", ISSUES_READ, reactions::list),
    route("POST", "/repos/{owner}/{repo}/issues/{issue_number}/reactions", ISSUES_WRITE, reactions::create),
    route("DELETE", "/repos/{owner}/{repo}/issues/{issue_number}/reactions/{reaction_id}", ISSUES_WRITE, reactions::delete),
    route("GET", "/repos/{owner}/{repo}/issues/comments/{comment_id}/reactions", ISSUES_READ, reactions::list),
    route("POST", "/repos/{owner}/{repo}/issues/comments/{comment_id}/reactions", ISSUES_WRITE, reactions::create),
    route("DELETE", "/repos/{owner}/{repo}/issues/comments/{comment_id}/reactions/{reaction_id}", ISSUES_WRITE, reactions::delete),
    // Issues.
    route("GET", "/repos/{owner}/{repo}/issues", ISSUES_READ, issues::list),
    content("/repos/{owner}/{repo}/issues", ONLY_ISSUES_WRITE, issues::create),
    route("GET", "/repos/{owner}/{repo}/issues/{issue_number}", ISSUES_READ, issues::show),
    route("PATCH", "/repos/{owner}/{repo}/issues/{issue_number}", ISSUES_WRITE, issues::update),
    route("GET", "/repos/{owner}/{repo}/issues/{issue_number}/events", ISSUES_READ, issues::events),
    route("GET", "/repos/{owner}/{repo}/issues/{issue_number}/timeline", ISSUES_READ, issues::events),
    route("POST", "/repos/{owner}/{repo}/issues/{issue_number}/assignees", ISSUES_WRITE, issues::assign),
    route("DELETE", "/repos/{owner}/{repo}/issues/{issue_number}/assignees", ISSUES_WRITE, issues::unassign),
    // Pull requests.
    route("GET", "/repos/{owner}/{repo}/pulls", PULLS_READ, pulls::list),
    content("/repos/{owner}/{repo}/pulls", PULLS_WRITE, pulls::create),
    route("GET", "/repos/{owner}/{repo}/pulls/{pull_number}", PULLS_READ, pulls::show),
    route("PATCH", "/repos/{owner}/{repo}/pulls/{pull_number}", PULLS_WRITE, pulls::update),
    route("GET", "/repos/{owner}/{repo}/pulls/{pull_number}/files", PULLS_READ, pulls::files),
    route("GET", "/repos/{owner}/{repo}/pulls/{pull_number}/commits", PULLS_READ, pulls::commits),
    route("GET", "/repos/{owner}/{repo}/pulls/{pull_number}/merge", CONTENTS_READ, pulls::is_merged),
    route("PUT", "/repos/{owner}/{repo}/pulls/{pull_number}/merge", CONTENTS_WRITE, pulls::merge),
    route("GET", "/repos/{owner}/{repo}/pulls/{pull_number}/reviews", PULLS_READ, pulls::reviews),
    content("/repos/{owner}/{repo}/pulls/{pull_number}/reviews", PULLS_WRITE, pulls::review),
    route("GET", "/repos/{owner}/{repo}/pulls/{pull_number}/comments", PULLS_READ, pulls::lines),
    route("GET", "/repos/{owner}/{repo}/pulls/{pull_number}/reviews/{review_id}/comments", PULLS_READ, pulls::lines_of_review),
    content("/repos/{owner}/{repo}/pulls/{pull_number}/comments", PULLS_WRITE, pulls::add_line),
    content("/repos/{owner}/{repo}/pulls/{pull_number}/comments/{comment_id}/replies", PULLS_WRITE, pulls::answer_line),
    content("/repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers", PULLS_WRITE, pulls::request_review),
    // Checks.
    route("POST", "/repos/{owner}/{repo}/check-runs", CHECKS_WRITE, checks::create),
    route("GET", "/repos/{owner}/{repo}/check-runs/{check_run_id}", CHECKS_READ, checks::show),
    route("PATCH", "/repos/{owner}/{repo}/check-runs/{check_run_id}", CHECKS_WRITE, checks::update),
    route("POST", "/repos/{owner}/{repo}/statuses/{sha}", STATUSES_WRITE, checks::set_status),
];

/// The route of a request and the values of its parameters, decoded, in the template's order.
pub(super) fn find(method: &str, path: &str) -> Option<(&'static Route, Vec<String>)> {
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    // HEAD asks what GET would answer.
    let method = if method == "HEAD" { "GET" } else { method };
    ROUTES.iter().filter(|r| r.method == method).find_map(|route| {
        let template: Vec<&str> = route.template.trim_start_matches('/').split('/').collect();
        let mut values = Vec::new();
        fits(&template, &segments, &mut values).then_some((route, values))
    })
}

/// Names of parameters that may hold slashes.
const LONG: &[&str] = &["{ref}", "{path}", "{branch}", "{basehead}"];

fn fits(template: &[&str], segments: &[&str], values: &mut Vec<String>) -> bool {
    let Some((first, rest)) = template.split_first() else {
        return segments.is_empty();
    };
    if !first.starts_with('{') {
        return segments.first() == Some(first) && fits(rest, &segments[1..], values);
    }
    // The contents of the root folder have an empty path.
    if *first == "{path}" && segments.is_empty() {
        values.push(String::new());
        return true;
    }
    let most = if LONG.contains(first) {
        segments.len()
    } else {
        segments.len().min(1)
    };
    for taken in 1..=most {
        let value = segments[..taken].join("/");
        if value.is_empty() && *first != "{path}" {
            return false;
        }
        values.push(decode(&value));
        if fits(rest, &segments[taken..], values) {
            return true;
        }
        values.pop();
    }
    false
}

/// Undoes percent-encoding.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let byte = tail
            .get(..2)
            .filter(|_| *first == b'%')
            .and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        if let Some(byte) = byte {
            bytes.push(byte);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn paths_find_their_routes_with_decoded_values() {
        let (route, values) = find("GET", "/repos/o/r/collaborators/footplate%5Bbot%5D/permission").unwrap();
        assert_eq!(
            route.template,
            "/repos/{owner}/{repo}/collaborators/{username}/permission"
        );
        assert_eq!(values, ["o", "r", "footplate[bot]"]);
        let (_, values) = find("GET", "/repos/o/r/git/ref/heads/a/b").unwrap();
        assert_eq!(values[2], "heads/a/b");
        let (route, values) = find("GET", "/repos/o/r/commits/a/b/check-runs").unwrap();
        assert_eq!(
            (route.template, values[2].as_str()),
            ("/repos/{owner}/{repo}/commits/{ref}/check-runs", "a/b")
        );
        let (route, _) = find("GET", "/repos/o/r/issues/comments/7").unwrap();
        assert_eq!(
            route.template,
            "/repos/{owner}/{repo}/issues/comments/{comment_id}"
        );
        assert!(find("GET", "/repos/o/r/nonsense").is_none());
        assert!(find("PUT", "/repos/o/r/issues/1").is_none());
    }
}
