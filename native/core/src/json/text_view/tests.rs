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

fn view(body: &str, dialect: &str) -> TextView<usize> {
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
fn what_is_known_is_left_out_wherever_it_stands() {
    let old = r#"{"instructions":"i","input":["a","b"],"tools":[{"name":"t"}]}"#;
    let new = r#"{"tools":[{"name":"t"},{"name":"u"}],"input":["b","c","a"],"instructions":"i"}"#;
    let memo = Memo::new(1, 100);
    let first = TextView::new(old.as_bytes(), Dialect::Responses, Some(&memo), MAX_DEPTH).expect("a body");
    let (index, start) = first.item_of(first.pieces[2].start).expect("b is new");
    assert_eq!((first.item_count(), index, start), (4, 2, old.find("\"b\"").expect("b")));
    first.remember(&memo, HashMap::from([(index, 7)]));
    let view = TextView::new(new.as_bytes(), Dialect::Responses, Some(&memo), MAX_DEPTH).expect("a body");
    let texts: Vec<_> = view.pieces.iter().map(|piece| &new[piece.start..piece.end]).collect();
    assert_eq!(texts, ["u", "c"]);
    assert_eq!(view.known, [(new.find("\"b\"").expect("b"), Arc::new(7))]);
    assert_eq!(view.known_bytes, r#"{"name":"t"}"#.len() + "'a''b'".len() + "'instructions':'i'".len());
}

#[test]
fn paths_are_the_same_in_any_order() {
    let body = br#"{"a":[{"b":"x","plain":{"c1":["y",{"d":1,"e":"z"}]}},"w"],"f":"v"}"#;
    let (mut forwards, mut zigzag) = (Paths::default(), Paths::default());
    for offset in 0..body.len() {
        let path = path_of(body, offset);
        assert_eq!(forwards.path(body, offset), path);
        assert_eq!(zigzag.path(body, offset), path);
        assert_eq!(zigzag.path(body, body.len() - offset), path_of(body, body.len() - offset));
    }
    assert_eq!(path_of(body, body.len() - 3), "f");
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
            let view = TextView::<()>::new(body.as_bytes(), dialect, None, MAX_DEPTH);
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
        let once = crate::json::text::unescape(&raw);
        for is_arguments in [false, true] {
            let mut text = b"before".to_vec();
            text_into(&raw, is_arguments, &mut text);
            let text = text.strip_prefix(b"before").expect("what was there stays");
            let twice = crate::json::text::unescape(&once);
            prop_assert_eq!(text, if is_arguments { &twice[..] } else { &once[..] });
            let way = WayBack::new(&raw, is_arguments);
            for start in 0..=text.len() + 2 {
                for end in start..=text.len() + 2 {
                    let (low, high) = way.span(&raw, start, end);
                    prop_assert!(low <= high && high <= raw.len());
                }
            }
        }
    }
}
