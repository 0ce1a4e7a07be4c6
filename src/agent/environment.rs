//! The environment that a child gets: nothing of ours, only what is listed here.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::Error;
use super::marker::{self, Marker};

/// Where programs are looked for unless configuration says otherwise.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The variables of one child.
#[derive(Debug, Clone)]
pub(super) struct Environment {
    variables: BTreeMap<OsString, OsString>,
    /// The search path, for finding the program itself.
    pub(super) path: String,
}

impl Environment {
    /// Prepares a private home and lists the variables: what the operator lets through, then ours over it.
    ///
    /// # Errors
    /// The home cannot be created.
    pub(super) fn prepare(
        home: &Path,
        path: Option<&str>,
        extra: &BTreeMap<String, String>,
        marker: &Marker,
    ) -> Result<Self, Error> {
        let tmp = home.join("tmp");
        private_folder(&tmp).map_err(|source| Error::Folder {
            what: "the private home",
            path: home.to_owned(),
            source,
        })?;
        let path = path.unwrap_or(DEFAULT_PATH).to_owned();
        let mut environment = Self {
            variables: BTreeMap::new(),
            path: path.clone(),
        };
        for (name, value) in extra {
            if !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0') {
                environment.set(name, value);
            }
        }
        environment.set("PATH", path);
        environment.set("HOME", home);
        environment.set("TMPDIR", &tmp);
        environment.set("LANG", "C.UTF-8");
        environment.set(marker::VARIABLE, marker.as_str());
        Ok(environment)
    }

    /// Puts a file into the private home, readable by nobody else.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn put(home: &Path, name: &str, content: &[u8]) -> Result<(), Error> {
        let file = home.join(name);
        let write = || {
            if let Some(folder) = file.parent() {
                private_folder(folder)?;
            }
            let mut options = std::fs::OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            std::io::Write::write_all(&mut options.open(&file)?, content)
        };
        write().map_err(|source| Error::Folder {
            what: "a file of the private home",
            path: file.clone(),
            source,
        })
    }

    /// Sets one variable.
    pub(super) fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.variables.insert(name.into(), value.into());
    }

    /// Sets one variable, or makes sure that it is not set.
    pub(super) fn set_or_unset(&mut self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => self.set(name, value),
            None => {
                self.variables.remove(OsStr::new(name));
            }
        }
    }

    /// All variables.
    pub(super) fn variables(&self) -> impl Iterator<Item = (&OsString, &OsString)> {
        self.variables.iter()
    }

    /// Finds a program as `execvp` would, but never in a folder relative to the worktree.
    ///
    /// # Errors
    /// It is not there, or is named by a relative path.
    pub(super) fn find(&self, program: &str) -> Result<PathBuf, Error> {
        find(program, &self.path)
    }
}

/// Finds a program by absolute path, or by name in the absolute folders of `path`.
pub(super) fn find(program: &str, path: &str) -> Result<PathBuf, Error> {
    let missing = || Error::NoProgram {
        program: program.to_owned(),
        path: path.to_owned(),
    };
    if program.starts_with('/') {
        return if executable(Path::new(program)) {
            Ok(program.into())
        } else {
            Err(missing())
        };
    }
    if program.is_empty() || program.contains('/') {
        return Err(Error::BadCommand(program.to_owned()));
    }
    let folders = path.split(':').filter(|folder| folder.starts_with('/'));
    folders
        .map(|folder| Path::new(folder).join(program))
        .find(|file| executable(file))
        .ok_or_else(missing)
}

fn executable(file: &Path) -> bool {
    file.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

fn private_folder(folder: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}
