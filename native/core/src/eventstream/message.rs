//! One whole message.

use std::borrow::Cow;

use super::crc::crc32;
use super::error::BrokenMessage;
use super::header::{Header, Value};
use crate::json::quoted;

/// Two lengths and their checksum.
pub(super) const PRELUDE_BYTES: usize = 12;
const CHECKSUM_BYTES: usize = 4;
const MAX_HEADERS_BYTES: usize = 128 << 10;
const MAX_PAYLOAD_BYTES: usize = 24 << 20;

/// The lengths that a message starts with, checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prelude {
    pub(super) total_bytes: usize,
    headers_bytes: usize,
}

impl Prelude {
    pub(super) fn read(bytes: &[u8; PRELUDE_BYTES]) -> Result<Self, BrokenMessage> {
        let number = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        if crc32(&bytes[..8]) != number(8) {
            return Err(BrokenMessage::PreludeChecksum);
        }
        let (total_bytes, headers_bytes) = (number(0) as usize, number(4) as usize);
        let payload_bytes = total_bytes.checked_sub(PRELUDE_BYTES + CHECKSUM_BYTES + headers_bytes);
        if headers_bytes > MAX_HEADERS_BYTES || payload_bytes.is_none_or(|length| length > MAX_PAYLOAD_BYTES) {
            return Err(BrokenMessage::Length);
        }
        Ok(Self { total_bytes, headers_bytes })
    }
}

/// A message whose checksums and headers have been checked.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    headers: &'a [u8],
    /// JSON, for the services that we call.
    pub payload: &'a [u8],
}

impl<'a> Message<'a> {
    /// The message that `bytes` starts with, and the bytes after it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), BrokenMessage> {
        let prelude = Prelude::read(bytes.first_chunk().ok_or(BrokenMessage::Truncated)?)?;
        let (message, after) = bytes.split_at_checked(prelude.total_bytes).ok_or(BrokenMessage::Truncated)?;
        let Some((checked, checksum)) = message.split_last_chunk() else { return Err(BrokenMessage::Length) };
        if crc32(checked) != u32::from_be_bytes(*checksum) {
            return Err(BrokenMessage::Checksum);
        }
        let (headers, payload) = checked[PRELUDE_BYTES..].split_at(prelude.headers_bytes);
        check(headers)?;
        Ok((Self { headers, payload }, after))
    }

    /// Its headers, in order.
    pub fn headers(&self) -> impl Iterator<Item = Header<'a>> + use<'a> {
        let mut rest = self.headers;
        std::iter::from_fn(move || Header::read(&mut rest))
    }

    /// What it is called: the type of an event or exception, or the code of an error.
    #[must_use]
    pub fn kind(&self) -> &'a str {
        let named = |header: Header<'a>| match header {
            Header { name: ":event-type" | ":exception-type" | ":error-code", value: Value::Text(kind) } => Some(kind),
            _ => None,
        };
        self.headers().find_map(named).unwrap_or_default()
    }

    /// Its payload. A message of type `error` has none: its words stand in a header, and come as `{"message":…}`.
    #[must_use]
    pub fn body(&self) -> Cow<'a, [u8]> {
        if self.payload.is_empty() && self.text(":message-type") == "error" {
            let words = quoted(self.text(":error-message"));
            return Cow::Owned([b"{\"message\":", &words[..], b"}"].concat());
        }
        Cow::Borrowed(self.payload)
    }

    /// The text of a header; empty when it is not there or no text.
    #[must_use]
    pub fn text(&self, name: &str) -> &'a str {
        let value = self.headers().find(|header| header.name == name).map(|header| header.value);
        if let Some(Value::Text(text)) = value { text } else { "" }
    }
}

fn check(mut headers: &[u8]) -> Result<(), BrokenMessage> {
    let mut names = Vec::with_capacity(4);
    while !headers.is_empty() {
        names.push(Header::read(&mut headers).ok_or(BrokenMessage::Header)?.name);
    }
    names.sort_unstable();
    if names.windows(2).any(|two| two[0] == two[1]) {
        return Err(BrokenMessage::DuplicateHeader);
    }
    Ok(())
}

/// The bytes of a message.
///
/// # Errors
/// When a header or the whole is too long, or a header stands twice.
pub fn encode<'a>(headers: impl IntoIterator<Item = Header<'a>>, payload: &[u8]) -> Result<Vec<u8>, BrokenMessage> {
    let mut message = Vec::with_capacity(payload.len() + 128);
    message.resize(PRELUDE_BYTES, 0);
    for header in headers {
        header.write(&mut message)?;
    }
    let headers_bytes = message.len() - PRELUDE_BYTES;
    if headers_bytes > MAX_HEADERS_BYTES || payload.len() > MAX_PAYLOAD_BYTES {
        return Err(BrokenMessage::Length);
    }
    check(&message[PRELUDE_BYTES..])?;
    message.extend_from_slice(payload);
    let total_bytes = message.len() + CHECKSUM_BYTES;
    for (at, length) in [(0, total_bytes), (4, headers_bytes)] {
        let length = u32::try_from(length).map_err(|_| BrokenMessage::Length)?;
        message[at..at + 4].copy_from_slice(&length.to_be_bytes());
    }
    let checksum = crc32(&message[..8]);
    message[8..PRELUDE_BYTES].copy_from_slice(&checksum.to_be_bytes());
    let checksum = crc32(&message);
    message.extend_from_slice(&checksum.to_be_bytes());
    Ok(message)
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
