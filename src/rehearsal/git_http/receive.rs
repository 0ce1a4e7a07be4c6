//! Receives pushes: takes the pack in, judges each ref as GitHub would, and moves what may move.

use std::path::Path;

use axum::http::{HeaderValue, Response};
use bytes::Bytes;
use git2::Oid;

use super::super::acts::refs::ZERO;
use super::super::hub::Hub;
use super::super::objects;
use super::super::wire::Incoming;
use super::super::world::World;
use super::{Door, git, pkt, run, text};

/// What is told to clients about this side; no push options, which carry text to hooks elsewhere.
const CAPABILITIES: &str =
    "report-status delete-refs side-band-64k quiet atomic ofs-delta object-format=sha1 agent=github/stand-in";
/// GitHub's limit on a file: 100 MB.
const LARGEST_FILE: usize = 100 * 1024 * 1024;

/// One wish of a push.
struct Command {
    old: String,
    new: String,
    name: String,
}

/// Lists the refs that a push may want to move.
pub(super) fn advertise(dir: &Path) -> Response<Bytes> {
    let refs = objects::refs_below(dir, "refs/").unwrap_or_default();
    let mut out = Vec::new();
    pkt::push(&mut out, b"# service=git-receive-pack\n");
    out.extend_from_slice(pkt::FLUSH);
    if refs.is_empty() {
        pkt::push(
            &mut out,
            format!("{ZERO} capabilities^{{}}\0{CAPABILITIES}\n").as_bytes(),
        );
    }
    for (index, (name, sha)) in refs.iter().enumerate() {
        let tail = if index == 0 {
            format!("\0{CAPABILITIES}")
        } else {
            String::new()
        };
        pkt::push(&mut out, format!("{sha} {name}{tail}\n").as_bytes());
    }
    out.extend_from_slice(pkt::FLUSH);
    reply(out, "application/x-git-receive-pack-advertisement")
}

fn reply(bytes: Vec<u8>, kind: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(bytes));
    response
        .headers_mut()
        .insert("content-type", HeaderValue::from_static(kind));
    response
        .headers_mut()
        .insert("cache-control", HeaderValue::from_static("no-cache"));
    response
}

/// Takes a push.
pub(super) async fn receive(hub: &Hub, door: &Door, incoming: &Incoming) -> Response<Bytes> {
    const RESULT: &str = "application/x-git-receive-pack-result";
    let Some((packets, pack_at)) = pkt::section(&incoming.body) else {
        return text(400, "malformed request\n");
    };
    // Git probes with an empty request before it sends a large one.
    let Some(first) = packets.first() else {
        return reply(Vec::new(), RESULT);
    };
    let wishes: Option<Vec<Command>> = packets
        .iter()
        .filter(|p| !p.starts_with(b"shallow "))
        .map(|p| command(p))
        .collect();
    let Some(wishes) = wishes else {
        return text(400, "malformed command\n");
    };
    let capabilities = first.split(|b| *b == 0).nth(1).unwrap_or_default();
    let capabilities = String::from_utf8_lossy(capabilities).into_owned();
    let has = |name: &str| capabilities.split_whitespace().any(|c| c == name);
    let (banded, atomic) = (has("side-band-64k"), has("atomic"));
    let unpacked = unpack(&door.dir, incoming.body.slice(pack_at..), &wishes).await;
    let mut report = Vec::new();
    let mut words = String::new();
    let (wishes, verdicts) = if let Err(why) = unpacked {
        pkt::push(&mut report, format!("unpack {why}\n").as_bytes());
        let all = wishes
            .iter()
            .map(|_| Err(Refused::plain("unpacker error")))
            .collect();
        (wishes, all)
    } else {
        pkt::push(&mut report, b"unpack ok\n");
        let (hub, door) = (hub.clone(), door.clone());
        let moved = tokio::task::spawn_blocking(move || {
            let verdicts = hub.act(|world| move_refs(world, &door, atomic, &wishes));
            (wishes, verdicts)
        });
        let Ok(judged) = moved.await else {
            return text(500, "the stand-in failed\n");
        };
        judged
    };
    for (wish, verdict) in wishes.iter().zip(verdicts) {
        let line = match verdict {
            Ok(()) => format!("ok {}\n", wish.name),
            Err(refused) => {
                words.push_str(&refused.words);
                format!("ng {} {}\n", wish.name, refused.reason)
            }
        };
        pkt::push(&mut report, line.as_bytes());
    }
    report.extend_from_slice(pkt::FLUSH);
    let mut out = Vec::new();
    if banded {
        pkt::push_band(&mut out, 2, words.as_bytes());
        pkt::push_band(&mut out, 1, &report);
        out.extend_from_slice(pkt::FLUSH);
    } else {
        out = report;
    }
    reply(out, RESULT)
}

