//! The meaning of a string's raw bytes, and the way back from an offset in it.

use super::super::text::escape_at;

/// Append the meaning of `raw`. Lone surrogates become their three bytes (WTF-8); broken escapes stay as they are.
pub fn unescape_into(raw: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while let Some(run) = memchr::memchr(b'\\', &raw[at..]) {
        out.extend_from_slice(&raw[at..at + run]);
        at = escape_at(raw, at + run, out);
    }
    out.extend_from_slice(&raw[at..]);
}

/// The raw bytes that mean bytes `start..end` of the unescaped text. An escape that is only partly meant is taken whole, and
/// so is one at an empty span's place: nothing of what was found stays.
#[must_use]
pub fn raw_span(raw: &[u8], start: usize, end: usize) -> (usize, usize) {
    let (mut at, mut meant) = (0, 0); // raw[..at] means text[..meant]
    let mut from = None;
    let mut scratch = Vec::with_capacity(4);
    loop {
        let run = memchr::memchr(b'\\', &raw[at..]).unwrap_or(raw.len() - at);
        if from.is_none() && start < meant + run {
            from = Some(at + (start - meant));
        }
        if end <= meant + run {
            let to = at + (end - meant);
            return (from.unwrap_or(to), to);
        }
        at += run;
        meant += run;
        if at >= raw.len() {
            return (from.unwrap_or(raw.len()), raw.len());
        }
        scratch.clear();
        let next = escape_at(raw, at, &mut scratch);
        if from.is_none() && start < meant + scratch.len() {
            from = Some(at);
        }
        (at, meant) = (next, meant + scratch.len());
        if end <= meant {
            return (from.unwrap_or(at), at);
        }
    }
}
