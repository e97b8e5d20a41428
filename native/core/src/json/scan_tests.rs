//! The strict scanner against a table of bodies and against `serde_json`.

use proptest::prelude::*;

use super::*;
use crate::json::JsonErrorKind::{self, DuplicateKey};

fn kind(body: &[u8]) -> Option<JsonErrorKind> {
    scan_object(body, &[], 8).err().map(|e| e.kind)
}

#[test]
fn each_fault_has_its_kind() {
    let cases: &[(&[u8], Option<JsonErrorKind>)] = &[
        (b"{}", None),
        (b" \r\n\t{ } ", None),
        (br#"{"a":1,"b":[true,false,null,-0.5e+10,"x"]}"#, None),
        (br#"{"a":"\ud800"}"#, None),
        (b"", Some(Empty)),
        (b" \n", Some(Empty)),
        (b"[]", Some(NotObject)),
        (b"1", Some(NotObject)),
        (b"\"x\"", Some(NotObject)),
        (b"[", Some(Malformed)),
        (b"{} x", Some(Malformed)),
        (b"{}{}", Some(Malformed)),
        (b"{\"a\":1,}", Some(Malformed)),
        (b"{,}", Some(Malformed)),
        (b"{\"a\"}", Some(Malformed)),
        (b"{\"a\":}", Some(Malformed)),
        (b"{\"a\":1", Some(Malformed)),
        (b"{\"a\":[1,]}", Some(Malformed)),
        (b"{\"a\":[1}}", Some(Malformed)),
        (b"{\"a\":1]", Some(Malformed)),
        (b"{\"a\":01}", Some(Malformed)),
        (b"{\"a\":1.}", Some(Malformed)),
        (b"{\"a\":.5}", Some(Malformed)),
        (b"{\"a\":1e}", Some(Malformed)),
        (b"{\"a\":-}", Some(Malformed)),
        (b"{\"a\":+1}", Some(Malformed)),
        (b"{\"a\":NaN}", Some(Malformed)),
        (b"{\"a\":nul}", Some(Malformed)),
        (b"{\"a\":nulll}", Some(Malformed)),
        (b"{'a':1}", Some(Malformed)),
        (b"{\"a\":\"\n\"}", Some(Malformed)),
        (b"{\"a\":\"\\x\"}", Some(Malformed)),
        (b"{\"a\":\"\\u12g4\"}", Some(Malformed)),
        (b"{\"a\":\"x", Some(Malformed)),
        (b"{\"a\":\"\\", Some(Malformed)),
        (b"\xef\xbb\xbf{}", Some(Malformed)),
        (b"{\"a\":\"\xff\"}", Some(NotUtf8)),
        (br#"{"model":1,"mod\u0065l":2}"#, Some(DuplicateKey)),
        (br#"{"a":{"b":1,"b":2}}"#, None),
        (br#"{"a":1,"a":2"#, Some(Malformed)),
    ];
    for (body, want) in cases {
        assert_eq!(kind(body), *want, "{}", String::from_utf8_lossy(body));
    }
}

#[test]
fn wanted_keys_give_the_span_of_their_value() {
    let body = br#" {"x" : [1, 2] , "mod\u0065l":"m","s":{"a":{}}, "z":-1.5 }"#;
    let spans = scan_object(body, &[b"model", b"s", b"nope", b"x", b"z"], 8).unwrap();
    let text: Vec<_> = spans.iter().map(|s| s.clone().map(|s| std::str::from_utf8(&body[s]).unwrap())).collect();
    assert_eq!(text, [Some("\"m\""), Some("{\"a\":{}}"), None, Some("[1, 2]"), Some("-1.5")]);
}

#[test]
fn nesting_is_stopped_at_the_limit_and_not_before() {
    for max_depth in [1, 2, 63, 64, 65, 127, 128, 129, 512, 5000] {
        for open in ["[", "{\"k\":"] {
            let close = if open == "[" { "]" } else { "}" };
            let nested = |depth: usize| {
                let inner = if open == "[" { "" } else { "0" };
                format!("{{\"a\":{}{inner}{}}}", open.repeat(depth - 1), close.repeat(depth - 1))
            };
            let fits = if max_depth == 1 { "{\"a\":0}".to_owned() } else { nested(max_depth) };
            assert_eq!(scan_object(fits.as_bytes(), &[], max_depth), Ok(vec![]), "{open} {max_depth}");
            let fault = scan_object(nested(max_depth + 1).as_bytes(), &[], max_depth).unwrap_err();
            assert_eq!(fault.kind, TooDeep);
            assert_eq!(fault.offset, 5 + (max_depth - 1) * open.len());
        }
    }
    let bomb = "[".repeat(5_000_000);
    assert_eq!(scan_object(bomb.as_bytes(), &[], 512).unwrap_err().offset, 512);
}

#[test]
fn a_repeated_key_is_named_with_its_place_even_among_many() {
    let many = (0..100_000).map(|i| format!("\"k{i}\":0")).collect::<Vec<_>>().join(",") + ",";
    assert_eq!(kind(format!("{{{many}\"x\":1}}").as_bytes()), None);
    let fault = scan_object(format!("{{{many}\"k99\":1}}").as_bytes(), &[], 8).unwrap_err();
    assert_eq!(fault.kind, DuplicateKey);
    assert_eq!(fault.offset, 1 + many.len());
    assert!(fault.detail.contains("`k99`"));
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        "\\PC{0,40}".prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::hash_map("\\PC{0,8}", inner, 0..6)
                .prop_map(|m| serde_json::Value::Object(m.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn spans_are_what_serde_json_finds(fields in prop::collection::btree_map("\\PC{0,8}", json(), 0..8), pretty: bool) {
        let value = serde_json::Value::Object(fields.clone().into_iter().collect());
        let body = if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) }.unwrap();
        let keys: Vec<&[u8]> = fields.keys().map(String::as_bytes).collect();
        let spans = scan_object(&body, &keys, 64).unwrap();
        for ((key, want), span) in fields.iter().zip(spans) {
            let span = span.unwrap();
            let got: serde_json::Value = serde_json::from_slice(&body[span.clone()]).unwrap();
            prop_assert_eq!(&got, want);
            prop_assert_eq!(crate::json::find_path(&body, &[key.as_bytes()]), Some(span));
        }
    }

    #[test]
    fn damaged_bodies_are_judged_as_serde_json_does(value in json(), cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 1..4)) {
        let mut body = serde_json::to_vec(&serde_json::json!({"a": value, "b": 1})).unwrap();
        for (index, byte, how) in cuts {
            let at = index.index(body.len());
            match how {
                0 => body[at] = byte,
                1 => { body.remove(at); }
                2 => body.insert(at, *b"{}[]\",:\\eE+-.0u \n".get(byte as usize % 17).unwrap()),
                _ => body.truncate(at.max(1)),
            }
            if body.is_empty() { body.push(b' '); }
        }
        let ours = scan_object(&body, &[b"a"], 100).err().map(|e| e.kind);
        let theirs = serde_json::from_slice::<serde::de::IgnoredAny>(&body);
        // serde_json refuses lone surrogates only when it builds strings; IgnoredAny does not.
        match ours {
            None | Some(DuplicateKey | NotObject) => prop_assert!(theirs.is_ok(), "{:?} {:?}", String::from_utf8_lossy(&body), theirs),
            Some(NotUtf8) => prop_assert!(std::str::from_utf8(&body).is_err()),
            Some(_) => prop_assert!(theirs.is_err(), "{:?}", String::from_utf8_lossy(&body)),
        }
    }

    #[test]
    fn noise_never_panics(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = scan_object(&body, &[b"a"], 4);
    }
}
