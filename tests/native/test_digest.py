"""`digest` against the test vectors of xxHash (its `cli/xsum_sanity_check.c`)."""

import pytest

from gateway import _native

_PRIME32 = 0x9E3779B1
_PRIME64 = 0x9E3779B185EBCA8D


def _filled(length: int) -> bytes:
    """The buffer that the vectors are of."""
    state, filled = _PRIME32, bytearray()
    for _ in range(length):
        filled.append(state >> 56)
        state = state * _PRIME64 % 2**64
    return bytes(filled)


@pytest.mark.parametrize(
    ("length", "seed", "want"),
    [
        (0, 0, "99aa06d3014798d86001c324468d497f"),
        (0, _PRIME32, "92220ae55e14ab505444f7869c671ab0"),
        (1, _PRIME32, "89b99554ba22467cb53d5557e7f76f8d"),
        (6, _PRIME32, "5a865b5389abd2b1269d8f70be98856e"),
        (12, _PRIME32, "d7e09d518a3405d39be9f9a67f3c7dfb"),
        (24, _PRIME32, "3162026714a6a243d7304c54ebad40a9"),
        (81, _PRIME32, "2724ec7adc750fb6703fbb3d7a5f755c"),
        (222, _PRIME32, "91820016621e97f1ae995bb8af917a8d"),
        (403, 0, "1b6de21e332dd73dcdeb804d65c6dea4"),
        (403, _PRIME64, "bed311971e0be8f26259f6ecfd6443fd"),
        (2048, _PRIME32, "7fb03f7e7186c3ea230d43f30206260b"),
        (2367, _PRIME32, "d23aae4b76c31ecb6f5360ae69c2f406"),
    ],
)
def test_it_is_xxh3_128_with_a_seed(length: int, seed: int, want: str) -> None:
    assert _native.digest(_filled(length), seed).hex() == want


def test_large_data_is_digested_alike_with_the_gil_released() -> None:
    data = bytes(3 << 20)
    assert _native.digest(data, 1) == _native.digest(bytes(3 << 20), 1) != _native.digest(data + b"\0", 1)


def test_a_seed_has_64_bits() -> None:
    assert _native.digest(b"", 2**64 - 1) != _native.digest(b"", 0)
    for seed in (-1, 2**64):
        with pytest.raises(OverflowError):
            _native.digest(b"", seed)


def test_only_bytes_are_taken() -> None:
    with pytest.raises(TypeError):
        _native.digest("text", 0)  # type: ignore[arg-type]
