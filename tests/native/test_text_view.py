"""The text view: nothing that leaves is unseen, and what was found can be found again in the raw bytes."""

import json
import re
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
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

_ESCAPE = re.compile(rb'\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\["\\/bfnrt]')
_STRING = re.compile(rb'"((?:[^"\\]|\\.)*)"(\s*:)?', re.DOTALL)
_WORD = re.compile(rb"(?:[a-z0-9_./-]*|[A-Z0-9_./-]*)")
_PAYLOAD = re.compile(rb"[A-Za-z0-9+/=_-]{64,}")
_DATA_URL = re.compile(rb"data:(?!text)[\w/+.;=-]*;base64,[A-Za-z0-9+/=_-]{64,}")


def meaning(raw: bytes) -> bytes:
    """What a JSON string's inside means, by Python's own decoder."""
    text: str = json.loads(b'"' + raw + b'"')
    return text.encode("utf-8", "surrogatepass")


def text_of(raw: bytes, *, is_arguments: bool) -> bytes:
    """What a piece says: JSON inside a string is unescaped again."""
    text = meaning(raw)
    return _ESCAPE.sub(lambda found: meaning(found[0]), text) if is_arguments or is_json(text) else text


def is_json(text: bytes) -> bool:
    try:
        value = json.loads(text.decode("utf-8", "surrogatepass"), parse_constant=lambda _: 1 / 0)
    except (ValueError, ZeroDivisionError):
        return False
    return isinstance(value, dict | list)


def check_all_seen(body: bytes, dialect: str) -> None:
    """Each string token of the body is a piece or in a declared exclusion, and each piece is a string token."""
    view = _native.text_view(body, dialect)
    pieces = {(start, end): (Kind(kind), is_key) for kind, start, end, is_key in view.pieces()}
    for at, (_, start, end, _) in enumerate(view.pieces()):
        raw, text = body[start:end], view.text(at)
        assert text == text_of(raw, is_arguments=False) or text == text_of(raw, is_arguments=True)
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
     "data:image/png;base64," + "QUJD" * 20, "ZZIA0123456789ABCDEF", "line\nline", '{"a": "b\\nc"}', "[\"\\\\u0041\"]", "{no\\njson}", "\U0001f600", "\ud800", '"\\', ""]
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


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        (
            "openai.chat",
            {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": 0}}]}]},
        ),
        ("openai.chat", {"messages": [{"role": "tool", "content": 0}]}),
        ("openai.responses", {"input": [{"type": "function_call", "name": "f", "arguments": 0}]}),
        ("openai.responses", {"input": [{"type": "function_call_output", "output": 0}]}),
        ("anthropic.messages", {"messages": [{"role": "user", "content": [{"type": "tool_result", "content": 0}]}]}),
    ],
)
@pytest.mark.parametrize("escape", _ESCAPES)
def test_a_secret_with_an_escape_in_json_inside_a_string_is_found_and_mapped_back(
    dialect: str, body: dict[str, Any], escape: str
) -> None:
    secret = "sk-0123456789"
    for at in range(len(secret) + 1):
        split = secret[:at] + escape + secret[at:]
        inner = f'{{"cmd": ["export A=b\\n{split}\\n", "\\u00e9"]}}'
        for outer in (json.dumps(inner), '"' + "".join(f"\\u{ord(each):04x}" for each in inner) + '"'):
            raw = spelled(body).replace(b": 0", b": " + outer.encode())
            view = _native.text_view(raw, dialect)
            joined = view.joined()
            wanted = b"A=b\n" + meaning(split.encode()) + b"\n"
            start = joined.text.index(wanted)
            _, low, high = joined.locate(start + 4, start + len(wanted) - 1)
            assert json.loads(b'"' + raw[low:high] + b'"') == split
            # with a placeholder in its place both layers are good JSON
            again = raw[:low] + b"<SECRET_x_01234567>" + raw[high:]
            spans = [view.raw_span(index, 0, 10**9) for index in range(view.count) if wanted in view.text(index)]
            changed = json.loads(b'"' + again[spans[0][0] : spans[0][1] + len(again) - len(raw)] + b'"')
            assert json.loads(changed)["cmd"][0] == "export A=b\n<SECRET_x_01234567>\n"


def test_arguments_that_are_no_json_are_unescaped_again_and_other_texts_are_not() -> None:
    body = {
        "input": [
            {"type": "function_call", "arguments": '{"a": "\\u0041KIA'},
            {"role": "user", "content": "{ \\u0041KIA }"},
        ]
    }
    view = _native.text_view(spelled(body), "openai.responses")
    texts = {view.text(at) for at in range(view.count)}
    assert texts >= {b'{"a": "AKIA', b"{ \\u0041KIA }"}


