//! Messages that AWS's own SDKs test themselves with (`../shared/fixtures/bedrock/eventstream.json`).
//!
//! Not part of the repository: where the file is absent the test says so on stderr and ends.

use std::path::Path;

use agentcc_core::eventstream::{EventStreamFramer, Header, Message, Value, encode};
use serde_json::Value as Json;

#[test]
fn the_vectors_of_the_sdks_pass() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/bedrock/eventstream.json");
    let Ok(text) = std::fs::read(&path) else {
        eprintln!("NOT RUN: the shared fixtures are absent, no {}", path.display());
        return;
    };
    let file: Json = serde_json::from_slice(&text).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    assert!(vectors.len() >= 31);
    for vector in vectors {
        let (name, bytes) = (vector["name"].as_str().unwrap(), bytes_of(vector));
        let mut framed = Vec::new();
        let fed = EventStreamFramer::new(32 << 20).feed(&bytes, |message| framed.push(message.to_vec()));
        let parsed = Message::parse(&bytes);
        if !vector["valid"].as_bool().unwrap() {
            let error = parsed.unwrap_err().to_string();
            assert!(says(vector["error"].as_str().unwrap(), &error), "{name}: {error}");
            assert_eq!(fed.is_ok(), error.contains("header of"), "{name}: framing proves all but the headers");
            continue;
        }
        let (message, after) = parsed.unwrap();
        let headers: Vec<_> = message.headers().collect();
        check(name, &vector["decoded"], &headers, message.payload);
        assert_eq!((framed.as_slice(), after, fed), (&[bytes.clone()][..], &b""[..], Ok(())), "{name}");
        assert_eq!(encode(headers, message.payload).unwrap(), bytes, "{name}");
    }
    println!("{} vectors pass", vectors.len());
}

fn says(expected: &str, error: &str) -> bool {
    match expected {
        "ChecksumMismatch" => error.contains("checksum"),
        "Prelude checksum mismatch" => error.contains("checksum of the message's prelude"),
        "Message checksum mismatch" => error.contains("checksum of the message is"),
        "DuplicateHeader" => error.contains("twice"),
        "InvalidHeadersLength" | "InvalidPayloadLength" => error.contains("lengths"),
        other => panic!("unknown error in the vectors: {other}"),
    }
}

/// Whole, or as head, filling and last four bytes where the message is 24 MiB long.
fn bytes_of(vector: &Json) -> Vec<u8> {
    if let Some(encoded) = vector["encoded_base64"].as_str() {
        return base64(encoded);
    }
    let mut bytes = base64(vector["encoded_head_base64"].as_str().unwrap());
    bytes.resize(usize::try_from(vector["encoded_length"].as_u64().unwrap()).unwrap() - 4, b'0');
    bytes.extend(base64(vector["construction"]["last4_base64"].as_str().unwrap()));
    bytes
}

/// `botocore` writes headers as an object with texts as they are, the SDK for Go as a list with texts in base64.
fn check(name: &str, decoded: &Json, headers: &[Header<'_>], payload: &[u8]) {
    let encoded = decoded["payload_base64"].as_str().or(decoded["payload"].as_str()).unwrap();
    assert_eq!(payload, base64(encoded), "{name}");
    let got: Vec<_> = headers.iter().map(|header| (header.name, plain(&header.value))).collect();
    let mut wanted: Vec<(&str, Json)> = Vec::new();
    for header in decoded["headers"].as_array().into_iter().flatten() {
        let value = &header["value"];
        let value = value.as_str().map_or(value.clone(), |encoded| base64(encoded).into());
        wanted.push((header["name"].as_str().unwrap(), value));
    }
    for (header, value) in decoded["headers"].as_object().into_iter().flatten() {
        let text = value.as_str().map(str::as_bytes).map(Vec::from);
        let bytes = text.or(value["base64"].as_str().map(base64));
        wanted.push((header, bytes.map_or(value.clone(), Json::from)));
    }
    assert_eq!(got.len(), wanted.len(), "{name}");
    assert!(wanted.iter().all(|header| got.contains(header)), "{name}: {got:?}");
}

/// Texts as their bytes.
fn plain(value: &Value<'_>) -> Json {
    match *value {
        Value::Bool(value) => value.into(),
        Value::Byte(value) => value.into(),
        Value::Int16(value) => value.into(),
        Value::Int32(value) => value.into(),
        Value::Int64(value) | Value::TimestampMs(value) => value.into(),
        Value::Bytes(value) => value.into(),
        Value::Text(value) => value.as_bytes().into(),
        Value::Uuid(value) => value[..].into(),
    }
}

fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0u32, 0);
    for digit in text.bytes().filter(|byte| *byte != b'=') {
        let value = DIGITS.iter().position(|known| *known == digit).expect("base64");
        bits = bits << 6 | u32::try_from(value).unwrap();
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).unwrap());
        }
    }
    bytes
}
