//! Errors that stand bare among the events of a stream: `{"error": …}` in place of `data: …`.
//!
//! Gemini's servers write them so in mid-stream, and Google's JS SDK looks for exactly that (`processStreamResponse` in
//! js-genai's `_api_client.ts`). A blank line may follow, or the end of the body.

use crate::json::scan_object;

/// As deep as Python's `scan_object` goes.
const MAX_DEPTH: usize = 512;

/// Finds the end of the bare error that an event's bytes may be, as they become known; looks at each byte once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct BareError {
    at: usize,
    depth: usize,
    in_string: bool,
    is_escaped: bool,
    /// The end of the object has been seen, or there is none.
    is_over: bool,
}

impl BareError {
    /// Index after the error; `None` while it is not complete, and when it is none.
    #[inline]
    pub(super) fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        self.is_over |= bytes.first().is_some_and(|first| *first != b'{');
        if self.is_over { None } else { self.end_of_object(bytes) }
    }

    #[cold]
    fn end_of_object(&mut self, bytes: &[u8]) -> Option<usize> {
        while let Some(byte) = bytes.get(self.at) {
            self.at += 1;
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = self.in_string,
                b'"' => self.in_string = !self.in_string,
                b'{' if !self.in_string => self.depth += 1,
                b'}' if !self.in_string => self.depth -= 1, // the first byte is an opening one
                _ => {}
            }
            if self.depth == 0 {
                self.is_over = true;
                return is_error(&bytes[..self.at]).then_some(self.at);
            }
        }
        None
    }
}

fn is_error(object: &[u8]) -> bool {
    scan_object(object, &[b"error"], MAX_DEPTH).is_ok_and(|spans| spans[0].is_some())
}
