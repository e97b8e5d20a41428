//! The conversation in a request body: what stays the same in all its turns, and its newest items.
//!
//! Lenient like the finder (`find`): never panics, never refuses; of broken JSON the answer is unspecified.

use std::collections::VecDeque;
use std::ops::Range;

use super::find::{elements, find_member, is_key, members, skip_whitespace, value_end};
use super::text::{lenient_string_end as string_end, unescape};
use crate::digest::Digest;

/// A digest of what all turns of a conversation share: the value of the top-level member `system` (empty: the dialect has
/// none) and the top-level array `items` up to its first message of the user. `None` when there are no items.
///
/// The last item taken is the first object whose `role` is `"user"`, and those that follow it directly (agents put their surroundings
/// before the prompt); without any, the first item that has no `role`; without that, the first. A string in place of the array is taken itself. Of both members only strings and numbers
/// count, as they are written and in order, and no keys: see [`is_passing`] for the members that do not count at all.
#[must_use]
pub fn conversation_digest(body: &[u8], system: &[u8], items: &[u8], seed: u64) -> Option<[u8; 16]> {
    let (mut instructions, mut history): (&[u8], &[u8]) = (b"", b"");
    for (name, value) in members(body) {
        if is_key(name, items) {
            history = &body[value];
        } else if !system.is_empty() && is_key(name, system) {
            instructions = &body[value];
        }
    }
    let opening = opening(history)?;
    let mut digest = Digest::new(seed);
    add_scalars(&mut digest, instructions);
    digest.add(b";");
    add_scalars(&mut digest, opening);
    Some(digest.finish())
}

/// The spans of the last `count` elements of the top-level array `items`, in order; none when it is no array.
#[must_use]
pub fn last_items(body: &[u8], items: &[u8], count: usize) -> VecDeque<Range<usize>> {
    let mut last = VecDeque::new();
    let Some(array) = find_member(body, items) else { return last };
    for element in elements(&body[array.clone()]) {
        last.push_back(array.start + element.start..array.start + element.end);
        if last.len() > count {
            last.pop_front();
        }
    }
    last
}

/// What of `items` is in every turn: see [`conversation_digest`].
fn opening(items: &[u8]) -> Option<&[u8]> {
    if items.first() == Some(&b'"') {
        return Some(items);
    }
    let (mut first, mut without_role, mut users) = (None, None, None);
    for element in elements(items) {
        first = first.or(Some(element.end));
        match find_member(&items[element.clone()], b"role").map(|role| &items[element.clone()][role]) {
            Some([b'"', role @ .., b'"']) if is_key(role, b"user") => users = Some(element.end),
            _ if users.is_some() => break,
            Some(_) => {}
            None => without_role = without_role.or(Some(element.end)),
        }
    }
    users.or(without_role).or(first).map(|end| &items[..end])
}

/// Each string in its quotes and each number with a comma after it: where one ends and which of the two it is stays clear.
fn add_scalars(digest: &mut Digest, json: &[u8]) {
    let mut at = 0;
    while let Some(&byte) = json.get(at) {
        match byte {
            b'"' => {
                let end = string_end(json, at + 1);
                let after = skip_whitespace(json, end);
                if json.get(after) != Some(&b':') {
                    digest.add(&json[at..end]);
                    at = end;
                } else if is_passing(&json[at + 1..end - 1]) {
                    at = value_end(json, skip_whitespace(json, after + 1));
                } else {
                    at = after + 1;
                }
            }
            b'-' | b'0'..=b'9' => {
                let end = value_end(json, at);
                digest.add(&json[at..end]);
                digest.add(b",");
                at = end;
            }
            _ => at += 1,
        }
    }
}

/// Members that may differ from turn to turn, at any depth. Agents move cache breakpoints to the newest items, and some
/// write ids and states into older ones. A text that had a breakpoint may come as `[{"type": "text", "text": …}]` and later
/// as a plain string, hence `type`.
fn is_passing(raw_key: &[u8]) -> bool {
    matches!(&*unescape(raw_key), b"cache_control" | b"cachePoint" | b"id" | b"status" | b"type")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::digest;

    fn hashed(body: &[u8]) -> Option<[u8; 16]> {
        conversation_digest(body, b"s", b"i", 1)
    }

    #[test]
    fn instructions_and_opening_are_hashed_as_they_are_written() {
        let body = br#"{"i":[{"role":"x","n":-1.5},{"r\u006fle":"us\u0065r","c":["\"",true,{"id":"7","k":"v"}]},{"role":"user","c":"and"},{"role":"y","c":"no"},{"role":"user"}],"s":["be"]}"#;
        let want = br#""be";"x"-1.5,"us\u0065r""\"""v""user""and""#;
        assert_eq!(hashed(body), Some(digest::digest(want, 1)));
        assert_eq!(hashed(br#"{"s":"be","i":[]}"#), None);
    }

    #[test]
    fn the_last_items_are_given_in_order() {
        let body = br#"{"i":0,"i":[1, {"a":[2]} ,"3"]}"#;
        let texts = |count| last_items(body, b"i", count).into_iter().map(|s| &body[s]).collect::<Vec<_>>();
        assert_eq!(texts(2), [br#"{"a":[2]}"#.as_slice(), br#""3""#]);
        assert_eq!(texts(9).len(), 3);
        assert!(texts(0).is_empty());
    }

    proptest! {
        #[test]
        fn noise_never_panics(body in "[\\{\\}\\[\\]\",:\\\\is1 ]{0,60}", tail in prop::collection::vec(any::<u8>(), 0..20)) {
            for start in ["", "{\"i\":", "{\"i\":[", "{\"i\":[{\"role\":", "{\"s\":\""] {
                let body = [start.as_bytes(), body.as_bytes(), &tail].concat();
                let _ = hashed(&body);
                for span in last_items(&body, b"i", 2) {
                    prop_assert!(span.start < span.end && span.end <= body.len());
                }
            }
        }
    }
}
