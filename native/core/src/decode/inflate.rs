//! gzip and deflate.

use flate2::{Decompress, FlushDecompress, Status};

use super::{DecodeError, DecodeErrorKind::Corrupt, grow};

/// The largest window of the format, 2^15.
const WINDOW_BITS: u8 = 15;
const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];

pub(super) fn gzip(data: &[u8], limit: usize) -> Result<Vec<u8>, DecodeError> {
    let mut out = Vec::new();
    let mut rest = data;
    loop {
        let used = inflate(&mut Decompress::new_gzip(WINDOW_BITS), rest, &mut out, limit)?;
        rest = &rest[used..];
        if rest.is_empty() {
            return Ok(out);
        }
        if !rest.starts_with(GZIP_MAGIC) {
            return Err(trailing(rest));
        }
    }
}

pub(super) fn deflate(data: &[u8], limit: usize) -> Result<Vec<u8>, DecodeError> {
    let mut out = Vec::new();
    let used = inflate(&mut Decompress::new(has_zlib_header(data)), data, &mut out, limit)?;
    if used < data.len() { Err(trailing(&data[used..])) } else { Ok(out) }
}

/// RFC 1950: method 8 in the low half of the first byte, and the two bytes are a multiple of 31.
fn has_zlib_header(data: &[u8]) -> bool {
    matches!(data, [first, second, ..] if first & 0x0f == 8 && u16::from_be_bytes([*first, *second]).is_multiple_of(31))
}

/// One stream from the start of `data`; gives the bytes used.
fn inflate(state: &mut Decompress, data: &[u8], out: &mut Vec<u8>, limit: usize) -> Result<usize, DecodeError> {
    let mut used = 0;
    loop {
        if out.len() == out.capacity() || out.len() > limit {
            grow(out, data.len(), limit)?;
        }
        let step = state.decompress_vec(&data[used..], out, FlushDecompress::None);
        used = usize::try_from(state.total_in()).unwrap_or(usize::MAX);
        match step {
            Ok(Status::StreamEnd) if out.len() > limit => return Err(DecodeError::too_large(limit)),
            Ok(Status::StreamEnd) => return Ok(used),
            Ok(_) if out.len() < out.capacity() && used == data.len() => return Err(DecodeError::truncated()),
            Ok(_) => {}
            Err(e) => return Err(DecodeError::new(Corrupt, format!("bad deflate data: {e}"))),
        }
    }
}

fn trailing(rest: &[u8]) -> DecodeError {
    DecodeError::new(Corrupt, format!("{} bytes after the end of the compressed body", rest.len()))
}
