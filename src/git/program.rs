//! The machine's git program: found once, its version checked, its surroundings fixed.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::call::Call;
use super::error::Error;
use super::mirror::Locks;

/// The oldest git that we use: `merge-tree --write-tree` came with 2.38, everything else that we name is older.
const OLDEST: (u32, u32) = (2, 38);

/// Where git is looked for when no search path is given.
const USUAL_FOLDERS: &str = "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin";

/// How long git may take to say its version: milliseconds, or a cold disk.
const VERSION_TIME: Duration = Duration::from_mins(1);

/// What git may be given from outside.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The git program; looked for along `search_path` where it is `None`.
    pub program: Option<PathBuf>,
    /// The value of `PATH`, read by whoever may read the environment.
    pub search_path: Option<OsString>,
    /// The program that git asks for credentials: our own, which sees by its environment that it is asked
    /// (see [`super::askpass_wanted`]). Without it, remotes that want credentials are refused.
    pub askpass: Option<PathBuf>,
    /// Variables that reach git although its environment is cleared: proxies and certificate stores, such
    /// as `https_proxy`, `no_proxy` and `GIT_SSL_CAINFO`.
    pub environment: Vec<(OsString, OsString)>,
    /// How long git may take.
    pub deadlines: Deadlines,
}

/// How long git may take before it is killed.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// For work on this machine. Default 10 min: a checkout of 100,000 files takes 5 s on an idle disk, and
    /// a hundred times that is a broken one.
    pub local: Duration,
    /// For work over the network. Default 30 min: the first fetch of a repository of several gigabytes.
    pub network: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            local: Duration::from_mins(10),
            network: Duration::from_mins(30),
        }
    }
}

/// The git program of this machine, with the locks of the mirrors that it works on.
///
/// Cheap to clone. Two mirrors opened at one path through clones of one `Git` share their locks, so a
/// process should make one and pass it on.
#[derive(Clone)]
pub struct Git {
    inner: Arc<Inner>,
}

struct Inner {
    program: PathBuf,
    version: (u32, u32),
    settings: Settings,
    locks: Mutex<HashMap<PathBuf, Arc<Locks>>>,
}

impl Git {
    /// Finds the git program and checks that it is recent enough.
    ///
    /// # Errors
    /// [`Error::NoGit`] where there is none, or one older than 2.38; its text says what to install.
    pub async fn find(settings: Settings) -> Result<Self, Error> {
        let program = match &settings.program {
            Some(program) if program.is_absolute() => program.clone(),
            Some(program) => {
                return Err(Error::NoGit {
                    why: format!("{} is not an absolute path", program.display()),
                });
            }
            None => look_for_git(
                settings
                    .search_path
                    .as_deref()
                    .unwrap_or(OsStr::new(USUAL_FOLDERS)),
            )?,
        };
        let mut git = Self {
            inner: Arc::new(Inner {
                program,
                version: (0, 0),
                settings,
                locks: Mutex::default(),
            }),
        };
        let answer = Call::bare(&git, "version")
            .arg("--version")
            .within(VERSION_TIME)
            .succeed()
            .await
            .map_err(|error| Error::NoGit {
                why: format!("{} does not run: {error}", git.program().display()),
            })?;
        let text = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
        let version = parse_version(&text).ok_or_else(|| Error::NoGit {
            why: format!("it calls itself {text:?}"),
        })?;
        if version < OLDEST {
            let (major, minor) = OLDEST;
            return Err(Error::NoGit {
                why: format!("{text} is too old; install {major}.{minor} or newer"),
            });
        }
        if let Some(inner) = Arc::get_mut(&mut git.inner) {
            inner.version = version;
        }
        Ok(git)
    }

    /// The absolute path of the git program.
    pub fn program(&self) -> &Path {
        &self.inner.program
    }

    /// The program's version, major and minor.
    pub fn version(&self) -> (u32, u32) {
        self.inner.version
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    pub(super) fn locks(&self, mirror: &Path) -> Arc<Locks> {
        let mut locks = self.inner.locks.lock().unwrap_or_else(PoisonError::into_inner);
        locks.entry(mirror.to_owned()).or_default().clone()
    }
}

impl std::fmt::Debug for Git {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (major, minor) = self.inner.version;
        write!(f, "git {major}.{minor} at {}", self.inner.program.display())
    }
}

fn look_for_git(search_path: &OsStr) -> Result<PathBuf, Error> {
    std::env::split_paths(search_path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join("git"))
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| Error::NoGit {
            why: format!(
                "there is no `git` in {}; install git 2.38 or newer",
                search_path.display()
            ),
        })
}

/// Reads `git version 2.47.3` and what vendors append to it.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.strip_prefix("git version ")?.split('.');
    let major = numbers.next()?.parse().ok()?;
    let minor = numbers
        .next()?
        .chars()
        .take_while(char::is_ascii_digit)
        .collect::<String>()
        .parse()
        .ok()?;
    Some((major, minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_with_the_suffixes_that_vendors_append() {
        assert_eq!(parse_version("git version 2.47.3"), Some((2, 47)));
        assert_eq!(parse_version("git version 2.39.5 (Apple Git-154)"), Some((2, 39)));
        assert_eq!(parse_version("git version 2.50-rc1"), Some((2, 50)));
        assert_eq!(parse_version("hub version 3"), None);
    }

    #[tokio::test]
    async fn a_machine_without_git_is_told_what_to_install() {
        let nowhere = tempfile::tempdir().unwrap();
        let settings = Settings {
            search_path: Some(nowhere.path().as_os_str().to_owned()),
            ..Settings::default()
        };
        let error = Git::find(settings).await.unwrap_err();
        assert!(error.to_string().contains("install git 2.38"), "{error}");
    }

    #[tokio::test]
    async fn an_old_git_is_refused_with_its_version() {
        let folder = tempfile::tempdir().unwrap();
        let fake = folder.path().join("git");
        crate::git::tests::script(&fake, "#!/bin/sh\necho git version 2.17.1\n");
        let settings = Settings {
            program: Some(fake),
            ..Settings::default()
        };
        let error = Git::find(settings).await.unwrap_err();
        assert!(error.to_string().contains("2.17.1 is too old"), "{error}");
    }
}
