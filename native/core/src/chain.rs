//! Lines of a hash chain: `<64 hex digits of sha256(prev + payload)> <payload>\n`.

use ring::digest::{Context, SHA256};

/// Hex digits of a hash.
pub const HASH_BYTES: usize = 64;
/// What a line has besides its payload: the hash, a space, a newline.
pub const FRAME_BYTES: usize = HASH_BYTES + 2;

/// Whether `payload` can stand in a line: a newline would end it, a NUL is what was never written.
#[must_use]
pub fn is_one_line(payload: &[u8]) -> bool {
    memchr::memchr2(b'\n', 0, payload).is_none()
}

/// Make `line`, which is `FRAME_BYTES` longer than `payload`, the line of `payload` after a line whose hash is `prev` (hex
/// text, or whatever the chain begins with).
///
/// # Panics
/// When `line` has another length.
pub fn write_line(line: &mut [u8], prev: &[u8], payload: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut context = Context::new(&SHA256);
    context.update(prev);
    context.update(payload);
    let (hash, rest) = line.split_at_mut(HASH_BYTES);
    for (pair, byte) in hash.chunks_exact_mut(2).zip(context.finish().as_ref()) {
        pair.copy_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    }
    let last = rest.len() - 1;
    rest[0] = b' ';
    rest[1..last].copy_from_slice(payload);
    rest[last] = b'\n';
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(prev: &[u8], payload: &[u8]) -> Vec<u8> {
        let mut line = vec![0; FRAME_BYTES + payload.len()];
        write_line(&mut line, prev, payload);
        line
    }

    #[test]
    fn a_line_is_hash_space_payload_newline() {
        // printf '%s' abc | sha256sum, split after the first byte: where the border lies does not matter
        let want = b"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad bc\n";
        assert_eq!(line(b"a", b"bc"), want);
        assert_eq!(line(b"a", b"bc")[..HASH_BYTES], line(b"ab", b"c")[..HASH_BYTES]);
    }

    #[test]
    fn a_newline_or_a_nul_is_no_line() {
        assert!(is_one_line(b"{}"));
        assert!(!is_one_line(b"{\n}") && !is_one_line(b"\0"));
    }
}
