"""`decompress`: right, bounded, and clear about what is wrong."""

import gzip
import zlib
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from gateway import _native


def _raw_deflate(data: bytes) -> bytes:
    encoder = zlib.compressobj(wbits=-15)
    return encoder.compress(data) + encoder.flush()


def _zstd_unsized(data: bytes) -> bytes:
    """A frame that does not say how large it is, as a streaming client sends it."""
    encoder = zstandard.ZstdCompressor(level=3).compressobj()
    return encoder.compress(data) + encoder.flush()


Encode = Callable[[bytes], bytes]
CODECS: list[tuple[str, Encode]] = [
    ("zstd", zstandard.ZstdCompressor(level=3).compress),
    ("zstd", _zstd_unsized),
    ("zstd", zstandard.ZstdCompressor(level=19, write_checksum=True).compress),
    ("gzip", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", _raw_deflate),
]
codecs = pytest.mark.parametrize(("encoding", "encode"), CODECS)


def _kind(data: bytes, encoding: str, limit: int) -> str:
    with pytest.raises(_native.DecodeError) as caught:
        _native.decompress(data, encoding, limit)
    assert caught.value.detail
    return caught.value.kind


@codecs
@given(data=st.binary(max_size=300).map(lambda b: b * 40))
def test_what_was_encoded_comes_back(encoding: str, encode: Encode, data: bytes) -> None:
    assert _native.decompress(encode(data), encoding, len(data)) == data


@codecs
def test_the_limit_is_exact(encoding: str, encode: Encode) -> None:
    encoded = encode(b"x" * 5000)
    assert len(_native.decompress(encoded, encoding, 5000)) == 5000
    assert _kind(encoded, encoding, 4999) == "too_large"
    assert _native.decompress(encode(b""), encoding, 0) == b""


@codecs
def test_every_cut_is_truncated(encoding: str, encode: Encode) -> None:
    encoded = encode(b"what a day this is, what a day")
    for cut in range(len(encoded)):
        assert _kind(encoded[:cut], encoding, 1000) == "truncated", cut


@codecs
def test_bytes_after_the_end_are_corrupt(encoding: str, encode: Encode) -> None:
    assert _kind(encode(b"abc") + b"garbage!", encoding, 1000) == "corrupt"


@pytest.mark.parametrize(("encoding", "encode"), CODECS[:4])
def test_frames_and_members_may_follow_each_other(encoding: str, encode: Encode) -> None:
    assert _native.decompress(encode(b"one ") + encode(b"") + encode(b"two"), encoding, 7) == b"one two"
    assert _kind(encode(b"one ") + encode(b"two"), encoding, 6) == "too_large"


@codecs
def test_a_bomb_is_stopped_at_the_limit(encoding: str, encode: Encode) -> None:
    assert _kind(encode(bytes(256 << 20)), encoding, 1 << 20) == "too_large"


def test_a_zstd_window_beyond_rfc_9659_is_refused() -> None:
    """A few bytes of header must not make us reserve 128 MiB."""
    parameters = zstandard.ZstdCompressionParameters(window_log=27, compression_level=3)
    encoder = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    assert _kind(encoder.compress(b"abc") + encoder.flush(), "zstd", 1 << 30) == "too_large"


@given(st.binary(max_size=100), st.sampled_from(["zstd", "gzip", "deflate"]), st.booleans())
def test_noise_never_does_harm(noise: bytes, encoding: str, magic: bool) -> None:
    start = {"zstd": b"\x28\xb5\x2f\xfd", "gzip": b"\x1f\x8b\x08\x00", "deflate": b"\x78\x9c"}[encoding]
    kind = "none"
    try:
        _native.decompress(start + noise if magic else noise, encoding, 10_000)
    except _native.DecodeError as error:
        kind = error.kind
    assert kind in {"none", "truncated", "corrupt", "too_large"}


def test_an_unknown_encoding_is_unsupported() -> None:
    assert _kind(b"", "br", 10) == "unsupported"
    assert _kind(b"", "GZIP", 10) == "unsupported"
