//! Cutting a byte stream into messages, sans I/O.

use super::crc::crc32;
use super::error::{BrokenMessage, FrameError};
use super::message::Prelude;

/// The reader. Feed it chunks; it hands out whole messages, checksums proven. Their headers are not looked at.
#[derive(Debug)]
pub struct EventStreamFramer {
    /// Bytes of the message that is not complete yet.
    held: Vec<u8>,
    max_event_bytes: usize,
}

impl EventStreamFramer {
    /// A framer that refuses messages longer than `max_event_bytes`.
    #[must_use]
    pub fn new(max_event_bytes: usize) -> Self {
        Self { held: Vec::new(), max_event_bytes }
    }

    /// Take in a chunk; call `on_event` with every message that is now complete, in order.
    ///
    /// # Errors
    /// When a message is too long or broken; the ones before it have been handed out. Feed no more after that.
    pub fn feed(&mut self, chunk: &[u8], mut on_event: impl FnMut(&[u8])) -> Result<(), FrameError> {
        if self.held.is_empty() {
            let rest = self.take_messages(chunk, &mut on_event)?;
            self.held.extend_from_slice(rest);
        } else {
            let mut held = std::mem::take(&mut self.held);
            held.extend_from_slice(chunk);
            let rest = self.take_messages(&held, &mut on_event)?.len();
            held.drain(..held.len() - rest);
            self.held = held;
        }
        Ok(())
    }

    /// Bytes of a message that has not ended.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.held.len()
    }

    fn take_messages<'b>(&self, mut bytes: &'b [u8], on_event: &mut impl FnMut(&[u8])) -> Result<&'b [u8], FrameError> {
        while let Some(prelude) = bytes.first_chunk() {
            let prelude = Prelude::read(prelude).map_err(FrameError::Broken)?;
            if prelude.total_bytes > self.max_event_bytes {
                return Err(FrameError::TooLarge { max_event_bytes: self.max_event_bytes });
            }
            let Some((message, after)) = bytes.split_at_checked(prelude.total_bytes) else { break };
            if message.split_last_chunk().is_none_or(|(checked, sum)| crc32(checked) != u32::from_be_bytes(*sum)) {
                return Err(FrameError::Broken(BrokenMessage::Checksum));
            }
            on_event(message);
            bytes = after;
        }
        Ok(bytes)
    }
}

#[cfg(test)]
#[path = "framer_tests.rs"]
mod tests;
