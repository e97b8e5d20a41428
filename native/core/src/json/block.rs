//! Finding the next interesting byte, sixteen at a time.
//!
//! `wide` compiles to SSE2 or NEON and falls back to plain code, so this stays free of `unsafe`.

use wide::u8x16;

const QUOTE: u8x16 = u8x16::splat(b'"');
const BACKSLASH: u8x16 = u8x16::splat(b'\\');
const LAST_CONTROL: u8x16 = u8x16::splat(0x1f);
const CASE_BIT: u8x16 = u8x16::splat(0x20);
const OPEN_BRACE: u8x16 = u8x16::splat(b'{');
const CLOSE_BRACE: u8x16 = u8x16::splat(b'}');

/// Index of the first byte from `at` that a plain string run cannot contain: a quote, a backslash or a control
/// character; `bytes.len()` when there is none.
#[inline]
pub(super) fn end_of_plain_run(bytes: &[u8], at: usize) -> usize {
    find(bytes, at, ends_plain_run, |b| b == b'"' || b == b'\\' || b < 0x20)
}

/// 64 bytes of a string as bit masks; bit `i` is byte `i`.
pub(super) struct StringBlock<'a> {
    lanes: [u8x16; 4],
    pub(super) bytes: &'a [u8; 64],
}

impl<'a> StringBlock<'a> {
    #[inline]
    pub(super) fn at(bytes: &'a [u8], at: usize) -> Option<Self> {
        let bytes = bytes.get(at..)?.first_chunk::<64>()?;
        let mut lanes = [u8x16::splat(0); 4];
        for (lane, chunk) in lanes.iter_mut().zip(bytes.as_chunks::<16>().0) {
            *lane = u8x16::from(*chunk);
        }
        Some(Self { lanes, bytes })
    }

    /// True when the block has no quote, backslash or control character.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        let [a, b, c, d] = self.lanes.map(ends_plain_run);
        !(a | b | c | d).any()
    }

    #[inline]
    pub(super) fn has_quote(&self) -> bool {
        let [a, b, c, d] = self.lanes.map(|v| v.simd_eq(QUOTE));
        (a | b | c | d).any()
    }

    #[inline]
    pub(super) fn quotes(&self) -> u64 {
        self.mask(|v| v.simd_eq(QUOTE))
    }

    #[inline]
    pub(super) fn backslashes(&self) -> u64 {
        self.mask(|v| v.simd_eq(BACKSLASH))
    }

    #[inline]
    pub(super) fn controls(&self) -> u64 {
        self.mask(|v| v.min(LAST_CONTROL).simd_eq(v))
    }

    #[inline]
    pub(super) fn byte(&self, index: u32) -> u8 {
        self.bytes[index as usize & 63]
    }

    #[inline]
    fn mask(&self, hits: impl Fn(u8x16) -> u8x16) -> u64 {
        let [a, b, c, d] = self.lanes.map(|v| u64::from(hits(v).to_bitmask()));
        a | b << 16 | c << 32 | d << 48
    }
}

#[inline]
fn ends_plain_run(v: u8x16) -> u8x16 {
    v.simd_eq(QUOTE) | v.simd_eq(BACKSLASH) | v.min(LAST_CONTROL).simd_eq(v)
}

/// Which bytes are `first`, `last` or between them.
#[inline]
pub(crate) fn is_among(bytes: u8x16, first: u8, last: u8) -> u8x16 {
    let above = bytes - u8x16::splat(first);
    above.min(u8x16::splat(last - first)).simd_eq(above)
}

/// The sixteen bytes from `at`; what is behind the last one is zero.
#[inline]
pub(super) fn sixteen(bytes: &[u8], at: usize) -> [u8; 16] {
    let rest = bytes.get(at..).unwrap_or_default();
    rest.first_chunk().copied().unwrap_or_else(|| {
        let mut block = [0; 16];
        block[..rest.len()].copy_from_slice(rest);
        block
    })
}

/// Index of the first quote, brace or bracket from `at`, else `bytes.len()`.
#[inline]
pub(super) fn next_structural(bytes: &[u8], at: usize) -> usize {
    // `[` and `]` differ from `{` and `}` only in bit 0x20.
    find(
        bytes,
        at,
        |v| {
            let folded = v | CASE_BIT;
            v.simd_eq(QUOTE) | folded.simd_eq(OPEN_BRACE) | folded.simd_eq(CLOSE_BRACE)
        },
        |b| matches!(b, b'"' | b'{' | b'}' | b'[' | b']'),
    )
}

#[inline]
fn find(bytes: &[u8], mut at: usize, block_hits: impl Fn(u8x16) -> u8x16, byte_hits: impl Fn(u8) -> bool) -> usize {
    while let Some(block) = bytes.get(at..).and_then(|rest| rest.first_chunk::<16>()) {
        let mask = block_hits(u8x16::from(*block)).to_bitmask();
        if mask != 0 {
            return at + mask.trailing_zeros() as usize;
        }
        at += 16;
    }
    while let Some(&b) = bytes.get(at) {
        if byte_hits(b) {
            return at;
        }
        at += 1;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_classified_alike_in_block_and_tail() {
        for b in 0..=255u8 {
            for position in [0, 3, 15, 16, 17, 31, 40] {
                let mut bytes = vec![b'x'; 41];
                bytes[position] = b;
                let stops = b == b'"' || b == b'\\' || b < 0x20;
                assert_eq!(end_of_plain_run(&bytes, 0), if stops { position } else { 41 }, "{b:#x} at {position}");
                let structural = b"\"{}[]".contains(&b);
                assert_eq!(next_structural(&bytes, 0), if structural { position } else { 41 }, "{b:#x} at {position}");
            }
        }
    }
}
