//! The text view: whatever `scan_object` passes is walked, each string of it is seen, spans lead back, and a memo of one half
//! of the input never changes what is seen of the other.
#![no_main]

use agentcc_core::json::{Dialect, Kind, MAX_DEPTH, TextView, path_of, raw_span, scan_object, unescape_into};
use libfuzzer_sys::fuzz_target;

const DIALECTS: [Dialect; 7] = [
    Dialect::Responses,
    Dialect::Chat,
    Dialect::Messages,
    Dialect::Generate,
    Dialect::Converse,
    Dialect::Completions,
    Dialect::Embeddings,
];

fuzz_target!(|data: &[u8]| {
    let Some((&choice, data)) = data.split_first() else { return };
    let dialect = DIALECTS[usize::from(choice) % DIALECTS.len()];
    let (before, body) = match data.iter().position(|&byte| byte == 0xff) {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (&data[..0], data),
    };
    let view = TextView::new(body, dialect, None, MAX_DEPTH);
    let is_json = scan_object(body, &[], MAX_DEPTH).is_ok();
    assert!(view.is_ok() || !is_json, "a good body is not walked");
    let Ok(view) = view else { return };
    let mut text = Vec::new();
    for piece in &view.pieces {
        assert_ne!(piece.kind, Kind::Pending);
        text.clear();
        let raw = &body[piece.start..piece.end];
        unescape_into(raw, &mut text);
        let (low, high) = raw_span(raw, text.len() / 3, text.len());
        assert!(low <= high && high <= raw.len());
    }
    if let Some(piece) = view.pieces.last() {
        let _ = path_of(body, piece.start);
    }
    if !is_json || scan_object(before, &[], MAX_DEPTH).is_err() {
        return;
    }
    let Ok(earlier) = TextView::new(before, dialect, None, MAX_DEPTH) else { return };
    let memo = earlier.memo(before, 1, None);
    let again = TextView::new(body, dialect, Some(&memo), MAX_DEPTH).expect("a body that is walked without a memo");
    let is_new = |start: usize| start >= again.kept_prefix && start < body.len() - again.kept_suffix;
    assert!(view.pieces.iter().filter(|piece| is_new(piece.start)).eq(&again.pieces));
});
