use std::path::Path;
use std::sync::{Arc, Mutex};

use secrecy::SecretString;

use super::world::REPOSITORY;
use crate::git::{CommitOrder, Expected, Git, Person, Push, Pushed, Settings};
use crate::github::{self, Repository};
use crate::model::{BranchName, CommitId, InstallationId, RepositoryName, Timestamp};
use crate::publish::{Error, Mirrors, Tokens, Tree};

/// A commit of the empty tree, and that tree, as git keeps loose objects. Only `git` may start git.
const OBJECTS: [(&str, &str); 2] = [
    (
        "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
        "78da2b294a4d55306000000a2c0201",
    ),
    (
        "5beebe3e1c676596a119fdc98e6761efdfcba0c6",
        "78da7d8c310a80300c009dfb8aec82d4126b0b22ea4f9a34550715a4fe5f14676fb8e9383eb66dcd501b2cf2290248ce34912d1a\
         262be483b65a1aa4e4a2f5c6b94422e835aa70e5e53861842e0c54710f75ab3fa07cacf85d67f98dd424f3baab1b1e042403",
    ),
];

/// Gives a token or an error, and remembers what for.
#[derive(Default)]
struct Purse {
    asked: Mutex<Vec<(Repository, bool)>>,
    fails: Mutex<Option<github::Error>>,
}

impl Tokens for Purse {
    async fn token(&self, at: &Repository, write: bool) -> github::Result<SecretString> {
        self.asked.lock().unwrap().push((at.clone(), write));
        match self.fails.lock().unwrap().clone() {
            Some(error) => Err(error),
            None => Ok("token".into()),
        }
    }
}

fn found(host: &Path, name: &str) {
    let repository = host.join(format!("{name}.git"));
    for (id, hexed) in OBJECTS {
        let folder = repository.join("objects").join(&id[..2]);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(&id[2..]), hex::decode(hexed).unwrap()).unwrap();
    }
    std::fs::create_dir_all(repository.join("refs/heads")).unwrap();
    std::fs::write(repository.join("HEAD"), "ref: refs/heads/main\n").unwrap();
    std::fs::write(repository.join("config"), "[core]\n\tbare = true\n").unwrap();
    let commit = format!("{}\n", OBJECTS[1].0);
    std::fs::write(repository.join("refs/heads/main"), commit).unwrap();
}

fn at(name: &str) -> Repository {
    Repository {
        installation: InstallationId(3),
        id: REPOSITORY,
        name: RepositoryName::new(name).unwrap(),
    }
}

#[tokio::test]
async fn a_commit_goes_through_the_mirror_to_the_repository_also_after_a_rename() {
    let folder = tempfile::tempdir().unwrap();
    let (host, data) = (folder.path().join("host"), folder.path().join("mirrors"));
    found(&host, "o/r");
    let git = Git::find(Settings::default()).await.expect("this test wants git");
    let purse = Arc::new(Purse::default());
    let mirrors = Mirrors::new(git, data.clone(), host.to_str().unwrap(), Arc::clone(&purse));
    let here = at("o/r");
    let (main, ours) = (BranchName::new("main").unwrap(), BranchName::new("ours").unwrap());
    let base = CommitId::new(OBJECTS[1].0).unwrap();

    mirrors.fetch(&here).await.unwrap();
    assert_eq!(mirrors.head_of(&here, &main).await.unwrap(), Some(base.clone()));
    assert_eq!(mirrors.remote_head(&here, &ours).await.unwrap(), None);
    let bot = Person::new("footplate[bot]", "1+footplate[bot]@users.noreply.github.com").unwrap();
    let order = CommitOrder {
        tree_of: base.clone(),
        parents: vec![base.clone()],
        author: bot.clone(),
        committer: bot,
        message: "Do it\n".to_owned(),
        at: Timestamp(1_700_000_000_000),
    };
    let commit = mirrors.commit(&here, order.clone()).await.unwrap();
    assert_eq!(mirrors.commit(&here, order).await.unwrap(), commit);
    assert!(mirrors.changes(&here, &base, &commit).await.unwrap().is_empty());
    assert!(mirrors.is_ancestor(&here, &base, &commit).await.unwrap());
    mirrors.hold(&here, "pushed/x", &commit).await.unwrap();

    std::fs::rename(host.join("o/r.git"), host.join("o/renamed.git")).unwrap();
    let there = at("o/renamed");
    let push = Push {
        branch: ours.clone(),
        commit: commit.clone(),
        expected: Expected::Absent,
    };
    assert_eq!(mirrors.push(&there, &push).await.unwrap(), Pushed::Done);
    assert_eq!(mirrors.push(&there, &push).await.unwrap(), Pushed::AlreadyThere);
    assert_eq!(mirrors.remote_head(&there, &ours).await.unwrap(), Some(commit));
    assert!(data.join("7").is_dir());
    let asked = purse.asked.lock().unwrap();
    assert!(asked.contains(&(there, true)) && asked.contains(&(here.clone(), false)));
    assert!(!asked.contains(&(here, true)));
}

#[tokio::test]
async fn why_there_is_no_token_decides_whether_it_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    found(&folder.path().join("host"), "o/r");
    let git = Git::find(Settings::default()).await.expect("this test wants git");
    let purse = Arc::new(Purse::default());
    let host = folder.path().join("host");
    let mirrors = Mirrors::new(
        git,
        folder.path().join("m"),
        host.to_str().unwrap(),
        Arc::clone(&purse),
    );
    *purse.fails.lock().unwrap() = Some(github::Error::Transient {
        after: None,
        why: "503".to_owned(),
    });
    let error = mirrors.fetch(&at("o/r")).await.unwrap_err();
    assert!(matches!(error, Error::Transient { .. }), "{error}");
    *purse.fails.lock().unwrap() = Some(github::Error::NotFound {
        what: "installation".to_owned(),
    });
    let error = mirrors.fetch(&at("o/r")).await.unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error}");
    *purse.fails.lock().unwrap() = None;
    let error = mirrors.fetch(&at("o/gone")).await.unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error}");
}
