//! Each encoding: whole, cut at every byte, with a byte too many, damaged, and as a bomb.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use super::*;
use DecodeErrorKind::{Corrupt, TooLarge, Truncated, Unsupported};

fn zstd(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(zstd_safe::compress_bound(data.len()));
    zstd_safe::compress(&mut out, data, 3).unwrap();
    out
}

/// A frame that does not say how large it is.
fn zstd_unsized(data: &[u8]) -> Vec<u8> {
    let mut context = zstd_safe::CCtx::create();
    let mut out = Vec::with_capacity(zstd_safe::compress_bound(data.len()) + 64);
    let mut output = zstd_safe::OutBuffer::around(&mut out);
    context.compress_stream(&mut output, &mut zstd_safe::InBuffer::around(data)).unwrap();
    assert_eq!(context.end_stream(&mut output).unwrap(), 0);
    out
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn raw(data: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

type Encode = fn(&[u8]) -> Vec<u8>;
const CODECS: &[(&str, Encode)] =
    &[("zstd", zstd), ("zstd", zstd_unsized), ("gzip", gzip), ("deflate", zlib), ("deflate", raw)];

fn kind(data: &[u8], encoding: &str, limit: usize) -> Option<DecodeErrorKind> {
    decompress(data, encoding, limit).err().map(|e| e.kind)
}

#[test]
fn what_was_encoded_comes_back_up_to_the_limit() {
    let text: Vec<u8> = (0..200_000u32).flat_map(|i| (i / 7).to_le_bytes()).collect();
    for (encoding, encode) in CODECS {
        for size in [0, 1, 5, 4095, 4096, 4097, 70_000, text.len()] {
            let data = encode(&text[..size]);
            assert_eq!(decompress(&data, encoding, size).as_deref(), Ok(&text[..size]), "{encoding} {size}");
            assert_eq!(decompress(&data, encoding, usize::MAX).as_deref(), Ok(&text[..size]), "{encoding} {size}");
            if size > 0 {
                assert_eq!(kind(&data, encoding, size - 1), Some(TooLarge), "{encoding} {size}");
            }
        }
    }
}

#[test]
fn a_cut_body_is_truncated_and_a_longer_one_corrupt() {
    for (encoding, encode) in CODECS {
        let mut data = encode(b"hello hello hello, what a day this is");
        for cut in 0..data.len() {
            assert_eq!(kind(&data[..cut], encoding, 1000), Some(Truncated), "{encoding} {cut}");
        }
        data.push(b'x');
        let got = kind(&data, encoding, 1000);
        // One more byte could be the start of another frame.
        assert!(matches!(got, Some(Corrupt)) || (*encoding == "zstd" && got == Some(Truncated)), "{encoding} {got:?}");
        data.extend_from_slice(b"xxxxxxxxxxxxxxxxxxxx");
        assert_eq!(kind(&data, encoding, 1000), Some(Corrupt), "{encoding}");
    }
}

#[test]
fn frames_and_members_may_follow_each_other() {
    for (encoding, encode) in &CODECS[..3] {
        let data = [encode(b"one "), encode(b""), encode(b"two")].concat();
        assert_eq!(decompress(&data, encoding, 7).as_deref(), Ok(&b"one two"[..]), "{encoding}");
        assert_eq!(kind(&data, encoding, 6), Some(TooLarge), "{encoding}");
    }
}

#[test]
fn damage_is_found_and_never_panics() {
    let text = b"the quick brown fox jumps over the lazy dog, twice: the quick brown fox".repeat(5);
    for (encoding, encode) in CODECS {
        let data = encode(&text);
        for at in 0..data.len() {
            for flip in [1u8, 0x80, 0xff] {
                let mut damaged = data.clone();
                damaged[at] ^= flip;
                let _ = decompress(&damaged, encoding, 10_000);
            }
        }
    }
    assert_eq!(kind(b"not compressed at all", "gzip", 100), Some(Corrupt));
    assert_eq!(kind(b"not compressed at all", "zstd", 100), Some(Corrupt));
    assert_eq!(kind(b"{}", "br", 100), Some(Unsupported));
}

#[test]
fn a_bomb_is_stopped_at_the_limit() {
    let zeros = vec![0; 64 << 20];
    for (encoding, encode) in CODECS {
        let bomb = encode(&zeros);
        assert!(bomb.len() < 100_000);
        assert_eq!(kind(&bomb, encoding, 1 << 20), Some(TooLarge), "{encoding}");
    }
}
