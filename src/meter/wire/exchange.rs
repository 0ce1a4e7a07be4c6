//! One request on a connection, and the head of its answer (RFC 9112).

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::body::{Body, Framing, LEAST_ROOM};
use super::chunks::Chunks;
use super::pool::Home;
use super::{Answer, Flow, Line};

/// The largest head of an answer; providers send two to four kilobytes.
const LARGEST_HEAD: usize = 64 * 1024;

/// The most headers of an answer; providers send up to forty.
const MOST_HEADERS: usize = 128;

/// The head of a request. Names and values were checked when they became headers.
pub(super) fn head(method: &Method, address: &Uri, headers: &HeaderMap, length: usize) -> Bytes {
    let mut head = BytesMut::with_capacity(2048);
    let path = address.path_and_query().map_or("/", |path| path.as_str());
    for part in [method.as_str(), " ", path, " HTTP/1.1\r\n"] {
        head.extend_from_slice(part.as_bytes());
    }
    let mut line = |name: &HeaderName, value: &[u8]| {
        for part in [name.as_str().as_bytes(), b": ", value, b"\r\n"] {
            head.extend_from_slice(part);
        }
    };
    let host = address.host().unwrap_or_default();
    match (address.port_u16(), address.scheme_str()) {
        (None, _) | (Some(80), Some("http")) | (Some(443), Some("https")) => line(&HOST, host.as_bytes()),
        (Some(port), _) => line(&HOST, format!("{host}:{port}").as_bytes()),
    }
    for (name, value) in headers {
        line(name, value.as_bytes());
    }
    if length > 0 || *method != Method::GET {
        line(&CONTENT_LENGTH, length.to_string().as_bytes());
    }
    head.extend_from_slice(b"\r\n");
    head.freeze()
}

/// Sends a request and reads the head of the answer.
///
/// # Errors
/// The connection broke, or what came back is no HTTP.
pub(super) async fn exchange(mut line: Line, home: Home, head: Bytes, body: Bytes) -> Result<Answer, String> {
    let mut sending = Sending {
        rest: head.chain(body),
        state: State::Writing,
    };
    let mut buffer = BytesMut::with_capacity(LEAST_ROOM);
    let (status, headers, minor) = loop {
        poll_fn(|cx| {
            // An answer may come before the request is through: a refusal, most likely. Where sending fails, the reason
            // may still be there to be read.
            let _ = sending.poll(&mut line, cx);
            buffer.reserve(LEAST_ROOM);
            let read = ready!(pin!(line.read_buf(&mut buffer)).poll(cx));
            Poll::Ready(match read {
                Ok(0) => Err(sending.error().unwrap_or("the connection was closed".to_owned())),
                Ok(_) => Ok(()),
                Err(error) => Err(sending.error().unwrap_or(error.to_string())),
            })
        })
        .await?;
        if let Some(found) = take_head(&mut buffer)? {
            break found;
        }
    };
    let framing = framing(status, &headers)?;
    let again = matches!(sending.state, State::Done)
        && minor == 1
        && !matches!(framing, Framing::Close)
        && !(headers.contains_key(TRANSFER_ENCODING) && headers.contains_key(CONTENT_LENGTH))
        && !says(&headers, &CONNECTION, "close");
    Ok(Answer {
        status,
        headers,
        flow: Flow::Live(Box::new(Body::new(line, again.then_some(home), framing, buffer))),
    })
}

/// A request on its way out.
struct Sending {
    rest: bytes::buf::Chain<Bytes, Bytes>,
    state: State,
}

enum State {
    Writing,
    Done,
    Failed(io::Error),
}

impl Sending {
    fn poll(&mut self, line: &mut Line, cx: &mut Context<'_>) -> Poll<()> {
        if let State::Writing = self.state {
            self.state = match ready!(self.write(line, cx)) {
                Ok(()) => State::Done,
                Err(error) => State::Failed(error),
            };
        }
        Poll::Ready(())
    }

    fn write(&mut self, line: &mut Line, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.rest.has_remaining() {
            if ready!(pin!(line.write_buf(&mut self.rest)).poll(cx))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
        }
        Pin::new(line).poll_flush(cx)
    }

    fn error(&self) -> Option<String> {
        match &self.state {
            State::Failed(error) => Some(error.to_string()),
            State::Writing | State::Done => None,
        }
    }
}

