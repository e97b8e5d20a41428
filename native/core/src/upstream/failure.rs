//! Why an exchange failed: a stable code, and the words of everything underneath.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::io;

/// The stable codes. `as_str` is the public spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureCode {
    /// No TCP connection, or the proxy refused.
    Connect,
    /// The name has no address.
    Dns,
    /// The TLS handshake failed, or the certificate is not trusted.
    Tls,
    /// TCP and TLS together took too long.
    TimeoutConnect,
    /// No response head in time.
    TimeoutFirstByte,
    /// The body fell silent while we were reading.
    TimeoutIdle,
    /// The whole exchange took too long.
    TimeoutTotal,
    /// The caller stopped the exchange.
    Cancelled,
    /// The connection or stream was cut, before the head or in the body.
    Reset,
    /// The peer broke HTTP.
    Protocol,
    /// The body passed `max_response_bytes`.
    TooLarge,
    /// One event passed `max_event_bytes`.
    EventTooLarge,
}

impl FailureCode {
    /// The stable spelling, as Python sees it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Dns => "dns",
            Self::Tls => "tls",
            Self::TimeoutConnect => "timeout_connect",
            Self::TimeoutFirstByte => "timeout_first_byte",
            Self::TimeoutIdle => "timeout_idle",
            Self::TimeoutTotal => "timeout_total",
            Self::Cancelled => "cancelled",
            Self::Reset => "reset",
            Self::Protocol => "protocol",
            Self::TooLarge => "too_large",
            Self::EventTooLarge => "event_too_large",
        }
    }
}

/// A failed exchange, or a failed connection attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What to switch on.
    pub code: FailureCode,
    /// What to show.
    pub message: String,
}

impl Failure {
    pub(super) fn new(code: FailureCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// With the words of `error` and of everything that caused it.
    pub(super) fn caused_by(code: FailureCode, error: &(dyn Error + 'static)) -> Self {
        Self::new(code, chain_text(error))
    }

    /// Classify what hyper reports for a request or a body. Our connector's own verdict wins where there is one.
    pub(super) fn of_http(error: &(dyn Error + 'static)) -> Self {
        let mut code = FailureCode::Protocol;
        let mut next = Some(error);
        while let Some(e) = next {
            if let Some(ours) = e.downcast_ref::<Self>() {
                return ours.clone();
            }
            if let Some(found) = code_of(e) {
                code = found;
            }
            next = e.source();
        }
        Self::caused_by(code, error)
    }
}

fn code_of(error: &(dyn Error + 'static)) -> Option<FailureCode> {
    if let Some(hyper) = error.downcast_ref::<hyper::Error>() {
        let cut = hyper.is_incomplete_message() || hyper.is_closed() || hyper.is_canceled();
        return cut.then_some(FailureCode::Reset);
    }
    if let Some(h2) = error.downcast_ref::<h2::Error>() {
        let cut = h2.is_io() || ((h2.is_reset() || h2.is_go_away()) && h2.is_remote());
        return cut.then_some(FailureCode::Reset);
    }
    let io = error.downcast_ref::<io::Error>()?;
    if io.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<rustls::Error>) {
        return Some(FailureCode::Tls);
    }
    match io.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => None,
        _ => Some(FailureCode::Reset),
    }
}

fn chain_text(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(e) = next {
        let words = e.to_string();
        if !text.ends_with(&words) {
            let _ = write!(text, ": {words}");
        }
        next = e.source();
    }
    text
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message)
    }
}

impl Error for Failure {}
