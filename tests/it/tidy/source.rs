//! Reads Rust files as far as the rules need it: code without comments, texts and tests, beside the texts.

use std::path::{Path, PathBuf};

/// A Rust file, taken apart. Lines keep their numbers in every part.
pub(crate) struct Source {
    /// Where it is, from the repository's root, with `/`.
    pub path: String,
    /// All of it.
    pub text: String,
    /// The code: comments, the contents of texts, and items under `#[cfg(test)]` are blank.
    pub code: String,
    /// The texts in that code: line and content.
    pub texts: Vec<(usize, String)>,
    /// Whether the whole file is compiled for tests only.
    pub test: bool,
    /// The modules that are declared under `#[cfg(test)]` without a body.
    test_modules: Vec<String>,
}

/// All Rust files of the repository.
pub(crate) struct Tree {
    /// The files, by path.
    pub files: Vec<Source>,
}

impl Tree {
    /// Reads `src`, `tests` and `benches` under `root`.
    pub(crate) fn read(root: &Path) -> Self {
        let mut paths = Vec::new();
        for folder in ["src", "tests", "benches"] {
            walk(&root.join(folder), "rs", &mut paths);
        }
        let mut files: Vec<Source> = Vec::new();
        for path in paths {
            let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            files.push(Source::parse(&relative(root, &path), &text));
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let prefixes: Vec<String> = files
            .iter()
            .flat_map(|f| f.test_modules.iter().map(|m| format!("{}/{m}", f.folder())))
            .collect();
        for file in &mut files {
            file.test |= prefixes
                .iter()
                .any(|p| file.path == format!("{p}.rs") || file.path.starts_with(&format!("{p}/")));
        }
        Self { files }
    }
}

impl Source {
    /// Takes a file apart.
    pub(crate) fn parse(path: &str, text: &str) -> Self {
        let (code, texts) = strip(text);
        let (code, test_modules) = without_tests(&code);
        let lines: Vec<&str> = code.lines().collect();
        let texts = texts
            .into_iter()
            .filter(|(line, _)| lines.get(line - 1).is_some_and(|l| l.contains('"')))
            .collect();
        let test = path.starts_with("tests/") || path.ends_with("/tests.rs") || path.contains("/tests/");
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code,
            texts,
            test,
            test_modules,
        }
    }

    /// The module of the crate it belongs to, `git` for `src/git/mirror.rs`; none for `lib.rs` and outside `src`.
    pub(crate) fn module(&self) -> Option<&str> {
        let first = self.path.strip_prefix("src/")?.split('/').next()?;
        let module = first.strip_suffix(".rs").unwrap_or(first);
        (!matches!(module, "lib" | "main")).then_some(module)
    }

    /// How many modules deep its code stands: 1 for `src/git/mod.rs`, 2 for `src/git/mirror.rs`.
    fn depth(&self) -> usize {
        let parts = self.path.split('/').count() - 1;
        let last = self.path.rsplit('/').next().unwrap_or_default();
        if matches!(last, "mod.rs" | "lib.rs" | "main.rs") {
            parts - 1
        } else {
            parts
        }
    }

    /// The folder in which its submodules lie.
    fn folder(&self) -> String {
        let (folder, file) = self.path.rsplit_once('/').unwrap_or(("", &self.path));
        match file {
            "mod.rs" | "lib.rs" | "main.rs" => folder.to_owned(),
            _ => self.path.trim_end_matches(".rs").to_owned(),
        }
    }

