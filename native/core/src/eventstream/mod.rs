//! AWS event streams (`application/vnd.amazon.eventstream`): cutting a stream into messages, reading and writing one.
//!
//! A message is a prelude (total length, headers length, CRC-32 of these two; all numbers big endian), headers, the
//! payload, and a CRC-32 of everything before it. Why this is our own code: docs/decisions/0008.

mod crc;
mod error;
mod framer;
mod header;
mod message;

pub use error::{BrokenMessage, FrameError};
pub use framer::EventStreamFramer;
pub use header::{Header, Value};
pub use message::{Message, encode};
