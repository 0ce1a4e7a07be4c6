//! Opening, closing, versions and permissions.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use super::{World, creation, run, url};
use crate::model::SystemClock;
use crate::store::{Database, Error, Journal};

#[tokio::test]
async fn folder_and_files_are_readable_by_their_owner_alone() {
    let world = World::new().await;
    world.store.append(creation(1, 1)).await.unwrap();
    let data = world.folder.path().join("data");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    let files: Vec<_> = std::fs::read_dir(&data)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(files.len() >= 2, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn a_closed_store_leaves_one_file_that_opens_again() {
    let world = World::new().await;
    world.store.append(creation(1, 1)).await.unwrap();
    world.store.close().await.unwrap();
    world.store.close().await.unwrap();
    let files: Vec<_> = std::fs::read_dir(world.folder.path().join("data"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(files, ["footplate.db"]);
    assert_eq!(
        world.reopened().await.load(&run(1)).await.unwrap().unwrap().len(),
        2
    );
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused_in_words() {
    let world = World::new().await;
    world.store.close().await.unwrap();
    world
        .vandal(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES (99, 'later', 1, x'00', 0)",
        )
        .await;
    let error = Database::open(&url(&world.folder), Arc::new(SystemClock))
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::NewerSchema { found: 99, known: 1 }),
        "{error}"
    );
    assert!(error.to_string().contains("start the newer Footplate"), "{error}");
}

#[tokio::test]
async fn two_processes_may_open_a_new_database_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let address = url(&folder);
    let open = || Database::open(&address, Arc::new(SystemClock));
    let (one, two, three) = tokio::join!(open(), open(), open());
    for store in [one.unwrap(), two.unwrap(), three.unwrap()] {
        assert!(store.pending(0, 1).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn two_stores_on_one_file_wait_for_each_other() {
    let world = World::new().await;
    let other = world.reopened().await;
    for n in 0..20 {
        let (a, b) = tokio::join!(
            world.store.append(creation(n * 2 + 1, u64::from(n) * 2 + 1)),
            other.append(creation(n * 2 + 2, u64::from(n) * 2 + 2)),
        );
        assert_eq!(
            (a.unwrap(), b.unwrap()),
            (crate::store::Appended::Ok, crate::store::Appended::Ok)
        );
    }
}

#[tokio::test]
async fn addresses_that_cannot_be_used_are_refused_with_the_reason() {
    for (address, reason) in [
        ("postgres://me:secret@host/db", "sqlite:"),
        ("sqlite::memory:", "in memory"),
        ("sqlite:", "no file"),
        ("sqlite:/tmp/x.db?mode=ro", "options"),
    ] {
        let error = Database::open(address, Arc::new(SystemClock))
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains(reason), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn a_path_with_spaces_and_marks_is_that_path() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a b%20#ü&c.db");
    let store = Database::open(&format!("sqlite:{}", file.display()), Arc::new(SystemClock))
        .await
        .unwrap();
    store.close().await.unwrap();
    assert!(file.exists());
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let address = format!("sqlite:{}/file/below/x.db", folder.path().display());
    let error = Database::open(&address, Arc::new(SystemClock))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("file/below"), "{error}");
}

#[tokio::test]
async fn the_reading_connections_cannot_write() {
    let world = World::new().await;
    let refused = sqlx::query("DELETE FROM inbox")
        .execute(world.store.readers())
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("readonly"), "{refused}");
}

#[tokio::test]
async fn a_new_database_has_pages_that_hold_a_packed_delivery() {
    let world = World::new().await;
    world.store.close().await.unwrap();
    let file = std::fs::read(world.folder.path().join("data/footplate.db")).unwrap();
    // Bytes 16 and 17 of the file: https://www.sqlite.org/fileformat2.html#page_size
    assert_eq!(u16::from_be_bytes([file[16], file[17]]), 8192);
}