    /// The crate's modules that its code names, with lines: by `crate::…`, in groups, or by a chain of `super`.
    pub(crate) fn imports(&self) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        for start in words(&self.code, "crate") {
            if let Some(rest) = after_colons(&self.code, start + "crate".len()) {
                self.heads(rest, &mut found);
            }
        }
        let chain = "super::".repeat(self.depth());
        for start in words(&self.code, "super") {
            let begins = !self.code[..start].trim_end().ends_with("::");
            if begins && self.code[start..].starts_with(&chain) {
                self.heads(start + chain.len(), &mut found);
            }
        }
        found
    }

    /// The names that stand at `at`: one, or those of a group.
    fn heads(&self, at: usize, found: &mut Vec<(usize, String)>) {
        let rest = &self.code[at..];
        let Some(group) = rest.strip_prefix('{') else {
            let name: String = rest.chars().take_while(|c| is_word(*c)).collect();
            if !name.is_empty() && name != "super" {
                found.push((line_of(&self.code, at), name));
            }
            return;
        };
        let (mut depth, mut fresh) = (1, true);
        for (i, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => fresh = true,
                c if depth == 1 && fresh && is_word(c) => {
                    fresh = false;
                    self.heads(at + 1 + i, found);
                }
                _ => {}
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// The lines on which its code names `path`, such as `sqlx` or `std::fs`, as the root of a path.
    pub(crate) fn names(&self, path: &str) -> Vec<usize> {
        words(&self.code, path)
            .into_iter()
            .filter(|start| {
                let before = self.code[..*start].trim_end();
                let after = self.code[start + path.len()..].trim_start();
                let imported = before.ends_with("use") && after.starts_with(';');
                let root = !before.ends_with("::") && !before.ends_with('.');
                root && (path.contains("::") || after.starts_with("::") || imported)
            })
            .map(|start| line_of(&self.code, start))
            .collect()
    }
}

/// The Markdown files of the repository, with their paths from its root.
pub(crate) fn documents(root: &Path) -> Vec<(String, String)> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for folder in ["docs", "deploy"] {
        walk(&root.join(folder), "md", &mut paths);
    }
    for file in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md"] {
        paths.push(root.join(file));
    }
    let read =
        |path: &PathBuf| std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    paths
        .iter()
        .map(|path| (relative(root, path), read(path)))
        .collect()
}

/// The examples of a document that say after `yaml` what they are examples of: kind, line and text.
pub(crate) fn examples(text: &str) -> Vec<(String, usize, String)> {
    let mut found = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        if let Some(kind) = line.strip_prefix("```yaml ") {
            let example: Vec<&str> = lines
                .by_ref()
                .map(|(_, line)| line)
                .take_while(|line| *line != "```")
                .collect();
            found.push((kind.to_owned(), at + 1, example.join("\n")));
        }
    }
    found
}

fn relative(root: &Path, path: &Path) -> String {
    let inside = path.strip_prefix(root).expect("the walk stays inside");
    inside
        .to_str()
        .expect("our file names are UTF-8")
        .replace('\\', "/")
}

fn walk(folder: &Path, extension: &str, paths: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for entry in entries {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            walk(&path, extension, paths);
        } else if path.extension().is_some_and(|e| e == extension) {
            paths.push(path);
        }
    }
}

/// Blanks comments and the contents of texts; returns the texts with the lines on which they begin.
fn strip(text: &str) -> (String, Vec<(usize, String)>) {
    let mut out = String::with_capacity(text.len());
    let mut texts = Vec::new();
    let mut rest = text;
    let mut previous = ' ';
    let mut line = 1;
    while let Some(c) = rest.chars().next() {
        let end = if rest.starts_with("//") {
            let end = rest.find('\n').unwrap_or(rest.len());
            blank(&rest[..end], &mut out);
            end
        } else if rest.starts_with("/*") {
            let end = block_comment(rest);
            blank(&rest[..end], &mut out);
            end
        } else if let Some((open, content, close)) = literal(rest, previous) {
            texts.push((line, rest[open..open + content].to_owned()));
            out.push_str(&rest[..open]);
            blank(&rest[open..open + content], &mut out);
            out.push_str(&rest[open + content..open + content + close]);
            open + content + close
        } else if let Some(end) = character(rest) {
            blank(&rest[..end], &mut out);
            end
        } else {
            out.push(c);
            c.len_utf8()
        };
        line += rest[..end].matches('\n').count();
        previous = rest[..end].chars().next_back().unwrap_or(' ');
        rest = &rest[end..];
    }
    (out, texts)
}

