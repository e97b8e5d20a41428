//! `OpenAI` Responses: one typed event per step; the answer ends with an event that carries the whole response.

use super::Verdict;
use super::captures::{Captures, Status, is_present, keep_object, unquoted};
use crate::json::{find_member, members};

pub(super) fn event(captures: &mut Captures, name: Option<&[u8]>, data: &[u8]) -> Verdict {
    let (mut kind, mut response, mut error, mut delta) = (None, None, None, None);
    for (key, span) in members(data) {
        let value = &data[span];
        match key {
            b"type" => kind = Some(unquoted(value)),
            b"response" => response = Some(value),
            b"error" => error = Some(value),
            b"delta" => delta = Some(value),
            _ => {}
        }
    }
    // The JSON type wins over the `event:` line: it is what the official clients read.
    let kind = kind.or(name).unwrap_or_default();
    if kind.ends_with(b".delta") {
        captures.count_delta(delta.map_or(0, <[u8]>::len), 0);
        return Verdict::Forward;
    }
    let ending = match kind {
        b"response.completed" => Some(Status::Ok),
        b"response.incomplete" => Some(Status::Incomplete),
        b"response.failed" => Some(Status::Failed),
        b"response.done" => Some(status_of(response)),
        _ => None,
    };
    if kind == b"error" {
        // Not terminal: Codex goes on reading until `response.failed` or the end of the stream.
        captures.fail(error.filter(|e| is_present(e)).unwrap_or(data));
    }
    if let Some(response) = response
        && (ending.is_some() || captures.model.is_none())
    {
        look_into(captures, response);
    }
    let Some(status) = ending else { return Verdict::Forward };
    captures.status = status;
    captures.finish_seen = true;
    Verdict::Terminal
}

fn look_into(captures: &mut Captures, response: &[u8]) {
    for (key, span) in members(response) {
        let value = &response[span];
        match key {
            b"usage" => keep_object(&mut captures.usage, value),
            b"model" if is_present(value) => captures.model = Some(value.to_vec()),
            b"error" if is_present(value) => captures.error = Some(value.to_vec()),
            _ => {}
        }
    }
}

fn status_of(response: Option<&[u8]>) -> Status {
    let status = response.and_then(|r| find_member(r, b"status").map(|span| unquoted(&r[span])));
    match status {
        Some(b"failed" | b"cancelled") => Status::Failed,
        Some(b"incomplete") => Status::Incomplete,
        _ => Status::Ok,
    }
}
