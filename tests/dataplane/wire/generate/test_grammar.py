"""The checker of Gemini streams finds what is wrong with them."""

from typing import Any

import pytest

from tests.dataplane.wire.generate.grammar import chunks_of, violations


def _chunk(*parts: Any, **more: Any) -> dict[str, Any]:
    candidate = {"content": {"parts": list(parts), "role": "model"}, "index": 0, **more}
    return {"candidates": [candidate], "modelVersion": "m", "responseId": "r"}


_END = _chunk({"text": ""}, finishReason="STOP")
_CALL = {"functionCall": {"id": "a", "name": "f", "args": {}}}


def test_a_right_stream_has_no_violations() -> None:
    """Text, a thought, calls, a signature alone, usage, the end."""
    usage = {"promptTokenCount": 3, "cachedContentTokenCount": 3, "candidatesTokenCount": 1, "totalTokenCount": 4}
    thought = _chunk({"text": "hm", "thought": True})
    assert (
        violations([thought, _chunk({"thoughtSignature": "AAAA"}), _chunk(_CALL), {**_END, "usageMetadata": usage}])
        == []
    )
    assert violations([{"error": {"code": 503, "message": "m", "status": "UNAVAILABLE"}}]) == []


@pytest.mark.parametrize(
    ("chunks", "words"),
    [
        ([], "no finishReason"),
        ([_chunk({"text": "a"})], "no finishReason"),
        ([_END, _END], "after the end"),
        (["x", _END], "no object"),
        ([_chunk({"text": 1}), _END], "no string"),
        ([_chunk({}), _END], "empty"),
        ([_chunk({"thought": True}), _END], "holds nothing"),
        ([_chunk({"text": "a", **_CALL}), _END], "holds ['functionCall', 'text']"),
        ([_chunk({"thoughtSignature": "a.b"}), _END], "no base64"),
        ([_chunk({"functionCall": {"args": {}}}), _END], "without a name"),
        ([_chunk({"functionCall": {"name": "f", "args": "{}"}}), _END], "no object"),
        ([_chunk(_CALL), _chunk(_CALL), _END], "twice"),
        ([_chunk({"text": ""}, finishReason="stop")], "finishReason is 'stop'"),
        ([{**_END, "usageMetadata": {"promptTokenCount": 3, "totalTokenCount": 4}}], "not the sum"),
        ([{**_END, "usageMetadata": {"cachedContentTokenCount": 1, "totalTokenCount": 0}}], "more cached"),
        ([{**_END, "responseId": ""}], "no responseId"),
        ([_chunk({"text": "a"}), {**_END, "modelVersion": "other"}], "modelVersion changes"),
        (
            [{"candidates": [{"content": {"role": "user", "parts": []}}], "modelVersion": "m", "responseId": "r"}],
            "role",
        ),
        ([{"error": {"message": "m"}}], "error.code"),
        ([{"modelVersion": "m", "responseId": "r"}, _END], "says nothing"),
    ],
)
def test_a_wrong_stream_is_told(chunks: list[Any], words: str) -> None:
    """Each rule can fail."""
    assert any(words in found for found in violations(chunks)), violations(chunks)


def test_an_error_stands_bare_and_nothing_else_does() -> None:
    """Google's JS SDK reads `data: {"error": …}` as a chunk without candidates."""
    assert chunks_of(b'data: {"a":1}\r\n\r\n{"error":{}}\r\n\r\n') == [{"a": 1}, {"error": {}}]
    for wrong in (b'data: {"error":{}}\r\n\r\n', b'{"a":1}\r\n\r\n', b'{"error":{}}', b'{"error":{}}\n\n'):
        with pytest.raises(ValueError, match="event"):
            chunks_of(wrong)
