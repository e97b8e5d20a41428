use proptest::prelude::*;

use super::*;
use crate::json::scan_object;

const DIALECTS: [&str; 7] = [
    "openai.responses",
    "openai.chat",
    "anthropic.messages",
    "gemini.generate",
    "bedrock.converse",
    "openai.completions",
    "openai.embeddings",
];

fn view(body: &str, dialect: &str) -> TextView {
    let dialect = Dialect::named(dialect).expect("a dialect");
    TextView::new(body.as_bytes(), dialect, None, MAX_DEPTH).expect("a body")
}

#[test]
fn a_kind_may_be_said_after_the_text() {
    let body = r#"{"messages":[{"content":[{"text":"a"},{"content":"b","type":"tool_result"}],"role":"assistant"}]}"#;
    let view = view(body, "anthropic.messages");
    let found: Vec<_> = view.pieces.iter().map(|piece| (&body[piece.start..piece.end], piece.kind)).collect();
    let want = [("a", Kind::Assistant), ("b", Kind::Result), ("tool_result", Kind::Word), ("assistant", Kind::Word)];
    assert_eq!(found, want);
}

#[test]
fn a_memo_keeps_both_ends() {
    let old = r#"{"instructions":"i","input":["a","b"],"tools":[]}"#;
    let new = r#"{"instructions":"i","input":["a","b","c"],"tools":[]}"#;
    let memo = view(old, "openai.responses").memo(old.as_bytes(), 1, None);
    let view = TextView::new(new.as_bytes(), Dialect::Responses, Some(&memo), MAX_DEPTH).expect("a body");
    assert_eq!(&new[..view.kept_prefix], r#"{"instructions":"i","input":["a","b""#);
    assert_eq!(&new[new.len() - view.kept_suffix..], r#","tools":[]}"#);
    assert_eq!(view.pieces.len(), 1);
}

proptest! {
    #[test]
    fn no_piece_is_left_without_a_kind_and_bodies_that_pass_the_scan_are_walked(
        tokens in prop::collection::vec(prop::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"role\"", "\"type\"", "\"content\"", "\"data\"", "\"messages\"", "\"user\"", "\"x\\n\"", "1", "true",
        ]), 0..40),
        dialect in prop::sample::select(DIALECTS.to_vec()),
    ) {
        for start in ["", "{\"messages\":[{\"role\":\"user\",\"content\":[", "{\"input\":["] {
            let body = format!("{start}{}", tokens.concat());
            let dialect = Dialect::named(dialect).expect("a dialect");
            let view = TextView::new(body.as_bytes(), dialect, None, MAX_DEPTH);
            let is_duplicate = |kind| kind == crate::json::JsonErrorKind::DuplicateKey;
            if scan_object(body.as_bytes(), &[], MAX_DEPTH).map_or_else(|e| is_duplicate(e.kind), |_| true) {
                prop_assert!(view.is_ok());
            }
            if let Ok(view) = view {
                prop_assert!(view.pieces.iter().all(|piece| piece.kind != Kind::Pending));
                prop_assert!(view.pieces.iter().all(|piece| piece.start <= piece.end && piece.end < body.len()));
                prop_assert!(view.pieces.is_sorted_by_key(|piece| piece.start));
            }
        }
    }

    #[test]
    fn unescaping_and_the_way_back_never_panic(raw in prop::collection::vec(prop::sample::select(b"\\u0d8cnx\"\xc3".to_vec()), 0..40)) {
        let mut text = Vec::new();
        unescape_into(&raw, &mut text);
        prop_assert_eq!(&text[..], &*crate::json::text::unescape(&raw));
        for start in 0..=text.len() + 2 {
            for end in start..=text.len() + 2 {
                let (low, high) = raw_span(&raw, start, end);
                prop_assert!(low <= high && high <= raw.len());
            }
        }
    }
}
