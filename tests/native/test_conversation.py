"""`conversation_digest` and `last_items` against their Python twins, with made-up bodies and recorded ones."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import _native
from tests.native import oracle

RECORDED = Path(__file__).parents[3] / "shared" / "fixtures" / "clients"
_MEMBERS = {  # where an agent's dialect has its instructions and its history
    "claude-code": ("system", "messages"),
    "codex": ("instructions", "input"),
    "gemini-cli": ("systemInstruction", "contents"),
}
_needs_recordings = pytest.mark.skipif(not RECORDED.is_dir(), reason=f"no recorded requests at {RECORDED}")


def _digest(body: Any, system: bytes = b"system", items: bytes = b"messages") -> bytes | None:
    return _native.conversation_digest(body if isinstance(body, bytes) else json.dumps(body).encode(), system, items, 7)


def _agree(body: bytes, system: bytes, items: bytes) -> None:
    hashed = oracle.conversation(body, system, items)
    assert _digest(body, system, items) == (None if hashed is None else _native.digest(hashed, 7))
    for count in (0, 1, 3, 2**32):
        assert _native.last_items(body, items, count) == oracle.last_items(body, items, count)


def _spelled(text: str, how: str) -> str:
    if how == "escaped":
        return '"' + "".join(f"\\u{unit:04x}" for unit in memoryview(text.encode("utf-16-le")).cast("H")) + '"'
    return json.dumps(text, ensure_ascii=how == "ascii")


def _strings(texts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(_spelled, texts, st.sampled_from(["ascii", "plain", "escaped"]))


_gaps = st.sampled_from(["", " ", "\r\n\t"])
_texts = st.sampled_from(["user", 'a "quoted" \\', "{[,:]}", "\\" * 63 + '"', "x" * 70 + "\n"]) | st.text(max_size=10)
_scalars = _strings(_texts) | st.sampled_from(["0", "-1.5e+9", "12", "true", "false", "null", '"\\ud800"', '""'])
_keys = _strings(st.sampled_from(["role", "content", "id", "status", "cache_control", "cachePoint", "type", "user"]))


def _listed(brackets: str, parts: list[str], gap: str) -> str:
    return brackets[0] + gap + f"{gap},{gap}".join(parts) + gap + brackets[1]


def _object(members: list[tuple[str, str]], gap: str) -> str:
    return _listed("{}", [f"{key}{gap}:{gap}{value}" for key, value in members], gap)


def _arrays_and_objects(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    arrays = st.builds(_listed, st.just("[]"), st.lists(inner, max_size=4), _gaps)
    return arrays | st.builds(_object, st.lists(st.tuples(_keys, inner), max_size=4), _gaps)


_values = st.recursive(_scalars, _arrays_and_objects, max_leaves=8)
_roles = st.tuples(_strings(st.just("role")), _strings(st.sampled_from(["user", "assistant", "developer"])))
_messages = st.builds(_object, st.lists(_roles | st.tuples(_keys, _values), max_size=4), _gaps)
_histories = st.builds(_listed, st.just("[]"), st.lists(_messages | _values, max_size=5), _gaps)
_bodies = st.builds(
    _object,
    st.lists(
        st.tuples(_strings(st.just("messages")), _histories | _values)
        | st.tuples(_strings(st.sampled_from(["system", "other", ""])), _values),
        max_size=5,
    ),
    _gaps,
)


@settings(max_examples=500)
@given(_bodies, _gaps, st.sampled_from([b"system", b""]))
def test_any_body_is_read_as_python_reads_it(body: str, gap: str, system: bytes) -> None:
    """Keys with escapes and twice, white space, brackets and quotes in strings, nesting."""
    _agree((gap + body + gap).encode(), system, b"messages")


@given(st.binary(max_size=80) | st.text('{}[]",:\\u1 ').map(str.encode) | _bodies.map(str.encode), st.integers(0, 200))
def test_anything_is_taken(body: bytes, end: int) -> None:
    """Broken bodies give some answer, and no error."""
    for broken in (body[:end], b'{"messages":' + body, b'{"messages":[' + body[:end]):
        assert len(_digest(broken, b"a") or bytes(16)) == 16
        assert all(item in broken for item in _native.last_items(broken, b"messages", 2))


def _turn(*messages: Any, **members: Any) -> Any:
    return {"system": "be brief", "messages": [*messages], **members}


_USER = {"role": "user", "content": "mend it"}
_ANSWER = {"role": "assistant", "content": "done"}


def test_later_turns_are_of_the_same_conversation() -> None:
    first = _digest(_turn(_USER))
    assert first == _digest(_turn(_USER, _ANSWER, {"role": "user", "content": "and this"}, model="other"))
    assert first != _digest(_turn({"role": "user", "content": "mend that"}))
    assert first != _digest(_turn(_USER) | {"system": "be long"})
    assert first != _digest(_turn(_USER) | {"system": None})
    assert first != _native.conversation_digest(json.dumps(_turn(_USER)).encode(), b"system", b"messages", 8)


@pytest.mark.parametrize(
    "content",
    [
        "mend it",
        [{"type": "text", "text": "mend it"}],
        [{"type": "text", "text": "mend it", "cache_control": {"type": "ephemeral", "ttl": 1}}],
        [{"text": "mend it"}, {"cachePoint": {"type": "default"}}],
        [{"id": "msg_1", "status": "completed", "text": "mend it"}],
    ],
)
def test_cache_breakpoints_ids_and_states_do_not_count(content: Any) -> None:
    assert _digest(_turn({"role": "user", "content": content})) == _digest(_turn(_USER))


def test_where_one_value_ends_and_the_next_starts_counts() -> None:
    turns: list[list[Any]] = [
        ["ab", "c"],
        ["a", "bc"],
        ["abc"],
        [1, 23],
        [12, 3],
        [123],
        ["1", 23],
        ['a","b'],
        ["a", "b"],
    ]
    bodies = [_turn({"role": "user", "content": content}) for content in turns]
    bodies += [{"system": "a", "messages": "b"}, {"system": ["a", "b"], "messages": ""}, {"messages": ["a", "b"]}]
    assert len({_digest(body) for body in bodies}) == len(bodies)


@pytest.mark.parametrize(
    ("items", "taken"),
    [
        ([_ANSWER, {"content": "x"}, _USER, _ANSWER], 3),
        ([_USER, _USER, _ANSWER, _USER], 2),
        ([_USER, {"content": "x"}, _USER], 1),
        ([_ANSWER, "x", {"content": "y"}], 2),
        ([_ANSWER, {"role": None}, _ANSWER], 1),
        ([_ANSWER], 1),
    ],
)
def test_the_first_messages_of_the_user_end_what_is_hashed(items: list[Any], taken: int) -> None:
    body = json.dumps(_turn(*items))
    assert oracle.conversation(body.encode(), b"", b"messages") == oracle.conversation(
        json.dumps(_turn(*items[:taken])).encode(), b"", b"messages"
    )
    _agree(body.encode(), b"system", b"messages")


@pytest.mark.parametrize("items", ["null", "[]", "{}", "1", "true"])
def test_without_items_there_is_no_conversation(items: str) -> None:
    body = b'{"system": "x", "messages": ' + items.encode() + b"}"
    assert _digest(body) is None
    assert _native.last_items(body, b"messages", 3) == []
    assert _digest(b'{"system": "x"}') is None


def test_a_string_is_its_own_conversation() -> None:
    assert _digest({"messages": "mend it"}) == _native.digest(b';"mend it"', 7)
    assert _native.last_items(b'{"messages": "mend it"}', b"messages", 3) == []


def test_arguments_of_other_types_are_refused() -> None:
    with pytest.raises(TypeError):
        _native.conversation_digest("{}", b"", b"a", 0)  # type: ignore[arg-type]
    with pytest.raises(OverflowError):
        _native.last_items(b"{}", b"a", -1)


@_needs_recordings
def test_recorded_requests_are_read_as_python_reads_them() -> None:
    """Every body that an agent sent, in two spellings."""
    read = 0
    for path in sorted(RECORDED.glob("*/*.json")):
        body = json.loads(path.read_bytes())["body"]
        if isinstance(body, dict):
            system, items = (name.encode() for name in _MEMBERS[path.parent.name])
            for text in (json.dumps(body, indent=1), json.dumps(body, ensure_ascii=False, separators=(",", ":"))):
                _agree(text.encode(), system, items)
            read += 1
    assert read > 30


@_needs_recordings
@pytest.mark.parametrize(
    "name",
    [
        "claude-code/post-messages-loop.step4.json",
        "codex/custom-loop-gpt-5.5.step4.json",
        "gemini-cli/post-streamGenerateContent-loop.step4.json",
    ],
)
def test_all_steps_of_a_recorded_loop_are_of_one_conversation(name: str) -> None:
    """Each step before the recorded one had the same history up to there, and the cache breakpoint at its end."""
    last = json.loads((RECORDED / name).read_bytes())["body"]
    system, items = _MEMBERS[name.partition("/")[0]]
    steps = []
    roles = [item.get("role") for item in last[items]]
    opening = roles.index("user")
    while roles[opening] == "user":
        opening += 1
    for end in range(len(roles), opening - 1, -1):
        history = json.loads(json.dumps(last[items][:end]))
        content = history[-1].get("content")
        if isinstance(content, list):
            content[-1]["cache_control"] = {"type": "ephemeral"}
        steps.append(_digest(last | {items: history}, system.encode(), items.encode()))
    assert len(steps) > 5
    assert set(steps) == {steps[0]}


@_needs_recordings
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("claude-code/post-messages-nonstream.json", "claude-code/post-messages-nonstream.step2.json"),
        ("codex/resume-first.json", "codex/resume-second.json"),
    ],
)
def test_recorded_steps_with_the_same_opening_are_of_one_conversation(one: str, other: str) -> None:
    system, items = _MEMBERS[one.partition("/")[0]]
    bodies = [json.loads((RECORDED / name).read_bytes())["body"] for name in (one, other)]
    assert len({_digest(body, system.encode(), items.encode()) for body in bodies}) == 1
