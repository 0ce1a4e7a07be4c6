//! What the built-in agent can do: read, search, edit and write files of its worktree, and run commands there.

use std::io::Read as _;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::wire::{Call, Outcome, Tool};

/// What of a file or of an output is told to the model; more would crowd out everything else.
const MOST_TEXT: usize = 48 * 1024;
/// A file larger than this is not opened.
const MOST_FILE: u64 = 8 * 1024 * 1024;
/// A command that takes longer is killed; the attempt has limits of its own around this.
const LONGEST_COMMAND: Duration = Duration::from_mins(5);

const READ: Tool = Tool {
    name: "read",
    description: "Reads a text file of the repository.",
    arguments: &[
        ("path", true, "The file, relative to the repository's root."),
        ("from", false, "The first line to show, from 1."),
    ],
};
const GREP: Tool = Tool {
    name: "grep",
    description: "Finds lines by an extended regular expression, with file and line number.",
    arguments: &[
        ("pattern", true, "The expression."),
        (
            "path",
            false,
            "A folder or file; the whole repository where it is left out.",
        ),
    ],
};
const EDIT: Tool = Tool {
    name: "edit",
    description: "Replaces a text that occurs exactly once in a file.",
    arguments: &[
        ("path", true, "The file, relative to the repository's root."),
        ("old", true, "The text as it stands there, with its line ends."),
        ("new", true, "The text that takes its place."),
    ],
};
const WRITE: Tool = Tool {
    name: "write",
    description: "Writes a whole file, new or in place of the old one.",
    arguments: &[
        ("path", true, "The file, relative to the repository's root."),
        ("content", true, "Everything that it shall hold."),
    ],
};
const SHELL: Tool = Tool {
    name: "shell",
    description: "Runs a command with `sh -c` at the repository's root and tells its output and exit code.",
    arguments: &[("command", true, "The command.")],
};

/// The tools, and where they work.
#[derive(Debug)]
pub(super) struct Tools {
    root: PathBuf,
    read_only: bool,
}

/// What a call came to.
#[derive(Debug, PartialEq)]
pub(super) struct Done {
    pub(super) outcome: Outcome,
    /// The file of an edit that did not apply.
    pub(super) failed_edit: Option<String>,
    /// Whether the call itself could not be read.
    pub(super) malformed: bool,
}

impl Tools {
    /// Tools for a worktree. Without the right to change it only artifacts can be written.
    pub(super) fn new(root: PathBuf, read_only: bool) -> Self {
        Self { root, read_only }
    }

    /// What may be called.
    pub(super) fn all(&self) -> Vec<Tool> {
        if self.read_only {
            vec![READ, GREP, WRITE]
        } else {
            vec![READ, GREP, EDIT, WRITE, SHELL]
        }
    }

    /// Does what a call asks for. What goes wrong is told to the model, which can do better.
    pub(super) fn call(&self, call: &Call) -> Done {
        let mut failed_edit = None;
        let (result, malformed) = match &call.arguments {
            Err(text) => {
                let shown: String = text.chars().take(200).collect();
                (Err(format!("the arguments are no JSON object: {shown}")), true)
            }
            Ok(_) if !self.all().iter().any(|tool| tool.name == call.name) => {
                (Err(format!("there is no tool `{}`", call.name)), true)
            }
            Ok(arguments) => {
                let result = self.act(&call.name, arguments);
                if result.is_err() && matches!(call.name.as_str(), "edit" | "write") {
                    failed_edit = Some(text(arguments, "path").unwrap_or_default().to_owned());
                }
                (result, false)
            }
        };
        let failed = result.is_err();
        let text = result.unwrap_or_else(|why| format!("That failed: {why}."));
        Done {
            outcome: Outcome {
                id: call.id.clone(),
                text: clip(&text),
                failed,
            },
            failed_edit,
            malformed,
        }
    }

    fn act(&self, name: &str, arguments: &Value) -> Result<String, String> {
        let wanted = |key| text(arguments, key).ok_or_else(|| format!("the argument `{key}` is missing"));
        match name {
            "read" => self.read(wanted("path")?, line(arguments)),
            "grep" => self.grep(wanted("pattern")?, text(arguments, "path").unwrap_or(".")),
            "edit" => self.edit(wanted("path")?, wanted("old")?, wanted("new")?),
            "write" => self.write(wanted("path")?, wanted("content")?),
            _ => self.shell(wanted("command")?),
        }
    }

    fn read(&self, path: &str, from: usize) -> Result<String, String> {
        let text = load(&self.inside(path)?)?;
        let lines: Vec<String> = text
            .lines()
            .enumerate()
            .skip(from.saturating_sub(1))
            .map(|(index, line)| format!("{}\t{line}", index + 1))
            .collect();
        Ok(lines.join("\n"))
    }

    fn grep(&self, pattern: &str, path: &str) -> Result<String, String> {
        self.inside(path)?;
        let path = if path.starts_with('-') {
            format!("./{path}")
        } else {
            path.to_owned()
        };
        let arguments = ["-rnIE", "--exclude-dir=.git", "-e", pattern, "--", &path];
        let (code, output) = self.run("grep", &arguments)?;
        match code {
            Some(0) => Ok(output),
            Some(1) => Ok("Nothing was found.".to_owned()),
            _ => Err(output),
        }
    }

