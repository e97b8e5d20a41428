//! The strict scan of a body and the lenient finder, against `serde_json`: they agree on what is JSON, and neither panics.
#![no_main]

use agentcc_core::json::{JsonErrorKind, conversation_digest, find_path, last_items, scan_object};
use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;

const KEYS: [&[u8]; 4] = [b"model", b"stream", b"a", b"\xc3\xa9"];
const DEPTH: usize = 100; // under serde_json's own limit of 128

fuzz_target!(|body: &[u8]| {
    let oracle = std::str::from_utf8(body).ok().map(serde_json::from_str::<IgnoredAny>);
    match scan_object(body, &KEYS, DEPTH) {
        Ok(spans) => {
            assert!(matches!(oracle, Some(Ok(_))), "scan takes what serde_json refuses");
            for span in spans.into_iter().flatten() {
                let value = std::str::from_utf8(&body[span]).expect("a span cuts a character");
                serde_json::from_str::<IgnoredAny>(value).expect("a span is no value");
                assert_eq!(value.trim(), value);
            }
        }
        Err(error) => {
            assert!(error.offset <= body.len());
            match error.kind {
                JsonErrorKind::NotUtf8 => assert!(oracle.is_none()),
                JsonErrorKind::Malformed | JsonErrorKind::Empty => {
                    assert!(!matches!(oracle, Some(Ok(_))), "scan refuses what serde_json takes: {error}");
                }
                JsonErrorKind::TooDeep | JsonErrorKind::NotObject | JsonErrorKind::DuplicateKey => {}
            }
        }
    }
    for path in [&[b"a".as_slice()][..], &[b"a", b"b"], &[]] {
        if let Some(span) = find_path(body, path) {
            assert!(span.start <= span.end && span.end <= body.len());
        }
    }
    let _ = conversation_digest(body, b"b", b"a", 0);
    for span in last_items(body, b"a", 2) {
        assert!(span.start < span.end && span.end <= body.len());
    }
});
