//! Anthropic Messages: usage comes twice (`message_start`, then a cumulative one in `message_delta`); `message_stop`
//! ends the answer, and so does `error`.

use super::Verdict;
use super::captures::{Captures, Status, is_present, keep_object, unquoted};
use crate::json::{find_member, members};

/// JSON around the text of a `content_block_delta`: `{"type":"text_delta","text":""}`.
const DELTA_FRAME_BYTES: usize = 30;

pub(super) fn event(captures: &mut Captures, name: Option<&[u8]>, data: &[u8]) -> Verdict {
    let (mut kind, mut message, mut usage, mut delta, mut error) = (None, None, None, None, None);
    for (key, span) in members(data) {
        let value = &data[span];
        match key {
            b"type" => kind = Some(unquoted(value)),
            b"message" => message = Some(value),
            b"usage" => usage = Some(value),
            b"delta" => delta = Some(value),
            b"error" => error = Some(value),
            _ => {}
        }
    }
    match kind.or(name).unwrap_or_default() {
        b"content_block_delta" => captures.count_delta(delta.map_or(0, <[u8]>::len), DELTA_FRAME_BYTES),
        b"message_start" => {
            for (key, span) in members(message.unwrap_or_default()) {
                let value = &message.unwrap_or_default()[span];
                match key {
                    b"usage" => keep_object(&mut captures.usage, value),
                    b"model" => captures.keep_first_model(value),
                    _ => {}
                }
            }
        }
        b"message_delta" => {
            keep_object(&mut captures.usage2, usage.unwrap_or_default());
            let delta = delta.unwrap_or_default();
            let reason = find_member(delta, b"stop_reason");
            captures.finish_seen |= reason.is_some_and(|span| is_present(&delta[span]));
        }
        b"message_stop" => {
            captures.status = Status::Ok;
            captures.finish_seen = true;
            return Verdict::Terminal;
        }
        b"error" => {
            captures.fail(error.filter(|e| is_present(e)).unwrap_or(data));
            return Verdict::Terminal;
        }
        _ => {}
    }
    Verdict::Forward
}
