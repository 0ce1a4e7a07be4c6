//! Keeping the exchanges of a ticket in a folder.
//!
//! Exchange `0001` is three files: `0001.request` and `0001.response` hold the bodies byte for byte, `0001.json` the heads,
//! and when which piece of the answer came. The key is nowhere: its header is left out, and where a provider repeats it,
//! it is painted over with stars.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

/// The version of the folder's format.
pub(super) const VERSION: u32 = 1;

/// How many pieces of an answer may wait for the disk. A piece has at most some KiB.
const AHEAD: usize = 1024;

/// Writes exchanges.
#[derive(Debug)]
pub(super) struct Recorder {
    folder: PathBuf,
    key: Option<SecretString>,
    tasks: TaskTracker,
}

/// The index of an exchange.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Index {
    pub(super) version: u32,
    pub(super) method: String,
    /// Path and query at the provider, without its base.
    pub(super) path: String,
    pub(super) request_headers: Vec<(String, String)>,
    pub(super) status: u16,
    pub(super) response_headers: Vec<(String, String)>,
    /// Milliseconds since the request, and bytes, of each piece.
    pub(super) pieces: Vec<(u64, usize)>,
    /// Whether the answer came to its end.
    pub(super) whole: bool,
}

/// What happens in an exchange.
#[derive(Debug)]
enum Event {
    Head(StatusCode, HeaderMap),
    Piece(u64, Bytes),
    End(bool),
}

/// One exchange that is being kept.
#[derive(Debug)]
pub(super) struct Take {
    /// None once the disk was too slow.
    events: Option<Sender<Event>>,
    began: Instant,
}

impl Recorder {
    pub(super) fn new(folder: PathBuf, key: Option<SecretString>, tasks: TaskTracker) -> Self {
        Self { folder, key, tasks }
    }

    /// Begins to keep an exchange.
    pub(super) fn begin(
        &self,
        n: u32,
        method: &Method,
        path: String,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Take {
        let (events, received) = channel(AHEAD);
        let stem = self.folder.join(format!("{n:04}"));
        let index = Index {
            version: VERSION,
            method: method.to_string(),
            path,
            request_headers: shown(headers),
            status: 0,
            response_headers: Vec::new(),
            pieces: Vec::new(),
            whole: false,
        };
        let mask = Mask::new(self.key.clone());
        self.tasks.spawn(async move {
            if let Err(error) = write(&stem, index, body, received, mask).await {
                tracing::warn!(file = %stem.display(), %error, "an exchange could not be recorded");
            }
        });
        Take {
            events: Some(events),
            began: Instant::now(),
        }
    }
}

impl Take {
    /// The answer begins.
    pub(super) fn head(&mut self, status: StatusCode, headers: &HeaderMap) {
        self.tell(Event::Head(status, headers.clone()));
    }

    /// A piece of it came.
    pub(super) fn piece(&mut self, piece: Bytes) {
        let ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.tell(Event::Piece(ms, piece));
    }

    /// It is over.
    pub(super) fn end(mut self, whole: bool) {
        self.tell(Event::End(whole));
    }

    /// Where the writer has failed it has said so; the exchange itself goes on. Where it cannot follow, the recording
    /// ends here, as one that is not whole.
    fn tell(&mut self, event: Event) {
        let Some(events) = &self.events else { return };
        if let Err(TrySendError::Full(_)) = events.try_send(event) {
            tracing::warn!("the disk cannot follow an exchange that is recorded; the recording is not whole");
            self.events = None;
        }
    }
}

async fn write(
    stem: &Path,
    mut index: Index,
    body: Bytes,
    mut events: Receiver<Event>,
    mut mask: Mask,
) -> io::Result<()> {
    if let Some(folder) = stem.parent() {
        tokio::fs::create_dir_all(folder).await?;
    }
    tokio::fs::write(stem.with_extension("request"), mask.all(&body)).await?;
    let mut response = tokio::fs::File::create(stem.with_extension("response")).await?;
    while let Some(event) = events.recv().await {
        match event {
            Event::Head(status, headers) => {
                index.status = status.as_u16();
                index.response_headers = shown(&headers);
                for (_, value) in &mut index.response_headers {
                    *value = String::from_utf8_lossy(&mask.all(value.as_bytes())).into_owned();
                }
            }
            Event::Piece(ms, piece) => {
                index.pieces.push((ms, piece.len()));
                response.write_all(&mask.next(&piece)).await?;
            }
            Event::End(whole) => {
                index.whole = whole;
                break;
            }
        }
    }
    response.write_all(&mask.rest()).await?;
    response.flush().await?;
    let index = serde_json::to_vec_pretty(&index)?;
    tokio::fs::write(stem.with_extension("json"), index).await
}

/// Headers as text, without those that carry keys.
fn shown(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .filter(|(_, value)| !value.is_sensitive())
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
        .collect()
}

/// Paints the key over, also where it lies across two pieces. Lengths stay.
struct Mask {
    key: Option<SecretString>,
    /// The end of what came, which may be the beginning of the key.
    held: Vec<u8>,
}

impl Mask {
    fn new(key: Option<SecretString>) -> Self {
        Self {
            // Stars for a key of a few letters would be stars everywhere.
            key: key.filter(|key| key.expose_secret().len() >= 8),
            held: Vec::new(),
        }
    }

    fn all(&self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        if let Some(key) = &self.key {
            let key = key.expose_secret().as_bytes();
            let found: Vec<usize> = memchr::memmem::find_iter(&bytes, key).collect();
            for at in found {
                bytes[at..at + key.len()].fill(b'*');
            }
        }
        bytes
    }

    fn next(&mut self, piece: &[u8]) -> Vec<u8> {
        let Some(key) = &self.key else {
            return piece.to_vec();
        };
        let keep = key.expose_secret().len() - 1;
        self.held.extend_from_slice(piece);
        let mut masked = self.all(&self.held);
        let held = masked.split_off(masked.len().saturating_sub(keep));
        self.held = held;
        masked
    }

    fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_lies_across_pieces_is_painted_over_and_nothing_else_changes() {
        let mut mask = Mask::new(Some(SecretString::from("sk-secret-key")));
        let mut out = Vec::new();
        for piece in ["a sk-", "secr", "et-key b sk-secret-", "kez"] {
            out.extend(mask.next(piece.as_bytes()));
        }
        out.extend(mask.rest());
        assert_eq!(
            String::from_utf8(out).expect("text"),
            "a ************* b sk-secret-kez"
        );
    }
}
