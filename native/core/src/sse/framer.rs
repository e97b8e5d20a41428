//! Cutting a byte stream into server-sent events, sans I/O.
//!
//! An event here is the bytes up to and including a blank line; lines end in LF, CRLF or CR, in any mixture. What comes
//! out does not depend on how the bytes were cut: when a blank line ends in CR at the end of what is known, the event is
//! held until it is clear whether an LF belongs to it (or `finish` says that nothing follows).
//!
//! Where bare errors are taken (bare.rs), one that an event begins with is an event of its own, which ends at its brace.

use memchr::memchr2;

use super::bare::BareError;

/// An event did not end within the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventTooLarge {
    /// The limit that was passed.
    pub max_event_bytes: usize,
}

/// The reader. Feed it chunks; it hands out whole events.
#[derive(Debug)]
pub struct SseFramer {
    /// Bytes of the event that is not complete yet.
    held: Vec<u8>,
    /// How far `held` has been looked at.
    border: Border,
    max_event_bytes: usize,
}

/// Where the event ends that some bytes start with, found as they become known.
#[derive(Clone, Copy, Debug)]
struct Border {
    lines: Cursor,
    /// `None`: bare errors are not taken.
    bare: Option<BareError>,
}

/// A place between lines or within one, relative to the start of the event.
#[derive(Clone, Copy, Debug, Default)]
struct Cursor {
    at: usize,
    in_line: bool,
}

impl SseFramer {
    /// A framer that refuses events longer than `max_event_bytes`.
    #[must_use]
    pub fn new(max_event_bytes: usize, takes_bare_errors: bool) -> Self {
        Self { held: Vec::new(), border: Border::new(takes_bare_errors), max_event_bytes }
    }

    /// Take in a chunk; call `on_event` with every event that is now complete, in order.
    ///
    /// # Errors
    /// When an event is longer than the limit; the events before it have been handed out. Feed no more after that.
    pub fn feed(&mut self, chunk: &[u8], mut on_event: impl FnMut(&[u8])) -> Result<(), EventTooLarge> {
        if self.held.is_empty() {
            let rest = self.take_events(chunk, &mut on_event)?;
            self.held.extend_from_slice(rest);
        } else {
            let mut held = std::mem::take(&mut self.held);
            held.extend_from_slice(chunk);
            let rest = self.take_events(&held, &mut on_event)?.len();
            held.drain(..held.len() - rest);
            self.held = held;
        }
        Ok(())
    }

    /// The stream has ended: the held bytes, if they are a whole event after all (its blank line ended in CR).
    pub fn finish(&mut self) -> Option<Vec<u8>> {
        let complete = self.border.lines.is_before_last_cr(&self.held);
        self.border.restart();
        let held = std::mem::take(&mut self.held);
        complete.then_some(held)
    }

    /// Bytes of an event that has not ended.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.held.len()
    }

    fn take_events<'b>(
        &mut self,
        mut bytes: &'b [u8],
        on_event: &mut impl FnMut(&[u8]),
    ) -> Result<&'b [u8], EventTooLarge> {
        while let Some(end) = self.border.event_end(bytes) {
            if end > self.max_event_bytes {
                return Err(self.too_large());
            }
            on_event(&bytes[..end]);
            bytes = &bytes[end..];
        }
        if bytes.len() > self.max_event_bytes { Err(self.too_large()) } else { Ok(bytes) }
    }

    fn too_large(&self) -> EventTooLarge {
        EventTooLarge { max_event_bytes: self.max_event_bytes }
    }
}

/// The whole events in `bytes`, in order, when nothing follows: what has no blank line after it is left out.
pub fn events(bytes: &[u8], takes_bare_errors: bool) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    let mut border = Border::new(takes_bare_errors);
    std::iter::from_fn(move || {
        let end = border.event_end(rest).or_else(|| border.lines.is_before_last_cr(rest).then_some(rest.len()))?;
        let (event, after) = rest.split_at(end);
        rest = after;
        Some(event)
    })
}

impl Border {
    fn new(takes_bare_errors: bool) -> Self {
        Self { lines: Cursor::default(), bare: takes_bare_errors.then(BareError::default) }
    }

    fn restart(&mut self) {
        *self = Self::new(self.bare.is_some());
    }

    /// Index after the event that `bytes` starts with, and back to the start; `None` when it is not complete.
    fn event_end(&mut self, bytes: &[u8]) -> Option<usize> {
        let blank = self.lines.event_end(bytes);
        let known = &bytes[..blank.unwrap_or(bytes.len())];
        let end = self.bare.as_mut().and_then(|bare| bare.end(known)).or(blank);
        if end.is_some() {
            self.restart();
        }
        end
    }
}

impl Cursor {
    /// Nothing but the CR of a blank line is left of `bytes`.
    fn is_before_last_cr(self, bytes: &[u8]) -> bool {
        !self.in_line && bytes.get(self.at) == Some(&b'\r')
    }

    /// Index after the blank line that ends the event; `None` when it is not there yet.
    fn event_end(&mut self, bytes: &[u8]) -> Option<usize> {
        loop {
            if self.in_line {
                let line_end = memchr2(b'\n', b'\r', bytes.get(self.at..)?).map(|offset| self.at + offset);
                self.at = line_end.unwrap_or(bytes.len());
            }
            let after = match (bytes.get(self.at)?, bytes.get(self.at + 1)) {
                (b'\r', None) => return None,
                (b'\r', Some(b'\n')) => self.at + 2,
                (b'\n' | b'\r', _) => self.at + 1,
                _ => {
                    self.in_line = true;
                    continue;
                }
            };
            if !self.in_line {
                return Some(after);
            }
            *self = Self { at: after, in_line: false };
        }
    }
}

#[cfg(test)]
#[path = "framer_tests.rs"]
mod tests;
