//! The address of a mirror's remote, and what git's complaints about it mean.

use std::path::Path;

use super::call::Output;
use super::error::Error;

/// A checked address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Remote {
    /// `https://…`, or `http://…` where a person configured such a base.
    Url(String),
    /// An absolute path to a repository on this machine, whose own hooks hold.
    Path(String),
    /// An absolute path to a repository that a person handed us to work on: its hooks do not run.
    Adopted(String),
}

impl Remote {
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let refuse = |why| Err(Error::BadRemote { why });
        if text.chars().any(char::is_control) {
            return refuse("it holds control characters");
        }
        if Path::new(text).is_absolute() {
            return Ok(Self::Path(text.to_owned()));
        }
        let Ok(url) = url::Url::parse(text) else {
            return refuse("it is neither an absolute path nor an https or http address");
        };
        if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none() {
            return refuse("it is neither an absolute path nor an https or http address");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("an address may not carry credentials");
        }
        Ok(Self::Url(text.to_owned()))
    }

    pub(super) fn address(&self) -> &str {
        match self {
            Self::Url(text) | Self::Path(text) | Self::Adopted(text) => text,
        }
    }

    /// The configuration that allows exactly this kind of transport.
    pub(super) fn protocol(&self) -> [&'static str; 2] {
        match self {
            Self::Url(url) if url.starts_with("http:") => {
                ["protocol.allow=never", "protocol.http.allow=always"]
            }
            Self::Url(_) => ["protocol.allow=never", "protocol.https.allow=always"],
            Self::Path(_) | Self::Adopted(_) => ["protocol.allow=never", "protocol.file.allow=always"],
        }
    }
}

/// Sorts the failure of a call that talked to a remote.
pub(super) fn classify(what: &'static str, output: &Output) -> Error {
    let said = |needles: &[&str]| needles.iter().any(|needle| output.stderr.contains(needle));
    let message = complaint(&output.stderr);
    if said(&[
        "Authentication failed",
        "could not read Username",
        "could not read Password",
        "returned error: 401",
    ]) || said(&["returned error: 403", "terminal prompts disabled"])
    {
        Error::Denied { message }
    } else if said(&[
        "epository not found",
        "does not appear to be a git repository",
        "returned error: 404",
    ]) || (said(&["repository '"]) && said(&["not found"]))
    {
        Error::Gone { message }
    } else if said(&[
        "Could not resolve host",
        "Failed to connect",
        "Connection refused",
        "Connection reset",
        "Connection timed out",
        "Operation timed out",
        "Operation too slow",
        "unable to access",
        "early EOF",
        "hung up unexpectedly",
        "unexpected disconnect",
        "RPC failed",
        "returned error: 429",
        "returned error: 5",
    ]) {
        Error::Unreachable { message }
    } else {
        super::call::failed(what, output)
    }
}

/// The lines that say what is wrong, without git's advice; at most 500 characters.
fn complaint(stderr: &str) -> String {
    let telling: Vec<&str> = stderr
        .lines()
        .map(str::trim)
        .filter(|line| {
            ["fatal:", "error:", "remote:"]
                .iter()
                .any(|mark| line.starts_with(mark))
        })
        .collect();
    let text = if telling.is_empty() {
        stderr.trim().to_owned()
    } else {
        telling.join(" ")
    };
    text.chars().take(500).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended_with(stderr: &str) -> Error {
        classify(
            "fetch",
            &Output {
                code: Some(128),
                stdout: Vec::new(),
                stderr: stderr.to_owned(),
            },
        )
    }

    #[test]
    fn addresses_with_credentials_or_odd_transports_are_refused() {
        for bad in [
            "https://user:token@github.com/a/b",
            "ext::sh -c touch% /tmp/x",
            "git@github.com:a/b.git",
            "ssh://git@github.com/a/b",
            "--upload-pack=touch",
            "relative/path",
            "https://github.com/a\n/b",
        ] {
            assert!(Remote::parse(bad).is_err(), "{bad:?}");
        }
        assert!(matches!(
            Remote::parse("https://github.com/a/b.git"),
            Ok(Remote::Url(_))
        ));
        assert!(matches!(
            Remote::parse("http://127.0.0.1:3001/a/b.git"),
            Ok(Remote::Url(_))
        ));
        assert!(matches!(Remote::parse("/srv/git/a b.git"), Ok(Remote::Path(_))));
    }

    #[test]
    fn git_s_complaints_are_sorted_by_what_helps() {
        let refused = "fatal: Authentication failed for 'https://github.com/a/b/'";
        assert!(matches!(ended_with(refused), Error::Denied { .. }));
        let missing = "remote: Repository not found.\nfatal: repository 'https://github.com/a/b/' not found";
        assert!(matches!(ended_with(missing), Error::Gone { .. }));
        let down = "fatal: unable to access 'https://github.com/a/b/': Could not resolve host: github.com";
        assert!(ended_with(down).is_transient());
        let broken =
            "fatal: unable to access 'https://github.com/a/b/': The requested URL returned error: 503";
        assert!(ended_with(broken).is_transient());
        let odd = "fatal: bad object";
        assert!(matches!(ended_with(odd), Error::Failed { .. }));
    }
}
