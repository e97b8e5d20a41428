//! Taps against small streams of each dialect.

use super::*;

/// Run `wire` (events separated by a blank line) through a tap: what was forwarded, dropped, held.
fn run(dialect: Dialect, drop_usage_chunk: bool, wire: &str) -> (Captures, Vec<Verdict>) {
    let mut tap = Tap::new(dialect, drop_usage_chunk);
    let verdicts = wire.split_inclusive("\n\n").map(|event| tap.event(event.as_bytes())).collect();
    (tap.captures().clone(), verdicts)
}

fn text(raw: Option<&Vec<u8>>) -> &str {
    raw.map_or("", |raw| std::str::from_utf8(raw).unwrap())
}

use Verdict::{Drop, Forward, Terminal};

#[test]
fn responses_ends_with_the_completed_event() {
    let wire = concat!(
        "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"r\",\"model\":\"m0\",\"usage\":null,\"error\":null}}\n\n",
        ": ping\n\n",
        "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"abc\"}\n\n",
        "data: {\"type\":\"response.completed\",\"response\":{\"model\":\"m1\",\"usage\":{\"input_tokens\":1},\"error\":null,\"status\":\"completed\"}}\n\n",
        "data: {\"type\":\"response.failed\"}\n\n",
    );
    let (captures, verdicts) = run(Dialect::OpenaiResponses, false, wire);
    assert_eq!(verdicts, [Forward, Forward, Forward, Terminal, Forward]);
    assert_eq!(captures.status, Status::Ok);
    assert_eq!(text(captures.usage.as_ref()), "{\"input_tokens\":1}");
    assert_eq!(text(captures.model.as_ref()), "\"m1\"");
    assert_eq!((captures.delta_events, captures.delta_bytes, captures.error), (1, 5, None));
}

#[test]
fn responses_endings_have_their_status() {
    let cases = [
        ("event: response.incomplete\ndata: {}\n\n", Status::Incomplete, Terminal, ""),
        (
            "data: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":1}}}\n\n",
            Status::Failed,
            Terminal,
            "{\"code\":1}",
        ),
        (
            "event: x\ndata: {\"type\":\"response.done\",\"response\":{\"status\":\"incomplete\"}}\n\n",
            Status::Incomplete,
            Terminal,
            "",
        ),
        ("data: {\"type\":\"response.done\",\"response\":{\"status\":\"failed\"}}\n\n", Status::Failed, Terminal, ""),
        ("data: {\"type\":\"response.done\"}\n\n", Status::Ok, Terminal, ""),
        ("data: {\"type\":\"error\",\"error\":{\"m\":1}}\n\n", Status::Failed, Forward, "{\"m\":1}"),
        ("event: error\ndata: {\"m\":1}\n\n", Status::Failed, Forward, "{\"m\":1}"),
        ("event: response.completed\ndata: {\"type\":\"response.created\"}\n\n", Status::None, Forward, ""),
        ("event: response.completed\ndata: {\"response\":{\ndata: \"usage\":{}}}\n\n", Status::Ok, Terminal, ""),
    ];
    for (wire, status, verdict, error) in cases {
        let (captures, verdicts) = run(Dialect::OpenaiResponses, false, wire);
        assert_eq!(
            (captures.status, verdicts.as_slice(), text(captures.error.as_ref())),
            (status, &[verdict][..], error),
            "{wire}"
        );
    }
}

#[test]
fn chat_usage_chunk_is_kept_or_dropped_and_done_is_terminal() {
    let wire = concat!(
        "data: {\"choices\":[],\"model\":\"\",\"prompt_filter_results\":[]}\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"0123456789012345678901234567890123456789\"},\"finish_reason\":null}],\"model\":\"m\",\"usage\":null}\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"model\":\"m\"}\n\n",
        "data: {\"choices\":[],\"usage\":{\"total_tokens\":3}}\n\n",
        "data: [DONE]\n\n",
    );
    for (drop, usage_verdict) in [(false, Forward), (true, Drop)] {
        let (captures, verdicts) = run(Dialect::OpenaiChat, drop, wire);
        assert_eq!(verdicts, [Forward, Forward, Forward, usage_verdict, Terminal]);
        assert_eq!(captures.status, Status::Ok);
        assert_eq!(text(captures.usage.as_ref()), "{\"total_tokens\":3}");
        assert_eq!(text(captures.model.as_ref()), "\"m\"");
        assert_eq!((captures.delta_events, captures.delta_bytes, captures.finish_seen), (2, 37, true));
    }
}

