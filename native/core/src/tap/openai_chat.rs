//! `OpenAI` Chat Completions: chunks of `choices`, at the end maybe one with usage, then `[DONE]`.

use super::Verdict;
use super::captures::{Captures, Status, is_present, keep_object};
use crate::json::{elements, find_member, members};

/// JSON around the text of a chunk's `choices`: `[{"index":0,"delta":{"content":""},"finish_reason":null}]`.
const CHOICES_FRAME_BYTES: usize = 60;

/// Service tiers at the usual price; every chunk of a stream names the same one.
const USUAL_TIERS: [&[u8]; 5] = [b"null", b"\"\"", b"\"default\"", b"\"auto\"", b"\"standard\""];

pub(super) fn event(captures: &mut Captures, data: &[u8], drop_usage_chunk: bool) -> Verdict {
    if data.trim_ascii() == b"[DONE]" {
        if captures.status == Status::None {
            captures.status = Status::Ok;
        }
        captures.finish_seen = true;
        return Verdict::Terminal;
    }
    let (mut has_usage, mut has_tier, mut choices) = (false, false, None);
    for (key, span) in members(data) {
        let value = &data[span];
        match key {
            b"choices" => choices = Some(value),
            b"usage" => {
                has_usage |= value.starts_with(b"{");
                keep_object(&mut captures.usage, value);
            }
            // Groq puts it there, in the last chunk with choices.
            b"x_groq" => {
                if let Some(span) = find_member(value, b"usage") {
                    keep_object(&mut captures.usage, &value[span]);
                }
            }
            b"model" => captures.keep_first_model(value),
            b"service_tier" => has_tier = !USUAL_TIERS.contains(&value),
            b"error" if is_present(value) => captures.fail(value),
            _ => {}
        }
    }
    if has_tier && captures.usage2.is_none() {
        captures.usage2 = Some(data.to_vec());
    }
    let Some(choices) = choices else { return Verdict::Forward };
    let mut is_empty = true;
    for choice in elements(choices) {
        is_empty = false;
        let choice = &choices[choice];
        let reason = find_member(choice, b"finish_reason");
        captures.finish_seen |= reason.is_some_and(|span| is_present(&choice[span]));
    }
    if !is_empty {
        captures.count_delta(choices.len(), CHOICES_FRAME_BYTES);
    }
    let only_usage = is_empty && choices.starts_with(b"[") && has_usage;
    if only_usage && drop_usage_chunk { Verdict::Drop } else { Verdict::Forward }
}