/// Judges all wishes, then moves what may move; with `atomic` all or none.
fn move_refs(world: &mut World, door: &Door, atomic: bool, wishes: &[Command]) -> Vec<Result<(), Refused>> {
    let mut verdicts: Vec<_> = wishes
        .iter()
        .map(|wish| judge(world, door.repository, door.workflows, wish))
        .collect();
    let spoiled = atomic && verdicts.iter().any(Result::is_err);
    for (wish, verdict) in wishes.iter().zip(&mut verdicts).filter(|(_, v)| v.is_ok()) {
        let to = (wish.new != ZERO).then_some(wish.new.as_str());
        *verdict = match door.actor {
            _ if spoiled => Err(Refused::plain("atomic push failure")),
            None => Err(Refused::plain("nobody may push")),
            Some(actor) => world
                .move_ref(door.repository, actor, &wish.name, to)
                .map_err(|problem| Refused::plain(problem.message)),
        };
    }
    verdicts
}

fn command(packet: &[u8]) -> Option<Command> {
    let line = packet.split(|b| *b == 0).next()?;
    let line = std::str::from_utf8(line).ok()?.trim_end_matches('\n');
    let mut parts = line.splitn(3, ' ');
    let command = Command {
        old: parts.next()?.to_owned(),
        new: parts.next()?.to_owned(),
        name: parts.next()?.to_owned(),
    };
    (command.old.len() == 40 && command.new.len() == 40).then_some(command)
}

/// Takes the pack's objects in and checks that nothing they need is missing.
async fn unpack(dir: &Path, pack: Bytes, wishes: &[Command]) -> Result<(), String> {
    let news: Vec<&str> = wishes
        .iter()
        .map(|w| w.new.as_str())
        .filter(|n| *n != ZERO)
        .collect();
    if news.is_empty() {
        return Ok(());
    }
    if !pack.is_empty() {
        let mut index = git(dir);
        index.args(["index-pack", "--stdin", "--fix-thin", "--strict"]);
        let output = run(index, pack).await.map_err(|e| e.to_string())?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr)
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned();
            return Err(format!("index-pack abnormal exit: {said}"));
        }
    }
    let mut check = git(dir);
    check.args(["rev-list", "--objects", "--stdin", "--not", "--all", "--quiet"]);
    let output = run(check, news.join("\n").into())
        .await
        .map_err(|e| e.to_string())?;
    if output.status.success() {
        Ok(())
    } else {
        Err("missing necessary objects".to_owned())
    }
}

/// Why a ref may not move: for git's report, and for people.
struct Refused {
    reason: String,
    words: String,
}

impl Refused {
    fn plain(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            words: String::new(),
        }
    }

    fn explained(reason: &str, words: String) -> Self {
        Self {
            reason: reason.to_owned(),
            words,
        }
    }
}

fn judge(world: &World, repository: u64, workflows: bool, wish: &Command) -> Result<(), Refused> {
    let Ok(repository) = world.repo(repository) else {
        return Err(Refused::plain("no such repository"));
    };
    let (dir, name) = (&repository.dir, wish.name.as_str());
    if !git2::Reference::is_valid_name(name) {
        return Err(Refused::plain("funny refname"));
    }
    if !name.starts_with("refs/heads/") && !name.starts_with("refs/tags/") {
        return Err(Refused::plain("deny updating a hidden ref"));
    }
    let current = objects::ref_target(dir, name).unwrap_or_else(|| ZERO.to_owned());
    if current != wish.old {
        return Err(Refused::plain("incorrect old value provided"));
    }
    let branch = name.trim_start_matches("refs/heads/");
    if name.starts_with("refs/heads/") && repository.protected.iter().any(|p| p == branch) {
        return Err(Refused::explained(
            "protected branch hook declined",
            format!(
                "error: GH006: Protected branch update failed for {name}.\n\
                 error: Changes must be made through a pull request.\n"
            ),
        ));
    }
    if wish.new == ZERO {
        let default = name == format!("refs/heads/{}", repository.default_branch);
        return if default {
            Err(Refused::plain(format!(
                "refusing to delete the current branch: {name}"
            )))
        } else {
            Ok(())
        };
    }
    let failed = |e: git2::Error| Refused::plain(e.message().to_owned());
    let known: Vec<String> = objects::refs_below(dir, "refs/heads/")
        .map_err(failed)?
        .into_iter()
        .map(|(_, sha)| sha)
        .collect();
    let git = git2::Repository::open_bare(dir).map_err(failed)?;
    let odb = git.odb().map_err(failed)?;
    for commit in objects::new_commits(dir, &wish.new, &known).map_err(failed)? {
        for file in objects::commit_files(dir, &commit).map_err(failed)? {
            if !workflows && file.path.starts_with(".github/workflows/") {
                return Err(Refused::plain(format!(
                    "refusing to allow a GitHub App to create or update workflow `{}` without `workflows` \
                     permission",
                    file.path
                )));
            }
            let size = Oid::from_str(&file.blob)
                .and_then(|id| odb.read_header(id))
                .map_or(0, |(size, _)| size);
            if file.status != "removed" && size > LARGEST_FILE {
                let megabytes = size / (1024 * 1024);
                return Err(Refused::explained(
                    "pre-receive hook declined",
                    format!(
                        "error: See https://gh.io/lfs for more information.\n\
                         error: File {} is {megabytes}.00 MB; this exceeds GitHub's file size limit of 100.00 MB\n\
                         error: GH001: Large files detected. You may want to try Git Large File Storage - \
                         https://git-lfs.github.com.\n",
                        file.path
                    ),
                ));
            }
        }
    }
    Ok(())
}