#[test]
fn chat_keeps_the_chunk_that_names_a_service_tier_of_another_price() {
    for tier in ["null", "\"\"", "\"default\"", "\"auto\"", "\"standard\""] {
        let wire = format!("data: {{\"choices\":[],\"service_tier\":{tier}}}\n\n");
        assert_eq!(run(Dialect::OpenaiChat, false, &wire).0.usage2, None, "{tier}");
    }
    let wire = concat!(
        "data: {\"choices\":[],\"service_tier\":\"flex\"}\n\n",
        "data: {\"choices\":[],\"service_tier\":\"flex\",\"usage\":{\"a\":1}}\n\n",
    );
    let (captures, _) = run(Dialect::OpenaiChat, true, wire);
    assert_eq!(text(captures.usage2.as_ref()), "{\"choices\":[],\"service_tier\":\"flex\"}");
    assert_eq!(text(captures.usage.as_ref()), "{\"a\":1}");
}

#[test]
fn chat_errors_fail_the_answer_and_groq_usage_counts() {
    let (captures, _) = run(Dialect::OpenaiChat, false, "data: {\"error\":{\"m\":1}}\n\ndata: [DONE]\n\n");
    assert_eq!((captures.status, text(captures.error.as_ref())), (Status::Failed, "{\"m\":1}"));
    let (captures, _) =
        run(Dialect::OpenaiChat, false, "data: {\"choices\":[],\"x_groq\":{\"usage\":{\"a\":1}},\"usage\":null}\n\n");
    assert_eq!(text(captures.usage.as_ref()), "{\"a\":1}");
}

#[test]
fn anthropic_usage_comes_from_start_and_last_delta() {
    let wire = concat!(
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"c\",\"usage\":{\"input_tokens\":3}}}\n\n",
        "event: ping\ndata: {\"type\": \"ping\"}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"hello\"}}\n\n",
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":1}}\n\n",
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{},\"usage\":{\"output_tokens\":2}}\n\n",
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    );
    let (captures, verdicts) = run(Dialect::AnthropicMessages, false, wire);
    assert_eq!(verdicts, [Forward, Forward, Forward, Forward, Forward, Terminal]);
    assert_eq!(text(captures.usage.as_ref()), "{\"input_tokens\":3}");
    assert_eq!(text(captures.usage2.as_ref()), "{\"output_tokens\":2}");
    assert_eq!((captures.delta_bytes, captures.finish_seen, captures.status), (6, true, Status::Ok));
    let (captures, verdicts) = run(
        Dialect::AnthropicMessages,
        false,
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n",
    );
    assert_eq!((captures.status, verdicts.as_slice()), (Status::Failed, &[Terminal][..]));
    assert_eq!(text(captures.error.as_ref()), "{\"type\":\"overloaded_error\"}");
}

#[test]
fn gemini_keeps_the_last_usage_and_has_no_terminal() {
    let wire = concat!(
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hi\"}],\"role\":\"model\"}}],\"usageMetadata\":{\"a\":1},\"modelVersion\":\"g\"}\r\n\n\n",
        "data: {\"candidates\":[{\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"a\":2}}\n\n",
    );
    let (captures, verdicts) = run(Dialect::GeminiGenerate, false, wire);
    assert!(verdicts.iter().all(|v| *v == Forward));
    assert_eq!((text(captures.usage.as_ref()), text(captures.model.as_ref())), ("{\"a\":2}", "\"g\""));
    assert_eq!((captures.finish_seen, captures.status), (true, Status::Ok));
    for error in ["data: {\"error\":{\"code\":429}}\n\n", "{\"error\":{\"code\":429}}"] {
        let (captures, verdicts) = run(Dialect::GeminiGenerate, false, error);
        assert_eq!((captures.status, text(captures.error.as_ref())), (Status::Failed, "{\"code\":429}"));
        assert_eq!(verdicts, [Forward]);
    }
}

