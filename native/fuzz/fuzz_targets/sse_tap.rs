//! Framer and tap: what is forwarded, held and captured does not depend on how the stream was cut; nothing panics.
//!
//! Input: one byte for the dialect, one that seeds the cuts, then the stream.
#![no_main]

use agentcc_core::sse::SseFramer;
use agentcc_core::tap::{Captures, Dialect, Tap, Verdict};
use libfuzzer_sys::fuzz_target;

const DIALECTS: [Dialect; 6] = [
    Dialect::None,
    Dialect::OpenaiResponses,
    Dialect::OpenaiChat,
    Dialect::AnthropicMessages,
    Dialect::GeminiGenerate,
    Dialect::BedrockConverse,
];
const MAX_EVENT_BYTES: usize = 1 << 12;

#[derive(Debug, Default, PartialEq)]
struct Seen {
    forwarded: Vec<u8>,
    terminal: Vec<u8>,
    dropped: usize,
    is_too_large: bool,
    captures: Captures,
}

fn run(chunks: &[&[u8]], dialect: Dialect, drop_usage_chunk: bool) -> Seen {
    let mut framer = SseFramer::new(MAX_EVENT_BYTES, dialect.has_bare_errors());
    let mut tap = Tap::new(dialect, drop_usage_chunk);
    let mut seen = Seen::default();
    let mut sort = |event: &[u8], seen: &mut Seen| match tap.event(event) {
        Verdict::Forward => seen.forwarded.extend_from_slice(event),
        Verdict::Terminal => seen.terminal.extend_from_slice(event),
        Verdict::Drop => seen.dropped += event.len(),
    };
    for chunk in chunks {
        if framer.feed(chunk, |event| sort(event, &mut seen)).is_err() {
            seen.is_too_large = true;
            break;
        }
    }
    if !seen.is_too_large {
        if let Some(event) = framer.finish() {
            sort(&event, &mut seen);
        }
        assert_eq!(framer.held_bytes(), 0);
    }
    seen.captures = tap.captures().clone();
    seen
}

fuzz_target!(|data: &[u8]| {
    let [dialect, seed, stream @ ..] = data else { return };
    let dialect_of = DIALECTS[usize::from(*dialect) % DIALECTS.len()];
    let drops = dialect & 0x80 != 0;
    let whole = run(&[stream], dialect_of, drops);
    let (mut pieces, mut rest, mut state) = (Vec::new(), stream, u32::from(*seed) + 1);
    while !rest.is_empty() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (piece, after) = rest.split_at(((state >> 24) as usize % 7 + 1).min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    assert_eq!(whole, run(&pieces, dialect_of, drops), "cuts change the answer");
    let bytes: Vec<&[u8]> = stream.chunks(1).collect();
    assert_eq!(whole, run(&bytes, dialect_of, drops), "single bytes change the answer");
    let out = whole.forwarded.len() + whole.terminal.len() + whole.dropped;
    assert!(out <= stream.len());
    if whole.terminal.is_empty() && whole.dropped == 0 {
        assert_eq!(whole.forwarded, stream[..out], "a byte was changed");
    }
});