/// Takes the head of an answer off the buffer, if all of it is there. Heads that announce another one are dropped.
fn take_head(buffer: &mut BytesMut) -> Result<Option<(StatusCode, HeaderMap, u8)>, String> {
    loop {
        let mut room = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut head = httparse::Response::new(&mut room);
        let length = match head.parse(buffer) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if buffer.len() < LARGEST_HEAD => return Ok(None),
            Ok(httparse::Status::Partial) => return Err("the answer's head is too large".to_owned()),
            Err(error) => return Err(format!("the answer is no HTTP: {error}")),
        };
        let odd = || "the answer's head cannot be read".to_owned();
        let status = StatusCode::from_u16(head.code.unwrap_or(0)).map_err(|_| odd())?;
        let minor = head.version.unwrap_or(0);
        if status == StatusCode::SWITCHING_PROTOCOLS {
            return Err("the provider wants another protocol".to_owned());
        }
        if status.is_informational() {
            buffer.advance(length);
            continue;
        }
        let mut headers = HeaderMap::with_capacity(head.headers.len());
        for header in head.headers.iter() {
            let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| odd())?;
            let value = HeaderValue::from_bytes(header.value).map_err(|_| odd())?;
            headers.append(name, value);
        }
        buffer.advance(length);
        return Ok(Some((status, headers, minor)));
    }
}

/// Where the body ends (RFC 9112, section 6.3).
fn framing(status: StatusCode, headers: &HeaderMap) -> Result<Framing, String> {
    if matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        return Ok(Framing::Length(0));
    }
    if headers.contains_key(TRANSFER_ENCODING) {
        let mut codings = words(headers, &TRANSFER_ENCODING);
        return match (codings.next(), codings.next()) {
            (Some(coding), None) if coding.eq_ignore_ascii_case("chunked") => {
                Ok(Framing::Chunks(Chunks::new()))
            }
            _ => Err("the answer has a transfer coding that nobody asked for".to_owned()),
        };
    }
    let mut lengths = words(headers, &CONTENT_LENGTH);
    match lengths.next() {
        None if headers.contains_key(CONTENT_LENGTH) => Err("the answer has an odd length".to_owned()),
        None => Ok(Framing::Close),
        Some(length)
            if lengths.all(|other| other == length) && length.bytes().all(|b| b.is_ascii_digit()) =>
        {
            let length = length.parse();
            Ok(Framing::Length(
                length.map_err(|_| "the answer has an odd length".to_owned())?,
            ))
        }
        Some(_) => Err("the answer has more than one length".to_owned()),
    }
}

fn says(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    words(headers, name).any(|other| other.eq_ignore_ascii_case(word))
}

/// The words of a list, from all headers of that name.
fn words<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> + use<'a> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::AsyncBufReadExt;
    use tokio_util::sync::CancellationToken;
    use tokio_util::task::TaskTracker;

    use super::super::Wire;
    use super::*;

    /// Answers the requests that come over one connection, and closes it behind the last answer.
    async fn provider(answers: &'static [&'static str]) -> (Uri, Wire) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("loopback");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.expect("a connection");
            let mut stream = tokio::io::BufReader::new(stream);
            for answer in answers {
                let mut line = String::new();
                while line != "\r\n" {
                    line.clear();
                    stream.read_line(&mut line).await.expect("a head");
                }
                stream.write_all(answer.as_bytes()).await.expect("it is taken");
            }
        });
        let wire = Wire::new(
            Duration::from_secs(10),
            TaskTracker::new(),
            CancellationToken::new(),
        );
        (format!("http://{address}/x").parse().expect("a URI"), wire)
    }

    async fn get(wire: &Wire, address: &Uri) -> Result<(u16, String), String> {
        let headers = HeaderMap::new();
        let sending = wire.send(&Method::GET, address, &headers, Bytes::new());
        let patient = tokio::time::timeout(Duration::from_secs(20), sending);
        let mut answer = patient.await.expect("in time")?;
        let mut body = Vec::new();
        while let Some(piece) = answer.flow.piece().await {
            body.extend_from_slice(&piece.map_err(|error| error.to_string())?);
        }
        Ok((answer.status.as_u16(), String::from_utf8(body).expect("text")))
    }

    #[tokio::test]
    async fn bodies_end_where_they_say_and_the_connection_is_used_again() {
        let (address, wire) = provider(&[
            "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\none",
            "HTTP/1.1 204 No Content\r\n\r\n",
            "HTTP/1.1 500 Oh\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\nto the end",
        ])
        .await;
        for wanted in [(200, "one"), (204, ""), (500, "two"), (200, "to the end")] {
            let got = get(&wire, &address).await.expect("an answer");
            assert_eq!((got.0, got.1.as_str()), wanted);
        }
    }

    #[tokio::test]
    async fn what_is_no_proper_answer_is_an_error() {
        for answer in [
            "",
            "HTTP/1.1 200",
            "SSH-2.0\r\n\r\n",
            "HTTP/1.1 101 Switching Protocols\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfour",
            "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n",
        ] {
            let answers: &'static [&'static str] = Box::leak(Box::new([answer]));
            let (address, wire) = provider(answers).await;
            assert!(get(&wire, &address).await.is_err(), "{answer:?}");
        }
    }
}
