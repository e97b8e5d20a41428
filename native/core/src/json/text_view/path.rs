//! Where in a body something stands, in words: `input[3].content[0].text`.

use std::fmt::Write;
use std::ops::Range;

use super::super::text::lenient_string_end as string_end;

/// An open bracket: the key or the number of what is read in it.
struct Step {
    is_object: bool,
    index: usize,
    key: Option<Range<usize>>,
}

/// The path to the byte at `offset`. Keys that could be a secret, or hold one, are shown as `*`; so is the key itself that
/// the byte stands in.
#[must_use]
pub fn path_of(body: &[u8], offset: usize) -> String {
    let mut open: Vec<Step> = Vec::new();
    let mut at = 0;
    while let Some(&byte) = body.get(at).filter(|_| at <= offset) {
        let start = at;
        at += 1;
        match byte {
            b'{' | b'[' => open.push(Step { is_object: byte == b'{', index: 0, key: None }),
            b'}' | b']' => drop(open.pop()),
            b',' => {
                if let Some(step) = open.last_mut() {
                    (step.index, step.key) = (step.index + 1, None);
                }
            }
            b'"' => {
                at = string_end(body, at);
                if let Some(step) = open.last_mut().filter(|step| step.is_object && step.key.is_none()) {
                    // the byte is in this key: an empty range is shown as all that is not plain
                    step.key = Some(if offset < at { start..start } else { start + 1..at - 1 });
                }
            }
            _ => {}
        }
    }
    shown(body, &open)
}

fn shown(body: &[u8], open: &[Step]) -> String {
    let mut path = String::new();
    for step in open {
        if !step.is_object {
            let _ = write!(path, "[{}]", step.index); // writing to a String never fails
        } else if let Some(key) = &step.key {
            let dot = if path.is_empty() { "" } else { "." };
            let name = body.get(key.clone()).and_then(|name| std::str::from_utf8(name).ok());
            let _ = write!(path, "{dot}{}", name.filter(|name| is_plain_key(name)).unwrap_or("*"));
        }
    }
    path
}

/// A name as programs give them to members, too poor for a secret.
fn is_plain_key(key: &str) -> bool {
    (1..=32).contains(&key.len())
        && key.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-' | b'$'))
}