def test_many_findings_in_a_long_text_cost_linear_time() -> None:
    text = "a\\n" * 1_000_000
    for inner in (text, json.dumps([text])):
        joined = _native.text_view(spelled({"prompt": inner}), "openai.completions").joined()
        began = time.thread_time()
        for start in range(0, len(joined.text) - 10, 100):
            joined.locate(start, start + 9)
        assert time.thread_time() - began < 2  # of a second; it would be minutes


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
    raw = spelled(body, indent=indent)
    view = _native.text_view(raw, "openai.chat")
    for at in range(view.count):
        piece = view.piece(at)
        path = view.path(at)
        if piece[3] or "*" in path:
            continue
        found: Any = body
        for index, key in re.findall(r"\[(\d+)\]|([^.\[]+)", path):
            found = found[int(index)] if index else found[key]
        assert found.encode("utf-8", "surrogatepass") == meaning(raw[piece[1] : piece[2]])


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


# === what is known ===


def grown(count: int, **more: Any) -> dict[str, Any]:
    items = [{"type": "message", "role": "user", "content": f"text {at}"} for at in range(count)]
    return {"model": "m", "instructions": "be", "input": items, "tools": [{"name": "t"}], **more}


def new_texts(body: Any, memo: _native.TextMemo, dialect: str = "openai.responses") -> list[bytes]:
    """The texts that the memo does not know, from now on known."""
    view = _native.text_view(spelled(body), dialect, memo)
    view.remember()
    return [view.text(at) for at in range(view.count) if view.piece(at)[0] != Kind.WORD]


def test_the_next_turn_is_looked_at_where_it_is_new() -> None:
    memo = _native.TextMemo(7, 1000)
    assert new_texts(grown(3, user="u"), memo) == [b"m", b"be", b"text 0", b"text 1", b"text 2", b"t", b"u"]
    assert new_texts(grown(5, user="u"), memo) == [b"text 3", b"text 4"]
    assert new_texts(grown(6, user="other"), memo) == [b"text 5", b"other"]
    assert new_texts(grown(6, user="other"), memo) == []


def test_another_session_a_compaction_and_another_order_cost_what_is_new() -> None:
    memo = _native.TextMemo(7, 1000)
    new_texts(grown(5), memo)
    body = grown(5)
    body["input"] = [{"type": "message", "role": "user", "content": "summary"}, *body["input"][3:]]
    body["tools"].insert(0, {"name": "new"})
    assert new_texts(dict(reversed(body.items())), memo) == [b"new", b"summary"]


def test_items_have_notes_that_come_back_where_they_stand() -> None:
    memo = _native.TextMemo(7, 1000)
    view = _native.text_view(spelled(grown(3)), "openai.responses", memo)
    at = spelled(grown(3)).index(b"text 1")
    index, start = view.item_of(at)
    assert spelled(grown(3))[start:].startswith(b'{"type": "message", "role": "user", "content": "text 1"}')
    note = (at - start, "found")
    view.remember({index: note, 0: None})
    for body in (grown(3), grown(4, instructions="longer than before")):
        raw = spelled(body)
        view = _native.text_view(raw, "openai.responses", memo)
        [(start, found)] = view.known
        assert found is note
        assert raw[start + note[0] :].startswith(b"text 1")
        view.remember()
    # a note stays when the item is remembered again without one
    unaware = _native.text_view(raw, "openai.responses", other := _native.TextMemo(7, 1000))
    assert (unaware.known, other.count) == ([], 0)


def test_what_was_viewed_and_not_remembered_is_new() -> None:
    memo = _native.TextMemo(7, 1000)
    for _ in range(2):
        assert _native.text_view(spelled(grown(3)), "openai.responses", memo).count > 7
    assert memo.count == 0
    view = _native.text_view(spelled(grown(3)), "openai.responses")
    view.remember()
    assert (view.known, view.known_bytes) == ([], 0)


def test_the_same_bytes_in_another_place_are_another_item() -> None:
    memo = _native.TextMemo(7, 1000)
    item = {"role": "user", "content": "x"}
    assert new_texts({"messages": [item]}, memo, "openai.chat") == [b"x"]
    assert new_texts({"messages": [item]}, memo, "anthropic.messages") == [b"x"]
    assert new_texts({"contents": [item]}, memo, "openai.chat") == [b"x"]
    assert new_texts({"messages": item}, memo, "openai.chat") == [b"x"]
    assert b"x" in new_texts({"tools": [item]}, memo, "openai.chat")
    assert new_texts({"messages": [item]}, memo, "openai.chat") == []


