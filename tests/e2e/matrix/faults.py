"""Checks of failures: the provider's words in the client's shape, and exactly one end to every stream."""

from typing import Any

from tests.e2e.matrix.cell import Cell, Got
from tests.e2e.matrix.nouns import Ask, Trouble
from tests.e2e.matrix.verdict import YES, Verdict, feature

_KINDS: dict[str, dict[str, tuple[int, str]]] = {
    # what each client knows a failure by: status, and its word for it
    "bad_request": {
        "openai.responses": (400, "invalid_request_error"),
        "openai.chat": (400, "invalid_request_error"),
        "anthropic.messages": (400, "invalid_request_error"),
        "gemini.generate": (400, "INVALID_ARGUMENT"),
        "bedrock.converse": (400, "ValidationException"),
    },
    "rate_limit": {
        "openai.responses": (429, "rate_limit_error"),
        "openai.chat": (429, "rate_limit_error"),
        "anthropic.messages": (429, "rate_limit_error"),
        "gemini.generate": (429, "RESOURCE_EXHAUSTED"),
        "bedrock.converse": (429, "ThrottlingException"),
    },
    "overloaded": {
        "openai.responses": (503, "server_error"),
        "openai.chat": (503, "server_error"),
        "anthropic.messages": (529, "overloaded_error"),
        "gemini.generate": (503, "UNAVAILABLE"),
        "bedrock.converse": (503, "ServiceUnavailableException"),
    },
}
_CODED = ";code=server_is_overloaded"
_OVERFLOWS = {
    # what each provider says when the context is full
    "openai.responses": "code=context_length_exceeded;message=Your input exceeds the context window of this model. Please adjust your input and try again.",
    "openai.chat": "code=context_length_exceeded;message=This model's maximum context length is 128000 tokens. However, your messages resulted in 130001 tokens. Please reduce the length of the messages.",
    "anthropic.messages": "message=prompt is too long: 200001 tokens > 200000 maximum",
    "gemini.generate": "message=The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
    "bedrock.converse": "message=Input is too long for requested model.",
}
_FULL: dict[str, Any] = {
    # by what each client knows it
    "openai.responses": lambda t: t.code == "context_length_exceeded",
    "openai.chat": lambda t: t.code == "context_length_exceeded",
    "anthropic.messages": lambda t: "prompt is too long" in t.message,
    "gemini.generate": lambda t: any(words in t.message for words in ("token count", "too long", "context")),
    "bedrock.converse": lambda t: t.kind == "ValidationException",
}


@feature("error: bad request")
def bad_request(cell: Cell) -> Verdict:
    """400 and the provider's own words."""
    got = _fails(cell, "error status=400;message=the temperature is too hot", "bad_request")
    assert "the temperature is too hot" in _message(got)
    return YES


@feature("error: rate limit with retry-after")
def rate_limit(cell: Cell) -> Verdict:
    """429, the provider's words, and how long to wait."""
    got = _fails(cell, "error status=429;message=slow down, please;retry_after=7", "rate_limit")
    assert "slow down, please" in _message(got)
    assert got.trouble is not None
    assert got.trouble.retry_after == "7"
    return YES


@feature("error: overloaded")
def overloaded(cell: Cell) -> Verdict:
    """The status that makes the client wait and try again."""
    status = 529 if cell.provider.name == "anthropic.messages" else 503
    got = _fails(cell, f"error status={status};message=no room today", "overloaded")
    assert "no room today" in _message(got)
    return YES


@feature("error: context window full")
def context_window(cell: Cell) -> Verdict:
    """The words or the code that make the client compact its conversation."""
    said = _OVERFLOWS[cell.provider.name]
    got = cell.send(Ask(prompt=f"[[sim:error status=400;{said}]]"))
    assert got.trouble is not None
    assert got.status == 400
    assert _FULL[cell.client.name](got.trouble), got.trouble
    assert said.rpartition("message=")[2] in got.trouble.message
    return YES


