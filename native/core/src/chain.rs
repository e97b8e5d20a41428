//! Lines of a hash chain: `<64 hex digits of sha256(prev + payload)> <payload>\n`, appended to a file in one write(2).

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use ring::digest::{Context, SHA256};

/// Hex digits of a hash.
pub const HASH_BYTES: usize = 64;

/// The line of `payload` after a line whose hash is `prev` (hex text, or whatever the chain begins with).
#[must_use]
pub fn line(prev: &[u8], payload: &[u8]) -> Vec<u8> {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut context = Context::new(&SHA256);
    context.update(prev);
    context.update(payload);
    let mut line = Vec::with_capacity(HASH_BYTES + payload.len() + 2);
    for byte in context.finish().as_ref() {
        line.extend([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    }
    line.push(b' ');
    line.extend_from_slice(payload);
    line.push(b'\n');
    line
}

/// An existing file that lines are appended to.
#[derive(Debug)]
pub struct ChainFile(File);

impl ChainFile {
    /// Open `path` for appending; it is not created.
    ///
    /// # Errors
    /// The system's.
    pub fn open(path: &Path) -> io::Result<Self> {
        OpenOptions::new().append(true).open(path).map(Self)
    }

    /// Write `line` by one write(2); gives how much of it was taken.
    ///
    /// # Errors
    /// The system's, such as a full disk; an interrupted call is tried again.
    pub fn write(&self, line: &[u8]) -> io::Result<usize> {
        loop {
            match (&self.0).write(line) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_hash_space_payload_newline() {
        // printf '%s' abc | sha256sum, split after the first byte: where the border lies does not matter
        let want = b"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad bc\n";
        assert_eq!(line(b"a", b"bc"), want);
        assert_eq!(line(b"a", b"bc")[..HASH_BYTES], line(b"ab", b"c")[..HASH_BYTES]);
    }

    #[test]
    fn lines_are_appended_and_a_missing_file_is_an_error() {
        let path = std::env::temp_dir().join(format!("agentcc-chain-{}", std::process::id()));
        assert!(ChainFile::open(&path).is_err());
        std::fs::write(&path, b"first\n").unwrap();
        let file = ChainFile::open(&path).unwrap();
        assert_eq!(file.write(b"second\n").unwrap(), 7);
        assert_eq!(std::fs::read(&path).unwrap(), b"first\nsecond\n");
        std::fs::remove_file(&path).unwrap();
    }
}
