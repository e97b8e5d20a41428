//! CRC-32 (the one of zip), from the library that inflates bodies: it uses carry-less multiplication where there is one.

use flate2::Crc;

pub(super) fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}
