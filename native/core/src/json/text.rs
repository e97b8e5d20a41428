//! Strings and numbers: the tokens with rules of their own.

use std::borrow::Cow;

use super::block::{StringBlock, end_of_plain_run};
use super::error::{JsonError, JsonErrorKind::Malformed};

/// Walk a string whose first byte after the opening quote is `start`. Gives the index after the closing quote, and
/// whether an escape was met.
#[inline]
pub(super) fn string_end(bytes: &[u8], start: usize) -> Result<(usize, bool), JsonError> {
    // Keys and most values are short and plain; long text (code, logs) has an escape every few bytes.
    match short_string_end(bytes, start) {
        Some(end) => Ok((end, false)),
        None => long_string_end(bytes, start),
    }
}

/// The end of a string that is over and plain within sixteen bytes.
#[inline]
pub(super) fn short_string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let head = bytes.get(start..)?.first_chunk::<16>()?;
    let stop = end_of_plain_run(head, 0);
    (head.get(stop) == Some(&b'"')).then_some(start + stop + 1)
}

/// 64 bytes at a time without a branch for each escape, while the string is good. What is odd (and the last bytes of the
/// body) is left to the plain walk, which finds the words for it.
fn long_string_end(bytes: &[u8], start: usize) -> Result<(usize, bool), JsonError> {
    let mut at = start;
    let mut escaped = false;
    let mut first_is_escaped = 0;
    while let Some(block) = StringBlock::at(bytes, at) {
        if first_is_escaped == 0 && block.is_plain() {
            at += 64;
            continue;
        }
        let backslashes = block.backslashes();
        let (targets, next) = escape_targets(backslashes, first_is_escaped);
        let closing = block.quotes() & !targets;
        let inside = closing.wrapping_sub(1) & !closing; // the bits below the closing quote; all when there is none
        escaped |= (backslashes & inside) != 0;
        if block.controls() & inside != 0 || !are_good_escapes(bytes, at, &block, targets & inside) {
            return plain_string_end(bytes, start);
        }
        if closing != 0 {
            return Ok((at + closing.trailing_zeros() as usize + 1, escaped));
        }
        first_is_escaped = next;
        at += 64;
    }
    // A backslash that ended the last block is walked again, with its escape.
    let (end, rest_escaped) = plain_string_end(bytes, at - usize::from(first_is_escaped != 0))?;
    Ok((end, escaped | rest_escaped))
}

/// Index after the closing quote of a string whose first byte is `start`, whatever is in it; the end of `bytes` when there
/// is none.
#[inline]
pub(super) fn lenient_string_end(bytes: &[u8], start: usize) -> usize {
    short_string_end(bytes, start).unwrap_or_else(|| long_lenient_string_end(bytes, start))
}

fn long_lenient_string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    while let Some(block) = StringBlock::at(bytes, at) {
        if block.has_quote() {
            let (targets, _) = escape_targets(block.backslashes(), first_is_escaped(&bytes[start..at]));
            let closing = block.quotes() & !targets;
            if closing != 0 {
                return at + closing.trailing_zeros() as usize + 1;
            }
        }
        at += 64;
    }
    at += usize::from(first_is_escaped(&bytes[start..at]) != 0);
    loop {
        at = end_of_plain_run(bytes, at);
        match bytes.get(at) {
            Some(b'"') => return at + 1,
            Some(b'\\') => at += 2,
            Some(_) => at += 1,
            None => return bytes.len(),
        }
    }
}

/// A 1 when a string that begins with `before` ends it with a backslash that escapes what comes next.
#[inline]
fn first_is_escaped(before: &[u8]) -> u64 {
    before.iter().rev().take_while(|&&byte| byte == b'\\').fold(0, |odd, _| odd ^ 1)
}

/// The bytes that a backslash escapes, and a 1 when the first byte of the next block is one. In a run of backslashes every
/// second one is a target itself; the subtraction carries through a run (the method of simdjson's `find_escaped`).
#[inline]
fn escape_targets(backslashes: u64, first_is_escaped: u64) -> (u64, u64) {
    const ODD_BITS: u64 = 0xaaaa_aaaa_aaaa_aaaa;
    let starts = backslashes & !first_is_escaped;
    let follows = starts << 1;
    let codes = (follows | ODD_BITS).wrapping_sub(starts) ^ ODD_BITS;
    let targets = codes ^ (backslashes | first_is_escaped);
    (targets, (codes & backslashes) >> 63)
}

