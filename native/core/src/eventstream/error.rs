//! Why bytes are no message.

use std::fmt;

/// What is wrong with a message. There is no way on after it: where the next one starts is not known any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokenMessage {
    /// The bytes end before the message does.
    Truncated,
    /// The lengths and their checksum disagree.
    PreludeChecksum,
    /// The bytes and their checksum disagree.
    Checksum,
    /// The lengths are impossible, or over what AWS allows: 128 KiB of headers, 24 MiB of payload.
    Length,
    /// The headers cannot be read.
    Header,
    /// Two headers have one name.
    DuplicateHeader,
}

impl fmt::Display for BrokenMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "the message ends too early",
            Self::PreludeChecksum => "the checksum of the message's prelude is wrong",
            Self::Checksum => "the checksum of the message is wrong",
            Self::Length => "the message's lengths are impossible or too large",
            Self::Header => "a header of the message cannot be read",
            Self::DuplicateHeader => "a header of the message stands twice",
        })
    }
}

impl std::error::Error for BrokenMessage {}

/// Why a stream cannot be cut any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// A message is longer than the limit.
    TooLarge {
        /// The limit that was passed.
        max_event_bytes: usize,
    },
    /// What comes next is no message.
    Broken(BrokenMessage),
}
