//! What a piece is, and in which dialect it was said.

use std::ops::Range;

use wide::u8x16;

use super::super::block::{is_among, sixteen};

/// Whose words a piece is, or why it need not be scanned. The numbers are those of `gateway.dataplane.guard.view.Kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Instructions of the client's program.
    System,
    /// The same, in messages of the role `developer`.
    Developer,
    /// The user's words and what stands beside them: names of files, URLs, documents given as text.
    User,
    /// The model's words.
    Assistant,
    /// What the model thought, in the clear.
    Reasoning,
    /// A tool call: its name and arguments.
    Call,
    /// What a tool gave, or a search found.
    Result,
    /// Declared tools: names, descriptions, schemas.
    Tools,
    /// Members about the request: metadata, the user's name, cache keys.
    Metadata,
    /// Anything else, such as what nobody knows yet.
    Other,
    /// A member that is an id by its name.
    Id,
    /// An enum-like member by its name, whose value is a short word ([`is_word`]).
    Word,
    /// Base64 that stands where media does.
    Media,
    /// Base64 that stands where a provider's sealed reasoning does.
    Sealed,
    /// Not for callers: as the message or block around it, which says so later.
    Pending,
}

/// One string of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The first byte inside the quotes.
    pub start: usize,
    /// The closing quote.
    pub end: usize,
    /// What it is.
    pub kind: Kind,
    /// The key of a member, not a value.
    pub is_key: bool,
    /// The arguments of a call: JSON inside a string.
    pub is_arguments: bool,
}

/// Whose request it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "their names in `named` say it")]
pub enum Dialect {
    Responses,
    Chat,
    Messages,
    Generate,
    Converse,
    Completions,
    Embeddings,
}

impl Dialect {
    /// The dialect of a public name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "openai.responses" => Self::Responses,
            "openai.chat" => Self::Chat,
            "anthropic.messages" => Self::Messages,
            "gemini.generate" => Self::Generate,
            "bedrock.converse" => Self::Converse,
            "openai.completions" => Self::Completions,
            "openai.embeddings" => Self::Embeddings,
            _ => return None,
        })
    }
}

/// Whether `word`, a part of `body`, is a short word of an enum: at most 48 letters, digits, `_`, `-`, `.` and `/`, no more
/// than eight of them digits, and the letters of one case. No format of a secret fits.
pub(super) fn is_word(body: &[u8], word: Range<usize>) -> bool {
    if word.len() > 48 {
        return false;
    }
    let (mut lower, mut upper, mut digits) = (0, 0, 0);
    for at in word.clone().step_by(16) {
        let bytes = u8x16::from(sixteen(body, at));
        let inside = 0xffff >> (at + 16).saturating_sub(word.end);
        let of = |first, last| is_among(bytes, first, last).to_bitmask() & inside;
        let (small, mark) = (of(b'a', b'z'), of(b'-', b'/') | of(b'_', b'_'));
        lower |= small;
        let rest = inside & !(small | mark);
        if rest != 0 {
            let (capital, digit) = (of(b'A', b'Z'), of(b'0', b'9'));
            if capital | digit != rest {
                return false;
            }
            (upper, digits) = (upper | capital, digits + digit.count_ones());
        }
    }
    digits <= 8 && (lower == 0 || upper == 0)
}

/// Shorter base64 is looked at: it costs nothing, and could be a key.
const SHORTEST_PAYLOAD: usize = 64;

/// A run of the base64 alphabet (either one), long enough to be a payload, with nothing else in it.
pub(super) fn is_payload(raw: &[u8]) -> bool {
    let (blocks, _) = raw.as_chunks::<16>();
    // the last sixteen overlap those before
    raw.len() >= SHORTEST_PAYLOAD && blocks.iter().chain(raw.last_chunk::<16>()).all(is_base64)
}

#[inline]
fn is_base64(block: &[u8; 16]) -> bool {
    let bytes = u8x16::from(*block);
    let is = |byte: u8| bytes.simd_eq(u8x16::splat(byte));
    let letters = is_among(bytes | u8x16::splat(0x20), b'a', b'z');
    let digits = is_among(bytes, b'0', b'9');
    (letters | digits | is(b'+') | is(b'/') | is(b'=') | is(b'-') | is(b'_')).all()
}

/// A data URL of base64 that is no text.
pub(super) fn is_data_url(raw: &[u8]) -> bool {
    const MARK: &[u8] = b";base64,";
    let Some(rest) = raw.strip_prefix(b"data:") else { return false };
    if is_text_type(rest) {
        return false;
    }
    let head = &rest[..rest.len().min(128)];
    let mark = head.windows(MARK.len()).position(|window| window == MARK);
    mark.is_some_and(|at| is_media_type(&rest[..at]) && is_payload(&rest[at + MARK.len()..]))
}

/// Whether a media type, or a file format, is one of text: base64 of it is looked at as it stands.
pub(super) fn is_text_type(raw: &[u8]) -> bool {
    raw.starts_with(b"text") || matches!(raw, b"txt" | b"md" | b"csv" | b"html")
}

fn is_media_type(raw: &[u8]) -> bool {
    raw.iter().all(|byte| byte.is_ascii_alphanumeric() || b"/+-.;=".contains(byte)) && raw.len() <= 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_no_secrets() {
        let is_word = |word: &[u8]| {
            let alone = is_word(word, 0..word.len());
            for around in [&b"\"Aa1 \"aA"[..], &[b'"'; 40]] {
                let body = [around, word, around].concat();
                assert_eq!(super::is_word(&body, around.len()..around.len() + word.len()), alone);
            }
            alone
        };
        for word in [&b"web_search_20250305"[..], b"STRING", b"", b"text/plain", b"in_progress", b"reasoning.text"] {
            assert!(is_word(word), "{}", word.escape_ascii());
        }
        assert!(is_word(&[b'a'; 48]));
        let key = [b"AKIA", &b"0123456789ABCDEF"[..]].concat();
        for other in [&key[..], b"camelCase", b"a b", b"x\\u0041", &[b'a'; 49], "é".as_bytes()] {
            assert!(!is_word(other), "{}", other.escape_ascii());
        }
        for byte in 0..=255u8 {
            let is_good = byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-./".contains(&byte);
            for place in [0, 15, 16, 33] {
                let mut word = [b'a'; 34];
                word[place] = byte;
                assert_eq!(is_word(&word), is_good, "{byte:#x} at {place}");
            }
        }
    }

    #[test]
    fn payloads_are_long_base64_and_nothing_else() {
        let long = b"QUJD+/-_".repeat(80);
        assert!(is_payload(&long));
        assert!(!is_payload(&long[..63]));
        for byte in 0..=255u8 {
            let good = byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte);
            assert_eq!(is_payload(&[&long[..70], &[byte]].concat()), good, "{byte:#x}");
        }
        for place in [0, 255, 256, 300] {
            let mut broken = long.clone();
            broken[place] = b' ';
            assert!(!is_payload(&broken));
        }
        let url = |head: &str| [head.as_bytes(), &long].concat();
        assert!(is_data_url(&url("data:image/png;base64,")));
        assert!(!is_data_url(&url("data:text/plain;base64,")));
        assert!(!is_data_url(&url("data:a secret;base64,")));
        assert!(!is_data_url(b"data:image/png;base64,short"));
    }
}
