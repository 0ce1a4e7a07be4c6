//! A request for a model, read as far as counting and limits need it, and changed where they must.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};

use super::endpoint::Endpoint;
use super::refusal::Refusal;

/// Output tokens that are assumed where a request names no most: what harnesses allow a large model by default.
const USUAL_OUTPUT: u64 = 32_000;

/// Bytes of a request to a token: prose has four and more, code and JSON three.
const BYTES_A_TOKEN: u64 = 3;

/// What is known about a request.
#[derive(Debug)]
pub(super) struct Ask {
    /// The model that is asked, as the provider gets to read it.
    pub(super) model: String,
    /// The body that goes to the provider.
    pub(super) body: Bytes,
    /// More input tokens than this it hardly has.
    pub(super) most_input: u64,
    /// More output tokens than this the answer hardly has.
    pub(super) most_output: u64,
}

/// The members of all dialects that matter here. What is skipped is not built.
#[derive(Deserialize)]
struct Outline<'a> {
    #[serde(borrow, default)]
    model: Option<&'a RawValue>,
    #[serde(default)]
    stream: Option<bool>,
    #[serde(borrow, default)]
    stream_options: Option<&'a RawValue>,
    #[serde(default)]
    background: Option<bool>,
    #[serde(default)]
    n: Option<Number>,
    #[serde(default)]
    max_tokens: Option<Number>,
    #[serde(default)]
    max_completion_tokens: Option<Number>,
    #[serde(default)]
    max_output_tokens: Option<Number>,
    #[serde(default, rename = "generationConfig", alias = "generation_config")]
    generation: Option<Generation>,
}

#[derive(Deserialize)]
struct Generation {
    #[serde(default, rename = "maxOutputTokens", alias = "max_output_tokens")]
    most: Option<Number>,
    #[serde(default, rename = "candidateCount", alias = "candidate_count")]
    candidates: Option<Number>,
}

/// Reads a request. `choose` gets the model's name and answers with another one where the request must be changed.
///
/// # Errors
/// The body is no JSON object, names no model, or asks for what cannot be counted; or `choose` refuses.
pub(super) fn read(
    endpoint: &mut Endpoint,
    body: Bytes,
    choose: impl FnOnce(&str) -> Result<Option<String>, Refusal>,
) -> Result<Ask, Refusal> {
    let outline: Outline<'_> = serde_json::from_slice(&body)
        .map_err(|error| Refusal::wrong(format!("the request cannot be read: {error}")))?;
    if outline.background == Some(true) {
        return Err(Refusal::wrong("answers in the background cannot be counted"));
    }
    let number = |number: &Option<Number>| number.as_ref().and_then(Number::as_u64);
    let generation = outline.generation.as_ref();
    let most = number(&outline.max_completion_tokens)
        .or(number(&outline.max_output_tokens))
        .or(number(&outline.max_tokens))
        .or(generation.and_then(|generation| number(&generation.most)))
        .unwrap_or(USUAL_OUTPUT);
    let answers = number(&outline.n)
        .or(generation.and_then(|generation| number(&generation.candidates)))
        .unwrap_or(1)
        .max(1);

    let mut splices: Vec<Splice> = Vec::new();
    let model = if let Endpoint::Generate { model, .. } = endpoint {
        if let Some(other) = choose(model)? {
            *model = other;
        }
        model.clone()
    } else {
        let raw = outline
            .model
            .ok_or_else(|| Refusal::wrong("the request names no model"))?;
        let asked: Cow<'_, str> =
            serde_json::from_str(raw.get()).map_err(|_| Refusal::wrong("the request names no model"))?;
        match choose(&asked)? {
            None => asked.into_owned(),
            Some(other) => {
                splices.push(Splice::over(&body, raw, Value::from(other.as_str()).to_string()));
                other
            }
        }
    };
    if *endpoint == Endpoint::Chat && outline.stream == Some(true) {
        splices.extend(usage_splice(&body, outline.stream_options)?);
    }
    let most_input = (body.len() as u64) / BYTES_A_TOKEN;
    Ok(Ask {
        model,
        most_input,
        most_output: most.saturating_mul(answers),
        body: spliced(body, splices),
    })
}

