//! What must be so of any two bodies, one after the other: whatever `scan_object` passes is walked, spans lead back, and the
//! new items are seen as they are without a memo. Shared by the fuzz target and `core/tests/text_view_mutations.rs`.

use std::collections::HashMap;

use agentcc_core::json::{Dialect, Kind, MAX_DEPTH, Memo, TextView, WayBack, path_of, scan_object, text_into};

pub const DIALECTS: [Dialect; 7] = [
    Dialect::Responses,
    Dialect::Chat,
    Dialect::Messages,
    Dialect::Generate,
    Dialect::Converse,
    Dialect::Completions,
    Dialect::Embeddings,
];

pub fn check(before: &[u8], body: &[u8], dialect: Dialect) {
    let is_json = is_good(body);
    let whole = TextView::<usize>::new(body, dialect, None, MAX_DEPTH);
    assert!(whole.is_ok() || !is_json, "a good body is not walked");
    let Ok(whole) = whole else { return };
    check_pieces(body, &whole);
    let memo = Memo::new(1, 1000);
    if is_good(before) {
        let earlier = TextView::new(before, dialect, Some(&memo), MAX_DEPTH).expect("a good body");
        earlier.remember(&memo, (0..earlier.item_count()).map(|index| (index, index)).collect());
    }
    // what is known can hide that the rest is broken only where it is no good body
    let Ok(view) = TextView::new(body, dialect, Some(&memo), MAX_DEPTH) else {
        assert!(!is_json, "a good body is not walked with a memo");
        return;
    };
    let mut all = whole.pieces.iter();
    for piece in &view.pieces {
        assert!(all.any(|each| each == piece), "a piece that is not there without a memo");
    }
    assert_eq!(view.tail, whole.tail);
    if !is_json {
        return;
    }
    // each piece is in a new item, or in a known one, and all of those have notes
    let mut new = view.pieces.iter();
    for piece in &whole.pieces {
        if view.item_of(piece.start).is_some() {
            assert_eq!(new.next(), Some(piece), "a new piece that is not seen");
        } else {
            let at = view.known.partition_point(|&(start, _)| start <= piece.start);
            let (start, _) = view.known[at.checked_sub(1).expect("a piece that is in no item")];
            assert_eq!(whole.item_of(piece.start).expect("an item").1, start, "a piece that is in no item");
        }
    }
    view.remember(&memo, HashMap::new());
    let again = TextView::new(body, dialect, Some(&memo), MAX_DEPTH).expect("a good body");
    assert!(again.pieces.is_empty() && again.tail == whole.tail);
}

fn is_good(body: &[u8]) -> bool {
    scan_object(body, &[], MAX_DEPTH).is_ok()
}

fn check_pieces(body: &[u8], view: &TextView<usize>) {
    let (mut text, mut end) = (Vec::new(), 0);
    for piece in &view.pieces {
        assert!(piece.kind != Kind::Pending && end <= piece.start && piece.start <= piece.end);
        assert!(view.item_of(piece.start).is_some());
        end = piece.end;
        let raw = &body[piece.start..piece.end];
        text.clear();
        text_into(raw, piece.is_arguments, &mut text);
        if raw.contains(&b'\\') {
            let way = WayBack::new(raw, piece.is_arguments);
            let (third, length) = (text.len() / 3, text.len());
            let (low, mid, high) = (way.span(raw, 0, third), way.span(raw, third, length), way.span(raw, 0, length));
            assert!(low.0 == 0 && high == (0, raw.len()) && low.1 >= mid.0 && mid.1 == raw.len());
        } else {
            assert_eq!(text, raw);
        }
    }
    assert!(end < body.len() || view.pieces.is_empty());
    if let Some(piece) = view.pieces.last() {
        let _ = path_of(body, piece.start);
    }
}
