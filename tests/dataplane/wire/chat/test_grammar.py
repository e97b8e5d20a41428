"""The checker of Chat streams fails where it must: a checker that cannot fail proves nothing."""

from typing import Any

import pytest

from tests.dataplane.wire.chat.grammar import violations

_USAGE = {
    "prompt_tokens": 1,
    "completion_tokens": 1,
    "total_tokens": 2,
    "prompt_tokens_details": {},
    "completion_tokens_details": {},
}


def _chunk(delta: Any, finish: Any = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return {
        "id": "a",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [choice],
        "usage": None,
        **more,
    }


def _call(index: int, text: str, call_id: str = "", name: str = "") -> dict[str, Any]:
    first = {"id": call_id, "type": "function"} if call_id else {}
    named = {"name": name} if name else {}
    return {"tool_calls": [{"index": index, **first, "function": {**named, "arguments": text}}]}


def _right() -> list[Any]:
    return [
        _chunk({"role": "assistant", "content": ""}),
        _chunk({"content": "hi"}),
        _chunk({"reasoning_details": [{"type": "reasoning.encrypted", "data": "x", "index": 0}]}),
        _chunk(_call(0, "", "c0", "f")),
        _chunk(_call(1, "", "c1", "g")),
        _chunk(_call(0, "{}")),
        _chunk(_call(1, "{}")),
        _chunk({}, "tool_calls"),
        {**_chunk({}), "choices": [], "usage": _USAGE},
        "[DONE]",
    ]


def test_a_right_stream_has_no_violations() -> None:
    """With parallel calls whose deltas interleave, with usage, or ended by an error."""
    assert violations(_right(), wants_usage=True) == []
    assert violations([*_right()[:8], "[DONE]"]) == []
    assert violations([*_right()[:4], {"error": {"message": "m", "type": "t", "code": None, "param": None}}]) == []


@pytest.mark.parametrize(
    ("at", "put", "words"),
    [
        (0, [], "before the role"),
        (1, [_chunk({"role": "assistant", "content": "x"})], "is not the first"),
        (1, [_chunk({"content": 1})], "no string"),
        (1, [_chunk({"content": "x"}, id="b")], "ids differ"),
        (1, [_chunk({"content": "x"}, object="chat.completion")], "object is"),
        (1, [{**_chunk({"content": "x"}), "choices": [{"index": 1, "delta": {}}]}], "index 0"),
        (1, [{"choices": []}], "no `id`"),
        (1, ["x"], "no object"),
        (1, [_chunk({"content": "x"}, usage=_USAGE)], "usage beside choices"),
        (2, [_chunk({"reasoning_details": [{"type": "reasoning.encrypted"}]})], "detail without index"),
        (3, [_chunk(_call(0, "", "", "f"))], "without id"),
        (3, [_chunk(_call(1, "", "c0", "f"))], "0 is next"),
        (4, [_chunk(_call(1, "", "c0", "g"))], "id of another"),
        (5, [_chunk(_call(0, "{}", "c0"))], "repeats `id`"),
        (5, [_chunk(_call(0, "{}", name="f"))], "repeats its name"),
        (5, [_chunk({"tool_calls": [{"index": 0, "function": {"arguments": {}}}]})], "without `arguments`"),
        (5, [_chunk({"tool_calls": [{"function": {"arguments": ""}}]})], "without an index"),
        (7, [_chunk({}, "done")], "finish_reason 'done'"),
        (7, [_chunk({}, "stop")], "stop with calls"),
        (7, [], "no finish_reason"),
        (7, [_chunk({}, "tool_calls"), _chunk({"content": "x"})], "after the finish reason"),
        (8, [], "no usage"),
        (8, [{**_chunk({}), "choices": [], "usage": {**_USAGE, "completion_tokens_details": None}}], "usage without"),
        (8, [{**_chunk({}), "choices": [], "usage": _USAGE}] * 2, "usage twice"),
        (9, [], "no [DONE]"),
        (9, ["[DONE]", _chunk({})], "after the end"),
        (9, [{"error": {"message": ""}}], "without a message"),
        (9, [{"error": {"message": "x"}}], "without `type`"),
    ],
)
def test_each_wrong_stream_is_told(at: int, put: list[Any], words: str) -> None:
    """One element of a right stream replaced."""
    chunks = _right()
    chunks[at : at + 1] = put
    found = violations(chunks, wants_usage=True)
    assert any(words in one for one in found), found


def test_usage_that_nobody_asked_for_is_told() -> None:
    """Trap 47: hidden unless the client wants it."""
    assert any("nobody asked" in one for one in violations(_right()))