@feature("error inside the stream", ("stream",))
def late_error(cell: Cell) -> Verdict:
    """The words until then, and one error event with the provider's own message."""
    got = _breaks(cell, "in_stream_error after=6;message=the model tripped")
    assert "the model tripped" in got.seen.troubles[0].message
    assert cell.record(got)["outcome"] == "upstream_error"
    return YES


@feature("overload inside the stream", ("stream",))
def late_overload(cell: Cell) -> Verdict:
    """The client can tell it from other failures."""
    status = 529 if cell.provider.name == "anthropic.messages" else 503
    kind = {"anthropic.messages": ";type=overloaded_error", "openai.responses": _CODED, "openai.chat": _CODED}
    more = f"token_ms=2{kind.get(cell.provider.name, '')}"  # slowly: what came before was sent on by then
    fault = f"in_stream_error after=6;status={status};message=no room today;{more}"
    got = _breaks(cell, fault)
    (trouble,) = got.seen.troubles
    assert "no room today" in trouble.message
    assert cell.client.name == cell.provider.name or _is_overload(cell.client.name, trouble), trouble
    return YES


@feature("stream that breaks off", ("stream",))
def cut(cell: Cell) -> Verdict:
    """The words until then, and one error event."""
    got = _breaks(cell, "cut after=6")
    assert got.seen.troubles[0].message
    assert cell.record(got)["outcome"] == "cut"
    return YES


@feature("answer that breaks off", ("whole",))
def cut_whole(cell: Cell) -> Verdict:
    """An error with a status; half an answer is none."""
    got = cell.send(Ask(prompt="[[sim:cut]]"))
    assert got.trouble is not None
    assert got.status in (502, 503, 504)
    assert got.trouble.message
    assert cell.record(got)["outcome"] in ("cut", "upstream_error", "error")
    return YES


@feature("provider that closes without an answer")
def closed(cell: Cell) -> Verdict:
    """An error with a status, also where a stream was asked for."""
    got = cell.send(Ask(prompt="[[sim:close]]"))
    assert got.trouble is not None
    assert got.status in (502, 503, 504)
    return YES


@feature("client that leaves", ("stream",))
def disconnect(cell: Cell) -> Verdict:
    """What was streamed until then is in the journal, once."""
    with cell.open(Ask(prompt="[[sim:long n=2000;token_ms=5]]")) as answer:
        got = Got(answer.status_code, answer.headers, b"")
        seen = b""
        for data in answer.iter_raw():
            seen += data
            if len(seen) > 2000:
                break
    record = cell.record(got)
    assert (record["outcome"], record["cost_basis"]) == ("disconnected", "estimated")
    assert 0 < record["usage"]["output_tokens"] < 2000
    return YES


def _fails(cell: Cell, scenario: str, kind: str) -> Got:
    got = cell.send(Ask(prompt=f"[[sim:{scenario}]]"))
    assert got.trouble is not None, got.body[:500]
    status, word = _KINDS[kind][cell.client.name]
    assert got.status == status
    if cell.is_translated:  # the same dialect passes the provider's own words for it
        assert got.trouble.kind == word
    assert cell.record(got)["outcome"] == "upstream_error"
    return got


def _breaks(cell: Cell, scenario: str) -> Got:
    got = cell.send(Ask(prompt=f"[[sim:{scenario}]]"))
    assert got.trouble is None
    assert got.seen.wrong == [] or not cell.is_translated, got.body[-2000:]
    assert len(got.seen.troubles) == 1, got.body[-2000:]
    assert got.seen.stop == ""
    assert got.seen.text.startswith("This")
    return got


def _is_overload(client: str, trouble: Trouble) -> bool:
    if client == "openai.responses":
        return trouble.code == "server_is_overloaded"
    return {
        "openai.chat": trouble.code == "server_is_overloaded" or trouble.kind == "server_error",
        "anthropic.messages": trouble.kind == "overloaded_error",
        "gemini.generate": trouble.code == "503",
        "bedrock.converse": trouble.kind == "serviceUnavailableException",
    }[client]


def _message(got: Got) -> str:
    assert got.trouble is not None
    return got.trouble.message
