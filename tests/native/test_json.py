"""`scan_object` and `find_path` against their Python twin."""

import json
import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import _native
from tests.native import oracle

_leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
_values = st.recursive(
    _leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
)
_objects = st.dictionaries(st.sampled_from(["model", "a", "\u00e9", "\U0001f600", '"', "\\", ""]) | st.text(), _values)
_KEYS = (b"model", b"a", "\u00e9".encode(), "\U0001f600".encode(), b'"', b"\\", b"")


def _agree(body: bytes, max_depth: int = 512) -> None:
    """The native scan and its twin give the same values, or refuse for the same reason."""
    try:
        want: dict[bytes, Any] | str = oracle.scan_object(body, _KEYS, max_depth)
    except oracle.Refused as refused:
        want = refused.kind
    got: dict[bytes, Any] | str
    offset = 0
    try:
        spans = _native.scan_object(body, _KEYS, max_depth)
    except _native.JsonError as error:
        got, offset = error.kind, error.offset
    else:
        pairs = zip(_KEYS, spans[::2], spans[1::2], strict=True)
        got = {key: oracle.parse(body[start:end]) for key, start, end in pairs if start >= 0}
    assert 0 <= offset <= len(body)
    if got == "too_deep" and want == "malformed":
        assert oracle.depth(body) > max_depth  # both are true; which comes first is the scan's to say
    else:
        assert got == want


@given(_objects, st.booleans(), st.sampled_from([None, 1]))
def test_values_of_wanted_keys_are_found(value: dict[str, Any], ascii_only: bool, indent: int | None) -> None:
    """Whatever Python writes, the scan finds the same values in it."""
    _agree(json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "surrogatepass"))


@settings(max_examples=500)
@given(_objects, st.data())
def test_damaged_bodies_are_refused_for_the_same_reason(value: dict[str, Any], data: st.DataObject) -> None:
    """Some bytes changed, gone or inserted: native and twin still agree."""
    body = bytearray(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body)))
        length = data.draw(st.integers(0, 2))
        noise = st.sampled_from([*b'{}[]",:\\/u0123.eE+- \n\t', 0, 0x1F, 0x7F, 0x80, 0xC3, 0xED, 0xFF])
        body[at : at + length] = bytes(data.draw(st.lists(noise, max_size=3)))
    _agree(bytes(body), data.draw(st.sampled_from([1, 2, 512])))


@given(st.text(alphabet='{}[]",:\\u0deE1+-. \n' + string.ascii_lowercase[:3], max_size=40))
def test_noise_is_judged_alike(text: str) -> None:
    """Strings of JSON's own characters, mostly nonsense."""
    _agree(text.encode())


@pytest.mark.parametrize(
    ("body", "kind", "offset"),
    [
        (b"", "empty", 0),
        (b" \r\n\t", "empty", 0),
        (b"[1]", "not_object", 0),
        (b' "x"', "not_object", 1),
        (b'{"a":1} x', "malformed", 8),
        (b'{"a":01}', "malformed", 6),
        (b'{"a":"\n"}', "malformed", 6),
        (b'{"a":"\\ud8"}', "malformed", 6),
        (b'{"a":', "malformed", 5),
        (b'{"a":"\xff"}', "not_utf8", 6),
        (b'{"model":1,"mod\\u0065l":2}', "duplicate_key", 11),
        (b'{"a":' + b"[" * 600, "too_deep", 5 + 511),
    ],
)
def test_each_refusal_says_what_and_where(body: bytes, kind: str, offset: int) -> None:
    with pytest.raises(_native.JsonError) as caught:
        _native.scan_object(body, (b"a",))
    assert (caught.value.kind, caught.value.offset) == (kind, offset)
    assert str(offset) in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_a_repeated_key_is_named() -> None:
    with pytest.raises(_native.JsonError, match="`model`"):
        _native.scan_object(b'{"model":1,"mod\\u0065l":2}', ())


def test_a_lone_surrogate_is_legal() -> None:
    assert _native.scan_object(b'{"a":"\\ud800"}', (b"a",)) == (5, 13)


@pytest.mark.parametrize("size", [1 << 20, (1 << 20) + 100, 3 << 20])
def test_large_bodies_scan_alike_with_the_gil_released(size: int) -> None:
    body = b'{"x":"' + b"y" * size + b'","model":"m"}'
    start, end = _native.scan_object(body, (b"model",))
    assert body[start:end] == b'"m"'


def test_arguments_of_other_types_are_refused() -> None:
    with pytest.raises(TypeError):
        _native.scan_object("{}", ())  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        _native.scan_object(b"{}", ("a",))  # type: ignore[arg-type]


@given(_objects)
def test_find_path_finds_what_python_finds(value: dict[str, Any]) -> None:
    body = json.dumps({"a": {"b": value}}).encode()
    for name, member in value.items():
        if "\ud800" <= max(name, default="") <= "\udfff":
            continue
        start, end = _native.find_path(body, (b"a", b"b", name.encode("utf-8", "surrogatepass")))
        assert json.loads(body[start:end]) == member
    assert _native.find_path(body, (b"a", b"no such")) == (-1, -1)


@given(st.binary(max_size=60) | st.text(alphabet='{}[]",:\\a ').map(str.encode))
def test_find_path_takes_anything(body: bytes) -> None:
    start, end = _native.find_path(body, (b"a",))
    assert (start, end) == (-1, -1) or 0 <= start < end <= len(body)
