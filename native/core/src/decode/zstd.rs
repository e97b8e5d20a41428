//! zstd, frame after frame, in the C library's streaming mode.

use std::cell::RefCell;

use zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer, ResetDirective, get_error_name, get_frame_content_size};

use super::DecodeErrorKind::{Corrupt, TooLarge};
use super::{DecodeError, grow};

/// RFC 9659: a `Content-Encoding: zstd` window is at most 8 MiB. More is a sender's mistake, or an attempt on our memory.
const WINDOW_LOG_MAX: u32 = 23;

thread_local! {
    /// A context is about 100 KiB and keeps its window; making one costs more than a small body does.
    static CONTEXT: RefCell<DCtx<'static>> = RefCell::new(DCtx::create());
}

pub(super) fn decode(data: &[u8], limit: usize) -> Result<Vec<u8>, DecodeError> {
    CONTEXT.with_borrow_mut(|context| {
        context.reset(ResetDirective::SessionAndParameters).map_err(fault)?;
        context.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX)).map_err(fault)?;
        let mut out = Vec::new();
        let mut input = InBuffer::around(data);
        loop {
            reserve_announced(&data[input.pos()..], &mut out, limit)?;
            frame(context, &mut input, data.len(), &mut out, limit)?;
            if input.pos() == data.len() {
                return Ok(out);
            }
        }
    })
}

/// When the frame says how large it is, make that room at once: then the library decodes in one go, without a window.
fn reserve_announced(frame: &[u8], out: &mut Vec<u8>, limit: usize) -> Result<(), DecodeError> {
    if let Ok(Some(announced)) = get_frame_content_size(frame) {
        if announced > (limit - out.len()) as u64 {
            return Err(DecodeError::too_large(limit));
        }
        out.reserve_exact(usize::try_from(announced).unwrap_or(0));
    }
    Ok(())
}

fn frame(
    context: &mut DCtx<'_>,
    input: &mut InBuffer<'_>,
    input_bytes: usize,
    out: &mut Vec<u8>,
    limit: usize,
) -> Result<(), DecodeError> {
    loop {
        let filled = out.len();
        let mut output = OutBuffer::around_pos(out, filled);
        let hint = context.decompress_stream(&mut output, input).map_err(fault)?;
        if out.len() > limit {
            return Err(DecodeError::too_large(limit));
        }
        if hint == 0 {
            return Ok(());
        }
        if out.len() < out.capacity() && input.pos() == input_bytes {
            return Err(DecodeError::truncated());
        }
        if out.len() == out.capacity() {
            grow(out, input_bytes, limit)?;
        }
    }
}

fn fault(code: zstd_safe::ErrorCode) -> DecodeError {
    let name = get_error_name(code);
    let kind = if name.contains("too much memory") { TooLarge } else { Corrupt };
    DecodeError::new(kind, format!("bad zstd data: {name}"))
}