def test_another_seed_makes_other_digests() -> None:
    """So that what one worker knows says nothing of another's; equal views all the same."""
    for seed in (0, 1, 2**64 - 1):
        memo = _native.TextMemo(seed, 1000)
        assert new_texts(grown(3), memo)
        assert new_texts(grown(3), memo) == []
    with pytest.raises(OverflowError):
        _native.TextMemo(2**64, 1)


def test_a_number_that_goes_on_is_no_known_value() -> None:
    memo = _native.TextMemo(7, 1000)
    assert new_texts({"a": 12, "b": "x"}, memo) == [b"a", b"b", b"x"]
    assert new_texts({"a": 123, "b": "y"}, memo) == [b"a", b"b", b"y"]
    assert new_texts({"a": 12, "b": "y"}, memo) == []


def test_a_key_that_is_unknown_is_in_its_item() -> None:
    memo = _native.TextMemo(7, 1000)
    assert new_texts({"ZZIA0123456789ABCDEF": ["x"]}, memo) == [b"ZZIA0123456789ABCDEF", b"x"]
    assert new_texts({"ZZIA0123456789ABCDEG": ["x"]}, memo) == [b"ZZIA0123456789ABCDEG", b"x"]
    assert new_texts({"ZZIA0123456789ABCDEF": ["x"]}, memo) == []


def test_the_oldest_items_are_forgotten_and_those_in_use_stay() -> None:
    memo = _native.TextMemo(7, 100)
    kept = {"instructions": "in use"}
    assert new_texts(kept, memo) == [b"in use"]
    for at in range(500):
        assert new_texts({"prompt": f"text {at}"}, memo) == [b"text %d" % at]
        assert new_texts(kept, memo) == []
        assert memo.count <= 100
    assert new_texts({"prompt": "text 499"}, memo) == []
    assert new_texts({"prompt": "text 0"}, memo) == [b"text 0"]


def test_notes_are_freed_with_their_items() -> None:
    class Note:
        pass

    memo = _native.TextMemo(7, 10)
    notes = []
    for at in range(100):
        view = _native.text_view(spelled({"prompt": f"text {at}"}), "openai.completions", memo)
        view.remember({0: (note := Note())})
        notes.append(weakref.ref(note))
        del note, view
    assert 0 < sum(note() is not None for note in notes) <= 10
    del memo
    assert not any(note() for note in notes)


def test_what_was_sent_before_makes_no_body_slow() -> None:
    """How long the item behind another was the last time is a guess, and those that fail are counted."""
    memo = _native.TextMemo(7, 1_000_000)
    new_texts({"input": ["a", "x" * 4_000_000]}, memo)
    raw = spelled({"input": ["a"] * 19_000 + ["y" * 4_100_000]})
    began = time.thread_time()
    assert _native.text_view(raw, "openai.responses", memo).count == 1
    assert time.thread_time() - began < 0.5  # of a second; it would be many


@pytest.mark.parametrize("body", [{"input": ["a"] * 50_000}, {f"a{at}": "b" for at in range(50_000)}])
def test_of_very_many_items_the_last_are_one(body: Any) -> None:
    """So that they do not take ten times the memory of the body."""
    raw = spelled({**body, "user": "last"}, indent=1)
    memo = _native.TextMemo(7, 1_000_000)
    view = _native.text_view(raw, "openai.responses", memo)
    assert view.count == _native.text_view(raw, "openai.responses").count
    items = {view.item_of(start)[0] for _, start, _, _ in view.pieces()}
    assert len(items) == max(items) + 1
    assert 20_000 < len(items) < 20_003
    view.remember({max(items): "noted"})
    for _ in range(2):
        view = _native.text_view(raw, "openai.responses", memo)
        assert (view.count, len(view.known)) == (0, 1)
        view.remember()
    changed = raw.replace(b'"last"', b'"other"')
    view = _native.text_view(changed, "openai.responses", memo)
    assert view.text(view.count - 1) == b"other"


def test_a_note_of_no_item_is_refused() -> None:
    view = _native.text_view(b'{"prompt":"x"}', "openai.completions", _native.TextMemo(7, 10))
    with pytest.raises(IndexError):
        view.remember({1: "note"})
    for offset in (0, 13, 99):
        with pytest.raises(IndexError):
            view.item_of(offset)