    fn edit(&self, path: &str, old: &str, new: &str) -> Result<String, String> {
        self.may_change(path)?;
        let file = self.inside(path)?;
        let text = load(&file)?;
        match text.matches(old).count() {
            _ if old.is_empty() => Err("`old` is empty; use `write` for a new file".to_owned()),
            0 => Err(format!("`old` does not occur in {path}; read the file again")),
            1 => {
                save(&file, &text.replacen(old, new, 1))?;
                Ok(format!("{path} was changed."))
            }
            several => Err(format!(
                "`old` occurs {several} times in {path}; give more of its surroundings"
            )),
        }
    }

    fn write(&self, path: &str, content: &str) -> Result<String, String> {
        self.may_change(path)?;
        let file = self.inside(path)?;
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
        }
        save(&file, content)?;
        Ok(format!("{path} was written."))
    }

    fn shell(&self, command: &str) -> Result<String, String> {
        let (code, output) = self.run("sh", &["-c", command])?;
        let code = code.map_or("a signal".to_owned(), |code| format!("exit code {code}"));
        Ok(format!("{output}\n({code})"))
    }

    fn may_change(&self, path: &str) -> Result<(), String> {
        let first = self
            .relative(path)
            .components()
            .find(|part| *part != Component::CurDir);
        let artifact = first == Some(Component::Normal(".footplate".as_ref()));
        if self.read_only && !artifact {
            return Err("this step only reads; it may write files in .footplate/ only".to_owned());
        }
        Ok(())
    }

    /// Models like absolute paths; inside the worktree they mean the same as relative ones.
    fn relative<'a>(&self, path: &'a str) -> &'a Path {
        let path = Path::new(path);
        path.strip_prefix(&self.root).unwrap_or(path)
    }

    /// The file that a path means, if no part of it leads out of the worktree or into git's own files.
    fn inside(&self, path: &str) -> Result<PathBuf, String> {
        let mut file = self.root.clone();
        for part in self.relative(path).components() {
            match part {
                Component::CurDir => {}
                Component::Normal(name) if name == ".git" => {
                    return Err("git's own files are not yours".to_owned());
                }
                Component::Normal(name) => {
                    file.push(name);
                    if file.symlink_metadata().is_ok_and(|meta| meta.is_symlink()) {
                        return Err(format!("{path} leads through a link"));
                    }
                }
                _ => return Err(format!("{path} is not relative to the repository's root")),
            }
        }
        Ok(file)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is the agent's own process; what it starts ends with it"
    )]
    fn run(&self, program: &str, arguments: &[&str]) -> Result<(Option<i32>, String), String> {
        let (mut reader, writer) = std::io::pipe().map_err(|error| error.to_string())?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(&self.root)
            .env_remove("FOOTPLATE_MODEL_KEY")
            .stdin(Stdio::null())
            .stdout(writer.try_clone().map_err(|error| error.to_string())?)
            .stderr(writer);
        let mut child = command.spawn().map_err(|error| format!("{program}: {error}"))?;
        drop(command);
        let reading = std::thread::spawn(move || {
            let (mut kept, mut buffer) = (Vec::new(), [0; 8192]);
            // What is too much is read and dropped, so that the command does not block.
            while let Ok(read) = reader.read(&mut buffer) {
                if read == 0 {
                    break;
                }
                if kept.len() < 4 * MOST_TEXT {
                    kept.extend_from_slice(&buffer[..read]);
                }
            }
            kept
        });
        let started = Instant::now();
        let status = loop {
            match child.try_wait().map_err(|error| error.to_string())? {
                Some(status) => break status,
                None if started.elapsed() > LONGEST_COMMAND => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(format!(
                        "it took longer than {} s and was stopped",
                        LONGEST_COMMAND.as_secs()
                    ));
                }
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        // Something that was left in the background may hold the pipe open for ever.
        let patience = Instant::now();
        while !reading.is_finished() && patience.elapsed() < Duration::from_secs(2) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let output = if reading.is_finished() {
            reading.join().unwrap_or_default()
        } else {
            b"(a process that was left in the background still holds the output)".to_vec()
        };
        Ok((status.code(), String::from_utf8_lossy(&output).into_owned()))
    }
}

fn text<'a>(arguments: &'a Value, key: &str) -> Option<&'a str> {
    arguments.get(key)?.as_str()
}

/// The line to begin with: models send numbers as numbers or as texts.
fn line(arguments: &Value) -> usize {
    let from = arguments.get("from");
    from.and_then(|from| from.as_u64().or_else(|| from.as_str()?.parse().ok()))
        .and_then(|line| usize::try_from(line).ok())
        .unwrap_or(1)
}

fn load(file: &Path) -> Result<String, String> {
    let meta = file
        .symlink_metadata()
        .map_err(|_| "there is no such file".to_owned())?;
    if !meta.is_file() {
        return Err("it is no plain file".to_owned());
    }
    if meta.len() > MOST_FILE {
        return Err(format!("it is larger than {} MiB", MOST_FILE / 1024 / 1024));
    }
    let bytes = std::fs::read(file).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())
}

fn save(file: &Path, text: &str) -> Result<(), String> {
    if file.symlink_metadata().is_ok_and(|meta| !meta.is_file()) {
        return Err("it is no plain file".to_owned());
    }
    std::fs::write(file, text).map_err(|error| error.to_string())
}

fn clip(text: &str) -> String {
    if text.len() <= MOST_TEXT {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(MOST_TEXT);
    format!("{}\n(cut: {} more bytes)", &text[..end], text.len() - end)
}
