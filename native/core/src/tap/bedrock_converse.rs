//! Bedrock `ConverseStream`: messages of an AWS event stream. `messageStop` says why it ended, `metadata` comes last and
//! brings the usage; an exception ends it too. The model is not named, but for a prompt router's choice.

use super::Verdict;
use super::captures::{Captures, Status, keep_object};
use crate::eventstream::Message;
use crate::json::{find_member, find_path, quoted};

/// JSON around the text of a delta: `{"text":""}`.
const DELTA_FRAME_BYTES: usize = 11;

pub(super) fn event(captures: &mut Captures, bytes: &[u8]) -> Verdict {
    let Ok((message, _)) = Message::parse(bytes) else {
        return Verdict::Forward;
    };
    let payload = message.payload;
    match message.text(":message-type") {
        "exception" | "error" => {
            captures.fail(&error_json(&message));
            return Verdict::Terminal;
        }
        _ => {}
    }
    match message.text(":event-type") {
        "contentBlockDelta" => {
            captures.count_delta(find_member(payload, b"delta").map_or(0, |span| span.len()), DELTA_FRAME_BYTES);
        }
        "messageStop" => {
            captures.finish_seen = true;
            captures.status = Status::Ok;
        }
        "metadata" => {
            captures.status = Status::Ok;
            captures.finish_seen = true;
            if let Some(span) = find_member(payload, b"usage") {
                keep_object(&mut captures.usage, &payload[span]);
            }
            if let Some(span) = find_path(payload, &[b"trace", b"promptRouter", b"invokedModelId"]) {
                captures.keep_first_model(&payload[span]);
            }
            return Verdict::Terminal;
        }
        _ => {}
    }
    Verdict::Forward
}

/// As Bedrock spells errors of a whole answer: the name in `__type`, then the members of the payload.
fn error_json(message: &Message<'_>) -> Vec<u8> {
    let body = message.body();
    let members = body.trim_ascii().strip_prefix(b"{").unwrap_or(b"}").trim_ascii_start();
    let comma: &[u8] = if members == b"}" { b"" } else { b"," };
    [b"{\"__type\":", &quoted(message.kind())[..], comma, members].concat()
}
