//! What is heard of answers, in one piece and in the smallest pieces.

use super::*;

pub(in crate::meter) const MESSAGES: &str = concat!(
    "event: message_start\n",
    "data: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\",\"model\":\"claude-opus-5-5\",\"content\":[],",
    "\"usage\":{\"input_tokens\":700,\"cache_read_input_tokens\":400,\"cache_creation_input_tokens\":30,",
    "\"cache_creation\":{\"ephemeral_5m_input_tokens\":20,\"ephemeral_1h_input_tokens\":10},\"output_tokens\":1}}}\n\n",
    "event: ping\ndata: {\"type\": \"ping\"}\n\n",
    "event: content_block_start\n",
    "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
    "event: content_block_delta\n",
    "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"I \\\"input_json_delta\\\" ü\"}}\n\n",
    "event: content_block_delta\n",
    "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\" look\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
    "event: content_block_start\n",
    "data: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"Read\",\"input\":{}}}\n\n",
    "event: content_block_delta\n",
    "data: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"path\\\":\"}}\n\n",
    "event: content_block_delta\n",
    "data: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"\\\"a\\\"}\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":1}\n\n",
    "event: message_delta\n",
    "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"},\"usage\":{\"output_tokens\":50}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
);

pub(in crate::meter) const CHAT: &str = concat!(
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"kimi-k2.6\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\r\n\r\n",
    ": a comment\r\n\r\n",
    "data: {\"id\":\"c\", \"model\": \"kimi-k2.6\", \"choices\": [{\"index\": 0, \"delta\": {\"content\": \"I say \\\"usage\\\" ü\"}, \"finish_reason\": null}], \"usage\": null}\r\n\r\n",
    "data: {\"id\":\"c\",\"model\":\"kimi-k2.6\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"t\",\"function\":{\"name\":\"read\",\"arguments\":\"{\\\"a\\\"\"}}]},\"finish_reason\":null}]}\r\n\r\n",
    "data: {\"id\":\"c\",\"model\":\"kimi-k2.6\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\":1}\"}}]},\"finish_reason\":null}]}\r\n\r\n",
    "data: {\"id\":\"c\",\"model\":\"kimi-k2.6\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\r\n\r\n",
    "data: {\"id\":\"c\",\"model\":\"kimi-k2.6\",\"choices\":[],\"usage\":{\"prompt_tokens\":1100,\"completion_tokens\":60,",
    "\"prompt_tokens_details\":{\"cached_tokens\":400},\"completion_tokens_details\":{\"reasoning_tokens\":10}}}\r\n\r\n",
    "data: [DONE]\r\n\r\n",
);

pub(in crate::meter) const RESPONSES: &str = concat!(
    "event: response.created\n",
    "data: {\"type\":\"response.created\",\"response\":{\"object\":\"response\",\"model\":\"gpt-5.5\",\"status\":\"in_progress\",\"output\":[],\"usage\":null}}\n\n",
    "event: response.output_text.delta\n",
    "data: {\"type\":\"response.output_text.delta\",\"delta\":\"I say response.completed\"}\n\n",
    "event: response.output_item.done\n",
    "data: {\"type\":\"response.output_item.done\",\"item\":{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"I say\"}]}}\n\n",
    "event: response.output_item.done\n",
    "data: {\"type\":\"response.output_item.done\",\"item\":{\"type\":\"function_call\",\"name\":\"f\",\"arguments\":\"{}\"}}\n\n",
    "event: response.completed\n",
    "data: {\"type\":\"response.completed\",\"response\":{\"object\":\"response\",\"model\":\"gpt-5.5\",\"status\":\"completed\",",
    "\"output\":[{\"type\":\"function_call\",\"arguments\":\"{}\"}],\"error\":null,\"incomplete_details\":null,",
    "\"usage\":{\"input_tokens\":1100,\"input_tokens_details\":{\"cached_tokens\":400},\"output_tokens\":60,\"output_tokens_details\":{\"reasoning_tokens\":10}}}}\n\n",
);

