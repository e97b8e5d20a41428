//! Reading and writing one message, against bytes that others made.

use super::*;

/// From the documentation of the format, `botocore` and `aws-sdk-go-v2`: no headers and no payload.
const EMPTY: &[u8] = b"\x00\x00\x00\x10\x00\x00\x00\x00\x05\xc2\x48\xeb\x7d\x98\xc8\xff";

fn header<'a>(name: &'a str, value: Value<'a>) -> Header<'a> {
    Header { name, value }
}

#[test]
fn the_empty_message_is_read_and_written() {
    let (message, after) = Message::parse(EMPTY).unwrap();
    assert_eq!((message.headers().count(), message.payload, after), (0, &b""[..], &b""[..]));
    assert_eq!(encode([], b"").unwrap(), EMPTY);
}

#[test]
fn every_type_of_header_comes_back() {
    let headers = [
        header("a", Value::Bool(true)),
        header("b", Value::Bool(false)),
        header("c", Value::Byte(-49)),
        header("d", Value::Int16(-2)),
        header("e", Value::Int32(40972)),
        header("f", Value::Int64(i64::MIN)),
        header("g", Value::Bytes(b"\x00\xff")),
        header(":event-type", Value::Text("größe")),
        header("h", Value::TimestampMs(8_675_309)),
        header("i", Value::Uuid(*b"0123456789abcdef")),
    ];
    let bytes = [encode(headers, b"{}").unwrap(), b"more".to_vec()].concat();
    let (message, after) = Message::parse(&bytes).unwrap();
    assert_eq!(message.headers().collect::<Vec<_>>(), headers);
    assert_eq!((message.payload, after), (&b"{}"[..], &b"more"[..]));
    assert_eq!((message.text(":event-type"), message.text("a"), message.text("z")), ("größe", "", ""));
}

#[test]
fn what_is_wrong_is_named() {
    let good = encode([header("n", Value::Text("v"))], b"payload").unwrap();
    let cases = [
        (0, BrokenMessage::PreludeChecksum),
        (11, BrokenMessage::PreludeChecksum),
        (12, BrokenMessage::Checksum),
        (good.len() - 1, BrokenMessage::Checksum),
    ];
    for (at, error) in cases {
        let mut bad = good.clone();
        bad[at] ^= 1;
        assert_eq!(Message::parse(&bad).unwrap_err(), error, "{at}");
    }
    for end in 0..good.len() {
        assert_eq!(Message::parse(&good[..end]).unwrap_err(), BrokenMessage::Truncated, "{end}");
    }
}

#[test]
fn lengths_and_headers_that_cannot_be_are_refused() {
    /// A message of these headers and lengths, with right checksums.
    fn raw(headers: &[u8], total: u32, headers_length: u32) -> Vec<u8> {
        let mut bytes = [total.to_be_bytes(), headers_length.to_be_bytes()].concat();
        bytes.extend(crc32(&bytes).to_be_bytes());
        bytes.extend(headers);
        bytes.extend(crc32(&bytes).to_be_bytes());
        bytes
    }
    for (total, headers) in [(0, 0), (15, 0), (16, 1), (u32::MAX, 0), (u32::MAX, u32::MAX), (1 << 20, (128 << 10) + 1)]
    {
        assert_eq!(Message::parse(&raw(b"", total, headers)).unwrap_err(), BrokenMessage::Length, "{total} {headers}");
    }
    let cases: [&[u8]; 6] =
        [b"\x00\x00", b"\x05name\x00", b"\x01n\x0a", b"\x01n\x07\x00\x02v", b"\x01n\x07\x00\x01\xff", b"\x01n\x04\x00"];
    for headers in cases {
        let length = u32::try_from(headers.len()).unwrap();
        let error = Message::parse(&raw(headers, length + 16, length)).unwrap_err();
        assert_eq!(error, BrokenMessage::Header, "{}", headers.escape_ascii());
    }
    let twice = [header("n", Value::Bool(true)), header("n", Value::Bool(true))];
    assert_eq!(encode(twice, b"").unwrap_err(), BrokenMessage::DuplicateHeader);
    let long = "x".repeat(70_000);
    assert_eq!(encode([header("n", Value::Text(&long))], b"").unwrap_err(), BrokenMessage::Header);
    assert_eq!(encode([header(&long[..256], Value::Bool(true))], b"").unwrap_err(), BrokenMessage::Header);
    assert_eq!(encode([], &vec![0; (24 << 20) + 1]).unwrap_err(), BrokenMessage::Length);
}