def test_many_threads_share_a_memo() -> None:
    memo = _native.TextMemo(7, 64)
    big = {"prompt": "x" * 1_100_000}

    def work(thread: int) -> int:
        seen = 0
        for at in range(200):
            raw = spelled({**grown(at % 20 + 1), "user": f"{thread}"} if at % 40 else {**big, "user": f"{thread}"})
            view = _native.text_view(raw, "openai.responses", memo)
            assert view.known_bytes + sum(end - start for _, start, end, _ in view.pieces()) <= len(raw)
            assert all(note is True for _, note in view.known)
            view.remember(dict.fromkeys(range(view.item_of(view.piece(0)[1])[0] + 1 if view.count else 0), True))
            seen += view.count
        return seen

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(4)))


# === where the model's last words end ===

USER, MODEL = {"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}


@pytest.mark.parametrize(
    ("dialect", "items", "new"),
    [
        ("openai.chat", [USER], 1),
        ("openai.chat", [USER, MODEL, USER], 1),
        ("openai.chat", [USER, MODEL, USER, USER], 2),
        # a prefilled answer hides nothing
        ("anthropic.messages", [USER, MODEL, USER, MODEL], 2),
        ("anthropic.messages", [USER, MODEL], 2),
        # calls and thoughts are the model's too
        ("openai.responses", [USER, {"type": "function_call", "name": "f"}, {"type": "function_call_output", "output": "r"}], 1),
        ("openai.responses", [USER, {"type": "reasoning", "summary": []}, {"role": "user", "content": "v"}], 1),
        ("openai.chat", [USER, {"tool_calls": [], "role": "assistant"}, {"role": "tool", "content": "r"}], 1),
        # what is only called so inside of an element is the user's
        ("anthropic.messages", [{"role": "user", "content": [{"type": "tool_use", "role": "assistant"}]}, USER], 2),
        ("openai.chat", [USER, [MODEL], USER], 3),
        ("openai.chat", [], None),
    ],
)  # fmt: skip
def test_the_tail_is_behind_the_models_last_element(dialect: str, items: list[Any], new: int | None) -> None:
    member = "input" if dialect == "openai.responses" else "messages"
    memo = _native.TextMemo(7, 1000)
    for body in (
        {member: items},
        {member: items},
        {"tools": [MODEL], member: items, "metadata": {"role": "assistant"}},
    ):
        raw = spelled(body)
        ends = [raw.index(b"[", raw.index(member.encode())) + 1]
        for item in items:
            ends.append(raw.index(spelled(item), ends[-1]) + len(spelled(item)))
        view = _native.text_view(raw, dialect, memo)
        wanted = 0 if new is None or new == len(items) else ends[len(items) - new]
        assert view.tail == wanted
        view.remember()


# === nothing new is left out, nothing known is looked at ===

_items = st.sampled_from(
    [{"role": "user", "content": "x"}, {"role": "assistant", "content": [{"text": "y"}]}, "z", 1, 12, [], ["z"], True]
) | st.dictionaries(_keys, _leaves, max_size=2)  # fmt: skip
_lists = st.lists(_items, max_size=4)
_names = st.sampled_from(["model", "instructions", "user", "n", "stop", "messages", "input", "tools", "request", "ZZ"])
_requests = st.dictionaries(_names, _lists | _leaves | st.dictionaries(_names, _lists, max_size=2), max_size=5)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(_requests, min_size=2, max_size=5),
    st.sampled_from(DIALECTS),
    st.sampled_from([None, 1]),
    st.integers(1, 40),
)
def test_pieces_of_new_items_and_known_items_cover_all(
    bodies: list[dict[str, Any]], dialect: str, indent: int | None, most_items: int
) -> None:
    memo = _native.TextMemo(7, most_items)
    looked_at: set[tuple[Any, ...]] = set()
    for body in bodies:
        raw = spelled(body, indent=indent)
        whole = _native.text_view(raw, dialect)
        view = _native.text_view(raw, dialect, memo)
        spans: dict[int, list[int]] = {}  # where the pieces of all items begin, by where the item does
        for _, start, _, _ in whole.pieces():
            _, begin = whole.item_of(start)
            spans.setdefault(begin, []).append(start)
        pieces = {piece[1]: piece for piece in whole.pieces()}
        new = {piece[1]: piece for piece in view.pieces()}
        assert new.items() <= pieces.items()
        for begin, starts in spans.items():
            # what the item says, place by place: an item is new as a whole, or was looked at as a whole
            item = tuple((pieces[at][0], pieces[at][3], raw[at : pieces[at][2]]) for at in starts)
            is_new = {at in new for at in starts}
            assert len(is_new) == 1
            if is_new == {True}:
                assert view.item_of(starts[0])[1] == begin
                looked_at.add(item)
            else:
                assert item in looked_at
        view.remember()
