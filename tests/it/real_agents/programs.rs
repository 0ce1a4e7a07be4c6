//! How each agent program is started in a bare environment, with a home of its own and one provider.

#![expect(
    clippy::disallowed_methods,
    reason = "these tests start the programs as the product would"
)]

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::Semaphore;

/// Generous: the slowest takes half a minute on a busy machine with two cores.
const GUARD: Duration = Duration::from_mins(4);

/// They use up to a gigabyte and two cores each, so they take turns.
static TURN: Semaphore = Semaphore::const_new(1);

/// An agent program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Program {
    Claude,
    Codex,
    Gemini,
    Qwen,
    Kimi,
    Opencode,
}

impl Program {
    fn name(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Codex => "codex",
            Self::Gemini => "gemini",
            Self::Qwen => "qwen",
            Self::Kimi => "kimi",
            Self::Opencode => "opencode",
        }
    }

    /// A model that the program knows, or does not mind; Gemini's replaces some names by others.
    pub(super) fn model(self) -> &'static str {
        match self {
            Self::Claude => "claude-sonnet-5-5",
            Self::Codex => "gpt-5.3-codex",
            Self::Gemini => "gemini-3-flash-preview",
            Self::Qwen | Self::Kimi | Self::Opencode => "scripted-1",
        }
    }

    fn binary(self) -> PathBuf {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/agents/bin");
        let binary = folder.join(self.name());
        assert!(
            binary.exists(),
            "{} is missing; ./scripts/agents installs it",
            binary.display()
        );
        binary
    }
}

/// A repository with one file, and a private home beside it.
pub(super) struct Scene {
    program: Program,
    folder: TempDir,
}

/// What a program said, and how it ended.
pub(super) struct Said {
    pub(super) code: Option<i32>,
    pub(super) out: String,
    pub(super) err: String,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit {:?}\n{}\n{}", self.code, self.out, self.err)
    }
}

