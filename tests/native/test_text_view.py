"""The text view: nothing that leaves is unseen, and what was found can be found again in the raw bytes."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import _native
from gateway.dataplane.guard.view import Kind

ROOT = Path(__file__).parents[2]
RECORDED = ROOT.parent / "shared" / "fixtures" / "wire" / "dev"
NAMES = ROOT / "native" / "core" / "src" / "json" / "text_view" / "names.rs"
DIALECTS = (
    "openai.responses", "openai.chat", "anthropic.messages", "gemini.generate", "bedrock.converse", "openai.completions",
    "openai.embeddings",
)  # fmt: skip
KNOWN = set(re.findall(r'b"([\w$.]+)"', NAMES.read_text()))
"""The declared exclusion of keys: the member names that the tables know."""

_STRING = re.compile(rb'"((?:[^"\\]|\\.)*)"(\s*:)?', re.DOTALL)
_WORD = re.compile(rb"(?:[a-z0-9_./-]*|[A-Z0-9_./-]*)")
_PAYLOAD = re.compile(rb"[A-Za-z0-9+/=_-]{64,}")
_DATA_URL = re.compile(rb"data:(?!text)[\w/+.;=-]*;base64,[A-Za-z0-9+/=_-]{64,}")


def meaning(raw: bytes) -> bytes:
    """What a JSON string's inside means, by Python's own decoder."""
    text: str = json.loads(b'"' + raw + b'"')
    return text.encode("utf-8", "surrogatepass")


def check_all_seen(body: bytes, dialect: str) -> None:
    """Each string token of the body is a piece or in a declared exclusion, and each piece is a string token."""
    view = _native.text_view(body, dialect)
    pieces = {(start, end): (Kind(kind), is_key) for kind, start, end, is_key in view.pieces()}
    assert len(pieces) == view.count
    for found in _STRING.finditer(body):
        raw, is_key = found[1], found[2] is not None
        piece = pieces.pop(found.span(1), None)
        if piece is None:
            assert is_key
            assert meaning(raw).decode() in KNOWN
            continue
        assert piece[1] is is_key
        match piece[0]:
            case Kind.WORD:
                assert _WORD.fullmatch(raw)
                assert len(raw) <= 48
                assert len(re.findall(rb"\d", raw)) <= 8
            case Kind.MEDIA:
                assert _PAYLOAD.fullmatch(raw) or _DATA_URL.fullmatch(raw)
            case Kind.SEALED:
                assert _PAYLOAD.fullmatch(raw)
            case _:
                pass
    assert not pieces


# === random bodies that use the dialects' names ===

_values = st.sampled_from(
    ["text", "user", "assistant", "tool_result", "base64", "image/png", "text/plain", "thinking", "QUJD" * 20, "a secret",
     "data:image/png;base64," + "QUJD" * 20, "ZZIA0123456789ABCDEF", "line\nline", "\U0001f600", "\ud800", '"\\', ""]
) | st.text(max_size=8)  # fmt: skip
_keys = st.sampled_from(sorted(KNOWN)) | st.sampled_from(["a secret key", "", "é", 'a"b']) | st.text(max_size=5)
_leaves = _values | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
_json = st.recursive(
    _leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_keys, inner, max_size=5),
    max_leaves=30,
)
_bodies = st.dictionaries(_keys, _json, max_size=6)


@settings(max_examples=400, deadline=None)
@given(_bodies, st.sampled_from(DIALECTS), st.booleans(), st.sampled_from([None, 1]))
def test_nothing_is_unseen(body: dict[str, Any], dialect: str, is_ascii: bool, indent: int | None) -> None:
    check_all_seen(spelled(body, is_ascii=is_ascii, indent=indent), dialect)


def spelled(body: Any, *, is_ascii: bool = True, indent: int | None = None) -> bytes:
    return json.dumps(body, ensure_ascii=is_ascii, indent=indent).encode("utf-8", "backslashreplace")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_nothing_of_recorded_requests_is_unseen(dialect: str) -> None:
    count = 0
    for body in recorded(dialect):
        check_all_seen(body, dialect)
        count += 1
    assert count > 10


def recorded(dialect: str) -> Iterator[bytes]:
    """The recorded bodies of a dialect."""
    if not RECORDED.is_dir():
        pytest.skip(f"NOT RUN: the shared fixtures are absent, no {RECORDED}")
    for path in sorted(RECORDED.glob("*/*.json")):
        case = json.loads(path.read_bytes())
        if case.get("dialect") == dialect and isinstance(case["request"].get("body"), dict):
            yield spelled(case["request"]["body"], is_ascii=path.stem < "8")


# === escapes ===

_ESCAPES = ["\\n", "\\u0041", "\\/", '\\"', "\\\\", "\\u00e9", "\\ud83d\\ude00", "\\ud800", "\\b", "\\f", "\\r", "\\t"]


@pytest.mark.parametrize("escape", _ESCAPES)
def test_a_secret_with_an_escape_at_any_byte_is_found_and_mapped_back(escape: str) -> None:
    secret = "sk-0123456789"
    for at in range(len(secret) + 1):
        split = secret[:at] + escape + secret[at:]
        body = b'{"messages":[{"content":"see %s \\n","role":"user"}]}' % split.encode()
        view = _native.text_view(body, "openai.chat")
        joined = view.joined(1 << Kind.USER)
        wanted = meaning(split.encode())
        start = joined.text.index(wanted)
        piece, low, high = joined.locate(start, start + len(wanted))
        assert view.piece(piece)[0] == Kind.USER
        assert body[low:high] == split.encode()


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([*_ESCAPES, "a", "é", "0"]), max_size=8))
def test_raw_spans_hold_what_was_asked_for_and_no_more_than_whole_escapes(tokens: list[str]) -> None:
    raw = "".join(tokens).encode()
    body = b'{"prompt":"%s"}' % raw
    view = _native.text_view(body, "openai.completions")
    text = view.text(0)
    assert text == meaning(raw)
    assert view.piece(0)[4] is (b"\\" in raw)
    for start in range(len(text) + 1):
        for end in range(start + 1, len(text) + 1):
            low, high = view.raw_span(0, start, end)
            before, inside = lenient(body[11:low]), lenient(body[low:high])
            assert text.startswith(before + inside)
            assert start - 4 < len(before) <= start
            assert end <= len(before + inside) < end + 4


def lenient(raw: bytes) -> bytes:
    """As `meaning`; a raw span may cut a character of the body that is more than one byte, but never an escape."""
    parts = re.split(rb"((?:\\ud83d\\ude00)|\\u[0-9a-f]{4}|\\.)", raw)
    return b"".join(meaning(part) if part.startswith(b"\\") else part for part in parts)


def test_broken_spans_are_refused() -> None:
    view = _native.text_view(b'{"prompt":["ab","c"]}', "openai.completions")
    joined = view.joined()
    assert joined.text == b"ab\0c\0"
    assert joined.locate(0, 2) == (0, 12, 14)
    assert joined.locate(3, 4) == (1, 17, 18)
    for start, end in ((0, 3), (2, 1), (0, 5), (4, 9)):
        with pytest.raises(IndexError):
            joined.locate(start, end)
    for call in (view.piece, view.text, view.path):
        with pytest.raises(IndexError):
            call(2)
    assert view.joined(0).text == b""
    with pytest.raises(IndexError):
        view.joined(0).locate(0, 0)


# === paths ===


def test_a_path_is_that_of_the_value_and_shows_no_key_that_could_be_a_secret() -> None:
    body = {
        "model": "m",
        "input": [{"type": "function_call", "arguments": {"AKIA0123": {"safe": ["", "x"]}}}],
        "metadata": {"AKIA0123": "y"},
    }
    view = _native.text_view(spelled(body, indent=1), "openai.responses")
    paths = {view.text(at): view.path(at) for at in range(view.count)}
    assert paths[b"x"] == "input[0].arguments.*.safe[1]"
    assert paths[b"y"] == "metadata.*"
    assert paths[b"AKIA0123"] == "metadata.*"
    assert paths[b"safe"] == "input[0].arguments.*.*"
    assert paths[b"m"] == "model"


@settings(max_examples=200, deadline=None)
@given(_bodies, st.sampled_from([None, 1]))
def test_each_path_leads_to_its_text(body: dict[str, Any], indent: int | None) -> None:
    view = _native.text_view(spelled(body, indent=indent), "openai.chat")
    for at in range(view.count):
        piece = view.piece(at)
        path = view.path(at)
        if piece[3] or "*" in path:
            continue
        found: Any = body
        for index, key in re.findall(r"\[(\d+)\]|([^.\[]+)", path):
            found = found[int(index)] if index else found[key]
        assert found.encode("utf-8", "surrogatepass") == view.text(at)


# === what is no body, and what is much ===


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"a', b'{"a":', b'{"a":"', b'{"a":"\\"', b'{"a":1', b'{"a":1,}', b"[1,]", b"[", b"}", b'"', b"{1:2}", b'{"a":1}x'],
)  # fmt: skip
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(_native.JsonError) as caught:
        _native.text_view(body, "openai.chat")
    assert caught.value.kind == "malformed"


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60) | st.text(alphabet='{}[]",:\\tu01 ', max_size=60).map(str.encode))
def test_noise_never_panics(noise: bytes) -> None:
    for start in (b"", b'{"messages":[{"role":"user","content":', b'{"messages":[{"content":"'):
        try:
            view = _native.text_view(start + noise, "openai.chat")
        except _native.JsonError:
            continue
        view.joined()


def test_nesting_is_bounded_as_in_the_peek() -> None:
    def nested(levels: int) -> bytes:
        return b'{"messages":' + b"[" * (levels - 1) + b'"x"' + b"]" * (levels - 1) + b"}"

    assert _native.text_view(nested(512), "openai.chat").count == 1
    with pytest.raises(_native.JsonError) as caught:
        _native.text_view(nested(513), "openai.chat")
    assert caught.value.kind == "too_deep"
    assert _native.text_view(nested(5000), "openai.chat", None, 5000).count == 1


def test_nesting_that_hides_its_kind_to_the_end_costs_linear_time() -> None:
    block = b'{"type":"image","format":"png","content":'
    body = b'{"messages":[' + block * 500 + b"[" + b'"x",' * 200_000 + b'"x"]' + b"}" * 500 + b"]}"
    view = _native.text_view(body, "anthropic.messages")
    assert view.count == 200_001 + 1000
    assert view.piece(view.count - 1)[0] == Kind.OTHER


def test_a_huge_text_is_one_piece() -> None:
    text = "é\n" * 3_000_000
    view = _native.text_view(spelled({"instructions": text}), "openai.responses")
    assert view.text(0) == text.encode()


def test_a_key_that_stands_twice_hides_nothing() -> None:
    body = b'{"messages":[{"role":"user","role":"system","content":"a","content":"b"}]}'
    view = _native.text_view(body, "openai.chat")
    assert [view.text(at) for at in range(view.count)] == [b"user", b"system", b"a", b"b"]


def test_a_dialect_must_be_one() -> None:
    with pytest.raises(ValueError, match="no dialect is called"):
        _native.text_view(b"{}", "openai")


# === what a session's turns have in common ===


def grown(count: int, **more: Any) -> dict[str, Any]:
    items = [{"type": "message", "role": "user", "content": f"text {at}"} for at in range(count)]
    return {"model": "m", "instructions": "be", "input": items, "tools": [{"name": "t"}], **more}


def test_the_next_turn_is_looked_at_where_it_is_new() -> None:
    first = spelled(grown(3, user="u"))
    view = _native.text_view(first, "openai.responses")
    assert (view.kept_prefix, view.kept_suffix) == (0, 0)
    second = spelled(grown(5, user="u"))
    again = _native.text_view(second, "openai.responses", view.memo(7))
    assert [again.text(at) for at in range(again.count)][2::3] == [b"text 3", b"text 4"]
    assert first[: again.kept_prefix] == second[: again.kept_prefix]
    assert first[: again.kept_prefix].endswith(b'"text 2"}')
    assert second[-again.kept_suffix :] == first[-again.kept_suffix :] == b', "tools": [{"name": "t"}], "user": "u"}'
    assert again.path(2) == "input[3].content"
    third = _native.text_view(spelled(grown(6, user="other")), "openai.responses", again.memo(7))
    assert [third.text(at) for at in range(third.count)][2:] == [b"text 5", b"t", b"other"]


def test_the_same_body_has_nothing_new() -> None:
    body = spelled(grown(3))
    memo = _native.text_view(body, "openai.responses").memo(7)
    for _ in range(3):
        view = _native.text_view(body, "openai.responses", memo)
        assert view.count == 0
        assert view.kept_prefix + view.kept_suffix == len(body)
        memo = view.memo(7)


def test_a_memo_of_another_dialect_counts_for_nothing() -> None:
    body = spelled(grown(3))
    memo = _native.text_view(body, "openai.responses").memo(7)
    assert _native.text_view(body, "openai.chat", memo).kept_prefix == 0


def test_a_number_that_goes_on_is_no_kept_value() -> None:
    memo = _native.text_view(b'{"a":12,"b":"x"}', "openai.chat").memo(7)
    view = _native.text_view(b'{"a":123,"b":"y"}', "openai.chat", memo)
    assert [view.text(at) for at in range(view.count)] == [b"a", b"b", b"y"]


def test_an_end_inside_a_string_is_no_kept_end() -> None:
    end = ',"b":"x"}'
    memo = _native.text_view(b'{"n":1,"a":"y"' + end.encode(), "openai.chat").memo(7)
    body = spelled({"n": 1, "a": "z" + end})
    view = _native.text_view(body, "openai.chat", memo)
    assert view.text(view.count - 1) == b"z" + end.encode()


_items = st.sampled_from(
    [{"role": "user", "content": "x"}, {"role": "assistant", "content": [{"text": "y"}]}, "z", 1, 12, []]
)
_tops = st.lists(
    st.tuples(st.sampled_from(["model", "instructions", "tools", "user", "n"]), _leaves),
    max_size=3,
    unique_by=lambda member: member[0],
)
_requests = st.builds(
    lambda head, items, tail: {**dict(head), "input": items, **dict(tail)}, _tops, st.lists(_items, max_size=4), _tops
)


@settings(max_examples=400, deadline=None)
@given(st.lists(_requests, min_size=2, max_size=4), st.sampled_from([None, 1]))
def test_what_is_not_kept_is_seen_as_without_a_memo(bodies: list[dict[str, Any]], indent: int | None) -> None:
    memo = None
    earlier = b""
    for body in bodies:
        raw = spelled(body, indent=indent)
        whole = _native.text_view(raw, "openai.responses")
        view = _native.text_view(raw, "openai.responses", memo)
        low, high = view.kept_prefix, len(raw) - view.kept_suffix
        assert view.pieces() == [piece for piece in whole.pieces() if low <= piece[1] and piece[2] <= high]
        assert raw[:low] == earlier[:low]
        assert raw[high:] == earlier[len(earlier) - view.kept_suffix :]
        memo, earlier = view.memo(7), raw
