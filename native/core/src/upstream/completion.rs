//! What an exchange reports back, in order.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::failure::Failure;
use crate::tap::Captures;

/// The head of a response.
#[derive(Debug)]
pub struct Head {
    /// Its status.
    pub status: StatusCode,
    /// Its headers, names in lower case.
    pub headers: HeaderMap,
    /// From `start` to here.
    pub ttfb_us: u64,
}

/// What the tap has learnt by now, and the size of the body so far.
#[derive(Debug)]
pub struct Summary {
    /// The tap's findings.
    pub captures: Captures,
    /// Bytes of body received, dropped ones included.
    pub body_bytes: u64,
}

/// One report.
#[derive(Debug)]
pub enum Completion {
    /// A streamed answer begins.
    Head(Box<Head>),
    /// Bytes for the client: whole events, or raw pieces when the answer is no event stream.
    Data(Vec<u8>),
    /// The event that ends the answer, held back.
    Terminal(Vec<u8>, Box<Summary>),
    /// The body ended cleanly.
    End(Box<Summary>),
    /// The exchange failed; with a summary when a stream had begun.
    Failed(Failure, Option<Box<Summary>>),
    /// The whole answer.
    Body(Box<Head>, Bytes),
}

impl Completion {
    /// Payload bytes it keeps in memory.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        match self {
            Self::Data(data) | Self::Terminal(data, _) => data.len(),
            Self::Body(_, body) => body.len(),
            Self::Head(_) | Self::End(_) | Self::Failed(..) => 0,
        }
    }
}
