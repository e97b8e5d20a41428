//! Undoing `Content-Encoding` of a request body, with a bound on what comes out.
//!
//! zstd is the C library (crate `zstd-safe`): Codex compresses every request with it, and the pure Rust decoder is
//! several times slower. gzip and deflate are `flate2` on `zlib-rs`, which is Rust and as fast as zlib-ng.

mod inflate;
mod zstd;

use std::fmt;

/// The fault, as callers switch on it. `as_str` is the public spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeErrorKind {
    /// The input ends too early.
    Truncated,
    /// The input is not of this encoding, fails its checksum, or has bytes after its end.
    Corrupt,
    /// The output, or the memory to make it, passes the limit.
    TooLarge,
    /// No such encoding here.
    Unsupported,
}

impl DecodeErrorKind {
    /// The stable spelling, as Python sees it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::Corrupt => "corrupt",
            Self::TooLarge => "too_large",
            Self::Unsupported => "unsupported",
        }
    }
}

/// A refused body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// What is wrong.
    pub kind: DecodeErrorKind,
    /// The same in words.
    pub detail: String,
}

impl DecodeError {
    fn new(kind: DecodeErrorKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }

    fn too_large(limit: usize) -> Self {
        Self::new(DecodeErrorKind::TooLarge, format!("the decoded body is larger than {limit} bytes"))
    }

    fn truncated() -> Self {
        Self::new(DecodeErrorKind::Truncated, "the compressed body ends too early")
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.as_str(), self.detail)
    }
}

impl std::error::Error for DecodeError {}

/// Decode all of `data`: `zstd` (one or more frames), `gzip` (one or more members) or `deflate` (zlib format as RFC 9110
/// says, or the raw form that some clients send). At most `limit` bytes come out, and not much more memory is used.
///
/// # Errors
/// See [`DecodeErrorKind`].
pub fn decompress(data: &[u8], encoding: &str, limit: usize) -> Result<Vec<u8>, DecodeError> {
    match encoding {
        "zstd" => zstd::decode(data, limit),
        "gzip" => inflate::gzip(data, limit),
        "deflate" => inflate::deflate(data, limit),
        other => {
            let detail = format!("content encoding `{}`; use zstd, gzip, deflate or none", other.escape_debug());
            Err(DecodeError::new(DecodeErrorKind::Unsupported, detail))
        }
    }
}

/// Make room for more output: double, from a start in proportion to the input, up to one byte past the limit.
fn grow(out: &mut Vec<u8>, input_bytes: usize, limit: usize) -> Result<(), DecodeError> {
    if out.len() > limit {
        return Err(DecodeError::too_large(limit));
    }
    let wanted = out.len().max(input_bytes.saturating_mul(2)).max(4096);
    out.reserve_exact(wanted.min(limit.saturating_add(1) - out.len()));
    Ok(())
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
