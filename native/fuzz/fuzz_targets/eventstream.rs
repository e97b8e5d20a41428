//! AWS event streams: what comes out does not depend on how the stream was cut, what is read is written back, nothing panics.
//!
//! Input: one byte that seeds the cuts, then the stream. Checksums are hard to guess: a stream that starts with 1 is taken as
//! lengths and rest, and gets right ones.
#![no_main]

use agentcc_core::eventstream::{EventStreamFramer, FrameError, Message, encode};
use agentcc_core::tap::{Dialect, Tap};
use libfuzzer_sys::fuzz_target;

const MAX_EVENT_BYTES: usize = 1 << 12;

fn run(chunks: &[&[u8]]) -> (Vec<Vec<u8>>, Result<(), FrameError>) {
    let mut framer = EventStreamFramer::new(MAX_EVENT_BYTES);
    let mut messages = Vec::new();
    for chunk in chunks {
        if let Err(error) = framer.feed(chunk, |message| messages.push(message.to_vec())) {
            return (messages, Err(error));
        }
    }
    (messages, Ok(()))
}

fn crc(bytes: &[u8]) -> [u8; 4] {
    let mut crc = !0u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    (!crc).to_be_bytes()
}

/// `headers` and `payload` as a message with right lengths and checksums, whatever the headers are.
fn sealed(headers: &[u8], payload: &[u8]) -> Vec<u8> {
    let total = u32::try_from(headers.len() + payload.len() + 16).unwrap();
    let mut message = [total.to_be_bytes(), u32::try_from(headers.len()).unwrap().to_be_bytes()].concat();
    message.extend(crc(&message));
    message.extend_from_slice(headers);
    message.extend_from_slice(payload);
    message.extend(crc(&message));
    message
}

fuzz_target!(|data: &[u8]| {
    let [seed, stream @ ..] = data else { return };
    let made = match stream {
        [1, border, rest @ ..] => {
            let (headers, payload) = rest.split_at(usize::from(*border).min(rest.len()));
            sealed(headers, payload)
        }
        _ => stream.to_vec(),
    };
    let whole = run(&[&made]);
    let (mut pieces, mut rest, mut state) = (Vec::new(), &made[..], u32::from(*seed) + 1);
    while !rest.is_empty() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (piece, after) = rest.split_at(((state >> 24) as usize % 7 + 1).min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    assert_eq!(whole, run(&pieces), "cuts change the answer");
    for bytes in &whole.0 {
        let _ = Tap::new(Dialect::BedrockConverse, false).event(bytes);
        if let Ok((message, after)) = Message::parse(bytes) {
            assert!(after.is_empty());
            assert_eq!(&encode(message.headers(), message.payload).unwrap(), bytes, "read, but not written back");
        }
    }
});