pub(in crate::meter) const GEMINI: &str = concat!(
    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hm\",\"thought\":true}]}}],\"usageMetadata\":{\"promptTokenCount\":1100},\"modelVersion\":\"gemini-3.8-flash\"}\n\n",
    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"I } say [\"}]}}],\"usageMetadata\":{\"promptTokenCount\":1100,\"candidatesTokenCount\":5},\"modelVersion\":\"gemini-3.8-flash\"}\n\n",
    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\",\"args\":{}}}]},\"finishReason\":\"STOP\"}],",
    "\"usageMetadata\":{\"promptTokenCount\":1100,\"cachedContentTokenCount\":400,\"toolUsePromptTokenCount\":3,\"candidatesTokenCount\":50,\"thoughtsTokenCount\":10},\"modelVersion\":\"gemini-3.8-flash\"}\n\n",
);

fn generate() -> Endpoint {
    Endpoint::Generate {
        version: "v1beta".into(),
        model: "gemini-3.5-flash".into(),
        stream: true,
    }
}

/// Hears it in pieces of each of some sizes, all of which must come to the same.
#[track_caller]
fn hear(endpoint: &Endpoint, text: &str, end: End) -> Heard {
    let mut all = [usize::MAX, 1, 2, 7, 100].map(|size| {
        let mut listener = Listener::new(endpoint);
        for piece in text.as_bytes().chunks(size) {
            listener.feed(piece);
        }
        listener.end(end)
    });
    for other in &all[1..] {
        assert_eq!(all[0], *other, "pieces make no difference");
    }
    std::mem::take(&mut all[0])
}

#[track_caller]
fn faults(endpoint: &Endpoint, text: &str, end: End, wanted: &[WireFault]) -> Heard {
    let heard = hear(endpoint, text, end);
    assert_eq!(heard.faults, wanted, "{text}");
    heard
}

#[test]
fn tokens_are_counted_by_kind_in_every_dialect() {
    let plain = TokenUsage {
        input: 700,
        cache_read: 400,
        output: 50,
        reasoning: 10,
        ..TokenUsage::default()
    };
    for (endpoint, text, usage, model) in [
        (
            Endpoint::Messages,
            MESSAGES,
            TokenUsage {
                cache_write: 20,
                cache_write_hour: 10,
                reasoning: 0,
                ..plain
            },
            "claude-opus-5-5",
        ),
        (Endpoint::Chat, CHAT, plain, "kimi-k2.6"),
        (Endpoint::Responses, RESPONSES, plain, "gpt-5.5"),
        (
            generate(),
            GEMINI,
            TokenUsage { input: 703, ..plain },
            "gemini-3.8-flash",
        ),
    ] {
        let heard = faults(&endpoint, text, End::Whole, &[]);
        assert_eq!(heard.usage, Some(usage), "{endpoint:?}");
        assert_eq!(heard.model.as_deref(), Some(model));
        assert!(heard.spoke);
    }
}

#[test]
fn geminis_array_is_heard_element_by_element() {
    let array = GEMINI.replace("data: ", ",").replacen(',', "[", 1) + "]";
    let heard = faults(&generate(), &array, End::Whole, &[]);
    assert_eq!(heard.usage.map(|usage| usage.input), Some(703));
    faults(
        &generate(),
        &array[..array.len() / 2],
        End::Whole,
        &[WireFault::CutOff],
    );
}

#[test]
fn the_newest_figures_of_parts_that_were_passed_over_count() {
    let part = |n: u32| {
        format!(
            "data: {{\"candidates\":[{{\"content\":{{\"parts\":[{{\"text\":\"say \\\"{n}\\\"\"}}]}}}}],\
             \"usageMetadata\":{{\"promptTokenCount\":1100,\"candidatesTokenCount\":{n}}},\"modelVersion\":\"m-3.5\"}}\n\n"
        )
    };
    let words: String = (98..=120).map(part).collect();
    let end = "data: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\n\n";
    let heard = faults(&generate(), &format!("{words}{end}"), End::Whole, &[]);
    assert_eq!(
        heard.usage.map(|usage| (usage.input, usage.output)),
        Some((1100, 120))
    );
    assert_eq!(heard.model.as_deref(), Some("m-3.5"));
    let other = part(121).replace("m-3.5", "m-4.0");
    let heard = faults(&generate(), &format!("{words}{other}{end}"), End::Whole, &[]);
    assert_eq!(
        heard.model.as_deref(),
        Some("m-4.0"),
        "a model that changes is heard"
    );
    assert_eq!(faults(&generate(), &words, End::Left, &[]).usage, None);
}