/// Streams of Chat Completions tell their usage only when asked to.
fn usage_splice(body: &Bytes, options: Option<&RawValue>) -> Result<Option<Splice>, Refusal> {
    let Some(raw) = options else {
        let start = body
            .iter()
            .position(|&b| b == b'{')
            .ok_or_else(|| Refusal::wrong("the request is no object"))?;
        return Ok(Some(Splice {
            from: start + 1,
            to: start + 1,
            text: "\"stream_options\":{\"include_usage\":true},".to_owned(),
        }));
    };
    let mut options: Map<String, Value> =
        serde_json::from_str(raw.get()).map_err(|_| Refusal::wrong("`stream_options` is no object"))?;
    if options.get("include_usage") == Some(&Value::Bool(true)) {
        return Ok(None);
    }
    options.insert("include_usage".to_owned(), Value::Bool(true));
    Ok(Some(Splice::over(body, raw, Value::Object(options).to_string())))
}

/// A piece of a body that is replaced, so that everything else stays as the harness wrote it.
struct Splice {
    from: usize,
    to: usize,
    text: String,
}

impl Splice {
    fn over(body: &[u8], raw: &RawValue, text: String) -> Self {
        // `raw` borrows from `body`, so the distance of their beginnings is its place.
        let from = raw.get().as_ptr().addr() - body.as_ptr().addr();
        Self {
            from,
            to: from + raw.get().len(),
            text,
        }
    }
}

fn spliced(body: Bytes, mut splices: Vec<Splice>) -> Bytes {
    if splices.is_empty() {
        return body;
    }
    splices.sort_by_key(|splice| splice.from);
    let mut out = BytesMut::with_capacity(body.len() + 128);
    let mut at = 0;
    for splice in splices {
        out.extend_from_slice(&body[at..splice.from]);
        out.extend_from_slice(splice.text.as_bytes());
        at = splice.to;
    }
    out.extend_from_slice(&body[at..]);
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(endpoint: Endpoint, body: &str, instead: Option<&str>) -> Result<Ask, Refusal> {
        let mut endpoint = endpoint;
        read(&mut endpoint, Bytes::from(body.to_owned()), |_| {
            Ok(instead.map(str::to_owned))
        })
    }

    #[test]
    fn a_request_is_changed_only_where_it_must_be() {
        let body = r#"{ "messages" : [],  "model":"kimi-k2.6","stream" : true}"#;
        let ask = ask(Endpoint::Chat, body, Some("k3")).expect("it can be read");
        assert_eq!(ask.model, "k3");
        assert_eq!(
            ask.body,
            r#"{"stream_options":{"include_usage":true}, "messages" : [],  "model":"k3","stream" : true}"#
        );
        let plain = r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#;
        let ask = self::ask(Endpoint::Chat, plain, None).expect("it can be read");
        assert_eq!(ask.body, plain);
    }

    #[test]
    fn other_stream_options_are_kept() {
        let body = r#"{"model":"m","stream":true,"stream_options":{"include_obfuscation":false}}"#;
        let ask = ask(Endpoint::Chat, body, None).expect("it can be read");
        let sent: Value = serde_json::from_slice(&ask.body).expect("JSON");
        assert_eq!(sent["stream_options"]["include_usage"], true);
        assert_eq!(sent["stream_options"]["include_obfuscation"], false);
    }

    #[test]
    fn the_most_that_an_answer_may_have_is_read_in_every_dialect() {
        for (endpoint, body, most) in [
            (Endpoint::Messages, r#"{"model":"m","max_tokens":100}"#, 100),
            (
                Endpoint::Chat,
                r#"{"model":"m","max_completion_tokens":100,"n":3}"#,
                300,
            ),
            (Endpoint::Responses, r#"{"model":"m","max_output_tokens":7}"#, 7),
            (Endpoint::Responses, r#"{"model":"m"}"#, USUAL_OUTPUT),
            (
                Endpoint::Generate {
                    version: "v1beta".into(),
                    model: "g".into(),
                    stream: true,
                },
                r#"{"generationConfig":{"maxOutputTokens":9,"candidateCount":2}}"#,
                18,
            ),
        ] {
            assert_eq!(
                ask(endpoint, body, None).expect("it can be read").most_output,
                most
            );
        }
    }

    #[test]
    fn what_cannot_be_counted_is_refused() {
        for body in [
            "",
            "[]",
            "{}",
            r#"{"model":1}"#,
            r#"{"model":"a","model":"b"}"#,
            r#"{"model":"m","background":true}"#,
        ] {
            assert!(ask(Endpoint::Responses, body, None).is_err(), "{body}");
        }
    }
}
