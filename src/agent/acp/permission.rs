//! What the bridge answers when an agent asks whether it may.

use std::path::{Component, Path};

use agent_client_protocol::v1::schema::{
    PermissionOption, PermissionOptionId, PermissionOptionKind, ToolCallUpdate, ToolKind,
};

/// Whether a call may be made. Steps that only read may still write artifacts.
pub(super) fn allows(call: &ToolCallUpdate, root: &Path, read_only: bool) -> bool {
    if !read_only {
        return true;
    }
    match call.fields.kind.unwrap_or_default() {
        ToolKind::Read | ToolKind::Search | ToolKind::Think | ToolKind::Fetch => true,
        ToolKind::Edit => call.fields.locations.as_ref().is_some_and(|locations| {
            !locations.is_empty() && locations.iter().all(|location| is_artifact(&location.path, root))
        }),
        _ => false,
    }
}

fn is_artifact(path: &Path, root: &Path) -> bool {
    let path = path.strip_prefix(root).unwrap_or(path);
    let mut parts = path.components().filter(|part| *part != Component::CurDir);
    parts.next() == Some(Component::Normal(".footplate".as_ref()))
        && parts.all(|part| matches!(part, Component::Normal(_)))
}

/// The option to select: by its kind, never by its place or its words; the narrowest of those that fit.
pub(super) fn select(options: &[PermissionOption], allowed: bool) -> Option<PermissionOptionId> {
    let kinds = if allowed {
        [PermissionOptionKind::AllowOnce, PermissionOptionKind::AllowAlways]
    } else {
        [
            PermissionOptionKind::RejectOnce,
            PermissionOptionKind::RejectAlways,
        ]
    };
    kinds.iter().find_map(|kind| {
        options
            .iter()
            .find(|option| option.kind == *kind)
            .map(|option| option.option_id.clone())
    })
}

#[cfg(test)]
mod tests {
    use agent_client_protocol::v1::schema::{ToolCallLocation, ToolCallUpdateFields};

    use super::*;

    fn call(kind: ToolKind, path: Option<&str>) -> ToolCallUpdate {
        let locations = path.map(|path| vec![ToolCallLocation::new(path)]);
        ToolCallUpdate::new("1", ToolCallUpdateFields::new().kind(kind).locations(locations))
    }

    #[test]
    fn a_reading_step_may_read_and_write_artifacts() {
        let root = Path::new("/tree");
        let table = [
            (ToolKind::Read, None, true),
            (ToolKind::Execute, None, false),
            (ToolKind::Edit, None, false),
            (ToolKind::Edit, Some("/tree/src/a.rs"), false),
            (ToolKind::Edit, Some("/tree/.footplate/plan.md"), true),
            (ToolKind::Edit, Some(".footplate/plan.md"), true),
            (ToolKind::Edit, Some("/tree/.footplate/../src/a.rs"), false),
            (ToolKind::Delete, Some("/tree/.footplate/plan.md"), false),
        ];
        for (kind, path, wanted) in table {
            assert_eq!(allows(&call(kind, path), root, true), wanted, "{kind:?} {path:?}");
            assert!(allows(&call(kind, path), root, false));
        }
    }

    #[test]
    fn the_narrowest_option_of_the_right_kind_is_selected() {
        let option = |id: &'static str, kind| PermissionOption::new(id, id, kind);
        let options = [
            option("always", PermissionOptionKind::AllowAlways),
            option("no", PermissionOptionKind::RejectOnce),
            option("once", PermissionOptionKind::AllowOnce),
        ];
        assert_eq!(select(&options, true), Some("once".into()));
        assert_eq!(select(&options, false), Some("no".into()));
        assert_eq!(select(&options[..1], false), None);
    }
}
