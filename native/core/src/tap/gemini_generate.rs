//! Gemini `streamGenerateContent`: whole responses one after the other; no terminal event, the end of the body ends it.

use super::Verdict;
use super::captures::{Captures, Status, is_present, keep_object};
use crate::json::{elements, find_member, members};

/// JSON around the text of `candidates`: `[{"content":{"parts":[{"text":""}],"role":"model"}}]`.
const CANDIDATES_FRAME_BYTES: usize = 50;

pub(super) fn event(captures: &mut Captures, data: &[u8]) -> Verdict {
    for (key, span) in members(data) {
        let value = &data[span];
        match key {
            b"candidates" => look_into(captures, value),
            b"usageMetadata" => keep_object(&mut captures.usage, value),
            b"modelVersion" => captures.keep_first_model(value),
            b"error" if is_present(value) => captures.fail(value),
            _ => {}
        }
    }
    Verdict::Forward
}

fn look_into(captures: &mut Captures, candidates: &[u8]) {
    captures.count_delta(candidates.len(), CANDIDATES_FRAME_BYTES);
    for span in elements(candidates) {
        let candidate = &candidates[span];
        let reason = find_member(candidate, b"finishReason");
        if reason.is_some_and(|span| is_present(&candidate[span])) {
            captures.finish_seen = true;
            if captures.status == Status::None {
                captures.status = Status::Ok;
            }
        }
    }
}
