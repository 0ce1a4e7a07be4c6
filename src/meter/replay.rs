//! Answers from a recording, byte for byte.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use super::Error;
use super::record::{Index, VERSION};
use super::wire::{Answer, Flow};
use crate::model::ContentHash;

/// A recording that answers. Each exchange is played once.
#[derive(Debug)]
pub struct Replay {
    exchanges: Mutex<Vec<Exchange>>,
}

#[derive(Debug)]
struct Exchange {
    index: Index,
    request: ContentHash,
    response: Bytes,
    played: bool,
}

impl Replay {
    /// Reads a recording.
    ///
    /// # Errors
    /// The folder cannot be read, or holds something else.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let wrong = |why: String| Error::Recording {
            folder: folder.to_owned(),
            why,
        };
        let entries = std::fs::read_dir(folder).map_err(|error| wrong(error.to_string()))?;
        let mut stems: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
            .collect();
        stems.sort();
        let mut exchanges = Vec::with_capacity(stems.len());
        for path in stems {
            let name = |error: &dyn std::fmt::Display| wrong(format!("{}: {error}", path.display()));
            let read =
                |extension| std::fs::read(path.with_extension(extension)).map_err(|error| name(&error));
            let index: Index = serde_json::from_slice(&read("json")?).map_err(|error| name(&error))?;
            if index.version != VERSION {
                return Err(name(&format!("its version is {}, not {VERSION}", index.version)));
            }
            let response = Bytes::from(read("response")?);
            if index.pieces.iter().map(|(_, bytes)| bytes).sum::<usize>() != response.len() {
                return Err(name(&"the pieces do not make up the answer"));
            }
            exchanges.push(Exchange {
                request: ContentHash::of(read("request")?),
                index,
                response,
                played: false,
            });
        }
        if exchanges.is_empty() {
            return Err(wrong("it holds no exchange".to_owned()));
        }
        Ok(Self {
            exchanges: Mutex::new(exchanges),
        })
    }

    /// The answer to the same request, or else to the next one of the same kind.
    pub(super) fn answer(&self, method: &Method, path: &str, body: &[u8]) -> Answer {
        let request = ContentHash::of(body);
        let mut exchanges = self.exchanges.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |exchange: &Exchange| {
            !exchange.played && exchange.index.method == method.as_str() && exchange.index.path == path
        };
        let at = exchanges
            .iter()
            .position(|exchange| fits(exchange) && exchange.request == request)
            .or_else(|| exchanges.iter().position(fits));
        match at {
            Some(at) => {
                exchanges[at].played = true;
                exchanges[at].play()
            }
            None => Answer {
                status: StatusCode::BAD_REQUEST,
                headers: HeaderMap::new(),
                flow: Flow::Played {
                    pieces: VecDeque::from([Bytes::from_static(
                        b"{\"error\":{\"message\":\"the recording holds no such request any more\"}}",
                    )]),
                    whole: true,
                },
            },
        }
    }
}

impl Exchange {
    fn play(&self) -> Answer {
        let headers = self.index.response_headers.iter().filter_map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            Some((name, HeaderValue::from_str(value).ok()?))
        });
        let mut rest = self.response.clone();
        let pieces = self.index.pieces.iter().map(|&(_, bytes)| rest.split_to(bytes));
        Answer {
            status: StatusCode::from_u16(self.index.status).unwrap_or(StatusCode::BAD_GATEWAY),
            headers: headers.collect(),
            flow: Flow::Played {
                pieces: pieces.collect(),
                whole: self.index.whole,
            },
        }
    }
}
