//! The mark that every process of an attempt carries.

use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::model::{AttemptKey, ContentHash};

/// The environment variable that holds the mark. Children inherit it, also those in sessions of their own.
pub(super) const VARIABLE: &str = "FOOTPLATE_RUN";

/// Marks process trees: a server's mark is the hash of its data folder, an attempt's mark is that plus `/`
/// and the attempt's key. A server's mark therefore finds all of its attempts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Marker(String);

impl Marker {
    /// The mark of the server that works in `data_dir`: the same after a restart, another for another server.
    pub fn of_server(data_dir: &Path) -> Self {
        Self(ContentHash::of(data_dir.as_os_str().as_bytes()).to_string()[..16].to_owned())
    }

    /// The mark of one attempt.
    #[must_use]
    pub fn of_attempt(&self, key: &AttemptKey) -> Self {
        Self(format!("{}/{key}", self.0))
    }

    /// The variable's value.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The environment variable that marks a process, as name and value: for programs that are not agents and must
    /// not outlive their server either.
    pub fn variable(&self) -> (&'static str, &str) {
        (VARIABLE, &self.0)
    }

    /// The value of this mark or of one below it, where the environment (entries that end in NUL) has it.
    pub(super) fn find<'e>(&self, environment: &'e [u8]) -> Option<&'e [u8]> {
        environment.split(|&byte| byte == 0).find_map(|entry| {
            let value = entry.strip_prefix(VARIABLE.as_bytes())?.strip_prefix(b"=")?;
            let rest = value.strip_prefix(self.0.as_bytes())?;
            (rest.is_empty() || rest[0] == b'/').then_some(value)
        })
    }

    /// The entries of an environment in which [`Self::find`] may find any mark.
    pub(super) fn candidates(environment: &[u8]) -> Vec<u8> {
        let entries = environment.split(|&byte| byte == 0);
        let marks: Vec<&[u8]> = entries
            .filter(|entry| entry.starts_with(VARIABLE.as_bytes()))
            .collect();
        marks.join(&0)
    }

    /// The attempt's key in a mark's value.
    pub(super) fn attempt_in(value: &[u8]) -> Option<AttemptKey> {
        std::str::from_utf8(value).ok()?.split_once('/')?.1.parse().ok()
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_mark_finds_its_attempts_and_nobody_elses() {
        let server = Marker::of_server(Path::new("/var/lib/footplate"));
        let key: AttemptKey = "01jd0000000000000000000000/plan/1/2"
            .parse()
            .expect("a valid key");
        let attempt = server.of_attempt(&key);
        let environment = format!("PATH=/bin\0FOOTPLATE_RUN={attempt}\0HOME=/");
        let found = server
            .find(environment.as_bytes())
            .expect("the server's mark matches");
        assert_eq!(Marker::attempt_in(found), Some(key.clone()));
        assert!(attempt.find(environment.as_bytes()).is_some());

        let longer = AttemptKey { n: 21, ..key };
        assert!(
            attempt
                .find(format!("FOOTPLATE_RUN={}", server.of_attempt(&longer)).as_bytes())
                .is_none()
        );
        assert!(
            Marker::of_server(Path::new("/other"))
                .find(environment.as_bytes())
                .is_none()
        );
        assert!(
            server
                .find(format!("XFOOTPLATE_RUN={attempt}\0").as_bytes())
                .is_none()
        );
    }
}
