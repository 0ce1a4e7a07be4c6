//! A ticket's reading in a file, line by line as it grows: what is left of it when this process dies.
//!
//! Before a request goes out, a line says that one is open, so that what an answer used is never taken for nothing
//! because nobody was left to count it. A line costs one short write; that the disk has it is not waited for, and so
//! a reading from before the machine itself went down is not taken for complete.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::ledger::Reading;
use crate::model::{AttemptKey, Timestamp};

/// The version of the file's format.
const VERSION: u32 = 1;
/// Names the machine's present uptime.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    version: u32,
    attempt: AttemptKey,
    boot: String,
}

/// Every further line.
#[derive(Debug, Serialize, Deserialize)]
struct Entry<R> {
    /// Requests that went out and have no end yet.
    open: u32,
    reading: R,
}

/// Writes the lines.
#[derive(Debug)]
pub(super) struct Note {
    path: PathBuf,
    /// None after a failure: half a story would be worse than none, and the file is gone.
    file: Option<File>,
}

impl Note {
    /// Begins a file; one of the same name is replaced.
    pub(super) fn begin(path: PathBuf, attempt: &AttemptKey) -> Self {
        let head = Head {
            version: VERSION,
            attempt: attempt.clone(),
            boot: boot(),
        };
        let mut note = Self { path, file: None };
        match create(&note.path) {
            Ok(file) => {
                note.file = Some(file);
                note.add(&head);
                note.write(0, &Reading::default());
            }
            Err(error) => note.give_up(&error),
        }
        note
    }

    /// Says how it stands now.
    pub(super) fn write(&mut self, open: u32, reading: &Reading) {
        self.add(&Entry { open, reading });
    }

    fn add(&mut self, line: &impl Serialize) {
        let Some(file) = &mut self.file else { return };
        let written = serde_json::to_vec(line)
            .map_err(io::Error::from)
            .and_then(|mut line| {
                line.push(b'\n');
                file.write_all(&line)
            });
        if let Err(error) = written {
            self.give_up(&error);
        }
    }

    fn give_up(&mut self, error: &io::Error) {
        self.file = None;
        let _ = std::fs::remove_file(&self.path);
        tracing::warn!(
            path = %self.path.display(), %error,
            "what an attempt uses cannot be noted; should this server die now, it is unknown"
        );
    }
}

fn create(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .open(path)
}

fn boot() -> String {
    let boot = std::fs::read_to_string(BOOT).unwrap_or_default();
    boot.trim().to_owned()
}

/// What a process that died left of a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remains {
    /// The attempt.
    pub attempt: AttemptKey,
    /// When it was last written.
    pub at: Timestamp,
    /// What was read. Answers that nobody heard to their end count as unread.
    pub reading: Reading,
}

impl Remains {
    /// Reads a ticket's file.
    ///
    /// # Errors
    /// It cannot be read, or is none.
    pub fn read(path: &Path) -> io::Result<Self> {
        Self::within(path, &boot())
    }

    fn within(path: &Path, boot: &str) -> io::Result<Self> {
        let wrong = |what| io::Error::new(io::ErrorKind::InvalidData, what);
        let text = std::fs::read(path)?;
        let written = std::fs::metadata(path)?.modified()?;
        let mut lines = text.split_inclusive(|&byte| byte == b'\n');
        let head: Head = serde_json::from_slice(lines.next().unwrap_or_default())?;
        if head.version != VERSION {
            return Err(wrong("it is of another version"));
        }
        let mut last: Option<Entry<Reading>> = None;
        let mut torn = head.boot.is_empty() || head.boot != boot;
        for line in lines {
            match serde_json::from_slice(line) {
                Ok(entry) if line.ends_with(b"\n") => last = Some(entry),
                // The process died while it wrote this.
                _ => {
                    torn = true;
                    break;
                }
            }
        }
        let Entry { open, mut reading } = last.ok_or_else(|| wrong("nothing was read yet"))?;
        reading.unread = reading.unread.saturating_add(open.max(u32::from(torn)));
        Ok(Self {
            attempt: head.attempt,
            at: timestamp(written),
            reading,
        })
    }
}

fn timestamp(at: SystemTime) -> Timestamp {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TokenUsage;

    fn reading(input: u64) -> Reading {
        Reading {
            usage: TokenUsage {
                input,
                ..TokenUsage::default()
            },
            requests: 1,
            ..Reading::default()
        }
    }

    fn noted() -> (tempfile::TempDir, PathBuf, Note) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("of/run/attempt.jsonl");
        let attempt = "01jd0000000000000000000000/plan/1/2".parse().unwrap();
        let note = Note::begin(path.clone(), &attempt);
        (folder, path, note)
    }

    fn left(path: &Path) -> (u64, u32) {
        let remains = Remains::read(path).unwrap();
        (remains.reading.usage.input, remains.reading.unread)
    }

    #[test]
    fn the_last_line_counts_and_what_is_open_is_unread() {
        let (_folder, path, mut note) = noted();
        assert_eq!(left(&path), (0, 0), "nothing was asked, and that is known");
        note.write(1, &reading(0));
        assert_eq!(left(&path), (0, 1));
        note.write(0, &reading(5));
        assert_eq!(left(&path), (5, 0));
        note.write(2, &reading(5));
        assert_eq!(left(&path), (5, 2));
        let remains = Remains::read(&path).unwrap();
        assert_eq!(remains.attempt.to_string(), "01jd0000000000000000000000/plan/1/2");
        assert!(remains.at > Timestamp(0));
    }

    #[test]
    fn half_a_line_or_another_uptime_is_not_complete() {
        let (_folder, path, mut note) = noted();
        note.write(0, &reading(5));
        let whole = std::fs::read(&path).unwrap();
        for cut in 1..10 {
            note.write(0, &reading(7));
            let text = std::fs::read(&path).unwrap();
            std::fs::write(&path, &text[..text.len() - cut]).unwrap();
            assert_eq!(left(&path), (5, 1), "{cut}");
            std::fs::write(&path, &whole).unwrap();
            note.file = Some(OpenOptions::new().append(true).open(&path).unwrap());
        }
        assert_eq!(left(&path), (5, 0));
        let earlier = Remains::within(&path, "another").unwrap();
        assert_eq!((earlier.reading.usage.input, earlier.reading.unread), (5, 1));
    }

    #[test]
    fn what_is_no_note_is_none() {
        let (folder, path, _note) = noted();
        let text = std::fs::read_to_string(&path).unwrap();
        let head = text.lines().next().unwrap();
        for wrong in ["", "\n", "{}\n", head, &head.replace(":1,", ":9,")] {
            let file = folder.path().join("wrong");
            std::fs::write(&file, wrong).unwrap();
            Remains::read(&file).unwrap_err();
        }
        Remains::read(&folder.path().join("missing")).unwrap_err();
    }

    #[test]
    fn a_note_that_cannot_be_written_is_no_note() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        let path = folder.path().join("file/attempt.jsonl");
        let attempt = "01jd0000000000000000000000/plan/1/2".parse().unwrap();
        let mut note = Note::begin(path.clone(), &attempt);
        note.write(0, &reading(5));
        Remains::read(&path).unwrap_err();
    }
}