#[test]
fn an_answer_that_breaks_off_counts_nothing() {
    for (endpoint, text) in [
        (Endpoint::Messages, MESSAGES),
        (Endpoint::Chat, CHAT),
        (Endpoint::Responses, RESPONSES),
        (generate(), GEMINI),
    ] {
        let half = &text[..text.len() / 2];
        for (end, fault) in [
            (End::Whole, WireFault::CutOff),
            (End::Broken, WireFault::CutOff),
            (End::Silent, WireFault::Stalled),
        ] {
            assert_eq!(faults(&endpoint, half, end, &[fault]).usage, None);
        }
        assert_eq!(faults(&endpoint, half, End::Left, &[]).usage, None);
    }
}

#[test]
fn an_answer_that_said_all_and_then_breaks_off_counts() {
    let text = MESSAGES.rsplit_once("event: message_stop").expect("it ends").0;
    let heard = faults(&Endpoint::Messages, text, End::Broken, &[]);
    assert_eq!(heard.usage.map(|usage| usage.output), Some(50));
}

#[test]
fn compatible_servers_that_tell_their_input_at_the_end_are_understood() {
    let text = MESSAGES
        .replace("\"input_tokens\":700", "\"input_tokens\":0")
        .replace(
            "{\"output_tokens\":50}",
            "{\"input_tokens\":700,\"output_tokens\":50}",
        );
    let heard = faults(&Endpoint::Messages, &text, End::Whole, &[]);
    assert_eq!(heard.usage.map(|usage| usage.input), Some(700));
    // Moonshot tells its usage within the choice, and what was cached beside it.
    let chat = CHAT.replace(
        "\"delta\":{},\"finish_reason\":\"tool_calls\"",
        "\"delta\":{},\"finish_reason\":\"tool_calls\",\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2,\"cached_tokens\":4}",
    );
    let chat = chat.rsplit_once("data: {\"id\"").expect("the usage at the end").0;
    let heard = faults(&Endpoint::Chat, chat, End::Whole, &[]);
    assert_eq!(
        heard
            .usage
            .map(|usage| (usage.input, usage.cache_read, usage.output)),
        Some((5, 4, 2))
    );
}

#[test]
fn reasons_for_ending_become_faults() {
    use WireFault::{MalformedCall, Refused, Truncated};
    for (endpoint, text, from, to, fault) in [
        (
            Endpoint::Messages,
            MESSAGES,
            "\"stop_reason\":\"tool_use\"",
            "\"stop_reason\":\"max_tokens\"",
            Truncated,
        ),
        (
            Endpoint::Messages,
            MESSAGES,
            "\"stop_reason\":\"tool_use\"",
            "\"stop_reason\":\"refusal\"",
            Refused,
        ),
        (
            Endpoint::Messages,
            MESSAGES,
            "\\\"a\\\"}\"",
            "\\\"a\\\", \\\"b\\\": \"",
            MalformedCall,
        ),
        (
            Endpoint::Chat,
            CHAT,
            "\"finish_reason\":\"tool_calls\"",
            "\"finish_reason\":\"length\"",
            Truncated,
        ),
        (
            Endpoint::Chat,
            CHAT,
            "\"finish_reason\":\"tool_calls\"",
            "\"finish_reason\":\"content_filter\"",
            Refused,
        ),
        (Endpoint::Chat, CHAT, "\":1}\"", "\":1, \"", MalformedCall),
        (
            Endpoint::Responses,
            RESPONSES,
            "\"incomplete_details\":null",
            "\"incomplete_details\":{\"reason\":\"max_output_tokens\"}",
            Truncated,
        ),
        (
            Endpoint::Responses,
            RESPONSES,
            "\"incomplete_details\":null",
            "\"incomplete_details\":{\"reason\":\"content_filter\"}",
            Refused,
        ),
        (
            Endpoint::Responses,
            RESPONSES,
            "\"arguments\":\"{}\"",
            "\"arguments\":\"{\"",
            MalformedCall,
        ),
        (generate(), GEMINI, "\"STOP\"", "\"MAX_TOKENS\"", Truncated),
        (generate(), GEMINI, "\"STOP\"", "\"SAFETY\"", Refused),
        (
            generate(),
            GEMINI,
            "\"STOP\"",
            "\"MALFORMED_FUNCTION_CALL\"",
            MalformedCall,
        ),
    ] {
        let changed = text.replace(from, to);
        assert_ne!(changed, text, "the text holds {from}");
        faults(&endpoint, &changed, End::Whole, &[fault]);
    }
}

