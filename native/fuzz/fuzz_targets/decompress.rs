//! Decoding of request bodies: never a panic, never more than the limit, whatever the input claims.
//!
//! Input: one byte for the encoding and the limit, then the body.
#![no_main]

use agentcc_core::decode::decompress;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [choice, body @ ..] = data else { return };
    let encoding = ["zstd", "gzip", "deflate"][usize::from(choice % 3)];
    let limit = [0, 1, 1000, 1 << 20][usize::from(choice / 3 % 4)];
    if let Ok(out) = decompress(body, encoding, limit) {
        assert!(out.len() <= limit);
    }
});
