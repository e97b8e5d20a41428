//! Where in a body something stands, in words: `input[3].content[0].text`.

use std::fmt::Write;
use std::ops::Range;

use super::super::text::lenient_string_end as string_end;

/// An open bracket: the key or the number of what is read in it.
#[derive(Debug)]
struct Step {
    is_object: bool,
    index: usize,
    key: Option<Range<usize>>,
}

/// The path to the byte at `offset`.
#[must_use]
pub fn path_of(body: &[u8], offset: usize) -> String {
    Paths::default().path(body, offset)
}

/// Paths in one body: asked for in order they take one walk.
#[derive(Debug, Default)]
pub struct Paths {
    at: usize,
    open: Vec<Step>,
    /// Behind the key that was read last.
    key_end: usize,
    last: usize,
}

impl Paths {
    /// The path to the byte at `offset`. Keys that could be a secret, or hold one, are shown as `*`; so is the key itself that
    /// the byte stands in.
    pub fn path(&mut self, body: &[u8], offset: usize) -> String {
        if offset < self.last {
            *self = Self::default();
        }
        self.last = offset;
        while let Some(&byte) = body.get(self.at).filter(|_| self.at <= offset) {
            let start = self.at + 1;
            self.at = start;
            match byte {
                b'{' | b'[' => self.open.push(Step { is_object: byte == b'{', index: 0, key: None }),
                b'}' | b']' => drop(self.open.pop()),
                b',' => {
                    if let Some(step) = self.open.last_mut() {
                        (step.index, step.key) = (step.index + 1, None);
                    }
                }
                b'"' => {
                    self.at = string_end(body, start);
                    if let Some(step) = self.open.last_mut().filter(|step| step.is_object && step.key.is_none()) {
                        step.key = Some(start..self.at - 1);
                        self.key_end = self.at;
                    }
                }
                _ => {}
            }
        }
        shown(body, &self.open, offset < self.key_end)
    }
}

fn shown(body: &[u8], open: &[Step], is_last_hidden: bool) -> String {
    let mut path = String::new();
    for (place, step) in open.iter().enumerate() {
        if !step.is_object {
            let _ = write!(path, "[{}]", step.index); // writing to a String never fails
        } else if let Some(key) = &step.key {
            let dot = if path.is_empty() { "" } else { "." };
            let is_hidden = is_last_hidden && place + 1 == open.len();
            let name = body.get(key.clone()).and_then(|name| std::str::from_utf8(name).ok());
            let _ = write!(path, "{dot}{}", name.filter(|name| !is_hidden && is_plain_key(name)).unwrap_or("*"));
        }
    }
    path
}

/// A name as programs give them to members, too poor for a secret.
fn is_plain_key(key: &str) -> bool {
    (1..=32).contains(&key.len())
        && key.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-' | b'$'))
}
