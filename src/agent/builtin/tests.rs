//! The loop against a scripted server, over real HTTP.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::conversation::{Orders, converse};
use super::tools::Tools;
use super::wire::Call;
use crate::model::Dialect;

/// A server that answers one prepared response after the other, and keeps the requests' bodies.
async fn server(responses: Vec<(u16, String)>) -> (String, Arc<Mutex<Vec<Value>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&asked);
    tokio::spawn(async move {
        for (status, body) in responses {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = Vec::new();
            let body_start = loop {
                stream.read_buf(&mut bytes).await.unwrap();
                if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                    break at + 4;
                }
            };
            let head = String::from_utf8_lossy(&bytes[..body_start]).to_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse::<usize>().unwrap());
            while bytes.len() < body_start + length {
                stream.read_buf(&mut bytes).await.unwrap();
            }
            kept.lock()
                .unwrap()
                .push(serde_json::from_slice(&bytes[body_start..]).unwrap());
            let answer = format!(
                "HTTP/1.1 {status} X\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n{body}"
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    });
    (url, asked)
}

fn sse(events: &[Value]) -> String {
    events
        .iter()
        .fold(String::new(), |all, event| all + &format!("data: {event}\n\n"))
}

/// A Chat Completions answer that calls a tool.
fn call(name: &str, arguments: &str) -> String {
    let function = json!({"name": name, "arguments": arguments});
    let delta = json!({"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": function}]});
    sse(&[
        json!({"choices": [{"delta": delta}]}),
        json!({"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}),
        json!({"choices": [], "usage": {
            "prompt_tokens": 100, "completion_tokens": 20, "prompt_tokens_details": {"cached_tokens": 60},
            "completion_tokens_details": {"reasoning_tokens": 5},
        }}),
    ]) + "data: [DONE]\n\n"
}

fn words(text: &str) -> String {
    sse(&[
        json!({"choices": [{"delta": {"content": text}}]}),
        json!({"choices": [{"delta": {}, "finish_reason": "stop"}]}),
    ]) + "data: [DONE]\n\n"
}

fn orders(url: String, dialect: Dialect, root: &std::path::Path) -> Orders {
    Orders {
        dialect,
        url,
        key: "dummy".to_owned(),
        model: "m".to_owned(),
        effort: None,
        brief: "Do it.".to_owned(),
        root: root.to_owned(),
        read_only: false,
    }
}

#[tokio::test]
async fn it_edits_a_file_and_tells_what_it_used() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.txt"), "one\ntwo\n").unwrap();
    let edit = json!({"path": "a.txt", "old": "two", "new": "three"}).to_string();
    let (url, asked) = server(vec![
        (200, call("read", r#"{"path":"a.txt"}"#)),
        (200, call("edit", &edit)),
        (200, call("shell", r#"{"command":"cat a.txt; exit 3"}"#)),
        (200, words("Done.")),
    ])
    .await;
    let mut said = Vec::new();
    let end = converse(&orders(url, Dialect::Openai, folder.path()), &mut |line| {
        said.push(line.clone());
    })
    .await;
    assert!(end.ok, "{end:?}");
    assert_eq!(
        std::fs::read_to_string(folder.path().join("a.txt")).unwrap(),
        "one\nthree\n"
    );
    let asked = asked.lock().unwrap();
    let told = |n: usize| asked[n]["messages"].as_array().unwrap().last().unwrap()["content"].clone();
    assert_eq!(told(1), "1\tone\n2\ttwo");
    assert_eq!(told(3), "one\nthree\n\n(exit code 3)");
    let usage = said.iter().find(|line| line["type"] == "usage").unwrap();
    assert_eq!(usage["input_tokens"], 40);
    assert_eq!(usage["cache_read_tokens"], 60);
    assert_eq!(usage["output_tokens"], 15);
    assert_eq!(usage["reasoning_tokens"], 5);
    assert_eq!(said.last().unwrap()["text"], "Done.");
}

#[tokio::test]
async fn it_speaks_messages_too() {
    let folder = tempfile::tempdir().unwrap();
    let start =
        json!({"type": "message_start", "message": {"usage": {"input_tokens": 7, "output_tokens": 1}}});
    let block = json!({"type": "content_block_start", "index": 0, "content_block": {
        "type": "tool_use", "id": "t1", "name": "write", "input": {},
    }});
    let part = |text: &str| json!({"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": text}});
    let end = |reason: &str| json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 9}});
    let stop = json!({"type": "message_stop"});
    let text =
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Done."}});
    let (url, asked) = server(vec![
        (
            200,
            sse(&[
                start.clone(),
                block,
                part(r#"{"path":"b/c.txt","#),
                part(r#""content":"x"}"#),
                end("tool_use"),
                stop.clone(),
            ]),
        ),
        (200, sse(&[start, text, end("end_turn"), stop])),
    ])
    .await;
    let mut said = Vec::new();
    let ended = converse(&orders(url, Dialect::Anthropic, folder.path()), &mut |line| {
        said.push(line.clone());
    })
    .await;
    assert!(ended.ok, "{ended:?}");
    assert_eq!(
        std::fs::read_to_string(folder.path().join("b/c.txt")).unwrap(),
        "x"
    );
    let asked = asked.lock().unwrap();
    assert_eq!(asked[1]["messages"][1]["content"][0]["input"]["path"], "b/c.txt");
    assert_eq!(asked[1]["messages"][2]["content"][0]["tool_use_id"], "t1");
    assert_eq!(
        said[0]["output_tokens"], 9,
        "a later total replaces the earlier one"
    );
}

#[tokio::test]
async fn what_goes_wrong_is_told_as_a_fact() {
    let folder = tempfile::tempdir().unwrap();
    let at = |url| orders(url, Dialect::Openai, folder.path());
    let (url, _) = server(vec![(403, r#"{"error":{"message":"budget"}}"#.to_owned())]).await;
    let end = converse(&at(url), &mut |_| {}).await;
    assert_eq!(
        (end.ok, end.status, end.error),
        (false, Some(403), Some("status"))
    );

    let cut = sse(&[json!({"choices": [{"delta": {"content": "half"}}]})]);
    let (url, _) = server(vec![(200, cut)]).await;
    assert_eq!(converse(&at(url), &mut |_| {}).await.error, Some("protocol"));

    let long = sse(&[json!({"choices": [{"delta": {"content": "long"}, "finish_reason": "length"}]})]);
    let (url, _) = server(vec![(200, long)]).await;
    let end = converse(&at(url), &mut |_| {}).await;
    assert!(end.truncated && !end.ok);

    let refusal = sse(&[json!({"choices": [{"delta": {"refusal": "no"}, "finish_reason": "stop"}]})]);
    let (url, _) = server(vec![(200, refusal)]).await;
    assert!(converse(&at(url), &mut |_| {}).await.refused);

    let (url, _) = server(vec![(200, words(""))]).await;
    let end = converse(&at(url), &mut |_| {}).await;
    assert!(!end.ok && end.error.is_none(), "an empty answer is none");

    let broken = || (200, call("edit", "{broken"));
    let (url, _) = server(vec![broken(), broken(), broken(), broken(), broken()]).await;
    assert_eq!(
        converse(&at(url), &mut |_| {}).await.error,
        Some("malformed_call")
    );
}

fn tool(tools: &Tools, name: &str, arguments: &Value) -> (bool, String) {
    let call = Call {
        id: "c".to_owned(),
        name: name.to_owned(),
        arguments: Ok(arguments.clone()),
    };
    let done = tools.call(&call);
    (done.outcome.failed, done.outcome.text)
}

#[test]
fn nothing_leads_out_of_the_worktree() {
    let folder = tempfile::tempdir().unwrap();
    let (root, outside) = (folder.path().join("tree"), folder.path().join("outside"));
    std::fs::create_dir(&root).unwrap();
    std::fs::write(&outside, "secret").unwrap();
    std::os::unix::fs::symlink(&outside, root.join("link")).unwrap();
    let tools = Tools::new(root.clone(), false);
    for path in [
        "../outside",
        "/etc/passwd",
        "link",
        ".git/config",
        "a/../../outside",
    ] {
        assert!(
            tool(&tools, "read", &json!({"path": path})).0,
            "{path} can be read"
        );
        let write = json!({"path": path, "content": "x"});
        assert!(tool(&tools, "write", &write).0, "{path} can be written");
    }
    assert_eq!(std::fs::read_to_string(&outside).unwrap(), "secret");
}

#[test]
fn a_reading_step_writes_artifacts_only_and_runs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let tools = Tools::new(folder.path().to_owned(), true);
    assert!(tool(&tools, "write", &json!({"path": "a.txt", "content": "x"})).0);
    assert!(tool(&tools, "shell", &json!({"command": "touch b"})).0);
    assert!(
        !tool(
            &tools,
            "write",
            &json!({"path": ".footplate/plan.md", "content": "x"})
        )
        .0
    );
    let absolute = folder.path().join(".footplate/notes.md");
    assert!(
        !tool(&tools, "write", &json!({"path": absolute, "content": "x"})).0,
        "an absolute path inside"
    );
    assert!(absolute.exists());
    assert!(!folder.path().join("a.txt").exists() && !folder.path().join("b").exists());
}

#[test]
fn an_edit_that_is_not_unique_changes_nothing_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a"), "x x").unwrap();
    let tools = Tools::new(folder.path().to_owned(), false);
    for (old, why) in [("x", "occurs 2 times"), ("y", "does not occur"), ("", "is empty")] {
        let (failed, text) = tool(&tools, "edit", &json!({"path": "a", "old": old, "new": "z"}));
        assert!(failed && text.contains(why), "{old}: {text}");
    }
    assert_eq!(std::fs::read_to_string(folder.path().join("a")).unwrap(), "x x");
    let (failed, text) = tool(&tools, "grep", &json!({"pattern": "^x"}));
    assert!(!failed && text.contains("a:1:x x"), "{text}");
}
