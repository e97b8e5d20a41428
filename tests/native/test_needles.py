import pytest

from gateway import _native


def test_any_of_them_is_found_wherever_it_stands() -> None:
    needles = _native.Needles([b'"file_id"', b"base64", b'"n"'])
    for inside in (b'"n"', b'x"file_id"', b"base64x", b"a" * 100_000 + b"base64"):
        assert needles.any_in(inside)
    for outside in (b"", b'"name"', b"base 64", b'\\"n\\"', b"a" * 100_000):
        assert not needles.any_in(outside)


def test_an_empty_set_finds_nothing() -> None:
    assert not _native.Needles([]).any_in(b"anything")


@pytest.mark.parametrize("wrong", [["text"], b"bytes", [1]])
def test_only_bytes_are_taken(wrong: object) -> None:
    with pytest.raises(TypeError):
        _native.Needles(wrong)  # type: ignore[arg-type]
