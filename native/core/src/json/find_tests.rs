//! The lenient finder: right on good JSON (see also the strict scanner's properties), calm on anything.

use proptest::prelude::*;

use super::*;

#[test]
fn a_path_leads_to_a_nested_value() {
    let body = br#"{"a":{"b":[1,{"c":2}],"t\u0079pe":"x\"}"},"a2":null}"#;
    let text = |path: &[&[u8]]| find_path(body, path).map(|s| std::str::from_utf8(&body[s]).unwrap());
    assert_eq!(text(&[b"a", b"b"]), Some(r#"[1,{"c":2}]"#));
    assert_eq!(text(&[b"a", b"type"]), Some(r#""x\"}""#));
    assert_eq!(text(&[b"a2"]), Some("null"));
    assert_eq!(text(&[b"a", b"nope"]), None);
    assert_eq!(text(&[b"a2", b"x"]), None);
    assert_eq!(find_path(body, &[]), Some(0..body.len()));
}

#[test]
fn elements_walk_an_array() {
    let array = br#" [ {"a":[1]} , 2,"x,y", [] ] "#;
    let texts: Vec<_> = elements(array).map(|s| std::str::from_utf8(&array[s]).unwrap()).collect();
    assert_eq!(texts, [r#"{"a":[1]}"#, "2", "\"x,y\"", "[]"]);
    assert_eq!(elements(b"{}").count(), 0);
    assert_eq!(elements(b"[]").count(), 0);
}

#[test]
fn quoted_text_is_what_serde_reads_back() {
    let text = "a\"b\\c\n\u{0}\u{1f}/é😀";
    assert_eq!(serde_json::from_slice::<String>(&crate::json::quoted(text)).unwrap(), text);
}

proptest! {
    #[test]
    fn noise_never_panics(body in "[\\{\\}\\[\\]\",:\\\\a ]{0,60}", tail in prop::collection::vec(any::<u8>(), 0..20)) {
        let mut body = body.into_bytes();
        body.extend(tail);
        let _ = find_path(&body, &[b"a", b"a"]);
        let _ = elements(&body).count();
    }
}