fn blank(part: &str, out: &mut String) {
    out.extend(part.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
}

/// The length of the block comment at the beginning; they nest.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

/// The lengths of opening, content and closing of the string literal at the beginning.
fn literal(text: &str, previous: char) -> Option<(usize, usize, usize)> {
    if is_word(previous) {
        return None;
    }
    let prefix = ["br", "cr", "r", "b", "c", ""]
        .into_iter()
        .find(|p| text.strip_prefix(p).is_some_and(|t| t.starts_with(['"', '#'])))?;
    let after = &text[prefix.len()..];
    let hashes = after.len() - after.trim_start_matches('#').len();
    if !after[hashes..].starts_with('"') || (hashes > 0 && !prefix.ends_with('r')) {
        return None;
    }
    let open = prefix.len() + hashes + 1;
    let content = &text[open..];
    if prefix.ends_with('r') {
        let close = format!("\"{}", "#".repeat(hashes));
        return content.find(&close).map(|end| (open, end, close.len()));
    }
    let mut escaped = false;
    for (i, c) in content.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some((open, i, 1)),
            _ => {}
        }
    }
    None
}

/// The length of the character literal at the beginning; a lifetime is none.
fn character(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('\'')?;
    let mut chars = inner.char_indices();
    let (_, first) = chars.next()?;
    if first == '\\' {
        let (at, _) = chars.nth(1).into_iter().chain(chars).find(|(_, c)| *c == '\'')?;
        return Some(at + 2);
    }
    let (at, second) = chars.next()?;
    (second == '\'').then_some(at + 2)
}

/// Blanks the items under `#[cfg(test)]`, and names the modules among them that lie in files of their own.
fn without_tests(code: &str) -> (String, Vec<String>) {
    const MARK: &str = "#[cfg(test)]";
    let mut out = String::with_capacity(code.len());
    let mut modules = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find(MARK) {
        out.push_str(&rest[..at]);
        let end = at + MARK.len() + item(&rest[at + MARK.len()..]);
        blank(&rest[at..end], &mut out);
        let body = rest[at + MARK.len()..end].trim();
        if let Some(name) = body.strip_suffix(';').and_then(|b| b.rsplit_once("mod ")) {
            modules.push(name.1.trim().to_owned());
        }
        rest = &rest[end..];
    }
    out.push_str(rest);
    (out, modules)
}

/// The length of the item at the beginning: to its `;`, or to the end of its braces.
fn item(code: &str) -> usize {
    let (mut braces, mut other) = (0_usize, 0_usize);
    for (i, c) in code.char_indices() {
        match c {
            '{' => braces += 1,
            '}' => {
                braces = braces.saturating_sub(1);
                if braces == 0 && other == 0 {
                    return i + 1;
                }
            }
            '(' | '[' => other += 1,
            ')' | ']' => other = other.saturating_sub(1),
            ';' if braces == 0 && other == 0 => return i + 1,
            _ => {}
        }
    }
    code.len()
}

/// Where `word` stands as a word of its own.
fn words(code: &str, word: &str) -> Vec<usize> {
    code.match_indices(word)
        .filter(|(at, _)| {
            let before = code[..*at].chars().next_back();
            let after = code[at + word.len()..].chars().next();
            !before.is_some_and(is_word) && !after.is_some_and(is_word)
        })
        .map(|(at, _)| at)
        .collect()
}

/// The place after the `::` that follows, if it does.
fn after_colons(code: &str, at: usize) -> Option<usize> {
    let rest = code[at..].trim_start().strip_prefix("::")?.trim_start();
    Some(code.len() - rest.len())
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn line_of(code: &str, at: usize) -> usize {
    1 + code[..at].matches('\n').count()
}
