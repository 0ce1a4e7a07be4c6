//! From a command line to one that is confined.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::cgroup::Group;
use super::confine::{CONFINE, Plan, Relayed};
use super::fence::Fence;
use super::syscalls::Profile;
use super::{Confinement, Host, OwnProgram, Tier, bubblewrap};

/// Enters the group whose file is the first word, and becomes what the rest says. A shell starts in half the time of
/// our own program, which is the larger by far.
const ENTER: &str = "echo 0 > \"$1\" || \
    { echo \"footplate: the sandbox could not be set up: $1\" >&2; exit 127; }; shift; exec \"$@\"";

/// Confines children in one way, found by [`super::probe()`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sandbox {
    tier: Tier,
    host: Host,
}

/// A command line that confines, and what it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapped {
    /// The program, an absolute path, and its arguments. They hold no secrets.
    pub argv: Vec<OsString>,
    /// Variables to be added.
    pub env: BTreeMap<String, String>,
    /// Whether the program stays outside as the child's keeper, so that its end is the end of everything inside
    /// at once, and its exit code tells a signal that ended the child as 128 plus its number.
    pub keeper: bool,
}

impl Sandbox {
    /// A sandbox of this tier, not tried.
    pub fn new(tier: Tier, host: Host) -> Self {
        Self { tier, host }
    }

    /// Which tier it is.
    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// What it knows of the machine.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Turns a command line into one that confines it. `program` is its first word's file, an absolute path;
    /// `folder` the working directory. Reads nothing and starts nothing.
    ///
    /// # Errors
    /// A path is not valid Unicode, or bubblewrap is wanted and not there.
    pub fn wrap(
        &self,
        confinement: &Confinement,
        program: &Path,
        argv: &[String],
        folder: &Path,
    ) -> std::io::Result<Wrapped> {
        self.wrap_in(None, confinement, program, argv, folder)
    }

    /// A cgroup for one child, where one can be made.
    pub(in crate::agent) fn group(&self, confinement: &Confinement) -> Option<Group> {
        let hierarchy = self.host.cgroup.as_ref().filter(|_| self.tier.confines())?;
        hierarchy.make(&confinement.resources)
    }

    /// The same as [`Self::wrap`], in the cgroup that this file lets in.
    pub(in crate::agent) fn wrap_in(
        &self,
        group: Option<&Path>,
        confinement: &Confinement,
        program: &Path,
        argv: &[String],
        folder: &Path,
    ) -> std::io::Result<Wrapped> {
        let own = &self.host.own;
        let plan = Plan {
            own: own.clone(),
            program: program.to_owned(),
            group: group.map(Path::to_owned),
            relays: Vec::new(),
            fence: None,
            profile: None,
            resources: confinement.resources,
        };
        match self.tier {
            Tier::None => {
                let mut words = vec![OsString::from(program)];
                words.extend(argv.iter().skip(1).map(OsString::from));
                Ok(Wrapped {
                    argv: words,
                    env: variables(confinement),
                    keeper: false,
                })
            }
            Tier::Landlock => {
                let plan = Plan {
                    fence: Some(Fence::around(confinement, &self.host, program)),
                    profile: Some(Profile::Fenced),
                    ..plan
                };
                Ok(Wrapped {
                    argv: self.without_capabilities(own_command(own, &plan, argv)?)?,
                    env: variables(confinement),
                    keeper: false,
                })
            }
            Tier::Bubblewrap => {
                let bwrap = self.host.bwrap.as_ref().ok_or_else(|| {
                    std::io::Error::new(std::io::ErrorKind::NotFound, "bubblewrap is not installed")
                })?;
                let inner = Plan {
                    own: OwnProgram {
                        file: PathBuf::from(bubblewrap::OWN),
                        arguments: own.arguments.clone(),
                    },
                    group: None,
                    relays: relays(confinement),
                    profile: Some(Profile::Namespaced),
                    ..plan
                };
                let mut words = vec![OsString::from(bwrap)];
                words.extend(bubblewrap::arguments(&self.host, confinement, program, folder));
                words.push("--".into());
                words.extend(own_command(&inner.own, &inner, argv)?);
                if let Some(group) = group {
                    // Bubblewrap itself must be in the group, and with it whatever it starts.
                    let mut enter: Vec<OsString> =
                        ["/bin/sh", "-c", ENTER, "footplate"].map(OsString::from).into();
                    enter.push(group.into());
                    enter.append(&mut words);
                    words = enter;
                }
                Ok(Wrapped {
                    argv: words,
                    env: variables(confinement),
                    keeper: true,
                })
            }
        }
    }
}

impl Sandbox {
    /// Root's capabilities go past Landlock: with them, `/proc` shows every process's environment (`CAP_PERFMON`).
    /// A user has none, and can get none once there are rules.
    fn without_capabilities(&self, words: Vec<OsString>) -> std::io::Result<Vec<OsString>> {
        if !self.host.root {
            return Ok(words);
        }
        let missing = || std::io::Error::new(std::io::ErrorKind::NotFound, "`setpriv` is not installed");
        let setpriv = self.host.setpriv.as_ref().ok_or_else(missing)?;
        let mut all = vec![OsString::from(setpriv)];
        all.extend(
            [
                "--inh-caps=-all",
                "--ambient-caps=-all",
                "--bounding-set=-all",
                "--",
            ]
            .map(OsString::from),
        );
        all.extend(words);
        Ok(all)
    }
}

/// The relays that a network of its own needs.
fn relays(confinement: &Confinement) -> Vec<Relayed> {
    let doors = confinement.doors().enumerate();
    doors
        .map(|(at, door)| Relayed {
            port: door.port,
            socket: bubblewrap::door(at),
        })
        .collect()
}

fn own_command(own: &OwnProgram, plan: &Plan, argv: &[String]) -> std::io::Result<Vec<OsString>> {
    let plan = serde_json::to_string(plan).map_err(std::io::Error::other)?;
    let mut words = vec![OsString::from(&own.file)];
    words.extend(own.arguments.iter().map(OsString::from));
    words.extend([CONFINE.into(), plan.into(), "--".into()]);
    words.extend(argv.iter().map(OsString::from));
    Ok(words)
}

/// What the child must be told: that git should not write for comfort, and where the proxy is.
fn variables(confinement: &Confinement) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::from([("GIT_OPTIONAL_LOCKS".to_owned(), "0".to_owned())]);
    if let Some(door) = &confinement.egress {
        let proxy = format!("http://127.0.0.1:{}", door.port);
        // Both spellings are in use; the meter and servers of tests are reached directly.
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"] {
            variables.insert(name.to_owned(), proxy.clone());
        }
        for name in ["NO_PROXY", "no_proxy"] {
            variables.insert(name.to_owned(), "127.0.0.1,localhost,::1".to_owned());
        }
    }
    variables
}