#[test]
fn an_answer_without_words_or_calls_is_empty() {
    let messages = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"m\"}}\n\n\
                    data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":1}}\n\n\
                    data: {\"type\":\"message_stop\"}\n\n";
    let chat =
        "data: {\"choices\":[{\"delta\":{\"content\":\"\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let responses =
        "data: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\",\"output\":[]}}\n\n";
    let gemini = "data: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\n\n";
    for (endpoint, text) in [
        (Endpoint::Messages, messages),
        (Endpoint::Chat, chat),
        (Endpoint::Responses, responses),
        (generate(), gemini),
    ] {
        faults(&endpoint, text, End::Whole, &[WireFault::Empty]);
    }
}

#[test]
fn answers_in_one_piece_are_read_too() {
    let messages = r#"{"type":"message","model":"m","content":[{"type":"text","text":"a"}],"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":2}}"#;
    let chat = r#"{"model":"m","choices":[{"message":{"content":"a"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#;
    let responses = r#"{"object":"response","model":"m","status":"completed","output":[{"type":"message","content":[{"type":"output_text","text":"a"}]}],"usage":{"input_tokens":3,"output_tokens":2}}"#;
    let gemini = r#"{"modelVersion":"m","candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":2}}"#;
    for (endpoint, text) in [
        (Endpoint::Messages, messages),
        (Endpoint::Chat, chat),
        (Endpoint::Responses, responses),
        (generate(), gemini),
    ] {
        let heard = faults(&endpoint, text, End::Whole, &[]);
        let usage = heard.usage.expect("it is told");
        assert_eq!((usage.input, usage.output), (3, 2), "{endpoint:?}");
        assert_eq!(heard.model.as_deref(), Some("m"));
        faults(&endpoint, &text[..40], End::Broken, &[WireFault::CutOff]);
    }
}

#[test]
fn what_is_no_answer_is_called_so() {
    let html = "<html><body>502 upstream</body></html>";
    for endpoint in [
        Endpoint::Messages,
        Endpoint::Chat,
        Endpoint::Responses,
        generate(),
    ] {
        faults(&endpoint, html, End::Whole, &[WireFault::NotAnAnswer]);
        faults(&endpoint, "", End::Whole, &[WireFault::NotAnAnswer]);
    }
    faults(
        &Endpoint::Chat,
        r#"{"ok":true}"#,
        End::Whole,
        &[WireFault::NotAnAnswer],
    );
    faults(
        &Endpoint::Messages,
        r#"{"ok":true}"#,
        End::Whole,
        &[WireFault::NotAnAnswer],
    );
    assert!(!Listener::is_answer(html.as_bytes()));
    assert!(Listener::is_answer(b"\n {"));
}

#[test]
fn errors_in_the_midst_of_a_stream_are_faults() {
    let text = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"x\"}}\n\n";
    faults(
        &Endpoint::Messages,
        text,
        End::Whole,
        &[WireFault::Unavailable { status: Some(529) }],
    );
    let text = "data: {\"type\":\"response.failed\",\"response\":{\"status\":\"failed\",\"error\":{\"code\":\"rate_limit_exceeded\"}}}\n\n";
    faults(
        &Endpoint::Responses,
        text,
        End::Whole,
        &[WireFault::RateLimited { until: None }],
    );
}
