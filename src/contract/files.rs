//! The files that a plan may touch, as globs.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// Compiled globs of a plan; make it once for a whole diff.
#[derive(Debug, Clone)]
pub struct Files(GlobSet);

impl Files {
    /// Compiles the globs; one that is broken matches nothing, for the lint has told it.
    pub fn new<'a>(globs: impl IntoIterator<Item = &'a str>) -> Self {
        let mut set = GlobSetBuilder::new();
        for glob in globs {
            for pattern in patterns(glob) {
                if let Ok(glob) = compile(&pattern) {
                    set.add(glob);
                }
            }
        }
        Self(set.build().unwrap_or_default())
    }

    /// Whether a glob matches the path, or names a directory above it.
    ///
    /// A path that no plan may touch (absolute, with `..`, below `.git` or `.footplate`) never matches.
    pub fn touches(&self, path: &str) -> bool {
        forbidden(path).is_none() && self.0.is_match(path)
    }
}

/// A relative path or glob in its plain form.
///
/// # Errors
/// No plan may name it; the text is the end of a sentence that begins with the path.
pub(super) fn check(text: &str) -> Result<String, String> {
    let plain = text.strip_prefix("./").unwrap_or(text);
    if let Some(why) = forbidden(plain) {
        return Err(why.to_owned());
    }
    match compile(plain.trim_end_matches('/')) {
        Ok(_) => Ok(plain.to_owned()),
        Err(error) => Err(format!("is no valid glob: {}", error.kind())),
    }
}

/// Whether two globs may match the same file. Where that cannot be told, they may.
pub(super) fn overlap(one: &str, other: &str) -> bool {
    let (one, other) = (one.trim_end_matches('/'), other.trim_end_matches('/'));
    let literal = |glob: &str| glob.find(['*', '?', '[', '{']).unwrap_or(glob.len());
    let (one_literal, other_literal) = (literal(one), literal(other));
    if one_literal == one.len() && Files::new([other]).touches(one)
        || other_literal == other.len() && Files::new([one]).touches(other)
    {
        return true;
    }
    if one_literal == one.len() || other_literal == other.len() {
        // A plain path that the other glob does not match may still be a folder above what that matches.
        let (plain, glob) = if one_literal == one.len() {
            (one, other)
        } else {
            (other, one)
        };
        return glob.starts_with(&format!("{plain}/"));
    }
    let (one, other) = (&one[..one_literal], &other[..other_literal]);
    one.starts_with(other) || other.starts_with(one)
}

fn forbidden(path: &str) -> Option<&'static str> {
    if path.is_empty() || path == "." || path == "./" {
        return Some(
            "names no file; name the files or folders of the work, relative to the repository's root",
        );
    }
    if path.starts_with('/')
        || path.starts_with('~')
        || path.contains('\\')
        || path.as_bytes().get(1) == Some(&b':')
    {
        return Some("must be relative to the repository's root, with `/` between its parts");
    }
    if path.chars().any(char::is_control) {
        return Some("holds a control character");
    }
    let mut parts = path.split('/');
    if parts.clone().any(|part| part == "..") {
        return Some("must not hold `..`");
    }
    if parts.clone().any(|part| part.eq_ignore_ascii_case(".git")) {
        return Some("must not lie within `.git`");
    }
    if parts
        .next()
        .is_some_and(|part| part.eq_ignore_ascii_case(".footplate"))
    {
        return Some("must not lie within `.footplate`, which holds the artifacts");
    }
    None
}

fn patterns(glob: &str) -> [String; 2] {
    let plain = glob.trim_end_matches('/');
    [plain.to_owned(), format!("{plain}/**")]
}

fn compile(pattern: &str) -> Result<globset::Glob, globset::Error> {
    GlobBuilder::new(pattern).literal_separator(true).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_touches_what_its_globs_match_and_what_lies_below_its_folders() {
        let table = [
            ("src/a.py", "src/a.py", true),
            ("src/a.py", "src/b.py", false),
            ("src/", "src/x/y.rs", true),
            ("src", "src/x/y.rs", true),
            ("src", "srcs/x", false),
            ("src/*.rs", "src/a.rs", true),
            ("src/*.rs", "src/x/a.rs", false),
            ("src/**/*.rs", "src/x/y/a.rs", true),
            ("**/*.md", "README.md", true),
            ("docs/{a,b}.md", "docs/b.md", true),
            ("tests/test_?.py", "tests/test_1.py", true),
            ("**", ".git/config", false),
            ("**", "sub/.GIT/config", false),
            ("**", ".footplate/plan.md", false),
            ("**", "a/../../etc/passwd", false),
            ("**", "/etc/passwd", false),
            ("**", ".github/workflows/ci.yml", true),
        ];
        for (glob, path, wanted) in table {
            assert_eq!(Files::new([glob]).touches(path), wanted, "{glob} {path}");
        }
    }

    #[test]
    fn paths_outside_the_work_are_refused() {
        for bad in [
            "",
            ".",
            "./",
            "/etc",
            "~/x",
            "..",
            "a/../b",
            ".git",
            ".git/hooks/x",
            "sub/.git/x",
            ".GIT/x",
            ".footplate/plan.md",
            "a\\b",
            "c:/x",
            "a\nb",
            "src/[a",
            "{a,b",
        ] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
        for good in [
            "src/a.py",
            "./src/a.py",
            ".github/x.yml",
            ".gitignore",
            "a..b",
            "src/",
            "**/*.rs",
            "{a,b}/c",
        ] {
            assert!(check(good).is_ok(), "{good:?}");
        }
        assert_eq!(check("./src/a.py").as_deref(), Ok("src/a.py"));
    }
}