#[inline]
fn are_good_escapes(bytes: &[u8], at: usize, block: &StringBlock<'_>, mut targets: u64) -> bool {
    let mut good = true;
    while targets != 0 {
        let index = targets.trailing_zeros();
        let byte = block.byte(index);
        good &= IS_ESCAPE[byte as usize];
        if byte == b'u' {
            good &= hex4(bytes, at + index as usize + 1).is_some();
        }
        targets &= targets - 1;
    }
    good
}

/// The bytes that may follow a backslash.
const IS_ESCAPE: [bool; 256] = {
    let mut table = [false; 256];
    let mut rest: &[u8] = b"\"\\/bfnrtu";
    while let [byte, after @ ..] = rest {
        table[*byte as usize] = true;
        rest = after;
    }
    table
};

fn plain_string_end(bytes: &[u8], mut at: usize) -> Result<(usize, bool), JsonError> {
    let mut escaped = false;
    loop {
        at = end_of_plain_run(bytes, at);
        match bytes.get(at) {
            Some(b'"') => return Ok((at + 1, escaped)),
            Some(b'\\') => {
                escaped = true;
                at = escape_end(bytes, at)?;
            }
            Some(control) => {
                let detail = format!("control character 0x{control:02x} in a string must be escaped");
                return Err(JsonError::new(Malformed, at, detail));
            }
            None => return Err(JsonError::new(Malformed, at, "the body ends inside a string")),
        }
    }
}

#[inline]
fn escape_end(bytes: &[u8], at: usize) -> Result<usize, JsonError> {
    match bytes.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') => match bytes.get(at + 2..at + 6) {
            Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => Ok(at + 6),
            _ => Err(JsonError::new(Malformed, at, "`\\u` needs four hex digits")),
        },
        Some(_) => Err(JsonError::new(Malformed, at, "unknown escape in a string")),
        None => Err(JsonError::new(Malformed, at + 1, "the body ends inside a string")),
    }
}

/// Walk a number that starts at `start` with `-` or a digit. Gives the index after it.
#[inline]
pub(super) fn number_end(bytes: &[u8], start: usize) -> Result<usize, JsonError> {
    let mut at = start + usize::from(bytes[start] == b'-');
    match bytes.get(at) {
        Some(b'0') => at += 1,
        Some(b'1'..=b'9') => at = digits_end(bytes, at),
        _ => return Err(JsonError::new(Malformed, at, "`-` needs a digit after it")),
    }
    if bytes.get(at) == Some(&b'.') {
        at = some_digits(bytes, at + 1, "`.` in a number needs a digit after it")?;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        at = some_digits(bytes, at + 1 + sign, "the exponent of a number needs a digit")?;
    }
    Ok(at)
}

fn some_digits(bytes: &[u8], at: usize, complaint: &str) -> Result<usize, JsonError> {
    let end = digits_end(bytes, at);
    if end == at { Err(JsonError::new(Malformed, at, complaint)) } else { Ok(end) }
}

#[inline]
fn digits_end(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    at
}

/// `text` as a JSON string, quotes included.
#[must_use]
pub fn quoted(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 2);
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', byte]),
            0..0x20 => {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                let (high, low) = (DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]);
                out.extend([b'\\', b'u', b'0', b'0', high, low]);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
    out
}

/// The meaning of a string's inner bytes. Lone surrogates become their three-byte (WTF-8) form, so two spellings of one
/// key are equal and different keys stay different. Broken escapes are kept as they are: this never fails.
pub(super) fn unescape(raw: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\\', raw).is_none() {
        return Cow::Borrowed(raw);
    }
    let mut out = Vec::with_capacity(raw.len());
    let mut at = 0;
    while let Some(&byte) = raw.get(at) {
        if byte == b'\\' {
            at = escape_at(raw, at, &mut out);
        } else {
            out.push(byte);
            at += 1;
        }
    }
    Cow::Owned(out)
}

