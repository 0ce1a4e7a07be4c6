//! What this machine offers to a sandbox, looked up once at start.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::cgroup::Hierarchy;
use crate::agent::environment;

/// Our own program, started again to become a confined child.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnProgram {
    /// Its file, an absolute path.
    pub file: PathBuf,
    /// What goes before the subcommand; empty for the real one.
    pub arguments: Vec<String>,
}

impl OwnProgram {
    /// The program in this file, whose first argument is a subcommand.
    pub fn new(file: PathBuf) -> Self {
        Self {
            file,
            arguments: Vec::new(),
        }
    }
}

/// What [`super::Sandbox::wrap`] must know of the machine, so that it need not look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Our own program.
    pub own: OwnProgram,
    /// Bubblewrap, if it is installed.
    pub bwrap: Option<PathBuf>,
    /// Whether the server is root, whose capabilities a child must lose.
    pub(super) root: bool,
    /// The program that takes them away.
    pub(super) setpriv: Option<PathBuf>,
    /// The system's folders, and how they come into a namespace.
    pub(super) roots: Vec<Root>,
    /// Where a group of processes can be limited, if anywhere.
    pub(super) cgroup: Option<Hierarchy>,
}

/// A system folder or file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Root {
    /// It is bound.
    Bound(PathBuf),
    /// It is a link to this target, as `/bin` is to `usr/bin`.
    Link(PathBuf, PathBuf),
}

/// What a program needs to run and to name hosts, users and times. The rest of `/etc` may hold keys.
const ETC: &[&str] = &[
    "alternatives",
    "ca-certificates",
    "ca-certificates.conf",
    "crypto-policies",
    "debian_version",
    "default/locale",
    "fonts",
    "gai.conf",
    "group",
    "host.conf",
    "hosts",
    "inputrc",
    "java-11-openjdk",
    "java-17-openjdk",
    "java-21-openjdk",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "locale.conf",
    "machine-id",
    "mime.types",
    "nsswitch.conf",
    "os-release",
    "passwd",
    "pki/ca-trust",
    "pki/tls/certs",
    "protocols",
    "services",
    "shells",
    "ssl/certs",
    "ssl/openssl.cnf",
    "terminfo",
    "timezone",
];

impl Host {
    /// Looks around. `path` is the search path for programs.
    pub fn look(own: OwnProgram, path: &str) -> Self {
        let system =
            ["usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32"].map(|name| Path::new("/").join(name));
        let etc = ETC.iter().map(|name| Path::new("/etc").join(name));
        let roots = system.into_iter().chain(etc).filter_map(|path| {
            // A link within /etc is bound as the file that it leads to.
            match path.read_link() {
                Ok(target) if !path.starts_with("/etc") => Some(Root::Link(path, target)),
                _ => path.exists().then_some(Root::Bound(path)),
            }
        });
        Self {
            roots: roots.collect(),
            bwrap: environment::find("bwrap", path).ok(),
            root: nix::unistd::geteuid().is_root(),
            setpriv: environment::find("setpriv", path).ok(),
            cgroup: Hierarchy::find(),
            own,
        }
    }
}

/// Lists what must be readable so that these programs run: where the search path has them, and where they really
/// lie. Of a program from npm that is the outermost `node_modules`. What lies under `/usr` is there anyway.
pub fn installs<'p>(programs: impl IntoIterator<Item = &'p str>, path: &str) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for program in programs {
        let Ok(file) = environment::find(program, path) else {
            continue;
        };
        let real = file.canonicalize().unwrap_or_else(|_| file.clone());
        let modules = real
            .ancestors()
            .filter(|folder| folder.ends_with("node_modules"))
            .last();
        let home = modules.or_else(|| real.parent()).map(Path::to_owned);
        for folder in file.parent().map(Path::to_owned).into_iter().chain(home) {
            if !folder.starts_with("/usr") && folder != Path::new("/") && !folders.contains(&folder) {
                folders.push(folder);
            }
        }
    }
    folders
}

/// Lists the toolchains that these variables name, as far as they hold no secrets: of a `CARGO_HOME` the programs,
/// sources and settings, and not the credentials.
pub fn toolchains(variables: &BTreeMap<String, String>) -> Vec<PathBuf> {
    const PARTS: &[(&str, &[&str])] = &[
        ("CARGO_HOME", &["bin", "registry", "git", "config.toml", "env"]),
        ("RUSTUP_HOME", &[""]),
        ("GOROOT", &[""]),
        ("JAVA_HOME", &[""]),
        ("PYENV_ROOT", &[""]),
        ("VIRTUAL_ENV", &[""]),
    ];
    let named = PARTS
        .iter()
        .filter_map(|(name, parts)| Some((variables.get(*name)?, parts)));
    named
        .filter(|(folder, _)| folder.starts_with('/'))
        .flat_map(|(folder, parts)| parts.iter().map(move |part| Path::new(folder).join(part)))
        .collect()
}