impl Scene {
    pub(super) fn new(program: Program) -> Self {
        let folder = tempfile::Builder::new()
            .prefix(program.name())
            .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
            .expect("a temporary folder");
        for name in ["home", "tmp", "work"] {
            std::fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        let scene = Self { program, folder };
        std::fs::write(scene.work().join("hello.txt"), "hello world\nsecond line\n").expect("a file");
        for arguments in [
            &["init", "--quiet"][..],
            &["add", "."],
            &[
                "-c",
                "user.name=a",
                "-c",
                "user.email=a@b.invalid",
                "commit",
                "--quiet",
                "--message=first",
            ],
        ] {
            let status = std::process::Command::new("git")
                .args(arguments)
                .current_dir(scene.work())
                .env_clear()
                .env("PATH", "/usr/local/bin:/usr/bin:/bin")
                .env("HOME", scene.home())
                .status()
                .expect("git starts");
            assert!(status.success());
        }
        scene
    }

    fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// A file of the repository; empty where it is missing.
    pub(super) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.work().join(name)).unwrap_or_default()
    }

    /// Runs the program headless to its end.
    pub(super) async fn run(&self, base: &str, prompt: &str) -> Said {
        let _turn = TURN.acquire().await.expect("nobody closes it");
        let mut command = Command::new(self.program.binary());
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("LANG", "C.UTF-8")
            .env("HOME", self.home())
            // Codex wants its home outside of the folder for temporary files, wherever this checkout is.
            .env("TMPDIR", self.folder.path().join("tmp"))
            .current_dir(self.work())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        self.tell(&mut command, base, prompt);
        let child = command.spawn().expect("the program starts");
        let ended = tokio::time::timeout(GUARD, child.wait_with_output()).await;
        let output = ended.expect("the program ends in time").expect("its output");
        Said {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    fn tell(&self, command: &mut Command, base: &str, prompt: &str) {
        let (home, model) = (self.home(), self.program.model());
        let v1 = format!("{base}/v1");
        match self.program {
            Program::Claude => {
                command
                    .env("ANTHROPIC_BASE_URL", base)
                    .env("ANTHROPIC_API_KEY", "key-1")
                    .env("CLAUDE_CONFIG_DIR", home.join("claude"))
                    .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
                    .env("DISABLE_AUTOUPDATER", "1")
                    .env("CLAUDE_CODE_MAX_RETRIES", "0")
                    .args([
                        "-p",
                        "--output-format",
                        "stream-json",
                        "--verbose",
                        "--model",
                        model,
                    ])
                    .args(["--permission-mode", "acceptEdits", "--allowedTools", "Bash"])
                    .args(["--no-session-persistence", "--setting-sources", ""])
                    .args(["--strict-mcp-config", "--max-turns", "20", prompt]);
            }
            Program::Codex => {
                let provider = format!(
                    "model_providers.fp={{name=\"fp\",base_url=\"{v1}\",env_key=\"MODEL_KEY\",wire_api=\"responses\",\
                     stream_idle_timeout_ms=60000,stream_max_retries=0,request_max_retries=0}}"
                );
                std::fs::create_dir(home.join("codex")).expect("a folder");
                command
                    .env("CODEX_HOME", home.join("codex"))
                    .env("MODEL_KEY", "key-1")
                    .args(["exec", "--json", "--ephemeral", "--skip-git-repo-check"])
                    .args(["--ignore-user-config", "--ignore-rules", "-m", model])
                    // The folder is a scratch one, and a container may forbid a sandbox within.
                    .arg("--dangerously-bypass-approvals-and-sandbox")
                    .args(["-c", "model_provider=\"fp\"", "-c", &provider])
                    .args(["-c", "check_for_update_on_startup=false"])
                    .args(["-c", "analytics.enabled=false", prompt]);
            }
            Program::Gemini => {
                self.settle(".gemini", "gemini-api-key");
                command
                    .env("GEMINI_API_KEY", "key-1")
                    .env("GOOGLE_GEMINI_BASE_URL", base)
                    .args(["-p", prompt, "-o", "stream-json", "--approval-mode", "yolo"])
                    .args(["--skip-trust", "-m", model]);
            }
            Program::Qwen => {
                self.settle(".qwen", "openai");
                command
                    .env("OPENAI_API_KEY", "key-1")
                    .env("OPENAI_BASE_URL", v1)
                    .env("OPENAI_MODEL", model)
                    .args([prompt, "-o", "stream-json", "--approval-mode", "yolo"])
                    .args(["--auth-type", "openai", "--chat-recording", "false"])
                    .args(["--max-session-turns", "20"]);
            }
            Program::Kimi => {
                command
                    .env("KIMI_CODE_HOME", home.join("kimi"))
                    .env("KIMI_DISABLE_TELEMETRY", "1")
                    .env("KIMI_CODE_NO_AUTO_UPDATE", "1")
                    .env("KIMI_DISABLE_CRON", "1")
                    .env("KIMI_MODEL_NAME", model)
                    .env("KIMI_MODEL_API_KEY", "key-1")
                    .env("KIMI_MODEL_BASE_URL", v1)
                    .env("KIMI_MODEL_MAX_CONTEXT_SIZE", "200000")
                    .env("KIMI_LOOP_MAX_ATTEMPTS_PER_STEP", "1")
                    .args(["-p", prompt, "--output-format", "stream-json"]);
            }
            Program::Opencode => {
                let provider = serde_json::json!({"provider": {"fp": {
                    "npm": "@ai-sdk/openai-compatible",
                    "options": {"baseURL": v1, "apiKey": "key-1"},
                    "models": {model: {"limit": {"context": 200_000, "output": 8000}}},
                }}});
                for (name, folder) in [
                    ("DATA", "data"),
                    ("CONFIG", "config"),
                    ("STATE", "state"),
                    ("CACHE", "cache"),
                ] {
                    command.env(format!("XDG_{name}_HOME"), home.join(folder));
                }
                for what in [
                    "AUTOUPDATE",
                    "MODELS_FETCH",
                    "LSP_DOWNLOAD",
                    "DEFAULT_PLUGINS",
                    "SHARE",
                ] {
                    command.env(format!("OPENCODE_DISABLE_{what}"), "1");
                }
                command
                    .env("OPENCODE_CONFIG_CONTENT", provider.to_string())
                    .args(["run", "--format", "json", "--auto", "--pure"])
                    .args(["-m", &format!("fp/{model}"), "--title", "t", "--dir"])
                    .arg(self.work())
                    .arg(prompt);
            }
        }
    }

    /// Settings without which the program asks how to log in.
    fn settle(&self, folder: &str, kind: &str) {
        let settings = serde_json::json!({
            "security": {"auth": {"selectedType": kind}},
            "general": {"enableAutoUpdate": false},
            "privacy": {"usageStatisticsEnabled": false},
            "telemetry": {"enabled": false},
        });
        let folder = self.home().join(folder);
        std::fs::create_dir(&folder).expect("a folder");
        std::fs::write(folder.join("settings.json"), settings.to_string()).expect("settings");
    }
}