/// Append the meaning of the escape whose backslash is at `at`; gives the index after it. A broken one means its backslash.
#[inline]
pub(super) fn escape_at(raw: &[u8], at: usize, out: &mut Vec<u8>) -> usize {
    let plain = match raw.get(at + 1) {
        Some(b'n') => b'\n',
        Some(b't') => b'\t',
        Some(b'r') => b'\r',
        Some(b'b') => 8,
        Some(b'f') => 12,
        Some(&c @ (b'"' | b'\\' | b'/')) => c,
        Some(b'u') => {
            if let Some(unit) = hex4(raw, at + 2) {
                return unit_at(raw, at, unit, out);
            }
            out.push(b'\\');
            return at + 1;
        }
        _ => {
            out.push(b'\\');
            return at + 1;
        }
    };
    out.push(plain);
    at + 2
}

/// A `\u` escape, and the one after it when both are a surrogate pair.
fn unit_at(raw: &[u8], at: usize, unit: u32, out: &mut Vec<u8>) -> usize {
    let after = at + 6;
    let low = hex4(raw, after + 2).filter(|_| raw[after..].starts_with(b"\\u"));
    match low {
        Some(low) if (0xd800..0xdc00).contains(&unit) && (0xdc00..0xe000).contains(&low) => {
            push_code_point(out, 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
            after + 6
        }
        _ => {
            push_code_point(out, unit);
            after
        }
    }
}

fn hex4(raw: &[u8], at: usize) -> Option<u32> {
    let digits = raw.get(at..at + 4)?;
    digits.iter().try_fold(0, |sum, &d| Some(sum * 16 + char::from(d).to_digit(16)?))
}

fn push_code_point(out: &mut Vec<u8>, code: u32) {
    if let Some(c) = char::from_u32(code) {
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    } else {
        // A lone surrogate, 0xd800..=0xdfff: always three bytes.
        let six = |shift: u32| 0x80 | u8::try_from((code >> shift) & 0x3f).unwrap_or(0);
        out.extend_from_slice(&[0xed, six(6), six(0)]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn block_walk_and_plain_walk_agree(text in "([a-z]{0,20}|\\\\{1,5}|\\\\[\"nu/x]|\\\\u[0-9a-g]{4}|\"|\n){0,60}", start in 0..70usize) {
            let bytes = [vec![b'"'; start], text.into_bytes()].concat();
            prop_assert_eq!(string_end(&bytes, start), plain_string_end(&bytes, start), "{}", bytes.escape_ascii());
        }

        #[test]
        fn the_lenient_walk_ends_at_the_first_bare_quote(text in "([a-z]{0,20}|\\\\{1,5}|\\\\[\"nu/x]|\"|\n){0,60}", start in 0..70usize) {
            let bytes = [vec![b'"'; start], text.into_bytes()].concat();
            let mut at = start;
            while at < bytes.len() && bytes[at] != b'"' {
                at += if bytes[at] == b'\\' { 2 } else { 1 };
            }
            let end = (at + 1).min(bytes.len());
            prop_assert_eq!(lenient_string_end(&bytes, start), end, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn escapes_mean_what_rfc_8259_says() {
        let cases: [(&[u8], &[u8]); 9] = [
            (b"model", b"model"),
            (b"mod\\u0065l", b"model"),
            (b"a\\n\\t\\r\\b\\f\\/\\\\\\\"", b"a\n\t\r\x08\x0c/\\\""),
            (b"\\u00e9", "\u{e9}".as_bytes()),
            (b"\\ud83d\\ude00", "\u{1f600}".as_bytes()),
            (b"\\ud83d", b"\xed\xa0\xbd"),
            (b"\\ud83dx", b"\xed\xa0\xbdx"),
            (b"\\udead\\udead", b"\xed\xba\xad\xed\xba\xad"),
            (b"\\u12", b"\\u12"),
        ];
        for (raw, want) in cases {
            assert_eq!(unescape(raw).as_ref(), want, "{raw:?}");
        }
    }
}