/// A message of an AWS event stream.
fn message(message_type: &str, kind: (&str, &str), payload: &str) -> Vec<u8> {
    use crate::eventstream::{Header, Value, encode};
    let header = |name, value| Header { name, value: Value::Text(value) };
    encode([header(kind.0, kind.1), header(":message-type", message_type)], payload.as_bytes()).unwrap()
}

#[test]
fn converse_ends_with_metadata() {
    let event = |kind, payload| message("event", (":event-type", kind), payload);
    let wire = [
        event("messageStart", "{\"role\":\"assistant\",\"p\":\"abcd\"}"),
        event("contentBlockDelta", "{\"contentBlockIndex\":0,\"delta\":{\"text\":\"hello\"},\"p\":\"abc\"}"),
        event("contentBlockStop", "{\"contentBlockIndex\":0}"),
        event("messageStop", "{\"stopReason\":\"end_turn\"}"),
        event(
            "metadata",
            "{\"metrics\":{},\"usage\":{\"inputTokens\":3},\"trace\":{\"promptRouter\":{\"invokedModelId\":\"m\"}}}",
        ),
        event("metadata", "{\"usage\":{\"inputTokens\":4}}"),
    ];
    let mut tap = Tap::new(Dialect::BedrockConverse, false);
    let verdicts = wire[..4].iter().map(|event| tap.event(event)).collect::<Vec<_>>();
    assert_eq!(verdicts, [Forward; 4]);
    let captures = tap.captures();
    assert_eq!((captures.finish_seen, captures.status, captures.usage.as_ref()), (true, Status::Ok, None));
    assert_eq!([tap.event(&wire[4]), tap.event(&wire[5])], [Terminal, Forward]);
    let captures = tap.captures();
    assert_eq!(text(captures.usage.as_ref()), "{\"inputTokens\":3}");
    assert_eq!(text(captures.model.as_ref()), "\"m\"");
    assert_eq!((captures.delta_events, captures.delta_bytes), (1, 5));
}

#[test]
fn converse_exceptions_end_the_answer_and_keep_their_name() {
    let words = "{\"message\": \"slow down\"}";
    let named = "{\"__type\":\"throttlingException\",\"message\": \"slow down\"}";
    let cases = [
        (message("exception", (":exception-type", "throttlingException"), words), named),
        (message("exception", (":exception-type", "x"), " { } "), "{\"__type\":\"x\"}"),
        (message("exception", (":exception-type", "x"), ""), "{\"__type\":\"x\"}"),
        (message("error", (":error-code", "x"), ""), "{\"__type\":\"x\",\"message\":\"\"}"),
    ];
    for (wire, error) in cases {
        let mut tap = Tap::new(Dialect::BedrockConverse, false);
        assert_eq!(tap.event(&wire), Terminal);
        let captures = tap.captures();
        assert_eq!((captures.status, text(captures.error.as_ref())), (Status::Failed, error));
    }
}

#[test]
fn broken_json_is_forwarded() {
    for dialect in [
        Dialect::None,
        Dialect::OpenaiResponses,
        Dialect::OpenaiChat,
        Dialect::AnthropicMessages,
        Dialect::GeminiGenerate,
        Dialect::BedrockConverse,
    ] {
        let wire = "data: {\"choices\":[{\n\ndata: {\"type\":\"\n\ndata:\n\ndata: [\n\ndata: {\"usage\":{\n\n";
        assert!(run(dialect, true, wire).1.iter().all(|v| *v == Forward));
    }
}
